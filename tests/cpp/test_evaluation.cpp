/* Data sets, masks, metrics, reports. */
#include "checks.hpp"

#include <fstream>
#include <sstream>

namespace {

void metrics() {
    const std::vector<float> scores{0.1F, 0.4F, 0.35F, 0.8F};
    const std::vector<std::uint8_t> labels{0, 0, 1, 1};
    const snarm_score_metrics metrics = snarm::metrics_scores(scores, labels);
    CHECK(metrics.auroc == 0.75 && metrics.positives == 2 && metrics.negatives == 2);
    snarm::curve curve = snarm::metrics_curve(scores, labels);
    CHECK(curve.points().size() == 5 && curve.points()[1].threshold == 0.8F && curve.positives() == 2);
    const snarm::curve moved = std::move(curve);
    CHECK(curve.points().empty() && moved.negatives() == 2 && moved.points()[1].true_positives == 1);
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "labels has 4 elements, expected 3",
                snarm::metrics_scores({scores.data(), 3}, labels));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "labels has 4", snarm::metrics_curve({scores.data(), 3}, labels));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "limit", snarm::metrics_curve(scores, labels, 3));

    auto options = snarm::defaults<snarm_pixel_metrics_options>();
    options.fpr_limit = 1;
    snarm::pixel_metrics pixels = snarm::pixel_metrics::create(options);
    pixels.add(scores, labels, 2, 2);
    pixels.add(std::vector<float>(6), {}, 3, 2);
    const snarm_pixel_metrics_result result = pixels.finish();
    CHECK(result.images == 2 && result.regions == 1 && result.pixels.positives == 2 &&
          result.pixels.negatives == 8);
    CHECK(pixels.curve().positives() == 2 && pixels.curve(16).points().size() > 1);
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "map has 4", pixels.add(scores, {}, 2, 3));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "mask has 3", pixels.add(scores, {labels.data(), 3}, 2, 2));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "NULL", snarm::pixel_metrics().finish());
}

void data_sets() {
    const snarm::dataset set = snarm::dataset::open(washers);
    CHECK(set.layout() == SNARM_LAYOUT_MVTEC && set.category_count() == 1);
    CHECK(std::string(set.category_name(0)) == "washer");
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "category is 1 of 1", set.category_name(1));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "index", set.sample(0, SNARM_SPLIT_TEST, 100000));
    CHECK_ERROR(SNARM_ERROR_IO, "no/such", snarm::dataset::open("no/such"));
    auto options = snarm::defaults<snarm_dataset_options>();
    options.layout = SNARM_LAYOUT_VISA;
    CHECK_ERROR(SNARM_ERROR_FORMAT, washers.c_str(), snarm::dataset::open(washers, options));
    const snarm::image_list list = snarm::image_list::list(washers + "/train/good");
    CHECK(list.size() == set.sample_count(0, SNARM_SPLIT_TRAIN) && list.paths().size() == list.size());
    CHECK(list.paths()[1] == list[1]);
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "index is", list[list.size()]);
}

/* A report of all test pictures, with maps that are their masks. */
void report() {
    const snarm::dataset set = snarm::dataset::open(washers);
    auto options = snarm::defaults<snarm_report_options>();
    options.title = "From C++";
    options.threshold = 0.5F;
    snarm::report report = snarm::report::create(options);
    snarm::pixel_metrics pixels = snarm::pixel_metrics::create();
    std::size_t defective = 0;
    for (std::size_t i = 0; i < set.sample_count(0, SNARM_SPLIT_TEST); i++) {
        const snarm_sample of = set.sample(0, SNARM_SPLIT_TEST, i);
        const snarm::image picture = snarm::image::load(of.path);
        const auto width = picture.width(), height = picture.height();
        const auto size = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
        std::vector<std::uint8_t> mask;
        std::vector<float> map(size);
        if (of.mask != nullptr) {
            mask.resize(size);
            snarm_preprocess how{};
            how.resize_width = how.width = width;
            how.resize_height = how.height = height;
            snarm::mask_load(of.mask, how, mask);
            const snarm::image full = snarm::mask_load_full(of.mask);
            CHECK(std::equal(mask.begin(), mask.end(), full.pixels().begin()) && full.width() == width);
            CHECK_ERROR(SNARM_ERROR_ARGUMENT, "mask has 2", snarm::mask_load(of.mask, how, {mask.data(), 2}));
            map.assign(mask.begin(), mask.end());
            defective++;
        }
        auto sample = snarm::defaults<snarm_report_sample>();
        sample.name = of.path, sample.category = "washer", sample.defect = of.defect;
        sample.image = &picture.get();
        sample.score = sample.normalized = static_cast<float>(of.anomalous);
        sample.anomalous = of.anomalous;
        report.add(sample, map, width, height, mask, mask.empty() ? 0 : width, mask.empty() ? 0 : height);
        CHECK_ERROR(SNARM_ERROR_ARGUMENT, "map has", report.add(sample, map, width, height + 1));
        CHECK_ERROR(SNARM_ERROR_ARGUMENT, "mask has 0", report.add(sample, map, width, height, {}, 1, 1));
        pixels.add(map, mask, width, height);
    }
    CHECK(defective > 0 && pixels.finish().pixels.auroc == 1);
    report.set_pixels("washer", pixels);
    report.add_fact("made by", "a test in C++");
    report.write(scratch("c++.html"));
    std::stringstream page;
    page << std::ifstream(scratch("c++.html")).rdbuf();
    CHECK(page.str().find("From C++") != std::string::npos);
    CHECK(page.str().find("a test in C++") != std::string::npos);
    auto wrong = snarm::defaults<snarm_report_options>();
    wrong.threshold = 1, wrong.picture_side = 1;
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "picture_side", snarm::report::create(wrong));
}

} // namespace

void test_evaluation() {
    metrics();
    data_sets();
    report();
}
