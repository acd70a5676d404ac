#include "core/median.h"

#include <stdlib.h>

static int rising(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

double sn_median(float *values, size_t count) {
    qsort(values, count, sizeof *values, rising);
    return count % 2 ? (double)values[count / 2] : 0.5 * ((double)values[count / 2 - 1] + (double)values[count / 2]);
}
