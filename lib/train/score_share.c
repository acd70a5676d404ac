#include "train/score_share.h"

#include "core/median.h"
#include "core/memory.h"
#include "snarm/metrics.h"

static snarm_status choose(sn_score_share *out, const float *map_scores, const float *distance_scores,
                           const uint8_t *labels, size_t count, float *mixed) {
    static const double shares[] = {0.1, 0.05}; /* of equals the first */
    size_t good = 0;
    for (size_t i = 0; i < count; i++)
        if (labels[i] == 0)
            mixed[good++] = distance_scores[i];
    out->full = good > 0 ? 2 * sn_median(mixed, good) : 1;
    if (!(out->full > 1e-30))
        out->full = 1;
    double best = -1;
    for (size_t s = 0; s < sizeof shares / sizeof *shares; s++) {
        for (size_t i = 0; i < count; i++)
            mixed[i] = (float)(shares[s] * (double)map_scores[i] + (1 - shares[s]) * (double)distance_scores[i] / out->full);
        snarm_score_metrics metrics;
        SN_TRY(snarm_metrics_scores(mixed, labels, count, &metrics));
        if (metrics.auroc > best || s == 0) {
            best = metrics.auroc;
            out->share = shares[s];
        }
    }
    return SNARM_OK;
}

snarm_status sn_score_share_choose(sn_score_share *out, const float *map_scores, const float *distance_scores,
                                   const uint8_t *labels, size_t count) {
    float *mixed;
    SN_TRY(sn_alloc(&mixed, count, sizeof *mixed, "scores"));
    snarm_status status = choose(out, map_scores, distance_scores, labels, count, mixed);
    sn_free(mixed);
    return status;
}
