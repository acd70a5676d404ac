#include "backbone/vit_names.h"

#include <math.h>
#include <string.h>

enum { TAPS = 4 };

/* The cubic convolution kernel with a = -0.75 at the four neighbours of a point t after the second. */
static void cubic_weights(float t, float *weights) {
    const float a = -0.75f;
    const float far_left = t + 1.0f, right = 1.0f - t, far_right = 2.0f - t;
    weights[0] = ((a * far_left - 5.0f * a) * far_left + 8.0f * a) * far_left - 4.0f * a;
    weights[1] = ((a + 2.0f) * t - (a + 3.0f)) * t * t + 1.0f;
    weights[2] = ((a + 2.0f) * right - (a + 3.0f)) * right * right + 1.0f;
    weights[3] = ((a * far_right - 5.0f * a) * far_right + 8.0f * a) * far_right - 4.0f * a;
}

/* Where position index of size lies on a line of side positions, half-pixel centres; neighbours beyond the ends repeat them. */
static void place(size_t index, size_t size, size_t side, bool offset, size_t *neighbours, float *weights) {
    /* DINOv2 asks for (size + 0.1) / side so that the size cannot round down, and the coordinates follow that factor. */
    const float step = (float)(offset ? (double)side / ((double)size + 0.1) : (double)side / (double)size);
    const float at = step * ((float)index + 0.5f) - 0.5f, below = floorf(at);
    cubic_weights(at - below, weights);
    for (int i = 0; i < TAPS; i++) {
        long neighbour = (long)below - 1 + i;
        neighbours[i] = neighbour < 0 ? 0 : neighbour >= (long)side ? side - 1 : (size_t)neighbour;
    }
}

void sn_vit_positions(const sn_vit_config *config, const float *grid, size_t columns, size_t rows, float *out) {
    const size_t side = config->position_side, dim = config->dim;
    if (columns == side && rows == side) {
        memcpy(out, grid, side * side * dim * sizeof *out);
        return;
    }
    for (size_t row = 0; row < rows; row++)
        for (size_t column = 0; column < columns; column++) {
            size_t ys[TAPS], xs[TAPS];
            float y_weights[TAPS], x_weights[TAPS];
            place(row, rows, side, config->dinov2, ys, y_weights);
            place(column, columns, side, config->dinov2, xs, x_weights);
            float *position = out + (row * columns + column) * dim;
            memset(position, 0, dim * sizeof *position);
            for (int i = 0; i < TAPS * TAPS; i++) {
                const float *source = grid + (ys[i / TAPS] * side + xs[i % TAPS]) * dim;
                const float weight = y_weights[i / TAPS] * x_weights[i % TAPS];
                for (size_t c = 0; c < dim; c++)
                    position[c] += weight * source[c];
            }
        }
}
