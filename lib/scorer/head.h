/* The head of one scan: from its features to a logit for every patch. */
#ifndef SN_SCORER_HEAD_H
#define SN_SCORER_HEAD_H

#include "kernel/stream.h"
#include "kernel/type.h"

#include <stddef.h>

typedef struct sn_head_weights {
    size_t embedding, rate;             /* D; dilation of the convolution */
    const float *conv;                  /* (D, D, 3, 3), no bias */
    const float *gain, *shift;          /* (D) of the batch normalisation */
    const float *mean, *variance;       /* (D) its running statistics */
    const float *out_weight, *out_bias; /* (D), (1) */
} sn_head_weights;

/* For a grid; immutable, the weights are copied. Batch normalisation (epsilon 1e-5) is folded into the
 * convolution, whose factors are of that type. */
typedef struct sn_head sn_head;
snarm_status sn_head_create(sn_head **out, const sn_head_weights *weights, size_t grid_width,
                            size_t grid_height, sn_type type);
void sn_head_destroy(sn_head *head);
/* logits (N) = out . ReLU(norm(conv(src))), src (N, D) of the type; scratch (N, D). */
snarm_status sn_head_run(const sn_head *head, sn_stream *stream, const void *src, float *scratch, float *logits);

#endif
