/* TIFF files of three float32 channels, as depth sensors' data sets hold them. */
#ifndef SN_IMAGE_XYZ_TIFF_H
#define SN_IMAGE_XYZ_TIFF_H

#include "image/decode.h"

/* The file's first picture.
 *   xyz  on success height * width * 3 floats, rows from the top, released with sn_free; untouched on
 * failure, as are *width and *height SNARM_ERROR_FORMAT for a broken file, _UNSUPPORTED for other kinds of
 * pictures, over a limit of file->options, or where the library was built without libtiff; _MEMORY. Nothing
 * is printed, and no state of libtiff's that other users of it share is changed. */
snarm_status sn_xyz_tiff_decode(float **xyz, int32_t *width, int32_t *height, const sn_image_file *file);

#endif
