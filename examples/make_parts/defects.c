#include "defects.h"

#include <math.h>

static float scratch_cover(const defect *d, float x, float y) {
    float along = cosf(d->angle) * (x - d->x) + sinf(d->angle) * (y - d->y);
    float across = -sinf(d->angle) * (x - d->x) + cosf(d->angle) * (y - d->y);
    float t = along / d->size;
    across -= d->bend * d->size * (t * t - 0.5f) + 1.5f * (noise(along * 0.12f, 0, d->seed) - 0.5f);
    /* It begins and ends in a point, and skips a little. */
    float half_width = 1.5f * sqrtf(fmaxf(1 - t * t, 0)) * (0.55f + 0.7f * noise(along * 0.2f, 3, d->seed));
    return fabsf(t) < 1 ? cover(fabsf(across) - half_width) : 0;
}

static float patch_distance(const defect *d, float x, float y) {
    float dx = x - d->x, dy = y - d->y;
    float u = cosf(d->angle) * dx + sinf(d->angle) * dy, v = -sinf(d->angle) * dx + cosf(d->angle) * dy;
    float uneven = rough_noise(x * 2.2f / d->size + 10, y * 2.2f / d->size + 10, d->seed) - 0.5f;
    return length_of(u, v * 1.35f) - d->size * (1 + 0.8f * uneven);
}

float defect_cover(const defect *d, float x, float y) {
    switch (d->kind) {
    case DEFECT_NONE:
        return 0;
    case DEFECT_SCRATCH:
        return scratch_cover(d, x, y);
    case DEFECT_STAIN:
        return smooth_step(1.5f, -2.5f, patch_distance(d, x, y));
    case DEFECT_DENT:
    case DEFECT_MISSING:
        return cover(patch_distance(d, x, y));
    }
    return 0;
}

colour defect_apply(const defect *d, float x, float y, colour surface, colour bare) {
    if (d->kind == DEFECT_SCRATCH)
        return mix(surface, bare, 0.9f * defect_cover(d, x, y));
    if (d->kind == DEFECT_STAIN) {
        const colour brown = {0.36f, 0.24f, 0.10f};
        float share = defect_cover(d, x, y) * (0.45f + 0.3f * rough_noise(x * 0.15f, y * 0.15f, d->seed + 7));
        /* Dried rims are darker. */
        share += 0.2f * smooth_step(3.5f, 0, fabsf(patch_distance(d, x, y) + 2));
        return mix(surface, brown, share);
    }
    if (d->kind == DEFECT_DENT) {
        /* The slope of a round hollow, lit from the upper left. */
        float dx = (x - d->x) / d->size, dy = (y - d->y) / d->size, depth = expf(-1.6f * (dx * dx + dy * dy));
        float light = 0.75f * depth * (dx + dy) - 0.10f * depth;
        return scaled(surface, fmaxf(1 + light, 0.1f));
    }
    return surface;
}
