/* Detectors with tiles: maps of the canvas, model files, options, threads, training. */
#define _GNU_SOURCE
#include "core/memory.h"
#include "detector/detector.h"
#include "networks.h"
#include "pictures.h"
#include "snarm/map.h"
#include "support.h"

#include <math.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No whole number of tiles of 64 pixels that share 16. */
enum { PICTURES = 12, WIDTH = 168, HEIGHT = 119, PIXELS = WIDTH * HEIGHT, TILE = 64, OVERLAP = 16, DEFECT = PICTURES };

static sn_rng rng;
static char network[256];
static uint8_t pictures[PICTURES + 1][PIXELS * 3]; /* the last one has a defect */

static void paint(uint8_t *rgb, bool defect) {
    const double shift = 3 * sn_rng_uniform(&rng), light = 90 + 10 * sn_rng_uniform(&rng);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            for (int c = 0; c < 3; c++) {
                double value = light + 40 * sin((x + shift) * 0.7) + 10 * c + 6 * sn_rng_uniform(&rng);
                if (defect && x >= 110 && x < 122 && y >= 70 && y < 82)
                    value = (x + y) % 5 < 2 ? 250 : 5;
                rgb[(y * WIDTH + x) * 3 + c] = (uint8_t)value;
            }
}

static snarm_image view(const uint8_t *rgb) {
    return (snarm_image){.pixels = rgb, .width = WIDTH, .height = HEIGHT, .format = SNARM_RGB8};
}

/* At most one picture is out at a time. */
typedef struct lender {
    size_t loads, out;
} lender;

static snarm_status give(void *user, size_t index, snarm_image *image) {
    lender *l = user;
    ck_assert_uint_eq(l->out, 0);
    l->loads++, l->out++;
    *image = view(pictures[index]);
    return SNARM_OK;
}

static void take_back(void *user, snarm_image *image) {
    lender *l = user;
    ck_assert_ptr_nonnull(image->pixels);
    l->out--;
}

static void make_files(void) {
    sn_rng_seed(&rng, 21, 0);
    snprintf(network, sizeof network, "%s", scratch_file("resnet.safetensors"));
    write_resnet(network, &(resnet_shape){false, 16, 16, {1, 1, 1, 0}}, &(file_changes){0});
    for (int i = 0; i <= PICTURES; i++)
        paint(pictures[i], i == DEFECT);
}

static snarm_fit_options tiled(void) {
    snarm_fit_options options;
    snarm_fit_options_init(&options);
    options.tile_width = TILE;
    options.tile_overlap = OVERLAP;
    options.bank_size = 300;
    options.threads = 2;
    return options;
}

static snarm_status try_fit(snarm_detector **detector, const snarm_fit_options *options, size_t count) {
    lender l = {0};
    const snarm_image_source source = {count, give, take_back, &l};
    const snarm_status status = snarm_detector_fit(detector, network, &source, options);
    ck_assert_uint_eq(l.out, 0);
    return status;
}

static snarm_detector *fit(const snarm_fit_options *options, size_t count) {
    snarm_detector *detector;
    ck_ok(try_fit(&detector, options, count));
    return detector;
}

static snarm_result inspect(const snarm_detector *detector, const uint8_t *rgb, float *map) {
    const snarm_image image = view(rgb);
    snarm_result result = {.struct_size = sizeof result};
    ck_ok(snarm_detector_inspect(detector, &image, &result, map));
    return result;
}

/* Maps of pixels floats at most. */
static void expect_same(const snarm_detector *a, const snarm_detector *b, size_t pixels) {
    static float maps[2][PIXELS];
    ck_assert_uint_le(pixels, PIXELS);
    for (int i = 0; i <= PICTURES; i += 6) {
        const snarm_result x = inspect(a, pictures[i], maps[0]), y = inspect(b, pictures[i], maps[1]);
        ck_assert(x.score == y.score && x.threshold == y.threshold && x.map_threshold == y.map_threshold);
        ck_assert(x.map_x == y.map_x && x.map_y == y.map_y && x.x == y.x && x.y == y.y);
        ck_assert_int_eq(memcmp(maps[0], maps[1], pixels * sizeof(float)), 0);
    }
}

START_TEST(finds_saves_loads) {
    const snarm_fit_options options = tiled();
    snarm_detector *detector = fit(&options, PICTURES), *loaded, *again;
    float map[PIXELS];
    const snarm_result bad = inspect(detector, pictures[DEFECT], map), good = inspect(detector, pictures[0], NULL);
    ck_assert(bad.anomalous && !good.anomalous && bad.normalized > 0.5f && good.normalized < 0.5f);
    ck_assert(bad.x > 104 && bad.x < 128 && bad.y > 64 && bad.y < 88);
    ck_assert(bad.map_max == map[bad.map_y * WIDTH + bad.map_x]);
    ck_assert(bad.preprocess_ms > 0 && bad.backbone_ms > 0 && bad.match_ms > 0 && bad.scorer_ms == 0 && bad.map_ms > 0);
    snarm_detector_info info = {.struct_size = sizeof info};
    ck_ok(snarm_detector_get_info(detector, &info));
    ck_assert(info.preprocess.width == WIDTH && info.preprocess.height == HEIGHT);
    ck_assert(info.preprocess.resize_width == WIDTH && info.preprocess.resize_height == HEIGHT);
    ck_assert(info.tile_width == TILE && info.tile_height == TILE && info.tile_overlap == OVERLAP);
    ck_assert(info.tile_columns == 4 && info.tile_rows == 3 && info.format_version == 2);
    ck_assert(info.backbone->width == TILE && info.image_count == PICTURES && info.bank_count == 300);
    /* Vectors are known by their picture, not by their tile. */
    const int32_t *owners;
    ck_ok(snarm_bank_get_vectors(snarm_detector_bank(detector), NULL, &owners));
    bool owns[PICTURES] = {false};
    for (size_t i = 0; i < info.bank_count; i++) {
        ck_assert(owners[i] >= 0 && owners[i] < PICTURES);
        owns[owners[i]] = true;
    }
    for (int i = 0; i < PICTURES; i++)
        ck_assert(owns[i]);
    const float *scores;
    size_t count;
    ck_ok(snarm_detector_get_scores(detector, &scores, &count));
    ck_assert_uint_eq(count, PICTURES);
    for (size_t i = 0; i < count; i++)
        ck_assert(scores[i] < info.threshold && scores[i] >= info.score_low);
    /* Left out, a picture looks a little stranger than with its own vectors in the bank. */
    ck_assert(scores[0] > good.score);

    const char *path = scratch_file("tiled.snarm");
    ck_ok(snarm_detector_save(detector, path));
    snarm_detector_options load;
    snarm_detector_options_init(&load);
    load.threads = 2;
    ck_ok(snarm_detector_load(&loaded, path, &load));
    expect_same(detector, loaded, PIXELS);
    snarm_detector_info info2 = {.struct_size = sizeof info2};
    ck_ok(snarm_detector_get_info(loaded, &info2));
    ck_assert(info2.tile_columns == 4 && info2.tile_rows == 3 && info2.tile_overlap == OVERLAP && info2.format_version == 2);
    snarm_detector_destroy(detector);
    ck_ok(snarm_detector_save(loaded, path)); /* over the file that it is mapped from */
    ck_ok(snarm_detector_load(&again, path, &load));
    expect_same(loaded, again, PIXELS);
    snarm_detector_destroy(loaded), snarm_detector_destroy(again);
}
END_TEST

START_TEST(one_tile_is_the_untiled_detector) {
    snarm_fit_options options = tiled();
    options.width = options.resize_width = TILE, options.resize_height = TILE + 8;
    snarm_detector *one = fit(&options, PICTURES);
    options.tile_width = options.tile_overlap = 0;
    snarm_detector *none = fit(&options, PICTURES);
    snarm_detector_info info = {.struct_size = sizeof info};
    ck_ok(snarm_detector_get_info(one, &info));
    ck_assert(info.tile_columns == 1 && info.tile_rows == 1 && info.format_version == 2);
    ck_ok(snarm_detector_get_info(none, &info));
    ck_assert(info.tile_columns == 0 && info.tile_width == 0 && info.format_version == 1);
    expect_same(one, none, TILE * TILE);
    snarm_detector_destroy(one), snarm_detector_destroy(none);
}
END_TEST

/* Share of tile i at position at: 1, and along the ramps smoothly to 0; by its own formula. */
static double share(const sn_tile_axis *axis, int32_t i, int32_t at) {
    double from = 1, to = 0;
    if (i > 0) {
        const int32_t start = (sn_tile_start(axis, i - 1) + axis->tile + sn_tile_start(axis, i) - axis->ramp) / 2;
        const double t = fmin(fmax((at - start + 0.5) / axis->ramp, 0), 1);
        from = t * t * (3 - 2 * t);
    }
    if (i + 1 < axis->count) {
        const int32_t start = (sn_tile_start(axis, i) + axis->tile + sn_tile_start(axis, i + 1) - axis->ramp) / 2;
        const double t = fmin(fmax((at - start + 0.5) / axis->ramp, 0), 1);
        to = t * t * (3 - 2 * t);
    }
    return from - to;
}

/* The map made of its parts by hand: each tile cut out of the picture, its features, distances and map, all weighted. */
START_TEST(map_is_made_of_its_tiles) {
    snarm_fit_options options = tiled();
    snarm_detector *d = fit(&options, 4);
    const sn_tiles *tiles = &d->tiles;
    snarm_preprocess how = d->recipe.preprocess;
    how.width = how.height = how.resize_width = how.resize_height = TILE;
    const size_t patches = 8 * 8, channels = (size_t)d->shape.channels;
    float *planes = malloc(3 * TILE * TILE * sizeof *planes), *features = malloc(patches * channels * sizeof *features);
    static float map[PIXELS], expected[PIXELS], part[TILE * TILE];
    static double sum[PIXELS], weights[PIXELS];
    for (size_t i = 0; i < sn_tiles_count(tiles); i++) {
        const int32_t column = (int32_t)(i % 4), row = (int32_t)(i / 4);
        const int32_t left = sn_tile_start(&tiles->x, column), top = sn_tile_start(&tiles->y, row);
        const snarm_image cut = {.pixels = pictures[DEFECT] + (top * WIDTH + left) * 3, .width = TILE, .height = TILE,
                                 .stride = WIDTH * 3, .format = SNARM_RGB8};
        float distances[64];
        ck_ok(snarm_image_preprocess(&cut, &how, planes, NULL));
        ck_ok(snarm_backbone_features(d->backbone, planes, features));
        ck_ok(snarm_bank_search(d->bank, features, patches, 1, -1, distances, NULL));
        ck_ok(snarm_map_from_patches(distances, 8, 8, TILE, TILE, 1, part));
        for (int32_t y = 0; y < TILE; y++)
            for (int32_t x = 0; x < TILE; x++) {
                const double weight = share(&tiles->x, column, left + x) * share(&tiles->y, row, top + y);
                sum[(top + y) * WIDTH + left + x] += weight * (double)part[y * TILE + x];
                weights[(top + y) * WIDTH + left + x] += weight;
            }
    }
    float largest = 0;
    for (int i = 0; i < PIXELS; i++) {
        ck_assert_double_lt(fabs(weights[i] - 1), 1e-12);
        expected[i] = (float)sum[i];
    }
    ck_ok(snarm_map_smooth(expected, WIDTH, HEIGHT, 4, 1));
    inspect(d, pictures[DEFECT], map);
    for (int i = 0; i < PIXELS; i++)
        largest = fmaxf(largest, expected[i]);
    for (int i = 0; i < PIXELS; i++)
        ck_assert_msg(fabsf(map[i] - expected[i]) < 1e-3f * largest, "pixel %d: %g, expected %g", i, (double)map[i],
                      (double)expected[i]);
    free(planes), free(features);
    snarm_detector_destroy(d);
}
END_TEST

/* The number of pictures decoded is that of passes, not of tiles; kept features give the same bytes. */
START_TEST(features_kept_or_not) {
    snarm_fit_options options = tiled();
    lender l = {0};
    const snarm_image_source source = {PICTURES, give, take_back, &l};
    snarm_detector *kept = fit(&options, PICTURES), *computed, *mixed;
    options.feature_memory = 5 * 64 * 48 * 4; /* five tiles */
    mixed = fit(&options, PICTURES);
    options.feature_memory = -1;
    ck_ok(snarm_detector_fit(&computed, network, &source, &options));
    ck_assert_uint_le(l.loads, 1 + 3 * PICTURES); /* the first's size, features, bank, threshold */
    /* These two choose from a share of the patches, five times the bank's: like each other, not like the first. */
    expect_same(mixed, computed, PIXELS);
    ck_assert(inspect(kept, pictures[DEFECT], NULL).anomalous && inspect(mixed, pictures[DEFECT], NULL).anomalous);
    ck_assert(!inspect(kept, pictures[0], NULL).anomalous && !inspect(mixed, pictures[0], NULL).anomalous);
    const float *a, *b;
    ck_ok(snarm_bank_get_vectors(kept->bank, &a, NULL));
    ck_ok(snarm_bank_get_vectors(mixed->bank, &b, NULL));
    ck_assert_int_ne(memcmp(a, b, 300 * (size_t)kept->shape.channels * sizeof *a), 0);
    snarm_detector_destroy(kept), snarm_detector_destroy(mixed), snarm_detector_destroy(computed);
}
END_TEST

START_TEST(crops_and_few_pictures) {
    snarm_fit_options options = tiled();
    options.resize_width = 2 * WIDTH, options.resize_height = 2 * HEIGHT;
    options.width = 200, options.height = 130; /* cut out of the middle */
    static float map[200 * 130], full[PIXELS];
    for (size_t count = 1; count <= 3; count++) {
        snarm_detector *detector = fit(&options, count);
        const snarm_result bad = inspect(detector, pictures[DEFECT], map);
        ck_assert(bad.anomalous && !inspect(detector, pictures[0], NULL).anomalous);
        ck_assert(bad.x > 100 && bad.x < 132 && bad.y > 60 && bad.y < 92);
        ck_ok(snarm_detector_map_to_image(detector, map, WIDTH, HEIGHT, full));
        const int place = (int)bad.y * WIDTH + (int)bad.x;
        ck_assert_float_lt(fabsf(full[place] - bad.map_max), 0.05f * bad.map_max);
        snarm_detector_destroy(detector);
    }
}
END_TEST

enum { CALLERS = 4 };

typedef struct caller {
    const snarm_detector *detector;
    float maps[3][PIXELS];
    int failed;
} caller;

static void *inspect_some(void *argument) {
    caller *c = argument;
    for (int i = 0; i < 3; i++) {
        const snarm_image image = view(pictures[6 * i]);
        snarm_result result = {.struct_size = sizeof result};
        c->failed |= snarm_detector_inspect(c->detector, &image, &result, c->maps[i]) != SNARM_OK;
    }
    return NULL;
}

START_TEST(threads_do_not_matter) {
    const snarm_fit_options options = tiled();
    snarm_detector *detector = fit(&options, PICTURES), *again = fit(&options, PICTURES);
    expect_same(detector, again, PIXELS);
    caller *callers = calloc(CALLERS + 1, sizeof *callers);
    pthread_t threads[CALLERS];
    for (int i = 0; i <= CALLERS; i++)
        callers[i].detector = detector;
    inspect_some(&callers[CALLERS]);
    for (int i = 0; i < CALLERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, inspect_some, &callers[i]), 0);
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_int_eq(callers[i].failed, 0);
        ck_assert_int_eq(memcmp(callers[i].maps, callers[CALLERS].maps, sizeof callers[i].maps), 0);
    }
    free(callers);
    snarm_detector_destroy(detector), snarm_detector_destroy(again);
}
END_TEST

/* A model whose header says other things of the tiles, in as many characters. */
START_TEST(hostile_models) {
    static const struct {
        const char *from, *to;
        snarm_status status;
        const char *words;
    } cases[] = {
        {"\"tile_width\":\"64\"", "\"tile_width\":\"00\"", SNARM_ERROR_FORMAT, "tile_width is"},
        {"\"tile_width\":\"64\"", "\"tile_width\":\"-8\"", SNARM_ERROR_FORMAT, "tile_width is"},
        {"\"tile_width\":\"64\"", "\"tile_width\":\"65\"", SNARM_ERROR_FORMAT, "width is 65"},
        {"\"tile_width\":\"64\"", "\"tile_width\":\"xx\"", SNARM_ERROR_FORMAT, "tile_width"},
        {"\"tile_width\":\"64\"", "\"tile_vidth\":\"64\"", SNARM_ERROR_FORMAT, "tile_width"},
        {"\"tile_height\":\"64\"", "\"tile_height\":\"60\"", SNARM_ERROR_FORMAT, "height is 60"},
        {"\"tile_height\":\"64\"", "\"tile_height\":\"24\"", SNARM_ERROR_FORMAT, "tile_overlap is"},
        {"\"tile_height\":\"64\"", "\"tile_heigth\":\"64\"", SNARM_ERROR_FORMAT, "tile_height"},
        {"\"tile_overlap\":\"16\"", "\"tile_overlap\":\"33\"", SNARM_ERROR_FORMAT, "tile_overlap is"},
        {"\"tile_overlap\":\"16\"", "\"tile_overlap\":\"-1\"", SNARM_ERROR_FORMAT, "tile_overlap is"},
        {"\"tile_overlap\":\"16\"", "\"tile_0verlap\":\"16\"", SNARM_ERROR_FORMAT, "tile_overlap"},
        {"\"width\":\"168\"", "\"width\":\"999\"", SNARM_ERROR_FORMAT, "resize_width is"},
        {"\"height\":\"119\"", "\"height\":\"063\"", SNARM_ERROR_FORMAT, "tile_height is"},
        {"\"width\":\"168\"", "\"width\":\"000\"", SNARM_ERROR_FORMAT, "width is"},
        {"\"format_version\":\"2\"", "\"format_version\":\"5\"", SNARM_ERROR_UNSUPPORTED, "format_version is 5"},
        {"\"format_version\":\"2\"", "\"format_version\":\"3\"", SNARM_ERROR_FORMAT, "depth_range"},
        /* One without tiles, then, of an input that the network does not take. */
        {"\"format_version\":\"2\"", "\"format_version\":\"1\"", SNARM_ERROR_FORMAT, "height is 119"},
    };
    const snarm_fit_options options = tiled();
    snarm_detector *detector = fit(&options, 3);
    char path[256];
    snprintf(path, sizeof path, "%s", scratch_file("whole.snarm"));
    ck_ok(snarm_detector_save(detector, path));
    snarm_detector_destroy(detector);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_uint_eq(strlen(cases[i].from), strlen(cases[i].to));
        const char *hostile = changed_file(path, cases[i].from, cases[i].to, "hostile.snarm");
        ck_fails(snarm_detector_load(&detector, hostile, NULL), cases[i].status, cases[i].words);
        ck_assert_ptr_null(detector);
        ck_assert_ptr_nonnull(strstr(snarm_last_error(), "hostile.snarm"));
    }
}
END_TEST

START_TEST(options_and_sizes) {
    static const struct {
        snarm_fit_options options;
        const char *words;
    } cases[] = {
        {{.tile_width = 65}, "width is 65"},
        {{.tile_width = -1}, "a size is -1"},
        {{.tile_width = 64, .width = 40}, "tile is 64x64, larger than the 40x40"},
        {{.tile_width = 176}, "tile is 176x176, larger than the 168x119"},
        {{.tile_width = 64, .tile_overlap = 33}, "tile_overlap is 33"},
        {{.tile_width = 64, .tile_overlap = -2}, "tile_overlap is -2"},
        {{.tile_overlap = 8}, "tile_overlap is 8, but no tile"},
        {{.tile_width = 64, .width = 100, .resize_width = 90}, "resize is 90x90, smaller than the canvas's 100x100"},
    };
    snarm_detector *detector;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snarm_fit_options options = cases[i].options;
        options.struct_size = sizeof options;
        ck_fails(try_fit(&detector, &options, 2), SNARM_ERROR_ARGUMENT, cases[i].words);
        ck_assert_ptr_null(detector);
    }
    /* Programs of before there were tiles: what follows their structures is not looked at, and not written. */
    snarm_fit_options options = tiled();
    options.struct_size = offsetof(snarm_fit_options, tile_width);
    options.width = TILE;
    detector = fit(&options, 2);
    snarm_detector_info info;
    memset(&info, 0x5a, sizeof info);
    info.struct_size = offsetof(snarm_detector_info, tile_width);
    ck_ok(snarm_detector_get_info(detector, &info));
    ck_assert(info.tile_width == 0x5a5a5a5a && info.tile_rows == 0x5a5a5a5a && info.preprocess.width == TILE);
    snarm_detector_destroy(detector);
    /* Defaults: an eighth of a tile in whole patches; 0 pixels for -1; the canvas from resize. */
    options = tiled();
    options.tile_overlap = 0;
    options.resize_width = 130, options.resize_height = 70;
    detector = fit(&options, 2);
    info.struct_size = sizeof info;
    ck_ok(snarm_detector_get_info(detector, &info));
    ck_assert(info.tile_overlap == 8 && info.preprocess.width == 130 && info.preprocess.height == 70);
    ck_assert(info.tile_columns == 3 && info.tile_rows == 2);
    snarm_detector_destroy(detector);
    options.tile_overlap = -1;
    detector = fit(&options, 2);
    ck_ok(snarm_detector_get_info(detector, &info));
    ck_assert(info.tile_overlap == 0 && info.tile_columns == 3 && info.tile_rows == 2);
    snarm_detector_destroy(detector);
}
END_TEST

static int stop(void *user, const char *stage, uint64_t done, uint64_t total) {
    ck_assert(done <= total && total >= 1);
    return strcmp(stage, user) == 0 && done == total / 2;
}

/* In the middle of a picture that is held. */
START_TEST(cancelled_anywhere) {
    static const char *const stages[] = {"features", "samples", "threshold"};
    snarm_train_options training;
    snarm_train_options_init(&training);
    training.steps = 2, training.samples = 24, training.embedding = 8, training.batch = 4;
    for (int i = 0; i < 3; i++) {
        snarm_fit_options options = tiled();
        options.train = &training;
        options.progress = stop;
        options.progress_user = (void *)(uintptr_t)stages[i];
        snarm_detector *detector;
        ck_fails(try_fit(&detector, &options, 3), SNARM_ERROR_CANCELLED, stages[i]);
        ck_assert_ptr_null(detector);
    }
}
END_TEST

/* Learnt quickly and by heart, from a network of random weights: what is shown is that samples of tiles teach something. */
START_TEST(trains) {
    snarm_train_options training;
    snarm_train_options_init(&training);
    training.steps = 400, training.samples = 240, training.embedding = 8, training.depth = 1;
    training.learning_rate = 0.01, training.dropout = training.shuffled = -1;
    snarm_fit_options options = tiled();
    options.threads = 1;
    options.train = &training;
    snarm_detector *detector = NULL, *loaded;
    snarm_train_report report = {0};
    /* Rounding, which each compiler and processor does its own way, decides what so short a training comes to: one of four gains. */
    for (training.seed = 0; training.seed < 4; training.seed++) {
        snarm_detector_destroy(detector);
        detector = fit(&options, PICTURES);
        ck_ok(snarm_detector_get_training(detector, &report));
        ck_assert(report.step == 400 && !report.cancelled && isfinite(report.loss));
        printf("seed %d: pixel AP %g, untrained %g\n", (int)training.seed, report.best_pixel_ap, report.untrained_pixel_ap);
        if (report.best_pixel_ap > report.untrained_pixel_ap + 0.02)
            break;
    }
    ck_assert_msg(report.best_pixel_ap > report.untrained_pixel_ap + 0.02, "%g, untrained %g", report.best_pixel_ap,
                  report.untrained_pixel_ap);
    static float map[PIXELS];
    const snarm_result bad = inspect(detector, pictures[DEFECT], map), good = inspect(detector, pictures[0], NULL);
    ck_assert(bad.anomalous && !good.anomalous && bad.score > good.score && bad.scorer_ms > 0);
    for (int i = 0; i < PIXELS; i++)
        ck_assert(map[i] >= 0 && map[i] <= 1);
    const char *path = scratch_file("trained.snarm");
    ck_ok(snarm_detector_save(detector, path));
    snarm_detector_options load;
    snarm_detector_options_init(&load);
    load.threads = 1;
    ck_ok(snarm_detector_load(&loaded, path, &load));
    expect_same(detector, loaded, PIXELS);
    snarm_detector_destroy(detector), snarm_detector_destroy(loaded);
}
END_TEST

START_TEST(training_repeats_itself) {
    snarm_train_options training;
    snarm_train_options_init(&training);
    training.steps = 4, training.samples = 36, training.embedding = 8, training.batch = 4;
    snarm_fit_options options = tiled();
    options.train = &training;
    snarm_detector *detector = fit(&options, PICTURES), *again = fit(&options, PICTURES);
    expect_same(detector, again, PIXELS);
    snarm_detector_destroy(detector), snarm_detector_destroy(again);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("detectors with tiles");
    TCase *cases = tcase_create("all");
    tcase_set_timeout(cases, 240);
    tcase_add_unchecked_fixture(cases, make_files, NULL);
    tcase_add_test(cases, finds_saves_loads);
    tcase_add_test(cases, one_tile_is_the_untiled_detector);
    tcase_add_test(cases, map_is_made_of_its_tiles);
    tcase_add_test(cases, features_kept_or_not);
    tcase_add_test(cases, crops_and_few_pictures);
    tcase_add_test(cases, threads_do_not_matter);
    tcase_add_test(cases, hostile_models);
    tcase_add_test(cases, options_and_sizes);
    tcase_add_test(cases, cancelled_anywhere);
    tcase_add_test(cases, trains);
    tcase_add_test(cases, training_repeats_itself);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
