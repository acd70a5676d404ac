/* Each pixel needs its distance to the nearest pixel on the other side of the region's edge, but only up to
 * the line's width. Along columns it is counted in two passes; across columns the nearest is searched within
 * reach. */
#include "report/outline.h"

#include "core/memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* One pixel of core for so many of the longer side. */
enum { SIDE_FOR_PIXEL = 400, WIDTH_MAX = 32 };

static int32_t rim_width(int32_t core) {
    return core / 2 > 1 ? core / 2 : 1;
}

int32_t sn_outline_width(int32_t width, int32_t height) {
    int32_t core = (width > height ? width : height) / SIDE_FOR_PIXEL;
    return core < 2 ? 2 : core > WIDTH_MAX ? WIDTH_MAX : core;
}

/* vertical[i]: pixels to the nearest one of the other side in the same column, at most far; negative inside.
 */
static void measure_columns(int8_t *vertical, int32_t width, int32_t height, const float *map,
                            float threshold, int32_t far) {
    size_t row = (size_t)width;
    for (int32_t y = 0; y < height; y++)
        for (int32_t x = 0; x < width; x++) {
            size_t i = (size_t)y * row + (size_t)x;
            bool inside = map[i] >= threshold;
            int32_t above = far;
            if (y > 0) {
                int32_t last = vertical[i - row];
                above = (last < 0) != inside ? 1 : abs(last) + 1;
            }
            above = above < far ? above : far;
            vertical[i] = (int8_t)(inside ? -above : above);
        }
    for (int32_t y = height - 2; y >= 0; y--)
        for (int32_t x = 0; x < width; x++) {
            size_t i = (size_t)y * row + (size_t)x;
            bool inside = vertical[i] < 0;
            int32_t last = vertical[i + row];
            int32_t below = (last < 0) != inside ? 1 : abs(last) + 1;
            if (below < abs(vertical[i]))
                vertical[i] = (int8_t)(inside ? -below : below);
        }
}

/* Squared distance from pixel x of a row to the nearest pixel of the other side, at most far * far. */
static int32_t measure_pixel(const int8_t *vertical, int32_t width, int32_t x, int32_t far) {
    bool inside = vertical[x] < 0;
    int32_t best = far * far;
    for (int32_t dx = 0; dx * dx < best; dx++)
        for (int32_t side = -1; side <= 1; side += 2) {
            int32_t at = x + side * dx;
            if (at < 0 || at >= width)
                continue;
            /* A column that is on the other side at this very row is 0 away along itself. */
            int32_t dy = (vertical[at] < 0) != inside ? 0 : abs(vertical[at]);
            if (dx * dx + dy * dy < best)
                best = dx * dx + dy * dy;
        }
    return best;
}

static void draw_row(uint8_t *rgb, const int8_t *vertical, int32_t width, int32_t core, int32_t far) {
    int32_t rim = rim_width(core);
    /* near: columns within reach of x that see the edge, or are on the other side than their left neighbour.
     */
    for (int32_t x = 0, ahead = 0, near = -1; x < width; x++) {
        for (; ahead < width && ahead <= x + far; ahead++)
            if (abs(vertical[ahead]) < far ||
                (ahead > 0 && (vertical[ahead] < 0) != (vertical[ahead - 1] < 0)))
                near = ahead;
        if (near < x - far)
            continue;
        int32_t squared = measure_pixel(vertical, width, x, far);
        bool inside = vertical[x] < 0;
        uint8_t *pixel = rgb + (size_t)x * 3;
        if (!inside && squared <= core * core)
            memset(pixel, 255, 3);
        else if (squared <= (inside ? rim * rim : (core + rim) * (core + rim)))
            memset(pixel, 16, 3);
    }
}

snarm_status sn_outline_draw(uint8_t *rgb, int32_t width, int32_t height, const float *map, float threshold) {
    int32_t core = sn_outline_width(width, height), far = core + rim_width(core) + 1;
    int8_t *vertical;
    SN_TRY(sn_alloc(&vertical, (size_t)width * (size_t)height, sizeof *vertical, "outline of a heat map"));
    measure_columns(vertical, width, height, map, threshold, far);
    for (int32_t y = 0; y < height; y++)
        draw_row(rgb + (size_t)y * (size_t)width * 3, vertical + (size_t)y * (size_t)width, width, core, far);
    sn_free(vertical);
    return SNARM_OK;
}
