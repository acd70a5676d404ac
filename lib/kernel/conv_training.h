/* A convolution whose weights change from run to run, forward and backward, by oneDNN: for training. */
#ifndef SN_KERNEL_CONV_TRAINING_H
#define SN_KERNEL_CONV_TRAINING_H

#include "kernel/stream.h"

#include <stddef.h>

/* Stride 1, and as much padding as keeps the size: kernel is odd, padding dilation * (kernel - 1) / 2. Tensors are
 * (batch, height, width, channels). */
typedef struct sn_conv_training_shape {
    size_t batch, height, width, channels_in, channels_out, kernel, dilation;
} sn_conv_training_shape;

/* Holds room for packed weights: one run at a time. */
typedef struct sn_conv_training sn_conv_training;
snarm_status sn_conv_training_create(sn_conv_training **out, const sn_conv_training_shape *shape);
void sn_conv_training_destroy(sn_conv_training *conv);

/* weights (channels_out, channels_in, kernel, kernel); bias (channels_out) or NULL. */
snarm_status sn_conv_training_forward(sn_conv_training *conv, sn_stream *stream, const float *src, const float *weights,
                                      const float *bias, float *dst);
/* diff_src, the gradient of src, from that of dst. */
snarm_status sn_conv_training_backward_data(sn_conv_training *conv, sn_stream *stream, const float *weights,
                                            const float *diff_dst, float *diff_src);
/* The gradient of the weights, written and not added, and of the bias where it is not NULL. */
snarm_status sn_conv_training_backward_weights(sn_conv_training *conv, sn_stream *stream, const float *src,
                                               const float *diff_dst, float *diff_weights, float *diff_bias);

#endif
