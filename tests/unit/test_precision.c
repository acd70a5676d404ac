/* bf16 and 8-bit integers: every kernel against the plain reference on factors that are already rounded, where both must agree to the
 * last digits of f32; networks and detectors against themselves in f32; what happens where the processor has no instructions for them. */
#include "bank/bank.h"
#include "core/memory.h"
#include "core/threads.h"
#include "kernel/attention.h"
#include "kernel/conv.h"
#include "kernel/gemm.h"
#include "kernel/norm.h"
#include "kernel/simd.h"
#include "make_scorer.h"
#include "networks.h"
#include "pictures.h"
#include "reference.h"
#include "snarm/detector.h"
#include "snarm/scorer.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
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

static float *features_of(const char *path, int32_t precision, const float *planes, int32_t side, size_t *count) {
    snarm_backbone_options options;
    snarm_backbone_options_init(&options);
    options.width = options.height = side, options.precision = precision, options.threads = 2;
    snarm_backbone *backbone;
    ck_ok(snarm_backbone_create(&backbone, path, &options));
    snarm_backbone_info info = {.struct_size = sizeof info};
    ck_ok(snarm_backbone_get_info(backbone, &info));
    const bool bf16 = precision != SNARM_PRECISION_F32 && sn_type_fast(SN_TYPE_BF16);
    ck_assert_int_eq(info.precision, bf16 ? SNARM_PRECISION_BF16 : SNARM_PRECISION_F32);
    ck_assert_int_eq(info.precision_note[0] == '\0', bf16 || precision == SNARM_PRECISION_F32);
    *count = (size_t)info.grid_width * (size_t)info.grid_height * (size_t)info.channels;
    float *features = malloc(*count * sizeof *features);
    ck_ok(snarm_backbone_features(backbone, planes, features));
    snarm_backbone_destroy(backbone);
    return features;
}

static double difference(const float *a, const float *b, size_t count) {
    double squares = 0, wrong = 0;
    for (size_t i = 0; i < count; i++) {
        squares += (double)a[i] * (double)a[i];
        wrong += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    }
    return sqrt(wrong / squares);
}

START_TEST(backbones) {
    char vit[256], resnet[256], wide[256];
    snprintf(vit, sizeof vit, "%s", scratch_file("vit.safetensors"));
    snprintf(resnet, sizeof resnet, "%s", scratch_file("resnet.safetensors"));
    snprintf(wide, sizeof wide, "%s", scratch_file("wide.safetensors"));
    write_vit(vit, &(vit_shape){.names = META_NAMES, .dim = 128, .depth = 9, .patch = 14, .registers = 4, .mlp = 512, .side = 5,
                                .layer_scale = true}, &(file_changes){0});
    write_resnet(resnet, &(resnet_shape){false, 16, 16, {2, 2, 2, 0}}, &(file_changes){0});
    write_resnet(wide, &(resnet_shape){true, 8, 16, {1, 2, 2, 0}}, &(file_changes){0});
    const char *const files[] = {vit, resnet, wide};
    for (int i = 0; i < 3; i++) {
        const int32_t side = 112;
        float *planes = random_floats(&rng, (size_t)(3 * side * side));
        size_t count;
        float *full = features_of(files[i], SNARM_PRECISION_F32, planes, side, &count);
        static const int32_t others[] = {SNARM_PRECISION_BF16, SNARM_PRECISION_AUTO, SNARM_PRECISION_INT8};
        float *former = NULL;
        for (int p = 0; p < 3; p++) {
            float *features = features_of(files[i], others[p], planes, side, &count);
            ck_assert_double_lt(difference(full, features, count), 0.03);
            if (former != NULL) /* one and the same */
                ck_assert_int_eq(memcmp(former, features, count * sizeof *features), 0);
            free(former);
            former = features;
        }
        if (sn_type_fast(SN_TYPE_BF16))
            ck_assert_double_gt(difference(full, former, count), 1e-6);
        free(planes), free(full), free(former);
    }
}
END_TEST

/* Where the processor has no instructions for it, all is f32, to the byte, and the infos say why. */
START_TEST(without_instructions) {
    const char *path = scratch_file("plain.safetensors");
    write_resnet(path, &(resnet_shape){false, 16, 16, {1, 1, 1, 0}}, &(file_changes){0});
    float *planes = random_floats(&rng, 3 * 64 * 64);
    size_t count;
    float *full = features_of(path, SNARM_PRECISION_F32, planes, 64, &count);
    sn_type_override_fast(SN_TYPE_BF16, false);
    float *asked = features_of(path, SNARM_PRECISION_BF16, planes, 64, &count);
    sn_type_override_fast(SN_TYPE_BF16, true);
    ck_assert_int_eq(memcmp(full, asked, count * sizeof *full), 0);
    free(planes), free(full), free(asked);
    enum { COUNT = 3000, CHANNELS = 96 };
    float *vectors = random_floats(&rng, COUNT * CHANNELS);
    for (int hidden = 0; hidden < 2; hidden++)
        for (int32_t precision = SNARM_PRECISION_AUTO; precision <= SNARM_PRECISION_INT8; precision++) {
            sn_type_override_fast(SN_TYPE_S8, !hidden);
            snarm_bank_options options;
            snarm_bank_options_init(&options);
            options.precision = precision;
            snarm_bank *bank;
            ck_ok(snarm_bank_create(&bank, vectors, NULL, COUNT, CHANNELS, &options));
            ck_ok(snarm_bank_tune(bank, vectors, NULL, 100, 1, 1e-6));
            snarm_bank_search_info info = {.struct_size = sizeof info};
            ck_ok(snarm_bank_get_search(bank, &info));
            ck_assert_int_eq(info.axes, 32);
            const bool wanted = precision == SNARM_PRECISION_AUTO || precision == SNARM_PRECISION_INT8;
            const bool steps = wanted && sn_type_fast(SN_TYPE_S8);
            ck_assert_int_eq(info.precision, steps ? SNARM_PRECISION_INT8 : SNARM_PRECISION_F32);
            ck_assert_int_eq(info.precision_note[0] != '\0', wanted && !steps);
            snarm_bank_destroy(bank);
        }
    sn_type_override_fast(SN_TYPE_S8, true);
    free(vectors);
}
END_TEST

static uint8_t pictures[8][PICTURE_SIDE * PICTURE_SIDE * 3];

static snarm_status give(void *user, size_t index, snarm_image *image) {
    (void)user;
    *image = view_picture(pictures[index]);
    return SNARM_OK;
}

START_TEST(detectors) {
    char network[256], scorer[256], model[256];
    snprintf(network, sizeof network, "%s", scratch_file("network.safetensors"));
    snprintf(scorer, sizeof scorer, "%s", scratch_file("scorer.safetensors"));
    snprintf(model, sizeof model, "%s", scratch_file("model.snarm"));
    write_resnet(network, &(resnet_shape){false, 16, 16, {1, 1, 1, 0}}, &(file_changes){0});
    sn_scorer_weights sizes = scorer_paper_sizes();
    sizes.channels = 32, sizes.embedding = 16;
    ck_ok(make_scorer(scorer, &sizes, 5));
    for (int i = 0; i < 8; i++)
        paint_picture(&rng, pictures[i], i == 7);
    for (int with_scorer = 0; with_scorer < 2; with_scorer++) {
        const snarm_image_source source = {7, give, NULL, NULL};
        snarm_fit_options options;
        snarm_fit_options_init(&options);
        options.width = options.height = PICTURE_SIDE, options.bank_size = 200, options.threads = 2;
        options.channels = with_scorer ? 32 : 0, options.scorer_path = with_scorer ? scorer : NULL;
        options.precision = SNARM_PRECISION_F32;
        snarm_detector *detector;
        ck_ok(snarm_detector_fit(&detector, network, &source, &options));
        ck_ok(snarm_detector_save(detector, model));
        float scores[SNARM_PRECISION_INT8 + 1];
        for (int32_t p = SNARM_PRECISION_AUTO; p <= SNARM_PRECISION_INT8; p++) {
            snarm_detector_options open;
            snarm_detector_options_init(&open);
            open.precision = p, open.threads = 2;
            snarm_detector *loaded;
            ck_ok(snarm_detector_load(&loaded, model, &open));
            snarm_backbone_info info = {.struct_size = sizeof info};
            ck_ok(snarm_backbone_get_info(snarm_detector_backbone(loaded), &info));
            ck_assert_int_eq(info.precision, p != SNARM_PRECISION_F32 && sn_type_fast(SN_TYPE_BF16) ? SNARM_PRECISION_BF16
                                                                                                    : SNARM_PRECISION_F32);
            if (with_scorer) {
                snarm_scorer_info about = {.struct_size = sizeof about};
                ck_ok(snarm_scorer_get_info(snarm_detector_scorer(loaded), &about));
                ck_assert_int_eq(about.precision, info.precision);
                ck_assert_str_eq(about.precision_note, info.precision_note);
            }
            const snarm_image image = view_picture(pictures[7]);
            snarm_result result = {.struct_size = sizeof result};
            ck_ok(snarm_detector_inspect(loaded, &image, &result, NULL));
            scores[p] = result.score;
            snarm_detector_destroy(loaded);
        }
        const float full = scores[SNARM_PRECISION_F32];
        for (int32_t p = SNARM_PRECISION_AUTO; p <= SNARM_PRECISION_INT8; p++)
            ck_assert_msg(fabsf(scores[p] - full) <= 0.02f * fabsf(full), "precision %d: %g, f32 %g", p, scores[p], full);
        snarm_detector_destroy(detector);
    }
}
END_TEST

START_TEST(values_out_of_range) {
    const char *path = scratch_file("any.safetensors");
    write_resnet(path, &(resnet_shape){false, 16, 16, {1, 1, 1, 0}}, &(file_changes){0});
    for (int32_t wrong = -1; wrong <= 4; wrong += 5) {
        char expected[32];
        snprintf(expected, sizeof expected, "precision is %d", wrong);
        snarm_backbone_options backbone;
        snarm_backbone_options_init(&backbone);
        backbone.precision = wrong;
        snarm_backbone *b;
        ck_assert_int_eq(snarm_backbone_create(&b, path, &backbone), SNARM_ERROR_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(snarm_last_error(), expected));
        snarm_bank_options bank;
        snarm_bank_options_init(&bank);
        bank.precision = wrong;
        snarm_bank *k;
        const float vector[] = {1, 2};
        ck_assert_int_eq(snarm_bank_create(&k, vector, NULL, 1, 2, &bank), SNARM_ERROR_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(snarm_last_error(), expected));
        snarm_detector_options open;
        snarm_detector_options_init(&open);
        open.precision = wrong;
        snarm_detector *d;
        ck_assert_int_eq(snarm_detector_load(&d, path, &open), SNARM_ERROR_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(snarm_last_error(), expected));
        snarm_fit_options fit;
        snarm_fit_options_init(&fit);
        fit.precision = wrong;
        const snarm_image_source source = {7, give, NULL, NULL};
        ck_assert_int_eq(snarm_detector_fit(&d, path, &source, &fit), SNARM_ERROR_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(snarm_last_error(), expected));
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("precision");
    TCase *cases = tcase_create("precision");
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
    tcase_add_test(cases, backbones);
    tcase_add_test(cases, without_instructions);
    tcase_add_test(cases, detectors);
    tcase_add_test(cases, values_out_of_range);
    suite_add_tcase(suite, cases);
    const int result = run_suite(suite);
    sn_stream_destroy(stream);
    sn_threads_leave(former);
    return result;
}
