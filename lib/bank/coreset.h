/* The parts of coreset selection, for a caller that projects features as they come. */
#ifndef SN_BANK_CORESET_H
#define SN_BANK_CORESET_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

/* A random projection of channels to dimensions by normal weights, scaled to keep lengths on average. */
typedef struct sn_projection sn_projection;
snarm_status sn_projection_create(sn_projection **out, size_t channels, size_t dimensions, uint64_t seed);
void sn_projection_destroy(sn_projection *projection);
/* dst (count, dimensions) of src (count, channels). One call at a time. */
snarm_status sn_projection_run(sn_projection *projection, const float *src, size_t count, float *dst);

/* The dimensions of the projection for an option's value (0: default, -1: none); 0 means that none is made. */
size_t sn_projection_dimensions(int32_t option, size_t channels);

/* snarm_coreset_select on points that are already projected; count and target at least 1. */
snarm_status sn_coreset_greedy(const float *points, size_t count, size_t dimensions, size_t target, uint64_t seed,
                               snarm_progress_fn progress, void *progress_user, size_t *selected, size_t *chosen);

/* The same, for tests and measurements; the work done is added to counts. */
typedef struct sn_coreset_counts {
    uint64_t along_axes; /* pairs of a point and a centre that were compared along the principal axes */
    uint64_t whole;      /* pairs of which the distance was computed */
} sn_coreset_counts;
snarm_status sn_coreset_greedy_counted(const float *points, size_t count, size_t dimensions, size_t target,
                                       uint64_t seed, snarm_progress_fn progress, void *progress_user,
                                       size_t *selected, size_t *chosen, sn_coreset_counts *counts);

#endif
