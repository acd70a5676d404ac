/* The files of which a level's table is made: each function is compiled once per level, under a name of its
 * own. SN_SIMD_LEVEL (plain, avx2, avx512) is given by the build. */
#ifndef SN_KERNEL_SIMD_PARTS_H
#define SN_KERNEL_SIMD_PARTS_H

#include "kernel/simd.h"

#define SN_JOIN_EXPANDED(name, level) sn_##name##_##level
#define SN_JOIN(name, level) SN_JOIN_EXPANDED(name, level)
#define SN_AT_LEVEL(name) SN_JOIN(name, SN_SIMD_LEVEL)

/* simd_rows.c */
void SN_AT_LEVEL(phi)(const float *residual, size_t channels, float scale, float *dst);
void SN_AT_LEVEL(rms_norm)(const float *src, float *stream, bool first, const float *gain, size_t count,
                           float epsilon, float *dst);
void SN_AT_LEVEL(add_layer_norm)(const float *src, const float *stream, const float *gain, const float *shift,
                                 size_t count, float epsilon, float *dst);
void SN_AT_LEVEL(add_sigmoid)(const float *upper, const float *lower, float weight, size_t count, float *dst);
void SN_AT_LEVEL(weighted_sum)(const float *const *rows, const float *weights, size_t row_count, size_t count,
                               float *dst);

/* simd_convert.c */
void SN_AT_LEVEL(scale)(const float *src, float factor, size_t count, float *dst);
void SN_AT_LEVEL(scale_bf16)(const float *src, float factor, size_t count, uint16_t *dst);
void SN_AT_LEVEL(scale_s8)(const float *src, float factor, size_t count, int8_t *dst);
void SN_AT_LEVEL(from_bf16)(const uint16_t *src, size_t count, float *dst);
void SN_AT_LEVEL(softmax)(const float *scores, size_t count, float scale, float *dst, float *sum);
void SN_AT_LEVEL(softmax_bf16)(const float *scores, size_t count, float scale, uint16_t *dst, float *sum);

/* simd_coreset.c */
void SN_AT_LEVEL(nearest)(const float *const *points, const float *blocks, size_t block_count, size_t dimensions,
                          float *nearest);
float SN_AT_LEVEL(ordered_distance)(const float *a, const float *b, size_t count);
size_t SN_AT_LEVEL(sift)(const float *turned, const float *limits, const float *blocks, size_t block_count, size_t axes,
                       uint16_t *passed);

/* simd_scan.c */
void SN_AT_LEVEL(causal_conv_silu)(const float *src, size_t src_stride, size_t length, const float *weights,
                                   size_t weights_stride, const float *bias, size_t taps, size_t channels,
                                   float *dst, size_t dst_stride);
void SN_AT_LEVEL(selective_scan)(const sn_scan *scan, size_t begin, size_t end);

/* simd_turn.c */
void SN_AT_LEVEL(turn_sums)(const float *const (*taps)[SN_TURN_TAPS], size_t count, float *dst);
void SN_AT_LEVEL(turn_mix)(float *const *planes, size_t count);

/* simd_norm_backward.c */
void SN_AT_LEVEL(dropout)(const float *src, const sn_dropout *dropout, uint32_t key, size_t count, float *dst);
void SN_AT_LEVEL(dropout_layer_norm)(const float *src, const float *stream, const sn_dropout *dropout, uint32_t key,
                                     const float *gain, const float *shift, size_t count, float epsilon, float *sum,
                                     float *dst);
void SN_AT_LEVEL(layer_norm_backward)(const float *sum, const float *diff_dst, const float *gain, size_t count,
                                      float epsilon, float *diff_gain, float *diff_shift, float *diff_sum);
void SN_AT_LEVEL(rms_norm_backward)(const float *stream, const float *diff_dst, const float *gain, size_t count,
                                    float epsilon, float *diff_gain, float *diff_stream);
void SN_AT_LEVEL(add_deviations)(const float *row, const float *pivot, size_t count, float *sums, float *squares);
float SN_AT_LEVEL(relu_dot)(const float *row, const float *scale, const float *shift, const float *weights,
                            size_t count);
void SN_AT_LEVEL(relu_dot_sums)(const float *row, float diff, const float *scale, const float *shift, size_t count,
                                float *active, float *active_row);
void SN_AT_LEVEL(relu_dot_backward)(const float *row, float diff, const float *scale, const float *shift,
                                    const float *open_factor, const float *row_factor, const float *constant,
                                    size_t count, float *dst);
/* simd_loss.c */
void SN_AT_LEVEL(focal)(const sn_focal *focal, const float *logits, const uint8_t *labels, size_t count,
                        float scale, float *gradient, double *sum);
void SN_AT_LEVEL(map_loss)(const sn_focal *focal, const sn_loss_row *row, double sums[SN_LOSS_SUMS]);
/* simd_scan_backward.c */
void SN_AT_LEVEL(causal_conv_silu_backward)(const sn_conv_gradients *gradients, size_t begin, size_t end);
void SN_AT_LEVEL(selective_scan_backward)(const sn_scan *scan, const sn_scan_gradients *gradients, size_t begin,
                                          size_t end, float *scratch);

#endif
