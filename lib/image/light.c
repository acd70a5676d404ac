#include "image/light.h"

#include "core/status.h"

#include <math.h>
#include <stddef.h>

enum { SAMPLES = 1 << 16, SUMS = 3 * 255 + 1 };

static const double most = 4;

/* Red, green and blue, or three times grey: of any format the sum is the same for the same picture. */
static unsigned sum_of(const uint8_t *pixel, int bytes) {
    return bytes == 1 ? 3u * pixel[0] : (unsigned)pixel[0] + pixel[1] + pixel[2];
}

static double median(const uint32_t counts[SUMS], uint64_t count) {
    uint64_t below = 0;
    size_t sum = 0;
    while (2 * (below + counts[sum]) < count)
        below += counts[sum++];
    return (double)sum / (SUMS - 1);
}

/* The median of every step-th pixel of every step-th row, of which there are SAMPLES or not many more. */
static double light_of(const snarm_image *image) {
    const double pixels = (double)image->width * (double)image->height;
    const int32_t step = pixels > SAMPLES ? (int32_t)sqrt(pixels / SAMPLES) : 1;
    const int bytes = sn_image_pixel_bytes(image->format);
    uint32_t counts[SUMS] = {0};
    uint64_t count = 0;
    for (int32_t y = step / 2; y < image->height; y += step) {
        const uint8_t *row = sn_image_row(image, y);
        for (int32_t x = step / 2; x < image->width; x += step, count++)
            counts[sum_of(row + (ptrdiff_t)x * bytes, bytes)]++;
    }
    return median(counts, count);
}

double sn_light_of_planes(const float *planes, size_t pixels) {
    uint32_t counts[SUMS] = {0};
    for (size_t i = 0; i < pixels; i++) {
        const float sum = planes[i] + planes[pixels + i] + planes[2 * pixels + i];
        counts[(int)fminf(fmaxf(sum * 255 + 0.5f, 0), SUMS - 1)]++;
    }
    return median(counts, pixels);
}

double sn_light_factor(sn_light light, double own) {
    return own > 0 ? fmin(fmax(pow(light.level / own, light.share), 1 / most), most) : most;
}

void sn_light_levels(const snarm_image *image, sn_light light, uint8_t levels[256]) {
    const double factor = sn_light_factor(light, light_of(image));
    for (int i = 0; i < 256; i++)
        levels[i] = (uint8_t)fmin(floor(factor * i + 0.5), 255);
}

snarm_status snarm_image_light(const snarm_image *image, double *light) {
    SN_TRY(sn_image_check(image, "snarm_image_light"));
    if (light == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_image_light: light is NULL");
    *light = light_of(image);
    return SNARM_OK;
}
