/* The line around a region of a picture. */
#ifndef SN_REPORT_OUTLINE_H
#define SN_REPORT_OUTLINE_H

#include "core/status.h"

#include <stdint.h>

/* Pixels of the line's white core: 2, and more in pictures too large to be looked at pixel by pixel. */
int32_t sn_outline_width(int32_t width, int32_t height);

/* Draws a white line, with a dark rim on both sides so that it shows on any background, just outside of the
 * region where map >= threshold. rgb  width * height * 3 bytes, drawn on map  width * height values */
snarm_status sn_outline_draw(uint8_t *rgb, int32_t width, int32_t height, const float *map, float threshold);

#endif
