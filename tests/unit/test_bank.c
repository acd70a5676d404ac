/* The bank: exact search against all pairs, exclusion, merging, files. */
#include "core/threads.h"
#include "io/safetensors.h"
#include "reference.h"
#include "snarm/bank.h"
#include "support.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static sn_rng rng;

/* The k nearest by all pairs, in double. */
static void all_pairs(const float *bank, const int32_t *images, size_t count, size_t channels, const float *query,
                      int32_t exclude, int k, double *distances, int32_t *indices) {
    for (int i = 0; i < k; i++)
        distances[i] = INFINITY, indices[i] = -1;
    for (size_t b = 0; b < count; b++) {
        if (images[b] == exclude)
            continue;
        double sum = 0;
        for (size_t c = 0; c < channels; c++)
            sum += ((double)bank[b * channels + c] - query[c]) * ((double)bank[b * channels + c] - query[c]);
        for (int i = 0; i < k; i++)
            if (sum < distances[i]) {
                memmove(distances + i + 1, distances + i, (size_t)(k - i - 1) * sizeof *distances);
                memmove(indices + i + 1, indices + i, (size_t)(k - i - 1) * sizeof *indices);
                distances[i] = sum, indices[i] = (int32_t)b;
                break;
            }
    }
}

static int32_t *some_images(size_t count, int32_t per_image) {
    int32_t *images = malloc(count * sizeof *images);
    for (size_t i = 0; i < count; i++)
        images[i] = (int32_t)i / per_image;
    return images;
}

START_TEST(search_is_exact) {
    /* vectors, channels, queries, k: odd sizes, one block and several, tiles of every size */
    static const size_t shapes[][4] = {{1, 1, 3, 1},      {7, 3, 5, 7},      {100, 33, 17, 3},
                                       {2048, 64, 16, 3}, {5001, 20, 333, 5}, {4100, 130, 50, 64}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        size_t count = shapes[s][0], channels = shapes[s][1], queries = shapes[s][2];
        int k = (int)shapes[s][3];
        float *vectors = random_floats(&rng, count * channels), *asked = random_floats(&rng, queries * channels);
        int32_t *images = some_images(count, 50);
        snarm_bank *bank;
        ck_ok(snarm_bank_create(&bank, vectors, images, count, (int32_t)channels, NULL));
        float *distances = malloc(queries * (size_t)k * sizeof *distances);
        int32_t *indices = malloc(queries * (size_t)k * sizeof *indices);
        for (int32_t exclude = -1; exclude < (count > 200 ? 2 : 0); exclude++) {
            ck_ok(snarm_bank_search(bank, asked, queries, k, exclude, distances, indices));
            for (size_t q = 0; q < queries; q++) {
                double expected[64];
                int32_t nearest[64];
                all_pairs(vectors, images, count, channels, asked + q * channels, exclude, k, expected, nearest);
                for (int i = 0; i < k; i++) {
                    ck_assert_double_lt(fabs(distances[q * (size_t)k + (size_t)i] - sqrt(expected[i])), 1e-5 * sqrt((double)channels));
                    if (i + 1 == k || expected[i + 1] - expected[i] > 1e-5)
                        ck_assert(indices[q * (size_t)k + (size_t)i] == nearest[i] ||
                                  fabs(expected[i] - expected[i > 0 ? i - 1 : 0]) < 1e-5);
                }
            }
        }
        snarm_bank_destroy(bank);
        free(vectors), free(asked), free(images), free(distances), free(indices);
    }
}
END_TEST

START_TEST(equal_vectors_and_self) {
    /* Every vector twice: the smaller index comes first, at distance exactly 0. */
    enum { N = 3000, C = 24 };
    float *half = random_floats(&rng, N * C), *vectors = malloc(2 * N * C * sizeof *vectors);
    for (size_t i = 0; i < 2 * N; i++)
        memcpy(vectors + i * C, half + i / 2 * C, C * sizeof *vectors);
    snarm_bank *bank;
    ck_ok(snarm_bank_create(&bank, vectors, NULL, 2 * N, C, NULL));
    float *distances = malloc(N * 2 * sizeof *distances);
    int32_t *indices = malloc(N * 2 * sizeof *indices);
    ck_ok(snarm_bank_search(bank, half, N, 2, -1, distances, indices));
    for (int i = 0; i < N; i++) {
        ck_assert(distances[2 * i] == 0 && distances[2 * i + 1] == 0);
        ck_assert(indices[2 * i] == 2 * i && indices[2 * i + 1] == 2 * i + 1);
    }
    snarm_bank_destroy(bank);
    free(half), free(vectors), free(distances), free(indices);
}
END_TEST

START_TEST(bad_arguments) {
    float vectors[6] = {1, 2, 3, 4, 5, 6}, distances[8];
    int32_t images[2] = {0, 0};
    snarm_bank *bank;
    ck_fails(snarm_bank_create(&bank, vectors, NULL, 0, 3, NULL), SNARM_ERROR_ARGUMENT, "count is 0");
    ck_assert_ptr_null(bank);
    ck_fails(snarm_bank_create(&bank, vectors, NULL, 2, 5000, NULL), SNARM_ERROR_ARGUMENT, "5000");
    images[1] = -2;
    ck_fails(snarm_bank_create(&bank, vectors, images, 2, 3, NULL), SNARM_ERROR_ARGUMENT, "images[1] is -2");
    images[1] = 0;
    vectors[4] = NAN;
    ck_fails(snarm_bank_create(&bank, vectors, images, 2, 3, NULL), SNARM_ERROR_ARGUMENT, "vector 1");
    vectors[4] = 5;
    ck_ok(snarm_bank_create(&bank, vectors, images, 2, 3, NULL));
    ck_fails(snarm_bank_search(bank, vectors, 1, 3, -1, distances, NULL), SNARM_ERROR_ARGUMENT, "k is 3");
    ck_fails(snarm_bank_search(bank, vectors, 1, 1, 0, distances, NULL), SNARM_ERROR_ARGUMENT, "0 vectors");
    ck_fails(snarm_bank_search(bank, vectors, 1, 1, -2, distances, NULL), SNARM_ERROR_ARGUMENT, "exclude is -2");
    const float bad[3] = {0, INFINITY, 0};
    ck_fails(snarm_bank_search(bank, bad, 1, 1, -1, distances, NULL), SNARM_ERROR_ARGUMENT, "query 0");
    ck_ok(snarm_bank_search(bank, vectors, 0, 1, -1, distances, NULL));
    snarm_bank_destroy(bank);
    snarm_bank_destroy(NULL);
}
END_TEST

START_TEST(merge_add_save_load) {
    enum { A = 30, B = 45, C = 10 };
    float *vectors = random_floats(&rng, (A + B) * C);
    int32_t *images = some_images(A + B, 10);
    snarm_bank *a, *b, *both, *added, *loaded, *other;
    ck_ok(snarm_bank_create(&a, vectors, images, A, C, NULL));
    ck_ok(snarm_bank_create(&b, vectors + A * C, images, B, C, NULL));
    ck_ok(snarm_bank_merge(&both, (const snarm_bank *[]){a, b}, 2, NULL));
    ck_ok(snarm_bank_add(&added, a, vectors + A * C, images, B, NULL));
    const char *path = scratch_file("bank.safetensors");
    ck_ok(snarm_bank_save(both, path));
    ck_ok(snarm_bank_load(&loaded, path, NULL));
    const snarm_bank *same[] = {both, added, loaded};
    for (int i = 0; i < 3; i++) {
        size_t count;
        int32_t channels, image_count;
        const float *held;
        const int32_t *owners;
        ck_ok(snarm_bank_get_size(same[i], &count, &channels, &image_count));
        ck_ok(snarm_bank_get_vectors(same[i], &held, &owners));
        ck_assert(count == A + B && channels == C && image_count == 8);
        ck_assert_int_eq(memcmp(held, vectors, (A + B) * C * sizeof *held), 0);
        ck_assert_int_eq(memcmp(owners, images, (A + B) * sizeof *owners), 0);
        float distance[2];
        int32_t index[2];
        ck_ok(snarm_bank_search(same[i], vectors + 40 * C, 1, 2, -1, distance, index));
        ck_assert(index[0] == 40 && distance[0] == 0);
        ck_ok(snarm_bank_search(same[i], vectors + 40 * C, 1, 2, 4, distance, index));
        ck_assert(owners[index[0]] != 4 && distance[0] > 0);
    }
    ck_ok(snarm_bank_create(&other, vectors, NULL, 10, C - 1, NULL));
    snarm_bank *wrong;
    ck_fails(snarm_bank_merge(&wrong, (const snarm_bank *[]){a, other}, 2, NULL), SNARM_ERROR_MISMATCH, "banks[1]");
    ck_fails(snarm_bank_save(a, scratch_file("none/bank")), SNARM_ERROR_IO, "none/bank");
    snarm_bank_destroy(a), snarm_bank_destroy(b), snarm_bank_destroy(both), snarm_bank_destroy(added);
    snarm_bank_destroy(loaded), snarm_bank_destroy(other);
    /* A file with a value that is no bank's. */
    sn_writer *writer;
    vectors[3] = NAN;
    ck_ok(sn_writer_create(&writer, path));
    ck_ok(sn_writer_tensor(writer, "vectors", SN_F32, 2, (int64_t[]){A, C}, vectors));
    ck_ok(sn_writer_tensor(writer, "images", SN_I32, 1, (int64_t[]){A}, images));
    ck_ok(sn_writer_finish(writer));
    sn_writer_destroy(writer);
    ck_fails(snarm_bank_load(&wrong, path, NULL), SNARM_ERROR_FORMAT, "bank.safetensors");
    free(vectors), free(images);
}
END_TEST

typedef struct caller {
    const snarm_bank *bank;
    const float *queries;
    float distances[300 * 3];
    int32_t indices[300 * 3];
} caller;

static void *search_often(void *argument) {
    caller *c = argument;
    for (int i = 0; i < 5; i++)
        if (snarm_bank_search(c->bank, c->queries, 300, 3, -1, c->distances, c->indices) != SNARM_OK)
            return argument;
    return NULL;
}

START_TEST(threads_do_not_matter) {
    enum { N = 6000, C = 40, CALLERS = 4 };
    float *vectors = random_floats(&rng, N * C), *queries = random_floats(&rng, 300 * C);
    snarm_bank *bank;
    ck_ok(snarm_bank_create(&bank, vectors, NULL, N, C, NULL));
    caller *callers = calloc(CALLERS + 1, sizeof *callers);
    pthread_t threads[CALLERS];
    for (int i = 0; i <= CALLERS; i++)
        callers[i].bank = bank, callers[i].queries = queries;
    for (int i = 0; i < CALLERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, search_often, &callers[i]), 0);
    ck_assert_ptr_null(search_often(&callers[CALLERS]));
    for (int i = 0; i < CALLERS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        ck_assert_ptr_null(failed);
        ck_assert_int_eq(memcmp(callers[i].distances, callers[CALLERS].distances, sizeof callers[i].distances), 0);
        ck_assert_int_eq(memcmp(callers[i].indices, callers[CALLERS].indices, sizeof callers[i].indices), 0);
    }
    snarm_bank_destroy(bank);
    free(callers), free(vectors), free(queries);
}
END_TEST

int main(void) {
    sn_rng_seed(&rng, 3, 0);
    Suite *suite = suite_create("bank");
    TCase *cases = tcase_create("bank");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, search_is_exact);
    tcase_add_test(cases, equal_vectors_and_self);
    tcase_add_test(cases, bad_arguments);
    tcase_add_test(cases, merge_add_save_load);
    tcase_add_test(cases, threads_do_not_matter);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
