#include "metrics/regions.h"

#include <stddef.h>

/* While regions grow, labels holds trees: each defective pixel the place of its parent plus one, a root
 * its own. Joining two trees makes the earlier root the common one, so a parent never comes after its
 * child. */

static uint32_t find_root(uint32_t *labels, uint32_t pixel) {
    while (labels[pixel] != pixel + 1) {
        /* Skipping to the grandparent keeps the paths short. */
        labels[pixel] = labels[labels[pixel] - 1];
        pixel = labels[pixel] - 1;
    }
    return pixel;
}

static void join(uint32_t *labels, uint32_t a, uint32_t b) {
    a = find_root(labels, a);
    b = find_root(labels, b);
    if (a < b)
        labels[b] = a + 1;
    else
        labels[a] = b + 1;
}

static void grow_trees(const uint8_t *mask, uint32_t *labels, uint32_t width, uint32_t height) {
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            uint32_t here = y * width + x;
            if (mask[here] == 0) {
                labels[here] = 0;
                continue;
            }
            labels[here] = here + 1;
            if (x > 0 && mask[here - 1] != 0)
                join(labels, here, here - 1);
            if (y == 0)
                continue;
            /* The pixel above has already joined those beside it. */
            uint32_t above = here - width;
            if (mask[above] != 0) {
                join(labels, here, above);
                continue;
            }
            if (x > 0 && mask[above - 1] != 0)
                join(labels, here, above - 1);
            if (x + 1 < width && mask[above + 1] != 0)
                join(labels, here, above + 1);
        }
}

uint32_t sn_label_regions(const uint8_t *mask, uint32_t *labels, int32_t width, int32_t height) {
    grow_trees(mask, labels, (uint32_t)width, (uint32_t)height);
    uint32_t regions = 0;
    size_t count = (size_t)width * (size_t)height;
    for (size_t i = 0; i < count; i++)
        if (labels[i] == i + 1)
            labels[i] = ++regions;
        else if (labels[i] != 0)
            labels[i] = labels[labels[i] - 1]; /* the parent comes earlier: it has its number already */
    return regions;
}
