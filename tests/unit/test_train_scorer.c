/* snarm_train_scorer: training on features of the caller's. */
#include "core/rng.h"
#include "reference.h"
#include "snarm/snarm.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GRID = 8, PATCHES = GRID * GRID, CHANNELS = 12, MASK = 16, SAMPLES = 24, VECTORS = 300 };

typedef struct problem {
    float features[SAMPLES][PATCHES * CHANNELS];
    uint8_t masks[SAMPLES][MASK * MASK];
    snarm_train_source source;
    size_t broken; /* a sample with a value that is not finite; SAMPLES: none */
    size_t released;
} problem;

static problem p;
static snarm_bank *bank;
static float *vectors;
static int32_t images[VECTORS];

static snarm_status give(void *user, size_t index, snarm_train_sample *sample) {
    problem *given = user;
    sample->features = given->features[index];
    sample->mask = index % 2 ? given->masks[index] : NULL;
    sample->image = (int32_t)index % 10;
    sample->held_out = index >= SAMPLES - 6;
    if (index == given->broken)
        given->features[index][5] = NAN;
    return SNARM_OK;
}

static void release(void *user, snarm_train_sample *sample) {
    (void)sample;
    ((problem *)user)->released++;
}

/* Good patches lie near bank vectors; a defect is a step in one direction. */
static void set_up(void) {
    sn_rng rng;
    sn_rng_seed(&rng, 4, 0);
    vectors = random_floats(&rng, VECTORS * CHANNELS);
    for (int i = 0; i < VECTORS; i++)
        images[i] = i % 10;
    ck_ok(snarm_bank_create(&bank, vectors, images, VECTORS, CHANNELS, NULL));
    for (size_t s = 0; s < SAMPLES; s++)
        for (size_t i = 0; i < PATCHES; i++) {
            const bool defect = s % 2 && i % GRID < 3 && i / GRID < 3;
            const float *near = vectors + sn_rng_below(&rng, VECTORS) * CHANNELS;
            for (size_t c = 0; c < CHANNELS; c++)
                p.features[s][i * CHANNELS + c] = near[c] + 0.1f * (float)sn_rng_normal(&rng) + (defect && c < 3 ? 0.8f : 0);
            for (size_t j = 0; j < 4; j++)
                p.masks[s][(i / GRID * 2 + j / 2) * MASK + i % GRID * 2 + j % 2] = defect ? 200 : 0;
        }
    p.source = (snarm_train_source){SAMPLES, GRID, GRID, MASK, MASK, give, release, &p};
    p.broken = SAMPLES;
    p.released = 0;
}

static void tear_down(void) {
    snarm_bank_destroy(bank);
    free(vectors);
}

static snarm_train_options options_of(int64_t steps) {
    snarm_train_options options;
    snarm_train_options_init(&options);
    options.steps = steps, options.embedding = 8, options.batch = 4, options.threads = 2;
    return options;
}

static snarm_scorer *open_scorer(const char *path, const float *coverage, snarm_scorer_info *info) {
    snarm_scorer_options grid;
    snarm_scorer_options_init(&grid);
    grid.grid_width = grid.grid_height = GRID, grid.coverage = coverage;
    snarm_scorer *scorer;
    ck_ok(snarm_scorer_create(&scorer, path, &grid));
    *info = (snarm_scorer_info){.struct_size = sizeof *info};
    ck_ok(snarm_scorer_get_info(scorer, info));
    return scorer;
}

START_TEST(trains_and_loads) {
    const snarm_train_options options = options_of(200);
    snarm_train_report report;
    const char *path = scratch_file("scorer.safetensors");
    ck_ok(snarm_train_scorer(path, bank, &p.source, 2, 1.0, &options, &report));
    ck_assert_uint_eq(p.released, SAMPLES);
    ck_assert(report.step == 200 && report.best_pixel_ap >= report.untrained_pixel_ap);
    snarm_scorer_info info;
    snarm_scorer *scorer = open_scorer(path, NULL, &info);
    ck_assert(info.channels == CHANNELS && info.embedding == 8 && info.branches == 4 && info.neighbours == 2);
    ck_assert(info.residual_scale > 0 && info.prior_slope > 0 && info.prior_centre > 0 && info.reference_ratio == 0.75);
    /* The prior rises with the distance and is the same for all maps. */
    float distances[PATCHES], logits[16 * PATCHES] = {0};
    for (int i = 0; i < PATCHES; i++)
        distances[i] = 0.1f * (float)(i + 1);
    ck_ok(snarm_scorer_add_prior(scorer, distances, logits));
    for (int i = 1; i < PATCHES; i++)
        ck_assert(logits[i] >= logits[i - 1] && logits[i] == logits[15 * PATCHES + i]);
    ck_assert(info.prior_border == 0);
    snarm_scorer_destroy(scorer);
}
END_TEST

/* Features that are smaller at the borders: the scorer knows, and its prior makes up for it. */
START_TEST(learns_with_a_coverage) {
    float coverage[PATCHES];
    for (int i = 0; i < PATCHES; i++)
        coverage[i] = i % GRID == 0 ? 0.0625f : 1;
    snarm_train_options options = options_of(2);
    options.coverage = coverage;
    const char *path = scratch_file("scorer.safetensors");
    ck_ok(snarm_train_scorer(path, bank, &p.source, 2, 1.0, &options, NULL));
    snarm_scorer_info info;
    snarm_scorer *scorer = open_scorer(path, coverage, &info);
    ck_assert(info.prior_border == 0.75);
    float distances[PATCHES], logits[16 * PATCHES] = {0};
    for (int i = 0; i < PATCHES; i++)
        distances[i] = (float)info.prior_centre * (i % GRID == 0 ? 0.125f : 1);
    ck_ok(snarm_scorer_add_prior(scorer, distances, logits));
    for (int i = 0; i < PATCHES; i++)
        ck_assert_float_eq_tol(logits[i], 0, 1e-5f);
    snarm_scorer_destroy(scorer);
    coverage[9] = NAN;
    ck_fails(snarm_train_scorer(path, bank, &p.source, 2, 1.0, &options, NULL), SNARM_ERROR_ARGUMENT, "coverage[9] is nan");
}
END_TEST

/* Features of stages: the prior is one of residuals, which the logits have already. */
START_TEST(learns_with_stages) {
    int32_t stages[] = {6, CHANNELS - 6};
    snarm_train_options options = options_of(2);
    options.stage_count = 2, options.stage_channels = stages;
    const char *path = scratch_file("scorer.safetensors");
    ck_ok(snarm_train_scorer(path, bank, &p.source, 2, 1.0, &options, NULL));
    snarm_scorer_info info;
    snarm_scorer *scorer = open_scorer(path, NULL, &info);
    ck_assert(info.prior_slope > 0 && info.prior_stages == 2);
    float distances[PATCHES], logits[16 * PATCHES] = {0};
    for (int i = 0; i < PATCHES; i++)
        distances[i] = (float)i;
    ck_ok(snarm_scorer_add_prior(scorer, distances, logits));
    for (int i = 0; i < 16 * PATCHES; i++)
        ck_assert(logits[i] == 0);
    snarm_scorer_destroy(scorer);
    stages[1]--;
    ck_fails(snarm_train_scorer(path, bank, &p.source, 2, 1.0, &options, NULL), SNARM_ERROR_ARGUMENT, "snarm_train_options: the 2 stages have");
    stages[1] = 1, stages[0] = CHANNELS - 1;
    ck_fails(snarm_train_scorer(path, bank, &p.source, 2, 1.0, &options, NULL), SNARM_ERROR_ARGUMENT, "stage 1 has 1 channels");
    options.stage_count = 193;
    options.stage_channels = NULL;
    ck_fails(snarm_train_scorer(path, bank, &p.source, 2, 1.0, &options, NULL), SNARM_ERROR_ARGUMENT, "stage_channels is NULL");
}
END_TEST

START_TEST(refuses) {
    const char *path = scratch_file("none.safetensors");
    snarm_train_options options = options_of(2);
    p.broken = 3;
    ck_fails(snarm_train_scorer(path, bank, &p.source, 0, 0, &options, NULL), SNARM_ERROR_ARGUMENT, "features of sample 3");
    ck_assert_uint_eq(p.released, 4);
    p.broken = SAMPLES;
    p.features[3][5] = 0;
    ck_fails(snarm_train_scorer(path, bank, &p.source, 65, 0, &options, NULL), SNARM_ERROR_ARGUMENT, "neighbours is 65");
    ck_fails(snarm_train_scorer(path, bank, &p.source, 0, -1, &options, NULL), SNARM_ERROR_ARGUMENT, "smoothing is -1");
    ck_fails(snarm_train_scorer(NULL, bank, &p.source, 0, 0, &options, NULL), SNARM_ERROR_ARGUMENT, "path is NULL");
    ck_fails(snarm_train_scorer(path, bank, NULL, 0, 0, &options, NULL), SNARM_ERROR_ARGUMENT, "source is NULL");
    p.source.count = SAMPLES - 6;
    ck_fails(snarm_train_scorer(path, bank, &p.source, 0, 0, &options, NULL), SNARM_ERROR_ARGUMENT,
             "18 samples to train on, 0 defective and 0 good ones held out");
    p.source.count = SAMPLES;
    p.source.mask_width = 4;
    ck_fails(snarm_train_scorer(path, bank, &p.source, 0, 0, &options, NULL), SNARM_ERROR_ARGUMENT, "mask_width is 4");
    p.source.mask_width = MASK;
    options.memory = 10000;
    ck_fails(snarm_train_scorer(path, bank, &p.source, 0, 0, &options, NULL), SNARM_ERROR_ARGUMENT, "10000 bytes");
    options.memory = 0;
    ck_fails(snarm_train_scorer("/no/such/folder/s", bank, &p.source, 0, 0, &options, NULL), SNARM_ERROR_IO, "/no/such/folder");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("train scorer");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, trains_and_loads);
    tcase_add_test(tests, learns_with_a_coverage);
    tcase_add_test(tests, learns_with_stages);
    tcase_add_test(tests, refuses);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
