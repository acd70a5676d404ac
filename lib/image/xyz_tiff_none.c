/* In place of xyz_tiff.c where libtiff is missing. */
#include "image/xyz_tiff.h"

#include "core/status.h"

snarm_status sn_xyz_tiff_decode(float **xyz, int32_t *width, int32_t *height, const sn_image_file *file) {
    (void)xyz, (void)width, (void)height;
    return sn_error(
        SNARM_ERROR_UNSUPPORTED,
        "%s: is a TIFF file, which this build of the library cannot read: it was made without libtiff",
        file->name);
}
