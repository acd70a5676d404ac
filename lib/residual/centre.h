/* Distances within an image from matrix products: its features without their mean, so that little is lost where they share a large part,
 * and how the rows are split. */
#ifndef SN_RESIDUAL_CENTRE_H
#define SN_RESIDUAL_CENTRE_H

#include <float.h>
#include <math.h>
#include <stddef.h>

/* mean (channels) of features (patches, channels), and centred (patches, channels) = features - mean. Split over the threads entered. */
void sn_centre(const float *features, size_t patches, size_t channels, float *mean, float *centred);

/* size split into the fewest even parts of at most largest: rows of a matrix product at a time. */
static inline size_t sn_even_part(size_t size, size_t largest) {
    const size_t parts = (size + largest - 1) / largest;
    return (size + parts - 1) / parts;
}

/* By how much two values |g|^2 - 2 f.g of centred features may be out of order, most being the largest |f|^2 or |g|^2: rounding errors of
 * half an epsilon add up like a random walk; four times its width, of both. */
static inline float sn_centred_margin(size_t channels, float most) {
    const float rounding = 2 * FLT_EPSILON * sqrtf((float)channels);
    return 8 * rounding * most;
}

#endif
