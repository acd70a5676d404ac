/* The library's own vector kernels, chosen once at run time for the processor: plain C vectors of 4, AVX2 of 8,
 * AVX-512 of 16 lanes. simd_*.c but simd.c are written once and compiled for each; simd.c chooses. */
#ifndef SN_KERNEL_SIMD_H
#define SN_KERNEL_SIMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Coreset selection: centres that lie interleaved in one block, and points that meet them together, whatever the level. */
enum { SN_CENTRE_LANES = 16, SN_POINT_GROUP = 8 };

typedef enum sn_simd_level { SN_SIMD_PLAIN = 0, SN_SIMD_AVX2 = 1, SN_SIMD_AVX512 = 2 } sn_simd_level;

enum { SN_SCAN_STATES_MAX = 64, SN_CONV_TAPS_MAX = 64 };

/* A selective scan of one sequence; rows of the arrays are steps of time, stride elements apart. For each channel
 *   dt = softplus(dt[t]);  h_n = exp(dt * a_n) h_n + dt * b_n[t] * x[t], from 0;
 *   y[t] = (sum over n of c_n[t] * h_n + skip * x[t]) * SiLU(gate[t]). */
typedef struct sn_scan {
    size_t length, channels, states; /* states at most SN_SCAN_STATES_MAX */
    const float *x, *dt, *gate;      /* (length, channels) each */
    const float *b, *c;              /* (length, states), of one stride */
    const float *a;                  /* (states, channels), negative */
    const float *skip;               /* (channels) */
    float *y;                        /* (length, channels); may be x or dt */
    size_t x_stride, dt_stride, gate_stride, bc_stride, y_stride;
} sn_scan;

/* Dropout: elements whose hash falls below limit become 0, the others are multiplied by factor. The hash is of
 * a key and the element's place in its row alone. limit 0: none. */
typedef struct sn_dropout {
    uint32_t limit; /* rate * 2^32 */
    float factor;   /* 1 / (1 - rate) */
} sn_dropout;
/* Labels of the losses: 0 is normal, SN_LABEL_IGNORED counts for nothing, all others are anomalous. */
enum { SN_LABEL_IGNORED = 255 };

/* Focal loss of a logit z: with p = sigmoid(z) for an anomalous label, 1 - sigmoid(z) for a normal one,
 *   -weight (1 - p)^gamma log p, weight = alpha for anomalous labels, 1 - alpha for normal ones.
 * A probability nearer than e^-24 to 0 counts as e^-24. */
typedef struct sn_focal {
    float alpha, gamma;
} sn_focal;

/* One row of a map of logits z[i] = upper[i] + weight * (lower[i] - upper[i]), with p[i] = sigmoid(z[i]). */
enum { SN_LOSS_FOCAL, SN_LOSS_P, SN_LOSS_PY, SN_LOSS_Y, SN_LOSS_PIXELS, SN_LOSS_SUMS };
enum { SN_LOSS_GRADIENTS = 3 };
typedef struct sn_loss_row {
    const float *upper, *lower;
    float weight;
    const uint8_t *labels;
    size_t count;
    /* Derivatives by z of the sums SN_LOSS_FOCAL, SN_LOSS_P and SN_LOSS_PY are added to these rows, shared out as z is
     * made: 1 - weight of each to upper's, weight to lower's. Both may be the same row. NULL: not wanted. */
    float *upper_gradients[SN_LOSS_GRADIENTS], *lower_gradients[SN_LOSS_GRADIENTS];
} sn_loss_row;
/* The gradients of a scan of which the loss's gradient by y is known. Written: those of x, dt (before the softplus), gate,
 * and of b and c, the latter summed over the channels of the call. Added to: those of a and skip, and the sum over time of
 * dt's. The scan's y is computed and written once more; it may be diff_y. */
typedef struct sn_scan_gradients {
    const float *diff_y;              /* (length, channels) */
    float *x, *dt, *gate;             /* (length, channels) each */
    float *b, *c;                     /* (length, states), of one stride */
    float *a;                         /* (states, channels) */
    float *skip, *dt_sum;             /* (channels) each */
    size_t diff_y_stride, x_stride, dt_stride, gate_stride, bc_stride;
} sn_scan_gradients;

/* Floats of scratch memory for selective_scan_backward. */
static inline size_t sn_scan_backward_scratch(size_t length, size_t states) {
    enum { WIDEST = 16, DT_AND_SLOPE = 2 };
    return (length * 2 * states + (length + 1) * (DT_AND_SLOPE + 2 * states)) * WIDEST;
}

/* A causal convolution with its SiLU (sn_simd.causal_conv_silu) of which the loss's gradient by dst is known. diff_src is
 * written, diff_weights and diff_bias are added to. */
typedef struct sn_conv_gradients {
    size_t length, taps;                    /* taps at most SN_CONV_TAPS_MAX */
    const float *src, *diff_dst;            /* (length, channels) each */
    const float *weights, *bias;            /* (taps, channels), (channels) */
    float *diff_src;                        /* (length, channels); may be diff_dst */
    float *diff_weights, *diff_bias;        /* as weights, with its stride; as bias */
    size_t src_stride, diff_dst_stride, weights_stride, diff_src_stride;
} sn_conv_gradients;

enum { SN_TURN_TAPS = 9, SN_TURN_SUMS = 9 };

/* One table per level. All arrays may be unaligned; lengths are arbitrary. */
typedef struct sn_simd {
    /* The running k smallest of a row of values: values[j] belongs to index first + j. best_values (k, ascending) and
     * best_indices (k) hold the smallest so far, ties to the smaller index. owners, if not NULL, tells each index's owner:
     * entries of owner excluded are passed over. */
    void (*smallest)(const float *values, size_t count, int32_t first, const int32_t *owners, int32_t excluded,
                     size_t k, float *best_values, int32_t *best_indices);
    /* Sum of (a[i] - b[i])^2. */
    float (*squared_distance)(const float *a, const float *b, size_t count);
    /* Of each of SN_POINT_GROUP points the smallest sum over d of (point[d] - c[d])^2, d ascending in each sum, over all centres
     * c of the blocks, which hold (dimensions, SN_CENTRE_LANES) floats each. Infinite if there are none. */
    void (*nearest)(const float *const *points, const float *blocks, size_t block_count, size_t dimensions,
                    float *nearest);
    /* The sum of (a[i] - b[i])^2 in the same order: to the last bit what nearest takes the smallest of. */
    float (*ordered_distance)(const float *a, const float *b, size_t count);
    /* Blocks hold (1 + axes, SN_CENTRE_LANES) floats: a start s and coordinates c of each centre; turned (axes, SN_POINT_GROUP)
     * those of points. Bit i of passed[block][point] is set unless s + sum over a of turned[a] * c[a] is above the
     * point's limit for centre i of the block. Returns how many are set. */
    size_t (*sift)(const float *turned, const float *limits, const float *blocks, size_t block_count, size_t axes,
                   uint16_t *passed);
    /* Sum of a[i] * b[i]. */
    float (*dot)(const float *a, const float *b, size_t count);
    /* With r = scale * residual: dst = means of neighbouring pairs of |r| (first half), then of r^2. channels is even. */
    void (*phi)(const float *residual, size_t channels, float scale, float *dst);
    /* stream = src if first, else stream += src; then dst = stream / sqrt(mean of stream^2 + epsilon) * gain. */
    void (*rms_norm)(const float *src, float *stream, bool first, const float *gain, size_t count, float epsilon,
                     float *dst);
    /* With v = src + stream: dst = (v - mean) / sqrt(variance + epsilon) * gain + shift. dst may be src or stream. */
    void (*add_layer_norm)(const float *src, const float *stream, const float *gain, const float *shift, size_t count,
                           float epsilon, float *dst);
    /* dst += sigmoid(upper + weight * (lower - upper)). */
    void (*add_sigmoid)(const float *upper, const float *lower, float weight, size_t count, float *dst);
    /* dst[i] = sum over r of weights[r] * rows[r][i]. */
    void (*weighted_sum)(const float *const *rows, const float *weights, size_t row_count, size_t count, float *dst);
    /* dst = src * factor; rounded to nearest as bf16, which is the upper half of an f32; and back. dst may be src in the first. */
    void (*scale)(const float *src, float factor, size_t count, float *dst);
    void (*scale_bf16)(const float *src, float factor, size_t count, uint16_t *dst);
    void (*from_bf16)(const uint16_t *src, size_t count, float *dst);
    /* dst = src * factor rounded to the nearest integer, within -127..127. */
    void (*scale_s8)(const float *src, float factor, size_t count, int8_t *dst);
    /* dst = exp(scale * (scores - the largest of them)), and its sum, by which it is not divided. dst may be scores. In the
     * second the weights have the 8 bits that bf16 keeps. */
    void (*softmax)(const float *scores, size_t count, float scale, float *dst, float *sum);
    void (*softmax_bf16)(const float *scores, size_t count, float scale, uint16_t *dst, float *sum);
    /* dst[t] = SiLU(bias + sum over taps j of weights[j] * src[t + j + 1 - taps]), nothing before the start, for every
     * channel of a sequence: src (length, channels), weights (taps, channels), bias (channels); strides as in sn_scan. */
    void (*causal_conv_silu)(const float *src, size_t src_stride, size_t length, const float *weights,
                             size_t weights_stride, const float *bias, size_t taps, size_t channels, float *dst,
                             size_t dst_stride);
    /* The channels begin..end - 1 of a scan; see sn_scan. */
    void (*selective_scan)(const sn_scan *scan, size_t begin, size_t end);

    /* For a 3 x 3 convolution in four turns (scorer/turned_conv.h). taps[p][3 y + x] are the count channels of plane p at place
     * (y, x) of a neighbourhood; dst (SN_TURN_SUMS, count) are its sums:
     *   of plane 0: the centre; 0 + 8; 2 + 6; 1 + 3 + 5 + 7; of plane 1: 0 - 8; 1 + 3 - 5 - 7;
     *   of plane 2: 2 - 6; 1 - 3 + 5 - 7; of plane 3: 1 - 3 - 5 + 7. */
    void (*turn_sums)(const float *const (*taps)[SN_TURN_TAPS], size_t count, float *dst);
    /* Four planes of count values each become, in place, a + b + c + d, a + b - c - d, a - b - c + d and a - b + c - d. */
    void (*turn_mix)(float *const *planes, size_t count);

    /* For training. Gradients named diff_gain, diff_shift and diff_stream are added to. */
    void (*dropout)(const float *src, const sn_dropout *dropout, uint32_t key, size_t count, float *dst);
    /* sum = dropout(src) + stream; dst = (sum - mean) / sqrt(variance + epsilon) * gain + shift. sum may be src. */
    void (*dropout_layer_norm)(const float *src, const float *stream, const sn_dropout *dropout, uint32_t key,
                               const float *gain, const float *shift, size_t count, float epsilon, float *sum,
                               float *dst);
    /* The gradient of its sum. diff_sum may be sum or diff_dst. */
    void (*layer_norm_backward)(const float *sum, const float *diff_dst, const float *gain, size_t count, float epsilon,
                                float *diff_gain, float *diff_shift, float *diff_sum);
    /* Of rms_norm, of which stream is the input. */
    void (*rms_norm_backward)(const float *stream, const float *diff_dst, const float *gain, size_t count,
                              float epsilon, float *diff_gain, float *diff_stream);
    /* sums += row - pivot; squares += (row - pivot)^2. */
    void (*add_deviations)(const float *row, const float *pivot, size_t count, float *sums, float *squares);
    /* Sum of weights[i] * h[i], h = ReLU(row * scale + shift). */
    float (*relu_dot)(const float *row, const float *scale, const float *shift, const float *weights, size_t count);
    /* Where h is above 0: active += diff, active_row += diff * row. */
    void (*relu_dot_sums)(const float *row, float diff, const float *scale, const float *shift, size_t count,
                          float *active, float *active_row);
    /* dst = row * row_factor + constant, plus diff * open_factor where h is above 0. dst may be row. */
    void (*relu_dot_backward)(const float *row, float diff, const float *scale, const float *shift,
                              const float *open_factor, const float *row_factor, const float *constant, size_t count,
                              float *dst);
    /* Adds the focal losses of logits to *sum; gradient = scale times their derivatives, unless it is NULL. */
    void (*focal)(const sn_focal *focal, const float *logits, const uint8_t *labels, size_t count, float scale,
                  float *gradient, double *sum);
    /* Adds a row's focal losses, p, p of anomalous pixels, anomalous pixels and pixels (none of ignored ones) to sums. */
    void (*map_loss)(const sn_focal *focal, const sn_loss_row *row, double sums[SN_LOSS_SUMS]);
    /* Their gradients, for the channels begin..end - 1; scratch: sn_scan_backward_scratch floats. */
    void (*causal_conv_silu_backward)(const sn_conv_gradients *gradients, size_t begin, size_t end);
    void (*selective_scan_backward)(const sn_scan *scan, const sn_scan_gradients *gradients, size_t begin, size_t end,
                                    float *scratch);
} sn_simd;

/* The table for this processor, or the one that sn_simd_override chose. */
const sn_simd *sn_simd_table(void);
/* The best level that this processor has. */
sn_simd_level sn_simd_best(void);
/* For tests: use this level from now on, if the processor has it (else the best it has); returns the level in use. */
sn_simd_level sn_simd_override(sn_simd_level level);

#endif
