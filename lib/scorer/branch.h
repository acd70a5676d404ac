/* One branch: blocks of normalisation, convolution and mixer over the four scans of the grid.
 *
 * Everything stays in image order, a row of D channels per patch: what depends on a scan's own order is the
 * kernel of the convolution (turned the other way round instead of the picture) and the list in which hard
 * patches go through the mixer. */
#ifndef SN_SCORER_BRANCH_H
#define SN_SCORER_BRANCH_H

#include "kernel/stream.h"
#include "kernel/type.h"
#include "scorer/mixer.h"

#include <stddef.h>
#include <stdint.h>

typedef struct sn_block_weights {
    const float *norm;                    /* (D) gain of the RMS norm */
    const float *conv_weight, *conv_bias; /* (D, D, 3, 3), (D) */
    sn_mixer_weights mixer;
} sn_block_weights;

typedef struct sn_branch_options {
    size_t grid_width, grid_height, embedding, depth;
    size_t hard;                          /* patches that pass through the mixers; may be 0 */
    const sn_block_weights *blocks;       /* (depth) */
    const float *norm_weight, *norm_bias; /* (D) of the final layer norm */
    sn_type type;                         /* of the factors of the scans' convolutions, and of the result */
} sn_branch_options;

/* Immutable; the weights are copied. */
typedef struct sn_branch sn_branch;
snarm_status sn_branch_create(sn_branch **out, const sn_branch_options *options);
void sn_branch_destroy(sn_branch *branch);
/* Floats of scratch memory that a run needs. */
size_t sn_branch_scratch(const sn_branch *branch);
/* src (N, D) with src_stride elements from row to row; order (4, hard) as sn_scan_orders gives it; dst (4, N, D)
 * of the type. */
snarm_status sn_branch_run(const sn_branch *branch, sn_stream *stream, const float *src, size_t src_stride,
                           const int32_t *order, float *scratch, void *dst);

#endif
