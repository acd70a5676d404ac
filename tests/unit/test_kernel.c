/* Products, convolutions, attention, normalisation and the vector kernels, against plain references on odd shapes. */
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

static sn_stream *stream;
static sn_rng rng;

START_TEST(linear_layers) {
    static const size_t shapes[][3] = {{1, 1, 1}, {5, 3, 7}, {17, 64, 33}, {49, 130, 96}, {256, 512, 100}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int variant = 0; variant < 4; variant++) {
            size_t rows = shapes[s][0], inner = shapes[s][1], columns = shapes[s][2];
            float *src = random_floats(&rng, rows * inner), *weights = random_floats(&rng, inner * columns);
            float *bias = variant == 1 ? NULL : random_floats(&rng, columns);
            float *dst = random_floats(&rng, rows * columns), *expected = random_floats(&rng, rows * columns);
            reference_linear(rows, inner, columns, src, weights, bias, expected);
            for (size_t i = 0; i < rows * columns; i++)
                expected[i] = variant == 2   ? (float)reference_gelu(expected[i])
                              : variant == 3 ? expected[i] + dst[i]
                                             : expected[i];
            sn_gemm_shape shape = {.rows = rows, .inner = inner, .columns = columns, .accumulate = variant == 3,
                                   .activation = variant == 2 ? SN_ACTIVATION_GELU : SN_ACTIVATION_NONE};
            sn_linear *linear;
            ck_ok(sn_linear_create(&linear, &shape, weights, bias));
            ck_ok(sn_linear_run(linear, stream, src, dst));
            ck_assert_double_lt(largest_relative_error(dst, expected, rows * columns), 2e-5);
            sn_linear_destroy(linear);
            free(src), free(weights), free(bias), free(dst), free(expected);
        }
}
END_TEST

/* What a stream keeps of the operations that it ran is theirs alone: many at a time, other arguments at each run, and others made where
 * destroyed ones were. */
START_TEST(many_operations_on_one_stream) {
    enum { OPERATIONS = 150, ROWS = 3, INNER = 5, MOST = 40, ROUNDS = 4 };
    sn_linear *linear[OPERATIONS] = {NULL};
    static float weights[OPERATIONS][MOST * INNER];
    size_t columns[OPERATIONS];
    sn_stream *own;
    ck_ok(sn_stream_create(&own));
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = (size_t)round % 3; i < OPERATIONS; i += round == 0 ? 1 : 3) {
            sn_linear_destroy(linear[i]);
            columns[i] = 1 + (i * 7 + (size_t)round) % MOST;
            for (size_t w = 0; w < columns[i] * INNER; w++)
                weights[i][w] = (float)sn_rng_normal(&rng);
            const sn_gemm_shape shape = {.rows = ROWS, .inner = INNER, .columns = columns[i]};
            ck_ok(sn_linear_create(&linear[i], &shape, weights[i], NULL));
        }
        for (size_t i = 0; i < 2 * OPERATIONS; i++) {
            const size_t which = i * 11 % OPERATIONS, count = ROWS * columns[which];
            float *src = random_floats(&rng, ROWS * INNER), *dst = random_floats(&rng, count), *expected = random_floats(&rng, count);
            reference_linear(ROWS, INNER, columns[which], src, weights[which], NULL, expected);
            ck_ok(sn_linear_run(linear[which], own, src, dst));
            ck_assert_double_lt(largest_relative_error(dst, expected, count), 2e-5);
            free(src), free(dst), free(expected);
        }
    }
    for (size_t i = 0; i < OPERATIONS; i++)
        sn_linear_destroy(linear[i]);
    /* More than a stream keeps. */
    for (int i = 0; i < 5000; i++) {
        const float weight = (float)i, src = 2;
        float dst = -1;
        const sn_gemm_shape shape = {.rows = 1, .inner = 1, .columns = 1};
        ck_ok(sn_linear_create(&linear[0], &shape, &weight, NULL));
        ck_ok(sn_linear_run(linear[0], own, &src, &dst));
        ck_assert(dst == 2 * weight);
        sn_linear_destroy(linear[0]);
    }
    sn_stream_destroy(own);
}
END_TEST

START_TEST(convolutions) {
    /* in, height, width, out, kernel, stride, padding, dilation */
    static const size_t shapes[][8] = {{3, 23, 31, 16, 7, 2, 3, 1}, {16, 14, 9, 33, 3, 1, 1, 1}, {32, 13, 13, 8, 3, 1, 12, 12},
                                       {48, 7, 11, 64, 1, 2, 0, 1}, {5, 9, 9, 6, 3, 2, 1, 1},    {64, 14, 14, 64, 3, 1, 24, 24}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int variant = 0; variant < 3; variant++) {
            const size_t *d = shapes[s];
            size_t rows = (d[1] + 2 * d[6] - d[7] * (d[4] - 1) - 1) / d[5] + 1;
            size_t columns = (d[2] + 2 * d[6] - d[7] * (d[4] - 1) - 1) / d[5] + 1, count = d[3] * rows * columns;
            float *src = random_floats(&rng, d[0] * d[1] * d[2]), *weights = random_floats(&rng, d[3] * d[0] * d[4] * d[4]);
            float *bias = random_floats(&rng, d[3]), *expected = random_floats(&rng, count), *dst = random_floats(&rng, count);
            reference_conv(d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7], src, weights, bias, expected);
            for (size_t i = 0; i < count; i++) {
                expected[i] += variant == 2 ? dst[i] : 0;
                expected[i] = variant > 0 ? fmaxf(expected[i], 0) : expected[i];
            }
            sn_layout *planes, *result;
            ck_ok(sn_layout_create(&planes, SN_TYPE_F32, 1, d[0], d[1], d[2], SN_PLANES));
            ck_ok(sn_layout_create(&result, SN_TYPE_F32, 1, d[3], rows, columns, SN_PLANES));
            sn_conv_options options = {.src = planes, .weights = weights, .bias = bias, .channels_out = d[3], .kernel = d[4],
                                       .stride = d[5], .padding = d[6], .dilation = d[7], .dst_order = SN_ANY,
                                       .relu = variant > 0, .add = variant == 2};
            sn_conv *conv;
            ck_ok(sn_conv_create(&conv, &options));
            sn_reorder *in, *out;
            ck_ok(sn_reorder_create(&in, result, sn_conv_dst_layout(conv)));
            ck_ok(sn_reorder_create(&out, sn_conv_dst_layout(conv), result));
            float *blocked;
            ck_ok(sn_alloc(&blocked, 1, sn_layout_bytes(sn_conv_dst_layout(conv)), "blocked"));
            ck_ok(sn_reorder_run(in, stream, dst, blocked));
            ck_ok(sn_conv_run(conv, stream, src, blocked));
            ck_ok(sn_reorder_run(out, stream, blocked, dst));
            ck_assert_double_lt(largest_relative_error(dst, expected, count), 2e-5);
            sn_free(blocked);
            sn_conv_destroy(conv), sn_reorder_destroy(in), sn_reorder_destroy(out);
            sn_layout_destroy(planes), sn_layout_destroy(result);
            free(src), free(weights), free(bias), free(dst), free(expected);
        }
}
END_TEST

START_TEST(pooling) {
    const size_t c = 19, h = 11, w = 8;
    float *src = random_floats(&rng, c * h * w), dst[19 * 6 * 4];
    sn_layout *planes;
    ck_ok(sn_layout_create(&planes, SN_TYPE_F32, 1, c, h, w, SN_PLANES));
    sn_max_pool *pool;
    ck_ok(sn_max_pool_create(&pool, planes, 3, 2, 1));
    size_t shape[4];
    sn_layout_shape(sn_max_pool_dst_layout(pool), &shape[0], &shape[1], &shape[2], &shape[3]);
    ck_assert(shape[0] == 1 && shape[1] == c && shape[2] == 6 && shape[3] == 4);
    ck_ok(sn_max_pool_run(pool, stream, src, dst));
    for (size_t i = 0; i < c; i++)
        for (int y = 0; y < 6; y++)
            for (int x = 0; x < 4; x++) {
                float largest = -INFINITY;
                for (int sy = 2 * y - 1; sy <= 2 * y + 1; sy++)
                    for (int sx = 2 * x - 1; sx <= 2 * x + 1; sx++)
                        if (sy >= 0 && sy < (int)h && sx >= 0 && sx < (int)w)
                            largest = fmaxf(largest, src[(i * h + (size_t)sy) * w + (size_t)sx]);
                ck_assert(dst[(i * 6 + (size_t)y) * 4 + (size_t)x] == largest);
            }
    sn_max_pool_destroy(pool), sn_layout_destroy(planes);
    free(src);
}
END_TEST

START_TEST(attention) {
    static const size_t shapes[][3] = {{1, 1, 64}, {17, 3, 64}, {50, 6, 64}, {33, 2, 8}, {600, 4, 64}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        size_t tokens = shapes[s][0], heads = shapes[s][1], size = shapes[s][2], width = heads * size;
        sn_attention *a;
        ck_ok(sn_attention_create(&a, tokens, heads, size, SN_TYPE_F32));
        float *qkv = random_floats(&rng, tokens * 3 * width), *dst = random_floats(&rng, tokens * width);
        float *expected = random_floats(&rng, tokens * width), *scratch;
        reference_attention(tokens, heads, size, qkv, expected);
        ck_ok(sn_alloc(&scratch, sn_attention_scratch(a), 1, "scratch"));
        ck_ok(sn_attention_run(a, stream, qkv, scratch, dst));
        ck_assert_double_lt(largest_relative_error(dst, expected, tokens * width), 2e-5);
        sn_attention_destroy(a);
        sn_free(scratch);
        free(qkv), free(dst), free(expected);
    }
}
END_TEST

START_TEST(layer_norm) {
    static const size_t shapes[][2] = {{1, 8}, {7, 33}, {50, 384}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        size_t rows = shapes[s][0], columns = shapes[s][1];
        float *src = random_floats(&rng, rows * columns), *expected = random_floats(&rng, rows * columns);
        float *gain = random_floats(&rng, columns), *shift = random_floats(&rng, columns);
        reference_layer_norm(rows, columns, 1e-6, gain, shift, src, expected);
        sn_layer_norm *norm;
        ck_ok(sn_layer_norm_create(&norm, rows, columns, 1e-6f, gain, shift, SN_TYPE_F32));
        ck_ok(sn_layer_norm_run(norm, stream, src, src));
        ck_assert_double_lt(largest_relative_error(src, expected, rows * columns), 2e-5);
        sn_layer_norm_destroy(norm);
        free(src), free(expected), free(gain), free(shift);
    }
}
END_TEST

/* Each level in turn; the processor may lack the last ones, which then repeat the best it has. */
START_TEST(vector_kernels) {
    sn_simd_override((sn_simd_level)_i);
    const sn_simd *simd = sn_simd_table();
    for (size_t count = 0; count < 150; count++) {
        float *a = random_floats(&rng, count), *b = random_floats(&rng, count);
        double distance = 0, product = 0, magnitude = 1;
        for (size_t i = 0; i < count; i++) {
            distance += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
            product += (double)a[i] * b[i];
            magnitude += fabs((double)a[i] * b[i]);
        }
        ck_assert_double_lt(fabs(simd->squared_distance(a, b, count) - distance), 1e-6 * (1 + distance));
        ck_assert_double_lt(fabs(simd->dot(a, b, count) - product), 1e-6 * magnitude);
        int32_t *owners = malloc((count + 1) * sizeof *owners);
        for (size_t i = 0; i < count; i++) {
            owners[i] = (int32_t)(i % 3);
            a[i] = roundf(a[i] * 8); /* many ties */
        }
        for (int excluded = -1; excluded < 3; excluded++) {
            enum { K = 5 };
            float values[K];
            int32_t indices[K];
            for (int k = 0; k < K; k++)
                values[k] = INFINITY, indices[k] = -1;
            simd->smallest(a, count, 0, excluded < 0 ? NULL : owners, excluded, K, values, indices);
            unsigned char taken[150] = {0};
            for (int k = 0; k < K; k++) {
                int32_t best = -1;
                for (size_t i = 0; i < count; i++)
                    if (!taken[i] && (excluded < 0 || owners[i] != excluded) && (best < 0 || a[i] < a[best]))
                        best = (int32_t)i;
                ck_assert_int_eq(indices[k], best);
                if (best >= 0) {
                    taken[best] = 1;
                    ck_assert(values[k] == a[best]);
                }
            }
        }
        free(a), free(b), free(owners);
    }
    sn_simd_override(sn_simd_best());
}
END_TEST

/* Centres in blocks of which the last is not full, points of which some lie among them: exact smallest sums in the promised order,
 * and bits for all centres that are not too far. */
START_TEST(coreset_kernels) {
    sn_simd_override((sn_simd_level)_i);
    const sn_simd *simd = sn_simd_table();
    enum { CENTRES = 37, BLOCKS = (CENTRES + SN_CENTRE_LANES - 1) / SN_CENTRE_LANES, AXES = 5 };
    for (size_t dimensions = 1; dimensions < 70; dimensions += 11) {
        float *points = random_floats(&rng, SN_POINT_GROUP * dimensions), *centres = random_floats(&rng, CENTRES * dimensions);
        float *blocks = malloc(BLOCKS * SN_CENTRE_LANES * dimensions * sizeof *blocks), found[SN_POINT_GROUP];
        const float *rows[SN_POINT_GROUP];
        for (size_t c = 0; c < BLOCKS * SN_CENTRE_LANES; c++)
            for (size_t d = 0; d < dimensions; d++)
                blocks[(c / SN_CENTRE_LANES * dimensions + d) * SN_CENTRE_LANES + c % SN_CENTRE_LANES] =
                    c < CENTRES ? centres[c * dimensions + d] : INFINITY;
        for (size_t p = 0; p < SN_POINT_GROUP; p++)
            rows[p] = points + p * dimensions;
        simd->nearest(rows, blocks, 0, dimensions, found);
        for (size_t p = 0; p < SN_POINT_GROUP; p++)
            ck_assert(isinf(found[p]));
        simd->nearest(rows, blocks, BLOCKS, dimensions, found);
        for (size_t p = 0; p < SN_POINT_GROUP; p++) {
            float least = INFINITY;
            for (size_t c = 0; c < CENTRES; c++) {
                const float distance = simd->ordered_distance(rows[p], centres + c * dimensions, dimensions);
                double sum = 0;
                for (size_t d = 0; d < dimensions; d++) {
                    const double difference = (double)rows[p][d] - (double)centres[c * dimensions + d];
                    sum += difference * difference;
                }
                ck_assert_double_lt(fabs((double)distance - sum), 1e-5 * (1 + sum));
                least = distance < least ? distance : least;
            }
            ck_assert(found[p] == least);
        }
        free(points), free(centres), free(blocks);
    }
    float *turned = random_floats(&rng, AXES * SN_POINT_GROUP), *limits = random_floats(&rng, SN_POINT_GROUP);
    float *blocks = random_floats(&rng, BLOCKS * (AXES + 1) * SN_CENTRE_LANES);
    blocks[2] = NAN, blocks[3] = INFINITY, limits[1] = INFINITY, limits[2] = -INFINITY;
    uint16_t passed[BLOCKS * SN_POINT_GROUP];
    size_t passing = simd->sift(turned, limits, blocks, BLOCKS, AXES, passed);
    for (size_t block = 0; block < BLOCKS; block++)
        for (size_t p = 0; p < SN_POINT_GROUP; p++)
            for (size_t lane = 0; lane < SN_CENTRE_LANES; lane++) {
                const float *at = blocks + block * (AXES + 1) * SN_CENTRE_LANES + lane;
                double sum = (double)at[0];
                for (size_t a = 0; a < AXES; a++)
                    sum += (double)turned[a * SN_POINT_GROUP + p] * (double)at[(a + 1) * SN_CENTRE_LANES];
                const unsigned bit = (unsigned)passed[block * SN_POINT_GROUP + p] >> lane & 1;
                passing -= bit;
                if (isnan(sum) || !(fabs(sum - (double)limits[p]) < 1e-5)) /* not too near to tell */
                    ck_assert_uint_eq(bit, !(sum > (double)limits[p]));
            }
    ck_assert_uint_eq(passing, 0);
    free(turned), free(limits), free(blocks);
    sn_simd_override(sn_simd_best());
}
END_TEST

int main(void) {
    sn_rng_seed(&rng, 1, 0);
    if (sn_stream_create(&stream) != SNARM_OK)
        return 1;
    Suite *suite = suite_create("kernel");
    TCase *cases = tcase_create("kernel");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, linear_layers);
    tcase_add_test(cases, many_operations_on_one_stream);
    tcase_add_test(cases, convolutions);
    tcase_add_test(cases, pooling);
    tcase_add_test(cases, attention);
    tcase_add_test(cases, layer_norm);
    tcase_add_loop_test(cases, vector_kernels, SN_SIMD_PLAIN, SN_SIMD_AVX512 + 1);
    tcase_add_loop_test(cases, coreset_kernels, SN_SIMD_PLAIN, SN_SIMD_AVX512 + 1);
    suite_add_tcase(suite, cases);
    int status = run_suite(suite);
    sn_stream_destroy(stream);
    return status;
}
