/* Channels that a network in training is not to tell apart: it sees their means, and all their weights move alike.
 *
 * A row of a hybrid residual has four quarters of C / 2 channels each: |r| and r^2 of the inter-residual, |r| and r^2 of the
 * intra-residual. */
#ifndef SN_SCORER_QUARTER_MEANS_H
#define SN_SCORER_QUARTER_MEANS_H

#include <stddef.h>

enum { SN_QUARTERS = 4 };

/* means (rows, 4) of hybrid (rows, 2 channels). Split over the threads entered. */
void sn_quarter_means(const float *hybrid, size_t rows, size_t channels, float *means);

/* sums[q] = the sum of the quarter's size weights: what multiplies the quarter's mean where each channel has that mean. */
void sn_quarter_sums(const float *weights, size_t quarters, size_t size, float *sums);

/* Of size weights each: all get what their quarter has. This makes a gradient of sums one of weights. */
void sn_quarter_spread(const float *values, size_t quarters, size_t size, float *weights);

#endif
