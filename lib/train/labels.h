/* Labels of patches from masks of pixels. */
#ifndef SN_TRAIN_LABELS_H
#define SN_TRAIN_LABELS_H

#include "train/samples.h"

/* labels (N): 1 where at least a quarter of a patch's pixels are marked, 0 where none is; SN_LABEL_IGNORED between. */
void sn_label_patches(const sn_samples_shape *shape, const uint8_t *mask, uint8_t *labels);

#endif
