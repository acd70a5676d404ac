#define _GNU_SOURCE
#include "drift.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Beyond this many pairs of scores the normal distribution is close, and the exact one slow. */
#define EXACT_PAIRS 10000
/* Of the normal distribution: both tails together hold DRIFT_RATE. */
#define NORMAL_LIMIT 3.8905918864131

struct drift {
    double *fit;    /* count, ascending */
    double *recent; /* a ring of window scores */
    double *sorted; /* scratch: the ring ascending */
    size_t count, window, held, next;
    double limit;
    bool drifting;
};

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double middle(const double *sorted, size_t count) {
    return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

/* Standard deviation of U without ties. */
static double deviation(double pairs, double both) {
    return sqrt(pairs * (both + 1) / 12);
}

/* P(U = u) for all u, of i scores against j: with probability i / (i + j) the highest of them all is one of
 * the i, and is then above all j. Rows are for j = 0..small, and grow with i. The last row, small * large + 1
 * values from *last on, is left; NULL: no memory. */
static double *distribution(size_t small, size_t large, const double **last) {
    size_t width = small * large + 1;
    double *rows = calloc((small + 1) * width, sizeof *rows);
    if (rows == NULL)
        return NULL;
    for (size_t j = 0; j <= small; j++)
        rows[j * width] = 1;
    for (size_t i = 1; i <= large; i++) {
        for (size_t j = 1; j <= small; j++) {
            double *row = rows + j * width, *less = row - width;
            double above = (double)i / (double)(i + j), below = (double)j / (double)(i + j);
            for (size_t u = i * j + 1; u-- > 0;)
                row[u] = (u >= j ? above * row[u - j] : 0) + (u <= i * (j - 1) ? below * less[u] : 0);
        }
    }
    *last = rows + small * width;
    return rows;
}

double drift_limit(size_t count, size_t window) {
    size_t small = count < window ? count : window, large = count < window ? window : count;
    if (small == 0)
        return INFINITY;
    if (large > EXACT_PAIRS / small)
        return NORMAL_LIMIT;
    const double *chances;
    double *rows = distribution(small, large, &chances);
    if (rows == NULL)
        return NAN;
    size_t u = 0;
    double pairs = (double)(small * large);
    /* Both tails: U has the same distribution counted from either end. */
    for (double tail = chances[0]; 2 * tail <= DRIFT_RATE; tail += chances[u])
        u++;
    free(rows);
    if (u == 0)
        return INFINITY;
    return (pairs / 2 - (double)(u - 1)) / deviation(pairs, (double)(small + large));
}

double drift_rank_sum(const double *fit, size_t count, const double *recent, size_t window) {
    double ranks = 0, ties = 0, n = (double)window, m = (double)count;
    for (size_t i = 0, k = 0; i < window || k < count;) {
        double value = k >= count || (i < window && recent[i] < fit[k]) ? recent[i] : fit[k];
        size_t from_recent = i, from_both = i + k;
        while (i < window && recent[i] <= value)
            i++;
        while (k < count && fit[k] <= value)
            k++;
        double same = (double)(i + k - from_both);
        ranks += (double)(i - from_recent) * ((double)from_both + (same + 1) / 2);
        ties += same * same * same - same;
    }
    double both = n + m, variance = n * m / 12 * (both + 1 - ties / (both * (both - 1)));
    double above = ranks - n * (n + 1) / 2 - n * m / 2;
    return variance > 0 ? above / sqrt(variance) : 0;
}

drift *drift_create(const float *fit, size_t count, size_t window, double limit) {
    drift *d = calloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    *d = (drift){
        .fit = malloc(count * sizeof *d->fit),
        .recent = malloc(window * sizeof *d->recent),
        .sorted = malloc(window * sizeof *d->sorted),
        .count = count,
        .window = window,
        .limit = limit > 0 ? limit : drift_limit(count, window),
    };
    if (d->fit == NULL || d->recent == NULL || d->sorted == NULL || isnan(d->limit)) {
        drift_destroy(d);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        d->fit[i] = (double)fit[i];
    qsort(d->fit, count, sizeof *d->fit, compare);
    return d;
}

void drift_destroy(drift *d) {
    if (d == NULL)
        return;
    free(d->fit);
    free(d->recent);
    free(d->sorted);
    free(d);
}

double drift_limit_of(const drift *d) {
    return d->limit;
}

drift_change drift_add(drift *d, double score, drift_figures *figures) {
    d->recent[d->next] = score;
    d->next = (d->next + 1) % d->window;
    d->held += d->held < d->window;
    if (d->held < d->window)
        return DRIFT_SAME;
    memcpy(d->sorted, d->recent, d->window * sizeof *d->sorted);
    qsort(d->sorted, d->window, sizeof *d->sorted, compare);
    *figures = (drift_figures){
        .z = drift_rank_sum(d->fit, d->count, d->sorted, d->window),
        .median = middle(d->sorted, d->window),
        .fit_median = middle(d->fit, d->count),
        .window = d->window,
    };
    /* The limit is one of the values that z can have: reached, but for rounding. */
    double reached = fabs(figures->z) * (1 + 1e-9);
    if (!d->drifting && reached >= d->limit) {
        d->drifting = true;
        return DRIFT_BEGINS;
    }
    if (d->drifting && reached < d->limit * 2 / 3) {
        d->drifting = false;
        return DRIFT_ENDS;
    }
    return DRIFT_SAME;
}
