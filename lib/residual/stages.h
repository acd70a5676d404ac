/* How large residuals are in each stage of the features: a residual's norm over all channels is that of the stage with the largest
 * values, whatever the others say. */
#ifndef SN_RESIDUAL_STAGES_H
#define SN_RESIDUAL_STAGES_H

#include "core/status.h"
#include "snarm/backbone.h"

#include <stddef.h>
#include <stdint.h>

enum { SN_STAGES_MAX = 3 * SNARM_LAYERS_MAX }; /* those of a picture, in both lights as many again, and with depth as many of its relief */

/* Channels of the features, stage after stage. count 0: not told apart. */
typedef struct sn_stages {
    int32_t count;
    int32_t channels[SN_STAGES_MAX];
} sn_stages;

/* SNARM_ERROR_ARGUMENT, beginning with where, unless there are 0..SN_STAGES_MAX stages of 2 channels or more each that are channels in
 * all. */
snarm_status sn_check_stages(const sn_stages *stages, int32_t channels, const char *where);

/* squares (patches, stages->count) = the mean square of each stage of residuals, from rows of phi (channels values at phi + i * stride: a
 * hybrid residual begins with that of the inter-residual). Split over the threads entered. */
void sn_stage_squares(const sn_stages *stages, const float *phi, size_t stride, size_t patches, size_t channels, float *squares);

/* The size of a residual of which these are the mean squares of count stages, times scale: the geometric mean of the stages' root mean
 * squares. One counts as 0.001 at least: patches that the bank holds have none. */
float sn_stage_size(const float *squares, size_t count, double scale);

/* The mean square over all channels of a residual of which these are those of its stages. */
float sn_stage_mean_square(const sn_stages *stages, const float *squares);

/* Sizes (patches) of residuals from rows of phi. Split over the threads entered. */
void sn_residual_sizes(const sn_stages *stages, const float *phi, size_t stride, size_t patches, size_t channels, float *sizes);

/* Norms of inter-residuals (patches, channels) with the stages weighted: sqrt(sum over stages of (weight * norm)^2). Split over the
 * threads entered. */
void sn_stage_distances(const sn_stages *stages, const float *weights, const float *inter, size_t patches, size_t channels,
                        float *distances);
/* The same from their stages' mean squares (patches, stages->count). */
void sn_stage_distances_of_squares(const sn_stages *stages, const float *weights, const float *squares, size_t patches, float *distances);

#endif
