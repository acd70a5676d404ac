#include "core/memory.h"
#include "map/axis.h"
#include "map/score.h"
#include "snarm/map.h"

#include <math.h>

enum { STRIDE = 2, SIDE = 224, FEW = 8, DOUBLINGS = 4, A_DOUBLING = 3 };

/* Windows lie STRIDE apart, so they are sums of whole pairs of columns: pair sums of the window's rows are
 * made anew for each row of windows, in double, so that the mean is exact to f32's last digit wherever the
 * window lies. */
static void sum_pairs(const float *rows, size_t width, size_t window_height, size_t pairs, double *sums) {
    for (size_t i = 0; i < pairs; i++)
        sums[i] = 0;
    for (size_t y = 0; y < window_height; y++)
        for (size_t i = 0; i < pairs; i++)
            sums[i] += (double)rows[y * width + 2 * i] + (double)rows[y * width + 2 * i + 1];
}

typedef struct best_window {
    double sum;
    size_t x, y;
} best_window;

/* Stops at a window whose sum is not finite, and leaves that sum. */
static void search(const float *map, size_t width, size_t height, size_t window, double *sums, best_window *best) {
    const size_t window_width = width < window ? width : window, window_height = height < window ? height : window;
    const size_t pairs = width / 2, odd = window_width % 2;
    for (size_t y = 0; y + window_height <= height; y += STRIDE) {
        const float *rows = map + y * width;
        sum_pairs(rows, width, window_height, pairs, sums);
        for (size_t x = 0; x + window_width <= width; x += STRIDE) {
            double sum = 0;
            for (size_t i = 0; i < window_width / 2; i++)
                sum += sums[x / 2 + i];
            /* A window of odd width is the whole of a narrow map. */
            for (size_t r = 0; odd != 0 && r < window_height; r++)
                sum += (double)rows[r * width + width - 1];
            if (!isfinite(sum)) {
                best->sum = sum;
                return;
            }
            if (sum > best->sum)
                *best = (best_window){sum, x, y};
        }
    }
    best->sum /= (double)(window_width * window_height);
    best->x += window_width / 2, best->y += window_height / 2;
}

/* From FEW pictures up, 0..DOUBLINGS. */
static double doublings(int32_t pictures) {
    return fmin(fmax(log2((double)pictures / FEW), 0), DOUBLINGS);
}

int32_t sn_score_window(int32_t width, int32_t height, int32_t pictures) {
    const double side = width < height ? width : height;
    const int32_t window = 2 * (int32_t)ceil((SN_SCORE_WINDOW + A_DOUBLING * doublings(pictures)) * side / (2 * SIDE));
    return window > SN_SCORE_WINDOW ? window : SN_SCORE_WINDOW;
}

double sn_score_floor(int32_t pictures) {
    return 1 - doublings(pictures) / DOUBLINGS;
}

size_t sn_map_score_scratch(int32_t width) {
    return (size_t)width / 2 + 1;
}

snarm_status sn_map_score(const float *map, int32_t width, int32_t height, int32_t window, double *scratch, float *score, int32_t *x, int32_t *y) {
    best_window best = {-INFINITY, 0, 0};
    search(map, (size_t)width, (size_t)height, (size_t)window, scratch, &best);
    if (!isfinite(best.sum))
        return sn_error(SNARM_ERROR_ARGUMENT,
                        "snarm_map_score: the sum of a window of the map is %g, a finite number expected", best.sum);
    *score = (float)best.sum;
    if (x != NULL)
        *x = (int32_t)best.x;
    if (y != NULL)
        *y = (int32_t)best.y;
    return SNARM_OK;
}

float sn_map_floor(const float *map, size_t pixels) {
    float least = map[0];
    for (size_t i = 1; i < pixels; i++)
        least = map[i] < least ? map[i] : least;
    return least;
}

snarm_status snarm_map_score(const float *map, int32_t width, int32_t height, float *score, int32_t *x,
                             int32_t *y) {
    static const char function[] = "snarm_map_score";
    if (map == NULL || score == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: %s is NULL", function, map == NULL ? "map" : "score");
    SN_TRY(sn_check_sides(function, "the map", width, height));
    double *sums;
    SN_TRY(sn_alloc(&sums, sn_map_score_scratch(width), sizeof *sums, "score"));
    snarm_status status = sn_map_score(map, width, height, SN_SCORE_WINDOW, sums, score, x, y);
    sn_free(sums);
    return status;
}
