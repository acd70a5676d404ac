/* What the specimens of file formats were made of, and are looked at with: pictures and depths of whole numbers, the same on every
 * machine. */
#ifndef SN_TESTS_SPECIMEN_H
#define SN_TESTS_SPECIMEN_H

#include "snarm/depth.h"
#include "snarm/image.h"

enum { SPECIMEN_SIDE = 64, SPECIMEN_PIXELS = SPECIMEN_SIDE * SPECIMEN_SIDE, SPECIMEN_PARTS = 4, SPECIMEN_DEFECT = SPECIMEN_PARTS };

/* Part 0..SPECIMEN_PARTS - 1 is good, SPECIMEN_DEFECT is not. */
static inline snarm_image specimen_picture(int part, uint8_t pixels[SPECIMEN_PIXELS]) {
    for (int y = 0; y < SPECIMEN_SIDE; y++)
        for (int x = 0; x < SPECIMEN_SIDE; x++) {
            int value = 90 + (x + part) % 8 * 6 + (x * 7 + y * 13 + part * 29) % 11;
            if (part == SPECIMEN_DEFECT && x >= 36 && x < 48 && y >= 20 && y < 32)
                value = (x + y) % 5 < 2 ? 250 : 5;
            pixels[y * SPECIMEN_SIDE + x] = (uint8_t)value;
        }
    return (snarm_image){.pixels = pixels, .width = SPECIMEN_SIDE, .height = SPECIMEN_SIDE, .format = SNARM_GREY8};
}

static inline snarm_depth specimen_depth(int part, float points[SPECIMEN_PIXELS * 3]) {
    for (int y = 0; y < SPECIMEN_SIDE; y++)
        for (int x = 0; x < SPECIMEN_SIDE; x++) {
            const int on = x >= 8 && x < 56 && y >= 8 && y < 56;
            float *point = points + 3 * (y * SPECIMEN_SIDE + x);
            point[0] = (float)x / 2, point[1] = (float)y / 2;
            point[2] = (float)(400 + part - 4 * on) - (float)(on * ((y + part) % 10)) / 16 - (float)((x * 5 + y * 3 + part) % 7) / 128;
        }
    return (snarm_depth){points, SPECIMEN_SIDE, SPECIMEN_SIDE};
}

#endif
