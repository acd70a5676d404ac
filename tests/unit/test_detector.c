/* The detector: learning from pictures in memory, verdicts, model files, threads; with and without a scorer. */
#define _GNU_SOURCE
#include "detector/detector.h"
#include "io/safetensors.h"
#include "make_scorer.h"
#include "networks.h"
#include "pictures.h"
#include "reference.h"
#include "support.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PICTURES = 12, CHANNELS = 32 };

static sn_rng rng;
static char network[256], scorer[256], vit[256];
static uint8_t pictures[PICTURES + 1][PICTURE_SIDE * PICTURE_SIDE * 3]; /* the last one has a defect */

static snarm_status give(void *user, size_t index, snarm_image *image) {
    ++*(int *)user;
    *image = view_picture(pictures[index]);
    return SNARM_OK;
}

static snarm_status refuse(void *user, size_t index, snarm_image *image) {
    (void)user, (void)image;
    return index == 2 ? SNARM_ERROR_IO : give(user, index, image);
}

static void make_files(void) {
    sn_rng_seed(&rng, 11, 0);
    snprintf(network, sizeof network, "%s", scratch_file("resnet.safetensors"));
    snprintf(scorer, sizeof scorer, "%s", scratch_file("scorer.safetensors"));
    snprintf(vit, sizeof vit, "%s", scratch_file("vit.safetensors"));
    write_resnet(network, &(resnet_shape){false, 16, 16, {1, 1, 1, 0}}, &(file_changes){0});
    write_vit(vit, &(vit_shape){.names = TIMM_NAMES, .dim = 64, .depth = 3, .patch = 16, .mlp = 128, .side = 4}, &(file_changes){0});
    sn_scorer_weights sizes = scorer_paper_sizes();
    sizes.channels = CHANNELS;
    sizes.embedding = 16;
    ck_ok(make_scorer(scorer, &sizes, 5));
    for (int i = 0; i <= PICTURES; i++)
        paint_picture(&rng, pictures[i], i == PICTURES);
}

static snarm_detector *fit(const snarm_fit_options *options, size_t count) {
    int calls = 0;
    const snarm_image_source source = {count, give, NULL, &calls};
    snarm_detector *detector;
    ck_ok(snarm_detector_fit(&detector, network, &source, options));
    ck_assert_int_ge(calls, (int)count);
    return detector;
}

static snarm_fit_options small(bool with_scorer) {
    snarm_fit_options options;
    snarm_fit_options_init(&options);
    options.width = options.height = PICTURE_SIDE;
    options.bank_size = 200;
    options.threads = 2;
    options.channels = with_scorer ? CHANNELS : 0;
    options.scorer_path = with_scorer ? scorer : NULL;
    return options;
}

static snarm_result inspect(const snarm_detector *detector, const uint8_t *rgb, float *map) {
    const snarm_image image = view_picture(rgb);
    snarm_result result = {.struct_size = sizeof result};
    ck_ok(snarm_detector_inspect(detector, &image, &result, map));
    return result;
}

static void expect_same(const snarm_detector *a, const snarm_detector *b) {
    static float maps[2][PICTURE_SIDE * PICTURE_SIDE];
    for (int i = 0; i <= PICTURES; i += 4) {
        const snarm_result x = inspect(a, pictures[i], maps[0]), y = inspect(b, pictures[i], maps[1]);
        ck_assert(x.score == y.score && x.threshold == y.threshold && x.normalized == y.normalized && x.map_x == y.map_x);
        ck_assert_int_eq(memcmp(maps[0], maps[1], sizeof maps[0]), 0);
    }
}

/* Loop 0: distances, 1: a scorer. Random weights find nothing; what is tested with a scorer is that all is consistent. */
START_TEST(learns_saves_loads) {
    snarm_fit_options options = small(_i == 1);
    snarm_detector *detector = fit(&options, PICTURES);
    float map[PICTURE_SIDE * PICTURE_SIDE];
    const snarm_result bad = inspect(detector, pictures[PICTURES], map), good = inspect(detector, pictures[0], NULL);
    ck_assert(isfinite(bad.score) && bad.map_max == map[bad.map_y * PICTURE_SIDE + bad.map_x]);
    ck_assert(bad.anomalous == (bad.score >= bad.threshold) && good.anomalous == (good.score >= good.threshold));
    if (_i == 0) {
        ck_assert(bad.anomalous && !good.anomalous && bad.normalized > 0.5f && bad.normalized < 1 && good.normalized < 0.5f);
        ck_assert(bad.x > 32 && bad.x < 56 && bad.y > 16 && bad.y < 40);
    }
    snarm_detector_info info = {.struct_size = sizeof info};
    ck_ok(snarm_detector_get_info(detector, &info));
    ck_assert(info.image_count == PICTURES && info.bank_count == 200 && info.has_scorer == _i && info.threads == 2);
    ck_assert(info.neighbours == (_i == 1 ? 3 : 1) && info.backbone->pooled == _i && info.smoothing == 4);
    ck_assert((snarm_detector_scorer(detector) != NULL) == (_i == 1) && (snarm_detector_residual(detector) != NULL) == (_i == 1));
    ck_assert_ptr_nonnull(snarm_detector_bank(detector));
    const float *scores;
    size_t count;
    ck_ok(snarm_detector_get_scores(detector, &scores, &count));
    ck_assert_uint_eq(count, PICTURES);
    for (size_t i = 0; i < count; i++)
        ck_assert(isfinite(scores[i]) && scores[i] < info.threshold && scores[i] >= info.score_low);

    const char *path = scratch_file("model.snarm");
    ck_ok(snarm_detector_save(detector, path));
    snarm_detector_options load;
    snarm_detector_options_init(&load);
    load.threads = 2;
    snarm_detector *loaded, *again;
    ck_ok(snarm_detector_load(&loaded, path, &load));
    expect_same(detector, loaded);
    snarm_detector_destroy(detector);
    /* Saved over the file that it is mapped from. */
    ck_ok(snarm_detector_save(loaded, path));
    ck_ok(snarm_detector_load(&again, path, &load));
    expect_same(loaded, again);
    snarm_detector_destroy(loaded);
    snarm_detector_destroy(again);
}
END_TEST

START_TEST(features_kept_or_not) {
    snarm_fit_options options = small(false);
    snarm_detector *kept = fit(&options, PICTURES);
    options.feature_memory = -1;
    snarm_detector *computed = fit(&options, PICTURES);
    options.feature_memory = 3 * 64 * 48 * 4; /* some */
    snarm_detector *mixed = fit(&options, PICTURES);
    expect_same(kept, computed);
    expect_same(kept, mixed);
    snarm_detector_destroy(kept), snarm_detector_destroy(computed), snarm_detector_destroy(mixed);
}
END_TEST

START_TEST(few_pictures) {
    for (size_t count = 1; count <= 4; count++) {
        snarm_fit_options options = small(false);
        options.neighbours = 3;
        options.bank_size = 1 + (int64_t)count * 20;
        snarm_detector *detector = fit(&options, count);
        ck_assert(inspect(detector, pictures[PICTURES], NULL).anomalous);
        ck_assert(!inspect(detector, pictures[0], NULL).anomalous);
        snarm_detector_destroy(detector);
    }
    snarm_fit_options options = small(false);
    options.bank_size = 1;
    options.neighbours = 3; /* more than there are */
    snarm_detector *detector = fit(&options, 2);
    ck_assert(isfinite(inspect(detector, pictures[PICTURES], NULL).score));
    snarm_detector_destroy(detector);
}
END_TEST

START_TEST(rectangles_and_crops) {
    snarm_fit_options options = small(false);
    options.width = 64, options.height = 48;
    options.resize_width = 96, options.resize_height = 60;
    snarm_detector *detector = fit(&options, PICTURES);
    float map[64 * 48], full[100 * 80];
    const snarm_result result = inspect(detector, pictures[PICTURES], map);
    ck_assert(result.anomalous && result.x > 30 && result.x < 58 && result.y > 14 && result.y < 42);
    ck_ok(snarm_detector_map_to_image(detector, map, 100, 80, full));
    /* The middle of the picture is the middle of the crop; the corner repeats the map's. */
    ck_assert(fabsf(full[40 * 100 + 50] - map[24 * 64 + 32]) < 0.1f * result.map_max);
    ck_assert(fabsf(full[0] - map[0]) < 1e-5f);
    ck_fails(snarm_detector_map_to_image(detector, map, 0, 80, full), SNARM_ERROR_ARGUMENT, "0x80");
    snarm_detector_destroy(detector);
}
END_TEST

START_TEST(a_vit_learns_too) {
    int calls = 0;
    const snarm_image_source source = {PICTURES, give, NULL, &calls};
    snarm_fit_options options = small(false);
    options.layers[0] = 1, options.layers[1] = 2, options.layer_count = 2;
    snarm_detector *detector, *loaded;
    ck_ok(snarm_detector_fit(&detector, vit, &source, &options));
    const char *path = scratch_file("vit.snarm");
    ck_ok(snarm_detector_save(detector, path));
    ck_ok(snarm_detector_load(&loaded, path, NULL));
    expect_same(detector, loaded);
    snarm_detector_destroy(detector), snarm_detector_destroy(loaded);
}
END_TEST

typedef struct caller {
    const snarm_detector *detector;
    float maps[PICTURES + 1][PICTURE_SIDE * PICTURE_SIDE];
    snarm_result results[PICTURES + 1];
    int failed;
} caller;

static void *inspect_all(void *argument) {
    caller *c = argument;
    for (int i = 0; i <= PICTURES; i++) {
        const snarm_image image = view_picture(pictures[i]);
        c->results[i].struct_size = sizeof c->results[i];
        c->failed |= snarm_detector_inspect(c->detector, &image, &c->results[i], c->maps[i]) != SNARM_OK;
    }
    return NULL;
}

START_TEST(threads_do_not_matter) {
    enum { CALLERS = 4 };
    snarm_fit_options options = small(_i == 1);
    snarm_detector *detector = fit(&options, PICTURES);
    caller *callers = calloc(CALLERS + 1, sizeof *callers);
    pthread_t threads[CALLERS];
    for (int i = 0; i <= CALLERS; i++)
        callers[i].detector = detector;
    inspect_all(&callers[CALLERS]);
    for (int i = 0; i < CALLERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, inspect_all, &callers[i]), 0);
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_int_eq(callers[i].failed, 0);
        ck_assert_int_eq(memcmp(callers[i].maps, callers[CALLERS].maps, sizeof callers[i].maps), 0);
        for (int p = 0; p <= PICTURES; p++)
            ck_assert(callers[i].results[p].score == callers[CALLERS].results[p].score);
    }
    snarm_detector_destroy(detector);
    free(callers);
}
END_TEST

static int stop(void *user, const char *stage, uint64_t done, uint64_t total) {
    ck_assert(done <= total && total >= 1);
    return strcmp(stage, user) == 0;
}

START_TEST(cancelled_anywhere) {
    static const char *const stages[] = {"features", "coreset", "bank", "threshold"};
    for (int i = 0; i < 4; i++) {
        snarm_fit_options options = small(false);
        options.progress = stop;
        options.progress_user = (void *)(uintptr_t)stages[i];
        int calls = 0;
        const snarm_image_source source = {PICTURES, give, NULL, &calls};
        snarm_detector *detector;
        ck_fails(snarm_detector_fit(&detector, network, &source, &options), SNARM_ERROR_CANCELLED, stages[i]);
        ck_assert_ptr_null(detector);
    }
}
END_TEST

/* The bytes of a file, the caller's to free. */
static unsigned char *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = malloc(*size);
    ck_assert_uint_eq(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

static void write_file(const char *path, const unsigned char *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

/* A model cut at every 1,000th byte, and with bytes of its header changed: refused with a sentence that names the file, or
 * still a model that can be used, never anything worse. */
START_TEST(broken_models) {
    snarm_fit_options options = small(_i == 1);
    snarm_detector *detector = fit(&options, PICTURES);
    char path[256], broken[256];
    snprintf(path, sizeof path, "%s", scratch_file("whole.snarm"));
    snprintf(broken, sizeof broken, "%s", scratch_file("broken.snarm"));
    ck_ok(snarm_detector_save(detector, path));
    snarm_detector_destroy(detector);
    size_t size, header = 0;
    unsigned char *bytes = read_file(path, &size);
    for (int i = 7; i >= 0; i--)
        header = header << 8 | bytes[i];
    write_file(broken, bytes, size);
    for (size_t length = size - 1; length < size; length -= 1000) {
        ck_assert_int_eq(truncate(broken, (off_t)length), 0);
        const snarm_status status = snarm_detector_load(&detector, broken, NULL);
        ck_assert_msg(status == SNARM_ERROR_FORMAT, "cut at %zu: status %d", length, (int)status);
        ck_assert_ptr_null(detector);
        ck_assert_ptr_nonnull(strstr(snarm_last_error(), "broken.snarm"));
        ck_assert_ptr_null(strchr(snarm_last_error(), '\n'));
    }
    for (size_t at = 0; at < 8 + header; at += 1 + header / 150) {
        bytes[at] ^= 0x15;
        write_file(broken, bytes, size);
        if (snarm_detector_load(&detector, broken, NULL) == SNARM_OK)
            ck_assert(isfinite(inspect(detector, pictures[0], NULL).score));
        else
            ck_assert_ptr_nonnull(strstr(snarm_last_error(), "broken.snarm"));
        snarm_detector_destroy(detector);
        bytes[at] ^= 0x15;
    }
    free(bytes);
}
END_TEST

START_TEST(bad_options) {
    static const struct {
        snarm_fit_options options;
        const char *words;
    } cases[] = {
        {{.bank_size = -1}, "bank_size is -1"},
        {{.neighbours = 65}, "neighbours is 65"},
        {{.smoothing = 65}, "smoothing is 65"},
        {{.false_alarm_rate = 1}, "false_alarm_rate is 1"},
        {{.false_alarm_rate = NAN}, "false_alarm_rate is nan"},
        {{.feature_memory = -2}, "feature_memory is -2"},
        {{.width = 65}, "width is 65"},
        {{.width = 64, .resize_width = 63}, "resize is 63x63"},
        {{.width = 64, .layers = {4}, .layer_count = 1}, "layers[0] is 4"},
        {{.width = 64, .channels = 5}, "channels is 5"},
    };
    int calls = 0;
    snarm_image_source source = {PICTURES, give, NULL, &calls};
    snarm_detector *detector;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snarm_fit_options options = cases[i].options;
        options.struct_size = sizeof options;
        ck_fails(snarm_detector_fit(&detector, network, &source, &options), SNARM_ERROR_ARGUMENT, cases[i].words);
        ck_assert_ptr_null(detector);
    }
    snarm_fit_options options = small(true);
    options.channels = 24;
    ck_fails(snarm_detector_fit(&detector, network, &source, &options), SNARM_ERROR_MISMATCH, "scorer.safetensors");
    options = small(false);
    source.load = refuse;
    ck_assert_int_eq(snarm_detector_fit(&detector, network, &source, &options), SNARM_ERROR_IO);
    source.count = 0;
    ck_fails(snarm_detector_fit(&detector, network, &source, &options), SNARM_ERROR_ARGUMENT, "count is 0");
    const char *paths[] = {scratch_file("no-picture.png")};
    ck_fails(snarm_detector_fit_files(&detector, network, paths, 1, &options), SNARM_ERROR_IO, "no-picture.png");
    ck_fails(snarm_detector_load(&detector, network, NULL), SNARM_ERROR_FORMAT, "is not a detector");
    ck_fails(snarm_detector_load(&detector, scratch_file("absent.snarm"), NULL), SNARM_ERROR_IO, "absent.snarm");
    snarm_detector_destroy(NULL);
}
END_TEST

START_TEST(thresholds) {
    float threshold, low, scores[1000];
    for (int i = 0; i < 1000; i++)
        scores[i] = (float)((i * 37) % 1000);
    sn_choose_threshold(scores, 1000, 0.01, &threshold, &low);
    ck_assert(threshold == 989.5f && low == 0); /* ten of a thousand lie above */
    /* None may: above the largest, and above a normal tail. */
    float few[4] = {10, 11, 9, 10};
    sn_choose_threshold(few, 4, 0.01, &threshold, &low);
    ck_assert(threshold > 11.5f && threshold < 14 && low == 9);
    float equal[3] = {2, 2, 2};
    sn_choose_threshold(equal, 3, 0.5, &threshold, &low);
    ck_assert(threshold > 2 && low == 2);
    float one[1] = {5};
    sn_choose_threshold(one, 1, 0.01, &threshold, &low);
    ck_assert(threshold > 5);
    /* Rising, 0.5 at the threshold, within 0..1. */
    ck_assert(sn_normalize_score(3, 5, 3) == 0 && sn_normalize_score(1, 5, 3) == 0 && sn_normalize_score(5, 5, 3) == 0.5f);
    float former = 0;
    for (float score = 3.01f; score < 9; score += 0.01f) {
        const float value = sn_normalize_score(score, 5, 3);
        ck_assert(value > former && value < 1);
        former = value;
    }
    ck_assert(sn_normalize_score(1e30f, 5, 3) < 1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("detector");
    TCase *cases = tcase_create("detector");
    tcase_set_timeout(cases, 240);
    tcase_add_unchecked_fixture(cases, make_files, NULL);
    tcase_add_loop_test(cases, learns_saves_loads, 0, 2);
    tcase_add_test(cases, features_kept_or_not);
    tcase_add_test(cases, few_pictures);
    tcase_add_test(cases, rectangles_and_crops);
    tcase_add_test(cases, a_vit_learns_too);
    tcase_add_loop_test(cases, threads_do_not_matter, 0, 2);
    tcase_add_test(cases, cancelled_anywhere);
    tcase_add_loop_test(cases, broken_models, 0, 2);
    tcase_add_test(cases, bad_options);
    tcase_add_test(cases, thresholds);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
