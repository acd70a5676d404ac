/* The centres chosen so far, and how points meet them: which of the centres that a point has missed is nearest to it? */
#ifndef SN_BANK_CENTRES_H
#define SN_BANK_CENTRES_H

#include "bank/coreset.h"
#include "core/status.h"
#include "kernel/simd.h"

#include <stdbool.h>

typedef struct sn_centres {
    const float *points; /* (point_count, dimensions) */
    size_t point_count, dimensions;
    const sn_simd *simd;
    size_t *selected; /* (most) indices of the centres, in order: the caller's */
    size_t count, most;
    float *blocks;                   /* of SN_CENTRE_LANES centres, (dimensions, SN_CENTRE_LANES) each */
    double reach_factor, reach_more; /* see reach in centres.c */
    /* A lower bound of distances, along a few axes. */
    size_t axes;     /* 0: too few dimensions for it to pay */
    float *rotation; /* (axes, dimensions) */
    float *
        turned_blocks; /* as sn_simd.sift takes them: half of its squared length, then the coordinates of each centre */
    double stretch;   /* lengths along the axes are at most so many times true ones */
    double slack;     /* lengths along the axes are computed to within this */
    double sum_slack; /* sums of sn_simd.sift are computed to within this */
} sn_centres;

/* What a point knows: its squared distance to the nearest of the first met centres. */
typedef struct sn_standing {
    float bound;
    int32_t point, met;
} sn_standing;

/* What one thread needs to let points meet centres, and what it has done. */
typedef struct sn_meeting sn_meeting;

/* No centres yet, room for most; selected receives them. */
snarm_status sn_centres_create(sn_centres *centres, const float *points, size_t count, size_t dimensions,
                               size_t most, size_t *selected);
void sn_centres_release(sn_centres *centres);
void sn_centres_add(sn_centres *centres, size_t point);

/* For up to most points at a time. */
snarm_status sn_meeting_create(sn_meeting **out, const sn_centres *centres, size_t most);
void sn_meeting_destroy(sn_meeting *meeting);
/* Lets count points, in any order, meet the centres that they have missed. They are sorted anew. */
void sn_meeting_run(sn_meeting *meeting, const sn_centres *centres, sn_standing *standings, size_t count);
/* Lets one point meet the last centre alone, which it has missed. */
void sn_meeting_last(sn_meeting *meeting, const sn_centres *centres, sn_standing *standing);
sn_coreset_counts sn_meeting_get_counts(const sn_meeting *meeting);

#endif
