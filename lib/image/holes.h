/* Filling what was not measured. */
#ifndef SN_IMAGE_HOLES_H
#define SN_IMAGE_HOLES_H

#include "snarm/status.h"

#include <stdint.h>

/* Replaces the values of all holes by a smooth continuation of what surrounds them: means over squares that grow until
 * they hold something, read bilinearly (push and pull). Measured values stay as they are.
 *   values  (height, width); those of holes may be anything
 *   known   (height, width): 1 measured, 0 a hole; at least one is 1
 * SNARM_ERROR_MEMORY only. */
snarm_status sn_holes_fill(float *values, const uint8_t *known, int32_t width, int32_t height);

#endif
