#include "map/tiles.h"

#include "core/memory.h"

#include <math.h>
#include <string.h>

enum { WEIGHT_STEPS = 4096 };

int32_t sn_tile_start(const sn_tile_axis *axis, int32_t i) {
    if (axis->count == 1)
        return 0;
    return (int32_t)((int64_t)i * (axis->length - axis->tile) / (axis->count - 1));
}

/* The widest ramp for which a pixel belongs to two tiles at most: inside what any two neighbours share, and
 * no wider than the way from one tile to the next, so that the next ramp begins after it. */
static int32_t choose_ramp(const sn_tile_axis *axis) {
    int32_t ramp = axis->tile;
    for (int32_t i = 1; i < axis->count; i++) {
        const int32_t step = sn_tile_start(axis, i) - sn_tile_start(axis, i - 1), shared = axis->tile - step;
        ramp = shared < ramp ? shared : ramp;
        if (axis->count > 2)
            ramp = step < ramp ? step : ramp;
    }
    return ramp;
}

static snarm_status create_axis(sn_tile_axis *axis, int32_t length, int32_t tile, int32_t overlap) {
    *axis = (sn_tile_axis){.length = length, .tile = tile, .count = 1};
    if (length == tile)
        return SNARM_OK;
    const int32_t step = tile - overlap;
    axis->count = (int32_t)(((int64_t)length - overlap + step - 1) / step);
    axis->ramp = choose_ramp(axis);
    if (axis->ramp == 0)
        return SNARM_OK;
    SN_TRY(sn_alloc(&axis->weights, (size_t)axis->ramp, sizeof *axis->weights, "blending of tiles"));
    for (int32_t i = 0; i < axis->ramp; i++) {
        /* Its slope is 0 at both ends. */
        const double t = (i + 0.5) / axis->ramp;
        axis->weights[i] = (float)(round(t * t * (3 - 2 * t) * WEIGHT_STEPS) / WEIGHT_STEPS);
    }
    return SNARM_OK;
}

snarm_status sn_tiles_create(sn_tiles *tiles, int32_t width, int32_t height, int32_t tile_width,
                             int32_t tile_height, int32_t overlap) {
    *tiles = (sn_tiles){0};
    snarm_status status = create_axis(&tiles->x, width, tile_width, overlap);
    if (status == SNARM_OK)
        status = create_axis(&tiles->y, height, tile_height, overlap);
    if (status != SNARM_OK)
        sn_tiles_destroy(tiles);
    return status;
}

void sn_tiles_destroy(sn_tiles *tiles) {
    sn_free(tiles->x.weights);
    sn_free(tiles->y.weights);
    *tiles = (sn_tiles){0};
}

/* Where tile i takes over from the one before it: the ramp lies in the middle of what they share. */
static int32_t ramp_start(const sn_tile_axis *axis, int32_t i) {
    return i == 0 ? 0 : (sn_tile_start(axis, i) + sn_tile_start(axis, i - 1) + axis->tile - axis->ramp) / 2;
}

static void mix_row(float *to, const float *from, size_t count, float weight) {
    for (size_t x = 0; x < count; x++)
        to[x] += weight * (from[x] - to[x]);
}

/* A tile into the strip of its row of tiles. */
static void lay_along_x(const sn_tile_axis *axis, int32_t column, int32_t rows, const float *map,
                        float *strip) {
    const int32_t start = sn_tile_start(axis, column), from = ramp_start(axis, column);
    const int32_t ramp = column == 0 ? 0 : axis->ramp, rest = start + axis->tile - from - ramp;
    for (int32_t y = 0; y < rows; y++) {
        const float *row = map + (size_t)y * (size_t)axis->tile + (from - start);
        float *to = strip + (size_t)y * (size_t)axis->length + from;
        for (int32_t i = 0; i < ramp; i++)
            to[i] += axis->weights[i] * (row[i] - to[i]);
        memcpy(to + ramp, row + ramp, (size_t)rest * sizeof *to);
    }
}

/* A whole strip into the canvas. */
static void lay_along_y(const sn_tile_axis *axis, int32_t row, size_t width, const float *strip,
                        float *canvas) {
    const int32_t start = sn_tile_start(axis, row), from = ramp_start(axis, row);
    const int32_t ramp = row == 0 ? 0 : axis->ramp, rest = start + axis->tile - from - ramp;
    strip += (size_t)(from - start) * width;
    canvas += (size_t)from * width;
    for (int32_t i = 0; i < ramp; i++)
        mix_row(canvas + (size_t)i * width, strip + (size_t)i * width, width, axis->weights[i]);
    memcpy(canvas + (size_t)ramp * width, strip + (size_t)ramp * width,
           (size_t)rest * width * sizeof *canvas);
}

void sn_tiles_lay(const sn_tiles *tiles, size_t tile, const float *map, float *strip, float *canvas) {
    const int32_t column = (int32_t)(tile % (size_t)tiles->x.count),
                  row = (int32_t)(tile / (size_t)tiles->x.count);
    lay_along_x(&tiles->x, column, tiles->y.tile, map, strip);
    if (column == tiles->x.count - 1)
        lay_along_y(&tiles->y, row, (size_t)tiles->x.length, strip, canvas);
}
