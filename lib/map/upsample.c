#include "map/upsample.h"

#include "core/memory.h"
#include "core/threads.h"
#include "kernel/simd.h"
#include "map/axis.h"
#include "snarm/map.h"

#include <string.h>

struct sn_upsample {
    size_t maps, grid_width, grid_height, width, height;
    sn_axis x, y;
};

snarm_status sn_upsample_create(sn_upsample **out, int32_t maps, int32_t grid_width, int32_t grid_height,
                                int32_t width, int32_t height) {
    *out = NULL;
    sn_upsample *upsample;
    SN_TRY(sn_alloc_zeroed(&upsample, 1, sizeof *upsample, "map"));
    upsample->maps = (size_t)maps;
    upsample->grid_width = (size_t)grid_width, upsample->grid_height = (size_t)grid_height;
    upsample->width = (size_t)width, upsample->height = (size_t)height;
    snarm_status status = sn_axis_create(&upsample->x, grid_width, width, SN_ALIGN_CORNERS);
    if (status == SNARM_OK)
        status = sn_axis_create(&upsample->y, grid_height, height, SN_ALIGN_CORNERS);
    if (status != SNARM_OK) {
        sn_upsample_destroy(upsample);
        return status;
    }
    *out = upsample;
    return SNARM_OK;
}

void sn_upsample_destroy(sn_upsample *upsample) {
    if (upsample == NULL)
        return;
    sn_axis_destroy(&upsample->x);
    sn_axis_destroy(&upsample->y);
    sn_free(upsample);
}

size_t sn_upsample_scratch(const sn_upsample *upsample) {
    return upsample->maps * upsample->grid_height * upsample->width;
}

/* A line brought to the axis's samples. */
static void resample(const float *src, const sn_axis *axis, size_t count, float *dst) {
    for (size_t i = 0; i < count; i++) {
        float a = src[axis->lower[i]], b = src[axis->upper[i]];
        dst[i] = a + axis->weight[i] * (b - a);
    }
}

typedef struct upsample_work {
    const sn_upsample *upsample;
    const float *logits;
    float *wide; /* (maps, grid_height, width) */
    float *map;
} upsample_work;

static void widen_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const upsample_work *work = context;
    const sn_upsample *u = work->upsample;
    for (size_t i = begin; i < end; i++)
        resample(work->logits + i * u->grid_width, &u->x, u->width, work->wide + i * u->width);
}

static void mean_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const upsample_work *work = context;
    const sn_upsample *u = work->upsample;
    const sn_simd *simd = sn_simd_table();
    const float share = 1.0f / (float)u->maps;
    for (size_t y = begin; y < end; y++) {
        float *row = work->map + y * u->width;
        memset(row, 0, u->width * sizeof *row);
        for (size_t m = 0; m < u->maps; m++) {
            const float *grid = work->wide + m * u->grid_height * u->width;
            simd->add_sigmoid(grid + (size_t)u->y.lower[y] * u->width,
                              grid + (size_t)u->y.upper[y] * u->width, u->y.weight[y], u->width, row);
        }
        for (size_t x = 0; x < u->width; x++)
            row[x] *= share;
    }
}

void sn_upsample_run(const sn_upsample *upsample, const float *logits, float *scratch, float *map) {
    upsample_work work = {upsample, logits, scratch, map};
    sn_parallel(upsample->maps * upsample->grid_height, 8, widen_rows, &work);
    sn_parallel(upsample->height, 4, mean_rows, &work);
}

snarm_status snarm_map_from_logits(const float *logits, int32_t maps, int32_t grid_width, int32_t grid_height,
                                   int32_t width, int32_t height, int32_t threads, float *map) {
    static const char function[] = "snarm_map_from_logits";
    if (logits == NULL || map == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: %s is NULL", function, logits == NULL ? "logits" : "map");
    if (maps < 1 || maps > 4096)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: maps is %d, expected 1..4096", function, maps);
    SN_TRY(sn_check_sides(function, "the grid", grid_width, grid_height));
    SN_TRY(sn_check_sides(function, "the map", width, height));
    sn_upsample *upsample;
    SN_TRY(sn_upsample_create(&upsample, maps, grid_width, grid_height, width, height));
    float *scratch;
    snarm_status status = sn_alloc(&scratch, sn_upsample_scratch(upsample), sizeof *scratch, "map");
    if (status == SNARM_OK) {
        int former = sn_threads_enter(sn_threads_resolve(threads));
        sn_upsample_run(upsample, logits, scratch, map);
        sn_threads_leave(former);
    }
    sn_free(scratch);
    sn_upsample_destroy(upsample);
    return status;
}

struct sn_stretch {
    size_t src_width, width, height;
    sn_axis x, y;
};

snarm_status sn_stretch_create(sn_stretch **out, int32_t src_width, int32_t src_height, int32_t width, int32_t height) {
    *out = NULL;
    sn_stretch *stretch;
    SN_TRY(sn_alloc_zeroed(&stretch, 1, sizeof *stretch, "map"));
    stretch->src_width = (size_t)src_width, stretch->width = (size_t)width, stretch->height = (size_t)height;
    snarm_status status = sn_axis_create(&stretch->x, src_width, width, SN_ALIGN_HALF_PIXEL);
    if (status == SNARM_OK)
        status = sn_axis_create(&stretch->y, src_height, height, SN_ALIGN_HALF_PIXEL);
    if (status != SNARM_OK) {
        sn_stretch_destroy(stretch);
        return status;
    }
    *out = stretch;
    return SNARM_OK;
}

void sn_stretch_destroy(sn_stretch *stretch) {
    if (stretch == NULL)
        return;
    sn_axis_destroy(&stretch->x);
    sn_axis_destroy(&stretch->y);
    sn_free(stretch);
}

typedef struct stretch_work {
    const sn_stretch *stretch;
    const float *src;
    float *dst;
} stretch_work;

static void stretch_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const stretch_work *work = context;
    const sn_stretch *s = work->stretch;
    for (size_t y = begin; y < end; y++) {
        const float *upper = work->src + (size_t)s->y.lower[y] * s->src_width;
        const float *lower = work->src + (size_t)s->y.upper[y] * s->src_width;
        const float weight = s->y.weight[y];
        float *row = work->dst + y * s->width;
        for (size_t i = 0; i < s->width; i++) {
            const int32_t left = s->x.lower[i], right = s->x.upper[i];
            float a = upper[left] + s->x.weight[i] * (upper[right] - upper[left]);
            float b = lower[left] + s->x.weight[i] * (lower[right] - lower[left]);
            row[i] = a + weight * (b - a);
        }
    }
}

void sn_stretch_run(const sn_stretch *stretch, const float *src, float *dst) {
    stretch_work work = {stretch, src, dst};
    sn_parallel(stretch->height, 4, stretch_rows, &work);
}

static snarm_status resize(const float *src, int32_t src_width, int32_t src_height, float *dst, int32_t width,
                           int32_t height, int32_t threads) {
    sn_stretch *stretch;
    SN_TRY(sn_stretch_create(&stretch, src_width, src_height, width, height));
    int former = sn_threads_enter(sn_threads_resolve(threads));
    sn_stretch_run(stretch, src, dst);
    sn_threads_leave(former);
    sn_stretch_destroy(stretch);
    return SNARM_OK;
}

snarm_status snarm_map_from_patches(const float *patches, int32_t grid_width, int32_t grid_height,
                                    int32_t width, int32_t height, int32_t threads, float *map) {
    static const char function[] = "snarm_map_from_patches";
    if (patches == NULL || map == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: %s is NULL", function,
                        patches == NULL ? "patches" : "map");
    SN_TRY(sn_check_sides(function, "the grid", grid_width, grid_height));
    SN_TRY(sn_check_sides(function, "the map", width, height));
    return resize(patches, grid_width, grid_height, map, width, height, threads);
}

snarm_status snarm_map_resize(const float *map, int32_t width, int32_t height, float *dst, int32_t dst_width,
                              int32_t dst_height) {
    static const char function[] = "snarm_map_resize";
    if (map == NULL || dst == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: %s is NULL", function, map == NULL ? "map" : "dst");
    SN_TRY(sn_check_sides(function, "the map", width, height));
    SN_TRY(sn_check_sides(function, "dst", dst_width, dst_height));
    return resize(map, width, height, dst, dst_width, dst_height, 1);
}
