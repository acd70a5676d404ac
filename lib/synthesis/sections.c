/* The shape that is a part of the picture's whole: cut off by straight edges. */
#include "synthesis/parts.h"

#define PI 3.14159265f

/* A nearly straight edge: at tells how far a place lies beyond it, in pixels. */
typedef struct edge {
    float c, s, start, wave;
    sn_noise noise;
} edge;

static float beyond(const edge *e, float x, float y) {
    const float at = e->c * x + e->s * y - e->start;
    return e->wave > 0.0f ? at + e->wave * sn_noise_at(&e->noise, x, y) : at;
}

/* An edge across that direction, so that a corner of the picture lies depth pixels beyond it. */
static edge make_edge(sn_canvas *canvas, float angle, float depth) {
    sn_rng *rng = canvas->rng;
    edge e = {.c = cosf(angle), .s = sinf(angle)};
    const float far = sn_max(e.c * (float)canvas->width, 0.0f) + sn_max(e.s * (float)canvas->height, 0.0f);
    e.start = far - depth;
    if (sn_chance(rng, 0.5f))
        e.wave = sn_between(rng, 1.0f, 2.0f + 0.15f * canvas->size);
    e.noise = sn_noise_make(rng, sn_max(canvas->size * sn_log_between(rng, 0.3f, 2.0f), 8.0f), 1.0f, 0.0f, 2);
    return e;
}

void sn_draw_section(sn_canvas *canvas) {
    sn_rng *rng = canvas->rng;
    /* Parts are mostly made, and laid under the camera, at right angles. */
    float angle = sn_chance(rng, 0.7f) ? 0.5f * PI * (float)sn_pick(rng, 4) + sn_between(rng, -0.08f, 0.08f)
                                       : sn_between(rng, 0.0f, 2.0f * PI);
    const float side = sqrtf((float)canvas->pixels), soft = sn_log_between(rng, 1.0f, 6.0f);
    const bool band = sn_chance(rng, 0.2f), corner = sn_chance(rng, 0.3f);
    const float away = band ? sn_between(rng, 0.05f, 0.5f) * side : 0.0f;
    const edge first = make_edge(canvas, angle, canvas->size + away), last = make_edge(canvas, angle, away);
    const edge across = make_edge(canvas, angle + 0.5f * PI + sn_between(rng, -0.1f, 0.1f), sn_between(rng, 0.3f, 0.9f) * side);
    canvas->box = (sn_box){0, 0, canvas->width, canvas->height};
    for (int32_t y = 0; y < canvas->height; y++)
        for (int32_t x = 0; x < canvas->width; x++) {
            float inside = beyond(&first, (float)x, (float)y);
            if (band)
                inside = sn_min(inside, -beyond(&last, (float)x, (float)y));
            if (corner)
                inside = sn_min(inside, beyond(&across, (float)x, (float)y));
            canvas->alpha[(size_t)y * (size_t)canvas->width + (size_t)x] = sn_clamp01(inside / soft + 0.5f);
        }
    if (canvas->has_object && sn_chance(rng, 0.8f))
        sn_keep_on_object(canvas, true);
}
