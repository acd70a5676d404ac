#include "snarm/metrics.h"

#include "core/memory.h"
#include "metrics/curve.h"
#include "metrics/score_keys.h"

/* keys: negatives first, then positives, each part sorted ascending. */
static void sweep(const uint32_t *keys, size_t negatives, size_t positives, snarm_score_metrics *out) {
    const uint32_t *positive_keys = keys + negatives;
    sn_curve curve;
    sn_curve_begin(&curve, positives, negatives);
    size_t left = negatives; /* negatives below the threshold */
    for (size_t end = positives; end > 0;) {
        uint32_t key = positive_keys[end - 1];
        size_t begin = end;
        while (begin > 0 && positive_keys[begin - 1] == key)
            begin--;
        size_t former = left;
        while (left > 0 && keys[left - 1] > key)
            left--;
        size_t above = former - left;
        former = left;
        while (left > 0 && keys[left - 1] == key)
            left--;
        sn_curve_step(&curve, key, above, former - left, end - begin);
        end = begin;
    }
    sn_curve_end(&curve, out);
}

snarm_status snarm_metrics_scores(const float *scores, const uint8_t *labels, size_t count,
                                  snarm_score_metrics *out) {
    if (out == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_metrics_scores: out is NULL");
    sn_score_keys sorted;
    SN_TRY(sn_score_keys_sort(&sorted, scores, labels, count, "snarm_metrics_scores"));
    sweep(sorted.keys, sorted.negatives, sorted.positives, out);
    sn_free(sorted.keys);
    return SNARM_OK;
}
