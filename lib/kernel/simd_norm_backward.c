/* Norms on one row at a time as training needs them. Compiled once per level; see simd.h for what each does. */
#include "kernel/simd_parts.h"
#include "kernel/vector_math.h"

#include <math.h>

/* A row of any length as whole vectors, the last one padded with zeros. */
#define EACH_VECTOR(i, n, count)                                                                                       \
    for (size_t i = 0, n; i < (count) && ((n = (count)-i < SN_LANES ? (count)-i : SN_LANES), true); i += SN_LANES)

static inline vfloat load(const float *from, size_t n) {
    return n == SN_LANES ? v_load(from) : v_load_part(from, n);
}

static inline void store(float *to, vfloat v, size_t n) {
    if (n == SN_LANES)
        v_store(to, v);
    else
        v_store_part(to, v, n);
}

typedef uint32_t vbits __attribute__((vector_size(SN_LANES * 4)));

/* All ones where an element is kept: a hash of key and place, compared with the limit. */
static inline vint kept(uint32_t key, size_t place, uint32_t limit) {
    vbits h;
    for (uint32_t lane = 0; lane < SN_LANES; lane++)
        h[lane] = lane;
    h = (h + (uint32_t)place) * 0x9e3779b9u + key;
    h = (h ^ (h >> 16)) * 0x7feb352du;
    h = (h ^ (h >> 15)) * 0x846ca68bu;
    h ^= h >> 16;
    return (vint)(h >= limit);
}

static inline vfloat dropped(vfloat v, const sn_dropout *dropout, uint32_t key, size_t place) {
    if (dropout->limit == 0)
        return v;
    return v_select(kept(key, place, dropout->limit), v * dropout->factor, v_set(0));
}

void SN_AT_LEVEL(dropout)(const float *src, const sn_dropout *dropout, uint32_t key, size_t count, float *dst) {
    EACH_VECTOR(i, n, count) store(dst + i, dropped(load(src + i, n), dropout, key, i), n);
}

/* mean and 1 / deviation of a row. */
static inline void moments(const float *row, size_t count, float epsilon, float *mean, float *factor) {
    vfloat sums = v_set(0), squares = v_set(0);
    EACH_VECTOR(i, n, count) sums += load(row + i, n);
    *mean = v_sum(sums) / (float)count;
    size_t i = 0;
    for (; i + SN_LANES <= count; i += SN_LANES) {
        vfloat x = v_load(row + i) - *mean;
        squares = v_fma(x, x, squares);
    }
    float sum = v_sum(squares);
    for (; i < count; i++)
        sum += (row[i] - *mean) * (row[i] - *mean);
    *factor = 1.0f / sqrtf(sum / (float)count + epsilon);
}

void SN_AT_LEVEL(dropout_layer_norm)(const float *src, const float *stream, const sn_dropout *dropout, uint32_t key,
                                     const float *gain, const float *shift, size_t count, float epsilon, float *sum,
                                     float *dst) {
    EACH_VECTOR(i, n, count)
    store(sum + i, dropped(load(src + i, n), dropout, key, i) + load(stream + i, n), n);
    float mean, factor;
    moments(sum, count, epsilon, &mean, &factor);
    EACH_VECTOR(i, n, count)
    store(dst + i, v_fma((load(sum + i, n) - mean) * factor, load(gain + i, n), load(shift + i, n)), n);
}

/* With x = (v - mean) factor and e = diff gain:  dv = factor (e - mean of e - x (mean of e x)). */
void SN_AT_LEVEL(layer_norm_backward)(const float *sum, const float *diff_dst, const float *gain, size_t count,
                                      float epsilon, float *diff_gain, float *diff_shift, float *diff_sum) {
    float mean, factor;
    moments(sum, count, epsilon, &mean, &factor);
    vfloat errors = v_set(0), products = v_set(0);
    EACH_VECTOR(i, n, count) {
        vfloat x = (load(sum + i, n) - mean) * factor, diff = load(diff_dst + i, n); /* diff is 0 beyond the end */
        vfloat e = diff * load(gain + i, n);
        errors += e;
        products = v_fma(e, x, products);
        store(diff_gain + i, v_fma(diff, x, load(diff_gain + i, n)), n);
        store(diff_shift + i, diff + load(diff_shift + i, n), n);
    }
    const float error = v_sum(errors) / (float)count, product = v_sum(products) / (float)count;
    EACH_VECTOR(i, n, count) {
        vfloat x = (load(sum + i, n) - mean) * factor, e = load(diff_dst + i, n) * load(gain + i, n);
        store(diff_sum + i, (e - error - x * product) * factor, n);
    }
}

/* With f = 1 / sqrt(mean of s^2 + epsilon) and e = diff gain:  ds = f e - s f^3 (mean of e s). */
void SN_AT_LEVEL(rms_norm_backward)(const float *stream, const float *diff_dst, const float *gain, size_t count,
                                    float epsilon, float *diff_gain, float *diff_stream) {
    vfloat squares = v_set(0), products = v_set(0);
    EACH_VECTOR(i, n, count) {
        vfloat s = load(stream + i, n), e = load(diff_dst + i, n) * load(gain + i, n);
        squares = v_fma(s, s, squares);
        products = v_fma(e, s, products);
    }
    const float f = 1.0f / sqrtf(v_sum(squares) / (float)count + epsilon);
    const float inward = v_sum(products) / (float)count * f * f * f;
    EACH_VECTOR(i, n, count) {
        vfloat s = load(stream + i, n), diff = load(diff_dst + i, n);
        store(diff_gain + i, v_fma(diff * s, v_set(f), load(diff_gain + i, n)), n);
        store(diff_stream + i, load(diff_stream + i, n) + diff * load(gain + i, n) * f - s * inward, n);
    }
}

void SN_AT_LEVEL(add_deviations)(const float *row, const float *mean, size_t count, float *sums, float *squares) {
    EACH_VECTOR(i, n, count) {
        vfloat x = load(row + i, n) - load(mean + i, n);
        store(sums + i, load(sums + i, n) + x, n);
        store(squares + i, v_fma(x, x, load(squares + i, n)), n);
    }
}

float SN_AT_LEVEL(relu_dot)(const float *row, const float *scale, const float *shift, const float *weights,
                            size_t count) {
    vfloat sum = v_set(0);
    EACH_VECTOR(i, n, count) {
        vfloat h = v_max(v_fma(load(row + i, n), load(scale + i, n), load(shift + i, n)), v_set(0));
        sum = v_fma(h, load(weights + i, n), sum);
    }
    return v_sum(sum);
}

void SN_AT_LEVEL(relu_dot_sums)(const float *row, float diff, const float *scale, const float *shift, size_t count,
                                float *active, float *active_row) {
    EACH_VECTOR(i, n, count) {
        vfloat x = load(row + i, n), h = v_fma(x, load(scale + i, n), load(shift + i, n));
        vfloat open = v_select(h > 0, v_set(diff), v_set(0));
        store(active + i, load(active + i, n) + open, n);
        store(active_row + i, v_fma(open, x, load(active_row + i, n)), n);
    }
}

void SN_AT_LEVEL(relu_dot_backward)(const float *row, float diff, const float *scale, const float *shift,
                                    const float *open_factor, const float *row_factor, const float *constant,
                                    size_t count, float *dst) {
    EACH_VECTOR(i, n, count) {
        vfloat x = load(row + i, n), h = v_fma(x, load(scale + i, n), load(shift + i, n));
        vfloat open = v_select(h > 0, v_set(diff), v_set(0));
        store(dst + i,
              v_fma(open, load(open_factor + i, n), v_fma(x, load(row_factor + i, n), load(constant + i, n))), n);
    }
}
