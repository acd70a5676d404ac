/* Gradients of the recurrent kernels: plain C in double precision against its own differences, and the vector
 * kernels of each level against plain C. */
#include "kernel/simd.h"
#include "reference_backward.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static sn_rng rng;

static void run_scan(const void *block, const double *values, double *results) {
    reference_scan(block, values, results);
}

static void run_conv(const void *block, const double *values, double *results) {
    reference_causal_conv(block, values, results);
}

static void check_doubles(const double *values, const double *expected, size_t count) {
    for (size_t i = 0; i < count; i++)
        ck_assert_double_le(fabs(values[i] - expected[i]), 1e-8 * (1 + fabs(expected[i])));
}

static double *random_scan(const scan_block *at) {
    double *values = random_doubles(&rng, at->count);
    for (size_t i = 0; i < at->states * at->channels; i++)
        values[at->a + i] = (float)(-1 - values[at->a + i] * values[at->a + i]);
    for (size_t i = 0; i < at->length * at->channels; i++) {
        values[at->dt + i] *= 4;
        values[at->gate + i] *= 4;
    }
    return values;
}

START_TEST(references) {
    const size_t lengths[] = {1, 2, 9};
    for (size_t i = 0; i < 3; i++)
        for (size_t states = 1; states < 6; states += 2) {
            const scan_block scan = make_scan_block(lengths[i], 3, states);
            double *values = random_scan(&scan), *seed = random_doubles(&rng, lengths[i] * 3);
            double *expected = differences(run_scan, &scan, values, scan.count, seed, lengths[i] * 3);
            double *gradients = malloc(scan.count * sizeof *gradients);
            reference_scan_backward(&scan, values, seed, gradients);
            check_doubles(gradients, expected, scan.count);
            free(values), free(expected), free(gradients);
            const conv_block conv = make_conv_block(lengths[i], 3, states);
            values = random_doubles(&rng, conv.count);
            expected = differences(run_conv, &conv, values, conv.count, seed, lengths[i] * 3);
            gradients = malloc(conv.count * sizeof *gradients);
            reference_causal_conv_backward(&conv, values, seed, gradients);
            check_doubles(gradients, expected, conv.count);
            free(values), free(expected), free(gradients), free(seed);
        }
}
END_TEST

/* Rows of columns values in rows of stride floats, what lies between them 7. */
static float *strided(const double *values, size_t rows, size_t columns, size_t stride) {
    float *spread = malloc(rows * stride * sizeof *spread);
    for (size_t i = 0; i < rows * stride; i++)
        spread[i] =
            i % stride < columns && values != NULL ? (float)values[i / stride * columns + i % stride] : 7;
    return spread;
}

/* The columns begin..end - 1 are as expected, to a part of their largest value; the others hold what they
 * held. */
static void check_strided(const char *name, const float *values, const double *expected, size_t rows,
                          size_t columns, size_t stride, size_t begin, size_t end, double before) {
    double largest = 1e-30;
    for (size_t i = 0; i < rows * columns; i++)
        largest = fmax(largest, fabs(expected[i]));
    for (size_t i = 0; i < rows * stride; i++) {
        const size_t column = i % stride;
        if (column >= begin && column < end) {
            const double exact = expected[i / stride * columns + column] + before;
            ck_assert_msg(fabs(values[i] - exact) <= 1e-5 * (largest + fabs(before)),
                          "%s[%zu, %zu] is %g, expected %g", name, i / stride, column, values[i], exact);
        } else {
            ck_assert_msg(values[i] == 7, "%s[%zu, %zu] was written", name, i / stride, column);
        }
    }
}

/* The sums over channels are of those in begin..end - 1 alone: without a gradient, the others add nothing. */
static void mute(double *seed, size_t length, size_t channels, size_t begin) {
    for (size_t i = 0; i < length * channels; i++)
        if (i % channels < begin)
            seed[i] = 0;
}

static void scan_case(size_t length, size_t channels, size_t states, bool in_place) {
    const scan_block at = make_scan_block(length, channels, states);
    const size_t stride = channels + 2, pairs = 2 * states + 1, begin = channels / 4;
    double *values = random_scan(&at), *seed = random_doubles(&rng, length * channels);
    double *expected = malloc(at.count * sizeof *expected), *y = malloc(length * channels * sizeof *y);
    mute(seed, length, channels, begin);
    reference_scan(&at, values, y);
    reference_scan_backward(&at, values, seed, expected);
    float *x = strided(values + at.x, length, channels, stride),
          *dt = strided(values + at.dt, length, channels, stride);
    float *gate = strided(values + at.gate, length, channels, stride);
    float *b = strided(values + at.b, length, states, pairs),
          *c = strided(values + at.c, length, states, pairs);
    float *a = strided(values + at.a, states, channels, channels),
          *skip = strided(values + at.skip, 1, channels, channels);
    float *diff_y = strided(seed, length, channels, stride + 1);
    float *dx = strided(NULL, length, channels, stride), *ddt = strided(NULL, length, channels, stride);
    float *dgate = strided(NULL, length, channels, stride), *db = strided(NULL, length, states, pairs);
    float *dc = strided(NULL, length, states, pairs), *da = strided(NULL, states, channels, channels);
    float *dskip = strided(NULL, 1, channels, channels), *dt_sum = strided(NULL, 1, channels, channels);
    float *out = strided(NULL, length, channels, stride + 1);
    float *scratch = malloc(sn_scan_backward_scratch(length, states) * sizeof *scratch);
    const sn_scan scan = {.length = length,
                          .channels = channels,
                          .states = states,
                          .x = x,
                          .dt = dt,
                          .gate = gate,
                          .b = b,
                          .c = c,
                          .a = a,
                          .skip = skip,
                          .y = in_place ? diff_y : out,
                          .x_stride = stride,
                          .dt_stride = stride,
                          .gate_stride = stride,
                          .bc_stride = pairs,
                          .y_stride = stride + 1};
    const sn_scan_gradients g = {.diff_y = diff_y,
                                 .x = dx,
                                 .dt = in_place ? dt : ddt,
                                 .gate = dgate,
                                 .b = db,
                                 .c = dc,
                                 .a = da,
                                 .skip = dskip,
                                 .dt_sum = dt_sum,
                                 .diff_y_stride = stride + 1,
                                 .x_stride = stride,
                                 .dt_stride = stride,
                                 .gate_stride = stride,
                                 .bc_stride = pairs};
    sn_simd_table()->selective_scan_backward(&scan, &g, begin, channels, scratch);
    check_strided("x", dx, expected + at.x, length, channels, stride, begin, channels, 0);
    check_strided("gate", dgate, expected + at.gate, length, channels, stride, begin, channels, 0);
    if (!in_place) {
        check_strided("dt", ddt, expected + at.dt, length, channels, stride, begin, channels, 0);
        check_strided("y", out, y, length, channels, stride + 1, begin, channels, 0);
    } else { /* the other columns hold what was read there */
        for (size_t t = 0; t < length; t++)
            for (size_t i = 0; i < begin; i++) {
                ck_assert(diff_y[t * (stride + 1) + i] == 0);
                ck_assert(dt[t * stride + i] == (float)values[at.dt + t * channels + i]);
                diff_y[t * (stride + 1) + i] = dt[t * stride + i] = 7;
            }
        check_strided("dt", dt, expected + at.dt, length, channels, stride, begin, channels, 0);
        check_strided("y", diff_y, y, length, channels, stride + 1, begin, channels, 0);
    }
    check_strided("b", db, expected + at.b, length, states, pairs, 0, states, 0);
    check_strided("c", dc, expected + at.c, length, states, pairs, 0, states, 0);
    check_strided("a", da, expected + at.a, states, channels, channels, begin, channels, 7);
    check_strided("skip", dskip, expected + at.skip, 1, channels, channels, begin, channels, 7);
    double *sum = calloc(channels, sizeof *sum);
    for (size_t i = 0; i < length * channels; i++)
        sum[i % channels] += expected[at.dt + i];
    check_strided("dt_sum", dt_sum, sum, 1, channels, channels, begin, channels, 7);
    free(values), free(seed), free(expected), free(y), free(x), free(dt), free(gate), free(b), free(c),
        free(a);
    free(skip), free(diff_y), free(dx), free(ddt), free(dgate), free(db), free(dc), free(da), free(dskip),
        free(dt_sum);
    free(out), free(scratch), free(sum);
}

START_TEST(scans) {
    sn_simd_override((sn_simd_level)_i);
    for (size_t channels = 1; channels < 40; channels += 3)
        for (size_t states = 1; states <= SN_SCAN_STATES_MAX; states += states < 5 ? 1 : 59)
            scan_case(1 + channels % 6, channels, states, channels % 2 == 0);
    scan_case(300, 33, 4, false);
    scan_case(300, 33, 7, true);
    sn_simd_override(sn_simd_best());
}
END_TEST

static void conv_case(size_t length, size_t channels, size_t taps, bool in_place) {
    const conv_block at = make_conv_block(length, channels, taps);
    const size_t stride = channels + 3, begin = channels / 4;
    double *values = random_doubles(&rng, at.count), *seed = random_doubles(&rng, length * channels);
    double *expected = malloc(at.count * sizeof *expected);
    reference_causal_conv_backward(&at, values, seed, expected);
    float *src = strided(values + at.src, length, channels, stride);
    float *weights = strided(values + at.weights, taps, channels, channels);
    float *bias = strided(values + at.bias, 1, channels, channels);
    float *diff_dst = strided(seed, length, channels, stride),
          *diff_src = strided(NULL, length, channels, stride);
    float *diff_weights = strided(NULL, taps, channels, channels),
          *diff_bias = strided(NULL, 1, channels, channels);
    const sn_conv_gradients g = {.length = length,
                                 .taps = taps,
                                 .src = src,
                                 .diff_dst = diff_dst,
                                 .weights = weights,
                                 .bias = bias,
                                 .diff_src = in_place ? diff_dst : diff_src,
                                 .diff_weights = diff_weights,
                                 .diff_bias = diff_bias,
                                 .src_stride = stride,
                                 .diff_dst_stride = stride,
                                 .weights_stride = channels,
                                 .diff_src_stride = stride};
    sn_simd_table()->causal_conv_silu_backward(&g, begin, channels);
    for (size_t i = 0; i < length * stride && in_place; i++)
        if (i % stride < begin)
            diff_dst[i] = 7;
    check_strided("src", g.diff_src, expected + at.src, length, channels, stride, begin, channels, 0);
    check_strided("weights", diff_weights, expected + at.weights, taps, channels, channels, begin, channels,
                  7);
    check_strided("bias", diff_bias, expected + at.bias, 1, channels, channels, begin, channels, 7);
    free(values), free(seed), free(expected), free(src), free(weights), free(bias), free(diff_dst),
        free(diff_src);
    free(diff_weights), free(diff_bias);
}

START_TEST(convolutions) {
    sn_simd_override((sn_simd_level)_i);
    for (size_t channels = 1; channels < 40; channels += 3)
        for (size_t taps = 1; taps <= SN_CONV_TAPS_MAX; taps += taps < 6 ? 1 : 58)
            for (size_t length = 1; length < 12; length += 2)
                conv_case(length, channels, taps, length % 4 == 1);
    sn_simd_override(sn_simd_best());
}
END_TEST

int main(void) {
    sn_rng_seed(&rng, 10, 0);
    Suite *suite = suite_create("scan_backward");
    TCase *cases = tcase_create("scan_backward");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, references);
    tcase_add_loop_test(cases, scans, SN_SIMD_PLAIN, SN_SIMD_AVX512 + 1);
    tcase_add_loop_test(cases, convolutions, SN_SIMD_PLAIN, SN_SIMD_AVX512 + 1);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
