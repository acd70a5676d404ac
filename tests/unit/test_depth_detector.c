/* Detectors that look at depth beside the picture: what each of both shows is found; files, errors, tiles, training. */
#define _GNU_SOURCE
#include "core/rng.h"
#include "detector/detector.h"
#include "networks.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIDE = 64, PIXELS = SIDE * SIDE, PARTS = 12, DENTED = PARTS, STAINED, KINDS };

static sn_rng rng;
static char network[256];
static uint8_t pictures[KINDS][PIXELS * 3];
static float points[KINDS][PIXELS * 3];

static void paint(int part) {
    const double shift = 2 * sn_rng_uniform(&rng), away = 300 + 5 * sn_rng_uniform(&rng), tilt = 0.05 * sn_rng_uniform(&rng);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            const bool there = x >= 36 && x < 48 && y >= 20 && y < 32, on = x >= 8 && x < 56 && y >= 8 && y < 56;
            for (int c = 0; c < 3; c++) {
                double value = 100 + 40 * sin((x + shift) * 0.8) + 8 * c + 6 * sn_rng_uniform(&rng);
                if (part == STAINED && there)
                    value = (x + y) % 5 < 2 ? 250 : 5;
                pictures[part][(y * SIDE + x) * 3 + c] = (uint8_t)value;
            }
            double height = on ? 3 + 0.4 * sin((y + shift) * 0.5) : 0;
            if (part == DENTED && there)
                height -= (x + y) % 5 < 2 ? 2 : 0;
            float *point = points[part] + 3 * (y * SIDE + x);
            point[0] = (float)(0.5 * x), point[1] = (float)(0.5 * y);
            point[2] = (float)(away + tilt * x - height + 0.01 * sn_rng_normal(&rng));
            if (sn_rng_below(&rng, 50) == 0)
                point[2] = NAN;
        }
}

static snarm_image view(int part) {
    return (snarm_image){.pixels = pictures[part], .width = SIDE, .height = SIDE, .format = SNARM_RGB8};
}

static snarm_depth depth_of(int part) {
    return (snarm_depth){points[part], SIDE, SIDE};
}

static snarm_status give(void *user, size_t index, snarm_image *image) {
    (void)user;
    *image = view((int)index);
    return SNARM_OK;
}

typedef struct lender {
    int out, loads;
    size_t broken; /* SIZE_MAX: none */
} lender;

static snarm_status give_depth(void *user, size_t index, snarm_depth *depth) {
    lender *l = user;
    ck_assert_int_eq(l->out, 0);
    l->out++, l->loads++;
    *depth = depth_of((int)index);
    if (index == l->broken)
        depth->height = 0;
    return SNARM_OK;
}

static void take_back(void *user, snarm_depth *depth) {
    ck_assert_ptr_nonnull(depth->points);
    ((lender *)user)->out--;
}

static snarm_fit_options usual(void) {
    snarm_fit_options options;
    snarm_fit_options_init(&options);
    options.width = options.height = SIDE;
    options.bank_size = 300, options.threads = 2;
    return options;
}

static snarm_status try_fit(snarm_detector **detector, snarm_fit_options options, size_t count, size_t broken) {
    lender l = {.broken = broken};
    const snarm_image_source source = {count, give, NULL, NULL};
    const snarm_depth_source depths = {count, give_depth, take_back, &l};
    options.depths = &depths;
    const snarm_status status = snarm_detector_fit(detector, network, &source, &options);
    ck_assert_int_eq(l.out, 0);
    return status;
}

static snarm_detector *fit(snarm_fit_options options, size_t count) {
    snarm_detector *detector;
    ck_ok(try_fit(&detector, options, count, SIZE_MAX));
    return detector;
}

static snarm_result inspect(const snarm_detector *detector, int picture, int depth, float *map) {
    const snarm_image image = view(picture);
    const snarm_depth relief = depth_of(depth);
    snarm_result result = {.struct_size = sizeof result};
    ck_ok(snarm_detector_inspect_depth(detector, &image, &relief, &result, map));
    return result;
}

static void expect_same(const snarm_detector *a, const snarm_detector *b) {
    static float maps[2][PIXELS];
    for (int part = 0; part < KINDS; part += 5) {
        const snarm_result x = inspect(a, part, part, maps[0]), y = inspect(b, part, part, maps[1]);
        ck_assert(x.score == y.score && x.threshold == y.threshold && x.normalized == y.normalized);
        ck_assert_int_eq(memcmp(maps[0], maps[1], sizeof maps[0]), 0);
    }
}

static snarm_detector_info info_of(const snarm_detector *detector) {
    snarm_detector_info info = {.struct_size = sizeof info};
    ck_ok(snarm_detector_get_info(detector, &info));
    return info;
}

static void expect_found(const snarm_detector *detector, int part) {
    const snarm_result result = inspect(detector, part, part, NULL);
    ck_assert_msg(result.anomalous && result.x > 30 && result.x < 54 && result.y > 14 && result.y < 38, "part %d: %g of %g at %g, %g",
                  part, (double)result.score, (double)result.threshold, result.x, result.y);
}

START_TEST(finds_what_either_shows) {
    snarm_detector *both = fit(usual(), PARTS);
    expect_found(both, DENTED);
    expect_found(both, STAINED);
    for (int part = 0; part < PARTS; part++)
        ck_assert(inspect(both, part, part, NULL).normalized < 0.6f);
    const snarm_detector_info info = info_of(both);
    ck_assert(info.has_depth == 1 && info.channels == 2 * info.backbone->channels && info.format_version == 3);
    ck_assert_msg(info.depth_range > 3 && info.depth_range < 5, "%g", info.depth_range);
    ck_assert_msg(info.depth_background > 0.02 && info.depth_background < 0.1, "%g", info.depth_background);
    ck_assert(info.depth_weight > 0);
    /* The picture alone does not see the dent. */
    const snarm_image_source source = {PARTS, give, NULL, NULL};
    snarm_fit_options options = usual();
    snarm_detector *colour;
    ck_ok(snarm_detector_fit(&colour, network, &source, &options));
    const snarm_image dented = view(DENTED), stained = view(STAINED);
    snarm_result result = {.struct_size = sizeof result};
    ck_ok(snarm_detector_inspect(colour, &stained, &result, NULL));
    ck_assert(result.anomalous);
    const float found = result.score;
    ck_ok(snarm_detector_inspect(colour, &dented, &result, NULL));
    ck_assert(result.score < 0.5f * found && result.score < 1.3f * result.threshold);
    ck_assert_int_eq(info_of(colour).has_depth, 0);
    ck_assert_int_eq(info_of(colour).channels, info_of(colour).backbone->channels);
    snarm_detector_destroy(colour);
    snarm_detector_destroy(both);
}
END_TEST

/* The picture and its relief; and in both lights the picture as it is, in the other one, and its relief. */
START_TEST(features_lie_side_by_side) {
    const size_t views = _i == 0 ? 2 : 3;
    snarm_fit_options recipe = usual();
    recipe.even_light = views == 3 ? 1 : 0, recipe.both_lights = views == 3;
    snarm_detector *both = fit(recipe, 4);
    const snarm_detector_info info = info_of(both);
    const size_t channels = (size_t)info.backbone->channels, patches = (size_t)info.backbone->grid_width * (size_t)info.backbone->grid_height;
    const snarm_depth depth = depth_of(2);
    snarm_image image = view(2), relief;
    snarm_relief_options options;
    snarm_relief_options_init(&options);
    options.range = info.depth_range, options.background = info.depth_background;
    ck_ok(snarm_depth_relief(&relief, &depth, &options));
    ck_assert_int_eq(info.channels, (int32_t)(views * channels));
    float *planes = malloc(3 * PIXELS * sizeof *planes), *one = malloc(patches * channels * sizeof *one);
    float *joined = malloc(views * patches * channels * sizeof *joined);
    for (size_t v = 0; v < views; v++) {
        const bool last = v + 1 == views;
        ck_ok(snarm_image_preprocess_light(last ? &relief : &image, &info.preprocess, v == 1 && !last ? info.light : 0, 1, planes, NULL));
        ck_ok(snarm_backbone_features(snarm_detector_backbone(both), planes, one));
        for (size_t p = 0; p < patches; p++)
            for (size_t c = 0; c < channels; c++)
                joined[(p * views + v) * channels + c] = (last ? (float)info.depth_weight : 1) * one[p * channels + c];
    }
    float *distances = malloc(patches * sizeof *distances), *map = malloc(PIXELS * sizeof *map), *own = malloc(PIXELS * sizeof *own);
    ck_ok(snarm_bank_search(snarm_detector_bank(both), joined, patches, 1, -1, distances, NULL));
    const snarm_result result = inspect(both, 2, 2, map);
    void *state;
    ck_ok(sn_pool_take(both->states, &state));
    ck_assert_int_eq(memcmp(((sn_inspection *)state)->patches, distances, patches * sizeof *distances), 0);
    sn_pool_give(both->states, state);
    ck_assert(result.score >= 0);
    free(planes), free(one), free(joined), free(distances), free(map), free(own);
    snarm_image_release(&relief);
    snarm_detector_destroy(both);
}
END_TEST

START_TEST(weights) {
    snarm_fit_options options = usual();
    snarm_detector *even = fit(options, PARTS);
    options.depth_weight = 3;
    snarm_detector *deep = fit(options, PARTS);
    ck_assert(fabs(info_of(deep).depth_weight / info_of(even).depth_weight - 3) < 1e-6);
    const float more = inspect(deep, DENTED, DENTED, NULL).score / inspect(deep, STAINED, STAINED, NULL).score;
    const float less = inspect(even, DENTED, DENTED, NULL).score / inspect(even, STAINED, STAINED, NULL).score;
    ck_assert(more > less);
    snarm_detector_destroy(even);
    snarm_detector_destroy(deep);
}
END_TEST

START_TEST(saves_and_loads) {
    for (int tiled = 0; tiled < 2; tiled++) {
        snarm_fit_options options = usual();
        options.tile_width = tiled ? 32 : 0;
        snarm_detector *made = fit(options, PARTS), *loaded;
        const char *path = scratch_file("depth.snarm");
        ck_ok(snarm_detector_save(made, path));
        ck_ok(snarm_detector_load(&loaded, path, NULL));
        const snarm_detector_info a = info_of(made), b = info_of(loaded);
        ck_assert(a.has_depth == b.has_depth && a.depth_range == b.depth_range && a.depth_background == b.depth_background &&
                  a.depth_weight == b.depth_weight && a.tile_columns == b.tile_columns && a.channels == b.channels);
        ck_assert_int_eq(a.tile_columns > 1, tiled);
        expect_same(made, loaded);
        const snarm_result dent = inspect(loaded, DENTED, DENTED, NULL), good = inspect(loaded, 0, 0, NULL);
        ck_assert(dent.score > good.score && dent.x > 30 && dent.x < 54 && dent.y > 14 && dent.y < 38);
        snarm_detector_destroy(made);
        snarm_detector_destroy(loaded);
    }
}
END_TEST

START_TEST(broken_files) {
    snarm_detector *made = fit(usual(), 3), *loaded;
    const char *path = scratch_file("whole.snarm");
    ck_ok(snarm_detector_save(made, path));
    snarm_detector_destroy(made);
    static const char *const changes[][3] = {{"\"depth_range\"", "\"depth_rangy\"", "depth_range"},
                                             {"\"depth_weight\":\"", "\"depth_weight\":\"-", "depth_weight"},
                                             {"\"depth_background\":\"", "\"depth_background\":\"x", "depth_background"},
                                             {"\"format_version\":\"3\"", "\"format_version\":\"1\"", "channels"}};
    for (int i = 0; i < 4; i++)
        ck_fails(snarm_detector_load(&loaded, changed_file(path, changes[i][0], changes[i][1], "changed.snarm"), NULL), SNARM_ERROR_FORMAT, changes[i][2]);
}
END_TEST

START_TEST(one_picture_mirrored) {
    /* A part that is its own mirror image is like itself only if mirrored slopes turn round, too. */
    static uint8_t kept[PIXELS * 3];
    static float kept_points[PIXELS * 3];
    memcpy(kept, pictures[0], sizeof kept);
    memcpy(kept_points, points[0], sizeof kept_points);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            const double dx = x - 31.5, dy = y - 31.5, height = 8 * exp(-(dx * dx + dy * dy) / 200);
            memset(pictures[0] + (y * SIDE + x) * 3, (int)(100 + height), 3);
            float *point = points[0] + 3 * (y * SIDE + x);
            point[0] = (float)(0.5 * dx), point[1] = (float)(0.5 * dy), point[2] = (float)(300 - height);
        }
    snarm_detector *one = fit(usual(), 1);
    const float *scores;
    size_t count;
    ck_ok(snarm_detector_get_scores(one, &scores, &count));
    const float other = inspect(one, 0, DENTED, NULL).score;
    ck_assert_msg(count == 1 && scores[0] < 0.1f * other, "%g, %g", (double)scores[0], (double)other);
    snarm_detector_destroy(one);
    memcpy(pictures[0], kept, sizeof kept);
    memcpy(points[0], kept_points, sizeof kept_points);
}
END_TEST

START_TEST(trains) {
    for (int tiled = 0; tiled < 2; tiled++) {
        snarm_train_options training;
        snarm_train_options_init(&training);
        training.steps = 6, training.samples = 24, training.embedding = 8, training.batch = 4;
        snarm_fit_options options = usual();
        options.train = &training;
        options.tile_width = tiled ? 32 : 0;
        snarm_detector *made = fit(options, PARTS), *again = fit(options, PARTS), *loaded;
        expect_same(made, again);
        snarm_train_report report;
        ck_ok(snarm_detector_get_training(made, &report));
        ck_assert(report.step == 6 && isfinite(report.best_pixel_ap));
        const char *path = scratch_file("trained.snarm");
        ck_ok(snarm_detector_save(made, path));
        ck_ok(snarm_detector_load(&loaded, path, NULL));
        expect_same(made, loaded);
        ck_assert(inspect(made, DENTED, DENTED, NULL).score > inspect(made, 0, 0, NULL).score);
        snarm_detector_destroy(made);
        snarm_detector_destroy(again);
        snarm_detector_destroy(loaded);
    }
}
END_TEST

START_TEST(wrong_calls) {
    snarm_detector *both = fit(usual(), 3), *none;
    snarm_image image = view(0);
    snarm_depth depth = depth_of(0);
    snarm_result result = {.struct_size = sizeof result};
    ck_fails(snarm_detector_inspect(both, &image, &result, NULL), SNARM_ERROR_ARGUMENT, "snarm_detector_inspect_depth");
    ck_fails(snarm_detector_inspect_depth(both, &image, NULL, &result, NULL), SNARM_ERROR_ARGUMENT, "depth is NULL");
    depth.points = NULL;
    ck_fails(snarm_detector_inspect_depth(both, &image, &depth, &result, NULL), SNARM_ERROR_ARGUMENT, "points is NULL");
    const snarm_image_source source = {3, give, NULL, NULL};
    snarm_fit_options options = usual();
    snarm_detector *colour;
    ck_ok(snarm_detector_fit(&colour, network, &source, &options));
    depth = depth_of(0);
    ck_fails(snarm_detector_inspect_depth(colour, &image, &depth, &result, NULL), SNARM_ERROR_ARGUMENT, "without depth");
    snarm_detector_destroy(colour);
    ck_fails(try_fit(&none, usual(), 3, 1), SNARM_ERROR_ARGUMENT, "picture 1");
    lender l = {.broken = SIZE_MAX};
    const snarm_depth_source fewer = {2, give_depth, take_back, &l};
    options.depths = &fewer;
    ck_fails(snarm_detector_fit(&none, network, &source, &options), SNARM_ERROR_ARGUMENT, "2 pictures, expected as many");
    options = usual();
    options.scorer_path = "x.safetensors";
    ck_fails(try_fit(&none, options, 3, SIZE_MAX), SNARM_ERROR_ARGUMENT, "scorer_path");
    options = usual();
    options.depth_weight = -1;
    ck_fails(try_fit(&none, options, 3, SIZE_MAX), SNARM_ERROR_ARGUMENT, "depth_weight is -1");
    options.depth_weight = NAN;
    ck_fails(try_fit(&none, options, 3, SIZE_MAX), SNARM_ERROR_ARGUMENT, "depth_weight");
    ck_assert_ptr_null(none);
    snarm_detector_destroy(both);
}
END_TEST

static void make_files(void) {
    sn_rng_seed(&rng, 33, 0);
    snprintf(network, sizeof network, "%s", scratch_file("resnet.safetensors"));
    write_resnet(network, &(resnet_shape){false, 16, 16, {1, 1, 1, 0}}, &(file_changes){0});
    for (int part = 0; part < KINDS; part++)
        paint(part);
}

int main(void) {
    Suite *suite = suite_create("depth detector");
    TCase *tests = tcase_create("depth detector");
    tcase_set_timeout(tests, 300);
    tcase_add_unchecked_fixture(tests, make_files, NULL);
    tcase_add_test(tests, finds_what_either_shows);
    tcase_add_loop_test(tests, features_lie_side_by_side, 0, 2);
    tcase_add_test(tests, weights);
    tcase_add_test(tests, saves_and_loads);
    tcase_add_test(tests, broken_files);
    tcase_add_test(tests, one_picture_mirrored);
    tcase_add_test(tests, trains);
    tcase_add_test(tests, wrong_calls);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
