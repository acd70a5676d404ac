/* The threshold from the scores of good pictures, and scores brought to 0..1. */
#include "detector/detector.h"

#include <math.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

/* z with P(Z > z) = p of a standard normal Z, by bisection: it is called once a fit. */
static double upper_quantile(double p) {
    double low = -40, high = 40;
    for (int i = 0; i < 100; i++) {
        const double middle = (low + high) / 2;
        if (0.5 * erfc(middle / sqrt(2.0)) > p)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Too few scores to have seen the tail that is asked for: a normal one is laid through them, widened by what the few leave open,
 * with a spread of at least a twentieth of the mean; never below what has been seen. */
static double extrapolate(const float *sorted, size_t count, double rate) {
    double mean = 0, squares = 0;
    for (size_t i = 0; i < count; i++)
        mean += sorted[i] / (double)count;
    for (size_t i = 0; i < count; i++)
        squares += (sorted[i] - mean) * (sorted[i] - mean);
    double spread = count > 1 ? sqrt(squares / (double)(count - 1)) : 0;
    spread = fmax(spread, 0.05 * fabs(mean)) * sqrt(1 + 1 / (double)count);
    return fmax(mean + upper_quantile(rate) * spread, sorted[count - 1]);
}

void sn_choose_threshold(float *scores, size_t count, double rate, float *threshold, float *low) {
    qsort(scores, count, sizeof *scores, ascending);
    /* So many of these pictures may lie at or above the threshold. */
    const size_t allowed = (size_t)floor((double)count * rate);
    double value;
    if (allowed == 0)
        value = extrapolate(scores, count, rate);
    else
        value = ((double)scores[count - allowed] + scores[count - allowed - 1]) / 2;
    const float least = scores[count - allowed - 1];
    *threshold = (float)value;
    if (!(*threshold > least)) /* equal scores: above the one that must pass */
        *threshold = nextafterf(least, INFINITY);
    *low = scores[0];
}

float sn_normalize_score(float score, float threshold, float low) {
    const double unit = (double)threshold - low;
    const double above = ((double)score - low) / (unit > 0 ? unit : 1e-30);
    /* Straight up to the threshold, then towards 1 without reaching it; value and slope meet at 0.5. */
    if (above <= 1)
        return (float)(0.5 * fmax(above, 0));
    return fminf((float)(1 - 0.5 * exp(1 - above)), nextafterf(1, 0));
}
