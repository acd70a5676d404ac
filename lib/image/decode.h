/* The decoders of image files: whole files in memory to pictures. */
#ifndef SN_IMAGE_DECODE_H
#define SN_IMAGE_DECODE_H

#include "image/picture.h"

/* A file to decode: its bytes, the name that stands in error sentences, and the limits, filled in and
 * checked. */
typedef struct sn_image_file {
    const uint8_t *bytes;
    size_t size;
    const char *name;
    snarm_image_options options;
} sn_image_file;

/* Decode to a picture with the file's own orientation, and report its EXIF orientation, 1..8 (1 where it has
 * none). *out and *orientation are written on success only. */
snarm_status sn_png_decode(snarm_image *out, int *orientation, const sn_image_file *file);
snarm_status sn_jpeg_decode(snarm_image *out, int *orientation, const sn_image_file *file);
/* BMP files have no EXIF notes. */
snarm_status sn_bmp_decode(snarm_image *out, const sn_image_file *file);

/* The longest file that is read. */
#define SN_IMAGE_FILE_MAX (INT64_C(1) << 30)

/* A caller's options, checked, with the defaults filled in. */
snarm_status sn_image_options_read(snarm_image_options *out, const snarm_image_options *given);

/* Whether a header's size is within the options' limits: asked before memory is taken for it. */
snarm_status sn_image_check_limits(const sn_image_file *file, uint32_t width, uint32_t height);

/* The orientation in an EXIF block, which starts at its TIFF header ("II" or "MM"): 1..8, and 1 where there
 * is none or the block is malformed, as viewers do: a picture is not refused for its notes. */
int sn_exif_orientation(const uint8_t *tiff, size_t size);

/* Turns a picture of the library's own upright. On failure it stays as it was. */
snarm_status sn_image_orient(snarm_image *image, int orientation, const char *name);

#endif
