#include "scorer/prior.h"

#include <math.h>

/* Distances of 0, of patches that the bank holds, count as this small. */
static const double least = 1e-6;

static double log_distance(float distance) {
    return log((double)distance > least ? (double)distance : least);
}

snarm_status sn_check_coverage(const float *coverage, size_t count, const char *where) {
    for (size_t i = 0; coverage != NULL && i < count; i++)
        if (!(coverage[i] > 0 && coverage[i] <= 1))
            return sn_error(SNARM_ERROR_ARGUMENT, "%s: coverage[%zu] is %g, expected above 0, at most 1", where, i, (double)coverage[i]);
    return SNARM_OK;
}

void sn_prior_gain(const float *coverage, size_t count, double border, float *gain) {
    for (size_t i = 0; i < count; i++)
        gain[i] = (float)pow((double)coverage[i], -border);
}

void sn_prior_add(const sn_prior *prior, const float *distances, const float *gain, size_t count, size_t maps, float *logits) {
    if (prior->slope == 0)
        return;
    const double centre = log(prior->centre);
    for (size_t i = 0; i < count; i++) {
        double logit = prior->slope * (log_distance(gain != NULL ? gain[i] * distances[i] : distances[i]) - centre);
        logit = fmin(fmax(logit, -SN_PRIOR_LIMIT), SN_PRIOR_LIMIT);
        for (size_t map = 0; map < maps; map++)
            logits[map * count + i] += (float)logit;
    }
}

/* Sums of one Newton step for p = sigmoid(a x + b). */
typedef struct newton {
    double ga, gb, haa, hab, hbb;
} newton;

static newton sums_at(const float *distances, const uint8_t *labels, size_t count, double weight, double mean,
                      double a, double b) {
    newton n = {0};
    for (size_t i = 0; i < count; i++) {
        if (labels[i] > 1)
            continue;
        const double x = log_distance(distances[i]) - mean, p = 1 / (1 + exp(-(a * x + b)));
        const double g = weight * (p - labels[i]), h = weight * p * (1 - p);
        n.ga += g * x, n.gb += g;
        n.haa += h * x * x, n.hab += h * x, n.hbb += h;
    }
    return n;
}

sn_prior sn_prior_fit(const float *distances, const uint8_t *labels, size_t count) {
    double sums[2] = {0}, counts[2] = {0};
    for (size_t i = 0; i < count; i++)
        if (labels[i] <= 1) {
            sums[labels[i]] += log_distance(distances[i]);
            counts[labels[i]]++;
        }
    if (counts[0] == 0 || counts[1] == 0)
        return (sn_prior){.centre = 1};
    const double mean = 0.5 * (sums[0] / counts[0] + sums[1] / counts[1]);
    const double weight = 1 / (counts[0] + counts[1]);
    double a = 0, b = 0;
    for (int round = 0; round < 50; round++) {
        newton n = sums_at(distances, labels, count, weight, mean, a, b);
        n.haa += 1e-6, n.hbb += 1e-6; /* kinds that a line separates would drive the slope to infinity */
        n.ga += 1e-6 * a, n.gb += 1e-6 * b;
        const double determinant = n.haa * n.hbb - n.hab * n.hab;
        const double da = (n.ga * n.hbb - n.gb * n.hab) / determinant, db = (n.gb * n.haa - n.ga * n.hab) / determinant;
        a -= fmin(fmax(da, -4), 4), b -= fmin(fmax(db, -4), 4);
        if (fabs(da) + fabs(db) < 1e-9)
            break;
    }
    if (!(a > 0) || !isfinite(a) || !isfinite(b))
        return (sn_prior){.centre = 1};
    return (sn_prior){.slope = a, .centre = exp(mean - b / a)};
}
