/* All threshold metrics in one sweep from the highest score to the lowest. */
#ifndef SN_METRICS_CURVE_H
#define SN_METRICS_CURVE_H

#include "snarm/metrics.h"

/* The sweep stops only at scores that a positive has: between two of them precision and F1 can only fall,
 * and the ROC curve runs flat. */
typedef struct sn_curve {
    uint64_t positives, negatives; /* totals, set before the sweep */
    uint64_t true_positives, false_positives;
    double roc_area; /* in (positive, negative) pairs */
    double precision_sum;
    double f1_max;
    uint32_t f1_max_key;
} sn_curve;

void sn_curve_begin(sn_curve *curve, uint64_t positives, uint64_t negatives);

/* The threshold moves down to the score of this key (core/keys.h), lower than all keys before.
 *   above      negatives between this score and the one before
 *   negatives  negatives with this score
 *   positives  positives with this score, at least 1 */
void sn_curve_step(sn_curve *curve, uint32_t key, uint64_t above, uint64_t negatives, uint64_t positives);

/* After all positives: the values, NaN where there is only one kind. */
void sn_curve_end(const sn_curve *curve, snarm_score_metrics *out);

#endif
