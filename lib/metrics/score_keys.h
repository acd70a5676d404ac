/* A list of scores, sorted. */
#ifndef SN_METRICS_SCORE_KEYS_H
#define SN_METRICS_SCORE_KEYS_H

#include "core/status.h"

#include <stdint.h>

typedef struct sn_score_keys {
    uint32_t *keys; /* (core/keys.h) negatives first, then positives, each part ascending */
    size_t negatives, positives;
} sn_score_keys;

/* SNARM_ERROR_ARGUMENT for NaN, NULL or too many, in the name of the public function that was given them.
 *   labels  0: negative, else positive
 *   out     its keys are released with sn_free; untouched on failure */
snarm_status sn_score_keys_sort(sn_score_keys *out, const float *scores, const uint8_t *labels, size_t count,
                                const char *function);

#endif
