/* Masks: the truth about each pixel, at their own size and at a map's. */
#include "core/memory.h"
#include "core/status.h"
#include "image/picture.h"
#include "image/resize.h"
#include "snarm/dataset.h"

#include <string.h>

enum { SIDE_MAX = 16384 };

static snarm_status check_path(const char *function, const char *path) {
    if (path == NULL || path[0] == '\0')
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: path is %s, a file expected", function,
                        path == NULL ? "NULL" : "empty");
    return SNARM_OK;
}

static bool is_defect(const uint8_t *pixel, int bytes) {
    uint8_t any = 0;
    for (int i = 0; i < bytes; i++)
        any |= pixel[i];
    return any != 0;
}

snarm_status snarm_mask_load_full(snarm_image *out, const char *path) {
    if (out == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_mask_load_full: out is NULL");
    memset(out, 0, sizeof *out);
    SN_TRY(check_path("snarm_mask_load_full", path));
    snarm_image image = {.pixels = NULL};
    SN_TRY(snarm_image_load(&image, path, NULL));
    snarm_status status = sn_image_allocate(out, image.width, image.height, SNARM_GREY8, path);
    if (status == SNARM_OK) {
        uint8_t *mask = out->owned;
        int bytes = sn_image_pixel_bytes(image.format);
        for (int32_t y = 0; y < image.height; y++) {
            const uint8_t *row = sn_image_row(&image, y);
            for (int32_t x = 0; x < image.width; x++, row += bytes)
                *mask++ = is_defect(row, bytes);
        }
    }
    snarm_image_release(&image);
    return status;
}

static snarm_status check_side(const char *name, int32_t value, int32_t least) {
    if (value >= least && value <= SIDE_MAX)
        return SNARM_OK;
    return sn_error(SNARM_ERROR_ARGUMENT, "snarm_mask_load: %s is %d, expected %d..%d", name, (int)value,
                    (int)least, SIDE_MAX);
}

static snarm_status check_sizes(const snarm_preprocess *how) {
    SN_TRY(check_side("width", how->width, 1));
    SN_TRY(check_side("height", how->height, 1));
    SN_TRY(check_side("resize_width", how->resize_width, how->width));
    return check_side("resize_height", how->resize_height, how->height);
}

/* The middle of the resized plane, cut at half: ties belong to the defect. */
static void crop(const float *plane, const snarm_preprocess *how, uint8_t *mask) {
    size_t left = (size_t)(how->resize_width - how->width) / 2;
    size_t top = (size_t)(how->resize_height - how->height) / 2;
    for (size_t y = 0; y < (size_t)how->height; y++) {
        const float *row = plane + (top + y) * (size_t)how->resize_width + left;
        for (size_t x = 0; x < (size_t)how->width; x++)
            *mask++ = row[x] >= 0.5f;
    }
}

snarm_status snarm_mask_load(const char *path, const snarm_preprocess *how, uint8_t *mask) {
    SN_TRY(check_path("snarm_mask_load", path));
    if (how == NULL || mask == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_mask_load: %s is NULL", how == NULL ? "how" : "mask");
    SN_TRY(check_sizes(how));
    snarm_image full;
    SN_TRY(snarm_mask_load_full(&full, path));
    size_t pixels = (size_t)full.width * (size_t)full.height;
    float *source = NULL, *resized = NULL;
    snarm_status status;
    SN_GOTO(status, sn_alloc(&source, pixels, sizeof *source, path), done);
    SN_GOTO(status,
            sn_alloc(&resized, (size_t)how->resize_width * (size_t)how->resize_height, sizeof *resized, path),
            done);
    for (size_t i = 0; i < pixels; i++)
        source[i] = full.pixels[i];
    SN_GOTO(status,
            sn_resize_plane(source, full.width, full.height, resized, how->resize_width, how->resize_height),
            done);
    crop(resized, how, mask);
done:
    sn_free(source);
    sn_free(resized);
    snarm_image_release(&full);
    return status;
}
