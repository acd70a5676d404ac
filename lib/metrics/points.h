/* The points of a curve, all or so few of them that nothing seen is lost. */
#ifndef SN_METRICS_POINTS_H
#define SN_METRICS_POINTS_H

#include "core/status.h"
#include "snarm/metrics.h"

typedef struct sn_point {
    uint64_t true_positives, false_positives;
    uint32_t key; /* of the threshold (core/keys.h) */
    bool above;   /* the threshold is the lowest negative's score above the key */
} sn_point;

typedef struct sn_points {
    sn_point *items; /* released with sn_free */
    size_t count, capacity;
    uint64_t positives, negatives;
    double step;         /* how near to a kept point the others lie; below 0: all are kept */
    sn_point kept, last; /* while walking */
} sn_points;

/* Calls sn_points_visit for each point, thresholds falling, the first with nothing above it left out. */
typedef void (*sn_points_walk)(const void *source, sn_points *points);
void sn_points_visit(sn_points *points, sn_point point);

/* SNARM_ERROR_ARGUMENT for a limit of 1..15. */
snarm_status sn_points_check_limit(size_t limit, const char *function);

/* Walks as often as it needs to. At least one positive and one negative.
 *   limit  of the points with the one at infinity, which is no item; 0: none */
snarm_status sn_points_collect(sn_points *points, size_t limit, uint64_t positives, uint64_t negatives,
                               sn_points_walk walk, const void *source);

#endif
