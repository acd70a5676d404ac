/* phi: from a residual of C channels to C features of its size. */
#ifndef SN_RESIDUAL_PHI_H
#define SN_RESIDUAL_PHI_H

#include <stddef.h>

/* dst row i (channels values at dst + i * dst_stride) = phi(scale * residual row i): the concatenation of |r| and r^2, averaged over
 * neighbouring pairs. residual (rows, channels), channels even. Split over the threads entered. */
void sn_phi(const float *residual, size_t rows, size_t channels, float scale, float *dst, size_t dst_stride);

#endif
