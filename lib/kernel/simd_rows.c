/* Kernels on one row of values at a time. Compiled once per level; see simd.h for what each does. */
#include "kernel/simd_parts.h"
#include "kernel/vector_math.h"

#include <math.h>

void SN_AT_LEVEL(phi)(const float *residual, size_t channels, float scale, float *dst) {
    const size_t half = channels / 2;
    for (size_t i = 0; i < half; i++) {
        float a = scale * residual[2 * i], b = scale * residual[2 * i + 1];
        dst[i] = 0.5f * (fabsf(a) + fabsf(b));
        dst[half + i] = 0.5f * (a * a + b * b);
    }
}

void SN_AT_LEVEL(rms_norm)(const float *src, float *stream, bool first, const float *gain, size_t count, float epsilon,
                           float *dst) {
    vfloat squares = v_set(0);
    size_t i = 0;
    for (; i + SN_LANES <= count; i += SN_LANES) {
        vfloat x = v_load(src + i);
        if (!first)
            x += v_load(stream + i);
        v_store(stream + i, x);
        squares = v_fma(x, x, squares);
    }
    float sum = v_sum(squares);
    for (; i < count; i++) {
        stream[i] = first ? src[i] : src[i] + stream[i];
        sum += stream[i] * stream[i];
    }
    const float factor = 1.0f / sqrtf(sum / (float)count + epsilon);
    for (i = 0; i + SN_LANES <= count; i += SN_LANES)
        v_store(dst + i, v_load(stream + i) * factor * v_load(gain + i));
    for (; i < count; i++)
        dst[i] = stream[i] * factor * gain[i];
}

void SN_AT_LEVEL(add_layer_norm)(const float *src, const float *stream, const float *gain, const float *shift,
                                 size_t count, float epsilon, float *dst) {
    vfloat sums = v_set(0);
    size_t i = 0;
    for (; i + SN_LANES <= count; i += SN_LANES) {
        vfloat x = v_load(src + i) + v_load(stream + i);
        v_store(dst + i, x);
        sums += x;
    }
    float sum = v_sum(sums);
    for (; i < count; i++) {
        dst[i] = src[i] + stream[i];
        sum += dst[i];
    }
    const float mean = sum / (float)count;
    vfloat squares = v_set(0);
    for (i = 0; i + SN_LANES <= count; i += SN_LANES) {
        vfloat x = v_load(dst + i) - mean;
        squares = v_fma(x, x, squares);
    }
    sum = v_sum(squares);
    for (; i < count; i++)
        sum += (dst[i] - mean) * (dst[i] - mean);
    const float factor = 1.0f / sqrtf(sum / (float)count + epsilon);
    for (i = 0; i + SN_LANES <= count; i += SN_LANES)
        v_store(dst + i, v_fma((v_load(dst + i) - mean) * factor, v_load(gain + i), v_load(shift + i)));
    for (; i < count; i++)
        dst[i] = (dst[i] - mean) * factor * gain[i] + shift[i];
}

void SN_AT_LEVEL(add_sigmoid)(const float *upper, const float *lower, float weight, size_t count, float *dst) {
    size_t i = 0;
    for (; i + SN_LANES <= count; i += SN_LANES) {
        vfloat a = v_load(upper + i), b = v_load(lower + i);
        v_store(dst + i, v_load(dst + i) + v_sigmoid(v_fma(b - a, v_set(weight), a)));
    }
    if (i < count) {
        vfloat a = v_load_part(upper + i, count - i), b = v_load_part(lower + i, count - i);
        vfloat sum = v_load_part(dst + i, count - i) + v_sigmoid(v_fma(b - a, v_set(weight), a));
        v_store_part(dst + i, sum, count - i);
    }
}

void SN_AT_LEVEL(weighted_sum)(const float *const *rows, const float *weights, size_t row_count, size_t count,
                               float *dst) {
    size_t i = 0;
    for (; i + SN_LANES <= count; i += SN_LANES) {
        vfloat sum = v_set(0);
        for (size_t r = 0; r < row_count; r++)
            sum = v_fma(v_load(rows[r] + i), v_set(weights[r]), sum);
        v_store(dst + i, sum);
    }
    for (; i < count; i++) {
        float sum = 0;
        for (size_t r = 0; r < row_count; r++)
            sum += rows[r][i] * weights[r];
        dst[i] = sum;
    }
}
