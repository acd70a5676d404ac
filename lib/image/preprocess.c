/* From a picture to a network's input. */
#include "image/light.h"
#include "image/preprocess.h"
#include "image/resize.h"

#include "core/memory.h"
#include "core/status.h"

#include <math.h>
#include <string.h>

enum { SIDE_MAX = 16384 };

static snarm_status check_side(const char *name, int32_t value, int32_t least) {
    if (value >= least && value <= SIDE_MAX)
        return SNARM_OK;
    return sn_error(SNARM_ERROR_ARGUMENT, "snarm_preprocess: %s is %d, expected %d..%d", name, (int)value,
                    (int)least, (int)SIDE_MAX);
}

static snarm_status check_preprocess(const snarm_preprocess *how) {
    SN_TRY(check_side("width", how->width, 1));
    SN_TRY(check_side("height", how->height, 1));
    SN_TRY(check_side("resize_width", how->resize_width, how->width));
    SN_TRY(check_side("resize_height", how->resize_height, how->height));
    for (int c = 0; c < 3; c++) {
        if (!isfinite(how->mean[c]))
            return sn_error(SNARM_ERROR_ARGUMENT,
                            "snarm_preprocess: mean[%d] is %g, expected a finite number", c,
                            (double)how->mean[c]);
        if (!isfinite(how->std[c]) || how->std[c] <= 0.0f)
            return sn_error(SNARM_ERROR_ARGUMENT,
                            "snarm_preprocess: std[%d] is %g, expected a number above 0", c,
                            (double)how->std[c]);
    }
    return SNARM_OK;
}

/* One row of one channel; factor and shift hold (v / 255 - mean) / std as one product and sum. */
static void normalise(float *restrict out, const uint8_t *restrict row, int32_t width, float factor,
                      float shift) {
    for (int32_t x = 0; x < width; x++)
        out[x] = (float)row[x] * factor + shift;
}

static void interleave(uint8_t *restrict rgb, const uint8_t *red, const uint8_t *green, const uint8_t *blue,
                       int32_t width) {
    for (int32_t x = 0; x < width; x++) {
        rgb[3 * x] = red[x];
        rgb[3 * x + 1] = green[x];
        rgb[3 * x + 2] = blue[x];
    }
}

static void apply(const uint8_t *levels, uint8_t *row, size_t count) {
    for (size_t i = 0; i < count; i++)
        row[i] = levels[row[i]];
}

static void run(const snarm_image *image, const snarm_preprocess *how, const sn_window *window, sn_light light, void *scratch,
                float *planes, uint8_t *rgb) {
    uint8_t levels[256];
    if (light.level > 0)
        sn_light_levels(image, light, levels);
    float factor[3], shift[3];
    for (int c = 0; c < 3; c++) {
        factor[c] = (float)(1.0 / (255.0 * (double)how->std[c]));
        shift[c] = (float)(-(double)how->mean[c] / (double)how->std[c]);
    }
    const int32_t width = window->width, left = (how->resize_width - how->width) / 2 + window->left,
                  top = (how->resize_height - how->height) / 2 + window->top;
    sn_resizer resizer;
    sn_resizer_create_in(&resizer, scratch, image, how->resize_width, how->resize_height, left, top, width);
    uint8_t *row = (uint8_t *)scratch + sn_resizer_scratch(width);
    size_t plane = (size_t)width * (size_t)window->height;
    const uint8_t *channels[3]; /* a grey picture's only one serves three times */
    for (int c = 0; c < 3; c++)
        channels[c] = row + (resizer.channels == 3 ? c * width : 0);
    for (int32_t y = 0; y < window->height; y++, planes += width) {
        sn_resizer_row(&resizer, y, row);
        if (light.level > 0)
            apply(levels, row, (size_t)resizer.channels * (size_t)width);
        for (size_t c = 0; c < 3; c++)
            normalise(planes + c * plane, channels[c], width, factor[c], shift[c]);
        if (rgb != NULL)
            interleave(rgb + (size_t)y * 3 * (size_t)width, channels[0], channels[1], channels[2], width);
    }
    sn_resizer_free(&resizer);
}

size_t sn_image_preprocess_scratch(int32_t width) {
    return sn_resizer_scratch(width) + 3 * (size_t)width;
}

static snarm_status check(const snarm_image *image, const snarm_preprocess *how, const float *planes) {
    SN_TRY(sn_image_check(image, "snarm_image_preprocess"));
    if (how == NULL || planes == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_image_preprocess: %s is NULL",
                        how == NULL ? "how" : "planes");
    return check_preprocess(how);
}

snarm_status sn_image_preprocess_in(const snarm_image *image, const snarm_preprocess *how, const sn_window *window, sn_light light,
                                    void *scratch, float *planes, uint8_t *rgb) {
    SN_TRY(check(image, how, planes));
    run(image, how, window, light, scratch, planes, rgb);
    return SNARM_OK;
}

snarm_status sn_image_preprocess_window(const snarm_image *image, const snarm_preprocess *how, const sn_window *window, sn_light light,
                                        float *planes, uint8_t *rgb) {
    SN_TRY(check(image, how, planes));
    const sn_window whole = {0, 0, how->width, how->height};
    if (window == NULL)
        window = &whole;
    void *scratch;
    SN_TRY(sn_alloc(&scratch, sn_image_preprocess_scratch(window->width), 1, "snarm_image_preprocess"));
    run(image, how, window, light, scratch, planes, rgb);
    sn_free(scratch);
    return SNARM_OK;
}

snarm_status snarm_image_preprocess(const snarm_image *image, const snarm_preprocess *how, float *planes,
                                    uint8_t *rgb) {
    return sn_image_preprocess_window(image, how, NULL, (sn_light){0, 0}, planes, rgb);
}

snarm_status snarm_image_preprocess_light(const snarm_image *image, const snarm_preprocess *how, double light, double share,
                                          float *planes, uint8_t *rgb) {
    if (!(light >= 0 && light <= 1))
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_image_preprocess_light: light is %g, expected 0..1", light);
    if (!(share >= 0 && share <= 1))
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_image_preprocess_light: share is %g, expected 0..1", share);
    return sn_image_preprocess_window(image, how, NULL, (sn_light){light, share}, planes, rgb);
}
