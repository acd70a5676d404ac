/* Pictures to JPEG files in memory. */
#ifndef SN_IMAGE_JPEG_ENCODE_H
#define SN_IMAGE_JPEG_ENCODE_H

#include "core/bytes.h"
#include "image/picture.h"

/* Appends a baseline JPEG file, colours at half resolution.
 *   image    SNARM_GREY8 or SNARM_RGB8, checked
 *   quality  1..100
 *   out      released with sn_bytes_release; as it was on failure but for its capacity
 *   name     stands in errors */
snarm_status sn_jpeg_encode(sn_bytes *out, const snarm_image *image, int quality, const char *name);

#endif
