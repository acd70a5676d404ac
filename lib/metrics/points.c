#include "metrics/points.h"

#include "core/memory.h"

#include <math.h>

enum { LIMIT_MINIMUM = 16 };

snarm_status sn_points_check_limit(size_t limit, const char *function) {
    if (limit > 0 && limit < LIMIT_MINIMUM)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: limit is %zu, expected 0 or at least %d", function, limit,
                        (int)LIMIT_MINIMUM);
    return SNARM_OK;
}

static double precision(const sn_point *point) {
    double found = (double)(point->true_positives + point->false_positives);
    return found > 0 ? (double)point->true_positives / found : 1;
}

/* The largest difference in any coordinate that a plot of either curve has. */
static double distance(const sn_points *points, const sn_point *a, const sn_point *b) {
    double recall = fabs((double)a->true_positives - (double)b->true_positives) / (double)points->positives;
    double rate = fabs((double)a->false_positives - (double)b->false_positives) / (double)points->negatives;
    return fmax(fmax(recall, rate), fabs(precision(a) - precision(b)));
}

/* Counts on beyond the capacity. */
static void keep(sn_points *points, sn_point point) {
    if (points->count < points->capacity)
        points->items[points->count] = point;
    points->count++;
    points->kept = point;
}

static bool is_same(const sn_point *a, const sn_point *b) {
    return a->true_positives == b->true_positives && a->false_positives == b->false_positives;
}

void sn_points_visit(sn_points *points, sn_point point) {
    if (points->step < 0) {
        keep(points, point);
    } else if (distance(points, &point, &points->kept) > points->step &&
               !is_same(&points->last, &points->kept)) {
        /* The one before is the last within reach of the kept one. */
        keep(points, points->last);
    }
    points->last = point;
}

static void walk_once(sn_points *points, double step, sn_points_walk walk, const void *source) {
    points->count = 0;
    points->step = step;
    points->kept = points->last = (sn_point){0, 0, UINT32_MAX, false};
    walk(source, points);
    if (!is_same(&points->last, &points->kept))
        keep(points, points->last);
}

snarm_status sn_points_collect(sn_points *points, size_t limit, uint64_t positives, uint64_t negatives,
                               sn_points_walk walk, const void *source) {
    *points = (sn_points){.positives = positives, .negatives = negatives};
    walk_once(points, -1, walk, source);
    const size_t all = points->count, most = limit > 0 ? limit - 1 : all;
    const size_t capacity = all < most ? all : most;
    SN_TRY(sn_alloc(&points->items, capacity, sizeof *points->items, "points of a curve"));
    points->capacity = capacity;
    if (all <= most) {
        walk_once(points, -1, walk, source);
        return SNARM_OK;
    }
    /* No coordinate differs by more than 1: from there on the last point alone is kept. */
    for (double step = 1 / (double)limit;; step *= 1.25) {
        walk_once(points, step, walk, source);
        if (points->count <= capacity)
            return SNARM_OK;
    }
}
