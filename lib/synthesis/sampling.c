/* Boxes, window means, and pictures taken from elsewhere: turned, scaled, mirrored at the borders. */
#include "image/picture.h"
#include "synthesis/parts.h"

#include <string.h>

static int32_t clamp(int32_t value, int32_t low, int32_t high) {
    return value < low ? low : value > high ? high : value;
}

sn_box sn_box_grow(const sn_canvas *canvas, sn_box box, int32_t by) {
    return (sn_box){clamp(box.left - by, 0, canvas->width), clamp(box.top - by, 0, canvas->height),
                    clamp(box.right + by, 0, canvas->width), clamp(box.bottom + by, 0, canvas->height)};
}

sn_box sn_box_around(const sn_canvas *canvas, float x, float y, float radius) {
    sn_box box = {(int32_t)floorf(x - radius), (int32_t)floorf(y - radius), (int32_t)ceilf(x + radius) + 1,
                  (int32_t)ceilf(y + radius) + 1};
    return sn_box_grow(canvas, box, 0);
}

void sn_box_join(sn_box *box, sn_box other) {
    if (other.right <= other.left || other.bottom <= other.top)
        return;
    if (box->right <= box->left || box->bottom <= box->top) {
        *box = other;
        return;
    }
    box->left = box->left < other.left ? box->left : other.left;
    box->top = box->top < other.top ? box->top : other.top;
    box->right = box->right > other.right ? box->right : other.right;
    box->bottom = box->bottom > other.bottom ? box->bottom : other.bottom;
}

/* Sums of 2 radius + 1 numbers of a row, fewer at its ends, as means. Few are added up side by side; for many
 * the sum slides along, in double, since in float it would drift. */
static void row_means(const float *line, float *restrict out, int32_t columns, int32_t radius) {
    if (radius <= 3) {
        memset(out, 0, (size_t)columns * sizeof *out);
        for (int32_t k = -radius; k <= radius; k++)
            for (int32_t x = k < 0 ? -k : 0, end = k > 0 ? columns - k : columns; x < end; x++)
                out[x] += line[x + k];
    } else {
        double sum = 0.0;
        for (int32_t x = 0; x < columns && x < radius; x++)
            sum += (double)line[x];
        for (int32_t x = 0; x < columns; x++) {
            if (x + radius < columns)
                sum += (double)line[x + radius];
            if (x - radius - 1 >= 0)
                sum -= (double)line[x - radius - 1];
            out[x] = (float)sum;
        }
    }
    float share = 1.0f / (float)(2 * radius + 1);
    for (int32_t x = 0; x < columns; x++) {
        if (x == radius) /* whole windows need no counting */
            for (; x < columns - radius; x++)
                out[x] *= share;
        if (x == columns)
            break;
        int32_t last = x + radius < columns ? x + radius : columns - 1, first = x > radius ? x - radius : 0;
        out[x] /= (float)(last - first + 1);
    }
}

/* Rows first, then columns row by row. */
void sn_box_mean(sn_canvas *canvas, const float *src, float *dst, sn_box box, int32_t radius) {
    int32_t columns = box.right - box.left, rows = box.bottom - box.top;
    if (columns <= 0 || rows <= 0)
        return;
    size_t width = (size_t)canvas->width;
    float *between = canvas->plane[SN_CANVAS_PLANES - 1];
    for (int32_t y = 0; y < rows; y++)
        row_means(src + (size_t)(box.top + y) * width + box.left, between + (size_t)y * width, columns,
                  radius);
    for (int32_t y = 0; y < rows; y++) {
        int32_t first = y > radius ? y - radius : 0, last = y + radius < rows ? y + radius : rows - 1;
        float *restrict out = dst + (size_t)(box.top + y) * width + box.left;
        float share = 1.0f / (float)(last - first + 1);
        memset(out, 0, (size_t)columns * sizeof *out);
        for (int32_t i = first; i <= last; i++) {
            const float *line = between + (size_t)i * width;
            for (int32_t x = 0; x < columns; x++)
                out[x] += line[x];
        }
        for (int32_t x = 0; x < columns; x++)
            out[x] *= share;
    }
}

sn_affine sn_affine_make(float angle, float scale_x, float scale_y, float cx, float cy, float sx, float sy) {
    float c = cosf(angle), s = sinf(angle);
    sn_affine map = {c * scale_x, -s * scale_y, 0.0f, s * scale_x, c * scale_y, 0.0f};
    map.x0 = sx - map.xx * cx - map.xy * cy;
    map.y0 = sy - map.yx * cx - map.yy * cy;
    return map;
}

/* The two neighbours of a coordinate along a side of so many pixels, mirrored at its ends, and the second's
 * share. */
typedef struct neighbours {
    int32_t first, second;
    float share;
} neighbours;

static int32_t mirror(int32_t at, int32_t count) {
    if (at >= 0 && at < count)
        return at;
    int32_t period = 2 * count;
    at %= period;
    if (at < 0)
        at += period;
    return at < count ? at : period - 1 - at;
}

static inline neighbours neighbours_of(float at, int32_t count) {
    /* Beyond any place that a turned picture of 65,500 pixels needs; keeps the conversion defined. */
    at = at > -1e6f ? at < 1e6f ? at : 1e6f : -1e6f;
    int32_t first = sn_floor(at);
    float share = at - (float)first;
    if (first >= 0 && first + 1 < count)
        return (neighbours){first, first + 1, share};
    return (neighbours){mirror(first, count), mirror(first + 1, count), share};
}

static inline float mix(float a, float b, float share) {
    return a + share * (b - a);
}

void sn_sample_at(const sn_canvas *canvas, const float *src, float x, float y, float out[3]) {
    neighbours h = neighbours_of(x, canvas->width), v = neighbours_of(y, canvas->height);
    const float *upper = src + (size_t)v.first * (size_t)canvas->width;
    const float *lower = src + (size_t)v.second * (size_t)canvas->width;
    for (int c = 0; c < 3; c++, upper += canvas->pixels, lower += canvas->pixels)
        out[c] = mix(mix(upper[h.first], upper[h.second], h.share),
                     mix(lower[h.first], lower[h.second], h.share), v.share);
}

void sn_sample_planes(const sn_canvas *canvas, const float *src, const sn_affine *map, sn_box box,
                      float *dst) {
    for (int32_t y = box.top; y < box.bottom; y++) {
        float *out = dst + (size_t)y * (size_t)canvas->width;
        for (int32_t x = box.left; x < box.right; x++) {
            float pixel[3], fx = (float)x, fy = (float)y;
            sn_sample_at(canvas, src, map->xx * fx + map->xy * fy + map->x0,
                         map->yx * fx + map->yy * fy + map->y0, pixel);
            out[x] = pixel[0], out[canvas->pixels + (size_t)x] = pixel[1],
            out[2 * canvas->pixels + (size_t)x] = pixel[2];
        }
    }
}

void sn_sample_image(const sn_canvas *canvas, const snarm_image *image, const sn_affine *map, sn_box box,
                     float *dst) {
    int bytes = sn_image_pixel_bytes(image->format);
    /* Where red, green and blue lie in a pixel. */
    int place[3] = {0, 1, 2};
    if (image->format == SNARM_GREY8)
        place[1] = place[2] = 0;
    if (image->format == SNARM_BGR8)
        place[0] = 2, place[2] = 0;
    for (int32_t y = box.top; y < box.bottom; y++) {
        float *out = dst + (size_t)y * (size_t)canvas->width;
        for (int32_t x = box.left; x < box.right; x++) {
            float fx = (float)x, fy = (float)y;
            neighbours h = neighbours_of(map->xx * fx + map->xy * fy + map->x0, image->width);
            neighbours v = neighbours_of(map->yx * fx + map->yy * fy + map->y0, image->height);
            const uint8_t *upper = sn_image_row(image, v.first), *lower = sn_image_row(image, v.second);
            ptrdiff_t left = (ptrdiff_t)h.first * bytes, right = (ptrdiff_t)h.second * bytes;
            for (int c = 0; c < 3; c++) {
                int at = place[c];
                out[(size_t)c * canvas->pixels + (size_t)x] =
                    mix(mix(upper[left + at], upper[right + at], h.share),
                        mix(lower[left + at], lower[right + at], h.share), v.share) /
                    255.0f;
            }
        }
    }
}
