#include "map/gaussian.h"

#include "core/memory.h"
#include "core/threads.h"
#include "kernel/simd.h"
#include "map/axis.h"
#include "snarm/map.h"

#include <math.h>
#include <string.h>

enum { SIGMA_MAX = 64, TRUNCATE = 4, RADIUS_MAX = SIGMA_MAX * TRUNCATE, TAPS_MAX = 2 * RADIUS_MAX + 1 };

/* Maps of more pixels are smoothed in blocks of columns, so that no second map is needed. Vectors divide a
 * block, so each pixel is summed as without blocks. */
enum { PIXELS_LARGE = 1 << 22, BLOCK = 64 };

struct sn_gaussian {
    size_t width, height, radius, taps;
    float weights[TAPS_MAX]; /* of sum 1 */
};

snarm_status sn_gaussian_create(sn_gaussian **out, int32_t width, int32_t height, double sigma) {
    *out = NULL;
    sn_gaussian *gaussian;
    SN_TRY(sn_alloc_zeroed(&gaussian, 1, sizeof *gaussian, "gaussian"));
    gaussian->width = (size_t)width, gaussian->height = (size_t)height;
    gaussian->radius = (size_t)(TRUNCATE * sigma + 0.5);
    gaussian->taps = 2 * gaussian->radius + 1;
    double weights[TAPS_MAX], sum = 0;
    for (size_t i = 0; i < gaussian->taps; i++) {
        double distance = ((double)i - (double)gaussian->radius) / sigma;
        sum += weights[i] = exp(-0.5 * distance * distance);
    }
    for (size_t i = 0; i < gaussian->taps; i++)
        gaussian->weights[i] = (float)(weights[i] / sum);
    *out = gaussian;
    return SNARM_OK;
}

void sn_gaussian_destroy(sn_gaussian *gaussian) {
    sn_free(gaussian);
}

static size_t padded_width(const sn_gaussian *gaussian) {
    return sn_align_up((gaussian->width + 2 * gaussian->radius) * sizeof(float)) / sizeof(float);
}

static bool is_large(const sn_gaussian *gaussian) {
    return gaussian->width * gaussian->height > PIXELS_LARGE;
}

size_t sn_gaussian_scratch(const sn_gaussian *gaussian, int threads) {
    const size_t lines = (size_t)threads * padded_width(gaussian);
    return lines + gaussian->height * (is_large(gaussian) ? (size_t)threads * BLOCK : gaussian->width);
}

/* Position i of an endless line in which 0..size-1 is followed by its mirror image, edges repeated: d c b a|a
 * b c d|d c b a. */
static size_t mirrored(ptrdiff_t i, size_t size) {
    const ptrdiff_t period = 2 * (ptrdiff_t)size;
    i %= period;
    if (i < 0)
        i += period;
    return (size_t)(i < (ptrdiff_t)size ? i : period - 1 - i);
}

typedef struct gaussian_work {
    const sn_gaussian *gaussian;
    float *map;
    float *between; /* (height, width): smoothed along y; or (threads, height, BLOCK): copies of what is
                       smoothed along y */
    float *lines;   /* (threads, padded width) */
} gaussian_work;

static void smooth_columns(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const gaussian_work *work = context;
    const sn_gaussian *g = work->gaussian;
    const sn_simd *simd = sn_simd_table();
    const float *rows[TAPS_MAX];
    for (size_t y = begin; y < end; y++) {
        for (size_t k = 0; k < g->taps; k++)
            rows[k] = work->map + mirrored((ptrdiff_t)(y + k) - (ptrdiff_t)g->radius, g->height) * g->width;
        simd->weighted_sum(rows, g->weights, g->taps, g->width, work->between + y * g->width);
    }
}

static void smooth_blocks(void *context, size_t begin, size_t end, int thread) {
    const gaussian_work *work = context;
    const sn_gaussian *g = work->gaussian;
    const sn_simd *simd = sn_simd_table();
    float *block = work->between + (size_t)thread * g->height * BLOCK;
    const float *rows[TAPS_MAX];
    for (size_t b = begin; b < end; b++) {
        const size_t left = b * BLOCK, width = g->width - left < BLOCK ? g->width - left : BLOCK;
        for (size_t y = 0; y < g->height; y++)
            memcpy(block + y * BLOCK, work->map + y * g->width + left, width * sizeof *block);
        for (size_t y = 0; y < g->height; y++) {
            for (size_t k = 0; k < g->taps; k++)
                rows[k] = block + mirrored((ptrdiff_t)(y + k) - (ptrdiff_t)g->radius, g->height) * BLOCK;
            simd->weighted_sum(rows, g->weights, g->taps, width, work->map + y * g->width + left);
        }
    }
}

static void smooth_rows(void *context, size_t begin, size_t end, int thread) {
    const gaussian_work *work = context;
    const sn_gaussian *g = work->gaussian;
    const sn_simd *simd = sn_simd_table();
    float *line = work->lines + (size_t)thread * padded_width(g);
    const float *rows[TAPS_MAX];
    for (size_t k = 0; k < g->taps; k++)
        rows[k] = line + k;
    for (size_t y = begin; y < end; y++) {
        const float *row = work->between + y * g->width;
        for (size_t i = 0; i < g->radius; i++) {
            line[i] = row[mirrored((ptrdiff_t)i - (ptrdiff_t)g->radius, g->width)];
            line[g->radius + g->width + i] = row[mirrored((ptrdiff_t)(g->width + i), g->width)];
        }
        memcpy(line + g->radius, row, g->width * sizeof *row);
        simd->weighted_sum(rows, g->weights, g->taps, g->width, work->map + y * g->width);
    }
}

void sn_gaussian_run(const sn_gaussian *gaussian, float *scratch, float *map) {
    const size_t height = gaussian->height;
    if (is_large(gaussian)) {
        gaussian_work blocks = {gaussian, map, scratch, NULL}, rows = {gaussian, map, map, scratch};
        sn_parallel((gaussian->width + BLOCK - 1) / BLOCK, 1, smooth_blocks, &blocks);
        sn_parallel(height, 4, smooth_rows, &rows);
        return;
    }
    gaussian_work work = {gaussian, map, scratch, scratch + gaussian->width * height};
    sn_parallel(height, 4, smooth_columns, &work);
    sn_parallel(height, 4, smooth_rows, &work);
}

snarm_status snarm_map_smooth(float *map, int32_t width, int32_t height, double sigma, int32_t threads) {
    static const char function[] = "snarm_map_smooth";
    if (map == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: map is NULL", function);
    SN_TRY(sn_check_sides(function, "the map", width, height));
    if (!(sigma >= 0 && sigma <= SIGMA_MAX))
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: sigma is %g, expected 0..%d", function, sigma, SIGMA_MAX);
    if (sigma == 0)
        return SNARM_OK;
    sn_gaussian *gaussian;
    SN_TRY(sn_gaussian_create(&gaussian, width, height, sigma));
    float *scratch;
    int count = sn_threads_resolve(threads);
    snarm_status status =
        sn_alloc(&scratch, sn_gaussian_scratch(gaussian, count), sizeof *scratch, "smoothing");
    if (status == SNARM_OK) {
        int former = sn_threads_enter(count);
        sn_gaussian_run(gaussian, scratch, map);
        sn_threads_leave(former);
    }
    sn_free(scratch);
    sn_gaussian_destroy(gaussian);
    return status;
}
