/* Kernels of bf16 and 8-bit integers against the plain reference, on factors that are already rounded, where both must agree to the last
 * digits of f32. */
#include "core/memory.h"
#include "core/threads.h"
#include "kernel/attention.h"
#include "kernel/conv.h"
#include "kernel/gemm.h"
#include "kernel/norm.h"
#include "kernel/simd.h"
#include "reference.h"
#include "support.h"

#include <math.h>
#include <string.h>

static sn_rng rng;
static sn_stream *stream;

/* To nearest, ties to even, by its definition: the nearest value with 8 bits of mantissa. */
static float rounded(float x) {
    int exponent;
    const double mantissa = frexp((double)x, &exponent);
    return (float)ldexp(rint(ldexp(mantissa, 8)), exponent - 8);
}

static uint16_t *to_half(const float *from, size_t count) {
    uint16_t *half = malloc(count * sizeof *half);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        const float value = rounded(from[i]);
        memcpy(&bits, &value, sizeof bits);
        half[i] = (uint16_t)(bits >> 16);
    }
    return half;
}

static float *random_rounded(size_t count) {
    float *values = random_floats(&rng, count);
    for (size_t i = 0; i < count; i++)
        values[i] = rounded(values[i]);
    return values;
}

static void from_half(const uint16_t *half, size_t count, float *to) {
    sn_simd_table()->from_bf16(half, count, to);
}

START_TEST(conversions) {
    sn_simd_override((sn_simd_level)_i);
    const sn_simd *simd = sn_simd_table();
    for (size_t count = 1; count < 100; count++) {
        float *a = random_floats(&rng, count), *back = random_floats(&rng, count + 1), *expected = random_floats(&rng, count);
        uint16_t *half = malloc((count + 1) * sizeof *half);
        int8_t *steps = malloc(count + 1);
        half[count] = 77, steps[count] = 77, back[count] = 77;
        a[0] = 1.00390625f; /* 1 + 2^-8: half way, to even */
        simd->scale_bf16(a, 1, count, half);
        simd->from_bf16(half, count, back);
        for (size_t i = 0; i < count; i++)
            ck_assert_msg(back[i] == rounded(a[i]), "%.9g became %.9g, expected %.9g", a[i], back[i], rounded(a[i]));
        simd->scale(a, 0.3f, count, back);
        simd->scale_bf16(a, 0.3f, count, half);
        simd->scale_s8(a, 200, count, steps);
        float *scaled = random_floats(&rng, count);
        simd->from_bf16(half, count, scaled);
        for (size_t i = 0; i < count; i++) {
            ck_assert(back[i] == a[i] * 0.3f);
            ck_assert(scaled[i] == rounded(a[i] * 0.3f));
            ck_assert_int_eq(steps[i], (int)fmaxf(-127, fminf(127, rintf(a[i] * 200))));
        }
        ck_assert(half[count] == 77 && steps[count] == 77 && back[count] == 77);
        float sum;
        double exact = 0, largest = -INFINITY;
        for (size_t i = 0; i < count; i++)
            a[i] *= 40, largest = fmax(largest, (double)a[i]);
        for (size_t i = 0; i < count; i++) {
            expected[i] = (float)exp(0.25 * ((double)a[i] - largest));
            exact += (double)expected[i];
        }
        simd->softmax(a, count, 0.25f, back, &sum);
        ck_assert_double_lt(largest_relative_error(back, expected, count), 2e-6);
        ck_assert_double_lt(fabs((double)sum - exact) / exact, 2e-6);
        memcpy(back, a, count * sizeof *a);
        simd->softmax_bf16(back, count, 0.25f, (uint16_t *)(void *)back, &sum); /* in place */
        simd->from_bf16((const uint16_t *)(const void *)back, count, scaled);
        for (size_t i = 0; i < count; i++)
            ck_assert_double_le(fabs((double)scaled[i] - (double)expected[i]), 4.2e-3 * (double)expected[i] + 1e-36);
        ck_assert_double_lt(fabs((double)sum - exact) / exact, 2e-4);
        free(a), free(back), free(expected), free(half), free(steps), free(scaled);
    }
    const float odd[] = {NAN, INFINITY, -INFINITY, 0, -0.0f};
    uint16_t half[5];
    float back[5];
    simd->scale_bf16(odd, 1, 5, half);
    simd->from_bf16(half, 5, back);
    ck_assert(isnan(back[0]) && back[1] == INFINITY && back[2] == -INFINITY && back[3] == 0 && signbit(back[4]));
    sn_simd_override(sn_simd_best());
}
END_TEST

START_TEST(products_of_bf16) {
    static const size_t shapes[][3] = {{1, 1, 1}, {5, 3, 7}, {17, 64, 33}, {49, 130, 96}, {256, 512, 100}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int variant = 0; variant < 4; variant++) { /* f32; bf16; GELU to bf16; added to f32 */
            const size_t rows = shapes[s][0], inner = shapes[s][1], columns = shapes[s][2], count = rows * columns;
            float *src = random_rounded(rows * inner), *weights = random_rounded(inner * columns), *bias = random_floats(&rng, columns);
            float *dst = random_floats(&rng, count), *expected = random_floats(&rng, count);
            uint16_t *half = to_half(src, rows * inner), *half_dst = malloc(count * sizeof *half_dst);
            const bool to_bf16 = variant == 1 || variant == 2;
            reference_linear(rows, inner, columns, src, weights, bias, expected);
            for (size_t i = 0; i < count; i++)
                expected[i] = variant == 2 ? (float)reference_gelu(expected[i]) : variant == 3 ? expected[i] + dst[i] : expected[i];
            const sn_gemm_shape shape = {.rows = rows, .inner = inner, .columns = columns, .accumulate = variant == 3,
                                         .type = SN_TYPE_BF16, .dst_type = to_bf16 ? SN_TYPE_BF16 : SN_TYPE_F32,
                                         .activation = variant == 2 ? SN_ACTIVATION_GELU : SN_ACTIVATION_NONE};
            sn_linear *linear;
            ck_ok(sn_linear_create(&linear, &shape, weights, bias));
            ck_ok(sn_linear_run(linear, stream, half, to_bf16 ? (void *)half_dst : dst));
            if (to_bf16)
                from_half(half_dst, count, dst);
            ck_assert_double_lt(largest_relative_error(dst, expected, count), to_bf16 ? 4e-3 : 2e-5);
            sn_linear_destroy(linear);
            free(src), free(weights), free(bias), free(dst), free(expected), free(half), free(half_dst);
        }
}
END_TEST

/* Integers: exact to the last one. */
START_TEST(products_of_steps) {
    static const size_t shapes[][3] = {{1, 4, 16}, {16, 32, 16}, {33, 96, 48}, {256, 192, 512}, {7, 13, 5}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const size_t rows = shapes[s][0], inner = shapes[s][1], columns = shapes[s][2];
        int8_t *src = malloc(rows * inner), *weights = malloc(inner * columns);
        for (size_t i = 0; i < rows * inner; i++)
            src[i] = (int8_t)((int)sn_rng_below(&rng, 255) - 127);
        for (size_t i = 0; i < inner * columns; i++)
            weights[i] = (int8_t)((int)sn_rng_below(&rng, 255) - 127);
        float *bias = random_floats(&rng, columns), *dst = random_floats(&rng, rows * columns);
        for (size_t c = 0; c < columns; c++)
            bias[c] = rintf(bias[c] * 10000) * 0.5f;
        const sn_gemm_shape shape = {.rows = rows, .inner = inner, .columns = columns, .type = SN_TYPE_S8, .bias = true};
        sn_gemm *gemm;
        void *packed;
        ck_ok(sn_gemm_create(&gemm, &shape));
        ck_ok(sn_alloc(&packed, 1, sn_gemm_packed_bytes(gemm), "weights"));
        ck_ok(sn_gemm_pack(gemm, weights, 0, packed));
        ck_ok(sn_gemm_run(gemm, stream, src, packed, bias, dst));
        for (size_t r = 0; r < rows; r++)
            for (size_t c = 0; c < columns; c++) {
                int32_t sum = 0;
                for (size_t i = 0; i < inner; i++)
                    sum += src[r * inner + i] * weights[c * inner + i];
                ck_assert(dst[r * columns + c] == (float)sum + bias[c]);
            }
        sn_gemm_destroy(gemm), sn_free(packed);
        free(src), free(weights), free(bias), free(dst);
    }
}
END_TEST

START_TEST(convolutions_of_bf16) {
    /* in, height, width, out, kernel, stride, padding, dilation */
    static const size_t shapes[][8] = {{3, 23, 31, 16, 7, 2, 3, 1}, {16, 14, 9, 33, 3, 1, 1, 1}, {32, 13, 13, 8, 3, 1, 12, 12},
                                       {48, 7, 11, 64, 1, 2, 0, 1}, {5, 9, 9, 6, 3, 2, 1, 1}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int add = 0; add < 2; add++) {
            const size_t *d = shapes[s], inputs = d[0] * d[1] * d[2];
            const size_t rows = (d[1] + 2 * d[6] - d[7] * (d[4] - 1) - 1) / d[5] + 1;
            const size_t columns = (d[2] + 2 * d[6] - d[7] * (d[4] - 1) - 1) / d[5] + 1, count = d[3] * rows * columns;
            float *src = random_rounded(inputs), *weights = random_rounded(d[3] * d[0] * d[4] * d[4]), *bias = random_floats(&rng, d[3]);
            float *expected = random_floats(&rng, count), *dst = random_rounded(count);
            reference_conv(d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7], src, weights, bias, expected);
            for (size_t i = 0; i < count; i++)
                expected[i] = fmaxf(expected[i] + (add ? dst[i] : 0), 0);
            sn_layout *given, *planes, *result;
            ck_ok(sn_layout_create(&given, SN_TYPE_F32, 1, d[0], d[1], d[2], SN_PLANES));
            ck_ok(sn_layout_create(&planes, SN_TYPE_BF16, 1, d[0], d[1], d[2], SN_PLANES));
            ck_ok(sn_layout_create(&result, SN_TYPE_F32, 1, d[3], rows, columns, SN_PLANES));
            const sn_conv_options options = {.src = planes, .weights = weights, .bias = bias, .channels_out = d[3], .kernel = d[4],
                                             .stride = d[5], .padding = d[6], .dilation = d[7], .dst_order = SN_ANY,
                                             .dst_type = SN_TYPE_BF16, .add = add != 0, .relu = true};
            sn_conv *conv;
            ck_ok(sn_conv_create(&conv, &options));
            sn_reorder *first, *in, *out;
            ck_ok(sn_reorder_create(&first, given, planes));
            ck_ok(sn_reorder_create(&in, result, sn_conv_dst_layout(conv)));
            ck_ok(sn_reorder_create(&out, sn_conv_dst_layout(conv), result));
            void *half, *blocked;
            ck_ok(sn_alloc(&half, 1, sn_layout_bytes(planes), "half"));
            ck_ok(sn_alloc(&blocked, 1, sn_layout_bytes(sn_conv_dst_layout(conv)), "blocked"));
            ck_ok(sn_reorder_run(first, stream, src, half));
            ck_ok(sn_reorder_run(in, stream, dst, blocked));
            ck_ok(sn_conv_run(conv, stream, half, blocked));
            ck_ok(sn_reorder_run(out, stream, blocked, dst));
            ck_assert_double_lt(largest_relative_error(dst, expected, count), 8e-3);
            sn_conv_destroy(conv);
            sn_reorder_destroy(first), sn_reorder_destroy(in), sn_reorder_destroy(out);
            sn_layout_destroy(given), sn_layout_destroy(planes), sn_layout_destroy(result);
            sn_free(half), sn_free(blocked);
            free(src), free(weights), free(bias), free(expected), free(dst);
        }
}
END_TEST

START_TEST(attention_and_norms_of_bf16) {
    static const size_t shapes[][3] = {{1, 1, 64}, {17, 3, 64}, {50, 6, 64}, {33, 2, 8}, {600, 4, 64}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const size_t tokens = shapes[s][0], heads = shapes[s][1], size = shapes[s][2], width = heads * size, count = tokens * width;
        float *qkv = random_rounded(3 * count), *dst = random_floats(&rng, count), *expected = random_floats(&rng, count);
        uint16_t *half = to_half(qkv, 3 * count), *half_dst = malloc(count * sizeof *half_dst);
        void *scratch;
        reference_attention(tokens, heads, size, qkv, expected);
        sn_attention *a;
        ck_ok(sn_attention_create(&a, tokens, heads, size, SN_TYPE_BF16));
        ck_ok(sn_alloc(&scratch, sn_attention_scratch(a), 1, "scratch"));
        ck_ok(sn_attention_run(a, stream, half, scratch, half_dst));
        from_half(half_dst, count, dst);
        ck_assert_double_lt(largest_relative_error(dst, expected, count), 1e-2);
        float *gain = random_floats(&rng, width), *shift = random_floats(&rng, width);
        reference_layer_norm(tokens, width, 1e-6, gain, shift, qkv, expected);
        sn_layer_norm *norm;
        ck_ok(sn_layer_norm_create(&norm, tokens, width, 1e-6f, gain, shift, SN_TYPE_BF16));
        ck_ok(sn_layer_norm_run(norm, stream, qkv, half_dst));
        from_half(half_dst, count, dst);
        ck_assert_double_lt(largest_relative_error(dst, expected, count), 4e-3);
        sn_attention_destroy(a), sn_layer_norm_destroy(norm), sn_free(scratch);
        free(qkv), free(dst), free(expected), free(half), free(half_dst), free(gain), free(shift);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("precision_kernels");
    TCase *cases = tcase_create("precision_kernels");
    tcase_set_timeout(cases, 120);
    sn_rng_seed(&rng, 21, 0);
    const int former = sn_threads_enter(2);
    if (sn_stream_create(&stream) != SNARM_OK)
        return 1;
    tcase_add_loop_test(cases, conversions, SN_SIMD_PLAIN, SN_SIMD_AVX512 + 1);
    tcase_add_test(cases, products_of_bf16);
    tcase_add_test(cases, products_of_steps);
    tcase_add_test(cases, convolutions_of_bf16);
    tcase_add_test(cases, attention_and_norms_of_bf16);
    suite_add_tcase(suite, cases);
    const int result = run_suite(suite);
    sn_stream_destroy(stream);
    sn_threads_leave(former);
    return result;
}
