#include "image/relief.h"

#include "core/memory.h"
#include "core/status.h"
#include "image/holes.h"
#include "image/picture.h"
#include "image/plane.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The border is a twelfth of each side; of it and of the picture so many points are looked at. */
enum { BORDER = 12, POINTS = 4096, SAMPLES = 65536 };

typedef struct heights {
    float *values; /* (height, width) over the plane, holes filled */
    double pitch;  /* from a pixel to the next, in the file's unit */
    sn_plane plane;
} heights;

static int by_value(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static snarm_status check(const snarm_depth *depth, const char *function) {
    if (depth == NULL || depth->points == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: %s is NULL", function, depth == NULL ? "depth" : "depth->points");
    if (depth->width < 1 || depth->height < 1 || depth->width > SN_IMAGE_SIDE_MAX || depth->height > SN_IMAGE_SIDE_MAX)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: the depth picture is %dx%d, expected sides of 1..%d", function,
                        (int)depth->width, (int)depth->height, (int)SN_IMAGE_SIDE_MAX);
    return SNARM_OK;
}

/* What no sensor measures is a hole too: it would only overflow. */
static bool is_measured(const float point[3]) {
    return !snarm_depth_is_hole(point) && fabsf(point[0]) < 1e12f && fabsf(point[1]) < 1e12f && fabsf(point[2]) < 1e12f;
}

/* The median step of x from a measured pixel to its right neighbour; 0: x does not say where a pixel is. */
static snarm_status find_pitch(const snarm_depth *depth, double *pitch) {
    const size_t width = (size_t)depth->width, count = width * (size_t)depth->height, every = 1 + count / SAMPLES;
    float *steps;
    SN_TRY(sn_alloc(&steps, count / every + 1, sizeof *steps, "relief"));
    size_t used = 0;
    for (size_t i = 0; i < count; i += every) {
        const float *point = depth->points + 3 * i;
        if (i % width + 1 < width && is_measured(point) && is_measured(point + 3))
            steps[used++] = fabsf(point[3] - point[0]);
    }
    qsort(steps, used, sizeof *steps, by_value);
    *pitch = used > 0 ? (double)steps[used / 2] : 0;
    sn_free(steps);
    return SNARM_OK;
}

/* A pixel's point; without a pitch its column and row stand for x and y. */
static void point_at(const snarm_depth *depth, double pitch, size_t at, float point[3]) {
    memcpy(point, depth->points + 3 * at, 3 * sizeof *point);
    if (pitch == 0) {
        point[0] = (float)(at % (size_t)depth->width);
        point[1] = (float)(at / (size_t)depth->width);
    }
}

static bool on_border(const snarm_depth *depth, size_t at) {
    const int32_t x = (int32_t)(at % (size_t)depth->width), y = (int32_t)(at / (size_t)depth->width);
    const int32_t wide = depth->width / BORDER + 1, tall = depth->height / BORDER + 1;
    return x < wide || y < tall || x >= depth->width - wide || y >= depth->height - tall;
}

/* Every so-many-th measured point of the border, or of the picture where the border has too few. */
static size_t collect(const snarm_depth *depth, double pitch, const uint8_t *known, bool border, float *points) {
    const size_t count = (size_t)depth->width * (size_t)depth->height;
    size_t wanted = 0, seen = 0, used = 0;
    for (size_t i = 0; i < count; i++)
        wanted += known[i] && (!border || on_border(depth, i));
    const size_t every = 1 + wanted / POINTS;
    for (size_t i = 0; i < count; i++)
        if (known[i] && (!border || on_border(depth, i)) && seen++ % every == 0)
            point_at(depth, pitch, i, points + 3 * used++);
    return used;
}

static snarm_status find_plane(const snarm_depth *depth, double pitch, const uint8_t *known, sn_plane *plane, const char *function) {
    float *points;
    SN_TRY(sn_alloc(&points, POINTS + 1, 3 * sizeof *points, "relief"));
    size_t used = collect(depth, pitch, known, true, points);
    if (used < POINTS / 16)
        used = collect(depth, pitch, known, false, points);
    snarm_status status =
        used >= 3 ? sn_plane_find(plane, points, used)
                  : sn_error(SNARM_ERROR_FORMAT, "%s: the depth picture has %zu measured points, expected 3 or more", function, used);
    sn_free(points);
    return status;
}

static snarm_status measure_heights(heights *h, const snarm_depth *depth, uint8_t *known, const char *function) {
    const size_t count = (size_t)depth->width * (size_t)depth->height;
    for (size_t i = 0; i < count; i++)
        known[i] = is_measured(depth->points + 3 * i);
    SN_TRY(find_pitch(depth, &h->pitch));
    SN_TRY(find_plane(depth, h->pitch, known, &h->plane, function));
    for (size_t i = 0; i < count; i++) {
        float point[3];
        point_at(depth, h->pitch, i, point);
        h->values[i] = known[i] ? (float)sn_plane_height(&h->plane, point) : 0;
    }
    h->pitch = h->pitch > 0 ? h->pitch : 1;
    return sn_holes_fill(h->values, known, depth->width, depth->height);
}

static snarm_status heights_create(heights *h, const snarm_depth *depth, const char *function) {
    SN_TRY(check(depth, function));
    const size_t count = (size_t)depth->width * (size_t)depth->height;
    SN_TRY(sn_alloc(&h->values, count, sizeof *h->values, "relief"));
    uint8_t *known = NULL;
    snarm_status status = sn_alloc(&known, count, 1, "relief");
    if (status == SNARM_OK)
        status = measure_heights(h, depth, known, function);
    sn_free(known);
    if (status != SNARM_OK)
        sn_free(h->values);
    return status;
}

static snarm_status describe(const heights *h, size_t count, sn_surface *surface) {
    const size_t every = 1 + count / SAMPLES;
    float *sorted;
    SN_TRY(sn_alloc(&sorted, count / every + 1, sizeof *sorted, "relief"));
    size_t used = 0, off = 0;
    for (size_t i = 0; i < count; i += every) {
        sorted[used] = fabsf(h->values[i]);
        off += (double)sorted[used++] > 10 * h->plane.noise;
    }
    qsort(sorted, used, sizeof *sorted, by_value);
    const double high = (double)sorted[(size_t)(0.995 * (double)(used - 1))];
    sn_free(sorted);
    /* A surface without any height still has a picture. */
    *surface = (sn_surface){h->plane.noise, h->plane.share, (double)off / (double)used, high > 1e-12 ? high : 1};
    return SNARM_OK;
}

snarm_status sn_relief_measure(sn_surface *surface, const snarm_depth *depth, const char *function) {
    heights h;
    SN_TRY(heights_create(&h, depth, function));
    snarm_status status = describe(&h, (size_t)depth->width * (size_t)depth->height, surface);
    sn_free(h.values);
    return status;
}

/* Heights within the tolerance become 0, the others come nearer by it: no step where an object begins. */
static void flatten(float *values, size_t count, float tolerance) {
    for (size_t i = 0; i < count; i++)
        values[i] = values[i] > tolerance ? values[i] - tolerance : values[i] < -tolerance ? values[i] + tolerance : 0;
}

static uint8_t to_byte(float value) {
    return (uint8_t)(value > 0 ? value < 255 ? value + 0.5f : 255 : 0);
}

/* A slope as a grey value: half of the scale is spent on slopes up to 1/2, where dents and bumps are. */
static uint8_t slope_to_byte(float slope) {
    return to_byte(127.5f + 127.5f * slope / (fabsf(slope) + 0.5f));
}

/* Across one row or column, 1 4 6 4 1 over 16: single pixels of noise have no slopes. */
static void smooth(const float *src, float *dst, int32_t count, size_t step) {
    for (int32_t i = 0; i < count; i++) {
        float near[5];
        for (int32_t j = -2; j <= 2; j++) {
            const int32_t at = i + j < 0 ? 0 : i + j < count ? i + j : count - 1;
            near[j + 2] = src[(size_t)at * step];
        }
        dst[(size_t)i * step] = (near[0] + near[4] + 4 * (near[1] + near[3]) + 6 * near[2]) / 16;
    }
}

static void smooth_plane(float *values, float *room, int32_t width, int32_t height) {
    for (int32_t y = 0; y < height; y++)
        smooth(values + (size_t)y * (size_t)width, room + (size_t)y * (size_t)width, width, 1);
    for (int32_t x = 0; x < width; x++)
        smooth(room + x, values + x, height, (size_t)width);
}

static void paint(const heights *h, float range, const snarm_image *out) {
    const int32_t width = out->width, height = out->height;
    const float pitch = (float)h->pitch;
    uint8_t *pixel = out->owned;
    for (int32_t y = 0; y < height; y++) {
        const float *row = h->values + (size_t)y * (size_t)width;
        const float *above = y > 0 ? row - width : row, *below = y + 1 < height ? row + width : row;
        const float rows = (float)((y > 0) + (y + 1 < height)) * pitch;
        for (int32_t x = 0; x < width; x++, pixel += 3) {
            const int32_t left = x > 0 ? x - 1 : x, right = x + 1 < width ? x + 1 : x;
            pixel[0] = to_byte(127.5f + 127.5f * row[x] / range);
            pixel[1] = slope_to_byte(right > left ? (row[right] - row[left]) / ((float)(right - left) * pitch) : 0);
            pixel[2] = slope_to_byte(rows > 0 ? (below[x] - above[x]) / rows : 0);
        }
    }
}

static snarm_status make(snarm_image *out, heights *h, const snarm_depth *depth, const snarm_relief_options *options) {
    const size_t count = (size_t)depth->width * (size_t)depth->height;
    sn_surface surface = {.range = options->range};
    if (surface.range == 0)
        SN_TRY(describe(h, count, &surface));
    if (options->background > 0)
        flatten(h->values, count, (float)options->background);
    float *room;
    SN_TRY(sn_alloc(&room, count, sizeof *room, "relief"));
    smooth_plane(h->values, room, depth->width, depth->height);
    sn_free(room);
    SN_TRY(sn_image_allocate(out, depth->width, depth->height, SNARM_RGB8, "relief"));
    paint(h, (float)surface.range, out);
    return SNARM_OK;
}

snarm_status snarm_depth_relief(snarm_image *out, const snarm_depth *depth, const snarm_relief_options *given) {
    if (out == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_depth_relief: out is NULL");
    memset(out, 0, sizeof *out);
    snarm_relief_options options;
    snarm_relief_options_init(&options);
    SN_TRY(sn_options_read(&options, sizeof options, given, sizeof options, "snarm_relief_options"));
    if (!(options.range >= 0 && options.range <= 1e30))
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_relief_options: range is %g, expected 0 or more", options.range);
    if (!(options.background >= 0 && options.background <= 1e30))
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_relief_options: background is %g, expected 0 or more", options.background);
    heights h;
    SN_TRY(heights_create(&h, depth, "snarm_depth_relief"));
    snarm_status status = make(out, &h, depth, &options);
    sn_free(h.values);
    return status;
}
