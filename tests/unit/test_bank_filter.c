/* The filtered bank search: its axes, what it finds beside the exact search, its file. */
#include "bank/bank.h"
#include "core/memory.h"
#include "core/threads.h"
#include "reference.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHANNELS = 96, COUNT = 5000, IMAGES = 20, QUERIES = 317 };

/* Points near a plane of rank dimensions: what features are like. noise 1: no plane at all. */
static float *make_points(sn_rng *rng, size_t count, size_t rank, float noise) {
    sn_rng plane;
    sn_rng_seed(&plane, 3, rank);
    float *axes = random_floats(&plane, rank * CHANNELS), *points = random_floats(rng, count * CHANNELS);
    for (size_t i = 0; i < count; i++) {
        float *point = points + i * CHANNELS;
        for (size_t c = 0; c < CHANNELS; c++)
            point[c] = noise * point[c] + 2; /* far from the origin: only differences may matter */
        for (size_t r = 0; r < rank; r++) {
            const float at = (float)(2 * sn_rng_uniform(rng) - 1);
            for (size_t c = 0; c < CHANNELS; c++)
                point[c] += at * axes[r * CHANNELS + c];
        }
    }
    free(axes);
    return points;
}

static int32_t *make_images(void) {
    int32_t *images = malloc(COUNT * sizeof *images);
    for (int i = 0; i < COUNT; i++)
        images[i] = i * 7 % IMAGES;
    return images;
}

START_TEST(axes_are_orthonormal_and_principal) {
    sn_rng rng;
    sn_rng_seed(&rng, 1, 0);
    const int former = sn_threads_enter(2);
    float *points = make_points(&rng, COUNT, 8, 0.02f), *rotation;
    size_t axes;
    ck_ok(sn_principal_axes(points, COUNT, CHANNELS, 24, &axes, &rotation));
    ck_assert_uint_eq(axes, 24);
    double spread[24] = {0}, mean[24] = {0};
    for (size_t i = 0; i < axes; i++) {
        for (size_t j = 0; j <= i; j++) {
            double dot = 0;
            for (size_t c = 0; c < CHANNELS; c++)
                dot += (double)rotation[i * CHANNELS + c] * (double)rotation[j * CHANNELS + c];
            ck_assert_double_eq_tol(dot, i == j, 1e-5);
        }
        for (size_t n = 0; n < COUNT; n++) {
            double at = 0;
            for (size_t c = 0; c < CHANNELS; c++)
                at += (double)rotation[i * CHANNELS + c] * (double)points[n * CHANNELS + c];
            mean[i] += at / COUNT, spread[i] += at * at / COUNT;
        }
        spread[i] -= mean[i] * mean[i];
    }
    for (size_t i = 0; i < 8; i++) /* the plane comes first */
        ck_assert_double_gt(spread[i], 100 * spread[8]);
    sn_free(rotation);
    /* Fewer vectors than axes, and all of them equal: nothing to find, nothing broken. */
    for (size_t i = 0; i < 5 * CHANNELS; i++)
        points[i] = 0.5f;
    ck_ok(sn_principal_axes(points, 5, CHANNELS, 24, &axes, &rotation));
    ck_assert_uint_eq(axes, 5);
    for (size_t i = 0; i < axes * CHANNELS; i++)
        ck_assert(isfinite(rotation[i]));
    sn_free(rotation);
    free(points);
    sn_threads_leave(former);
}
END_TEST

typedef struct bench {
    float *vectors, *queries;
    int32_t *images;
    snarm_bank *exact, *tuned;
} bench;

static void set_up(bench *b, size_t rank, float noise) {
    sn_rng rng;
    sn_rng_seed(&rng, 2, rank);
    *b = (bench){.vectors = make_points(&rng, COUNT, rank, noise), .images = make_images()};
    b->queries = make_points(&rng, QUERIES, rank, noise);
    snarm_bank_options options;
    snarm_bank_options_init(&options);
    options.threads = 2;
    ck_ok(snarm_bank_create(&b->exact, b->vectors, b->images, COUNT, CHANNELS, &options));
    ck_ok(snarm_bank_create(&b->tuned, b->vectors, b->images, COUNT, CHANNELS, &options));
}

static void tear_down(bench *b) {
    snarm_bank_destroy(b->exact);
    snarm_bank_destroy(b->tuned);
    free(b->vectors), free(b->queries), free(b->images);
}

/* Both banks' neighbours: the share of equal ones; equal indices must have equal distances. */
static double compare(const snarm_bank *a, const snarm_bank *b, const float *queries, size_t count, int32_t k, int32_t exclude) {
    const size_t values = count * (size_t)k;
    float *distances[2] = {malloc(values * sizeof(float)), malloc(values * sizeof(float))};
    int32_t *indices[2] = {malloc(values * sizeof(int32_t)), malloc(values * sizeof(int32_t))};
    const int32_t *images;
    ck_ok(snarm_bank_get_vectors(a, NULL, &images));
    ck_ok(snarm_bank_search(a, queries, count, k, exclude, distances[0], indices[0]));
    ck_ok(snarm_bank_search(b, queries, count, k, exclude, distances[1], indices[1]));
    size_t same = 0;
    for (size_t i = 0; i < values; i++) {
        ck_assert(images[indices[1][i]] != exclude);
        ck_assert(distances[1][i] >= distances[0][i]); /* never nearer than the nearest */
        if (indices[0][i] == indices[1][i]) {
            same++;
            ck_assert(distances[0][i] == distances[1][i]);
        }
    }
    free(distances[0]), free(distances[1]), free(indices[0]), free(indices[1]);
    return (double)same / (double)values;
}

START_TEST(finds_what_the_exact_search_finds) {
    bench b;
    set_up(&b, 12, 0.05f);
    snarm_bank_search_info info = {.struct_size = sizeof info};
    ck_ok(snarm_bank_get_search(b.tuned, &info));
    ck_assert_int_eq(info.axes, 0);
    ck_assert(info.recall == 1);
    int32_t exclude[QUERIES];
    for (int i = 0; i < QUERIES; i++)
        exclude[i] = i < 100 ? -1 : i / 50;
    ck_ok(snarm_bank_tune(b.tuned, b.queries, exclude, QUERIES, 3, 0.99));
    ck_ok(snarm_bank_get_search(b.tuned, &info));
    ck_assert_int_eq(info.axes, 32);
    ck_assert(info.recall >= 0.99 && info.recall <= 1);
    static const size_t counts[] = {1, 15, 16, 17, 255, 257, QUERIES};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        for (int32_t k = 1; k <= 64; k += 21)
            ck_assert_double_ge(compare(b.exact, b.tuned, b.queries, counts[i], k, i % 2 == 0 ? -1 : 4), k == 1 ? 0.93 : 0.6);
    ck_assert_double_ge(compare(b.exact, b.tuned, b.queries, QUERIES, 3, -1), 0.985);
    /* Tuned again, and with another wish, it is as if it had been tuned once. */
    ck_ok(snarm_bank_tune(b.tuned, b.queries, NULL, QUERIES, 1, 1e-9));
    ck_ok(snarm_bank_get_search(b.tuned, &info));
    ck_assert_int_eq(info.axes, 32);
    tear_down(&b);
}
END_TEST

START_TEST(stays_exact_where_no_filter_helps) {
    bench b;
    set_up(&b, 1, 1.0f);
    ck_ok(snarm_bank_tune(b.tuned, b.queries, NULL, QUERIES, 3, 0.999));
    snarm_bank_search_info info = {.struct_size = sizeof info};
    ck_ok(snarm_bank_get_search(b.tuned, &info));
    ck_assert_int_eq(info.axes, 0);
    ck_assert_double_eq(compare(b.exact, b.tuned, b.queries, QUERIES, 3, -1), 1);
    tear_down(&b);
}
END_TEST

START_TEST(file_keeps_the_filter) {
    bench b;
    set_up(&b, 12, 0.05f);
    ck_ok(snarm_bank_tune(b.tuned, b.queries, NULL, QUERIES, 3, 0.9));
    const char *path = scratch_file("bank.safetensors");
    ck_ok(snarm_bank_save(b.tuned, path));
    snarm_bank_options options;
    snarm_bank_options_init(&options);
    options.threads = 2;
    snarm_bank *loaded;
    ck_ok(snarm_bank_load(&loaded, path, &options));
    snarm_bank_search_info kept = {.struct_size = sizeof kept}, info = {.struct_size = sizeof info};
    ck_ok(snarm_bank_get_search(b.tuned, &kept));
    ck_ok(snarm_bank_get_search(loaded, &info));
    ck_assert_int_eq(info.axes, kept.axes);
    ck_assert(info.recall == kept.recall);
    ck_assert_double_eq(compare(b.tuned, loaded, b.queries, QUERIES, 3, 2), 1);
    snarm_bank_destroy(loaded);
    options.exact = 1;
    ck_ok(snarm_bank_load(&loaded, path, &options));
    ck_ok(snarm_bank_get_search(loaded, &info));
    ck_assert_int_eq(info.axes, 0);
    ck_assert_double_eq(compare(b.exact, loaded, b.queries, QUERIES, 3, 2), 1);
    snarm_bank_destroy(loaded);
    options.exact = 2;
    ck_fails(snarm_bank_load(&loaded, path, &options), SNARM_ERROR_ARGUMENT, "exact is 2");
    tear_down(&b);
}
END_TEST

/* A file of a small bank with these axes and that recall. */
static void write_bank(const char *path, int64_t rows, int64_t columns, const float *axes, const char *recall) {
    static const float vectors[3 * 4] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0};
    static const int32_t images[3] = {0, 1, 2};
    sn_writer *writer;
    ck_ok(sn_writer_create(&writer, path));
    ck_ok(sn_writer_tensor(writer, "vectors", SN_F32, 2, (int64_t[]){3, 4}, vectors));
    ck_ok(sn_writer_tensor(writer, "images", SN_I32, 1, (int64_t[]){3}, images));
    ck_ok(sn_writer_tensor(writer, "axes", SN_F32, 2, (int64_t[]){rows, columns}, axes));
    if (recall != NULL)
        ck_ok(sn_writer_metadata(writer, "recall", recall));
    ck_ok(sn_writer_finish(writer));
    sn_writer_destroy(writer);
}

START_TEST(bad_files_and_arguments_are_named) {
    static const float axes[32] = {1, 0, 0, 0, 0, 1}, broken[32] = {1, NAN};
    const struct {
        int64_t rows, columns;
        const float *axes;
        const char *recall, *words;
    } cases[] = {
        {2, 3, axes, "0.9", "axes"},          {5, 4, axes, "0.9", "axes has 5 rows"}, {2, 4, broken, "0.9", "value 1 is not finite"},
        {2, 4, axes, NULL, "recall"},         {2, 4, axes, "1.5", "recall"},          {2, 4, axes, "much", "recall"},
    };
    const char *path = scratch_file("bank.safetensors");
    snarm_bank *bank;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_bank(path, cases[i].rows, cases[i].columns, cases[i].axes, cases[i].recall);
        ck_fails(snarm_bank_load(&bank, path, NULL), SNARM_ERROR_FORMAT, cases[i].words);
    }
    write_bank(path, 2, 4, axes, "0.9");
    ck_ok(snarm_bank_load(&bank, path, NULL));
    const float query[4] = {0.9f, 0, 0, 0};
    int32_t nearest;
    ck_ok(snarm_bank_search(bank, query, 1, 1, -1, NULL, &nearest));
    ck_assert_int_eq(nearest, 0);
    ck_fails(snarm_bank_tune(NULL, query, NULL, 1, 1, 0.9), SNARM_ERROR_ARGUMENT, "bank is NULL");
    ck_fails(snarm_bank_tune(bank, query, NULL, 0, 1, 0.9), SNARM_ERROR_ARGUMENT, "count is 0");
    ck_fails(snarm_bank_tune(bank, query, NULL, 1, 0, 0.9), SNARM_ERROR_ARGUMENT, "k is 0");
    ck_fails(snarm_bank_tune(bank, query, NULL, 1, 1, 0), SNARM_ERROR_ARGUMENT, "recall is 0");
    ck_fails(snarm_bank_tune(bank, query, NULL, 1, 1, NAN), SNARM_ERROR_ARGUMENT, "recall is");
    /* A query that cannot be searched leaves an exact search behind. */
    const float wrong[4] = {INFINITY, 0, 0, 0};
    ck_fails(snarm_bank_tune(bank, wrong, NULL, 1, 1, 0.95), SNARM_ERROR_ARGUMENT, "not finite");
    snarm_bank_search_info info = {.struct_size = sizeof info};
    ck_ok(snarm_bank_get_search(bank, &info));
    ck_assert_int_eq(info.axes, 0);
    snarm_bank_destroy(bank);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("bank filter");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, axes_are_orthonormal_and_principal);
    tcase_add_test(tests, finds_what_the_exact_search_finds);
    tcase_add_test(tests, stays_exact_where_no_filter_helps);
    tcase_add_test(tests, file_keeps_the_filter);
    tcase_add_test(tests, bad_files_and_arguments_are_named);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
