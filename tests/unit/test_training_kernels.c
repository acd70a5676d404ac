/* The kernels of training: convolutions forward and backward, norms backward, dropout, batch statistics; against
 * definitions in double and their finite differences, on odd shapes and every level of vectors. */
#include "core/threads.h"
#include "kernel/conv_training.h"
#include "kernel/simd.h"
#include "reference.h"
#include "support.h"

#include <math.h>
#include <string.h>

static sn_rng rng;
static sn_stream *stream;

typedef sn_conv_training_shape shape_of_conv;

/* Calls the terms of a convolution: output place, input place, weight place. */
typedef void (*term_fn)(size_t dst, size_t src, size_t weight, void *context);
static void each_term(const shape_of_conv *s, term_fn fn, void *context) {
    const long reach = (long)(s->dilation * (s->kernel - 1) / 2);
    for (size_t b = 0; b < s->batch; b++)
        for (long y = 0; y < (long)s->height; y++)
            for (long x = 0; x < (long)s->width; x++)
                for (size_t ky = 0; ky < s->kernel; ky++)
                    for (size_t kx = 0; kx < s->kernel; kx++) {
                        const long sy = y + (long)(ky * s->dilation) - reach, sx = x + (long)(kx * s->dilation) - reach;
                        if (sy < 0 || sx < 0 || sy >= (long)s->height || sx >= (long)s->width)
                            continue;
                        const size_t from = (b * s->height + (size_t)sy) * s->width + (size_t)sx;
                        const size_t to = (b * s->height + (size_t)y) * s->width + (size_t)x;
                        for (size_t o = 0; o < s->channels_out; o++)
                            for (size_t i = 0; i < s->channels_in; i++)
                                fn(to * s->channels_out + o, from * s->channels_in + i,
                                   ((o * s->channels_in + i) * s->kernel + ky) * s->kernel + kx, context);
                    }
}

typedef struct conv_case {
    const float *src, *weights, *diff_dst;
    double *dst, *diff_src, *diff_weights;
} conv_case;

static void add_term(size_t dst, size_t src, size_t weight, void *context) {
    conv_case *c = context;
    c->dst[dst] += (double)c->src[src] * (double)c->weights[weight];
    c->diff_src[src] += (double)c->diff_dst[dst] * (double)c->weights[weight];
    c->diff_weights[weight] += (double)c->diff_dst[dst] * (double)c->src[src];
}

static double error_of(const float *values, const double *expected, size_t count) {
    double largest = 0, error = 0;
    for (size_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs(expected[i]));
        error = fmax(error, fabs((double)values[i] - expected[i]));
    }
    return error / fmax(largest, 1e-30);
}

START_TEST(convolutions) {
    static const shape_of_conv shapes[] = {{1, 5, 7, 3, 2, 3, 1},   {2, 9, 6, 16, 32, 3, 1}, {3, 4, 4, 8, 8, 3, 6},
                                           {2, 11, 13, 32, 16, 3, 3}, {1, 2, 3, 5, 5, 1, 1},   {2, 14, 14, 64, 64, 3, 24}};
    const shape_of_conv *s = &shapes[_i];
    const size_t pixels = s->batch * s->height * s->width, in = pixels * s->channels_in, out = pixels * s->channels_out;
    const size_t count = s->channels_out * s->channels_in * s->kernel * s->kernel;
    float *src = random_floats(&rng, in), *weights = random_floats(&rng, count), *diff_dst = random_floats(&rng, out);
    float *bias = random_floats(&rng, s->channels_out);
    conv_case c = {src, weights, diff_dst, calloc(out, 8), calloc(in, 8), calloc(count, 8)};
    each_term(s, add_term, &c);
    float *dst = random_floats(&rng, out), *diff_src = random_floats(&rng, in), *diff_weights = random_floats(&rng, count);
    float *diff_bias = random_floats(&rng, s->channels_out);
    sn_conv_training *conv;
    ck_ok(sn_conv_training_create(&conv, s));
    ck_ok(sn_conv_training_forward(conv, stream, src, weights, NULL, dst));
    ck_assert_double_lt(error_of(dst, c.dst, out), 1e-5);
    ck_ok(sn_conv_training_backward_data(conv, stream, weights, diff_dst, diff_src));
    ck_assert_double_lt(error_of(diff_src, c.diff_src, in), 1e-5);
    ck_ok(sn_conv_training_backward_weights(conv, stream, src, diff_dst, diff_weights, NULL));
    ck_assert_double_lt(error_of(diff_weights, c.diff_weights, count), 1e-5);
    double *expected_bias = calloc(s->channels_out, 8);
    for (size_t i = 0; i < out; i++) {
        c.dst[i] += (double)bias[i % s->channels_out];
        expected_bias[i % s->channels_out] += (double)diff_dst[i];
    }
    ck_ok(sn_conv_training_forward(conv, stream, src, weights, bias, dst));
    ck_assert_double_lt(error_of(dst, c.dst, out), 1e-5);
    ck_ok(sn_conv_training_backward_weights(conv, stream, src, diff_dst, diff_weights, diff_bias));
    ck_assert_double_lt(error_of(diff_weights, c.diff_weights, count), 1e-5);
    ck_assert_double_lt(error_of(diff_bias, expected_bias, s->channels_out), 1e-5);
    sn_conv_training_destroy(conv);
    free(src), free(weights), free(diff_dst), free(bias), free(dst), free(diff_src), free(diff_weights), free(diff_bias);
    free(c.dst), free(c.diff_src), free(c.diff_weights), free(expected_bias);
}
END_TEST

/* Sum of diff times what a norm gives, in double: its finite differences are the gradients. */
static double layer_norm_value(const double *sum, const float *diff, const double *gain, const double *shift, size_t count) {
    double mean = 0, variance = 0, value = 0;
    for (size_t i = 0; i < count; i++)
        mean += sum[i] / (double)count;
    for (size_t i = 0; i < count; i++)
        variance += (sum[i] - mean) * (sum[i] - mean) / (double)count;
    for (size_t i = 0; i < count; i++)
        value += (double)diff[i] * ((sum[i] - mean) / sqrt(variance + 1e-5) * gain[i] + shift[i]);
    return value;
}

static double rms_norm_value(const double *stream_row, const float *diff, const double *gain, const double *unused,
                             size_t count) {
    (void)unused;
    double squares = 0, value = 0;
    for (size_t i = 0; i < count; i++)
        squares += stream_row[i] * stream_row[i] / (double)count;
    for (size_t i = 0; i < count; i++)
        value += (double)diff[i] * stream_row[i] / sqrt(squares + 1e-5) * gain[i];
    return value;
}

typedef double (*value_fn)(const double *, const float *, const double *, const double *, size_t);

/* Central differences of fn with regard to each value of row, one of its three arguments. */
static void differences(value_fn fn, double *const arguments[3], int which, const float *diff, size_t count, double *dst) {
    for (size_t i = 0; i < count; i++) {
        double *at = &arguments[which][i];
        const double kept = *at, step = 1e-6;
        *at = kept + step;
        const double upper = fn(arguments[0], diff, arguments[1], arguments[2], count);
        *at = kept - step;
        dst[i] = (upper - fn(arguments[0], diff, arguments[1], arguments[2], count)) / (2 * step);
        *at = kept;
    }
}

START_TEST(norms_backward) {
    sn_simd_override((sn_simd_level)_i);
    const sn_simd *simd = sn_simd_table();
    for (size_t count = 1; count < 70; count += count < 20 ? 1 : 7) {
        float *row = random_floats(&rng, count), *diff = random_floats(&rng, count), *gain = random_floats(&rng, count);
        float *shift = random_floats(&rng, count), *diff_row = random_floats(&rng, count);
        float *diff_gain = calloc(count + 1, 4), *diff_shift = calloc(count + 1, 4);
        double *doubles = calloc(4 * count, sizeof *doubles), *expected = doubles + 3 * count;
        double *const arguments[] = {doubles, doubles + count, doubles + 2 * count};
        for (size_t i = 0; i < count; i++)
            doubles[i] = (double)row[i], doubles[count + i] = (double)gain[i], doubles[2 * count + i] = (double)shift[i];
        diff_gain[count] = diff_shift[count] = 7; /* must stay */
        diff_gain[0] = 1;                         /* is added to */
        simd->layer_norm_backward(row, diff, gain, count, 1e-5f, diff_gain, diff_shift, diff_row);
        diff_gain[0] -= 1;
        const double bound = count == 1 ? 1 : 2e-4; /* one value alone: its norm is 0 whatever it is */
        if (count > 1) {
            differences(layer_norm_value, arguments, 0, diff, count, expected);
            ck_assert_double_lt(error_of(diff_row, expected, count), count == 2 ? 2e-2 : bound);
            differences(layer_norm_value, arguments, 1, diff, count, expected);
            ck_assert_double_lt(error_of(diff_gain, expected, count), bound);
        }
        differences(layer_norm_value, arguments, 2, diff, count, expected);
        ck_assert_double_lt(error_of(diff_shift, expected, count), bound);
        memset(diff_gain, 0, count * sizeof *diff_gain);
        memcpy(diff_row, shift, count * sizeof *shift); /* is added to */
        simd->rms_norm_backward(row, diff, gain, count, 1e-5f, diff_gain, diff_row);
        for (size_t i = 0; i < count; i++)
            diff_row[i] -= shift[i];
        differences(rms_norm_value, arguments, 0, diff, count, expected);
        if (count > 1)
            ck_assert_double_lt(error_of(diff_row, expected, count), 2e-4);
        differences(rms_norm_value, arguments, 1, diff, count, expected);
        ck_assert_double_lt(error_of(diff_gain, expected, count), 2e-4);
        ck_assert(diff_gain[count] == 7 && diff_shift[count] == 7);
        free(row), free(diff), free(gain), free(shift), free(diff_row), free(diff_gain), free(diff_shift), free(doubles);
    }
}
END_TEST

START_TEST(dropout) {
    sn_simd_override((sn_simd_level)_i);
    const sn_simd *simd = sn_simd_table();
    const size_t count = 100003;
    float *src = random_floats(&rng, count), *dst = random_floats(&rng, count), *again = random_floats(&rng, count);
    const sn_dropout tenth = {(uint32_t)(0.1 * 4294967296.0), (float)(1 / 0.9)}, none = {0, 1};
    simd->dropout(src, &tenth, 5, count, dst);
    size_t zeros = 0;
    for (size_t i = 0; i < count; i++) {
        ck_assert(dst[i] == 0 || dst[i] == src[i] * tenth.factor);
        zeros += dst[i] == 0;
    }
    ck_assert_double_lt(fabs((double)zeros / (double)count - 0.1), 0.005);
    simd->dropout(src, &tenth, 6, count, again);
    ck_assert_int_ne(memcmp(dst, again, count * sizeof *dst), 0);
    sn_simd_override(SN_SIMD_PLAIN); /* every level drops the same */
    sn_simd_table()->dropout(src, &tenth, 5, count, again);
    ck_assert_int_eq(memcmp(dst, again, count * sizeof *dst), 0);
    simd->dropout(src, &none, 5, count, again);
    ck_assert_int_eq(memcmp(src, again, count * sizeof *dst), 0);

    /* With the norm: sum is what dropout leaves and the stream. */
    for (size_t n = 1; n < 50; n++) {
        float *rest = random_floats(&rng, n), *gain = random_floats(&rng, n), *shift = random_floats(&rng, n);
        float *expected = random_floats(&rng, n), *sum = random_floats(&rng, n), *normed = random_floats(&rng, n);
        simd->dropout(src, &tenth, 9, n, expected);
        for (size_t i = 0; i < n; i++)
            expected[i] += rest[i];
        simd->dropout_layer_norm(src, rest, &tenth, 9, gain, shift, n, 1e-5f, sum, normed);
        ck_assert_int_eq(memcmp(sum, expected, n * sizeof *sum), 0);
        reference_layer_norm(1, n, 1e-5, gain, shift, sum, expected);
        ck_assert_double_lt(largest_relative_error(normed, expected, n), 1e-4);
        free(rest), free(gain), free(shift), free(expected), free(sum), free(normed);
    }
    free(src), free(dst), free(again);
}
END_TEST

START_TEST(head_rows) {
    sn_simd_override((sn_simd_level)_i);
    const sn_simd *simd = sn_simd_table();
    for (size_t count = 1; count < 70; count += 3) {
        float *row = random_floats(&rng, count), *scale = random_floats(&rng, count), *shift = random_floats(&rng, count);
        float *weights = random_floats(&rng, count), *a = random_floats(&rng, count), *b = random_floats(&rng, count);
        float *c = random_floats(&rng, count), *sums = calloc(2 * count, 4), *dst = random_floats(&rng, count);
        double dot = 0;
        for (size_t i = 0; i < count; i++) {
            const double h = (double)row[i] * (double)scale[i] + (double)shift[i];
            dot += h > 0 ? h * (double)weights[i] : 0;
        }
        ck_assert_double_lt(fabs((double)simd->relu_dot(row, scale, shift, weights, count) - dot), 1e-5);
        simd->relu_dot_sums(row, 0.5f, scale, shift, count, sums, sums + count);
        simd->relu_dot_sums(row, 0.25f, scale, shift, count, sums, sums + count);
        simd->relu_dot_backward(row, 0.5f, scale, shift, a, b, c, count, dst);
        for (size_t i = 0; i < count; i++) {
            const float open = fmaf(row[i], scale[i], shift[i]) > 0 ? 1 : 0;
            ck_assert_double_lt(fabs(sums[i] - open * 0.75f), 1e-6);
            ck_assert_double_lt(fabs(sums[count + i] - open * 0.75f * row[i]), 1e-6);
            ck_assert_double_lt(fabs(dst[i] - (open * 0.5f * a[i] + row[i] * b[i] + c[i])), 1e-6);
        }
        memset(sums, 0, 2 * count * sizeof *sums);
        simd->add_deviations(row, shift, count, sums, sums + count);
        simd->add_deviations(row, shift, count, sums, sums + count);
        for (size_t i = 0; i < count; i++) {
            ck_assert_double_lt(fabs(sums[i] - 2 * (row[i] - shift[i])), 1e-6);
            ck_assert_double_lt(fabs(sums[count + i] - 2 * (row[i] - shift[i]) * (row[i] - shift[i])), 2e-6);
        }
        free(row), free(scale), free(shift), free(weights), free(a), free(b), free(c), free(sums), free(dst);
    }
}
END_TEST

static void set_up(void) {
    sn_rng_seed(&rng, 21, 0);
    sn_threads_enter(2);
    ck_ok(sn_stream_create(&stream));
}

static void tear_down(void) {
    sn_stream_destroy(stream);
    sn_simd_override(sn_simd_best());
}

int main(void) {
    Suite *suite = suite_create("training kernels");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, convolutions, 0, 6);
    tcase_add_loop_test(tests, norms_backward, SN_SIMD_PLAIN, SN_SIMD_AVX512 + 1);
    tcase_add_loop_test(tests, dropout, SN_SIMD_PLAIN, SN_SIMD_AVX512 + 1);
    tcase_add_loop_test(tests, head_rows, SN_SIMD_PLAIN, SN_SIMD_AVX512 + 1);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
