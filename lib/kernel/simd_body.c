/* A level's table, and the kernels of searches. Compiled once per level; see simd.h for what each function does. */
#include "kernel/simd_parts.h"
#include "kernel/vector.h"

static void insert(float value, int32_t index, size_t k, float *best_values, int32_t *best_indices) {
    size_t at = k - 1;
    while (at > 0 && best_values[at - 1] > value) {
        best_values[at] = best_values[at - 1];
        best_indices[at] = best_indices[at - 1];
        at--;
    }
    best_values[at] = value;
    best_indices[at] = index;
}

static void smallest(const float *values, size_t count, int32_t first, const int32_t *owners, int32_t excluded,
                     size_t k, float *best_values, int32_t *best_indices) {
    size_t j = 0;
    /* Nearly all values are larger than the kth smallest so far: a vector of them is passed over by one comparison. */
    for (; j + SN_LANES <= count; j += SN_LANES) {
        unsigned bits = v_less_bits(v_load(values + j), v_set(best_values[k - 1]));
        for (; bits != 0; bits &= bits - 1) {
            size_t at = j + (size_t)__builtin_ctz(bits);
            if (values[at] < best_values[k - 1] && (owners == NULL || owners[first + (int32_t)at] != excluded))
                insert(values[at], first + (int32_t)at, k, best_values, best_indices);
        }
    }
    for (; j < count; j++)
        if (values[j] < best_values[k - 1] && (owners == NULL || owners[first + (int32_t)j] != excluded))
            insert(values[j], first + (int32_t)j, k, best_values, best_indices);
}

static float squared_distance(const float *a, const float *b, size_t count) {
    vfloat sum0 = v_set(0), sum1 = v_set(0);
    size_t i = 0;
    for (; i + 2 * SN_LANES <= count; i += 2 * SN_LANES) {
        vfloat d0 = v_load(a + i) - v_load(b + i), d1 = v_load(a + i + SN_LANES) - v_load(b + i + SN_LANES);
        sum0 = v_fma(d0, d0, sum0);
        sum1 = v_fma(d1, d1, sum1);
    }
    float sum = v_sum(sum0 + sum1);
    for (; i < count; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

static float dot(const float *a, const float *b, size_t count) {
    vfloat sum0 = v_set(0), sum1 = v_set(0);
    size_t i = 0;
    for (; i + 2 * SN_LANES <= count; i += 2 * SN_LANES) {
        sum0 = v_fma(v_load(a + i), v_load(b + i), sum0);
        sum1 = v_fma(v_load(a + i + SN_LANES), v_load(b + i + SN_LANES), sum1);
    }
    float sum = v_sum(sum0 + sum1);
    for (; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

extern const sn_simd SN_AT_LEVEL(simd);
const sn_simd SN_AT_LEVEL(simd) = {
    .smallest = smallest,
    .squared_distance = squared_distance,
    .nearest = SN_AT_LEVEL(nearest),
    .ordered_distance = SN_AT_LEVEL(ordered_distance),
    .sift = SN_AT_LEVEL(sift),
    .dot = dot,
    .phi = SN_AT_LEVEL(phi),
    .rms_norm = SN_AT_LEVEL(rms_norm),
    .add_layer_norm = SN_AT_LEVEL(add_layer_norm),
    .add_sigmoid = SN_AT_LEVEL(add_sigmoid),
    .weighted_sum = SN_AT_LEVEL(weighted_sum),
    .scale = SN_AT_LEVEL(scale),
    .scale_bf16 = SN_AT_LEVEL(scale_bf16),
    .scale_s8 = SN_AT_LEVEL(scale_s8),
    .from_bf16 = SN_AT_LEVEL(from_bf16),
    .softmax = SN_AT_LEVEL(softmax),
    .softmax_bf16 = SN_AT_LEVEL(softmax_bf16),
    .turn_sums = SN_AT_LEVEL(turn_sums),
    .turn_mix = SN_AT_LEVEL(turn_mix),
    .causal_conv_silu = SN_AT_LEVEL(causal_conv_silu),
    .selective_scan = SN_AT_LEVEL(selective_scan),
    .dropout = SN_AT_LEVEL(dropout),
    .dropout_layer_norm = SN_AT_LEVEL(dropout_layer_norm),
    .layer_norm_backward = SN_AT_LEVEL(layer_norm_backward),
    .rms_norm_backward = SN_AT_LEVEL(rms_norm_backward),
    .add_deviations = SN_AT_LEVEL(add_deviations),
    .relu_dot = SN_AT_LEVEL(relu_dot),
    .relu_dot_sums = SN_AT_LEVEL(relu_dot_sums),
    .relu_dot_backward = SN_AT_LEVEL(relu_dot_backward),
    .focal = SN_AT_LEVEL(focal),
    .map_loss = SN_AT_LEVEL(map_loss),
    .causal_conv_silu_backward = SN_AT_LEVEL(causal_conv_silu_backward),
    .selective_scan_backward = SN_AT_LEVEL(selective_scan_backward),
};
