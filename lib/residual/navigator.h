/* The navigator: which patches of the image look normal. */
#ifndef SN_RESIDUAL_NAVIGATOR_H
#define SN_RESIDUAL_NAVIGATOR_H

#include <stddef.h>
#include <stdint.h>

/* Patches in the reference set: ratio * patches rounded, halves to even. */
size_t sn_reference_count(double ratio, size_t patches);

/* u and waypoint s of each row of phi (rows at stride phi_stride): u = sigmoid(weight . phi + bias), s = u + mean of phi.
 * mean holds channels values 1 / channels. Split over the threads entered. */
void sn_navigate(const float *phi, size_t phi_stride, size_t rows, size_t channels, const float *weight, float bias,
                 const float *mean, float *u, float *waypoint);

/* reference[i] = 1 for the count smallest waypoints, ties to the earlier patch, else 0. No value is not-a-number. In time
 * proportional to patches, without memory. */
void sn_choose_reference(const float *waypoint, size_t patches, size_t count, uint8_t *reference);

#endif
