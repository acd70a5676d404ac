#include "train/labels.h"

#include "kernel/simd.h"

void sn_label_patches(const sn_samples_shape *shape, const uint8_t *mask, uint8_t *labels) {
    for (size_t y = 0; y < shape->grid_height; y++)
        for (size_t x = 0; x < shape->grid_width; x++) {
            const size_t left = x * shape->mask_width / shape->grid_width;
            const size_t right = (x + 1) * shape->mask_width / shape->grid_width;
            const size_t top = y * shape->mask_height / shape->grid_height;
            const size_t bottom = (y + 1) * shape->mask_height / shape->grid_height;
            size_t marked = 0;
            for (size_t j = top; j < bottom; j++)
                for (size_t i = left; i < right; i++)
                    marked += mask[j * shape->mask_width + i] == 1;
            const bool defective = marked > 0 && 4 * marked >= (right - left) * (bottom - top);
            labels[y * shape->grid_width + x] = defective ? 1 : marked == 0 ? 0 : SN_LABEL_IGNORED;
        }
}
