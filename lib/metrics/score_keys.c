#include "metrics/score_keys.h"

#include "core/keys.h"
#include "core/memory.h"
#include "core/radix_sort.h"

#include <math.h>

snarm_status sn_score_keys_sort(sn_score_keys *out, const float *scores, const uint8_t *labels, size_t count,
                                const char *function) {
    if (count > 0 && (scores == NULL || labels == NULL))
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: %s is NULL", function,
                        scores == NULL ? "scores" : "labels");
    if (count > UINT32_MAX)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: count is %zu, at most 4294967295 expected", function,
                        count);
    size_t positives = 0;
    for (size_t i = 0; i < count; i++) {
        if (isnan(scores[i]))
            return sn_error(SNARM_ERROR_ARGUMENT, "%s: scores[%zu] is NaN, a number expected", function, i);
        positives += labels[i] != 0;
    }
    const size_t negatives = count - positives;
    uint32_t *keys, *scratch;
    SN_TRY(sn_alloc(&keys, count, sizeof *keys, "keys of scores"));
    snarm_status status = sn_alloc(&scratch, count, sizeof *scratch, "sorting of scores");
    if (status != SNARM_OK) {
        sn_free(keys);
        return status;
    }
    for (size_t i = 0, negative = 0, positive = negatives; i < count; i++)
        keys[labels[i] != 0 ? positive++ : negative++] = sn_score_key(scores[i]);
    sn_radix_sort_keys(keys, scratch, negatives, 1);
    sn_radix_sort_keys(keys + negatives, scratch, positives, 1);
    sn_free(scratch);
    *out = (sn_score_keys){keys, negatives, positives};
    return SNARM_OK;
}
