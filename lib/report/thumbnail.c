#include "report/thumbnail.h"

#include "core/memory.h"
#include "image/jpeg_encode.h"
#include "image/png_encode.h"
#include "report/heat_scale.h"

#include <math.h>
#include <string.h>

static void fit(int32_t *width, int32_t *height, int32_t side) {
    const int32_t longest = *width > *height ? *width : *height;
    if (longest <= side)
        return;
    const int64_t w = ((int64_t)*width * side + longest / 2) / longest;
    const int64_t h = ((int64_t)*height * side + longest / 2) / longest;
    *width = w > 1 ? (int32_t)w : 1;
    *height = h > 1 ? (int32_t)h : 1;
}

/* The pixels of a row of source that lie below pixel x of target: from first on, count of them, the first and
 * the last in part. */
typedef struct span {
    int32_t first, count;
    float head, tail; /* shares of the first and of the last; of one pixel alone, head is its share */
} span;

static span find_span(int32_t x, int32_t source, int32_t target) {
    const int64_t begin = (int64_t)x * source, end = begin + source; /* in parts of 1 / target */
    const int64_t first = begin / target, last = (end - 1) / target;
    span result = {.first = (int32_t)first, .count = (int32_t)(last - first) + 1};
    result.head = (float)((first == last ? end : (first + 1) * target) - begin) / (float)target;
    result.tail = first == last ? 0 : (float)(end - last * target) / (float)target;
    return result;
}

/* Grey or red, green, blue. */
static void read_row(uint8_t *samples, const snarm_image *image, int32_t y, int channels) {
    const uint8_t *row = sn_image_row(image, y);
    const int bytes = sn_image_pixel_bytes(image->format), red = image->format == SNARM_BGR8 ? 2 : 0;
    if (channels == bytes && red == 0) {
        memcpy(samples, row, (size_t)image->width * (size_t)bytes);
        return;
    }
    for (int32_t x = 0; x < image->width; x++, row += bytes, samples += 3) {
        samples[0] = row[red];
        samples[1] = row[1];
        samples[2] = row[2 - red];
    }
}

/* sums += weight times the row, shrunk along x. */
static void add_row(float *sums, const uint8_t *samples, const span *spans, int32_t width, int channels,
                    float weight) {
    for (int32_t x = 0; x < width; x++)
        for (int c = 0; c < channels; c++) {
            const uint8_t *at = samples + (ptrdiff_t)spans[x].first * channels + c;
            float sum = spans[x].head * (float)at[0];
            int32_t i = 1;
            for (; i < spans[x].count - 1; i++)
                sum += (float)at[(ptrdiff_t)i * channels];
            if (i < spans[x].count)
                sum += spans[x].tail * (float)at[(ptrdiff_t)i * channels];
            sums[(ptrdiff_t)x * channels + c] += weight * sum;
        }
}

typedef struct shrinking {
    span *spans;
    float *sums;
    uint8_t *samples; /* a row of the source */
} shrinking;

static void shrink_rows(uint8_t *pixels, const snarm_image *image, int32_t width, int32_t height,
                        int channels, const shrinking *work) {
    const size_t row = (size_t)width * (size_t)channels;
    const float area = (float)image->width / (float)width * ((float)image->height / (float)height);
    int32_t held = -1;
    for (int32_t x = 0; x < width; x++)
        work->spans[x] = find_span(x, image->width, width);
    for (int32_t y = 0; y < height; y++, pixels += row) {
        const span rows = find_span(y, image->height, height);
        memset(work->sums, 0, row * sizeof *work->sums);
        for (int32_t i = 0; i < rows.count; i++) {
            if (held != rows.first + i)
                read_row(work->samples, image, held = rows.first + i, channels);
            add_row(work->sums, work->samples, work->spans, width, channels,
                    i == 0                ? rows.head
                    : i == rows.count - 1 ? rows.tail
                                          : 1);
        }
        for (size_t i = 0; i < row; i++)
            pixels[i] = (uint8_t)fminf(work->sums[i] / area + 0.5f, 255);
    }
}

/* A grey or RGB picture of the library's own. */
static snarm_status shrink(snarm_image *out, const snarm_image *image, int32_t side, const char *name) {
    int32_t width = image->width, height = image->height;
    fit(&width, &height, side);
    const int channels = image->format == SNARM_GREY8 ? 1 : 3;
    snarm_image small = {.pixels = NULL};
    shrinking work = {NULL, NULL, NULL};
    snarm_status status;
    SN_GOTO(status, sn_image_allocate(&small, width, height, channels == 1 ? SNARM_GREY8 : SNARM_RGB8, name),
            end);
    SN_GOTO(status, sn_alloc(&work.spans, (size_t)width, sizeof *work.spans, name), end);
    SN_GOTO(status, sn_alloc(&work.sums, (size_t)width * (size_t)channels, sizeof *work.sums, name), end);
    SN_GOTO(status, sn_alloc(&work.samples, (size_t)image->width * (size_t)channels, 1, name), end);
    shrink_rows(small.owned, image, width, height, channels, &work);
    *out = small;
end:
    sn_free(work.samples);
    sn_free(work.sums);
    sn_free(work.spans);
    if (status != SNARM_OK)
        snarm_image_release(&small);
    return status;
}

snarm_status sn_thumbnail_picture(sn_bytes *out, const snarm_image *image, sn_thumbnail_size size,
                                  const char *name) {
    snarm_image small;
    SN_TRY(shrink(&small, image, size.side, name));
    snarm_status status = sn_jpeg_encode(out, &small, size.quality, name);
    snarm_image_release(&small);
    return status;
}

snarm_status sn_thumbnail_map(sn_bytes *out, const float *map, int32_t width, int32_t height, float high,
                              sn_thumbnail_size size, const char *name) {
    snarm_image coloured;
    SN_TRY(sn_image_allocate(&coloured, width, height, SNARM_RGB8, name));
    uint8_t scale[SN_HEAT_STEPS][3], *pixel = coloured.owned;
    sn_heat_scale(scale);
    const size_t count = (size_t)width * (size_t)height;
    for (size_t i = 0; i < count; i++, pixel += 3) {
        double value = fmin(fmax((double)map[i] / (double)high, 0), 1);
        memcpy(pixel, scale[(int)(value * (SN_HEAT_STEPS - 1) + 0.5)], 3);
    }
    snarm_status status = sn_thumbnail_picture(out, &coloured, size, name);
    snarm_image_release(&coloured);
    return status;
}

snarm_status sn_thumbnail_mask(sn_bytes *out, const uint8_t *mask, int32_t width, int32_t height,
                               int32_t side, const char *name) {
    int32_t small_width = width, small_height = height;
    fit(&small_width, &small_height, side);
    uint8_t *small;
    SN_TRY(sn_alloc_zeroed(&small, (size_t)small_width * (size_t)small_height, 1, name));
    for (int32_t y = 0; y < height; y++) {
        uint8_t *row = small + (int64_t)y * small_height / height * small_width;
        for (int32_t x = 0; x < width; x++)
            if (mask[(size_t)y * (size_t)width + (size_t)x] != 0)
                row[(int64_t)x * small_width / width] = 1;
    }
    snarm_status status = sn_png_encode_mask(out, small, small_width, small_height, name);
    sn_free(small);
    return status;
}
