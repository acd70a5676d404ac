/* The rest of a defective picture's map put behind its strongest place: values, and detectors that do it. */
#include "core/rng.h"
#include "core/threads.h"
#include "detector/detector.h"
#include "map/contrast.h"
#include "networks.h"
#include "pictures.h"
#include "snarm/map.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PICTURES = 12, PIXELS = PICTURE_SIDE * PICTURE_SIDE };

static sn_rng rng;
static char network[256];
static uint8_t pictures[PICTURES + 1][PIXELS * 3]; /* the last one has a defect */

static double reference(double value, double largest, bool probabilities, double factor) {
    if (!probabilities)
        return largest * pow(value / largest, factor);
    const double odds = value / (1 - value), most = largest / (1 - largest);
    const double moved = most * pow(odds / most, factor);
    return moved / (1 + moved);
}

START_TEST(values) {
    static const size_t counts[] = {1, 2, 7, 63, 4096, 9001};
    static const double factors[] = {1, 1.05, 1.4, 2};
    static float before[9001], after[9001];
    const int former = sn_threads_enter(2);
    for (int kind = 0; kind < 2; kind++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
            for (size_t f = 0; f < sizeof factors / sizeof *factors; f++) {
                double largest = 0;
                for (size_t i = 0; i < counts[c]; i++) {
                    before[i] = (float)(kind == 1 ? 0.98 * sn_rng_uniform(&rng) : 40 * pow(sn_rng_uniform(&rng), 3));
                    largest = fmax(largest, (double)before[i]);
                }
                memcpy(after, before, sizeof after);
                sn_map_contrast(after, counts[c], kind == 1, factors[f]);
                for (size_t i = 0; i < counts[c]; i++) {
                    const double expected = reference((double)before[i], largest, kind == 1, factors[f]);
                    ck_assert_double_eq_tol((double)after[i], expected, 4e-6 * expected + 1e-30);
                    ck_assert(after[i] <= before[i] && ((double)before[i] < largest || after[i] == before[i]));
                }
            }
    sn_threads_leave(former);
}
END_TEST

/* Whatever a map may hold stays in its range. */
START_TEST(extremes) {
    static const float given[] = {0, 1e-42f, 1e-30f, 0.5f, 1 - 0x1p-24f, 1, 1, 0};
    for (int kind = 0; kind < 2; kind++) {
        float map[8];
        memcpy(map, given, sizeof map);
        sn_map_contrast(map, 8, kind == 1, 2);
        ck_assert(map[0] == 0 && map[7] == 0 && map[5] == 1 && map[6] == 1);
        for (int i = 1; i < 5; i++)
            ck_assert_msg(map[i] >= map[i - 1] && map[i] <= given[i], "%d: %g", i, (double)map[i]);
        ck_assert(map[3] < 0.3f);
    }
    float none[3] = {0, 0, 0};
    sn_map_contrast(none, 3, true, 2);
    ck_assert(none[0] == 0 && none[1] == 0 && none[2] == 0);
}
END_TEST

START_TEST(public_function) {
    float map[6] = {0.1f, 0.9f, 0, 0.5f, 0.2f, 0.3f}, distances[6] = {1, 40, 0, 2, 3, 4}, kept[6];
    ck_ok(snarm_map_contrast(map, 3, 2, 1, 2, 1));
    ck_ok(snarm_map_contrast(distances, 2, 3, 0, 2, 1));
    ck_assert_float_eq_tol(map[3], 1 / 10.0f, 1e-6f);
    ck_assert_float_eq_tol(distances[3], 0.1f, 1e-6f);
    ck_assert(map[1] == 0.9f && map[2] == 0 && distances[1] == 40);
    memcpy(kept, distances, sizeof kept);
    ck_fails(snarm_map_contrast(distances, 2, 3, 1, 2, 1), SNARM_ERROR_ARGUMENT, "at (1, 0) is 40, expected 0..1");
    distances[5] = kept[5] = INFINITY;
    ck_fails(snarm_map_contrast(distances, 2, 3, 0, 2, 1), SNARM_ERROR_ARGUMENT, "at (1, 2) is inf");
    ck_fails(snarm_map_contrast(distances, 2, 3, 2, 2, 1), SNARM_ERROR_ARGUMENT, "probabilities is 2");
    ck_fails(snarm_map_contrast(distances, 2, 3, 0, 0.5, 1), SNARM_ERROR_ARGUMENT, "factor is 0.5, expected 1..100");
    ck_fails(snarm_map_contrast(distances, 0, 3, 0, 2, 1), SNARM_ERROR_ARGUMENT, "0 x 3");
    ck_fails(snarm_map_contrast(NULL, 2, 3, 0, 2, 1), SNARM_ERROR_ARGUMENT, "map is NULL");
    ck_assert_int_eq(memcmp(distances, kept, sizeof kept), 0);
}
END_TEST

START_TEST(factors) {
    ck_assert_double_eq_tol(sn_map_contrast_factor(0.5, 5, 3, 1), 1.25, 1e-12);
    ck_assert_double_eq_tol(sn_map_contrast_factor(1, 1e9, 3, 1), 2, 1e-8);
    ck_assert(sn_map_contrast_factor(0.5, 3, 3, 1) == 1 && sn_map_contrast_factor(0.5, 2, 3, 1) == 1);
    ck_assert(sn_map_contrast_factor(0.5, 5, 3, 3) == 1 && sn_map_contrast_factor(0, 5, 3, 1) == 1);
}
END_TEST

static snarm_status give(void *user, size_t index, snarm_image *image) {
    (void)user;
    *image = view_picture(pictures[index]);
    return SNARM_OK;
}

static snarm_status try_fit(snarm_detector **out, double contrast, bool tiled, const snarm_train_options *training) {
    const snarm_image_source source = {PICTURES, give, NULL, NULL};
    snarm_fit_options options;
    snarm_fit_options_init(&options);
    options.width = options.height = PICTURE_SIDE;
    options.tile_width = tiled ? PICTURE_SIDE / 2 : 0;
    options.bank_size = 200, options.threads = 2, options.train = training;
    options.map_contrast = contrast;
    return snarm_detector_fit(out, network, &source, &options);
}

static snarm_result inspect(const snarm_detector *detector, size_t index, float *map) {
    const snarm_image image = view_picture(pictures[index]);
    snarm_result result = {.struct_size = sizeof result};
    ck_ok(snarm_detector_inspect(detector, &image, &result, map));
    return result;
}

static double contrast_of(const snarm_detector *detector, int32_t *format) {
    snarm_detector_info info = {.struct_size = sizeof info};
    ck_ok(snarm_detector_get_info(detector, &info));
    if (format != NULL)
        *format = info.format_version;
    return info.map_contrast;
}

/* Detectors that differ in nothing else: good pictures have the same maps, all the same scores; the defective one's map is as the header
 * says. In the order of _i: distances, with tiles, trained. */
START_TEST(detectors) {
    snarm_train_options training;
    snarm_train_options_init(&training);
    training.steps = 8, training.samples = 36, training.embedding = 8, training.batch = 4;
    snarm_detector *plain, *fitted, *loaded;
    ck_ok(try_fit(&plain, -1, _i == 1, _i == 2 ? &training : NULL));
    ck_ok(try_fit(&fitted, 0.5, _i == 1, _i == 2 ? &training : NULL));
    ck_ok(snarm_detector_save(fitted, scratch_file("contrast.snarm")));
    ck_ok(snarm_detector_load(&loaded, scratch_file("contrast.snarm"), NULL));
    int32_t format;
    ck_assert(contrast_of(plain, &format) == 0 && (_i == 2 || format == 1 + _i));
    ck_assert(contrast_of(loaded, &format) == 0.5 && format == 4);
    snarm_detector_info info = {.struct_size = sizeof info};
    ck_ok(snarm_detector_get_info(plain, &info));
    static float before[PIXELS], after[PIXELS];
    int good = 0;
    for (size_t i = 0; i <= PICTURES; i++) {
        const snarm_result without = inspect(plain, i, before), with = inspect(loaded, i, after);
        ck_assert(with.score == without.score && with.threshold == without.threshold && with.map_threshold == without.map_threshold);
        ck_assert(with.map_max == without.map_max && with.map_x == without.map_x && with.map_y == without.map_y);
        good += !without.anomalous;
        if (!without.anomalous)
            ck_assert_int_eq(memcmp(before, after, sizeof before), 0);
    }
    ck_assert_int_gt(good, PICTURES / 2);
    const snarm_result result = inspect(plain, PICTURES, before);
    ck_assert(result.anomalous);
    const double x = (double)(result.score - info.score_low) / (double)(info.threshold - info.score_low), factor = 1 + 0.5 * (1 - 1 / x);
    ck_assert_double_gt(factor, 1.02);
    for (size_t i = 0; i < PIXELS; i++) {
        const double expected = reference((double)before[i], (double)result.map_max, _i == 2, factor);
        ck_assert_double_eq_tol((double)after[i], expected, 1e-5 * expected);
    }
    snarm_detector_destroy(plain);
    snarm_detector_destroy(fitted);
    snarm_detector_destroy(loaded);
}
END_TEST

START_TEST(choices) {
    snarm_train_options training;
    snarm_train_options_init(&training);
    training.steps = 1, training.samples = 36, training.embedding = 8, training.batch = 4;
    snarm_detector *detector;
    ck_ok(try_fit(&detector, 0, false, &training));
    ck_assert(contrast_of(detector, NULL) > 0);
    snarm_detector_destroy(detector);
    ck_ok(try_fit(&detector, 0, false, NULL));
    ck_assert(contrast_of(detector, NULL) == 0);
    snarm_detector_destroy(detector);
    ck_fails(try_fit(&detector, 1.5, false, NULL), SNARM_ERROR_ARGUMENT, "snarm_fit_options: map_contrast is 1.5, expected -1 or 0..1");
    ck_fails(try_fit(&detector, NAN, false, NULL), SNARM_ERROR_ARGUMENT, "map_contrast is nan");
    ck_assert_ptr_null(detector);
}
END_TEST

static void make_files(void) {
    sn_rng_seed(&rng, 6, 0);
    snprintf(network, sizeof network, "%s", scratch_file("resnet.safetensors"));
    write_resnet(network, &(resnet_shape){false, 16, 16, {1, 1, 1, 0}}, &(file_changes){0});
    for (int i = 0; i <= PICTURES; i++)
        paint_picture(&rng, pictures[i], i == PICTURES);
}

int main(void) {
    Suite *suite = suite_create("contrast");
    TCase *cases = tcase_create("contrast");
    tcase_set_timeout(cases, 60);
    tcase_add_unchecked_fixture(cases, make_files, NULL);
    tcase_add_test(cases, values);
    tcase_add_test(cases, extremes);
    tcase_add_test(cases, public_function);
    tcase_add_test(cases, factors);
    tcase_add_loop_test(cases, detectors, 0, 3);
    tcase_add_test(cases, choices);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
