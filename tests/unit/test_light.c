/* Pictures brought to one light: what a picture's light is, preprocessing in another one, and detectors that do it. */
#define _GNU_SOURCE
#include "core/rng.h"
#include "detector/detector.h"
#include "networks.h"
#include "pictures.h"
#include "snarm/map.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PICTURES = 12, PIXELS = PICTURE_SIDE * PICTURE_SIDE };

static sn_rng rng;
static char network[256];
static uint8_t pictures[PICTURES + 1][PIXELS * 3]; /* the last one has a defect */

static int rising(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

/* Of every format, with gaps and upside down. */
START_TEST(light_of_any_view) {
    enum { WIDTH = 7, HEIGHT = 5, COUNT = WIDTH * HEIGHT, STRIDE = 4 * WIDTH + 3 };
    static const snarm_pixel_format formats[] = {SNARM_GREY8, SNARM_RGB8, SNARM_BGR8, SNARM_RGBA8};
    for (size_t f = 0; f < 4; f++)
        for (int flipped = 0; flipped < 2; flipped++) {
            uint8_t pixels[HEIGHT * STRIDE];
            int sums[COUNT];
            const size_t bytes = formats[f] == SNARM_GREY8 ? 1 : formats[f] == SNARM_RGBA8 ? 4 : 3;
            for (size_t i = 0; i < sizeof pixels; i++)
                pixels[i] = (uint8_t)sn_rng_below(&rng, 256);
            for (size_t i = 0; i < COUNT; i++) {
                const uint8_t *pixel = pixels + i / WIDTH * STRIDE + i % WIDTH * bytes;
                sums[i] = bytes == 1 ? 3 * pixel[0] : pixel[0] + pixel[1] + pixel[2];
            }
            qsort(sums, COUNT, sizeof *sums, rising);
            const snarm_image image = {.pixels = flipped ? pixels + (HEIGHT - 1) * STRIDE : pixels,
                                       .width = WIDTH,
                                       .height = HEIGHT,
                                       .stride = flipped ? -STRIDE : STRIDE,
                                       .format = formats[f]};
            double light;
            ck_ok(snarm_image_light(&image, &light));
            ck_assert_double_eq_tol(light, sums[COUNT / 2] / 765.0, 1e-12);
        }
}
END_TEST

/* A large picture is looked at on a grid that reaches all of it. */
START_TEST(light_of_large_pictures) {
    enum { SIDE = 900 };
    uint8_t *pixels = malloc(SIDE * SIDE);
    for (int bright = 0; bright < SIDE; bright += 123) {
        for (int i = 0; i < SIDE * SIDE; i++)
            pixels[i] = i / SIDE < bright ? 200 : 50;
        const snarm_image image = {.pixels = pixels, .width = SIDE, .height = SIDE, .format = SNARM_GREY8};
        double light;
        ck_ok(snarm_image_light(&image, &light));
        ck_assert_double_eq_tol(light, (bright > SIDE / 2 ? 200 : 50) / 255.0, 1e-12);
    }
    free(pixels);
    const snarm_image none = {0};
    double light;
    ck_fails(snarm_image_light(&none, &light), SNARM_ERROR_ARGUMENT, "snarm_image_light: image.pixels is NULL");
    const snarm_image one = {.pixels = (const uint8_t[]){9}, .width = 1, .height = 1, .format = SNARM_GREY8};
    ck_fails(snarm_image_light(&one, NULL), SNARM_ERROR_ARGUMENT, "light is NULL");
}
END_TEST

/* All samples times (light / own)^share, within 1/4..4, rounded, at most 255. */
START_TEST(preprocess_in_another_light) {
    uint8_t grey[6] = {0, 10, 40, 40, 100, 255}, rgb[18], expected[18];
    const snarm_image image = {.pixels = grey, .width = 3, .height = 2, .format = SNARM_GREY8};
    const snarm_preprocess how = {3, 2, 3, 2, {0, 0, 0}, {1, 1, 1}};
    const struct {
        double light, share, factor;
    } cases[] = {{0, 1, 1},          {40 / 255.0, 1, 1}, {60 / 255.0, 1, 1.5}, {30 / 255.0, 1, 0.75}, {1, 1, 4},
                 {1e-9, 1, 0.25}, {90 / 255.0, 0.5, 1.5}, {10 / 255.0, 0.5, 0.5}, {60 / 255.0, 0, 1}};
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        float planes[18];
        ck_ok(snarm_image_preprocess_light(&image, &how, cases[n].light, cases[n].share, planes, rgb));
        for (size_t i = 0; i < 18; i++) {
            expected[i] = (uint8_t)fmin(floor(cases[n].factor * grey[i / 3] + 0.5), 255);
            ck_assert_float_eq_tol(planes[i % 3 * 6 + i / 3], expected[i] / 255.0f, 1e-6f);
        }
        ck_assert_int_eq(memcmp(rgb, expected, sizeof rgb), 0);
    }
    float planes[18];
    uint8_t black[6] = {0, 0, 0, 0, 1, 255};
    const snarm_image dark = {.pixels = black, .width = 3, .height = 2, .format = SNARM_GREY8};
    ck_ok(snarm_image_preprocess_light(&dark, &how, 0.5, 1, planes, rgb));
    ck_assert(rgb[0] == 0 && rgb[12] == 4 && rgb[15] == 255);
    ck_fails(snarm_image_preprocess_light(&image, &how, -0.1, 1, planes, NULL), SNARM_ERROR_ARGUMENT, "light is -0.1, expected 0..1");
    ck_fails(snarm_image_preprocess_light(&image, &how, NAN, 1, planes, NULL), SNARM_ERROR_ARGUMENT, "light is nan");
    ck_fails(snarm_image_preprocess_light(&image, &how, 0.5, 1.1, planes, NULL), SNARM_ERROR_ARGUMENT, "share is 1.1, expected 0..1");
    ck_fails(snarm_image_preprocess_light(&image, &how, 0.5, NAN, planes, NULL), SNARM_ERROR_ARGUMENT, "share is nan");
}
END_TEST

/* user: three factors, of which a picture is given in the one of its index modulo 3. */
static snarm_status give(void *user, size_t index, snarm_image *image) {
    static uint8_t changed[PIXELS * 3];
    const double *factors = user;
    for (size_t i = 0; i < sizeof changed; i++)
        changed[i] = (uint8_t)fmin(floor(factors[index % 3] * pictures[index][i] + 0.5), 255);
    *image = view_picture(changed);
    return SNARM_OK;
}

static double steady[3] = {1, 1, 1}, varying[3] = {1, 0.8, 0.6};

typedef struct fit_choice {
    double even;
    int32_t both;
    bool tiled;
    const snarm_train_options *training;
} fit_choice;

static snarm_status try_fit(snarm_detector **out, double *factors, fit_choice choice) {
    const snarm_image_source source = {PICTURES, give, NULL, factors};
    snarm_fit_options options;
    snarm_fit_options_init(&options);
    options.width = options.height = PICTURE_SIDE;
    options.tile_width = choice.tiled ? PICTURE_SIDE / 2 : 0;
    options.bank_size = 200, options.threads = 2, options.train = choice.training;
    options.even_light = choice.even, options.both_lights = choice.both;
    return snarm_detector_fit(out, network, &source, &options);
}

static float score_of(const snarm_detector *detector, size_t index, double factor) {
    double factors[3] = {factor, factor, factor};
    snarm_image image;
    ck_ok(give(factors, index, &image));
    snarm_result result = {.struct_size = sizeof result};
    ck_ok(snarm_detector_inspect(detector, &image, &result, NULL));
    return result.score;
}

/* A picture's score does not depend on its light; without it does. The light of the good ones is kept in the model. */
START_TEST(detectors) {
    const bool tiled = _i == 1;
    snarm_detector *even, *plain, *loaded;
    ck_ok(try_fit(&even, varying, (fit_choice){.even = 1, .tiled = tiled}));
    ck_ok(try_fit(&plain, steady, (fit_choice){.tiled = tiled}));
    snarm_detector_info info = {.struct_size = sizeof info};
    ck_ok(snarm_detector_get_info(plain, &info));
    ck_assert(info.light == 0 && info.format_version == (tiled ? 2 : 1));
    ck_ok(snarm_detector_get_info(even, &info));
    ck_assert(info.format_version == 4 && info.light_share == 1);
    double lights[PICTURES];
    for (size_t i = 0; i < PICTURES; i++) {
        snarm_image image;
        ck_ok(give(varying, i, &image));
        ck_ok(snarm_image_light(&image, &lights[i]));
    }
    size_t below = 0, same = 0;
    for (size_t i = 0; i < PICTURES; i++)
        below += lights[i] < info.light, same += lights[i] == info.light;
    ck_assert(same > 0 && below <= PICTURES / 2 && below + same > PICTURES / 2);

    ck_ok(snarm_detector_save(even, scratch_file("light.snarm")));
    ck_ok(snarm_detector_load(&loaded, scratch_file("light.snarm"), NULL));
    const float bad = score_of(even, PICTURES, 1), darker = score_of(even, PICTURES, 0.8), good = score_of(even, 0, 0.8);
    ck_assert(bad == score_of(loaded, PICTURES, 1));
    ck_assert_float_eq_tol(bad, darker, 0.1f * bad);
    ck_assert(bad > 1.5f * good && darker > 1.5f * good);
    ck_assert(score_of(plain, 0, 0.6) > 1.5f * score_of(even, 0, 0.6));
    snarm_detector_destroy(even);
    snarm_detector_destroy(plain);
    snarm_detector_destroy(loaded);
}
END_TEST

/* Half of the way to a light is the whole way to the one in the middle, and the share is kept in the model. */
START_TEST(half_of_the_way) {
    snarm_detector *half, *loaded;
    ck_ok(try_fit(&half, varying, (fit_choice){.even = 0.5}));
    ck_ok(snarm_detector_save(half, scratch_file("half.snarm")));
    ck_ok(snarm_detector_load(&loaded, scratch_file("half.snarm"), NULL));
    snarm_detector_info info = {.struct_size = sizeof info};
    ck_ok(snarm_detector_get_info(loaded, &info));
    ck_assert(info.light > 0 && info.light_share == 0.5);
    ck_assert(score_of(half, PICTURES, 0.8) == score_of(loaded, PICTURES, 0.8));
    snarm_image image;
    double own;
    ck_ok(give(steady, PICTURES, &image));
    ck_ok(snarm_image_light(&image, &own));
    float planes[2][3 * PIXELS];
    ck_ok(snarm_image_preprocess_light(&image, &info.preprocess, info.light, 0.5, planes[0], NULL));
    ck_ok(snarm_image_preprocess_light(&image, &info.preprocess, sqrt(info.light * own), 1, planes[1], NULL));
    for (size_t i = 0; i < 3 * PIXELS; i++)
        ck_assert_float_eq_tol(planes[0][i], planes[1][i], 0.05f); /* a step of 255 */
    snarm_detector_destroy(half);
    snarm_detector_destroy(loaded);
}
END_TEST

/* Distances are those of the features of the picture as it is and of the picture in the detector's light, beside each other. */
START_TEST(both_lights) {
    snarm_detector *fitted, *loaded;
    ck_ok(try_fit(&fitted, varying, (fit_choice){.even = 1, .both = 1}));
    ck_ok(snarm_detector_save(fitted, scratch_file("both.snarm")));
    ck_ok(snarm_detector_load(&loaded, scratch_file("both.snarm"), NULL));
    snarm_detector_info info = {.struct_size = sizeof info};
    ck_ok(snarm_detector_get_info(loaded, &info));
    const size_t channels = (size_t)info.backbone->channels;
    enum { GRID = PICTURE_SIDE / 8, PATCHES = GRID * GRID };
    ck_assert(info.both_lights == 1 && info.light_share == 1 && info.format_version == 4);
    ck_assert(info.channels == 2 * (int32_t)channels && info.backbone->grid_width == GRID);
    snarm_image image;
    double darker[3] = {0.7, 0.7, 0.7};
    ck_ok(give(darker, PICTURES, &image));
    static float planes[3 * PIXELS], expected[PIXELS], map[PIXELS];
    float *one = malloc(PATCHES * channels * sizeof *one), *both = malloc(2 * PATCHES * channels * sizeof *both), distances[PATCHES];
    for (size_t v = 0; v < 2; v++) {
        ck_ok(snarm_image_preprocess_light(&image, &info.preprocess, v == 0 ? 0 : info.light, 1, planes, NULL));
        ck_ok(snarm_backbone_features(snarm_detector_backbone(loaded), planes, one));
        for (size_t p = 0; p < PATCHES; p++)
            memcpy(both + (2 * p + v) * channels, one + p * channels, channels * sizeof *one);
    }
    ck_ok(snarm_bank_search(snarm_detector_bank(loaded), both, PATCHES, 1, -1, distances, NULL));
    ck_ok(snarm_map_from_patches(distances, GRID, GRID, PICTURE_SIDE, PICTURE_SIDE, 1, expected));
    ck_ok(snarm_map_smooth(expected, PICTURE_SIDE, PICTURE_SIDE, info.smoothing, 1));
    snarm_result result = {.struct_size = sizeof result}, again = {.struct_size = sizeof again};
    ck_ok(snarm_detector_inspect(loaded, &image, &result, map));
    for (size_t i = 0; i < PIXELS; i++)
        ck_assert_float_eq_tol(map[i], expected[i], 1e-4f * result.map_max);
    ck_ok(snarm_detector_inspect(fitted, &image, &again, NULL));
    ck_assert(again.score == result.score && result.score > 0);
    free(one);
    free(both);
    snarm_detector_destroy(fitted);
    snarm_detector_destroy(loaded);
}
END_TEST

/* Samples that are made darker or brighter by their jitter come to the light again, as pictures do. */
START_TEST(light_of_samples) {
    static float planes[3 * PIXELS], darker[3 * PIXELS];
    for (size_t i = 0; i < 3 * PIXELS; i++) {
        planes[i] = (float)pictures[0][i % PIXELS * 3 + i / PIXELS] / 255.0f;
        darker[i] = 0.7f * planes[i];
    }
    const snarm_image image = view_picture(pictures[0]);
    double own;
    ck_ok(snarm_image_light(&image, &own));
    ck_assert_double_eq_tol(sn_light_of_planes(planes, PIXELS), own, 1e-9);
    ck_assert_double_eq_tol(sn_light_of_planes(darker, PIXELS), 0.7 * own, 1.01 / 765);
    ck_assert_double_eq_tol(sn_light_factor((sn_light){0.6, 0.5}, 0.15), 2, 1e-12);
    ck_assert_double_eq_tol(sn_light_factor((sn_light){0.6, 1}, 0.9), 2 / 3.0, 1e-12);
    ck_assert(sn_light_factor((sn_light){1, 1}, 0) == 4 && sn_light_factor((sn_light){0.01, 1}, 1) == 0.25);
}
END_TEST

/* Synthetic defects are brought to that light too, and with both lights the scorer sees both. */
START_TEST(trained) {
    snarm_train_options training;
    snarm_train_options_init(&training);
    training.steps = 8, training.samples = 36, training.embedding = 8, training.batch = 4;
    snarm_detector *detector;
    const fit_choice choice = {.even = 1, .both = _i > 0, .tiled = _i == 2, .training = &training};
    ck_ok(try_fit(&detector, varying, choice));
    snarm_scorer_info seen = {.struct_size = sizeof seen};
    snarm_backbone_info given = {.struct_size = sizeof given};
    ck_ok(snarm_scorer_get_info(snarm_detector_scorer(detector), &seen));
    ck_ok(snarm_backbone_get_info(snarm_detector_backbone(detector), &given));
    ck_assert_int_eq(seen.channels, (_i > 0 ? 2 : 1) * given.channels);
    /* In both lights the distances of image scores are those of the common one. */
    float weights[SN_STAGES_MAX] = {-1};
    const sn_stages stages = sn_detector_stages(detector);
    ck_assert(sn_detector_stage_weights(detector, weights) == (_i > 0));
    for (int32_t s = 0; s < stages.count && _i > 0; s++)
        ck_assert(weights[s] == (s < stages.count / 2 ? 0 : 1));
    const float bright = score_of(detector, PICTURES, 1), dark = score_of(detector, PICTURES, 0.8);
    ck_assert_float_eq_tol(bright, dark, (_i > 0 ? 0.5f : 0.1f) * bright);
    ck_assert(bright > score_of(detector, 0, 1));
    snarm_detector_destroy(detector);
}
END_TEST

START_TEST(refuses) {
    snarm_detector *detector;
    ck_fails(try_fit(&detector, steady, (fit_choice){.even = 1.5}), SNARM_ERROR_ARGUMENT, "snarm_fit_options: even_light is 1.5, expected 0..1");
    ck_fails(try_fit(&detector, steady, (fit_choice){.even = 1, .both = 2}), SNARM_ERROR_ARGUMENT, "both_lights is 2, expected 0..1");
    ck_fails(try_fit(&detector, steady, (fit_choice){.both = 1}), SNARM_ERROR_ARGUMENT, "both_lights is 1, but even_light is 0");
    double none[3] = {0, 0, 0};
    ck_fails(try_fit(&detector, none, (fit_choice){.even = 1}), SNARM_ERROR_ARGUMENT, "most pixels of the good pictures are black");
    ck_assert_ptr_null(detector);
}
END_TEST

static void make_files(void) {
    sn_rng_seed(&rng, 4, 0);
    snprintf(network, sizeof network, "%s", scratch_file("resnet.safetensors"));
    write_resnet(network, &(resnet_shape){false, 16, 16, {1, 1, 1, 0}}, &(file_changes){0});
    for (int i = 0; i <= PICTURES; i++)
        paint_picture(&rng, pictures[i], i == PICTURES);
}

int main(void) {
    Suite *suite = suite_create("light");
    TCase *cases = tcase_create("light");
    tcase_set_timeout(cases, 60);
    tcase_add_unchecked_fixture(cases, make_files, NULL);
    tcase_add_test(cases, light_of_any_view);
    tcase_add_test(cases, light_of_large_pictures);
    tcase_add_test(cases, preprocess_in_another_light);
    tcase_add_loop_test(cases, detectors, 0, 2);
    tcase_add_test(cases, half_of_the_way);
    tcase_add_test(cases, both_lights);
    tcase_add_test(cases, light_of_samples);
    tcase_add_loop_test(cases, trained, 0, 3);
    tcase_add_test(cases, refuses);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
