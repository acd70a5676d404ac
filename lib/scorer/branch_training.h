/* One branch in training: the blocks over the four scans of a batch, forward and backward.
 *
 * The scans are the outermost dimension, so that each scan's images are one batch for a convolution: (4, B, N, D). */
#ifndef SN_SCORER_BRANCH_TRAINING_H
#define SN_SCORER_BRANCH_TRAINING_H

#include "kernel/simd.h"
#include "kernel/stream.h"
#include "scorer/branch.h"
#include "scorer/column_sums.h"
#include "scorer/mixer_backward.h"

#include <stddef.h>
#include <stdint.h>

/* Where the gradients go; all but the mixer's, which are added to, are written. */
typedef struct sn_block_gradients {
    float *norm, *conv_weight, *conv_bias;
    sn_mixer_gradients mixer;
} sn_block_gradients;

typedef struct sn_branch_weights {
    const sn_block_weights *blocks; /* (depth) */
    const float *norm_weight, *norm_bias;
} sn_branch_weights;

typedef struct sn_branch_gradients {
    const sn_block_gradients *blocks; /* (depth) */
    float *norm_weight, *norm_bias;
} sn_branch_gradients;

typedef struct sn_branch_training_shape {
    size_t batch, grid_width, grid_height, embedding, depth, hard;
    const sn_mixer_weights *mixer; /* for its sizes */
} sn_branch_training_shape;

/* Holds what backward needs of forward: one batch at a time. Serves branches of the same sizes in turn. */
typedef struct sn_branch_training sn_branch_training;
snarm_status sn_branch_training_create(sn_branch_training **out, const sn_branch_training_shape *shape);
void sn_branch_training_destroy(sn_branch_training *branch);

/* The (B, N, D) floats from which forward starts: the caller writes the embedded patches there. */
float *sn_branch_training_embedded(sn_branch_training *branch);
/* The (4, B, N, D) floats of the result, and of its gradient; backward leaves that of the embedded patches in the first
 * (B, N, D) of them. */
float *sn_branch_training_result(sn_branch_training *branch);
/* (4, B, N, D) floats that nobody needs between the end of forward and the start of backward. */
float *sn_branch_training_spare(sn_branch_training *branch);

/* embed_bias (D) is added to the embedded patches; order (B, 4, hard) as sn_scan_orders gives it. dropout's key must differ from
 * step to step and be the same in backward. */
snarm_status sn_branch_training_forward(sn_branch_training *branch, sn_stream *stream, const sn_branch_weights *weights,
                                        const float *embed_bias, const int32_t *order, const sn_dropout *dropout,
                                        uint32_t key);
/* The gradient of the result is in its place; diff_embed_bias is written. */
snarm_status sn_branch_training_backward(sn_branch_training *branch, sn_stream *stream, sn_column_sums *sums,
                                         const sn_branch_weights *weights, const int32_t *order,
                                         const sn_dropout *dropout, uint32_t key, const sn_branch_gradients *gradients,
                                         float *diff_embed_bias);

#endif
