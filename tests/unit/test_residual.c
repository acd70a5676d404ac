/* The residual engine: phi, the navigator's choice, nearest patches of the image, against loops and the
 * published vectors. */
#include "core/memory.h"
#include "core/threads.h"
#include "io/safetensors.h"
#include "kernel/simd.h"
#include "reference.h"
#include "reference_scan.h"
#include "residual/intra.h"
#include "residual/navigator.h"
#include "residual/ranks.h"
#include "snarm/residual.h"
#include "support.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

static sn_stream *stream;
static sn_rng rng;

START_TEST(rounding_of_the_count) {
    ck_assert_uint_eq(sn_reference_count(0.75, 2401), 1801);
    ck_assert_uint_eq(sn_reference_count(0.75, 2), 2);  /* 1.5 */
    ck_assert_uint_eq(sn_reference_count(0.75, 6), 4);  /* 4.5 */
    ck_assert_uint_eq(sn_reference_count(0.75, 10), 8); /* 7.5 */
    ck_assert_uint_eq(sn_reference_count(0.75, 196), 147);
}
END_TEST

START_TEST(choice_of_the_smallest) {
    for (size_t count = 1; count <= 60; count++)
        for (int kind = 0; kind < 3; kind++) {
            float *s = random_floats(&rng, count);
            uint8_t chosen[60];
            for (size_t i = 0; i < count; i++)
                s[i] = kind == 0 ? s[i] : kind == 1 ? roundf(3 * s[i]) : i % 2 == 0 ? 0.0f : -0.0f;
            size_t take = (size_t)sn_rng_below(&rng, count + 1);
            sn_choose_reference(s, count, take, chosen);
            for (size_t i = 0; i < count; i++) {
                size_t before = 0;
                for (size_t j = 0; j < count; j++)
                    before += s[j] < s[i] || (s[j] == s[i] && j < i);
                ck_assert_int_eq(chosen[i], before < take);
            }
            free(s);
        }
}
END_TEST

static int32_t nearest_of(const float *features, size_t patches, size_t channels, const uint8_t *reference,
                          size_t i, double *distance) {
    int32_t best = -1;
    *distance = INFINITY;
    for (size_t j = 0; j < patches; j++) {
        double sum = 0;
        for (size_t c = 0; c < channels; c++) {
            double d = (double)features[i * channels + c] - features[j * channels + c];
            sum += d * d;
        }
        if (reference[j] != 0 && j != i && sum < *distance)
            *distance = sum, best = (int32_t)j;
    }
    return best;
}

static int by_distance(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Far ones are as far away as the patches at their places in the whole order, which begin behind the ranked ones, grow by one ratio but for
 * rounding, and end with the last. */
static void check_far(const float *features, size_t patches, size_t channels, const uint16_t *far) {
    const size_t behind = SN_RANKS + 1, known = patches - 1 > behind ? patches - 1 - behind : 0;
    double *sorted = malloc(patches * sizeof *sorted);
    for (size_t i = 0; i < patches; i++) {
        for (size_t j = 0; j < patches; j++)
            sorted[j] = j == i ? INFINITY : reference_distance(features, channels, i, j);
        qsort(sorted, patches, sizeof *sorted, by_distance);
        size_t count = 0;
        for (size_t f = 0, former = behind - 1; f < SN_RANKS_FAR; f++) {
            const uint16_t other = far[i * SN_RANKS_FAR + f];
            if (other == SN_RANKS_NONE)
                continue;
            ck_assert(other < patches && other != i);
            count++;
            const double ratio = pow((double)(patches - 2) / (double)behind, (double)(f + 1) / SN_RANKS_FAR);
            size_t place = (size_t)rint((double)behind * ratio);
            place = place > former ? place : former + 1;
            former = place;
            const double distance = reference_distance(features, channels, i, other);
            ck_assert_double_le(fabs(distance - sorted[place]), 1e-5 * sorted[patches - 2] + 2e-4 * sorted[place]);
        }
        ck_assert_uint_eq(count, known < SN_RANKS_FAR ? known : SN_RANKS_FAR);
    }
    free(sorted);
}

/* Ranks tell the same nearest patches as the search did; and, where most of the ranked are not in the reference set, as a search would. */
static void check_ranks(const float *features, size_t patches, size_t channels, const uint8_t *reference, const int32_t *expected) {
    sn_ranking *ranking;
    uint16_t *ranks = malloc(patches * SN_RANKS * sizeof *ranks), *far = malloc(patches * SN_RANKS_FAR * sizeof *far);
    int32_t *found = malloc(patches * sizeof *found);
    ck_ok(sn_ranking_create(&ranking, patches, channels));
    for (int turn = 0; turn < 2; turn++)
        ck_ok(sn_ranking_run(ranking, features, ranks, turn == 0 ? NULL : far));
    for (size_t i = 0; i < patches * SN_RANKS; i++)
        ck_assert(ranks[i] == SN_RANKS_NONE || (ranks[i] < patches && ranks[i] != i / SN_RANKS));
    check_far(features, patches, channels, far);
    sn_ranks_look_up(ranks, features, patches, channels, reference, found);
    ck_assert_int_eq(memcmp(found, expected, patches * sizeof *found), 0);
    uint8_t *few = calloc(patches, 1);
    few[0] = few[patches - 1] = 1;
    sn_intra *intra;
    sn_intra_state *state;
    int32_t *searched = malloc(patches * sizeof *searched);
    ck_ok(sn_intra_create(&intra, patches, channels, 2));
    ck_ok(sn_intra_state_create(&state, intra));
    ck_ok(sn_intra_run(intra, state, stream, features, few, searched));
    sn_ranks_look_up(ranks, features, patches, channels, few, found);
    ck_assert_int_eq(memcmp(found, searched, patches * sizeof *found), 0);
    sn_intra_state_destroy(state), sn_intra_destroy(intra), sn_ranking_destroy(ranking);
    free(ranks), free(far), free(found), free(few), free(searched);
}

/* Patches, channels, and a kind: 0 random, 1 small integers (ties, exact in f32), 2 equal, 3 small
 * differences on a large common part. */
static void check_intra(size_t patches, size_t channels, int kind) {
    float *features = random_floats(&rng, patches * channels), *common = random_floats(&rng, channels);
    for (size_t i = 0; i < patches * channels; i++)
        features[i] = kind == 0   ? features[i]
                      : kind == 1 ? roundf(features[i])
                      : kind == 2 ? common[i % channels]
                                  : 1000 * common[i % channels] + features[i];
    size_t count = patches * 3 / 4 < 2 ? 2 : patches * 3 / 4;
    uint8_t *reference = calloc(patches, 1);
    for (size_t left = count; left > 0;) {
        size_t at = (size_t)sn_rng_below(&rng, patches);
        left -= reference[at] == 0;
        reference[at] = 1;
    }
    int32_t *found = malloc(patches * sizeof *found);
    sn_intra *intra;
    sn_intra_state *state;
    ck_ok(sn_intra_create(&intra, patches, channels, count));
    ck_ok(sn_intra_state_create(&state, intra));
    for (int turn = 0; turn < 2; turn++)
        ck_ok(sn_intra_run(intra, state, stream, features, reference, found));
    for (size_t i = 0; i < patches; i++) {
        double best;
        int32_t expected = nearest_of(features, patches, channels, reference, i, &best);
        ck_assert(found[i] >= 0 && (size_t)found[i] < patches && reference[found[i]] != 0 &&
                  found[i] != (int32_t)i);
        if (kind == 1 || kind == 2) {
            ck_assert_int_eq(found[i], expected);
        } else if (found[i] != expected) { /* nearer by less than f32 can tell */
            double own = 0;
            for (size_t c = 0; c < channels; c++)
                own += pow((double)features[i * channels + c] - features[(size_t)found[i] * channels + c], 2);
            ck_assert_double_le(own, best * (1 + 1e-5));
        }
    }
    sn_intra_state_destroy(state), sn_intra_destroy(intra);
    check_ranks(features, patches, channels, reference, found);
    free(features), free(common), free(reference), free(found);
}

START_TEST(nearest_patches) {
    sn_simd_override((sn_simd_level)(_i / 4));
    static const size_t shapes[][2] = {{3, 2}, {7, 5}, {64, 33}, {301, 24}, {1100, 6}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        check_intra(shapes[s][0], shapes[s][1], _i % 4);
    sn_simd_override(sn_simd_best());
}
END_TEST

START_TEST(more_than_one_block) {
    check_intra(3000, 4, 0);
    check_intra(3000, 4, 1);
}
END_TEST

/* Differences whose squares overflow leave no finite value to choose by: the earliest reference patch is
 * taken. */
START_TEST(overflowing_distances) {
    float features[5] = {-3e38f, 3e38f, -1e38f, 2e38f, 1};
    const uint8_t reference[5] = {1, 1, 0, 1, 0};
    int32_t nearest[5];
    sn_intra *intra;
    sn_intra_state *state;
    ck_ok(sn_intra_create(&intra, 5, 1, 3));
    ck_ok(sn_intra_state_create(&state, intra));
    ck_ok(sn_intra_run(intra, state, stream, features, reference, nearest));
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(nearest[i], i == 0 ? 1 : 0);
    sn_intra_state_destroy(state), sn_intra_destroy(intra);
}
END_TEST

START_TEST(hybrid_of_an_odd_shape) {
    enum { N = 35, C = 14 };
    float *features = random_floats(&rng, N * C), *inter = random_floats(&rng, N * C),
          *weight = random_floats(&rng, C);
    float hybrid[N * 2 * C], u[N], phi[C], q[C], s[N];
    uint8_t reference[N], expected[N];
    snarm_residual_options options;
    snarm_residual_options_init(&options);
    options.patches = N, options.channels = C, options.scale = 1.5, options.reference_ratio = 0.6;
    snarm_residual *engine;
    ck_ok(snarm_residual_create(&engine, weight, 0.25f, &options));
    ck_ok(snarm_residual_hybrid(engine, features, inter, hybrid, reference, u));
    for (size_t i = 0; i < N; i++) {
        reference_phi(inter + i * C, C, 1.5, phi);
        ck_assert_double_lt(largest_relative_error(hybrid + i * 2 * C, phi, C), 1e-6);
        double sum = 0.25, mean = 0;
        for (size_t c = 0; c < C; c++)
            sum += (double)weight[c] * phi[c], mean += phi[c] / (double)C;
        ck_assert_double_lt(fabs(u[i] - reference_sigmoid(sum)), 1e-6);
        s[i] = (float)(reference_sigmoid(sum) + mean);
    }
    sn_choose_reference(s, N, 21, expected);
    ck_assert_int_eq(memcmp(reference, expected, N), 0);
    for (size_t i = 0; i < N; i++) {
        double distance;
        size_t nearest = (size_t)nearest_of(features, N, C, reference, i, &distance);
        for (size_t c = 0; c < C; c++)
            q[c] = features[nearest * C + c] - features[i * C + c];
        reference_phi(q, C, 1.5, phi);
        ck_assert_double_lt(largest_relative_error(hybrid + i * 2 * C + C, phi, C), 1e-6);
    }
    ck_ok(snarm_residual_hybrid(engine, features, inter, hybrid, reference, NULL));
    inter[3 * C + 2] = NAN;
    ck_fails(snarm_residual_hybrid(engine, features, inter, hybrid, reference, u), SNARM_ERROR_ARGUMENT,
             "inter[3, 2] is");
    inter[3 * C + 2] = 1e30f;
    ck_fails(snarm_residual_hybrid(engine, features, inter, hybrid, reference, u), SNARM_ERROR_ARGUMENT,
             "waypoint");
    inter[3 * C + 2] = 0, features[N * C - 1] = -INFINITY;
    ck_fails(snarm_residual_hybrid(engine, features, inter, hybrid, reference, u), SNARM_ERROR_ARGUMENT,
             "features[34, 13] is -inf");
    features[N * C - 1] = 3e38f;
    ck_fails(snarm_residual_hybrid(engine, features, inter, hybrid, reference, u), SNARM_ERROR_ARGUMENT,
             "hybrid[34, ");
    ck_fails(snarm_residual_hybrid(engine, features, inter, NULL, reference, u), SNARM_ERROR_ARGUMENT,
             "hybrid is NULL");
    snarm_residual_destroy(engine);
    free(features), free(inter), free(weight);
}
END_TEST

START_TEST(wrong_options) {
    float weight[4] = {0};
    snarm_residual *engine;
    static const struct {
        snarm_residual_options options;
        const char *words;
    } wrong[] = {{{.patches = 1, .channels = 4}, "patches is 1"},
                 {{.patches = (1 << 20) + 1, .channels = 4}, "patches is 1048577"},
                 {{.patches = 4, .channels = 3}, "channels is 3"},
                 {{.patches = 4, .channels = 4098}, "channels is 4098"},
                 {{.patches = 4, .channels = 4, .neighbours = 65}, "neighbours is 65"},
                 {{.patches = 4, .channels = 4, .neighbours = -1}, "neighbours is -1"},
                 {{.patches = 4, .channels = 4, .reference_ratio = 1}, "reference_ratio is 1,"},
                 {{.patches = 4, .channels = 4, .reference_ratio = -0.5}, "reference_ratio is -0.5"},
                 {{.patches = 4, .channels = 4, .reference_ratio = 0.3}, "at least 2 of the 4"},
                 {{.patches = 4, .channels = 4, .scale = -1}, "scale is -1"},
                 {{.patches = 4, .channels = 4, .scale = 1e300}, "scale is 1e+300"},
                 {{.patches = 4, .channels = 4, .threads = 65}, "threads is 65"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snarm_residual_options options = wrong[i].options;
        options.struct_size = sizeof options;
        ck_fails(snarm_residual_create(&engine, weight, 0, &options), SNARM_ERROR_ARGUMENT, wrong[i].words);
        ck_assert_ptr_null(engine);
    }
    snarm_residual_options options;
    snarm_residual_options_init(&options);
    options.patches = 4, options.channels = 4;
    ck_fails(snarm_residual_create(&engine, NULL, 0, &options), SNARM_ERROR_ARGUMENT, "weight is NULL");
    ck_fails(snarm_residual_create(&engine, weight, NAN, &options), SNARM_ERROR_ARGUMENT, "bias");
    weight[2] = INFINITY;
    ck_fails(snarm_residual_create(&engine, weight, 0, &options), SNARM_ERROR_ARGUMENT,
             "weight[0, 2] is inf");
    snarm_residual_destroy(NULL);
}
END_TEST

START_TEST(inter_residual) {
    enum { N = 9, C = 6, M = 40, K = 3 };
    float *vectors = random_floats(&rng, M * C), *features = random_floats(&rng, N * C), weight[C] = {0},
          inter[N * C];
    int32_t images[M];
    for (int j = 0; j < M; j++)
        images[j] = j / 10;
    snarm_bank *bank;
    ck_ok(snarm_bank_create(&bank, vectors, images, M, C, NULL));
    snarm_residual_options options;
    snarm_residual_options_init(&options);
    options.patches = N, options.channels = C;
    snarm_residual *engine;
    ck_ok(snarm_residual_create(&engine, weight, 0, &options));
    for (int exclude = -1; exclude < 4; exclude++) {
        ck_ok(snarm_residual_inter(engine, bank, features, exclude, inter));
        for (size_t i = 0; i < N; i++) {
            bool taken[M] = {false};
            double mean[C] = {0};
            for (int k = 0; k < K; k++) {
                double least = INFINITY;
                size_t best = 0;
                for (size_t j = 0; j < M; j++) {
                    double d = 0;
                    for (size_t c = 0; c < C; c++)
                        d += pow((double)vectors[j * C + c] - features[i * C + c], 2);
                    if (!taken[j] && images[j] != exclude && d < least)
                        least = d, best = j;
                }
                taken[best] = true;
                for (size_t c = 0; c < C; c++)
                    mean[c] += vectors[best * C + c] / (double)K;
            }
            for (size_t c = 0; c < C; c++)
                ck_assert_double_lt(fabs(inter[i * C + c] - (mean[c] - features[i * C + c])), 1e-6);
        }
    }
    snarm_residual_destroy(engine);
    options.channels = 4;
    ck_ok(snarm_residual_create(&engine, weight, 0, &options));
    ck_fails(snarm_residual_inter(engine, bank, features, -1, inter), SNARM_ERROR_MISMATCH,
             "6 channels, the engine 4");
    ck_fails(snarm_residual_inter(engine, NULL, features, -1, inter), SNARM_ERROR_ARGUMENT, "bank is NULL");
    snarm_residual_destroy(engine), snarm_bank_destroy(bank);
    free(vectors), free(features);
}
END_TEST

typedef struct job {
    const snarm_residual *engine;
    const float *features, *inter;
    float *hybrid;
    snarm_status status;
} job;

static void *work(void *data) {
    job *own = data;
    uint8_t reference[150];
    for (int i = 0; i < 3 && own->status == SNARM_OK; i++)
        own->status =
            snarm_residual_hybrid(own->engine, own->features, own->inter, own->hybrid, reference, NULL);
    return NULL;
}

START_TEST(many_threads) {
    enum { N = 150, C = 32, THREADS = 4 };
    float *features = random_floats(&rng, N * C), *inter = random_floats(&rng, N * C),
          *alone = random_floats(&rng, 2 * N * C);
    float weight[C] = {0};
    uint8_t reference[N];
    snarm_residual_options options;
    snarm_residual_options_init(&options);
    options.patches = N, options.channels = C, options.threads = 2;
    snarm_residual *engine;
    ck_ok(snarm_residual_create(&engine, weight, 0, &options));
    ck_ok(snarm_residual_hybrid(engine, features, inter, alone, reference, NULL));
    job jobs[THREADS];
    pthread_t threads[THREADS];
    for (int t = 0; t < THREADS; t++) {
        jobs[t] = (job){engine, features, inter, random_floats(&rng, 2 * N * C), SNARM_OK};
        ck_assert_int_eq(pthread_create(&threads[t], NULL, work, &jobs[t]), 0);
    }
    for (int t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
        ck_assert_int_eq(jobs[t].status, SNARM_OK);
        ck_assert_int_eq(memcmp(jobs[t].hybrid, alone, 2 * N * C * sizeof *alone), 0);
        free(jobs[t].hybrid);
    }
    snarm_residual_destroy(engine);
    free(features), free(inter), free(alone);
}
END_TEST

/* A vector's values, the caller's to free. */
static float *values_of(const sn_safetensors *file, const char *name) {
    const sn_tensor *tensor = sn_safetensors_find(file, name);
    ck_assert_msg(tensor != NULL, "no %s", name);
    float *values = malloc(tensor->count * sizeof *values);
    ck_ok(sn_tensor_to_f32(file, tensor, values));
    return values;
}

static void to_rows(const float *planes, size_t channels, size_t patches, float *dst) {
    for (size_t c = 0; c < channels; c++)
        for (size_t i = 0; i < patches; i++)
            dst[i * channels + c] = planes[c * patches + i];
}

START_TEST(golden) {
    enum { N = 196, C = 32 };
    const char *path = shared_file("golden/scorer_small.safetensors");
    if (path == NULL)
        return;
    sn_safetensors *weights, *file;
    ck_ok(sn_safetensors_open(&weights, path));
    ck_ok(sn_safetensors_open(&file, shared_file("golden/scorer_small_io.safetensors")));
    float *weight = values_of(weights, "simple_predictor.weight"),
          *bias = values_of(weights, "simple_predictor.bias");
    float *features = values_of(file, "features"), *inter = values_of(file, "inter_residual");
    float *navigator = values_of(file, "navigator"), *mask = values_of(file, "reference_mask");
    float *hybrid = values_of(file, "hybrid");
    snarm_residual_options options;
    snarm_residual_options_init(&options);
    options.patches = N, options.channels = C;
    snarm_residual *engine;
    ck_ok(snarm_residual_create(&engine, weight, bias[0], &options));
    for (size_t image = 0; image < 2; image++) {
        float f[N * C], r[N * C], h[2 * N * C], expected[2 * N * C], u[N], waypoint[N];
        uint8_t reference[N];
        to_rows(features + image * N * C, C, N, f), to_rows(inter + image * N * C, C, N, r);
        to_rows(hybrid + image * 2 * N * C, 2 * C, N, expected);
        ck_ok(snarm_residual_hybrid(engine, f, r, h, reference, u));
        ck_assert_double_lt(largest_relative_error(u, navigator + image * N, N), 1e-5);
        ck_assert_double_lt(largest_relative_error(h, expected, 2 * N * C), 2e-5);
        float largest = 0;
        for (size_t i = 0; i < N; i++) {
            waypoint[i] = u[i];
            for (size_t c = 0; c < C; c++)
                waypoint[i] += h[i * 2 * C + c] / C;
            largest = reference[i] != 0 ? fmaxf(largest, waypoint[i]) : largest;
        }
        for (size_t i = 0; i < N; i++)
            ck_assert(reference[i] == mask[image * N + i] || fabsf(waypoint[i] - largest) < 1e-5f);
    }
    snarm_residual_destroy(engine);
    sn_safetensors_close(weights), sn_safetensors_close(file);
    free(weight), free(bias), free(features), free(inter), free(navigator), free(mask), free(hybrid);
}
END_TEST

int main(void) {
    sn_rng_seed(&rng, 4, 0);
    if (sn_stream_create(&stream) != SNARM_OK)
        return 1;
    Suite *suite = suite_create("residual");
    TCase *cases = tcase_create("residual");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, rounding_of_the_count);
    tcase_add_test(cases, choice_of_the_smallest);
    tcase_add_loop_test(cases, nearest_patches, 0, 4 * (SN_SIMD_AVX512 + 1));
    tcase_add_test(cases, more_than_one_block);
    tcase_add_test(cases, overflowing_distances);
    tcase_add_test(cases, hybrid_of_an_odd_shape);
    tcase_add_test(cases, wrong_options);
    tcase_add_test(cases, inter_residual);
    tcase_add_test(cases, many_threads);
    tcase_add_test(cases, golden);
    suite_add_tcase(suite, cases);
    int status = run_suite(suite);
    sn_stream_destroy(stream);
    return status;
}
