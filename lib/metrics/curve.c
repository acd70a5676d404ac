#include "metrics/curve.h"

#include "core/keys.h"

#include <math.h>

void sn_curve_begin(sn_curve *curve, uint64_t positives, uint64_t negatives) {
    *curve = (sn_curve){.positives = positives, .negatives = negatives, .f1_max = -1.0};
}

void sn_curve_step(sn_curve *curve, uint32_t key, uint64_t above, uint64_t negatives, uint64_t positives) {
    /* Negatives count the positives above them, and half of those beside them. */
    curve->roc_area += (double)above * (double)curve->true_positives;
    curve->roc_area += (double)negatives * ((double)curve->true_positives + 0.5 * (double)positives);
    curve->true_positives += positives;
    curve->false_positives += above + negatives;
    double hits = (double)curve->true_positives;
    double found = (double)(curve->true_positives + curve->false_positives);
    curve->precision_sum += (double)positives * (hits / found);
    /* 2 p r / (p + r), free of 0/0. */
    double f1 = 2.0 * hits / (found + (double)curve->positives);
    if (f1 > curve->f1_max) {
        curve->f1_max = f1;
        curve->f1_max_key = key;
    }
}

void sn_curve_end(const sn_curve *curve, snarm_score_metrics *out) {
    *out = (snarm_score_metrics){NAN, NAN, NAN, NAN, curve->positives, curve->negatives};
    if (curve->positives == 0 || curve->negatives == 0)
        return;
    double positives = (double)curve->positives, negatives = (double)curve->negatives;
    double below = negatives - (double)curve->false_positives;
    out->auroc = (curve->roc_area + below * positives) / (positives * negatives);
    out->average_precision = curve->precision_sum / positives;
    out->f1_max = curve->f1_max;
    out->f1_max_threshold = sn_key_score(curve->f1_max_key);
}
