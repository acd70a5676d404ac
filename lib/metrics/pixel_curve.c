/* Of the normal pixels between two defective scores only the number is known to the gaps, and only it is
 * needed: there the ROC curve runs flat. Its score is looked up for the points that are kept. */
#include "metrics/pixel_curve.h"

#include "core/keys.h"
#include "core/memory.h"
#include "metrics/points.h"

#include <math.h>

typedef struct pixel_source {
    const sn_pixel_store *store;
    const sn_pixel_gap *gaps;
} pixel_source;

static void walk(const void *context, sn_points *points) {
    const pixel_source *source = context;
    const sn_pixel_store *store = source->store;
    sn_point at = {0, 0, 0, false};
    for (size_t end = store->defect_count; end > 0;) {
        uint32_t key = sn_defect_key(store->defects[end - 1]);
        size_t begin = end;
        while (begin > 0 && sn_defect_key(store->defects[begin - 1]) == key)
            begin--;
        at.key = key;
        if (source->gaps[begin].above > 0) {
            at.false_positives += source->gaps[begin].above;
            at.above = true;
            sn_points_visit(points, at);
        }
        at.false_positives += source->gaps[begin].equal;
        at.true_positives += end - begin;
        at.above = false;
        sn_points_visit(points, at);
        end = begin;
    }
    if (at.false_positives < store->normal_count) {
        at.false_positives = store->normal_count;
        at.key = 0;
        at.above = true;
        sn_points_visit(points, at);
    }
}

/* The lowest normal pixel's key above the given one, or at it too. There is one. */
static uint32_t next_normal(const sn_pixel_store *store, uint32_t key, bool or_equal) {
    uint32_t best = UINT32_MAX;
    for (int i = 0; i < store->chunk_count; i++) {
        const sn_pixel_chunk *chunk = &store->chunks[i];
        size_t begin = 0, end = chunk->count;
        while (begin < end) {
            size_t middle = begin + (end - begin) / 2;
            if (chunk->keys[middle] < key || (!or_equal && chunk->keys[middle] == key))
                begin = middle + 1;
            else
                end = middle;
        }
        if (begin < chunk->count && chunk->keys[begin] < best)
            best = chunk->keys[begin];
    }
    return best;
}

snarm_status sn_pixel_curve(const sn_pixel_store *store, const sn_pixel_gap *gaps, size_t limit,
                            snarm_curve *out) {
    snarm_curve curve = {.positives = store->defect_count, .negatives = store->normal_count};
    if (curve.positives == 0 || curve.negatives == 0) {
        *out = curve;
        return SNARM_OK;
    }
    sn_points points;
    SN_TRY(sn_points_collect(&points, limit, curve.positives, curve.negatives, walk,
                             &(pixel_source){store, gaps}));
    snarm_status status =
        sn_alloc(&curve.points, points.count + 1, sizeof *curve.points, "points of a curve");
    if (status == SNARM_OK) {
        curve.points[curve.count++] = (snarm_curve_point){INFINITY, 0, 0};
        for (size_t i = 0; i < points.count; i++) {
            const sn_point *point = &points.items[i];
            uint32_t key = point->above ? next_normal(store, point->key, point->key == 0) : point->key;
            curve.points[curve.count++] =
                (snarm_curve_point){sn_key_score(key), point->true_positives, point->false_positives};
        }
        *out = curve;
    }
    sn_free(points.items);
    return status;
}
