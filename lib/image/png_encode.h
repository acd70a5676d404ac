/* Masks to PNG files in memory. */
#ifndef SN_IMAGE_PNG_ENCODE_H
#define SN_IMAGE_PNG_ENCODE_H

#include "core/bytes.h"

/* Appends a grey PNG file of one bit a pixel, white where mask is not 0.
 *   mask  width * height bytes, rows from the top; 1..65,500 a side
 *   out   released with sn_bytes_release; as it was on failure but for its capacity
 *   name  stands in errors */
snarm_status sn_png_encode_mask(sn_bytes *out, const uint8_t *mask, int32_t width, int32_t height,
                                const char *name);

#endif
