/* What of a defect can be seen. A pixel's change counts where the 5 x 5 pixels around it
 *   became darker, lighter or another colour on the whole (the mean of the change, so that a grain that is
 * merely another grain of the same kind cancels out), or became rougher or smoother, or changed by clearly
 * more than their own roughness, as a misplaced stripe does. What hangs together with such pixels counts by
 * half as much: a scratch does not end where it gets faint, but fades. */
#include "synthesis/parts.h"

#include <stddef.h>

enum { WINDOW = 2, SPECK = 5 };

/* Marks of pixels while the mask is made. */
enum { SEEN = 1, VISITED = 2, KEPT = 3, FAINT = 4 };

/* Brightness of dst or good inside the box, and its mean deviation from the mean of the window. */
static void roughness(sn_canvas *canvas, const float *planes, sn_box box, float *light, float *rough) {
    for (int32_t y = box.top; y < box.bottom; y++)
        for (int32_t x = box.left; x < box.right; x++) {
            size_t at = (size_t)y * (size_t)canvas->width + (size_t)x;
            light[at] = (planes[at] + planes[canvas->pixels + at] + planes[2 * canvas->pixels + at]) / 3.0f;
        }
    sn_box_mean(canvas, light, rough, box, WINDOW);
    for (int32_t y = box.top; y < box.bottom; y++)
        for (int32_t x = box.left; x < box.right; x++) {
            size_t at = (size_t)y * (size_t)canvas->width + (size_t)x;
            rough[at] = fabsf(light[at] - rough[at]);
        }
    sn_box_mean(canvas, rough, rough, box, WINDOW);
}

/* Sets the candidates; the alpha's edge is left out: what is not shown cannot be seen. */
static void mark(sn_canvas *canvas, const float *dst, sn_box box, uint8_t *mask) {
    float *change = canvas->plane[0], *rough_good = canvas->plane[1], *rough_dst = canvas->plane[2];
    float *light = canvas->plane[3], *size = canvas->plane[4], seen = canvas->options->visible;
    size_t width = (size_t)canvas->width;
    roughness(canvas, canvas->good, box, light, rough_good);
    roughness(canvas, dst, box, light, rough_dst);
    for (int32_t y = box.top; y < box.bottom; y++)
        for (size_t at = (size_t)y * width + (size_t)box.left; at < (size_t)y * width + (size_t)box.right;
             at++)
            size[at] = 0.0f;
    for (int c = 0; c < (canvas->grey ? 1 : 3); c++) {
        size_t plane = (size_t)c * canvas->pixels;
        for (int pass = 0; pass < 2; pass++) { /* the change with its sign, then its size */
            for (int32_t y = box.top; y < box.bottom; y++)
                for (size_t at = (size_t)y * width + (size_t)box.left;
                     at < (size_t)y * width + (size_t)box.right; at++) {
                    float d = dst[plane + at] - canvas->good[plane + at];
                    change[at] = pass == 0 ? d : fabsf(d);
                }
            sn_box_mean(canvas, change, light, box, WINDOW);
            for (int32_t y = box.top; y < box.bottom; y++)
                for (size_t at = (size_t)y * width + (size_t)box.left;
                     at < (size_t)y * width + (size_t)box.right; at++) {
                    float limit = seen + (pass == 0 ? 0.5f : 1.6f) * rough_good[at];
                    float ratio = fabsf(light[at]) / limit;
                    size[at] = sn_max(size[at], ratio);
                }
        }
    }
    for (int32_t y = box.top; y < box.bottom; y++)
        for (size_t at = (size_t)y * width + (size_t)box.left; at < (size_t)y * width + (size_t)box.right;
             at++) {
            float other = fabsf(rough_dst[at] - rough_good[at]) / (seen + 0.35f * rough_good[at]);
            float most = sn_max(size[at], other);
            mask[at] = canvas->alpha[at] <= 0.1f || most <= 0.5f ? 0 : most > 1.0f ? SEEN : FAINT;
        }
}

/* Keeps connected parts that have seen pixels, unless they are fewer than SPECK in all: grains that happened
 * to differ. Gives the number of kept pixels that were seen by themselves. */
static int32_t connect(sn_canvas *canvas, uint8_t *mask, sn_box box) {
    int32_t width = canvas->width, *stack = canvas->stack, all_seen = 0;
    for (int32_t y = box.top; y < box.bottom; y++)
        for (int32_t x = box.left; x < box.right; x++) {
            int32_t at = y * width + x;
            if (mask[at] != SEEN)
                continue;
            /* The stack keeps what was visited: next is the one to look around. */
            int32_t count = 0, seen = 1;
            stack[count++] = at, mask[at] = VISITED;
            for (int32_t next = 0; next < count; next++) {
                int32_t px = stack[next] % width, py = stack[next] / width;
                for (int32_t ny = py - 1; ny <= py + 1; ny++)
                    for (int32_t nx = px - 1; nx <= px + 1; nx++) {
                        if (nx < box.left || nx >= box.right || ny < box.top || ny >= box.bottom)
                            continue;
                        int32_t there = ny * width + nx;
                        if (mask[there] == SEEN || mask[there] == FAINT) {
                            seen += mask[there] == SEEN;
                            mask[there] = VISITED, stack[count++] = there;
                        }
                    }
            }
            for (int32_t i = 0; i < count; i++)
                mask[stack[i]] = count < SPECK ? 0 : KEPT;
            all_seen += count < SPECK ? 0 : seen;
        }
    for (int32_t y = box.top; y < box.bottom; y++)
        for (int32_t x = box.left; x < box.right; x++)
            mask[y * width + x] = mask[y * width + x] == KEPT;
    return all_seen;
}

/* Who sees a section end sees all of it: the whole shape is marked once most of it was seen. */
static void mark_whole(const sn_canvas *canvas, sn_box box, uint8_t *mask) {
    int32_t area = 0, marked = 0;
    for (int32_t y = box.top; y < box.bottom; y++)
        for (int32_t x = box.left; x < box.right; x++) {
            const size_t at = (size_t)y * (size_t)canvas->width + (size_t)x;
            const bool inside = canvas->alpha[at] > 0.5f;
            area += inside, marked += inside && mask[at] != 0;
        }
    if (2 * marked < area)
        return;
    for (int32_t y = box.top; y < box.bottom; y++)
        for (int32_t x = box.left; x < box.right; x++) {
            const size_t at = (size_t)y * (size_t)canvas->width + (size_t)x;
            mask[at] |= canvas->alpha[at] > 0.5f;
        }
}

float sn_roughness(sn_canvas *canvas) {
    roughness(canvas, canvas->good, canvas->box, canvas->plane[3], canvas->plane[1]);
    double sum = 0.0, weight = 1e-9;
    for (int32_t y = canvas->box.top; y < canvas->box.bottom; y++)
        for (int32_t x = canvas->box.left; x < canvas->box.right; x++) {
            size_t at = (size_t)y * (size_t)canvas->width + (size_t)x;
            sum += (double)(canvas->alpha[at] * canvas->plane[1][at]);
            weight += (double)canvas->alpha[at];
        }
    return (float)(sum / weight);
}

int32_t sn_visible(sn_canvas *canvas, const float *dst, uint8_t *mask, sn_box *bounds, float *contrast,
                   float *share) {
    /* Wider than the defect, so that windows at its edge are whole. */
    sn_box box = sn_box_grow(canvas, canvas->box, WINDOW + 1);
    mark(canvas, dst, box, mask);
    int32_t seen = connect(canvas, mask, box), count = 0, area = 0;
    if (canvas->shape == SN_SHAPE_SECTION)
        mark_whole(canvas, box, mask);
    double sum = 0.0;
    *bounds = (sn_box){canvas->width, canvas->height, 0, 0};
    for (int32_t y = box.top; y < box.bottom; y++)
        for (int32_t x = box.left; x < box.right; x++) {
            size_t at = (size_t)y * (size_t)canvas->width + (size_t)x;
            area += canvas->alpha[at] > 0.4f;
            if (mask[at] == 0)
                continue;
            count++;
            bounds->left = x < bounds->left ? x : bounds->left;
            bounds->right = x + 1 > bounds->right ? x + 1 : bounds->right;
            bounds->top = y < bounds->top ? y : bounds->top;
            bounds->bottom = y + 1;
            float change = 0.0f;
            for (int c = 0; c < 3; c++, at += canvas->pixels)
                change = sn_max(change, fabsf(dst[at] - canvas->good[at]));
            sum += (double)change;
        }
    if (count == 0)
        *bounds = (sn_box){0, 0, 0, 0};
    *contrast = count > 0 ? (float)(sum / count) : 0.0f;
    *share = area > 0 ? (float)seen / (float)area : seen > 0 ? 1.0f : 0.0f;
    return count;
}
