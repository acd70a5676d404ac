#include "image/holes.h"

#include "core/memory.h"
#include "core/status.h"

/* Means of the known values of each 2 x 2; whether all of them are known afterwards. */
static bool halve(const float *values, const uint8_t *known, int32_t width, int32_t height, float *half,
                  uint8_t *half_known) {
    const int32_t columns = (width + 1) / 2, rows = (height + 1) / 2;
    bool whole = true;
    for (int32_t y = 0; y < rows; y++)
        for (int32_t x = 0; x < columns; x++) {
            float sum = 0;
            int count = 0;
            for (int32_t j = 2 * y; j < 2 * y + 2 && j < height; j++)
                for (int32_t i = 2 * x; i < 2 * x + 2 && i < width; i++)
                    if (known[(size_t)j * (size_t)width + (size_t)i])
                        sum += values[(size_t)j * (size_t)width + (size_t)i], count++;
            const size_t at = (size_t)y * (size_t)columns + (size_t)x;
            half_known[at] = count > 0;
            half[at] = count > 0 ? sum / (float)count : 0;
            whole &= count > 0;
        }
    return whole;
}

static int32_t clamp(int32_t at, int32_t count) {
    return at < 0 ? 0 : at < count ? at : count - 1;
}

/* The plane of half the size at pixel x, y of the whole one; the border goes on beyond its edge. */
static float read_half(const float *half, int32_t columns, int32_t rows, int32_t x, int32_t y) {
    /* Pixel centres lie a quarter of a coarse pixel to the left or right of the coarse one's. */
    const int32_t left = x % 2 == 0 ? x / 2 - 1 : x / 2, top = y % 2 == 0 ? y / 2 - 1 : y / 2;
    const float right_share = x % 2 == 0 ? 0.75f : 0.25f, lower_share = y % 2 == 0 ? 0.75f : 0.25f;
    const size_t x0 = (size_t)clamp(left, columns), x1 = (size_t)clamp(left + 1, columns);
    const float *upper = half + (size_t)clamp(top, rows) * (size_t)columns, *lower = half + (size_t)clamp(top + 1, rows) * (size_t)columns;
    const float above = upper[x0] + right_share * (upper[x1] - upper[x0]);
    const float below = lower[x0] + right_share * (lower[x1] - lower[x0]);
    return above + lower_share * (below - above);
}

snarm_status sn_holes_fill(float *values, const uint8_t *known, int32_t width, int32_t height) {
    const int32_t columns = (width + 1) / 2, rows = (height + 1) / 2;
    const size_t coarse = (size_t)columns * (size_t)rows;
    float *half;
    uint8_t *half_known = NULL;
    SN_TRY(sn_alloc(&half, coarse, sizeof *half, "holes"));
    snarm_status status = sn_alloc(&half_known, coarse, 1, "holes");
    /* A picture of one pixel is known: the recursion, 16 deep at most, ends there at the latest. */
    if (status == SNARM_OK && !halve(values, known, width, height, half, half_known))
        status = sn_holes_fill(half, half_known, columns, rows);
    for (int32_t y = 0; y < height && status == SNARM_OK; y++)
        for (int32_t x = 0; x < width; x++) {
            const size_t at = (size_t)y * (size_t)width + (size_t)x;
            if (!known[at])
                values[at] = read_half(half, columns, rows, x, y);
        }
    sn_free(half_known);
    sn_free(half);
    return status;
}
