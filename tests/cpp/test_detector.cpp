/* The detector: fitted from pictures of the caller's and from files, its callbacks, its parts, many threads.
 */
#include "checks.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <thread>

namespace {

constexpr std::int32_t SIDE = 64;

snarm_fit_options fit_options() {
    auto options = snarm::defaults<snarm_fit_options>();
    options.width = options.height = SIDE;
    options.bank_size = 200, options.threads = 2;
    return options;
}

/* Runs the fit with callbacks that throw or cancel. */
void callbacks(const std::vector<std::string> &good) {
    const snarm_fit_options options = fit_options();
    snarm::image_source source{good.size(), [&](std::size_t i) { return snarm::image::load(good[i]); }};
    snarm::fit_callbacks calls;
    std::string stages;
    calls.progress = [&](const char *stage, std::uint64_t done, std::uint64_t total) {
        CHECK(done <= total);
        if (stages.find(stage) == std::string::npos)
            stages += std::string(stage) + " ";
        return true;
    };
    const snarm::detector detector = snarm::detector::fit(weights, source, options, calls);
    CHECK(stages.find("features coreset") == 0 && stages.find("threshold") != std::string::npos);
    CHECK(detector.info().image_count == static_cast<std::int32_t>(good.size()));

    calls.progress = [](const char *stage, std::uint64_t, std::uint64_t) {
        return std::string(stage) == "features";
    };
    CHECK_ERROR(SNARM_ERROR_CANCELLED, "coreset", snarm::detector::fit(weights, source, options, calls));
    calls.progress = [](const char *stage, std::uint64_t, std::uint64_t) -> bool {
        if (std::string(stage) == "threshold")
            throw std::length_error("progress");
        return true;
    };
    try {
        snarm::detector::fit_files(weights, good, options, calls);
        CHECK(false);
    } catch (const std::length_error &error) {
        CHECK(std::string(error.what()) == "progress");
    }
    calls.progress = nullptr;
    source.load = [&](std::size_t i) {
        if (i == 2)
            throw std::length_error("picture 2");
        return snarm::image::load(good[i]);
    };
    try {
        snarm::detector::fit(weights, source, options, calls);
        CHECK(false);
    } catch (const std::length_error &error) {
        CHECK(std::string(error.what()) == "picture 2");
    }
    source.load = [&](std::size_t i) { return snarm::image::load(i == 1 ? "nothing.png" : good[i]); };
    CHECK_ERROR(SNARM_ERROR_IO, "nothing.png", snarm::detector::fit(weights, source, options));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "snarm_detector_fit",
                snarm::detector::fit(weights, snarm::image_source{}));
    CHECK_ERROR(SNARM_ERROR_IO, "nothing.png", snarm::detector::fit_files(weights, {"nothing.png"}, options));
}

/* A source may own its pictures, keep them elsewhere, or lend a camera's: the detector is the same. */
void sources(const std::vector<std::string> &good, const snarm::detector &from_files) {
    std::vector<snarm::image> kept;
    for (const std::string &path : good)
        kept.push_back(snarm::image::load(path));
    const snarm::image_source views{good.size(), [&](std::size_t i) { return snarm::image(kept[i].get()); }};
    const snarm::image_source copies{good.size(), [&](std::size_t i) {
                                         const auto pixels = kept[i].pixels();
                                         return snarm::image({pixels.begin(), pixels.end()}, kept[i].width(),
                                                             kept[i].height(), kept[i].format());
                                     }};
    for (const snarm::image_source *source : {&views, &copies}) {
        const snarm::detector detector = snarm::detector::fit(weights, *source, fit_options());
        CHECK(detector.info().threshold == from_files.info().threshold);
        CHECK(detector.bank().size().count == from_files.bank().size().count);
    }
}

/* The map of inspect, made again from the parts. */
void parts(const snarm::detector &detector, const snarm::image &image, const std::vector<float> &expected) {
    const snarm_detector_info info = detector.info();
    const auto n = static_cast<std::size_t>(info.backbone->grid_width * info.backbone->grid_height);
    const auto channels = static_cast<std::size_t>(info.backbone->channels);
    const auto k = static_cast<std::size_t>(info.neighbours);
    std::vector<float> planes(3 * SIDE * SIDE), features(n * channels), distances(n * k), means(n);
    snarm::preprocess(image, info.preprocess, planes, {}, info.light, info.light_share);
    detector.backbone().features(planes, features);
    detector.bank().search(features, info.neighbours, -1, distances);
    for (std::size_t i = 0; i < n; i++) {
        for (std::size_t j = 0; j < k; j++)
            means[i] += distances[i * k + j] / static_cast<float>(k);
    }
    std::vector<float> map(SIDE * SIDE);
    if (info.has_scorer != 0) {
        const snarm::residual_view residual = detector.residual();
        const snarm::scorer_view scorer = detector.scorer();
        const auto maps = static_cast<std::size_t>(scorer.info().maps);
        std::vector<float> inter(n * channels), hybrid(2 * n * channels), logits(maps * n);
        std::vector<std::uint8_t> reference(n);
        residual.inter(detector.bank(), features, -1, inter);
        residual.hybrid(features, inter, hybrid, reference);
        scorer.logits(hybrid, reference, logits);
        scorer.add_prior(means, logits);
        snarm::map_from_logits(logits, static_cast<std::int32_t>(maps), info.backbone->grid_width,
                               info.backbone->grid_height, SIDE, SIDE, map);
    } else {
        CHECK(!detector.residual() && !detector.scorer());
        snarm::map_from_patches(means, info.backbone->grid_width, info.backbone->grid_height, SIDE, SIDE, map);
    }
    snarm::map_smooth(map, SIDE, SIDE, info.smoothing);
    float worst = 0, largest = 0;
    for (std::size_t i = 0; i < map.size(); i++) {
        worst = std::max(worst, std::abs(map[i] - expected[i]));
        largest = std::max(largest, std::abs(expected[i]));
    }
    CHECK(largest > 0 && worst <= 1e-4F * largest);
}

void inspection(const snarm::detector &detector) {
    const snarm::image good = snarm::image::load(washers + "/test/good/000.png");
    const snarm::image bad = snarm::image::load(snarm::image_list::list(washers + "/test/scratch")[0]);
    std::vector<float> map(detector.map_size());
    CHECK(map.size() == SIDE * SIDE);
    const snarm_result on_good = detector.inspect(good), on_bad = detector.inspect(bad, map);
    CHECK(on_bad.score > on_good.score && on_bad.threshold == detector.info().threshold);
    CHECK(on_bad.map_max == *std::max_element(map.begin(), map.end()));
    snarm_result from_c{};
    from_c.struct_size = sizeof from_c;
    CHECK(snarm_detector_inspect(detector.get(), &bad.get(), &from_c, nullptr) == SNARM_OK);
    CHECK(from_c.score == on_bad.score && from_c.anomalous == on_bad.anomalous);
    parts(detector, bad, map);

    const auto pixels = static_cast<std::size_t>(bad.width()) * static_cast<std::size_t>(bad.height());
    std::vector<float> full(pixels);
    detector.map_to_image(map, bad.width(), bad.height(), full);
    auto options = snarm::defaults<snarm_heatmap_options>();
    options.high = 2 * on_bad.map_threshold;
    const snarm::image heat = snarm::heatmap_render(bad, full, options);
    CHECK(heat.width() == bad.width() && heat.format() == SNARM_RGB8 && heat.pixels().size() == 3 * pixels);
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "map has 4096 elements", snarm::heatmap_render(bad, map));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "dst has", detector.map_to_image(map, 5, 5, full));
    map.push_back(0);
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "snarm::detector::inspect: map has 4097 elements, expected 4096",
                detector.inspect(bad, map));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "map has 4097",
                detector.map_to_image(map, bad.width(), bad.height(), full));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "pixels", detector.inspect(snarm::image()));

    /* One detector, several threads: each gets what it would get alone. */
    std::vector<float> scores(4);
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < scores.size(); t++)
        threads.emplace_back([&, t] { scores[t] = detector.inspect(t % 2 == 0 ? good : bad).score; });
    for (std::thread &thread : threads)
        thread.join();
    CHECK(scores[0] == on_good.score && scores[1] == on_bad.score);
    CHECK(scores[2] == on_good.score && scores[3] == on_bad.score);
}

/* Many pictures: the results of single ones, whatever gives them, and how a run ends. */
void many(const snarm::detector &detector, const std::vector<std::string> &good) {
    std::vector<float> expected;
    for (const std::string &path : good)
        expected.push_back(detector.inspect(snarm::image::load(path)).score);
    auto options = snarm::defaults<snarm_pipeline_options>();
    std::size_t count = 0, failed = 0;
    const snarm::pipeline_sink all = [&](const snarm_pipeline_item &item) {
        CHECK(item.index == count);
        count++;
        if (item.status == SNARM_OK)
            CHECK(item.result->score == expected[item.index] && item.map != nullptr);
        else
            failed++;
        return true;
    };
    for (options.workers = 1; options.workers <= 4; options.workers++) {
        options.loaders = options.workers;
        count = 0;
        CHECK(detector.inspect_many(good, all, options) && count == good.size() && failed == 0);
        const snarm::pipeline_source source{[&](std::size_t i) {
            return i < good.size() ? snarm::image::load(i == 1 ? "nothing.png" : good[i]) : snarm::image();
        }};
        count = 0;
        CHECK(detector.inspect_many(source, all, options) && count == good.size() && failed == 1);
        failed = 0;
    }
    count = 0;
    CHECK(detector.inspect_many(std::vector<std::string>(), all) && count == 0);
    CHECK(!detector.inspect_many(good, [](const snarm_pipeline_item &item) { return item.index < 1; }));
    try {
        detector.inspect_many(good, [](const snarm_pipeline_item &item) -> bool {
            if (item.index == 2)
                throw std::length_error("picture 2");
            return true;
        });
        CHECK(false);
    } catch (const std::length_error &error) {
        CHECK(std::string(error.what()) == "picture 2");
    }
    const snarm::pipeline_source broken{[&](std::size_t i) {
        if (i == 3)
            throw std::length_error("the camera");
        return snarm::image::load(good[0]);
    }};
    count = 0;
    try {
        detector.inspect_many(broken, [&](const snarm_pipeline_item &) { return ++count > 0; });
        CHECK(false);
    } catch (const std::length_error &error) {
        CHECK(std::string(error.what()) == "the camera" && count == 3);
    }
    options.workers = 65;
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "workers is 65", detector.inspect_many(good, all, options));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "depths has 1", detector.inspect_many(good, all, {}, {good[0]}));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "detector is NULL", snarm::detector().inspect_many(good, all));
}

void trained(const std::vector<std::string> &good) {
    snarm_fit_options options = fit_options();
    auto train = snarm::defaults<snarm_train_options>();
    train.steps = 20, train.samples = 24, train.embedding = 8, train.batch = 4;
    options.train = &train;
    int calls = 0, textures = 0;
    snarm::fit_callbacks callbacks;
    callbacks.training = [&](const snarm_train_report &report) {
        calls++;
        return report.steps == 20;
    };
    callbacks.textures = {2, [&](std::size_t i) {
                              textures++;
                              return snarm::image::load(good[i]);
                          }};
    const snarm::detector detector = snarm::detector::fit_files(weights, good, options, callbacks);
    CHECK(calls > 0 && textures > 0 && train.progress == nullptr);
    CHECK(detector.info().has_scorer == 1 && detector.training().steps == 20);
    CHECK(detector.residual().patches() == 64 && detector.scorer().info().embedding == 8);
    inspection(detector);
    callbacks.training = [](const snarm_train_report &) -> bool { throw std::range_error("training"); };
    try {
        snarm::detector::fit_files(weights, good, options, callbacks);
        CHECK(false);
    } catch (const std::range_error &error) {
        CHECK(std::string(error.what()) == "training");
    }
}

/* A tilted plate; a dent where no picture shows it. */
snarm::depth plate(std::size_t part, bool dent) {
    std::vector<float> points;
    for (std::int32_t y = 0; y < SIDE; y++)
        for (std::int32_t x = 0; x < SIDE; x++) {
            const bool there = dent && x >= 36 && x < 48 && y >= 20 && y < 32;
            const auto rib = static_cast<float>((y + static_cast<std::int32_t>(part)) % 8) / 8;
            points.push_back(static_cast<float>(x) / 2);
            points.push_back(static_cast<float>(y) / 2);
            points.push_back(300 + 0.01f * static_cast<float>(x) - rib + (there && (x + y) % 12 < 6 ? 6.0f : 0.0f));
        }
    return {std::move(points), SIDE, SIDE};
}

void depths(const std::vector<std::string> &good) {
    const snarm::image_source source{good.size(), [&](std::size_t i) { return snarm::image::load(good[i]); }};
    snarm::fit_callbacks calls;
    calls.depths = {good.size(), [](std::size_t i) { return plate(i, false); }};
    const snarm::detector detector = snarm::detector::fit(weights, source, fit_options(), calls);
    const snarm_detector_info info = detector.info();
    CHECK(info.has_depth == 1 && info.channels == 2 * info.backbone->channels);
    const snarm::image image = snarm::image::load(good[0]);
    std::vector<float> map(detector.map_size());
    const snarm_result whole = detector.inspect(image, plate(0, false), map);
    const snarm_result dented = detector.inspect(image, plate(0, true));
    CHECK(dented.score > 1.5f * whole.score);
    CHECK(whole.map_max == *std::max_element(map.begin(), map.end()));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "snarm_detector_inspect_depth", detector.inspect(image));
    const snarm::pipeline_source pairs{
        [&](std::size_t i) { return i < 2 ? snarm::image::load(good[0]) : snarm::image(); },
        [](std::size_t i) { return plate(0, i == 1); }};
    std::vector<float> scores;
    CHECK(detector.inspect_many(pairs, [&](const snarm_pipeline_item &item) {
        scores.push_back(item.status == SNARM_OK ? item.result->score : -1);
        return true;
    }));
    CHECK(scores.size() == 2 && scores[0] == whole.score && scores[1] == dented.score);
    const snarm::span<float> few(map.data(), 3);
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "map", detector.inspect(image, plate(0, false), few));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "points", snarm::depth({1, 2, 3}, 2, 2));
    auto options = snarm::defaults<snarm_relief_options>();
    options.range = 2;
    const snarm::image relief = snarm::depth_relief(plate(0, true), options);
    CHECK(relief.width() == SIDE && relief.format() == SNARM_RGB8);
    calls.depths.load = [](std::size_t i) -> snarm::depth {
        if (i == 1)
            throw std::length_error("depth 1");
        return plate(i, false);
    };
    try {
        snarm::detector::fit(weights, source, fit_options(), calls);
        CHECK(false);
    } catch (const std::length_error &error) {
        CHECK(std::string(error.what()) == "depth 1");
    }
    snarm::depth first = plate(0, false);
    const float *points = first.get().points;
    snarm::depth taken = std::move(first);
    CHECK(taken.get().points == points);
    snarm::depth again;
    again = std::move(taken);
    CHECK(again.points().size() == static_cast<std::size_t>(SIDE * SIDE * 3) && again.get().points == points);
}

/* A fit without a weights file, from pictures and from files. */
void without_a_file(const std::vector<std::string> &good) {
    const snarm::image_source source{good.size(), [&](std::size_t i) { return snarm::image::load(good[i]); }};
    if (!has_builtin_network()) {
        CHECK_ERROR(SNARM_ERROR_UNSUPPORTED, "builtin_network", snarm::detector::fit(source));
        CHECK_ERROR(SNARM_ERROR_UNSUPPORTED, "builtin_network", snarm::detector::fit_files(good));
        return;
    }
    const snarm::detector from_pictures = snarm::detector::fit(source, fit_options());
    const snarm::detector from_files = snarm::detector::fit_files(good, fit_options());
    const snarm::detector named = snarm::detector::fit_files(SNARM_BUILTIN_BACKBONE, good, fit_options());
    for (const snarm::detector *detector : {&from_pictures, &from_files, &named}) {
        CHECK(detector->info().threshold == from_files.info().threshold && detector->info().threshold > 0);
        CHECK(std::string(detector->info().backbone->name) == snarm::backbone::create().info().name);
    }
}

} // namespace

void test_detector() {
    const std::vector<std::string> good = snarm::image_list::list(washers + "/train/good").paths();
    callbacks(good);
    without_a_file(good);
    const snarm::detector detector = snarm::detector::fit_files(weights, good, fit_options());
    CHECK(detector.scores().size() == good.size() && detector.training().steps == 0);
    sources(good, detector);
    inspection(detector);
    detector.save(scratch("c++.snarm"));
    auto options = snarm::defaults<snarm_detector_options>();
    options.threads = 1;
    options.precision = SNARM_PRECISION_F32;
    const snarm::detector full = snarm::detector::load(scratch("c++.snarm"), options);
    CHECK(full.backbone().info().precision == SNARM_PRECISION_F32 && full.info().backbone->precision == SNARM_PRECISION_F32);
    CHECK(full.bank().search_info().precision == SNARM_PRECISION_F32);
    options.precision = SNARM_PRECISION_AUTO;
    const snarm::detector loaded = snarm::detector::load(scratch("c++.snarm"), options);
    CHECK(loaded.info().threshold == detector.info().threshold && loaded.info().threads == 1);
    CHECK(std::equal(loaded.scores().begin(), loaded.scores().end(), detector.scores().begin()));
    inspection(loaded);
    many(loaded, good);
    trained(good);
    depths(good);
}
