/* What distances and residuals say by themselves: their sizes by stages, the prior made of these, how it is learnt, and what a scorer adds of
 * it to its logits. */
#include "core/rng.h"
#include "core/threads.h"
#include "kernel/simd.h"
#include "make_scorer.h"
#include "reference_scan.h"
#include "residual/engine.h"
#include "scorer/scorer.h"
#include "support.h"
#include "train/calibrate.h"
#include "train/labels.h"

#include <math.h>
#include <string.h>

static sn_rng rng;

/* A stage counts by its channels' root mean square, whatever its size and its number of channels; an odd border cuts a pair. */
START_TEST(sizes_of_residuals) {
    enum { ROWS = 21, C = 22, STRIDE = 2 * C };
    static float hybrid[ROWS * STRIDE];
    float sizes[ROWS];
    for (size_t i = 0; i < ROWS * STRIDE; i++)
        hybrid[i] = (float)sn_rng_uniform(&rng);
    const sn_stages cases[] = {{1, {C}}, {2, {4, 18}}, {3, {5, 2, 15}}, {4, {9, 9, 2, 2}}};
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++)
        for (int threads = 1; threads <= 2; threads++) {
            const int former = sn_threads_enter(threads);
            sn_residual_sizes(&cases[n], hybrid, STRIDE, ROWS, C, sizes);
            sn_threads_leave(former);
            for (size_t i = 0; i < ROWS; i++) {
                double logarithm = 0;
                for (size_t s = 0, first = 0; s < (size_t)cases[n].count; s++) {
                    const size_t end = first + (size_t)cases[n].channels[s];
                    double squares = 0;
                    for (size_t pair = first / 2; pair < end / 2; pair++)
                        squares += (double)hybrid[i * STRIDE + C / 2 + pair];
                    logarithm += 0.5 / cases[n].count * log(squares / (double)(end / 2 - first / 2));
                    first = end;
                }
                ck_assert_float_eq_tol(sizes[i], (float)exp(logarithm), 1e-5f);
            }
        }
    memset(hybrid, 0, sizeof hybrid);
    sn_residual_sizes(&cases[1], hybrid, STRIDE, ROWS, C, sizes);
    ck_assert_float_eq_tol(sizes[3], 1e-3f, 1e-9f);
}
END_TEST

START_TEST(weighted_distances) {
    enum { ROWS = 19, C = 21 };
    static float inter[ROWS * C];
    float distances[ROWS];
    const sn_stages stages = {3, {3, 2, 16}};
    const float weights[] = {0.5f, 1, 2};
    for (size_t i = 0; i < ROWS * C; i++)
        inter[i] = (float)sn_rng_normal(&rng);
    sn_stage_distances(&stages, weights, inter, ROWS, C, distances);
    for (size_t i = 0; i < ROWS; i++) {
        double sum = 0;
        for (size_t c = 0; c < C; c++)
            sum += pow((double)inter[i * C + c] * (c < 3 ? 0.5 : c < 5 ? 1 : 2), 2);
        ck_assert_float_eq_tol(distances[i], (float)sqrt(sum), 1e-5f);
    }
}
END_TEST

START_TEST(wrong_stages) {
    const sn_stages none = {0}, right = {2, {4, 6}}, narrow = {2, {9, 1}}, few = {2, {4, 4}}, many = {SN_STAGES_MAX + 1, {2}}, less = {-1, {0}};
    ck_ok(sn_check_stages(&none, 10, "here"));
    ck_ok(sn_check_stages(&right, 10, "here"));
    ck_fails(sn_check_stages(&narrow, 10, "here"), SNARM_ERROR_ARGUMENT, "here: stage 1 has 1 channels");
    ck_fails(sn_check_stages(&few, 10, "here"), SNARM_ERROR_ARGUMENT, "here: the 2 stages have 8 channels in all, the features 10");
    ck_fails(sn_check_stages(&many, 10, "here"), SNARM_ERROR_ARGUMENT, "here: there are 193 stages, expected 0..192");
    ck_fails(sn_check_stages(&less, 10, "here"), SNARM_ERROR_ARGUMENT, "there are -1 stages");
}
END_TEST

enum { MANY = 20000 };

static double logit(const sn_prior *prior, float distance) {
    return prior->slope * log((double)distance / prior->centre);
}

/* Labels drawn from a known prior: it is found again, and at what is found the likelihood is stationary. */
START_TEST(prior_known) {
    static float distances[MANY];
    static uint8_t drawn[MANY];
    const sn_prior truth = {.slope = 3, .centre = 0.7};
    for (size_t i = 0; i < MANY; i++) {
        distances[i] = (float)(0.7 * exp(sn_rng_normal(&rng)));
        drawn[i] = sn_rng_uniform(&rng) < reference_sigmoid(logit(&truth, distances[i]));
        if (i % 7 == 0) /* counts for nothing */
            distances[i] = 1e6f, drawn[i] = SN_LABEL_IGNORED;
    }
    const sn_prior found = sn_prior_fit(distances, drawn, MANY);
    ck_assert_double_eq_tol(found.slope, truth.slope, 0.15);
    ck_assert_double_eq_tol(found.centre, truth.centre, 0.02);
    double slope = 0, offset = 0;
    for (size_t i = 0; i < MANY; i++)
        if (drawn[i] <= 1) {
            const double excess = (reference_sigmoid(logit(&found, distances[i])) - drawn[i]) / MANY;
            offset += excess;
            slope += excess * log((double)distances[i]);
        }
    ck_assert_double_eq_tol(slope, 0, 1e-5);
    ck_assert_double_eq_tol(offset, 0, 1e-5);
}
END_TEST

START_TEST(prior_extremes) {
    float distances[40];
    uint8_t kinds[40], inverted[40], ones[40];
    for (size_t i = 0; i < 40; i++) { /* even ones 0.5..1, odd ones 2..4 */
        distances[i] = (float)((i % 2 == 0 ? 0.5 : 2) * (1 + sn_rng_uniform(&rng)));
        kinds[i] = i % 2, inverted[i] = 1 - i % 2, ones[i] = 1;
    }
    sn_prior prior = sn_prior_fit(distances, kinds, 40);
    ck_assert(isfinite(prior.slope) && prior.slope > 5);
    ck_assert(prior.centre > 1 && prior.centre < 2);
    for (size_t i = 0; i < 40; i++)
        ck_assert((logit(&prior, distances[i]) > 0) == (kinds[i] == 1));
    ck_assert(sn_prior_fit(distances, inverted, 40).slope == 0);
    ck_assert(sn_prior_fit(distances, ones, 40).slope == 0);
    memset(ones, 0, sizeof ones);
    ck_assert(sn_prior_fit(distances, ones, 40).slope == 0);
    ck_assert(sn_prior_fit(distances, ones, 0).slope == 0);
    for (size_t i = 0; i < 40; i++)
        ones[i] = kinds[i] == 1 ? SN_LABEL_IGNORED : 0;
    ck_assert(sn_prior_fit(distances, ones, 40).slope == 0);
    for (size_t i = 0; i < 40; i += 2) /* patches that the bank holds */
        distances[i] = 0;
    prior = sn_prior_fit(distances, kinds, 40);
    ck_assert(isfinite(prior.slope) && prior.slope > 0 && prior.centre > 0 && prior.centre < 2);
}
END_TEST

START_TEST(prior_added) {
    const sn_prior prior = {.slope = 2, .centre = 0.5, .border = 0.5}, none = {.centre = 0.5, .border = 0.5};
    const float distances[] = {0.5f, 1, 0.25f, 0, 1e9f};
    const double expected[] = {0, 2 * log(2), -2 * log(2), -SN_PRIOR_LIMIT, SN_PRIOR_LIMIT};
    float logits[10], before[10];
    for (size_t i = 0; i < 10; i++)
        logits[i] = before[i] = (float)i - 3;
    sn_prior_add(&none, distances, NULL, 5, 2, logits);
    ck_assert_int_eq(memcmp(logits, before, sizeof logits), 0);
    sn_prior_add(&prior, distances, NULL, 5, 2, logits);
    for (size_t i = 0; i < 10; i++)
        ck_assert_float_eq_tol(logits[i], before[i] + (float)expected[i % 5], 1e-6f);
    /* A quarter of a neighbourhood inside counts as twice the distance. */
    const float coverage[] = {0.25f, 1, 4.0f / 9, 1, 0.5f};
    const double raised[] = {2 * log(2), 2 * log(2), 2 * log(0.75), -SN_PRIOR_LIMIT, SN_PRIOR_LIMIT};
    float gain[5];
    sn_prior_gain(coverage, 5, prior.border, gain);
    ck_assert(gain[0] == 2 && gain[1] == 1 && fabsf(gain[2] - 1.5f) < 1e-6f);
    memcpy(logits, before, sizeof logits);
    sn_prior_add(&prior, distances, gain, 5, 2, logits);
    for (size_t i = 0; i < 10; i++)
        ck_assert_float_eq_tol(logits[i], before[i] + (float)raised[i % 5], 1e-6f);
}
END_TEST

/* A bank of whole numbers whose neighbours' means are whole too; features are those means less a residual of
 * one size and any sign, which halves hold exactly. */
typedef struct calibrated {
    snarm_bank *bank;
    sn_samples *samples;
} calibrated;

static sn_samples_shape square = {.grid_width = 4, .grid_height = 4, .channels = 8, .neighbours = 3, .mask_width = 4, .mask_height = 4};

static calibrated start(void) {
    static float vectors[9 * 8];
    for (size_t i = 0; i < 9 * 8; i++)
        vectors[i] = 3 * (float)sn_rng_below(&rng, 20) - 30;
    calibrated c;
    ck_ok(snarm_bank_create(&c.bank, vectors, NULL, 9, 8, NULL));
    ck_ok(sn_samples_create(&c.samples, &square, 4));
    return c;
}

/* good: the residual's size where the mask is 0; bad: where it is 1, which is in the first `marked` patches.
 */
static void add(const calibrated *c, float good, float bad, size_t marked) {
    const float *vectors;
    ck_ok(snarm_bank_get_vectors(c->bank, &vectors, NULL));
    float features[16 * 8], distances[16];
    int32_t nearest[16 * 3];
    uint8_t mask[16] = {0};
    for (size_t i = 0; i < 16; i++) {
        const float size = i < marked ? bad : good;
        mask[i] = i < marked;
        distances[i] = size * (float)(0.5 + sn_rng_uniform(&rng));
        for (size_t k = 0; k < 3; k++)
            nearest[i * 3 + k] = (int32_t)sn_rng_below(&rng, 9);
        for (size_t j = 0; j < 8; j++) {
            float sum = 0;
            for (size_t k = 0; k < 3; k++)
                sum += vectors[nearest[i * 3 + k] * 8 + (int32_t)j];
            features[i * 8 + j] = sum / 3 + (sn_rng_below(&rng, 2) == 0 ? size : -size);
        }
    }
    ck_ok(sn_samples_add(c->samples, features, nearest, distances, marked > 0 ? mask : NULL));
}

static void finish(calibrated *c) {
    sn_samples_destroy(c->samples);
    snarm_bank_destroy(c->bank);
}

START_TEST(calibrate_good) {
    calibrated c = start();
    add(&c, 0.5f, 0, 0);
    add(&c, 2, 4,
        5); /* a defective picture's patches do not count towards the scale, but towards the prior */
    add(&c, 0.5f, 0, 0);
    sn_calibration found;
    ck_ok(sn_calibrate(&found, c.samples, c.bank));
    ck_assert_double_eq_tol(found.residual_scale, 2, 1e-6);
    ck_assert(found.prior.slope > 0);

    float distances[48];
    uint8_t marks[48] = {0};
    for (size_t s = 0; s < 3; s++)
        sn_samples_get(c.samples, s, 0, NULL, NULL, distances + 16 * s, marks + 16 * s); /* a pixel a patch */
    const sn_prior prior = sn_prior_fit(distances, marks, 48);
    ck_assert_double_eq(found.prior.slope, prior.slope);
    ck_assert_double_eq(found.prior.centre, prior.centre);
    ck_assert_double_eq(found.prior.border, 0);
    finish(&c);
}
END_TEST

/* The prior is learnt on distances over a power of the coverage, the scale without it. */
START_TEST(calibrate_borders) {
    float coverage[16], distances[32];
    for (size_t i = 0; i < 16; i++)
        coverage[i] = i % 3 == 0 ? 0.25f : 1;
    for (int whole = 0; whole < 2; whole++) {
        for (size_t i = 0; i < 16 && whole; i++)
            coverage[i] = 1;
        square.coverage = coverage;
        calibrated c = start();
        square.coverage = NULL;
        add(&c, 0.5f, 0, 0);
        add(&c, 0.5f, 4, 5);
        sn_calibration found;
        ck_ok(sn_calibrate(&found, c.samples, c.bank));
        uint8_t marks[32] = {0};
        for (size_t s = 0; s < 2; s++)
            sn_samples_get(c.samples, s, 0, NULL, NULL, distances + 16 * s, marks + 16 * s);
        for (size_t i = 0; i < 32; i++)
            distances[i] *= (float)pow((double)coverage[i % 16], -SN_PRIOR_BORDER);
        const sn_prior prior = sn_prior_fit(distances, marks, 32);
        ck_assert_double_eq(found.prior.slope, prior.slope);
        ck_assert_double_eq(found.prior.centre, prior.centre);
        ck_assert_double_eq(found.prior.border, whole ? 0 : SN_PRIOR_BORDER);
        ck_assert_double_eq_tol(found.residual_scale, 2, 1e-6);
        finish(&c);
    }
}
END_TEST

START_TEST(calibrate_defective) {
    calibrated c = start();
    add(&c, 0.25f, 4, 5);
    add(&c, 0.25f, 8, 1);
    sn_calibration found;
    ck_ok(sn_calibrate(&found, c.samples, c.bank));
    ck_assert_double_eq_tol(found.residual_scale, 4, 1e-6);
    finish(&c);

    c = start();
    add(&c, 0, 0, 0); /* patches that lie on the bank */
    ck_ok(sn_calibrate(&found, c.samples, c.bank));
    ck_assert_double_eq(found.residual_scale, 1);
    ck_assert_double_eq(found.prior.slope, 0);
    finish(&c);
}
END_TEST

/* With stages the prior is one of the scaled residuals' sizes. */
START_TEST(calibrate_stages) {
    float coverage[16];
    for (size_t i = 0; i < 16; i++)
        coverage[i] = i % 5 == 0 ? 0.5f : 1;
    square.coverage = coverage, square.stages = (sn_stages){2, {2, 6}};
    calibrated c = start();
    square.coverage = NULL, square.stages.count = 0;
    add(&c, 0.5f, 0, 0);
    add(&c, 0.5f, 4, 5);
    sn_calibration found;
    ck_ok(sn_calibrate(&found, c.samples, c.bank));
    ck_assert_double_eq_tol(found.residual_scale, 2, 1e-6);
    ck_assert(found.prior.stages.count == 2 && found.prior.stages.channels[1] == 6 && found.prior.border == SN_PRIOR_BORDER);

    const float *vectors;
    ck_ok(snarm_bank_get_vectors(c.bank, &vectors, NULL));
    float features[16 * 8], inter[16 * 8], hybrid[16 * 16], sizes[32];
    int32_t nearest[16 * 3];
    uint8_t marks[32] = {0}, reference[16];
    const float weight[8] = {0};
    const snarm_residual_options options = {
        .struct_size = sizeof options, .patches = 16, .channels = 8, .neighbours = 3, .reference_ratio = 0.75, .scale = found.residual_scale};
    snarm_residual *engine;
    ck_ok(snarm_residual_create(&engine, weight, 0, &options));
    for (size_t s = 0; s < 2; s++) {
        sn_samples_get(c.samples, s, 0, features, nearest, NULL, marks + 16 * s);
        sn_residual_inter_of(engine, vectors, nearest, features, inter);
        ck_ok(snarm_residual_hybrid(engine, features, inter, hybrid, reference, NULL));
        sn_residual_sizes(&found.prior.stages, hybrid, 16, 16, 8, sizes + 16 * s);
    }
    snarm_residual_destroy(engine);
    for (size_t i = 0; i < 32; i++)
        sizes[i] *= (float)pow((double)coverage[i % 16], -SN_PRIOR_BORDER);
    const sn_prior prior = sn_prior_fit(sizes, marks, 32);
    ck_assert(prior.slope > 0);
    ck_assert_double_eq_tol(found.prior.slope, prior.slope, 1e-5 * prior.slope);
    ck_assert_double_eq_tol(found.prior.centre, prior.centre, 1e-5 * prior.centre);
    finish(&c);
}
END_TEST

/* A prior that finds no slope asks for nothing else either. */
START_TEST(calibrate_nothing) {
    float coverage[16] = {0.5f};
    for (size_t i = 1; i < 16; i++)
        coverage[i] = 1;
    square.coverage = coverage, square.stages = (sn_stages){2, {2, 6}};
    calibrated c = start();
    square.coverage = NULL, square.stages.count = 0;
    add(&c, 0.5f, 0, 0);
    sn_calibration found;
    ck_ok(sn_calibrate(&found, c.samples, c.bank));
    ck_assert(found.prior.slope == 0 && found.prior.border == 0 && found.prior.stages.count == 0);
    finish(&c);
}
END_TEST

/* The distance's own logits, and what the coverage of borders makes of them where the file asks for it. */
START_TEST(priors) {
    const sn_scorer_weights paper = scorer_paper_sizes();
    sn_scorer_weights sizes = paper;
    sizes.channels = 4, sizes.embedding = 8;
    const float coverage[6] = {0.25f, 1, 1, 0.25f, 1, 1}, distances[6] = {2, 2, 1, 1, 0, 3};
    for (int border = 0; border < 2; border++)
        for (int given = 0; given < 2; given++) {
            sizes.prior = (sn_prior){.slope = 1.5, .centre = 2, .border = border ? 0.5 : 0};
            const char *path = scratch_file("prior.safetensors");
            sn_scorer_weights *weights;
            ck_ok(random_scorer_weights(&weights, &sizes, 5));
            ck_ok(sn_scorer_weights_save(weights, path));
            sn_scorer_weights_destroy(weights);
            snarm_scorer_options options;
            snarm_scorer_options_init(&options);
            options.grid_width = 3, options.grid_height = 2, options.coverage = given ? coverage : NULL;
            snarm_scorer *scorer;
            ck_ok(snarm_scorer_create(&scorer, path, &options));
            snarm_scorer_info info = {.struct_size = sizeof info};
            ck_ok(snarm_scorer_get_info(scorer, &info));
            ck_assert(info.prior_slope == 1.5 && info.prior_centre == 2 && info.prior_border == (border ? 0.5 : 0));
            float logits[16 * 6] = {0};
            ck_ok(snarm_scorer_add_prior(scorer, distances, logits));
            for (size_t i = 0; i < 6; i++) {
                const double away = (double)distances[i] / 2 * (border && given && coverage[i] < 1 ? 2 : 1);
                ck_assert_float_eq_tol(logits[i], (float)fmax(1.5 * log(away), -8), 1e-5f);
                ck_assert(logits[15 * 6 + i] == logits[i]);
            }
            snarm_scorer_destroy(scorer);
        }
}
END_TEST

enum { STAGED = 10, LOGITS = 16 * 6 };

static void logits_of(const char *path, const float *coverage, const float *hybrid, snarm_scorer_info *info, float *logits) {
    snarm_scorer_options options;
    snarm_scorer_options_init(&options);
    options.grid_width = 3, options.grid_height = 2, options.coverage = coverage, options.precision = SNARM_PRECISION_F32;
    const uint8_t reference[6] = {1, 1, 0, 1, 1, 0};
    snarm_scorer *scorer;
    ck_ok(snarm_scorer_create(&scorer, path, &options));
    *info = (snarm_scorer_info){.struct_size = sizeof *info};
    ck_ok(snarm_scorer_get_info(scorer, info));
    ck_ok(snarm_scorer_logits(scorer, hybrid, reference, logits));
    float before[LOGITS];
    const float distances[6] = {1, 2, 3, 4, 5, 6};
    memcpy(before, logits, sizeof before);
    ck_ok(snarm_scorer_add_prior(scorer, distances, logits));
    ck_assert_int_eq(memcmp(before, logits, sizeof before), 0);
    snarm_scorer_destroy(scorer);
}

/* With stages the logits are those of the network and of the sizes of the inter-residuals, whose phi ends with means of squares. */
START_TEST(priors_of_residuals) {
    sn_scorer_weights sizes = scorer_paper_sizes();
    sizes.channels = STAGED, sizes.embedding = 8, sizes.reference_ratio = 0.7;
    const char *path = scratch_file("stages.safetensors");
    const float coverage[6] = {0.25f, 1, 1, 4.0f / 9, 1, 1};
    float hybrid[6 * 2 * STAGED], with[LOGITS], without[LOGITS];
    for (size_t i = 0; i < 6 * 2 * STAGED; i++)
        hybrid[i] = (float)(0.1 + 2 * sn_rng_uniform(&rng));
    for (size_t i = 0; i < 2 * STAGED; i++) /* a patch that is like the bank and like another patch */
        hybrid[4 * 2 * STAGED + i] = 0;
    snarm_scorer_info info;
    sn_scorer_weights *weights;
    ck_ok(random_scorer_weights(&weights, &sizes, 5));
    ck_ok(sn_scorer_weights_save(weights, path));
    logits_of(path, coverage, hybrid, &info, without);
    ck_assert(info.prior_slope == 0 && info.prior_stages == 0);
    weights->prior = (sn_prior){.slope = 1.25, .centre = 2, .border = 0.5, .stages = {3, {4, 2, 4}}};
    ck_ok(sn_scorer_weights_save(weights, path));
    logits_of(path, coverage, hybrid, &info, with);
    ck_assert(info.prior_slope == 1.25 && info.prior_stages == 3 && info.prior_border == 0.5);
    const size_t first[] = {0, 2, 3, 5}; /* pairs of channels */
    for (size_t i = 0; i < 6; i++) {
        double size = pow((double)coverage[i], -0.5);
        for (size_t s = 0; s < 3; s++) {
            double squares = 0;
            for (size_t c = first[s]; c < first[s + 1]; c++)
                squares += (double)hybrid[2 * i * STAGED + STAGED / 2 + c] / (double)(first[s + 1] - first[s]);
            size *= pow(fmax(squares, 1e-6), 0.5 / 3);
        }
        const double expected = fmin(fmax(1.25 * log(size / 2), -8), 8);
        for (size_t map = 0; map < 16; map++)
            ck_assert_float_eq_tol(with[map * 6 + i] - without[map * 6 + i], (float)expected, 2e-5f);
    }
    const struct {
        sn_stages stages;
        const char *sentence;
    } wrong[] = {{{2, {4, 4}}, "prior_stages: the 2 stages have 8 channels in all, the features 10"},
                 {{2, {9, 1}}, "prior_stages is '9,1', expected 1..192 numbers of 2..4096"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        weights->prior.stages = wrong[i].stages;
        ck_ok(sn_scorer_weights_save(weights, path));
        snarm_scorer *scorer;
        snarm_scorer_options options;
        snarm_scorer_options_init(&options);
        options.grid_width = 3, options.grid_height = 2;
        ck_fails(snarm_scorer_create(&scorer, path, &options), SNARM_ERROR_FORMAT, wrong[i].sentence);
    }
    sn_scorer_weights_destroy(weights);
}
END_TEST

int main(void) {
    sn_rng_seed(&rng, 21, 0);
    Suite *suite = suite_create("priors");
    TCase *cases = tcase_create("priors");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, sizes_of_residuals);
    tcase_add_test(cases, weighted_distances);
    tcase_add_test(cases, wrong_stages);
    tcase_add_test(cases, prior_known);
    tcase_add_test(cases, prior_extremes);
    tcase_add_test(cases, prior_added);
    tcase_add_test(cases, calibrate_good);
    tcase_add_test(cases, calibrate_borders);
    tcase_add_test(cases, calibrate_defective);
    tcase_add_test(cases, calibrate_stages);
    tcase_add_test(cases, calibrate_nothing);
    tcase_add_test(cases, priors);
    tcase_add_test(cases, priors_of_residuals);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
