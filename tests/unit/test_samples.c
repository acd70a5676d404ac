/* What training draws from: samples in half precision, labels of patches, and what is measured on them before
 * the first step: the prior and the residuals' scale. */
#include "core/rng.h"
#include "io/half.h"
#include "kernel/simd.h"
#include "scorer/prior.h"
#include "reference_scan.h"
#include "support.h"
#include "train/calibrate.h"
#include "train/labels.h"
#include "train/shuffle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static sn_rng rng;

/* Every half comes back from single precision; between two neighbours, what is nearer wins, and of equally
 * near ones the even one. The neighbour of the largest is infinity, as if it were 65536. */
START_TEST(halves) {
    for (uint32_t half = 0; half <= 0xffff; half++) {
        const float value = sn_f16_to_f32((uint16_t)half);
        const uint16_t back = sn_f32_to_f16(value);
        if ((half & 0x7fff) > 0x7c00) {
            ck_assert(isnan(value));
            ck_assert((back & 0x7fff) > 0x7c00);
        } else
            ck_assert_msg(back == half, "%04x came back as %04x", half, back);
    }
    for (uint32_t half = 0; half < 0x7c00; half++) {
        const float low = sn_f16_to_f32((uint16_t)half);
        const float high = half == 0x7bff ? 65536 : sn_f16_to_f32((uint16_t)(half + 1));
        const float middle = (low + high) / 2; /* exact: it has one digit more */
        const uint32_t even = half % 2 == 0 ? half : half + 1;
        for (uint32_t sign = 0; sign <= 0x8000; sign += 0x8000) {
            const float to = sign == 0 ? 1 : -1;
            ck_assert_uint_eq(sn_f32_to_f16(to * middle), sign | even);
            ck_assert_uint_eq(sn_f32_to_f16(to * nextafterf(middle, 0)), sign | half);
            ck_assert_uint_eq(sn_f32_to_f16(to * nextafterf(middle, INFINITY)), sign | (half + 1));
        }
    }
    ck_assert_uint_eq(sn_f32_to_f16(1e30f), 0x7c00);
    ck_assert_uint_eq(sn_f32_to_f16(-INFINITY), 0xfc00);
    ck_assert_uint_eq(sn_f32_to_f16(1e-30f), 0);
}
END_TEST

static const sn_samples_shape shape = {5, 3, 6, 2, 9, 7, NULL};
enum { PATCHES = 15, CHANNELS = 6, NEIGHBOURS = 2, PIXELS = 63 };

typedef struct one {
    float features[PATCHES * CHANNELS], distances[PATCHES];
    int32_t nearest[PATCHES * NEIGHBOURS];
    uint8_t mask[PIXELS];
} one;

static one random_one(void) {
    one s;
    for (size_t i = 0; i < PATCHES * CHANNELS; i++)
        s.features[i] = sn_f16_to_f32(sn_f32_to_f16((float)sn_rng_normal(&rng)));
    for (size_t i = 0; i < PATCHES; i++)
        s.distances[i] = (float)sn_rng_uniform(&rng);
    for (size_t i = 0; i < PATCHES * NEIGHBOURS; i++)
        s.nearest[i] = (int32_t)sn_rng_below(&rng, 1000);
    for (size_t i = 0; i < PIXELS; i++)
        s.mask[i] = (uint8_t)sn_rng_below(&rng, 2);
    return s;
}

static size_t from(size_t at, size_t width, size_t height, int mirror) {
    const size_t x = at % width, y = at / width;
    return (mirror & SN_MIRROR_Y ? height - 1 - y : y) * width + (mirror & SN_MIRROR_X ? width - 1 - x : x);
}

START_TEST(round_trip) {
    sn_samples *samples;
    ck_ok(sn_samples_create(&samples, &shape, 3));
    const one first = random_one(), second = random_one();
    ck_ok(sn_samples_add(samples, first.features, first.nearest, first.distances, NULL));
    ck_ok(sn_samples_add(samples, second.features, second.nearest, second.distances, second.mask));
    const uint8_t clean[PIXELS] = {0};
    ck_ok(sn_samples_add(samples, first.features, first.nearest, first.distances, clean));
    ck_fails(sn_samples_add(samples, first.features, first.nearest, first.distances, NULL),
             SNARM_ERROR_INTERNAL, "more than 3 samples");
    ck_assert_uint_eq(sn_samples_count(samples), 3);
    ck_assert(!sn_samples_defective(samples, 0) && sn_samples_defective(samples, 1) &&
              !sn_samples_defective(samples, 2));
    ck_assert_int_eq(memcmp(sn_samples_get_shape(samples), &shape, sizeof shape), 0);
    ck_assert_uint_ge(sn_samples_bytes(&shape), PATCHES * (CHANNELS * 2 + NEIGHBOURS * 4 + 4) + PIXELS);
    for (int mirror = 0; mirror < 4; mirror++) {
        one got;
        memset(&got, 0xff, sizeof got);
        sn_samples_get(samples, 1, mirror, got.features, got.nearest, got.distances, got.mask);
        for (size_t i = 0; i < PATCHES; i++) {
            const size_t j = from(i, 5, 3, mirror);
            ck_assert_int_eq(
                memcmp(got.features + i * CHANNELS, second.features + j * CHANNELS, CHANNELS * sizeof(float)),
                0);
            ck_assert_int_eq(memcmp(got.nearest + i * NEIGHBOURS, second.nearest + j * NEIGHBOURS,
                                    NEIGHBOURS * sizeof(int32_t)),
                             0);
            ck_assert(got.distances[i] == second.distances[j]);
        }
        for (size_t i = 0; i < PIXELS; i++)
            ck_assert_uint_eq(got.mask[i], second.mask[from(i, 9, 7, mirror)]);
    }
    one got;
    sn_samples_get(samples, 0, SN_MIRROR_X, NULL, NULL, NULL, got.mask);
    ck_assert_int_eq(memcmp(got.mask, clean, sizeof clean), 0);
    sn_samples_get(samples, 2, 0, got.features, NULL, NULL, NULL);
    ck_assert_int_eq(memcmp(got.features, first.features, sizeof got.features), 0);
    sn_samples_destroy(samples);
    sn_samples_destroy(NULL);
}
END_TEST

/* Features that no half holds are rounded to one. */
START_TEST(rounded) {
    sn_samples *samples;
    ck_ok(sn_samples_create(&samples, &shape, 1));
    one s = random_one(), got;
    for (size_t i = 0; i < PATCHES * CHANNELS; i++)
        s.features[i] = (float)sn_rng_normal(&rng);
    ck_ok(sn_samples_add(samples, s.features, s.nearest, s.distances, s.mask));
    sn_samples_get(samples, 0, 0, got.features, NULL, NULL, NULL);
    for (size_t i = 0; i < PATCHES * CHANNELS; i++)
        ck_assert_float_le(fabsf(got.features[i] - s.features[i]), fabsf(s.features[i]) / 2048 + 0x1p-25f);
    sn_samples_destroy(samples);
}
END_TEST

/* A grid of 3 x 2 over 10 x 7 pixels: the patches' columns are 3, 3 and 4 pixels wide, the rows 3 and 4 high.
 */
START_TEST(labels) {
    const sn_samples_shape uneven = {3, 2, 2, 1, 10, 7, NULL};
    const size_t columns[] = {0, 3, 6, 10}, rows[] = {0, 3, 7};
    for (size_t patch = 0; patch < 6; patch++) {
        const size_t left = columns[patch % 3], right = columns[patch % 3 + 1];
        const size_t top = rows[patch / 3], bottom = rows[patch / 3 + 1],
                     area = (right - left) * (bottom - top);
        uint8_t mask[70] = {0}, found[6];
        for (size_t marked = 0; marked <= area; marked++) {
            if (marked > 0) /* from the last pixel back */
                mask[(bottom - 1 - (marked - 1) / (right - left)) * 10 + right - 1 -
                     (marked - 1) % (right - left)] = 1;
            sn_label_patches(&uneven, mask, found);
            const uint8_t expected = marked == 0 ? 0 : 4 * marked >= area ? 1 : SN_LABEL_IGNORED;
            for (size_t i = 0; i < 6; i++)
                ck_assert_msg(found[i] == (i == patch ? expected : 0),
                              "patch %zu, %zu of %zu pixels: label %zu is %d", patch, marked, area, i,
                              found[i]);
        }
    }
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
    const sn_prior truth = {3, 0.7, 0};
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
    const sn_prior prior = {2, 0.5, 0.5}, none = {0, 0.5, 0.5};
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

static sn_samples_shape square = {4, 4, 8, 3, 4, 4, NULL};

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

/* One order for all patches and all four quarters of a row, another for another generator. */
START_TEST(shuffled_channels) {
    enum { ROWS = 37, C = 22 };
    float rows[ROWS][2 * C], again[ROWS][2 * C];
    for (int i = 0; i < ROWS; i++)
        for (int c = 0; c < 2 * C; c++)
            rows[i][c] = again[i][c] = (float)(1000 * i + c);
    sn_rng a, b;
    sn_rng_seed(&a, 3, 0);
    sn_rng_seed(&b, 4, 0);
    sn_shuffle_channels(rows[0], ROWS, C, &a);
    sn_shuffle_channels(again[0], ROWS, C, &b);
    bool met[C / 2] = {false}, moved = false, other = false;
    for (int k = 0; k < C / 2; k++) {
        const int from = (int)rows[0][k];
        ck_assert(from >= 0 && from < C / 2 && !met[from]);
        met[from] = true;
        moved |= from != k;
        other |= rows[0][k] != again[0][k];
        for (int i = 0; i < ROWS; i++)
            for (int quarter = 0; quarter < 4; quarter++)
                ck_assert(rows[i][quarter * C / 2 + k] == (float)(1000 * i + quarter * C / 2 + from));
    }
    ck_assert(moved && other);
}
END_TEST

int main(void) {
    sn_rng_seed(&rng, 21, 0);
    Suite *suite = suite_create("samples");
    TCase *cases = tcase_create("samples");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, halves);
    tcase_add_test(cases, round_trip);
    tcase_add_test(cases, rounded);
    tcase_add_test(cases, labels);
    tcase_add_test(cases, prior_known);
    tcase_add_test(cases, prior_extremes);
    tcase_add_test(cases, prior_added);
    tcase_add_test(cases, calibrate_good);
    tcase_add_test(cases, calibrate_borders);
    tcase_add_test(cases, calibrate_defective);
    tcase_add_test(cases, shuffled_channels);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
