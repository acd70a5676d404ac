/* Training on features of the caller's, and what it gives: a scorer and a residual engine. */
#include "checks.hpp"

#include <random>
#include <stdexcept>

namespace {

constexpr std::int32_t GRID = 8, PATCHES = GRID * GRID, CHANNELS = 12, MASK = 16;
constexpr std::size_t VECTORS = 300, SAMPLES = 16;

/* Good patches lie near bank vectors; a defect is a step in one direction. */
struct problem {
    std::mt19937 random{4};
    std::vector<float> vectors = std::vector<float>(VECTORS * CHANNELS);
    std::vector<float> features = std::vector<float>(PATCHES * CHANNELS);
    std::vector<std::uint8_t> mask = std::vector<std::uint8_t>(MASK * MASK);
    snarm::bank bank;
    snarm::train_source source;

    problem() {
        std::normal_distribution<float> normal;
        for (float &value : vectors)
            value = normal(random);
        bank = snarm::bank::create(vectors, CHANNELS);
        source.count = SAMPLES;
        source.grid_width = source.grid_height = GRID;
        source.mask_width = source.mask_height = MASK;
        source.load = [this](std::size_t index) { return sample(index); };
    }

    snarm::train_sample sample(std::size_t index) {
        std::normal_distribution<float> noise(0, 0.1F);
        const bool defective = index % 2 == 1;
        for (std::size_t i = 0; i < PATCHES; i++) {
            const bool here = defective && i % GRID < 3 && i / GRID < 3;
            const std::size_t near = random() % VECTORS;
            for (std::size_t c = 0; c < CHANNELS; c++)
                features[i * CHANNELS + c] =
                    vectors[near * CHANNELS + c] + noise(random) + (here && c < 3 ? 0.8F : 0.0F);
            for (std::size_t j = 0; j < 4; j++)
                mask[(i / GRID * 2 + j / 2) * MASK + i % GRID * 2 + j % 2] = here ? 255 : 0;
        }
        snarm::train_sample given;
        given.features = features;
        if (defective)
            given.mask = mask;
        given.held_out = index >= SAMPLES - 4;
        return given;
    }
};

snarm_train_options short_training() {
    auto options = snarm::defaults<snarm_train_options>();
    options.steps = 30, options.embedding = 8, options.batch = 4;
    return options;
}

void callbacks(problem &p) {
    const snarm_train_options options = short_training();
    int calls = 0;
    const snarm_train_report report = snarm::train_scorer(scratch("c++.scorer"), p.bank, p.source, 1, 1,
                                                          options, [&](const snarm_train_report &so_far) {
                                                              calls++;
                                                              CHECK(so_far.steps == 30);
                                                              return true;
                                                          });
    CHECK(report.step == 30 && report.cancelled == 0 && calls > 0);
    const snarm_train_report early =
        snarm::train_scorer(scratch("early.scorer"), p.bank, p.source, 1, 1, options,
                            [](const snarm_train_report &) { return false; });
    CHECK(early.cancelled == 1 && early.step < 30);

    /* Thrown by either callback, it comes out as it went in. */
    try {
        snarm::train_scorer(scratch("thrown.scorer"), p.bank, p.source, 1, 1, options,
                            [](const snarm_train_report &) -> bool { throw std::domain_error("progress"); });
        CHECK(false);
    } catch (const std::domain_error &error) {
        CHECK(std::string(error.what()) == "progress");
    }
    snarm::train_source broken = p.source;
    broken.load = [&](std::size_t index) -> snarm::train_sample {
        if (index == 3)
            throw std::domain_error("sample 3");
        return p.sample(index);
    };
    try {
        snarm::train_scorer(scratch("thrown.scorer"), p.bank, broken, 1, 1, options);
        CHECK(false);
    } catch (const std::domain_error &error) {
        CHECK(std::string(error.what()) == "sample 3");
    }
    broken.load = [&](std::size_t index) {
        snarm::train_sample sample = p.sample(index);
        sample.features = {p.features.data(), 5};
        return sample;
    };
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "features has 5 elements, expected 768",
                snarm::train_scorer(scratch("thrown.scorer"), p.bank, broken, 1, 1, options));
    broken.load = [&](std::size_t index) {
        snarm::train_sample sample = p.sample(index);
        sample.mask = {p.mask.data(), 7};
        return sample;
    };
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "mask has 7 elements, expected 256",
                snarm::train_scorer(scratch("thrown.scorer"), p.bank, broken, 1, 1, options));
    broken.load = nullptr;
    try {
        snarm::train_scorer(scratch("thrown.scorer"), p.bank, broken, 1, 1, options);
        CHECK(false);
    } catch (const std::bad_function_call &) {
    }
}

void chain(problem &p) {
    auto grid = snarm::defaults<snarm_scorer_options>();
    grid.grid_width = grid.grid_height = GRID;
    const snarm::scorer scorer = snarm::scorer::create(scratch("c++.scorer"), grid);
    const snarm_scorer_info info = scorer.info();
    CHECK(info.channels == CHANNELS && info.embedding == 8 && info.maps == 16 && info.neighbours == 1);
    const snarm::navigator navigator = scorer.navigator();
    CHECK(navigator.weight.size() == CHANNELS);

    auto options = snarm::defaults<snarm_residual_options>();
    options.patches = PATCHES, options.channels = CHANNELS, options.neighbours = info.neighbours;
    options.reference_ratio = info.reference_ratio, options.scale = info.residual_scale;
    const snarm::residual residual = snarm::residual::create(navigator.weight, navigator.bias, options);
    CHECK(residual.patches() == PATCHES && residual.channels() == CHANNELS);

    p.sample(1);
    std::vector<float> inter(PATCHES * CHANNELS), hybrid(2 * PATCHES * CHANNELS), u(PATCHES);
    std::vector<float> logits(PATCHES * 16), distances(PATCHES);
    std::vector<std::uint8_t> reference(PATCHES);
    residual.inter(p.bank, p.features, -1, inter);
    residual.hybrid(p.features, inter, hybrid, reference, u);
    CHECK(std::count(reference.begin(), reference.end(), 1) == 48 && u[0] > 0 && u[0] < 1);
    scorer.logits(hybrid, reference, logits);
    p.bank.search(p.features, 1, -1, distances);
    const std::vector<float> before = logits;
    scorer.add_prior(distances, logits);
    CHECK(info.prior_slope != 0 && before != logits);
    std::vector<float> map(64 * 64);
    snarm::map_from_logits(logits, 16, GRID, GRID, 64, 64, map);
    CHECK(snarm::map_score(map, 64, 64).x < 32 &&
          snarm::map_score(map, 64, 64).y < 32); /* the defect's corner */

    snarm::residual moved;
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "expected 0", moved.inter(p.bank, p.features, -1, inter));
    inter.pop_back();
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "inter has 767", residual.inter(p.bank, p.features, -1, inter));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "inter has 767", residual.hybrid(p.features, inter, hybrid, reference));
    inter.push_back(0);
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "hybrid has 768", residual.hybrid(p.features, inter, inter, reference));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "reference has 3",
                residual.hybrid(p.features, inter, hybrid, {reference.data(), 3}));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "navigator has 768",
                residual.hybrid(p.features, inter, hybrid, reference, inter));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "hybrid has 768", scorer.logits(inter, reference, logits));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "logits has 768", scorer.logits(hybrid, reference, inter));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "distances has 768", scorer.add_prior(inter, logits));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "weight has 64", snarm::residual::create(u, 0, options));
    moved = snarm::residual::create(navigator.weight, navigator.bias, options);
    const snarm::residual last = std::move(moved);
    CHECK(!moved && last.patches() == PATCHES);
}

} // namespace

void test_training() {
    problem p;
    callbacks(p);
    chain(p);
}
