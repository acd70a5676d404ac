#include "snarm/metrics.h"

#include "core/memory.h"
#include "metrics/curve.h"
#include "metrics/keys.h"
#include "metrics/radix_sort.h"

#include <math.h>

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
    if (out == NULL || (count > 0 && (scores == NULL || labels == NULL)))
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_metrics_scores: %s is NULL",
                        out == NULL      ? "out"
                        : scores == NULL ? "scores"
                                         : "labels");
    if (count > UINT32_MAX)
        return sn_error(SNARM_ERROR_ARGUMENT,
                        "snarm_metrics_scores: count is %zu, at most 4294967295 expected", count);
    size_t positives = 0;
    for (size_t i = 0; i < count; i++) {
        if (isnan(scores[i]))
            return sn_error(SNARM_ERROR_ARGUMENT,
                            "snarm_metrics_scores: scores[%zu] is NaN, a number expected", i);
        positives += labels[i] != 0;
    }
    size_t negatives = count - positives;
    uint32_t *keys, *scratch;
    SN_TRY(sn_alloc(&keys, count, sizeof *keys, "snarm_metrics_scores: keys"));
    snarm_status status = sn_alloc(&scratch, count, sizeof *scratch, "snarm_metrics_scores: sorting");
    if (status == SNARM_OK) {
        for (size_t i = 0, negative = 0, positive = negatives; i < count; i++)
            keys[labels[i] != 0 ? positive++ : negative++] = sn_score_key(scores[i]);
        sn_radix_sort_keys(keys, scratch, negatives, 1);
        sn_radix_sort_keys(keys + negatives, scratch, positives, 1);
        sweep(keys, negatives, positives, out);
    }
    sn_free(scratch);
    sn_free(keys);
    return status;
}
