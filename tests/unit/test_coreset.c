/* The greedy coreset beside the plain loop, on data that its shortcuts like and on data that they do not. */
#include "bank/coreset.h"
#include "core/threads.h"
#include "kernel/simd.h"
#include "reference.h"
#include "snarm/bank.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static sn_rng rng;

/* All points against every new centre, in the order of summation that the library's kernels promise. */
static void check_plain_loop(const float *points, size_t count, size_t dimensions, const size_t *selected,
                             size_t target, bool fused) {
    float *nearest = malloc(count * sizeof *nearest);
    for (size_t i = 0; i < count; i++)
        nearest[i] = INFINITY;
    size_t centre = selected[0];
    for (size_t c = 0; c < target; c++) {
        ck_assert_uint_eq(selected[c], centre);
        for (size_t i = 0; i < count; i++) {
            float sum = 0;
            for (size_t d = 0; d < dimensions && sum < nearest[i]; d++) { /* it only grows */
                float difference = points[i * dimensions + d] - points[centre * dimensions + d];
                sum = fused ? fmaf(difference, difference, sum) : sum + difference * difference;
            }
            nearest[i] = sum < nearest[i] ? sum : nearest[i];
        }
        centre = 0;
        for (size_t i = 1; i < count; i++)
            if (nearest[i] > nearest[centre])
                centre = i;
    }
    free(nearest);
}

enum { SPREAD, CLUSTERS, GRID, SIGNS, PLANE, FAR, TINY, LARGE, ENDLESS };
typedef struct shape {
    size_t count, dimensions, target;
    int kind;
} shape;

static float *make_points(const shape *s) {
    const size_t d = s->dimensions;
    float *points = random_floats(&rng, s->count * d), *axes = random_floats(&rng, 6 * d);
    for (size_t i = 0; i < s->count; i++) {
        float *point = points + i * d;
        const float noise =
            s->kind == PLANE ? 0.05f : 0; /* none: along the axes distances are as large as true ones */
        if (s->kind >= PLANE)             /* near a plane of 6 dimensions, like features */
            for (size_t a = 0; a < 6; a++) {
                const float at = (float)(2 * sn_rng_uniform(&rng) - 1);
                for (size_t c = 0; c < d; c++)
                    point[c] = (a == 0 ? noise * point[c] : point[c]) + at * axes[a * d + c];
            }
        for (size_t c = 0; c < d; c++)
            switch (s->kind) {
            case CLUSTERS:
                point[c] = 0.1f * point[c] + (float)((i * 7 + c * 13) % 40);
                break;
            case GRID: /* most distances are equal */
                point[c] = c < 4 ? roundf(2 * point[c]) : 0;
                break;
            case SIGNS: /* most distances are equal but for their rounding */
                point[c] = copysignf(c % 3 == 0 ? 0.3f : 0.1f, point[c]);
                break;
            case FAR: /* rounding of coordinates is as large as distances */
                point[c] += 250;
                break;
            case TINY: /* squares have lost their digits */
                point[c] *= 1e-22f;
                break;
            case LARGE: /* squares are near the largest float */
                point[c] *= 1e17f;
                break;
            case ENDLESS: /* and beyond */
                point[c] *= 1e19f;
                break;
            default:
                break;
            }
    }
    free(axes);
    return points;
}

static const shape shapes[] = {
    {50, 3, 49, SPREAD},     {1000, 8, 300, CLUSTERS}, {2000, 33, 150, SPREAD}, {4000, 16, 400, CLUSTERS},
    {3000, 80, 900, PLANE},  {3000, 128, 700, SPREAD}, {3000, 64, 1500, FAR},   {2000, 70, 1500, TINY},
    {2000, 70, 500, LARGE},  {2000, 70, 300, ENDLESS}, {1500, 90, 120, GRID},   {2500, 96, 800, CLUSTERS},
    {2500, 300, 400, PLANE}, {2000, 70, 500, SIGNS},   {2000, 128, 500, SIGNS},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

START_TEST(coreset_is_the_plain_loop) {
    const sn_simd_level level = sn_simd_override((sn_simd_level)(_i / SHAPES));
    const shape *s = shapes + _i % SHAPES;
    float *points = make_points(s);
    size_t *selected = malloc(s->target * sizeof *selected), *again = malloc(s->target * sizeof *again),
           chosen;
    snarm_coreset_options options;
    snarm_coreset_options_init(&options);
    options.projection = -1;
    options.threads = 1;
    options.seed = 5;
    ck_ok(snarm_coreset_select(points, s->count, (int32_t)s->dimensions, s->target, &options, selected,
                               &chosen));
    if (s->kind == GRID) /* few points, often repeated: the selection may end early */
        ck_assert_uint_gt(chosen, 100);
    else
        ck_assert_uint_eq(chosen, s->target);
    check_plain_loop(points, s->count, s->dimensions, selected, chosen, level != SN_SIMD_PLAIN);
    for (options.threads = 2; options.threads <= 5; options.threads++) {
        size_t chosen_again;
        ck_ok(snarm_coreset_select(points, s->count, (int32_t)s->dimensions, s->target, &options, again,
                                   &chosen_again));
        ck_assert_uint_eq(chosen_again, chosen);
        ck_assert_int_eq(memcmp(selected, again, chosen * sizeof *again), 0);
    }
    free(selected), free(again), free(points);
    sn_simd_override(sn_simd_best());
}
END_TEST

/* The shortcuts are there: near a plane, most pairs are told apart along the axes or never looked at. */
START_TEST(work_is_saved) {
    enum { COUNT = 20000, DIMENSIONS = 128, TARGET = 1000 };
    const shape s = {COUNT, DIMENSIONS, TARGET, PLANE};
    float *points = make_points(&s);
    size_t *selected = malloc(TARGET * sizeof *selected), chosen;
    sn_coreset_counts counts = {0};
    const int former = sn_threads_enter(2);
    ck_ok(sn_coreset_greedy_counted(points, COUNT, DIMENSIONS, TARGET, 0, NULL, NULL, selected, &chosen,
                                    &counts));
    sn_threads_leave(former);
    ck_assert_uint_eq(chosen, TARGET);
    ck_assert_uint_gt(counts.along_axes, 0);
    ck_assert_uint_lt(counts.along_axes, (uint64_t)COUNT * TARGET * 3 / 4);
    ck_assert_uint_lt(counts.whole, (uint64_t)COUNT * TARGET / 4);
    free(selected), free(points);
}
END_TEST

static int stop_at_once(void *user, const char *stage, uint64_t done, uint64_t total) {
    ck_assert_str_eq(stage, "coreset");
    ck_assert_uint_le(done, total);
    ++*(int *)user;
    return 1;
}

START_TEST(coreset_options) {
    enum { N = 2000, C = 300 };
    float *vectors = random_floats(&rng, N * C);
    for (size_t i = N / 2; i < N; i++)
        memcpy(vectors + i * C, vectors + (i - N / 2) * C,
               C * sizeof *vectors); /* the second half repeats the first */
    size_t *a = malloc(N * sizeof *a), *b = malloc(N * sizeof *b), chosen;
    snarm_coreset_options options;
    snarm_coreset_options_init(&options);
    ck_ok(snarm_coreset_select(vectors, N, C, 100, &options, a, &chosen));
    ck_assert_uint_eq(chosen, 100);
    options.threads = 1;
    ck_ok(snarm_coreset_select(vectors, N, C, 100, &options, b, &chosen));
    ck_assert_int_eq(memcmp(a, b, 100 * sizeof *a), 0);
    options.seed = 1;
    ck_ok(snarm_coreset_select(vectors, N, C, 100, &options, b, &chosen));
    ck_assert_int_ne(memcmp(a, b, 100 * sizeof *a), 0);
    ck_ok(snarm_coreset_select(vectors, N, C, N - 1, NULL, a, &chosen));
    ck_assert_uint_eq(chosen, N / 2);
    ck_ok(snarm_coreset_select(vectors, 10, C, 20, NULL, a, &chosen));
    ck_assert_uint_eq(chosen, 10);
    ck_ok(snarm_coreset_select(vectors, 1, C, 1, NULL, a, &chosen));
    ck_assert(chosen == 1 && a[0] == 0);
    int calls = 0;
    options.progress = stop_at_once, options.progress_user = &calls;
    ck_fails(snarm_coreset_select(vectors, N, C, 100, &options, a, &chosen), SNARM_ERROR_CANCELLED,
             "coreset");
    ck_assert_int_eq(calls, 1);
    options.projection = -2;
    ck_fails(snarm_coreset_select(vectors, N, C, 100, &options, a, &chosen), SNARM_ERROR_ARGUMENT,
             "projection is -2");
    free(vectors), free(a), free(b);
}
END_TEST

int main(void) {
    sn_rng_seed(&rng, 3, 0);
    Suite *suite = suite_create("coreset");
    TCase *cases = tcase_create("coreset");
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, coreset_is_the_plain_loop, 0, (SN_SIMD_AVX512 + 1) * SHAPES);
    tcase_add_test(cases, work_is_saved);
    tcase_add_test(cases, coreset_options);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
