/* Pictures inside the library: checking those of callers, making own ones, stepping through rows. */
#ifndef SN_IMAGE_PICTURE_H
#define SN_IMAGE_PICTURE_H

#include "snarm/image.h"

/* The longest side of any picture; the header promises it. */
enum { SN_IMAGE_SIDE_MAX = 65500 };

/* Whether a caller's picture is what snarm/image.h says; SNARM_ERROR_ARGUMENT naming the public function that
 * was given it, the field and its value. */
snarm_status sn_image_check(const snarm_image *image, const char *function);

/* A picture of the library's own, rows without gaps, pixels unset; 1..65,500 a side. *out is written on
 * success only. */
snarm_status sn_image_allocate(snarm_image *out, int32_t width, int32_t height, snarm_pixel_format format,
                               const char *name);

/* Bytes of one pixel of a valid format. */
static inline int sn_image_pixel_bytes(snarm_pixel_format format) {
    return format == SNARM_GREY8 ? 1 : format == SNARM_RGBA8 ? 4 : 3;
}

/* Bytes from a row to the one below it, for a checked picture. */
static inline ptrdiff_t sn_image_stride(const snarm_image *image) {
    return image->stride != 0 ? image->stride : (ptrdiff_t)image->width * sn_image_pixel_bytes(image->format);
}

/* The first byte of row y, 0 at the top, of a checked picture. */
static inline const uint8_t *sn_image_row(const snarm_image *image, int32_t y) {
    return image->pixels + y * sn_image_stride(image);
}

#endif
