/* Plain C references of the scorer and of the kernels made for it: the words of the method as loops, sums in double. */
#ifndef SN_TESTS_REFERENCE_SCAN_H
#define SN_TESTS_REFERENCE_SCAN_H

#include "scorer/weights.h"

/* phi of one residual. */
void reference_phi(const float *residual, size_t channels, double scale, float *dst);
double reference_sigmoid(double x);
/* One row: dst = src / sqrt(mean of squares + epsilon) * gain. */
void reference_rms_norm(const float *src, const float *gain, size_t count, double epsilon, float *dst);
/* One sequence of length steps, D channels. */
void reference_mixer(size_t length, const sn_mixer_weights *weights, const float *src, float *dst);
/* All logits (branches * 4, N) of a grid, every scan in its own order and on its own grid. */
void reference_scorer(const sn_scorer_weights *weights, size_t width, size_t height, const float *hybrid,
                      const uint8_t *reference, float *logits);

#endif
