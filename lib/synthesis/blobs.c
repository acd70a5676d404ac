/* Shapes with an area: blobs, spots, chips, patches, large regions. */
#include "synthesis/parts.h"

#define PI 3.14159265f

/* One shape of any outline: alpha is where 1 - |p| + roughness * noise is above 0, p the place in units of
 * the half axes, |p| = (|u|^power + |v|^power)^(1/power): 2 for ellipses, large for rectangles. */
typedef struct outline {
    float x, y, rx, ry, angle; /* centre, half axes in pixels */
    float power, roughness;
    sn_noise noise;
    float ring;   /* 0: filled; else what is left of the inside */
    float strong; /* alpha inside */
    float soft;   /* width of the edge, pixels */
} outline;

static void draw_outline(sn_canvas *canvas, const outline *o) {
    float reach = sn_max(o->rx, o->ry) * (1.0f + 1.2f * o->roughness) * (o->power > 2.0f ? 1.42f : 1.0f) +
                  o->soft + 1.0f;
    sn_box box = sn_box_around(canvas, o->x, o->y, reach);
    float c = cosf(o->angle), s = sinf(o->angle), small = sn_min(o->rx, o->ry);
    for (int32_t y = box.top; y < box.bottom; y++) {
        float *line = canvas->alpha + (size_t)y * (size_t)canvas->width;
        for (int32_t x = box.left; x < box.right; x++) {
            float dx = (float)x - o->x, dy = (float)y - o->y;
            float u = fabsf(c * dx + s * dy) / o->rx, v = fabsf(c * dy - s * dx) / o->ry, at;
            if (o->power == 2.0f)
                at = sqrtf(u * u + v * v);
            else
                at = powf(powf(u, o->power) + powf(v, o->power), 1.0f / o->power);
            float inside = 1.0f - at;
            if (o->roughness > 0.0f) {
                if (inside < -1.3f * o->roughness - o->soft / small)
                    continue; /* no noise reaches there */
                inside += o->roughness * sn_noise_at(&o->noise, (float)x, (float)y);
            }
            float value = o->strong * sn_clamp01(inside * small / o->soft + 0.5f);
            if (o->ring > 0.0f)
                value *= o->ring + (1.0f - o->ring) * sn_clamp01(1.6f - 5.0f * inside);
            if (value > line[x])
                line[x] = value;
        }
    }
    sn_box_join(&canvas->box, box);
}

/* Half axes of an ellipse of that diameter, up to stretch times longer than wide. */
static void make_axes(sn_rng *rng, outline *o, float size, float stretch) {
    float ratio = sqrtf(sn_log_between(rng, 1.0f, stretch));
    o->rx = 0.5f * size * ratio;
    o->ry = 0.5f * size / ratio;
    o->angle = sn_between(rng, 0.0f, PI);
}

void sn_keep_on_object(sn_canvas *canvas, bool on) {
    for (int32_t y = canvas->box.top; y < canvas->box.bottom; y++) {
        size_t line = (size_t)y * (size_t)canvas->width;
        for (int32_t x = canvas->box.left; x < canvas->box.right; x++)
            if ((canvas->object[line + (size_t)x] != 0) != on)
                canvas->alpha[line + (size_t)x] = 0.0f;
    }
}

void sn_draw_blob(sn_canvas *canvas) {
    sn_rng *rng = canvas->rng;
    outline o = {.power = 2.0f, .strong = 1.0f, .soft = 1.0f};
    sn_random_place(canvas, &o.x, &o.y);
    make_axes(rng, &o, canvas->size, 3.0f);
    o.roughness = sn_between(rng, 0.4f, 1.6f);
    float cell = canvas->size * sn_log_between(rng, 0.25f, 0.9f);
    o.noise = sn_noise_make(rng, sn_max(cell, 3.0f), sn_log_between(rng, 1.0f, 4.0f),
                            sn_between(rng, 0.0f, PI), 1 + sn_pick(rng, 4));
    if (sn_chance(rng, 0.12f) && canvas->size > 16.0f)
        o.ring = sn_between(rng, 0.02f, 0.4f);
    draw_outline(canvas, &o);
}

void sn_draw_spots(sn_canvas *canvas) {
    sn_rng *rng = canvas->rng;
    /* The size is that of one; a cluster has smaller ones beside it. */
    int32_t count = sn_chance(rng, 0.55f) ? 1 : 2 + sn_pick(rng, 6);
    float x, y, spread = canvas->size * sn_log_between(rng, 1.5f, 6.0f),
                stretch = sn_chance(rng, 0.7f) ? 1.4f : 3.0f;
    sn_random_place(canvas, &x, &y);
    for (int32_t i = 0; i < count; i++) {
        float size = i == 0 ? canvas->size : sn_max(canvas->size * sn_between(rng, 0.4f, 0.9f), 3.0f);
        outline o = {
            .x = x, .y = y, .power = 2.0f, .strong = 1.0f, .soft = sn_chance(rng, 0.3f) ? 0.5f * size : 1.2f};
        if (i > 0) {
            o.x += spread * sn_rough_normal(rng), o.y += spread * sn_rough_normal(rng);
            o.strong = sn_between(rng, 0.6f, 1.0f);
        }
        make_axes(rng, &o, size, stretch);
        o.roughness = sn_between(rng, 0.0f, 0.5f);
        o.noise = sn_noise_make(rng, sn_max(0.6f * size, 3.0f), 1.0f, 0.0f, 2);
        draw_outline(canvas, &o);
    }
}

/* The direction along the object's rim: across the way to its mass. */
static float rim_angle(const sn_canvas *canvas, int32_t x, int32_t y) {
    float gx = 0.0f, gy = 0.0f;
    for (int32_t dy = -4; dy <= 4; dy++)
        for (int32_t dx = -4; dx <= 4; dx++) {
            int32_t px = x + dx, py = y + dy;
            if (px < 0 || py < 0 || px >= canvas->width || py >= canvas->height)
                continue;
            if (canvas->object[(size_t)py * (size_t)canvas->width + (size_t)px] != 0)
                gx += (float)dx, gy += (float)dy;
        }
    return atan2f(gx, -gy);
}

void sn_draw_chip(sn_canvas *canvas) {
    sn_rng *rng = canvas->rng;
    outline o = {.power = 2.0f, .strong = 1.0f, .soft = 1.0f};
    int32_t w = canvas->width, h = canvas->height;
    if (canvas->rim_count > 0) {
        int32_t at = canvas->rim[sn_pick(rng, canvas->rim_count)];
        o.x = (float)(at % w), o.y = (float)(at / w);
        o.angle = rim_angle(canvas, at % w, at / w);
    } else {
        int32_t at = sn_pick(rng, 2 * (w + h));
        o.x = at < w ? (float)at : at < 2 * w ? (float)(at - w) : at < 2 * w + h ? 0.0f : (float)(w - 1);
        o.y = at < w ? 0.0f : at < 2 * w ? (float)(h - 1) : (float)((at - 2 * w) % h);
        o.angle = at < 2 * w ? 0.0f : 0.5f * PI;
    }
    /* Frayed: long along the edge with a fine rough outline; broken: about as deep as long. */
    bool frayed = sn_chance(rng, 0.45f);
    float ratio = sqrtf(frayed ? sn_log_between(rng, 2.0f, 6.0f) : sn_log_between(rng, 0.7f, 2.0f));
    o.rx = 0.5f * canvas->size * ratio * 1.2f;
    o.ry = sn_max(0.5f * canvas->size / ratio * 1.2f, 2.5f);
    o.angle += sn_between(rng, -0.25f, 0.25f);
    o.roughness = frayed ? sn_between(rng, 0.6f, 1.4f) : sn_between(rng, 0.2f, 0.8f);
    float cell = frayed ? sn_between(rng, 0.5f, 1.5f) * o.ry : sn_between(rng, 0.4f, 1.0f) * canvas->size;
    o.noise = sn_noise_make(rng, sn_max(cell, 3.0f), 1.0f, 0.0f, 3);
    draw_outline(canvas, &o);
    /* Material is missing inside the rim, or sticks out of it as a burr. */
    if (canvas->rim_count > 0)
        sn_keep_on_object(canvas, sn_chance(rng, 0.75f));
}

void sn_draw_patch(sn_canvas *canvas) {
    sn_rng *rng = canvas->rng;
    outline o = {.power = sn_log_between(rng, 3.0f, 16.0f), .strong = 1.0f, .soft = 1.0f};
    sn_random_place(canvas, &o.x, &o.y);
    make_axes(rng, &o, canvas->size, 3.0f);
    if (sn_chance(rng, 0.4f))
        o.angle = 0.5f * PI * (float)sn_pick(rng, 2);
    o.roughness = sn_chance(rng, 0.5f) ? sn_between(rng, 0.0f, 0.3f) : 0.0f;
    o.noise = sn_noise_make(rng, sn_max(0.5f * canvas->size, 3.0f), 1.0f, 0.0f, 2);
    draw_outline(canvas, &o);
}

/* A ramp over the whole width of the picture: one side of a line, or a band along it. */
static void draw_ramp(sn_canvas *canvas, float x, float y) {
    sn_rng *rng = canvas->rng;
    float angle = sn_between(rng, 0.0f, 2.0f * PI), c = cosf(angle), s = sinf(angle),
          half = 0.5f * canvas->size;
    bool band = sn_chance(rng, 0.5f);
    float ramp = half * sn_between(rng, 0.3f, 1.0f);
    /* One side of the line: the line comes to lie so near to the picture's edge that the size is what is cut
     * off. */
    float far = fabsf(c) * (c > 0.0f ? (float)canvas->width - x : x) +
                fabsf(s) * (s > 0.0f ? (float)canvas->height - y : y);
    float start = band ? -half : far - 2.0f * half;
    sn_noise noise = sn_noise_make(rng, 2.0f * canvas->size, 1.5f, angle, 1);
    canvas->box = (sn_box){0, 0, canvas->width, canvas->height};
    for (int32_t py = 0; py < canvas->height; py++)
        for (int32_t px = 0; px < canvas->width; px++) {
            float dx = (float)px - x, dy = (float)py - y, at = c * dx + s * dy - start;
            if (at < -0.8f * half || (band && at > 2.8f * half))
                continue;
            at += 0.6f * half * sn_noise_at(&noise, (float)px, (float)py);
            if (band)
                at = half - fabsf(at - half);
            canvas->alpha[(size_t)py * (size_t)canvas->width + (size_t)px] = sn_smooth01(at / ramp);
        }
}

void sn_draw_region(sn_canvas *canvas) {
    sn_rng *rng = canvas->rng;
    float x, y;
    sn_random_place(canvas, &x, &y);
    if (sn_chance(rng, 0.35f)) {
        draw_ramp(canvas, x, y);
    } else {
        outline o = {.x = x, .y = y, .power = 2.0f, .strong = 1.0f};
        make_axes(rng, &o, canvas->size, 3.0f);
        o.roughness = sn_between(rng, 0.2f, 0.9f);
        o.soft = sn_min(o.rx, o.ry) * sn_between(rng, 0.3f, 1.2f);
        o.noise =
            sn_noise_make(rng, canvas->size * sn_between(rng, 0.3f, 0.8f), sn_log_between(rng, 1.0f, 3.0f),
                          sn_between(rng, 0.0f, PI), 1 + sn_pick(rng, 3));
        draw_outline(canvas, &o);
    }
    if (canvas->has_object && sn_chance(rng, 0.8f))
        sn_keep_on_object(canvas, true);
}
