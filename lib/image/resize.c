#include "image/resize.h"

#include "core/memory.h"
#include "core/status.h"

#include <math.h>
#include <string.h>

enum { WEIGHT_ONE = 2048 };

/* Where target pixel d lies in the source: the whole part, which may be -1 or the last pixel, and the
 * fraction. */
static int32_t place(int32_t d, double scale, float *fraction) {
    float at = (float)((d + 0.5) * scale - 0.5);
    float whole = floorf(at);
    *fraction = at - whole;
    return (int32_t)whole;
}

static double scale_of(int32_t source, int32_t target) {
    return 1.0 / ((double)target / source);
}

static void fill_columns(sn_resizer *resizer, int32_t target_width, int32_t left) {
    int32_t last = resizer->image->width - 1;
    int32_t bytes = sn_image_pixel_bytes(resizer->image->format);
    double scale = scale_of(resizer->image->width, target_width);
    for (int32_t x = 0; x < resizer->width; x++) {
        float fraction;
        int32_t column = place(left + x, scale, &fraction);
        if (column < 0)
            column = 0, fraction = 0.0f;
        if (column >= last) /* the last column is the right one of its pair, so that the pair always exists */
            column = last > 0 ? last - 1 : 0, fraction = 1.0f;
        resizer->offset[x] = column * bytes;
        resizer->weights[2 * x] = (int16_t)lrintf((1.0f - fraction) * WEIGHT_ONE);
        resizer->weights[2 * x + 1] = (int16_t)lrintf(fraction * WEIGHT_ONE);
    }
}

size_t sn_resizer_scratch(int32_t width) {
    return (size_t)width * (sizeof(int32_t) + 2 * sizeof(int16_t) + 2 * 3 * sizeof(int16_t));
}

void sn_resizer_create_in(sn_resizer *resizer, void *scratch, const snarm_image *image, int32_t target_width,
                          int32_t target_height, int32_t left, int32_t top, int32_t width) {
    *resizer = (sn_resizer){
        .image = image,
        .channels = image->format == SNARM_GREY8 ? 1 : 3,
        .width = width,
        .top = top,
        .scale_y = scale_of(image->height, target_height),
        .next = image->width > 1 ? sn_image_pixel_bytes(image->format) : 0,
        .row_of = {-1, -1},
        .offset = scratch,
    };
    resizer->weights = (int16_t *)(resizer->offset + width);
    resizer->rows[0] = resizer->weights + 2 * (size_t)width;
    resizer->rows[1] = resizer->rows[0] + (size_t)width * (size_t)resizer->channels;
    fill_columns(resizer, target_width, left);
}

snarm_status sn_resizer_create(sn_resizer *resizer, const snarm_image *image, int32_t target_width,
                               int32_t target_height, int32_t left, int32_t top, int32_t width,
                               const char *name) {
    void *block;
    SN_TRY(sn_alloc(&block, sn_resizer_scratch(width), 1, name));
    sn_resizer_create_in(resizer, block, image, target_width, target_height, left, top, width);
    resizer->block = block;
    return SNARM_OK;
}

void sn_resizer_free(sn_resizer *resizer) {
    sn_free(resizer->block);
    memset(resizer, 0, sizeof *resizer);
}

static inline int16_t between(const uint8_t *left, ptrdiff_t next, int32_t left_weight,
                              int32_t right_weight) {
    return (int16_t)((left[0] * left_weight + left[next] * right_weight) >> 4);
}

/* One source row along x. red and blue are the places of these samples in a pixel. */
static void resize_along_x(const sn_resizer *resizer, int16_t *restrict out, const uint8_t *row) {
    int32_t width = resizer->width;
    ptrdiff_t next = resizer->next;
    const int32_t *offset = resizer->offset;
    const int16_t *weights = resizer->weights;
    if (resizer->channels == 1) {
        for (int32_t x = 0; x < width; x++)
            out[x] = between(row + offset[x], next, weights[2 * x], weights[2 * x + 1]);
        return;
    }
    int red = resizer->image->format == SNARM_BGR8 ? 2 : 0, blue = 2 - red;
    for (int32_t x = 0; x < width; x++) {
        const uint8_t *left = row + offset[x];
        int32_t a = weights[2 * x], b = weights[2 * x + 1];
        out[x] = between(left + red, next, a, b);
        out[width + x] = between(left + 1, next, a, b);
        out[2 * width + x] = between(left + blue, next, a, b);
    }
}

/* The place among the two kept rows that holds source row y, which is computed unless it is there; keep is
 * the place that must not be given up for it, or -1. */
static int fetch(sn_resizer *resizer, int32_t y, int keep) {
    for (int i = 0; i < 2; i++)
        if (resizer->row_of[i] == y)
            return i;
    /* With rising y the older of the two is no longer needed. */
    int place_of = keep >= 0 ? 1 - keep : resizer->row_of[1] < resizer->row_of[0];
    resize_along_x(resizer, resizer->rows[place_of], sn_image_row(resizer->image, y));
    resizer->row_of[place_of] = y;
    return place_of;
}

static int32_t clamp(int32_t value, int32_t last) {
    return value < 0 ? 0 : value > last ? last : value;
}

void sn_resizer_row(sn_resizer *resizer, int32_t y, uint8_t *restrict planes) {
    float fraction;
    int32_t row = place(resizer->top + y, resizer->scale_y, &fraction), last = resizer->image->height - 1;
    int upper_place = fetch(resizer, clamp(row, last), -1);
    int lower_place = fetch(resizer, clamp(row + 1, last), upper_place);
    const int16_t *upper = resizer->rows[upper_place], *lower = resizer->rows[lower_place];
    int16_t a = (int16_t)lrintf((1.0f - fraction) * WEIGHT_ONE), b = (int16_t)lrintf(fraction * WEIGHT_ONE);
    size_t samples = (size_t)resizer->width * (size_t)resizer->channels;
    for (size_t i = 0; i < samples; i++) {
        int16_t sum = (int16_t)(((int32_t)upper[i] * a >> 16) + ((int32_t)lower[i] * b >> 16));
        planes[i] = (uint8_t)((sum + 2) >> 2);
    }
}

/* The two source pixels of a target pixel and the right one's share. */
typedef struct pair {
    int32_t left, right;
    float share;
} pair;

static pair pair_at(int32_t d, int32_t source, int32_t target) {
    double at = (d + 0.5) * ((double)source / target) - 0.5;
    if (at < 0)
        at = 0;
    int32_t left = clamp((int32_t)at, source - 1);
    return (pair){left, clamp(left + 1, source - 1), (float)(at - left)};
}

snarm_status sn_resize_plane(const float *src, int32_t sw, int32_t sh, float *dst, int32_t dw, int32_t dh) {
    size_t width = (size_t)dw;
    pair *columns;
    SN_TRY(sn_alloc(&columns, width, sizeof *columns + 2 * sizeof(float), "resizing a plane"));
    float *rows[2] = {(float *)(columns + width), (float *)(columns + width) + width};
    int32_t row_of[2] = {-1, -1};
    for (int32_t x = 0; x < dw; x++)
        columns[x] = pair_at(x, sw, dw);
    for (int32_t y = 0; y < dh; y++, dst += width) {
        pair lines = pair_at(y, sh, dh);
        int32_t wanted[2] = {lines.left, lines.right};
        if (row_of[1] == wanted[0]) {
            float *swapped = rows[0];
            rows[0] = rows[1], rows[1] = swapped;
            row_of[0] = row_of[1], row_of[1] = -1;
        }
        for (int i = 0; i < 2; i++) {
            if (row_of[i] == wanted[i])
                continue;
            const float *line = src + (size_t)wanted[i] * (size_t)sw;
            for (size_t x = 0; x < width; x++)
                rows[i][x] = line[columns[x].left] * (1.0f - columns[x].share) +
                             line[columns[x].right] * columns[x].share;
            row_of[i] = wanted[i];
        }
        for (size_t x = 0; x < width; x++)
            dst[x] = rows[0][x] * (1.0f - lines.share) + rows[1][x] * lines.share;
    }
    sn_free(columns);
    return SNARM_OK;
}
