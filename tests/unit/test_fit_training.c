/* Fits that train: from few and many pictures, several products, with textures; cancelled, gone on with, saved and loaded. */
#define _GNU_SOURCE
#include "detector/detector.h"
#include "networks.h"
#include "pictures.h"
#include "snarm/map.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PICTURES = 16, PIXELS = PICTURE_SIDE * PICTURE_SIDE };

static sn_rng rng;
static char network[256];
static uint8_t pictures[PICTURES + 1][PIXELS * 3]; /* the last one has a defect */

static snarm_status give(void *user, size_t index, snarm_image *image) {
    *image = view_picture(pictures[index + *(const size_t *)user]);
    return SNARM_OK;
}

static void make_files(void) {
    sn_rng_seed(&rng, 12, 0);
    snprintf(network, sizeof network, "%s", scratch_file("resnet.safetensors"));
    write_resnet(network, &(resnet_shape){false, 16, 16, {1, 1, 1, 0}}, &(file_changes){0});
    for (int i = 0; i <= PICTURES; i++)
        paint_picture(&rng, pictures[i], i == PICTURES);
}

static snarm_train_options short_training(int64_t steps) {
    snarm_train_options training;
    snarm_train_options_init(&training);
    training.steps = steps, training.samples = 36, training.embedding = 8, training.batch = 4;
    return training;
}

static snarm_fit_options small_fit(const snarm_train_options *training) {
    snarm_fit_options options;
    snarm_fit_options_init(&options);
    options.width = options.height = PICTURE_SIDE;
    options.bank_size = 200, options.threads = 2;
    options.train = training;
    return options;
}

static snarm_status fit_first(snarm_detector **detector, size_t count, const snarm_fit_options *options) {
    size_t first = 0;
    const snarm_image_source source = {count, give, NULL, &first};
    return snarm_detector_fit(detector, network, &source, options);
}

static snarm_status try_fit(snarm_detector **detector, const snarm_train_options *training, size_t count,
                            const snarm_image_source *textures) {
    snarm_fit_options options = small_fit(training);
    options.textures = textures;
    return fit_first(detector, count, &options);
}

static snarm_result inspect(const snarm_detector *detector, const uint8_t *rgb, float *map) {
    const snarm_image image = view_picture(rgb);
    snarm_result result = {.struct_size = sizeof result};
    ck_ok(snarm_detector_inspect(detector, &image, &result, map));
    return result;
}

static void expect_same(const snarm_detector *a, const snarm_detector *b) {
    static float maps[2][PIXELS];
    for (int i = 0; i <= PICTURES; i += 8) {
        const snarm_result x = inspect(a, pictures[i], maps[0]), y = inspect(b, pictures[i], maps[1]);
        ck_assert(x.score == y.score && x.threshold == y.threshold && x.map_threshold == y.map_threshold);
        ck_assert_int_eq(memcmp(maps[0], maps[1], sizeof maps[0]), 0);
    }
}

static snarm_detector *load(const char *path) {
    snarm_detector_options options;
    snarm_detector_options_init(&options);
    options.threads = 2;
    snarm_detector *detector;
    ck_ok(snarm_detector_load(&detector, path, &options));
    return detector;
}

START_TEST(trains_saves_loads) {
    const snarm_train_options training = short_training(60);
    snarm_detector *detector, *loaded;
    ck_ok(try_fit(&detector, &training, PICTURES, NULL));
    snarm_train_report report;
    ck_ok(snarm_detector_get_training(detector, &report));
    ck_assert(report.steps == 60 && report.step == 60 && !report.cancelled && isfinite(report.loss));
    ck_assert(report.best_pixel_ap >= 0 && report.best_pixel_ap <= 1 && report.untrained_pixel_ap > 0);
    ck_assert(report.best_step >= 0 && report.best_step <= 60);
    snarm_detector_info info = {.struct_size = sizeof info};
    ck_ok(snarm_detector_get_info(detector, &info));
    ck_assert(info.has_scorer == 1 && info.neighbours == 1 && info.score_share > 0 && info.score_share <= 1);
    snarm_scorer_info scorer = {.struct_size = sizeof scorer};
    ck_ok(snarm_scorer_get_info(snarm_detector_scorer(detector), &scorer));
    ck_assert(scorer.neighbours == 1 && scorer.residual_scale > 0 && scorer.embedding == 8);
    ck_assert(info.score_window == 16 && info.score_floor == 0.75 && info.map_contrast == 0.2);
    ck_assert(scorer.prior_border == 0.75 && scorer.prior_stages == 2 && info.format_version == 4 && info.score_first_stage == 1);
    float map[PIXELS];
    const snarm_result bad = inspect(detector, pictures[PICTURES], map), good = inspect(detector, pictures[0], NULL);
    ck_assert(bad.anomalous && !good.anomalous && bad.score > good.score);
    for (int i = 0; i < PIXELS; i++)
        ck_assert(map[i] >= 0 && map[i] <= 1);
    const char *path = scratch_file("trained.snarm");
    ck_ok(snarm_detector_save(detector, path));
    loaded = load(path);
    expect_same(detector, loaded);
    snarm_detector_destroy(detector);
    ck_ok(snarm_detector_save(loaded, path)); /* over the file that it is mapped from */
    detector = load(path);
    expect_same(detector, loaded);
    snarm_detector_destroy(detector);
    snarm_detector_destroy(loaded);
}
END_TEST

/* A map of the norms of a picture's residuals, the first stage's halved, to the other pictures than exclude; its floor. */
static float halved_map(const snarm_detector *detector, const snarm_detector_info *info, const uint8_t *rgb, int32_t exclude, float *map) {
    const size_t patches = (size_t)info->backbone->grid_width * (size_t)info->backbone->grid_height, channels = (size_t)info->channels;
    static float planes[3 * PIXELS], distances[PIXELS];
    float *features = malloc(patches * channels * sizeof *features), *inter = malloc(patches * channels * sizeof *inter);
    const snarm_image image = view_picture(rgb);
    ck_ok(snarm_image_preprocess(&image, &info->preprocess, planes, NULL));
    ck_ok(snarm_backbone_features(snarm_detector_backbone(detector), planes, features));
    ck_ok(snarm_residual_inter(snarm_detector_residual(detector), snarm_detector_bank(detector), features, exclude, inter));
    for (size_t i = 0; i < patches; i++) {
        double sum = 0;
        for (size_t c = 0; c < channels; c++)
            sum += pow((double)inter[i * channels + c] * (c < (size_t)info->backbone->stage_channels[0] ? 0.5 : 1), 2);
        distances[i] = (float)sqrt(sum);
    }
    free(features), free(inter);
    ck_ok(snarm_map_from_patches(distances, info->backbone->grid_width, info->backbone->grid_height, PICTURE_SIDE, PICTURE_SIDE, 1, map));
    ck_ok(snarm_map_smooth(map, PICTURE_SIDE, PICTURE_SIDE, info->smoothing, 1));
    float least = map[0];
    for (int i = 1; i < PIXELS; i++)
        least = fminf(least, map[i]);
    return least;
}

static int rising(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Of three stages the first counts half in the distances that the image score is made of. What their floor has above the good pictures'
 * usual one is taken from it, as much of it as with 16 pictures. */
START_TEST(three_stages) {
    const snarm_train_options training = short_training(8);
    snarm_fit_options options = small_fit(&training);
    options.layer_count = 3, options.layers[0] = 1, options.layers[1] = 2, options.layers[2] = 3;
    options.map_contrast = -1; /* the score is that of the map without */
    snarm_detector *detector, *loaded;
    ck_ok(fit_first(&detector, PICTURES, &options));
    snarm_detector_info info = {.struct_size = sizeof info};
    ck_ok(snarm_detector_get_info(detector, &info));
    ck_assert(info.score_first_stage == 0.5 && info.score_floor == 0.75 && info.backbone->stage_count == 3);
    static float map[PIXELS], distance_map[PIXELS], floors[PICTURES];
    for (int32_t i = 0; i < PICTURES; i++)
        floors[i] = halved_map(detector, &info, pictures[i], i, distance_map);
    qsort(floors, PICTURES, sizeof *floors, rising);
    ck_assert_double_eq_tol(info.usual_floor, 0.5 * ((double)floors[PICTURES / 2 - 1] + (double)floors[PICTURES / 2]), 1e-4);
    /* A picture that is unlike the good ones all over, its colours turned; one with a defect; one of the good. */
    static uint8_t turned[3 * PIXELS];
    for (int i = 0; i < 3 * PIXELS; i++)
        turned[i] = (uint8_t)(255 - pictures[0][i]);
    const uint8_t *const inspected[] = {turned, pictures[PICTURES], pictures[0]};
    double above[3];
    for (int i = 0; i < 3; i++) {
        const snarm_result result = inspect(detector, inspected[i], map);
        above[i] = (double)halved_map(detector, &info, inspected[i], -1, distance_map) - info.usual_floor;
        float map_score, distance_score;
        ck_ok(snarm_map_score(distance_map, PICTURE_SIDE, PICTURE_SIDE, &distance_score, NULL, NULL));
        ck_ok(snarm_map_score(map, PICTURE_SIDE, PICTURE_SIDE, &map_score, NULL, NULL));
        const double distance = (double)distance_score - 0.75 * fmax(above[i], 0);
        const double expected = info.score_share * (double)map_score + (1 - info.score_share) * distance / detector->recipe.distance_full;
        ck_assert_float_eq_tol(result.score, (float)expected, 1e-5f);
    }
    ck_assert(above[0] > 0.1 * info.usual_floor && above[2] < 0);

    const char *path = scratch_file("three.snarm");
    ck_ok(snarm_detector_save(detector, path));
    loaded = load(path);
    expect_same(detector, loaded);
    snarm_detector_destroy(detector);
    snarm_detector_destroy(loaded);
}
END_TEST

/* A number of the recipe that cannot be is refused by its name, not used. */
START_TEST(wrong_floor) {
    static const char *const changes[][3] = {{"\"score_floor\":\"", "\"score_floor\":\"-", "metadata score_floor is"},
                                             {"\"usual_floor\":\"", "\"usual_floor\":\"-", "metadata usual_floor is"}};
    const snarm_train_options training = short_training(1);
    snarm_detector *detector;
    ck_ok(try_fit(&detector, &training, PICTURES, NULL));
    const char *path = scratch_file("floor.snarm");
    ck_ok(snarm_detector_save(detector, path));
    snarm_detector_destroy(detector);
    for (int i = 0; i < 2; i++) {
        const char *changed = changed_file(path, changes[i][0], changes[i][1], "changed.snarm");
        ck_fails(snarm_detector_load(&detector, changed, NULL), SNARM_ERROR_FORMAT, changes[i][2]);
        ck_assert_ptr_null(detector);
    }
}
END_TEST

/* Values that are all alike in each of so many parts. */
static bool are_level(const float *values, size_t parts, size_t count) {
    for (size_t i = 0; i < parts * count; i++)
        if (values[i] != values[i / count * count])
            return false;
    return true;
}

/* Weights of channels that were shuffled are the same in each half of phi, of both residuals; those of channels in their own order are not. */
START_TEST(shuffled_channels_weigh_the_same) {
    snarm_train_options training = short_training(6);
    training.shuffled = _i == 0 ? 0 : -1;
    snarm_detector *detector;
    ck_ok(try_fit(&detector, &training, PICTURES, NULL));
    const sn_scorer_weights *w = detector->trained;
    ck_assert(_i == 1 || are_level(w->navigator_weight, 2, w->channels / 2));
    for (size_t b = 0; b < w->branches; b++) {
        ck_assert(are_level(w->embed_weight[b], 4 * w->embedding, w->channels / 2) == (_i == 0));
        ck_assert(!are_level(w->embed_weight[b], 1, 2 * w->channels * w->embedding));
    }
    snarm_detector_destroy(detector);
}
END_TEST

/* A trained score on a larger input is that of a larger window, and the model keeps it. */
START_TEST(larger_inputs_have_larger_windows) {
    enum { SIDE = 256, WINDOW = 22 }; /* 16 pictures: of 19 at 224 */
    const snarm_train_options training = short_training(1);
    snarm_fit_options options = small_fit(&training);
    options.width = options.height = SIDE;
    options.map_contrast = -1; /* the score is that of the map without */
    snarm_detector *detector;
    ck_ok(fit_first(&detector, PICTURES, &options));
    const char *path = scratch_file("window.snarm");
    ck_ok(snarm_detector_save(detector, path));
    snarm_detector_destroy(detector);
    detector = load(path);
    snarm_detector_info info = {.struct_size = sizeof info};
    ck_ok(snarm_detector_get_info(detector, &info));
    ck_assert(info.score_window == WINDOW && info.format_version == 4);
    static float map[SIDE * SIDE];
    detector->recipe.score_share = 1;
    const snarm_result result = inspect(detector, pictures[PICTURES], map);
    double largest = 0;
    for (size_t y = 0; y + WINDOW <= SIDE; y += 2)
        for (size_t x = 0; x + WINDOW <= SIDE; x += 2) {
            double sum = 0;
            for (size_t i = 0; i < WINDOW * WINDOW; i++)
                sum += (double)map[(y + i / WINDOW) * SIDE + x + i % WINDOW];
            largest = fmax(largest, sum / (WINDOW * WINDOW));
        }
    ck_assert_double_eq_tol((double)result.score, largest, 1e-6);
    snarm_detector_destroy(detector);
}
END_TEST

/* Few-shot fits take the same way, down to one picture, of which nothing can be left out. */
START_TEST(few_pictures) {
    static const size_t counts[] = {1, 2, 4, 8};
    const snarm_train_options training = short_training(8);
    snarm_detector *detector;
    ck_ok(try_fit(&detector, &training, counts[_i], NULL));
    const snarm_result bad = inspect(detector, pictures[PICTURES], NULL);
    ck_assert(isfinite(bad.score) && isfinite(bad.threshold) && isfinite(bad.map_threshold));
    snarm_train_report report;
    ck_ok(snarm_detector_get_training(detector, &report));
    ck_assert_int_eq(report.step, 8);
    snarm_detector_destroy(detector);
}
END_TEST

START_TEST(repeats_itself) {
    const snarm_train_options training = short_training(6);
    snarm_train_options other = training;
    other.seed = 1;
    snarm_detector *a, *b, *c;
    ck_ok(try_fit(&a, &training, 12, NULL));
    ck_ok(try_fit(&b, &training, 12, NULL));
    ck_ok(try_fit(&c, &other, 12, NULL));
    expect_same(a, b);
    snarm_train_report x, y;
    ck_ok(snarm_detector_get_training(a, &x));
    ck_ok(snarm_detector_get_training(c, &y));
    ck_assert(x.loss != y.loss);
    snarm_detector_destroy(a);
    snarm_detector_destroy(b);
    snarm_detector_destroy(c);
}
END_TEST

static int stop_at_four(void *user, const snarm_train_report *report) {
    ++*(int *)user;
    return report->step >= 4;
}

START_TEST(cancelled_keeps_the_best) {
    int calls = 0;
    snarm_train_options training = short_training(100000);
    training.progress = stop_at_four, training.progress_user = &calls;
    snarm_detector *detector;
    ck_ok(try_fit(&detector, &training, 12, NULL));
    snarm_train_report report;
    ck_ok(snarm_detector_get_training(detector, &report));
    ck_assert(report.cancelled && report.step >= 4 && report.step < 100000 && calls > 0);
    snarm_detector_destroy(detector);
}
END_TEST

static int stop_after_a_check(void *user, const snarm_train_report *report) {
    (void)user;
    return report->step >= 4;
}

START_TEST(goes_on_from_a_checkpoint) {
    const char *path = scratch_file("training.checkpoint");
    snarm_train_options training = short_training(8);
    snarm_detector *whole, *first, *second;
    ck_ok(try_fit(&whole, &training, 12, NULL));
    training.checkpoint = path;
    training.progress = stop_after_a_check;
    ck_ok(try_fit(&first, &training, 12, NULL));
    ck_assert_int_eq(access(path, F_OK), 0);
    training.progress = NULL;
    ck_ok(try_fit(&second, &training, 12, NULL));
    snarm_train_report report;
    ck_ok(snarm_detector_get_training(second, &report));
    ck_assert(report.step == 8 && !report.cancelled);
    snarm_detector *other = NULL;
    training.seed = 9; /* another run: not its file */
    ck_fails(try_fit(&other, &training, 12, NULL), SNARM_ERROR_MISMATCH, path);
    ck_assert_ptr_null(other);
    snarm_detector_destroy(whole);
    snarm_detector_destroy(first);
    snarm_detector_destroy(second);
}
END_TEST

START_TEST(textures) {
    size_t first = 4;
    const snarm_image_source source = {3, give, NULL, &first};
    const snarm_train_options training = short_training(2);
    snarm_detector *detector;
    ck_ok(try_fit(&detector, &training, 4, &source));
    snarm_detector_destroy(detector);
}
END_TEST

START_TEST(bad_options) {
    snarm_detector *detector = NULL;
    snarm_train_options training = short_training(-1);
    ck_fails(try_fit(&detector, &training, 4, NULL), SNARM_ERROR_ARGUMENT, "steps is -1");
    training = short_training(2);
    training.embedding = 4;
    ck_fails(try_fit(&detector, &training, 4, NULL), SNARM_ERROR_ARGUMENT, "embedding is 4");
    training = short_training(2);
    training.learning_rate = NAN;
    ck_fails(try_fit(&detector, &training, 4, NULL), SNARM_ERROR_ARGUMENT, "learning_rate is nan");
    training = short_training(2);
    training.reference_ratio = 1;
    ck_fails(try_fit(&detector, &training, 4, NULL), SNARM_ERROR_ARGUMENT, "reference_ratio is 1");
    training = short_training(2);
    training.dropout = 1;
    ck_fails(try_fit(&detector, &training, 4, NULL), SNARM_ERROR_ARGUMENT, "dropout is 1");
    training = short_training(2);
    training.memory = 1000;
    ck_fails(try_fit(&detector, &training, 4, NULL), SNARM_ERROR_ARGUMENT, "memory is 1000");
    ck_assert_ptr_null(detector);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("fits that train");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 240);
    tcase_add_unchecked_fixture(tests, make_files, NULL);
    tcase_add_test(tests, trains_saves_loads);
    tcase_add_test(tests, three_stages);
    tcase_add_test(tests, wrong_floor);
    tcase_add_loop_test(tests, shuffled_channels_weigh_the_same, 0, 2);
    tcase_add_test(tests, larger_inputs_have_larger_windows);
    tcase_add_loop_test(tests, few_pictures, 0, 4);
    tcase_add_test(tests, repeats_itself);
    tcase_add_test(tests, cancelled_keeps_the_best);
    tcase_add_test(tests, goes_on_from_a_checkpoint);
    tcase_add_test(tests, textures);
    tcase_add_test(tests, bad_options);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
