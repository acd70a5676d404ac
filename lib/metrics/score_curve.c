#include "core/memory.h"
#include "core/keys.h"
#include "metrics/points.h"
#include "metrics/score_keys.h"

#include <math.h>
#include <string.h>

static void walk(const void *source, sn_points *points) {
    const sn_score_keys *sorted = source;
    const uint32_t *negative = sorted->keys, *positive = sorted->keys + sorted->negatives;
    size_t below = sorted->negatives, missed = sorted->positives;
    while (below > 0 || missed > 0) {
        uint32_t key = below > 0 ? negative[below - 1] : 0;
        if (missed > 0 && positive[missed - 1] > key)
            key = positive[missed - 1];
        while (below > 0 && negative[below - 1] == key)
            below--;
        while (missed > 0 && positive[missed - 1] == key)
            missed--;
        sn_points_visit(points,
                        (sn_point){sorted->positives - missed, sorted->negatives - below, key, false});
    }
}

snarm_status snarm_metrics_curve(const float *scores, const uint8_t *labels, size_t count, size_t limit,
                                 snarm_curve *out) {
    if (out == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_metrics_curve: out is NULL");
    SN_TRY(sn_points_check_limit(limit, "snarm_metrics_curve"));
    sn_score_keys sorted;
    SN_TRY(sn_score_keys_sort(&sorted, scores, labels, count, "snarm_metrics_curve"));
    snarm_curve curve = {.positives = sorted.positives, .negatives = sorted.negatives};
    sn_points points = {.items = NULL};
    snarm_status status = SNARM_OK;
    if (sorted.positives > 0 && sorted.negatives > 0) {
        SN_GOTO(status, sn_points_collect(&points, limit, sorted.positives, sorted.negatives, walk, &sorted),
                end);
        SN_GOTO(status, sn_alloc(&curve.points, points.count + 1, sizeof *curve.points, "points of a curve"),
                end);
        curve.points[curve.count++] = (snarm_curve_point){INFINITY, 0, 0};
        for (size_t i = 0; i < points.count; i++) {
            const sn_point *point = &points.items[i];
            curve.points[curve.count++] =
                (snarm_curve_point){sn_key_score(point->key), point->true_positives, point->false_positives};
        }
    }
    *out = curve;
end:
    sn_free(points.items);
    sn_free(sorted.keys);
    return status;
}

void snarm_curve_release(snarm_curve *curve) {
    if (curve == NULL)
        return;
    sn_free(curve->points);
    memset(curve, 0, sizeof *curve);
}
