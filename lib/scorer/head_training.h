/* The head of one scan in training: forward with the batch's own statistics, and backward. */
#ifndef SN_SCORER_HEAD_TRAINING_H
#define SN_SCORER_HEAD_TRAINING_H

#include "kernel/stream.h"
#include "scorer/column_sums.h"
#include "scorer/head.h"

#include <stddef.h>

/* Where the gradients go, written and not added; and the running statistics, which forward moves on. */
typedef struct sn_head_gradients {
    float *conv, *gain, *shift, *out_weight, *out_bias;
    float *running_mean, *running_variance;
} sn_head_gradients;

/* For batches of one size. Holds the batch's statistics from forward to backward. */
typedef struct sn_head_training sn_head_training;
snarm_status sn_head_training_create(sn_head_training **out, size_t batch, size_t grid_width, size_t grid_height,
                                     size_t embedding, size_t rate);
void sn_head_training_destroy(sn_head_training *head);

/* src (B, N, D); conv receives the convolution (B, N, D), which backward wants; logits (B, N), the images logits_stride apart. */
snarm_status sn_head_training_forward(sn_head_training *head, sn_stream *stream, sn_column_sums *sums,
                                      const sn_head_weights *weights, const sn_head_gradients *statistics,
                                      const float *src, float *conv, float *logits, size_t logits_stride);
/* conv is overwritten; src receives the gradient of itself. */
snarm_status sn_head_training_backward(sn_head_training *head, sn_stream *stream, sn_column_sums *sums,
                                       const sn_head_weights *weights, const float *diff_logits, size_t logits_stride,
                                       float *conv, float *src, const sn_head_gradients *gradients);

#endif
