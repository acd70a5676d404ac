#ifndef SN_CORE_MEDIAN_H
#define SN_CORE_MEDIAN_H

#include <stddef.h>

/* The median of count values (1 or more), which are sorted by it; of an even count the mean of the two in the middle. */
double sn_median(float *values, size_t count);

#endif
