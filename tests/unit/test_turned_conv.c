/* A convolution in its four turns, forward and backward, against the definition in double: odd shapes, pixels more and fewer
 * than a block, every level of vectors. */
#include "scorer/turned_conv.h"
#include "core/threads.h"
#include "kernel/simd.h"
#include "scorer/scan_order.h"
#include "reference.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static sn_stream *stream;

/* What a test computes, and in double what it should be. */
typedef struct sides {
    size_t values, kernel; /* of one plane, of the kernel */
    float *src, *taps, *bias, *diff_dst, *dst, *diff_src, *diff_taps;
    double *expected, *expected_src, *expected_taps;
} sides;

static void define(const sn_turned_conv_shape *s, sides *v) {
    const size_t d = s->channels;
    float *turned = malloc(v->kernel * sizeof *turned);
    double *diff_turned = malloc(v->kernel * sizeof *diff_turned);
    float *part = malloc(v->kernel * sizeof *part), *back = malloc(v->kernel * sizeof *back);
    for (int scan = 0; scan < SN_SCANS; scan++) {
        sn_scan_kernel(scan, v->taps, d * d, turned);
        memset(diff_turned, 0, v->kernel * sizeof *diff_turned);
        double *dst = v->expected + (size_t)scan * v->values;
        const float *diff = v->diff_dst + (size_t)scan * v->values;
        for (size_t b = 0; b < s->batch; b++)
            for (long y = 0; y < (long)s->height; y++)
                for (long x = 0; x < (long)s->width; x++) {
                    const size_t to = ((b * s->height + (size_t)y) * s->width + (size_t)x) * d;
                    for (size_t o = 0; o < d; o++)
                        dst[to + o] = (double)v->bias[o];
                    for (long t = 0; t < 9; t++) {
                        const long sy = y + t / 3 - 1, sx = x + t % 3 - 1;
                        if (sy < 0 || sx < 0 || sy >= (long)s->height || sx >= (long)s->width)
                            continue;
                        const size_t from = ((b * s->height + (size_t)sy) * s->width + (size_t)sx) * d;
                        for (size_t o = 0; o < d; o++)
                            for (size_t i = 0; i < d; i++) {
                                const size_t w = (o * d + i) * 9 + (size_t)t;
                                dst[to + o] += (double)turned[w] * (double)v->src[from + i];
                                v->expected_src[from + i] += (double)turned[w] * (double)diff[to + o];
                                diff_turned[w] += (double)v->src[from + i] * (double)diff[to + o];
                            }
                    }
                }
        for (size_t i = 0; i < v->kernel; i++)
            part[i] = (float)diff_turned[i];
        sn_scan_kernel(scan, part, d * d, back); /* every turn undoes itself */
        for (size_t i = 0; i < v->kernel; i++)
            v->expected_taps[i] += (double)back[i];
    }
    free(turned), free(diff_turned), free(part), free(back);
}

static double error_of(const float *values, const double *expected, size_t count) {
    double largest = 0, error = 0;
    for (size_t i = 0; i < count; i++) {
        ck_assert(isfinite(values[i]));
        largest = fmax(largest, fabs(expected[i]));
        error = fmax(error, fabs((double)values[i] - expected[i]));
    }
    return error / fmax(largest, 1e-30);
}

static const sn_turned_conv_shape shapes[] = {{1, 1, 1, 8, true, SN_TYPE_F32},  {1, 1, 6, 3, true, SN_TYPE_F32},  {2, 5, 1, 5, true, SN_TYPE_F32},   {3, 4, 7, 10, true, SN_TYPE_F32},
                                              {2, 2, 2, 17, true, SN_TYPE_F32}, {1, 23, 31, 9, true, SN_TYPE_F32}, {2, 16, 16, 32, true, SN_TYPE_F32}, {3, 19, 17, 16, true, SN_TYPE_F32}};

static void check_shape(const sn_turned_conv_shape *s) {
    const size_t values = s->batch * s->height * s->width * s->channels, kernel = s->channels * s->channels * 9;
    sn_rng rng;
    sn_rng_seed(&rng, 7, values);
    sides v = {values, kernel, random_floats(&rng, values), random_floats(&rng, kernel), random_floats(&rng, s->channels),
               random_floats(&rng, SN_SCANS * values), malloc(SN_SCANS * values * 4), malloc(values * 4), malloc(kernel * 4),
               calloc(SN_SCANS * values, 8), calloc(values, 8), calloc(kernel, 8)};
    define(s, &v);
    sn_turned_conv *conv;
    ck_ok(sn_turned_conv_create(&conv, s));
    float *scratch = malloc(sn_turned_conv_scratch(conv) * sizeof *scratch);
    ck_ok(sn_turned_conv_pack(conv, v.taps));
    ck_ok(sn_turned_conv_run(conv, stream, v.src, v.bias, scratch, v.dst));
    ck_assert_double_le(error_of(v.dst, v.expected, SN_SCANS * values), 2e-6);
    ck_ok(sn_turned_conv_backward(conv, stream, v.src, v.diff_dst, scratch, v.diff_src, v.diff_taps));
    ck_assert_double_le(error_of(v.diff_src, v.expected_src, values), 2e-6);
    ck_assert_double_le(error_of(v.diff_taps, v.expected_taps, kernel), 4e-6);
    /* The first quarter of the used-up gradient is its sum over the scans. */
    sn_rng_seed(&rng, 7, values);
    float *again[] = {random_floats(&rng, values), random_floats(&rng, kernel), random_floats(&rng, s->channels),
                      random_floats(&rng, SN_SCANS * values)};
    for (size_t i = 0; i < values; i++) {
        const float *d = again[3] + i;
        ck_assert_float_eq_tol(v.diff_dst[i], d[0] + d[values] + d[2 * values] + d[3 * values], 1e-5f);
    }
    sn_turned_conv_destroy(conv);
    void *const blocks[] = {v.src,      v.taps,         v.bias,          v.diff_dst, v.dst,    v.diff_src, v.diff_taps,
                            v.expected, v.expected_src, v.expected_taps, scratch,    again[0], again[1],   again[2], again[3]};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        free(blocks[i]);
}

START_TEST(four_turns) {
    const int former = sn_threads_enter(2);
    ck_ok(sn_stream_create(&stream));
    for (int level = SN_SIMD_PLAIN; level <= (int)sn_simd_best(); level++) {
        sn_simd_override((sn_simd_level)level);
        check_shape(&shapes[_i]);
    }
    sn_simd_override(sn_simd_best());
    sn_stream_destroy(stream);
    sn_threads_leave(former);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("turned convolution");
    TCase *tests = tcase_create("against the definition");
    tcase_add_loop_test(tests, four_turns, 0, sizeof shapes / sizeof *shapes);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
