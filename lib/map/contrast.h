/* The rest of a defective picture's map put behind its strongest place. */
#ifndef SN_MAP_CONTRAST_H
#define SN_MAP_CONTRAST_H

#include <stdbool.h>
#include <stddef.h>

/* How many times as far below the largest value the others come to lie, for a picture of that score: 1 + contrast (1 - 1 / x), where x =
 * (score - low) / (threshold - low) is above 1, at the threshold; else 1. */
double sn_map_contrast_factor(double contrast, double score, double threshold, double low);

/* Multiplies by factor, at least 1, how far every value lies below the largest: probabilities as logits, other values, not negative, as
 * logarithms. The largest stays, and so do 0 and the order of the values. Uses the threads entered. */
void sn_map_contrast(float *map, size_t count, bool probabilities, double factor);

#endif
