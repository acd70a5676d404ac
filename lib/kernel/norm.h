/* Layer normalisation over the channels of each row. */
#ifndef SN_KERNEL_NORM_H
#define SN_KERNEL_NORM_H

#include "kernel/stream.h"
#include "kernel/type.h"

#include <stddef.h>

/* dst = (src - mean) / sqrt(variance + epsilon) * gain + shift, row by row; src (rows, columns) of f32, dst of dst_type. They may be
 * the same where their types are. */
typedef struct sn_layer_norm sn_layer_norm;
/* gain and shift (columns) are copied. */
snarm_status sn_layer_norm_create(sn_layer_norm **out, size_t rows, size_t columns, float epsilon, const float *gain,
                                  const float *shift, sn_type dst_type);
void sn_layer_norm_destroy(sn_layer_norm *norm);
snarm_status sn_layer_norm_run(const sn_layer_norm *norm, sn_stream *stream, const float *src, void *dst);

#endif
