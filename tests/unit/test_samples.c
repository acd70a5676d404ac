/* What training draws from: samples in half precision, labels of patches, shuffled channels. */
#include "core/rng.h"
#include "io/half.h"
#include "kernel/simd.h"
#include "reference.h"
#include "support.h"
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

static const sn_samples_shape shape = {5, 3, 6, 2, 9, 7, NULL, {0}, NULL};
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

/* With a bank's vectors, squares of the inter-residuals by stages and what gives means of residuals are kept instead of features. */
START_TEST(means) {
    enum { VECTORS = 1000 };
    float *vectors = random_floats(&rng, VECTORS * CHANNELS);
    sn_samples_shape with = shape;
    with.vectors = vectors;
    for (int staged = 0; staged < 2; staged++) {
        with.stages = staged ? (sn_stages){2, {2, 4}} : (sn_stages){0};
        sn_samples *samples;
        ck_ok(sn_samples_create(&samples, &with, 1));
        const one s = random_one();
        ck_ok(sn_samples_add(samples, s.features, s.nearest, s.distances, s.mask));
        const sn_stages stages = sn_samples_stages(&with);
        ck_assert_int_eq(stages.count, staged ? 2 : 1);
        ck_assert_int_eq(stages.channels[0], staged ? 2 : CHANNELS);
        const float *squares = sn_samples_squares(samples, 0);
        ck_assert_ptr_nonnull(sn_samples_means(samples, 0));
        for (size_t i = 0; i < PATCHES; i++)
            for (size_t stage = 0, first = 0; stage < (size_t)stages.count; first += (size_t)stages.channels[stage], stage++) {
                double expected = 0;
                for (size_t c = first; c < first + (size_t)stages.channels[stage]; c++) {
                    double mean = 0;
                    for (size_t k = 0; k < NEIGHBOURS; k++)
                        mean += (double)vectors[(size_t)s.nearest[i * NEIGHBOURS + k] * CHANNELS + c] / NEIGHBOURS;
                    expected += pow(mean - (double)s.features[i * CHANNELS + c], 2) / stages.channels[stage];
                }
                ck_assert_double_eq_tol((double)squares[i * (size_t)stages.count + stage], expected, 1e-5 * expected + 1e-7);
            }
        one got;
        sn_samples_get(samples, 0, SN_MIRROR_Y, NULL, NULL, got.distances, got.mask);
        for (size_t i = 0; i < PATCHES; i++)
            ck_assert(got.distances[i] == s.distances[from(i, 5, 3, SN_MIRROR_Y)]);
        for (size_t i = 0; i < PIXELS; i++)
            ck_assert_uint_eq(got.mask[i], s.mask[from(i, 9, 7, SN_MIRROR_Y)]);
        sn_samples_destroy(samples);
    }
    sn_samples_shape large = with, kept = large;
    large.grid_width = large.grid_height = 256;
    sn_samples *samples;
    ck_fails(sn_samples_create(&samples, &large, 1), SNARM_ERROR_ARGUMENT,
             "a grid of 256 x 256 has 65536 patches, expected at most 65534: learn from tiles of the pictures");
    ck_assert_ptr_null(samples);
    /* Of 40 x 40 patches of a ResNet-18 in two lights a quarter of what features take. */
    large.grid_width = large.grid_height = 40, large.mask_width = large.mask_height = 320, large.channels = 896;
    large.stages = (sn_stages){6, {64, 128, 256, 64, 128, 256}};
    kept = large;
    kept.vectors = NULL;
    ck_assert_uint_lt(4 * sn_samples_bytes(&large), sn_samples_bytes(&kept));
    free(vectors);
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
    const sn_samples_shape uneven = {3, 2, 2, 1, 10, 7, NULL, {0}, NULL};
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
    tcase_add_test(cases, means);
    tcase_add_test(cases, rounded);
    tcase_add_test(cases, labels);
    tcase_add_test(cases, shuffled_channels);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
