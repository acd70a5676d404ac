/* The vector kernels of rows and scans at each level, against their definitions, for every length around the vectors'. */
#include "kernel/finite.h"
#include "kernel/simd.h"
#include "reference.h"
#include "reference_scan.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static sn_rng rng;

START_TEST(rows) {
    sn_simd_override((sn_simd_level)_i);
    const sn_simd *simd = sn_simd_table();
    for (size_t count = 1; count < 100; count++) {
        float *a = random_floats(&rng, count), *b = random_floats(&rng, count), *gain = random_floats(&rng, count);
        float *shift = random_floats(&rng, count), *dst = random_floats(&rng, count + 1), *expected = random_floats(&rng, count);
        float *sum = random_floats(&rng, count);
        dst[count] = 7; /* must stay */
        for (size_t i = 0; i < count; i++)
            sum[i] = a[i] + b[i];
        reference_rms_norm(a, gain, count, 1e-5, expected);
        float *stream = random_floats(&rng, count);
        simd->rms_norm(a, stream, true, gain, count, 1e-5f, dst);
        ck_assert_double_lt(largest_relative_error(dst, expected, count), 2e-6);
        ck_assert_int_eq(memcmp(stream, a, count * sizeof *a), 0);
        simd->rms_norm(b, stream, false, gain, count, 1e-5f, dst);
        reference_rms_norm(sum, gain, count, 1e-5, expected);
        ck_assert_double_lt(largest_relative_error(dst, expected, count), 2e-6);
        ck_assert_int_eq(memcmp(stream, sum, count * sizeof *a), 0);
        reference_layer_norm(1, count, 1e-5, gain, shift, sum, expected);
        simd->add_layer_norm(a, b, gain, shift, count, 1e-5f, dst);
        ck_assert_double_lt(largest_relative_error(dst, expected, count), 1e-5);
        memcpy(stream, b, count * sizeof *b);
        simd->add_layer_norm(a, stream, gain, shift, count, 1e-5f, stream);
        ck_assert_int_eq(memcmp(stream, dst, count * sizeof *dst), 0);
        if (count % 2 == 0) {
            simd->phi(a, count, 1.75f, dst);
            reference_phi(a, count, 1.75, expected);
            ck_assert_double_lt(largest_relative_error(dst, expected, count), 1e-6);
        }
        for (size_t i = 0; i < count; i++) {
            a[i] *= 120, b[i] *= 120;
            dst[i] = 0;
        }
        simd->add_sigmoid(a, b, 0.3f, count, dst);
        for (size_t i = 0; i < count; i++) {
            double exact = reference_sigmoid(a[i] + (double)0.3f * ((double)b[i] - a[i]));
            ck_assert_double_le(fabs(dst[i] - exact), 3e-5 * exact + 1e-36);
        }
        simd->add_sigmoid(shift, shift, 0.5f, count, dst);
        for (size_t i = 0; i < count; i++)
            ck_assert_double_lt(dst[i], 2);
        const float *const three[] = {a, b, gain};
        simd->weighted_sum(three, (const float[]){0.5f, -2, 3}, 3, count, dst);
        for (size_t i = 0; i < count; i++)
            ck_assert_double_lt(fabs(dst[i] - (0.5 * a[i] - 2.0 * b[i] + 3.0 * gain[i])), 1e-4);
        ck_assert(dst[count] == 7);
        free(a), free(b), free(gain), free(shift), free(dst), free(expected), free(sum), free(stream);
    }
    sn_simd_override(sn_simd_best());
}
END_TEST

/* One step with b = c = x = 1, skip = 0 and a gate of 1: y = softplus(dt) * SiLU(1). */
START_TEST(softplus_and_silu) {
    sn_simd_override((sn_simd_level)_i);
    const sn_simd *simd = sn_simd_table();
    const double silu = reference_sigmoid(1);
    for (double v = -80; v < 200; v += 0.037) {
        float x = 1, dt = (float)v, gate = 1, b = 1, c = 1, a = -1, skip = 0, y;
        const sn_scan scan = {.length = 1, .channels = 1, .states = 1, .x = &x, .dt = &dt, .gate = &gate, .b = &b, .c = &c,
                              .a = &a, .skip = &skip, .y = &y, .x_stride = 1, .dt_stride = 1, .gate_stride = 1,
                              .bc_stride = 1, .y_stride = 1};
        simd->selective_scan(&scan, 0, 1);
        double exact = ((double)dt > 30 ? (double)dt : log1p(exp(dt))) * silu;
        ck_assert_double_lt(fabs(y - exact), 1e-6 * exact);
        float weight = 1, bias = 0, out;
        simd->causal_conv_silu(&dt, 1, 1, &weight, 1, &bias, 1, 1, &out, 1);
        exact = dt * reference_sigmoid(dt);
        ck_assert_double_lt(fabs(out - exact), 1e-6 * fabs(exact) + 1e-37);
    }
    sn_simd_override(sn_simd_best());
}
END_TEST

START_TEST(scans) {
    sn_simd_override((sn_simd_level)_i);
    const sn_simd *simd = sn_simd_table();
    for (size_t channels = 1; channels < 40; channels += 3)
        for (size_t states = 1; states <= SN_SCAN_STATES_MAX; states += states < 5 ? 1 : 59) {
            const size_t length = 1 + channels % 6, stride = channels + 2, pairs = 2 * states + 1, all = length * stride;
            float *x = random_floats(&rng, all), *dt = random_floats(&rng, all), *gate = random_floats(&rng, all);
            float *bc = random_floats(&rng, length * pairs), *a = random_floats(&rng, states * channels);
            float *skip = random_floats(&rng, channels), *y = random_floats(&rng, all), *before = malloc(all * sizeof *y);
            memcpy(before, y, all * sizeof *y);
            for (size_t i = 0; i < states * channels; i++)
                a[i] = -1 - a[i] * a[i];
            const sn_scan scan = {.length = length, .channels = channels, .states = states, .x = x, .dt = dt, .gate = gate,
                                  .b = bc, .c = bc + states, .a = a, .skip = skip, .y = y, .x_stride = stride,
                                  .dt_stride = stride, .gate_stride = stride, .bc_stride = pairs, .y_stride = stride};
            const size_t begin = channels / 4;
            simd->selective_scan(&scan, begin, channels);
            for (size_t c = 0; c < stride; c++) {
                double h[SN_SCAN_STATES_MAX] = {0};
                for (size_t t = 0; t < length; t++) {
                    const size_t at = t * stride + c;
                    if (c < begin || c >= channels) {
                        ck_assert(y[at] == before[at]);
                        continue;
                    }
                    double step = log1p(exp(dt[at])), out = (double)skip[c] * x[at];
                    for (size_t n = 0; n < states; n++) {
                        h[n] = exp(step * a[n * channels + c]) * h[n] + step * bc[t * pairs + n] * x[at];
                        out += bc[t * pairs + states + n] * h[n];
                    }
                    ck_assert_double_lt(fabs(y[at] - out * gate[at] * reference_sigmoid(gate[at])), 1e-5);
                }
            }
            free(x), free(dt), free(gate), free(bc), free(a), free(skip), free(y), free(before);
        }
    sn_simd_override(sn_simd_best());
}
END_TEST

START_TEST(finite_values) {
    float *values = random_floats(&rng, 10000);
    ck_ok(sn_check_finite(values, 100, 100, "f", "values"));
    ck_ok(sn_check_finite(values, 0, 100, "f", "values"));
    for (size_t i = 0; i < 10000; i += 977) {
        const float wrong[] = {INFINITY, -INFINITY, NAN};
        values[i] = wrong[i % 3], values[9999] = NAN;
        char words[64];
        snprintf(words, sizeof words, "f: values[%zu, %zu] is ", i / 100, i % 100);
        ck_fails(sn_check_finite(values, 100, 100, "f", "values"), SNARM_ERROR_ARGUMENT, words);
        values[i] = 0, values[9999] = 3.4e38f;
    }
    free(values);
}
END_TEST

int main(void) {
    sn_rng_seed(&rng, 6, 0);
    Suite *suite = suite_create("vector");
    TCase *cases = tcase_create("vector");
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, rows, SN_SIMD_PLAIN, SN_SIMD_AVX512 + 1);
    tcase_add_loop_test(cases, softplus_and_silu, SN_SIMD_PLAIN, SN_SIMD_AVX512 + 1);
    tcase_add_loop_test(cases, scans, SN_SIMD_PLAIN, SN_SIMD_AVX512 + 1);
    tcase_add_test(cases, finite_values);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
