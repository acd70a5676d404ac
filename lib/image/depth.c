#include "snarm/depth.h"

#include "core/memory.h"
#include "core/status.h"
#include "image/xyz_tiff.h"
#include "io/input_file.h"

#include <string.h>

snarm_status snarm_depth_load(snarm_depth *out, const char *path, const snarm_image_options *options) {
    if (out == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_depth_load: out is NULL");
    memset(out, 0, sizeof *out);
    if (path == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_depth_load: path is NULL");
    sn_image_file file = {.name = path};
    SN_TRY(sn_image_options_read(&file.options, options));
    uint8_t *bytes;
    SN_TRY(sn_input_file_whole(&bytes, &file.size, path, "a TIFF file", SN_IMAGE_FILE_MAX));
    file.bytes = bytes;
    snarm_status status = sn_xyz_tiff_decode(&out->points, &out->width, &out->height, &file);
    sn_free(bytes);
    return status;
}

void snarm_depth_release(snarm_depth *depth) {
    if (depth == NULL)
        return;
    sn_free(depth->points);
    memset(depth, 0, sizeof *depth);
}
