/* The cells of a bank: how they divide it, what a search that looks at some of them finds, what it does where exclusion leaves it
 * nothing, their file. */
#include "bank/bank.h"
#include "core/memory.h"
#include "core/threads.h"
#include "reference.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHANNELS = 96, COUNT = 10007, IMAGES = 25, QUERIES = 403, CLUSTERS = 40, K = 3 };

static float centres[CLUSTERS][CHANNELS];

/* Points around cluster centres on a plane of few dimensions: what features are like. */
static float *make_points(uint64_t seed, size_t count) {
    sn_rng rng, plane;
    sn_rng_seed(&plane, 5, 0);
    float *axes = random_floats(&plane, 10 * CHANNELS);
    for (size_t k = 0; k < CLUSTERS; k++)
        for (size_t c = 0; c < CHANNELS; c++)
            centres[k][c] = 3;
    for (size_t k = 0; k < CLUSTERS; k++)
        for (size_t r = 0; r < 10; r++) {
            const float at = (float)(4 * sn_rng_uniform(&plane) - 2);
            for (size_t c = 0; c < CHANNELS; c++)
                centres[k][c] += at * axes[r * CHANNELS + c];
        }
    sn_rng_seed(&rng, 6, seed);
    float *points = random_floats(&rng, count * CHANNELS);
    for (size_t i = 0; i < count; i++)
        for (size_t r = 0, k = sn_rng_below(&rng, CLUSTERS); r < 11; r++) {
            const float at = r == 10 ? 0.05f : (float)(sn_rng_uniform(&rng) - 0.5);
            for (size_t c = 0; c < CHANNELS; c++)
                points[i * CHANNELS + c] = r == 0 ? centres[k][c] + 0.05f * points[i * CHANNELS + c] + at * axes[c]
                                                  : points[i * CHANNELS + c] + (r < 10 ? at * axes[r * CHANNELS + c] : 0);
        }
    free(axes);
    return points;
}

START_TEST(every_vector_once) {
    static const size_t counts[] = {1, 2, 255, 256, 257, 512, 513, 1000, 5000};
    sn_rng rng;
    sn_rng_seed(&rng, 7, 0);
    float *points = random_floats(&rng, 5000 * 3);
    for (int equal = 0; equal < 2; equal++)
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            sn_cells *cells, *again;
            ck_ok(sn_cells_create(&cells, points, counts[i], 3));
            ck_ok(sn_cells_from_order(&again, cells->order, counts[i], 1)); /* checks it */
            ck_assert_uint_eq(sn_cells_number(cells), (counts[i] + SN_CELL - 1) / SN_CELL);
            ck_assert_uint_eq(cells->probes, sn_cells_number(cells));
            ck_assert_int_eq(memcmp(cells->order, again->order, counts[i] * sizeof(int32_t)), 0);
            sn_cells_destroy(cells), sn_cells_destroy(again);
            for (size_t v = 0; equal == 0 && i + 1 == sizeof counts / sizeof *counts && v < 5000 * 3; v++)
                points[v] = 0.5f; /* for the second turn: nothing to tell them apart by */
        }
    free(points);
}
END_TEST

/* Near vectors share cells: a cell's spread is a part of the whole's. */
START_TEST(cells_are_small) {
    float *points = make_points(1, COUNT);
    sn_cells *cells;
    ck_ok(sn_cells_create(&cells, points, COUNT, CHANNELS));
    double mean[CHANNELS] = {0}, whole = 0, inside = 0;
    for (size_t i = 0; i < COUNT; i++)
        for (size_t c = 0; c < CHANNELS; c++)
            mean[c] += (double)points[i * CHANNELS + c] / COUNT;
    for (size_t i = 0; i < COUNT; i++)
        for (size_t c = 0; c < CHANNELS; c++)
            whole += pow((double)points[i * CHANNELS + c] - mean[c], 2);
    for (size_t first = 0; first < COUNT; first += SN_CELL) {
        const size_t count = COUNT - first < SN_CELL ? COUNT - first : SN_CELL;
        for (size_t c = 0; c < CHANNELS; c++) {
            double sum = 0, squares = 0;
            for (size_t i = 0; i < count; i++) {
                const double value = (double)points[(size_t)cells->order[first + i] * CHANNELS + c];
                sum += value, squares += value * value;
            }
            inside += squares - sum * sum / (double)count;
        }
    }
    ck_assert_double_lt(inside, 0.3 * whole);
    sn_cells_destroy(cells);
    free(points);
}
END_TEST

START_TEST(kth_smallest_value) {
    sn_rng rng;
    sn_rng_seed(&rng, 8, 0);
    for (size_t count = 1; count < 70; count++)
        for (size_t k = 0; k < count; k += 1 + count / 9) {
            float *values = random_floats(&rng, count);
            for (size_t i = 0; i < count; i++)
                values[i] = rintf(8 * values[i]); /* many equal ones */
            size_t less = 0, not_more = 0;
            const float found = sn_kth_smallest(values, count, k);
            for (size_t i = 0; i < count; i++)
                less += values[i] < found, not_more += values[i] <= found;
            ck_assert(less <= k && k < not_more);
            free(values);
        }
}
END_TEST

typedef struct bench {
    float *vectors, *queries;
    int32_t *images;
    snarm_bank *exact, *tuned;
    snarm_bank_search_info info;
} bench;

static snarm_bank *make_bank(const bench *b, int32_t threads, int32_t precision) {
    snarm_bank_options options;
    snarm_bank_options_init(&options);
    options.threads = threads, options.precision = precision;
    snarm_bank *bank;
    ck_ok(snarm_bank_create(&bank, b->vectors, b->images, COUNT, CHANNELS, &options));
    return bank;
}

static void set_up(bench *b, int32_t precision) {
    *b = (bench){.vectors = make_points(2, COUNT), .queries = make_points(3, QUERIES), .images = malloc(COUNT * sizeof(int32_t))};
    for (int32_t i = 0; i < COUNT; i++)
        b->images[i] = i % IMAGES;
    b->exact = make_bank(b, 2, precision), b->tuned = make_bank(b, 2, precision);
    ck_ok(snarm_bank_tune(b->tuned, b->queries, NULL, QUERIES, K, 0.99));
    b->info.struct_size = sizeof b->info;
    ck_ok(snarm_bank_get_search(b->tuned, &b->info));
    ck_assert_int_eq(b->info.cells, (COUNT + SN_CELL - 1) / SN_CELL);
    ck_assert(b->info.probes > 0 && b->info.probes < b->info.cells);
    ck_assert(b->info.recall >= 0.99);
}

static void tear_down(bench *b) {
    snarm_bank_destroy(b->exact), snarm_bank_destroy(b->tuned);
    free(b->vectors), free(b->queries), free(b->images);
}

static double share_found(const bench *b, const snarm_bank *bank, size_t count, int32_t exclude) {
    static float distances[2][QUERIES * K];
    static int32_t indices[2][QUERIES * K];
    ck_ok(snarm_bank_search(b->exact, b->queries, count, K, exclude, distances[0], indices[0]));
    ck_ok(snarm_bank_search(bank, b->queries, count, K, exclude, distances[1], indices[1]));
    size_t same = 0;
    for (size_t i = 0; i < count * K; i++) {
        ck_assert(indices[1][i] >= 0 && indices[1][i] < COUNT);
        ck_assert(b->images[indices[1][i]] != exclude);
        ck_assert(distances[1][i] >= distances[0][i]);
        same += indices[0][i] == indices[1][i];
    }
    return (double)same / (double)(count * K);
}

START_TEST(finds_what_the_exact_search_finds) {
    static const int32_t precisions[] = {SNARM_PRECISION_AUTO, SNARM_PRECISION_F32};
    bench b;
    set_up(&b, precisions[_i]);
    static const size_t counts[] = {1, 15, 16, 17, 255, 257, QUERIES};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        ck_assert_double_ge(share_found(&b, b.tuned, counts[i], i % 2 == 0 ? -1 : 4), counts[i] < 200 ? 0.8 : 0.97);
    /* The number of threads changes nothing. */
    snarm_bank *other = make_bank(&b, 3, precisions[_i]);
    ck_ok(snarm_bank_tune(other, b.queries, NULL, QUERIES, K, 0.99));
    static float distances[2][QUERIES * K];
    static int32_t indices[2][QUERIES * K];
    ck_ok(snarm_bank_search(b.tuned, b.queries, QUERIES, K, 3, distances[0], indices[0]));
    ck_ok(snarm_bank_search(other, b.queries, QUERIES, K, 3, distances[1], indices[1]));
    ck_assert_int_eq(memcmp(distances[0], distances[1], sizeof distances[0]), 0);
    ck_assert_int_eq(memcmp(indices[0], indices[1], sizeof indices[0]), 0);
    snarm_bank_destroy(other);
    tear_down(&b);
}
END_TEST

/* Nearly all vectors are of one image, which is excluded: what is left may lie in no cell that a query looks at. */
START_TEST(exclusion_that_leaves_cells_empty) {
    bench b;
    set_up(&b, SNARM_PRECISION_AUTO);
    snarm_bank_destroy(b.exact), snarm_bank_destroy(b.tuned);
    for (int32_t i = 0; i < COUNT; i++)
        b.images[i] = i % 2500 == 1; /* five vectors of image 1 */
    b.exact = make_bank(&b, 2, SNARM_PRECISION_AUTO), b.tuned = make_bank(&b, 2, SNARM_PRECISION_AUTO);
    ck_ok(snarm_bank_tune(b.tuned, b.queries, NULL, QUERIES, K, 0.9));
    ck_ok(snarm_bank_get_search(b.tuned, &b.info));
    ck_assert(b.info.probes > 0 && b.info.probes < b.info.cells);
    const double found = share_found(&b, b.tuned, QUERIES, 0);
    ck_assert_double_ge(found, 0.3); /* those that met three of the five keep them; the others looked everywhere */
    tear_down(&b);
}
END_TEST

/* What was measured in f32 says nothing of integers. */
START_TEST(filters_tuned_in_f32_stay_there) {
    bench b;
    set_up(&b, SNARM_PRECISION_F32);
    const char *path = scratch_file("f32.safetensors");
    ck_ok(snarm_bank_save(b.tuned, path));
    static const int32_t precisions[] = {SNARM_PRECISION_AUTO, SNARM_PRECISION_F32, SNARM_PRECISION_INT8};
    for (int i = 0; i < 3; i++) {
        snarm_bank_options options;
        snarm_bank_options_init(&options);
        options.threads = 2, options.precision = precisions[i];
        snarm_bank *loaded;
        ck_ok(snarm_bank_load(&loaded, path, &options));
        snarm_bank_search_info info = {.struct_size = sizeof info};
        ck_ok(snarm_bank_get_search(loaded, &info));
        ck_assert_int_eq(info.precision, SNARM_PRECISION_F32);
        ck_assert_int_eq(info.precision_note[0] != '\0', precisions[i] != SNARM_PRECISION_F32);
        snarm_bank_destroy(loaded);
    }
    tear_down(&b);
}
END_TEST

/* A few vectors a thousand times as long as the others leave the steps of integers too coarse: the tuning finds out. */
START_TEST(long_vectors_leave_integers_out) {
    bench b = {.vectors = make_points(2, COUNT), .queries = make_points(3, QUERIES), .images = malloc(COUNT * sizeof(int32_t))};
    for (int32_t i = 0; i < COUNT; i++) {
        b.images[i] = i % IMAGES;
        for (size_t c = 0; i % 1000 == 7 && c < CHANNELS; c++)
            b.vectors[(size_t)i * CHANNELS + c] *= 1000;
    }
    b.exact = make_bank(&b, 2, SNARM_PRECISION_AUTO), b.tuned = make_bank(&b, 2, SNARM_PRECISION_AUTO);
    ck_ok(snarm_bank_tune(b.tuned, b.queries, NULL, QUERIES, K, 0.99));
    b.info.struct_size = sizeof b.info;
    ck_ok(snarm_bank_get_search(b.tuned, &b.info));
    ck_assert_int_eq(b.info.precision, SNARM_PRECISION_F32);
    ck_assert_double_ge(share_found(&b, b.tuned, QUERIES, -1), 0.97);
    tear_down(&b);
}
END_TEST

START_TEST(file_keeps_the_cells) {
    bench b;
    set_up(&b, SNARM_PRECISION_AUTO);
    const char *path = scratch_file("bank.safetensors");
    ck_ok(snarm_bank_save(b.tuned, path));
    snarm_bank *loaded;
    snarm_bank_options options;
    snarm_bank_options_init(&options);
    options.threads = 2;
    ck_ok(snarm_bank_load(&loaded, path, &options));
    snarm_bank_search_info info = {.struct_size = sizeof info};
    ck_ok(snarm_bank_get_search(loaded, &info));
    ck_assert(info.cells == b.info.cells && info.probes == b.info.probes && info.axes == b.info.axes && info.recall == b.info.recall);
    static int32_t indices[2][QUERIES * K];
    ck_ok(snarm_bank_search(b.tuned, b.queries, QUERIES, K, -1, NULL, indices[0]));
    ck_ok(snarm_bank_search(loaded, b.queries, QUERIES, K, -1, NULL, indices[1]));
    ck_assert_int_eq(memcmp(indices[0], indices[1], sizeof indices[0]), 0);
    /* Tuned again, it may lose its cells, and works. */
    ck_ok(snarm_bank_tune(loaded, b.queries, NULL, QUERIES, K, 1));
    ck_assert_double_ge(share_found(&b, loaded, QUERIES, -1), 0.999);
    snarm_bank_destroy(loaded);
    tear_down(&b);
}
END_TEST

static void write_bank(const char *path, const int32_t *order, int64_t count, const char *probes) {
    static const float vectors[3 * 4] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0}, axes[8] = {1, 0, 0, 0, 0, 1};
    static const int32_t images[3] = {0, 1, 2};
    sn_writer *writer;
    ck_ok(sn_writer_create(&writer, path));
    ck_ok(sn_writer_tensor(writer, "vectors", SN_F32, 2, (int64_t[]){3, 4}, vectors));
    ck_ok(sn_writer_tensor(writer, "images", SN_I32, 1, (int64_t[]){3}, images));
    ck_ok(sn_writer_tensor(writer, "axes", SN_F32, 2, (int64_t[]){2, 4}, axes));
    ck_ok(sn_writer_metadata(writer, "recall", "1"));
    ck_ok(sn_writer_tensor(writer, "order", SN_I32, 1, &count, order));
    if (probes != NULL)
        ck_ok(sn_writer_metadata(writer, "probes", probes));
    ck_ok(sn_writer_finish(writer));
    sn_writer_destroy(writer);
}

START_TEST(bad_files_are_named) {
    static const struct {
        int32_t order[3];
        int64_t count;
        const char *probes, *words;
    } cases[] = {
        {{0, 1, 1}, 3, "1", "tensor order: value 2 is 1"},  {{0, -1, 2}, 3, "1", "tensor order: value 1 is -1"},
        {{3, 1, 2}, 3, "1", "tensor order: value 0 is 3"},  {{0, 1}, 2, "1", "order"},
        {{0, 1, 2}, 3, NULL, "probes"},                     {{0, 1, 2}, 3, "0", "probes"},
        {{0, 1, 2}, 3, "1.5", "probes is 1.5"},             {{0, 1, 2}, 3, "2", "2 cells are looked at"},
        {{0, 1, 2}, 3, "nan", "probes"},
    };
    const char *path = scratch_file("cells.safetensors");
    snarm_bank *bank;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_bank(path, cases[i].order, cases[i].count, cases[i].probes);
        ck_fails(snarm_bank_load(&bank, path, NULL), SNARM_ERROR_FORMAT, cases[i].words);
    }
    static const int32_t order[3] = {2, 0, 1};
    write_bank(path, order, 3, "1");
    ck_ok(snarm_bank_load(&bank, path, NULL));
    const float query[4] = {0, 0.9f, 0, 0};
    int32_t nearest[3];
    ck_ok(snarm_bank_search(bank, query, 1, 3, -1, NULL, nearest));
    ck_assert(nearest[0] == 1 && nearest[1] == 0 && nearest[2] == 2); /* the last two are as far: the smaller index first */
    ck_ok(snarm_bank_search(bank, query, 1, 2, 1, NULL, nearest));
    ck_assert(nearest[0] == 0 && nearest[1] == 2);
    snarm_bank_destroy(bank);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("bank cells");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, every_vector_once);
    tcase_add_test(tests, cells_are_small);
    tcase_add_test(tests, kth_smallest_value);
    tcase_add_loop_test(tests, finds_what_the_exact_search_finds, 0, 2);
    tcase_add_test(tests, exclusion_that_leaves_cells_empty);
    tcase_add_test(tests, filters_tuned_in_f32_stay_there);
    tcase_add_test(tests, long_vectors_leave_integers_out);
    tcase_add_test(tests, file_keeps_the_cells);
    tcase_add_test(tests, bad_files_are_named);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
