/* The backbone and the bank. */
#include "checks.hpp"

#include <stdexcept>

namespace {

/* Vectors of C channels that are all different. */
std::vector<float> ramp(std::size_t count, std::size_t channels) {
    std::vector<float> vectors(count * channels);
    for (std::size_t i = 0; i < vectors.size(); i++)
        vectors[i] = static_cast<float>(i / channels) + 0.01F * static_cast<float>(i % channels);
    return vectors;
}

void backbones() {
    auto options = snarm::defaults<snarm_backbone_options>();
    options.width = options.height = 64;
    const snarm::backbone backbone = snarm::backbone::create(weights, options);
    const snarm_backbone_info info = backbone.info();
    CHECK(std::string(info.architecture) == "resnet18" && info.width == 64 && info.grid_width == 8);
    std::vector<float> planes(3 * 64 * 64, 0.5F);
    std::vector<float> features(static_cast<std::size_t>(64 * info.channels), -1.0F);
    backbone.features(planes, features);
    CHECK(std::count(features.begin(), features.end(), -1.0F) == 0);
    std::vector<float> coverage(64, -1.0F);
    backbone.coverage(coverage);
    CHECK(coverage[0] > 0 && coverage[0] < coverage[1] && coverage[1] < 1 && coverage[27] == 1);
    coverage.pop_back();
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "coverage has 63", backbone.coverage(coverage));
    planes.pop_back();
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "planes has 12287 elements, expected 12288",
                backbone.features(planes, features));
    planes.push_back(0);
    features.push_back(0);
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "features has", backbone.features(planes, features));
    CHECK_ERROR(SNARM_ERROR_IO, "nothing.safetensors", snarm::backbone::create("nothing.safetensors"));
}

/* Without a path, and by its name: the same network; where the build left it out, an error that says so. */
void builtin_network() {
    auto options = snarm::defaults<snarm_backbone_options>();
    options.width = options.height = 64;
    if (!has_builtin_network()) {
        CHECK_ERROR(SNARM_ERROR_UNSUPPORTED, "builtin_network", snarm::backbone::create());
        CHECK_ERROR(SNARM_ERROR_UNSUPPORTED, "builtin_network", snarm::backbone::create(options));
        return;
    }
    const snarm::backbone plain = snarm::backbone::create(options);
    const snarm::backbone named = snarm::backbone::create(SNARM_BUILTIN_BACKBONE, options);
    const snarm_backbone_info info = plain.info();
    CHECK(std::string(info.name) != "" && std::string(info.licence) != "" && info.width == 64);
    CHECK(std::string(info.hash) == named.info().hash);
    CHECK(snarm::backbone::create().info().width == 392);
    const std::vector<float> planes(3 * 64 * 64, 0.5F);
    std::vector<float> features(static_cast<std::size_t>(64 * info.channels), -1.0F), same(features);
    plain.features(planes, features);
    named.features(planes, same);
    CHECK(features == same && std::count(features.begin(), features.end(), -1.0F) == 0);
}

void banks() {
    const std::vector<float> vectors = ramp(40, 4);
    std::vector<std::int32_t> images(40);
    for (std::size_t i = 0; i < images.size(); i++)
        images[i] = static_cast<std::int32_t>(i / 8);
    const snarm::bank bank = snarm::bank::create(vectors, 4, images);
    CHECK(bank.size().count == 40 && bank.size().images == 5 && bank.images()[39] == 4);
    CHECK(std::equal(vectors.begin(), vectors.end(), bank.vectors().begin()) && bank.vectors().size() == 160);
    CHECK(bank.search_info().axes == 0 && bank.search_info().recall == 1);

    std::vector<float> distances(2 * 3);
    std::vector<std::int32_t> indices(2 * 3);
    const snarm::span<const float> queries(vectors.data() + 4 * 4, 2 * 4);
    bank.search(queries, 3, -1, distances, indices);
    CHECK(distances[0] < distances[1] && indices[0] == 4 && indices[1] + indices[2] == 8 && indices[3] == 5);
    bank.search(queries, 3, 0, distances);
    CHECK(distances[0] > 7); /* those of image 0 are 3 and less away */
    bank.search(queries, 3, 0, {}, indices);
    CHECK(indices[0] == 8);
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "queries has 7 elements, expected a multiple of 4",
                bank.search({vectors.data(), 7}, 3, -1, distances));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "distances has 6 elements, expected 4",
                bank.search(queries, 2, -1, distances));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "indices has 6 elements, expected 8",
                bank.search(queries, 4, -1, {}, indices));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "k ", bank.search(queries, 0, -1, {}));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "images has 39", snarm::bank::create(vectors, 4, {images.data(), 39}));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "vectors has 160", snarm::bank::create(vectors, 0));

    bank.save(scratch("c++.bank"));
    const snarm::bank loaded = snarm::bank::load(scratch("c++.bank"));
    const snarm::bank both = snarm::bank::merge({bank, loaded});
    const snarm::bank more = snarm::bank::add(bank, {vectors.data(), 8}, {images.data(), 2});
    CHECK(loaded.size().count == 40 && both.size().count == 80 && both.size().images == 10);
    CHECK(more.size().count == 42 && more.images()[41] == 5);
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "vectors has 9", snarm::bank::add(bank, {vectors.data(), 9}));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "images has 40", snarm::bank::add(bank, {vectors.data(), 8}, images));

    snarm::bank tuned = snarm::bank::load(scratch("c++.bank"));
    tuned.tune(vectors, images, 1, 0.99); /* stays exact: it has few channels */
    CHECK(tuned.search_info().recall == 1);
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "recall", tuned.tune(vectors, images, 1, 2));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "images has 40", tuned.tune(queries, images, 1, 0.99));
}

void precisions() {
    auto options = snarm::defaults<snarm_backbone_options>();
    options.width = options.height = 64, options.precision = SNARM_PRECISION_F32;
    CHECK(snarm::backbone::create(weights, options).info().precision == SNARM_PRECISION_F32);
    options.precision = SNARM_PRECISION_BF16;
    const snarm_backbone_info network = snarm::backbone::create(weights, options).info();
    CHECK((network.precision == SNARM_PRECISION_BF16) == std::string(network.precision_note).empty());
    options.precision = 4;
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "precision is 4", snarm::backbone::create(weights, options));

    const std::vector<float> vectors = ramp(3000, 96), queries(vectors.begin(), vectors.begin() + 100 * 96);
    for (std::int32_t precision = SNARM_PRECISION_AUTO; precision <= SNARM_PRECISION_INT8; precision++) {
        auto choices = snarm::defaults<snarm_bank_options>();
        choices.precision = precision;
        snarm::bank bank = snarm::bank::create(vectors, 96, {}, choices);
        bank.tune(queries, {}, 1, 1e-6);
        const snarm_bank_search_info search = bank.search_info();
        const bool wanted = precision == SNARM_PRECISION_AUTO || precision == SNARM_PRECISION_INT8;
        CHECK(search.axes > 0);
        CHECK(search.precision == SNARM_PRECISION_INT8 || search.precision == SNARM_PRECISION_F32);
        CHECK(wanted || search.precision == SNARM_PRECISION_F32);
        CHECK(std::string(search.precision_note).empty() == (!wanted || search.precision == SNARM_PRECISION_INT8));
    }
}

void coresets() {
    const std::vector<float> vectors = ramp(500, 4);
    const std::vector<std::size_t> few = snarm::coreset_select(vectors, 4, 3);
    CHECK(few.size() == 3 && few[0] < 500);
    CHECK(snarm::coreset_select(vectors, 4, 1000).size() == 500);
    CHECK(snarm::coreset_select(std::vector<float>(40), 4, 5).size() == 1); /* the rest only repeats it */
    int calls = 0;
    const auto options = snarm::defaults<snarm_coreset_options>();
    snarm::coreset_select(vectors, 4, 50, options,
                          [&](const char *stage, std::uint64_t, std::uint64_t total) {
                              calls++;
                              CHECK(std::string(stage) == "coreset" && total > 0);
                              return true;
                          });
    CHECK(calls > 0);
    CHECK_ERROR(SNARM_ERROR_CANCELLED, "coreset",
                snarm::coreset_select(vectors, 4, 50, options,
                                      [](const char *, std::uint64_t, std::uint64_t) { return false; }));
    try {
        snarm::coreset_select(
            vectors, 4, 50, options,
            [](const char *, std::uint64_t, std::uint64_t) -> bool { throw std::out_of_range("mine"); });
        CHECK(false);
    } catch (const std::out_of_range &error) {
        CHECK(std::string(error.what()) == "mine");
    }
}

} // namespace

void test_parts() {
    backbones();
    builtin_network();
    banks();
    precisions();
    coresets();
}
