/* Connected regions of a mask. */
#ifndef SN_METRICS_REGIONS_H
#define SN_METRICS_REGIONS_H

#include "core/status.h"

#include <stdint.h>

/* Numbers the regions of non-zero pixels that touch by side or corner.
 *   mask    height * width bytes
 *   labels  height * width, filled: 0 outside, else the region's number from 1, in the order of first pixels
 *   width, height  1..65,500, so that a pixel's place plus one fits in 32 bits
 * Returns how many regions there are. */
uint32_t sn_label_regions(const uint8_t *mask, uint32_t *labels, int32_t width, int32_t height);

#endif
