/* Whether the scores of recent parts still look like those of the good parts that a model learnt from.
 *
 * The last N scores are ranked together with the leave-one-out scores of the fit (Wilcoxon's rank sum, the
 * same as Mann and Whitney's U), ties sharing their mean rank. z is the rank sum's distance from what it is
 * without drift, in its standard deviations: above 0 where recent scores are higher. An occasional defect
 * takes the highest rank, however high its score, and no more. */
#ifndef DRIFT_H
#define DRIFT_H

#include <stdbool.h>
#include <stddef.h>

typedef struct drift drift;

typedef enum drift_change { DRIFT_SAME, DRIFT_BEGINS, DRIFT_ENDS } drift_change;

typedef struct drift_figures {
    double z;
    double median, fit_median;
    size_t window; /* scores in it */
} drift_figures;

/* Share of windows that may lie beyond the limit where nothing drifts, models and windows drawn at random. */
#define DRIFT_RATE 1e-4

/* The limit of |z| for that share; the distribution is the exact one (without ties) where count * window is
 * at most 10,000, the normal one above. Infinity where no window can be so unlikely, as with one or two
 * pictures; NaN where there is no memory. */
double drift_limit(size_t count, size_t window);

/* z of a window against the fit, both ascending; 0 where all values are equal. */
double drift_rank_sum(const double *fit, size_t count, const double *recent, size_t window);

/*   fit     count scores, 1 or more; copied
 *   window  recent scores compared, 2 or more; nothing is said before there are so many
 *   limit   of |z|; 0: drift_limit. Drift begins at the limit and ends below two thirds of it, so that it
 *           does not flicker
 * NULL where there is no memory. */
drift *drift_create(const float *fit, size_t count, size_t window, double limit);
void drift_destroy(drift *d);

/* Takes the next score; says whether drift began or ended with it. figures is filled from the first full
 * window on. */
drift_change drift_add(drift *d, double score, drift_figures *figures);

/* The limit in use. */
double drift_limit_of(const drift *d);

#endif
