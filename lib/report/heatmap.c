#include "snarm/report.h"

#include "core/status.h"
#include "image/picture.h"
#include "report/heat_scale.h"
#include "report/outline.h"

#include <math.h>
#include <string.h>

static snarm_status read_options(snarm_heatmap_options *how, const snarm_heatmap_options *options) {
    snarm_heatmap_options_init(how);
    SN_TRY(sn_options_read(how, sizeof *how, options, sizeof *how, "snarm_heatmap_options"));
    if (!isfinite(how->threshold))
        return sn_error(SNARM_ERROR_ARGUMENT,
                        "snarm_heatmap_render: threshold is %g, expected a finite value",
                        (double)how->threshold);
    if (how->high == 0)
        how->high = 2 * how->threshold;
    if (how->opacity == 0)
        how->opacity = 0.6;
    if (!isfinite(how->low))
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_heatmap_render: low is %g, expected a finite value",
                        (double)how->low);
    if (!(how->high > how->low) || !isfinite(how->high))
        return sn_error(SNARM_ERROR_ARGUMENT,
                        "snarm_heatmap_render: high is %g, expected a finite value above low, which is %g "
                        "(by default it is twice the threshold)",
                        (double)how->high, (double)how->low);
    if (!(how->opacity > 0 && how->opacity <= 1))
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_heatmap_render: opacity is %g, expected 0..1",
                        how->opacity);
    return SNARM_OK;
}

static void read_pixel(const uint8_t *pixel, snarm_pixel_format format, uint8_t rgb[3]) {
    rgb[0] = format == SNARM_BGR8 ? pixel[2] : pixel[0];
    rgb[1] = format == SNARM_GREY8 ? pixel[0] : pixel[1];
    rgb[2] = format == SNARM_GREY8 || format == SNARM_BGR8 ? pixel[0] : pixel[2];
}

/* The colour of each value over the picture, the more opaque the higher it is. */
static void blend(uint8_t *rgb, const snarm_image *image, const float *map,
                  const snarm_heatmap_options *how) {
    uint8_t scale[SN_HEAT_STEPS][3];
    sn_heat_scale(scale);
    const double low = how->low, range = (double)how->high - low;
    const int bytes = sn_image_pixel_bytes(image->format);
    for (int32_t y = 0; y < image->height; y++) {
        const uint8_t *row = sn_image_row(image, y);
        for (int32_t x = 0; x < image->width; x++, map++, rgb += 3) {
            double value = fmin(fmax(((double)*map - low) / range, 0), 1);
            const uint8_t *colour = scale[(int)(value * (SN_HEAT_STEPS - 1) + 0.5)];
            double alpha = how->opacity * value;
            uint8_t pixel[3];
            read_pixel(row + (ptrdiff_t)x * bytes, image->format, pixel);
            for (int channel = 0; channel < 3; channel++)
                rgb[channel] = (uint8_t)(pixel[channel] + alpha * (colour[channel] - pixel[channel]) + 0.5);
        }
    }
}

snarm_status snarm_heatmap_render(snarm_image *out, const snarm_image *image, const float *map,
                                  const snarm_heatmap_options *options) {
    snarm_heatmap_options how;
    if (map == NULL || out == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_heatmap_render: %s is NULL",
                        map == NULL ? "map" : "out");
    SN_TRY(sn_image_check(image, "snarm_heatmap_render"));
    SN_TRY(read_options(&how, options));
    size_t count = (size_t)image->width * (size_t)image->height;
    for (size_t i = 0; i < count; i++)
        if (isnan(map[i]))
            return sn_error(SNARM_ERROR_ARGUMENT, "snarm_heatmap_render: map is NaN at x %zu, y %zu",
                            i % (size_t)image->width, i / (size_t)image->width);

    snarm_image picture = {0};
    SN_TRY(sn_image_allocate(&picture, image->width, image->height, SNARM_RGB8, "heat map"));
    uint8_t *pixels = picture.owned;
    blend(pixels, image, map, &how);
    snarm_status status = SNARM_OK;
    if (how.threshold != 0)
        status = sn_outline_draw(pixels, image->width, image->height, map, how.threshold);
    if (status != SNARM_OK) {
        snarm_image_release(&picture);
        return status;
    }
    *out = picture;
    return SNARM_OK;
}
