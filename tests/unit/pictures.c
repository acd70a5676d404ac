#include "pictures.h"

#include <math.h>

void paint_picture(sn_rng *rng, uint8_t *rgb, bool defect) {
    const double shift = 3 * sn_rng_uniform(rng), light = 90 + 10 * sn_rng_uniform(rng);
    for (int y = 0; y < PICTURE_SIDE; y++)
        for (int x = 0; x < PICTURE_SIDE; x++)
            for (int c = 0; c < 3; c++) {
                double value = light + 40 * sin((x + shift) * 0.7) + 10 * c + 6 * sn_rng_uniform(rng);
                if (defect && x > 36 && x < 52 && y > 20 && y < 36)
                    value = (x + y) % 5 < 2 ? 250 : 5;
                rgb[(y * PICTURE_SIDE + x) * 3 + c] = (uint8_t)value;
            }
}

snarm_image view_picture(const uint8_t *rgb) {
    return (snarm_image){.pixels = rgb, .width = PICTURE_SIDE, .height = PICTURE_SIDE, .format = SNARM_RGB8};
}
