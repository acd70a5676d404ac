#include "image/picture.h"

#include "core/memory.h"
#include "core/status.h"

#include <string.h>

snarm_status sn_image_check(const snarm_image *image, const char *function) {
    if (image == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: image is NULL", function);
    if (image->pixels == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: image.pixels is NULL", function);
    if (image->width < 1 || image->width > SN_IMAGE_SIDE_MAX)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: image.width is %d, expected 1..%d", function,
                        (int)image->width, (int)SN_IMAGE_SIDE_MAX);
    if (image->height < 1 || image->height > SN_IMAGE_SIDE_MAX)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: image.height is %d, expected 1..%d", function,
                        (int)image->height, (int)SN_IMAGE_SIDE_MAX);
    if ((int)image->format < SNARM_GREY8 || (int)image->format > SNARM_RGBA8)
        return sn_error(SNARM_ERROR_ARGUMENT,
                        "%s: image.format is %d, expected a snarm_pixel_format (%d..%d)", function,
                        (int)image->format, (int)SNARM_GREY8, (int)SNARM_RGBA8);
    ptrdiff_t row = (ptrdiff_t)image->width * sn_image_pixel_bytes(image->format);
    if (image->stride != 0 && image->stride < row && image->stride > -row)
        return sn_error(SNARM_ERROR_ARGUMENT,
                        "%s: image.stride is %td bytes, expected 0 or at least the %td of a row of %d pixels",
                        function, image->stride, row, (int)image->width);
    ptrdiff_t span;
    if (__builtin_mul_overflow(image->stride, (ptrdiff_t)image->height, &span))
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: image.stride is %td bytes, too much for %d rows", function,
                        image->stride, (int)image->height);
    return SNARM_OK;
}

snarm_status sn_image_allocate(snarm_image *out, int32_t width, int32_t height, snarm_pixel_format format,
                               const char *name) {
    size_t stride = (size_t)width * (size_t)sn_image_pixel_bytes(format);
    void *pixels;
    SN_TRY(sn_alloc(&pixels, (size_t)height, stride, name));
    *out = (snarm_image){
        .pixels = pixels,
        .width = width,
        .height = height,
        .stride = (ptrdiff_t)stride,
        .format = format,
        .owned = pixels,
    };
    return SNARM_OK;
}

void snarm_image_release(snarm_image *image) {
    if (image == NULL)
        return;
    sn_free(image->owned);
    memset(image, 0, sizeof *image);
}
