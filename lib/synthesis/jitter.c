/* Good pictures, slightly other: as the next part under the same camera. */
#include "synthesis/parts.h"

#include <string.h>

/* With amounts of 0 the picture is copied, or mirrored, exactly. */
static void move(sn_canvas *canvas, const float *src, float *dst) {
    const sn_synthesis_options *o = canvas->options;
    sn_rng *rng = canvas->rng;
    float angle = sn_between(rng, -o->rotation, o->rotation) * 0.0174532925f;
    float scale = 1.0f + sn_between(rng, -o->scale, o->scale);
    float dx = sn_between(rng, -o->shift, o->shift) * (float)canvas->width;
    float dy = sn_between(rng, -o->shift, o->shift) * (float)canvas->height;
    bool flip_x = o->flip_x && sn_chance(rng, 0.5f), flip_y = o->flip_y && sn_chance(rng, 0.5f);
    float cx = 0.5f * (float)(canvas->width - 1), cy = 0.5f * (float)(canvas->height - 1);
    sn_affine map =
        sn_affine_make(angle, flip_x ? -scale : scale, flip_y ? -scale : scale, cx, cy, cx + dx, cy + dy);
    sn_sample_planes(canvas, src, &map, (sn_box){0, 0, canvas->width, canvas->height}, dst);
}

static void soften(sn_canvas *canvas, float weight, float *dst) {
    sn_box all = {0, 0, canvas->width, canvas->height};
    for (size_t c = 0; c < 3; c++) {
        float *plane = dst + c * canvas->pixels;
        sn_box_mean(canvas, plane, canvas->plane[0], all, 1);
        for (size_t i = 0; i < canvas->pixels; i++)
            plane[i] += weight * (canvas->plane[0][i] - plane[i]);
    }
}

void sn_jitter(sn_canvas *canvas, const float *src, float *dst) {
    const sn_synthesis_options *o = canvas->options;
    sn_rng *rng = canvas->rng;
    size_t pixels = canvas->pixels;
    move(canvas, src, dst);
    if (sn_chance(rng, 0.25f) && o->blur > 0.0f)
        soften(canvas, sn_between(rng, 0.0f, o->blur), dst);
    float offset = sn_between(rng, -o->brightness, o->brightness),
          gain = 1.0f + sn_between(rng, -o->contrast, o->contrast);
    float noise = sn_chance(rng, 0.25f) ? sn_between(rng, 0.0f, o->noise) : 0.0f;
    double sum = 0.0;
    for (size_t i = 0; i < 3 * pixels; i++)
        sum += (double)dst[i];
    float mean = (float)(sum / (double)(3 * pixels));
    for (size_t i = 0; i < pixels; i++) {
        /* The same noise in all channels: grey pictures stay grey. */
        float add = mean - gain * mean + offset + (noise > 0.0f ? noise * sn_rough_normal(rng) : 0.0f);
        for (size_t c = 0; c < 3; c++)
            dst[c * pixels + i] = sn_to_step(gain * dst[c * pixels + i] + add);
    }
}
