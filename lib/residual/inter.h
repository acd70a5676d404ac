/* Inter-residuals from what a search found. */
#ifndef SN_RESIDUAL_INTER_H
#define SN_RESIDUAL_INTER_H

#include <stddef.h>
#include <stdint.h>

/* inter (patches, channels) = the mean of the neighbours vectors of a bank that nearest (patches, neighbours) names, less the feature. Split over
 * the threads entered. */
void sn_inter_residuals(const float *vectors, const int32_t *nearest, size_t neighbours, const float *features, size_t patches,
                        size_t channels, float *inter);

#endif
