/* Pipelines: the bytes of single inspections, in order, in bounded memory; failures, cancelling, files; pinned threads. */
#define _GNU_SOURCE
#include "core/threads.h"
#include "detector/detector.h"
#include "make_scorer.h"
#include "networks.h"
#include "pictures.h"
#include "snarm/pipeline.h"
#include "support.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PICTURES = 12, CHANNELS = 32, CANVAS_MOST = 96 * 96, PIXELS = PICTURE_SIDE * PICTURE_SIDE };
enum { PLAIN, SCORER, TILED, DEPTH, TILED_DEPTH, KINDS };

static sn_rng rng;
static char network[256], scorer[256];
static uint8_t pictures[PICTURES][PIXELS * 3];
static float points[PICTURES][PIXELS * 3];
static snarm_detector *detectors[KINDS];
static snarm_result expected[KINDS][PICTURES];
static float expected_maps[KINDS][PICTURES][CANVAS_MOST];

static snarm_status give(void *user, size_t index, snarm_image *image) {
    (void)user;
    *image = view_picture(pictures[index]);
    return SNARM_OK;
}

static snarm_depth depth_of(size_t index) {
    return (snarm_depth){points[index], PICTURE_SIDE, PICTURE_SIDE};
}

static snarm_status give_depth(void *user, size_t index, snarm_depth *depth) {
    (void)user;
    *depth = depth_of(index);
    return SNARM_OK;
}

static bool has_depth(int kind) {
    return kind == DEPTH || kind == TILED_DEPTH;
}

static snarm_status inspect_one(int kind, size_t index, snarm_result *result, float *map) {
    const snarm_image image = view_picture(pictures[index]);
    const snarm_depth depth = depth_of(index);
    *result = (snarm_result){.struct_size = sizeof *result};
    return has_depth(kind) ? snarm_detector_inspect_depth(detectors[kind], &image, &depth, result, map)
                           : snarm_detector_inspect(detectors[kind], &image, result, map);
}

static void fit(int kind) {
    snarm_fit_options options;
    snarm_fit_options_init(&options);
    options.width = options.height = PICTURE_SIDE;
    options.bank_size = 200;
    options.threads = 2;
    if (kind == SCORER)
        options.channels = CHANNELS, options.scorer_path = scorer;
    if (kind == TILED || kind == TILED_DEPTH)
        options.width = options.height = 96, options.tile_width = 64;
    const snarm_image_source source = {PICTURES - 1, give, NULL, NULL};
    const snarm_depth_source depths = {PICTURES - 1, give_depth, NULL, NULL};
    if (has_depth(kind))
        options.depths = &depths;
    ck_ok(snarm_detector_fit(&detectors[kind], network, &source, &options));
    for (size_t i = 0; i < PICTURES; i++)
        ck_ok(inspect_one(kind, i, &expected[kind][i], expected_maps[kind][i]));
}

static void make_all(void) {
    sn_rng_seed(&rng, 31, 0);
    snprintf(network, sizeof network, "%s", scratch_file("resnet.safetensors"));
    snprintf(scorer, sizeof scorer, "%s", scratch_file("scorer.safetensors"));
    write_resnet(network, &(resnet_shape){false, 16, 16, {1, 1, 1, 0}}, &(file_changes){0});
    sn_scorer_weights sizes = scorer_paper_sizes();
    sizes.channels = CHANNELS;
    sizes.embedding = 16;
    ck_ok(make_scorer(scorer, &sizes, 5));
    for (int i = 0; i < PICTURES; i++) {
        paint_picture(&rng, pictures[i], i == PICTURES - 1);
        for (int p = 0; p < PIXELS; p++) {
            float *point = points[i] + 3 * p;
            point[0] = 0.5f * (float)(p % PICTURE_SIDE), point[1] = 0.5f * (float)(p / PICTURE_SIDE);
            point[2] = 300 + (float)(sin(point[0]) + 0.02 * sn_rng_normal(&rng));
        }
    }
    for (int kind = 0; kind < KINDS; kind++)
        fit(kind);
}

/* A source and a sink that watch each other. */
typedef struct run {
    int kind;
    size_t count; /* pictures of the source */
    pthread_t caller;
    pthread_mutex_t lock;
    size_t loads, releases, most, delivered, failed;
    size_t fails_at, broken_at, wrong_depth_at, stops_at; /* SIZE_MAX: never */
    snarm_status stop;
    bool no_map, sink_fails_by_library;
    char sentence[1024]; /* of the last failure */
} run;

static run new_run(int kind) {
    return (run){.kind = kind,
                 .count = PICTURES,
                 .caller = pthread_self(),
                 .lock = PTHREAD_MUTEX_INITIALIZER,
                 .fails_at = SIZE_MAX,
                 .broken_at = SIZE_MAX,
                 .wrong_depth_at = SIZE_MAX,
                 .stops_at = SIZE_MAX};
}

/* Beyond 12 the same again. */
static snarm_status load(void *user, size_t index, snarm_image *image, snarm_depth *depth) {
    run *r = user;
    if (index >= r->count)
        return SNARM_OK;
    if (index == r->fails_at)
        return index % 2 == 0 ? SNARM_ERROR_IO : snarm_image_load(image, "/absent/part.png", NULL);
    pthread_mutex_lock(&r->lock);
    r->loads++;
    if (r->loads - r->releases > r->most)
        r->most = r->loads - r->releases;
    pthread_mutex_unlock(&r->lock);
    *image = view_picture(pictures[index % PICTURES]);
    if (has_depth(r->kind) != (index == r->wrong_depth_at))
        *depth = depth_of(index % PICTURES);
    if (index == r->broken_at)
        image->width = 0;
    return SNARM_OK;
}

static void take_back(void *user, size_t index, snarm_image *image, snarm_depth *depth) {
    (void)depth;
    run *r = user;
    pthread_mutex_lock(&r->lock);
    ck_assert_ptr_eq(image->pixels, pictures[index % PICTURES]);
    r->releases++;
    pthread_mutex_unlock(&r->lock);
}

static bool same_result(const snarm_result *a, const snarm_result *b) {
    return memcmp(a, b, offsetof(snarm_result, preprocess_ms)) == 0 && a->map_threshold == b->map_threshold;
}

static snarm_status receive(void *user, const snarm_pipeline_item *item) {
    run *r = user;
    ck_assert(pthread_equal(r->caller, pthread_self()));
    ck_assert_uint_eq(item->index, r->delivered);
    r->delivered++;
    if (item->index == r->fails_at || item->index == r->broken_at || item->index == r->wrong_depth_at) {
        ck_assert(item->status != SNARM_OK && item->error[0] != '\0' && item->result == NULL && item->map == NULL);
        ck_assert((item->image != NULL) == (item->index != r->fails_at));
        snprintf(r->sentence, sizeof r->sentence, "%s", item->error);
        r->failed++;
        return SNARM_OK;
    }
    ck_assert_msg(item->status == SNARM_OK, "%zu: %s", item->index, item->error);
    ck_assert_str_eq(item->error, "");
    const size_t at = item->index % PICTURES;
    const snarm_preprocess *how = &detectors[r->kind]->recipe.preprocess;
    ck_assert_ptr_eq(item->image->pixels, pictures[at]);
    ck_assert((item->depth != NULL) == has_depth(r->kind));
    ck_assert_msg(same_result(item->result, &expected[r->kind][at]), "picture %zu has another result", item->index);
    ck_assert(item->load_ms >= 0 && item->result->preprocess_ms >= 0 && item->result->backbone_ms > 0);
    if (r->no_map)
        ck_assert_ptr_null(item->map);
    else
        ck_assert_int_eq(memcmp(item->map, expected_maps[r->kind][at], (size_t)(how->width * how->height) * sizeof(float)), 0);
    if (item->index != r->stops_at)
        return SNARM_OK;
    return r->sink_fails_by_library ? snarm_image_save_png(item->image, "/absent/map.png") : r->stop;
}

static snarm_status go(run *r, const snarm_pipeline_options *options) {
    const snarm_pipeline_source source = {load, take_back, r};
    snarm_status status = snarm_pipeline_run(detectors[r->kind], &source, receive, r, options);
    ck_assert_uint_eq(r->loads, r->releases);
    return status;
}

/* Loop: kinds of detectors. */
START_TEST(bytes_of_single_inspections) {
    for (int workers = 0; workers <= 4; workers++)
        for (int ahead = 0; ahead <= 3; ahead += workers == 0 ? 1 : 3) {
            snarm_pipeline_options options;
            snarm_pipeline_options_init(&options);
            options.workers = workers, options.ahead = ahead;
            options.loaders = workers == 3 ? 3 : 0;
            options.no_map = workers == 2;
            run r = new_run(_i);
            r.count = 30;
            r.no_map = options.no_map;
            ck_ok(go(&r, &options));
            ck_assert_uint_eq(r.delivered, 30);
            ck_assert_uint_le(r.most, (size_t)((workers > 0 ? workers : 1) + (ahead > 0 ? ahead : 2) + 1));
        }
    run r = new_run(_i);
    ck_ok(go(&r, NULL));
    ck_assert_uint_eq(r.delivered, PICTURES);
    ck_assert_uint_le(r.most, 4);
    r = new_run(_i);
    r.count = 0;
    ck_ok(go(&r, NULL));
    ck_assert_uint_eq(r.delivered + r.loads, 0);
}
END_TEST

START_TEST(failures_are_the_picture_s_own) {
    snarm_pipeline_options options;
    snarm_pipeline_options_init(&options);
    for (options.workers = 1; options.workers <= 3; options.workers++)
        for (int kind = 0; kind < KINDS; kind++) {
            run r = new_run(kind);
            r.fails_at = 4;
            ck_ok(go(&r, &options));
            ck_assert(r.delivered == PICTURES && r.failed == 1);
            ck_assert_msg(strstr(r.sentence, "picture 4: the source could not give it") != NULL, "%s", r.sentence);
            r = new_run(kind);
            r.fails_at = 5;
            ck_ok(go(&r, &options));
            ck_assert(r.delivered == PICTURES && r.failed == 1);
            ck_assert_msg(strstr(r.sentence, "/absent/part.png") != NULL, "%s", r.sentence);
            r = new_run(kind);
            r.broken_at = 0, r.wrong_depth_at = PICTURES - 1;
            ck_ok(go(&r, &options));
            ck_assert(r.delivered == PICTURES && r.failed == 2);
            ck_assert_msg(strstr(r.sentence, has_depth(kind) ? "but picture 11 has none" : "but picture 11 has one") != NULL, "%s",
                          r.sentence);
        }
}
END_TEST

START_TEST(the_sink_ends_the_run) {
    snarm_pipeline_options options;
    snarm_pipeline_options_init(&options);
    for (options.workers = 1; options.workers <= 3; options.workers++)
        for (int kind = 0; kind < KINDS; kind++)
            for (size_t at = 0; at < PICTURES; at += 5) {
                run r = new_run(kind);
                r.stops_at = at, r.stop = SNARM_ERROR_CANCELLED;
                char words[64];
                snprintf(words, sizeof words, "ended the run at picture %zu: cancelled", at);
                ck_fails(go(&r, &options), SNARM_ERROR_CANCELLED, words);
                ck_assert_uint_eq(r.delivered, at + 1);
                r = new_run(kind);
                r.stops_at = at, r.sink_fails_by_library = true;
                ck_fails(go(&r, &options), SNARM_ERROR_IO, "/absent/map.png");
            }
}
END_TEST

static void *run_beside(void *user) {
    run *r = user;
    r->caller = pthread_self();
    snarm_pipeline_options options;
    snarm_pipeline_options_init(&options);
    options.workers = 2;
    ck_ok(go(r, &options));
    return NULL;
}

START_TEST(runs_beside_each_other) {
    enum { RUNS = 3 };
    run runs[RUNS];
    pthread_t threads[RUNS];
    for (int i = 0; i < RUNS; i++) {
        runs[i] = new_run(i == 2 ? SCORER : PLAIN);
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run_beside, &runs[i]), 0);
    }
    for (int i = 0; i < RUNS; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_uint_eq(runs[i].delivered, PICTURES);
    }
}
END_TEST

typedef struct heard {
    size_t count, failed;
    float scores[PICTURES];
    char sentence[1024];
} heard;

static snarm_status hear(void *user, const snarm_pipeline_item *item) {
    heard *h = user;
    if (item->status != SNARM_OK) {
        snprintf(h->sentence, sizeof h->sentence, "%s", item->error);
        h->failed++;
    }
    h->scores[h->count++] = item->status == SNARM_OK ? item->result->score : -1;
    return SNARM_OK;
}

START_TEST(files) {
    static char names[PICTURES][512];
    const char *paths[PICTURES];
    for (int i = 0; i < PICTURES; i++) {
        char name[32];
        snprintf(name, sizeof name, "part%d.png", i);
        snprintf(names[i], sizeof names[i], "%s", scratch_file(name));
        const snarm_image image = view_picture(pictures[i]);
        if (i != 7)
            ck_ok(snarm_image_save_png(&image, names[i]));
        paths[i] = names[i];
    }
    for (int workers = 1; workers <= 4; workers++) {
        snarm_pipeline_options options;
        snarm_pipeline_options_init(&options);
        options.workers = workers, options.loaders = workers == 4 ? 4 : 0;
        heard h = {0};
        ck_ok(snarm_pipeline_run_files(detectors[PLAIN], paths, NULL, PICTURES, hear, &h, &options));
        ck_assert(h.count == PICTURES && h.failed == 1);
        ck_assert_ptr_nonnull(strstr(h.sentence, "part7.png"));
        for (int i = 0; i < PICTURES; i++)
            ck_assert(i == 7 ? h.scores[i] == -1 : h.scores[i] == expected[PLAIN][i].score);
        ck_ok(snarm_pipeline_run_files(detectors[PLAIN], paths, NULL, 0, hear, &h, &options));
        ck_assert_uint_eq(h.count, PICTURES);
    }
    heard h = {0};
    ck_fails(snarm_pipeline_run_files(detectors[PLAIN], paths, paths, PICTURES, hear, &h, NULL), SNARM_ERROR_ARGUMENT,
             "fitted without depth pictures, but depths is not NULL");
    ck_fails(snarm_pipeline_run_files(detectors[DEPTH], paths, NULL, PICTURES, hear, &h, NULL), SNARM_ERROR_ARGUMENT,
             "fitted with depth pictures, but depths is NULL");
    /* PNG files are no depth pictures. */
    ck_ok(snarm_pipeline_run_files(detectors[DEPTH], paths, paths, 2, hear, &h, NULL));
    ck_assert(h.failed == 2 && strstr(h.sentence, "part1.png: ") != NULL);
    paths[3] = NULL;
    ck_fails(snarm_pipeline_run_files(detectors[PLAIN], paths, NULL, PICTURES, hear, &h, NULL), SNARM_ERROR_ARGUMENT, "paths[3] is NULL");
}
END_TEST

START_TEST(bad_options) {
    static const struct {
        snarm_pipeline_options options;
        const char *words;
    } cases[] = {
        {{.workers = -1}, "workers is -1, expected 0..64"}, {{.workers = 65}, "workers is 65"}, {{.ahead = 1025}, "ahead is 1025"},
        {{.ahead = -1}, "ahead is -1"},                     {{.loaders = 65}, "loaders is 65"}, {{.no_map = 2}, "no_map is 2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snarm_pipeline_options options = cases[i].options;
        options.struct_size = sizeof options;
        run r = new_run(PLAIN);
        ck_fails(go(&r, &options), SNARM_ERROR_ARGUMENT, cases[i].words);
    }
    const snarm_pipeline_source none = {NULL, NULL, NULL};
    ck_fails(snarm_pipeline_run(detectors[PLAIN], &none, receive, NULL, NULL), SNARM_ERROR_ARGUMENT, "source->load is NULL");
}
END_TEST

typedef struct seen {
    int of[SN_THREADS_MAX]; /* processors that each thread may run on */
    int first[SN_THREADS_MAX];
} seen;

static void look(void *context, size_t begin, size_t end, int thread) {
    (void)end;
    seen *s = context;
    ck_assert_int_eq((int)begin, thread);
    cpu_set_t mine;
    ck_assert_int_eq(sched_getaffinity(0, sizeof mine, &mine), 0);
    s->of[thread] = CPU_COUNT(&mine);
    s->first[thread] = -1;
    for (int i = 0; i < CPU_SETSIZE && s->first[thread] < 0; i++)
        if (CPU_ISSET(i, &mine))
            s->first[thread] = i;
}

static seen look_at_team(int threads) {
    seen s = {0};
    int former = sn_threads_enter(threads);
    ck_assert_int_le(threads, sn_threads_current());
    sn_parallel((size_t)threads, 1, look, &s);
    sn_threads_leave(former);
    return s;
}

START_TEST(threads_are_pinned_and_freed) {
    sn_processors before, during, former;
    ck_ok(sn_processors_get(&before));
    /* OMP_THREAD_LIMIT may allow fewer. */
    int threads = before.count < 4 ? before.count : 4;
    const int outer = sn_threads_enter(threads);
    threads = sn_threads_current();
    sn_threads_leave(outer);
    ck_ok(sn_threads_pin(threads, "test", &former));
    const seen pinned = look_at_team(threads);
    for (int i = 0; i < threads; i++) {
        const sn_processors one = sn_processors_part(&before, i, 1);
        ck_assert_int_eq(pinned.of[i], 1);
        ck_assert(one.count == 1 && (one.bits[pinned.first[i] / 64] >> (pinned.first[i] % 64) & 1) == 1);
        ck_assert(i == 0 || pinned.first[i] > pinned.first[i - 1]);
    }
    sn_threads_unpin(threads, &former);
    const seen freed = look_at_team(threads);
    for (int i = 0; i < threads; i++)
        ck_assert_int_eq(freed.of[i], before.count);
    ck_ok(sn_processors_get(&during));
    ck_assert_int_eq(memcmp(&before, &during, sizeof before), 0);
    if (before.count < SN_THREADS_MAX)
        ck_fails(sn_threads_pin(before.count + 1, "test", &former), SNARM_ERROR_ARGUMENT, "test: pin is set for");
}
END_TEST

START_TEST(pinned_detectors) {
    sn_processors before, after;
    ck_ok(sn_processors_get(&before));
    const char *path = scratch_file("model.snarm");
    ck_ok(snarm_detector_save(detectors[PLAIN], path));
    snarm_detector_options options;
    snarm_detector_options_init(&options);
    options.pin = 1, options.threads = before.count < 2 ? 1 : 2;
    snarm_detector *pinned, *free_detector = detectors[PLAIN];
    ck_ok(snarm_detector_load(&pinned, path, &options));
    detectors[PLAIN] = pinned;
    for (int i = 0; i < 3; i++) {
        snarm_result result;
        static float map[PIXELS];
        ck_ok(inspect_one(PLAIN, (size_t)i, &result, map));
        if (options.threads == 2)
            ck_assert(same_result(&result, &expected[PLAIN][i]) && memcmp(map, expected_maps[PLAIN][i], sizeof map) == 0);
        ck_ok(sn_processors_get(&after));
        ck_assert_int_eq(memcmp(&before, &after, sizeof before), 0);
    }
    snarm_pipeline_options pipeline;
    snarm_pipeline_options_init(&pipeline);
    pipeline.workers = before.count / options.threads;
    if (pipeline.workers > 4)
        pipeline.workers = 4;
    run r = new_run(PLAIN);
    if (options.threads == 2)
        ck_ok(go(&r, &pipeline));
    ck_ok(sn_processors_get(&after));
    ck_assert_int_eq(memcmp(&before, &after, sizeof before), 0);
    pipeline.workers = before.count / options.threads + 1;
    if (pipeline.workers <= SN_THREADS_MAX)
        ck_fails(go(&r, &pipeline), SNARM_ERROR_ARGUMENT, "pin is set for");
    detectors[PLAIN] = free_detector;
    snarm_detector_destroy(pinned);
    options.threads = before.count + 1;
    if (options.threads <= SN_THREADS_MAX)
        ck_fails(snarm_detector_load(&pinned, path, &options), SNARM_ERROR_ARGUMENT, "pin is 1 with");
    options.threads = 1, options.pin = 2;
    ck_fails(snarm_detector_load(&pinned, path, &options), SNARM_ERROR_ARGUMENT, "pin is 2");
}
END_TEST

static void drop_all(void) {
    for (int kind = 0; kind < KINDS; kind++)
        snarm_detector_destroy(detectors[kind]);
}

int main(void) {
    Suite *suite = suite_create("pipeline");
    TCase *cases = tcase_create("pipeline");
    tcase_set_timeout(cases, 240);
    tcase_add_unchecked_fixture(cases, make_all, drop_all);
    tcase_add_loop_test(cases, bytes_of_single_inspections, 0, KINDS);
    tcase_add_test(cases, failures_are_the_picture_s_own);
    tcase_add_test(cases, the_sink_ends_the_run);
    tcase_add_test(cases, runs_beside_each_other);
    tcase_add_test(cases, files);
    tcase_add_test(cases, bad_options);
    tcase_add_test(cases, threads_are_pinned_and_freed);
    tcase_add_test(cases, pinned_detectors);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
