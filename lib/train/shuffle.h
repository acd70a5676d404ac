/* Residuals whose channels have changed places. */
#ifndef SN_TRAIN_SHUFFLE_H
#define SN_TRAIN_SHUFFLE_H

#include "core/rng.h"

#include <stddef.h>

/* Reorders the channels of a hybrid residual (patches, 2 channels) at random, all patches alike: phi's two halves, |r| and r^2, keep
 * belonging together, and so do phi(r) and phi(q). What a defect does to which channel is then no longer told, only how much and where:
 * a scorer trained on that cannot learn synthetic defects by heart, and what it learns holds for defects of other kinds. */
void sn_shuffle_channels(float *hybrid, size_t patches, size_t channels, sn_rng *rng);

#endif
