/* Shapes that are lines: scratches and cracks. */
#include "synthesis/parts.h"

#define PI 3.14159265f

enum { CRACK_BRANCHES = 12 };

/* A straight piece whose width and strength go evenly from one end to the other. */
static void draw_piece(sn_canvas *canvas, float x0, float y0, float x1, float y1, const float width[2],
                       const float strong[2]) {
    float reach = 0.5f * sn_max(width[0], width[1]) + 1.0f;
    sn_box box = sn_box_around(canvas, x0, y0, reach);
    sn_box_join(&box, sn_box_around(canvas, x1, y1, reach));
    float dx = x1 - x0, dy = y1 - y0, length = dx * dx + dy * dy;
    for (int32_t y = box.top; y < box.bottom; y++) {
        float *line = canvas->alpha + (size_t)y * (size_t)canvas->width;
        for (int32_t x = box.left; x < box.right; x++) {
            float px = (float)x - x0, py = (float)y - y0;
            float t = length > 0.0f ? sn_clamp01((px * dx + py * dy) / length) : 0.0f;
            float ex = px - t * dx, ey = py - t * dy;
            float wide = width[0] + t * (width[1] - width[0]), full = strong[0] + t * (strong[1] - strong[0]);
            /* Lines thinner than a pixel are fainter. */
            float value = full * sn_min(wide, 1.0f) *
                          sn_clamp01(0.5f * sn_max(wide, 1.0f) + 0.5f - sqrtf(ex * ex + ey * ey));
            if (value > line[x])
                line[x] = value;
        }
    }
    sn_box_join(&canvas->box, box);
}

/* A cubic Bezier curve from its middle's place, direction and bend, drawn in short pieces. */
static void draw_curve(sn_canvas *canvas, float x, float y, float angle, float length, float bend,
                       float width) {
    sn_rng *rng = canvas->rng;
    float c = cosf(angle), s = sinf(angle), half = 0.5f * length;
    float bend2 = sn_chance(rng, 0.7f) ? bend * sn_between(rng, 0.5f, 1.2f) : -bend;
    float along[4] = {-half, -half / 3.0f, half / 3.0f, half},
          across[4] = {0.0f, bend * length, bend2 * length, 0.0f};
    int32_t steps = 6 + (int32_t)(length / 5.0f);
    /* How the width runs: thin at both ends, at one, or nowhere. */
    float thin0 = sn_chance(rng, 0.7f) ? 0.25f : 1.0f, thin1 = sn_chance(rng, 0.7f) ? 0.25f : 1.0f;
    bool broken = sn_chance(rng, 0.35f);
    float faint = broken ? sn_between(rng, 1.0f, 2.5f) : sn_between(rng, 0.0f, 0.5f);
    sn_noise noise = sn_noise_make(rng, sn_max(length * sn_between(rng, 0.1f, 0.35f), 4.0f), 1.0f, angle, 2);
    float was[2] = {0}, width_at[2] = {0}, strong[2] = {0};
    for (int32_t i = 0; i <= steps; i++) {
        float t = (float)i / (float)steps, r = 1.0f - t;
        float b[4] = {r * r * r, 3.0f * r * r * t, 3.0f * r * t * t, t * t * t}, u = 0.0f, v = 0.0f;
        for (int k = 0; k < 4; k++)
            u += b[k] * along[k], v += b[k] * across[k];
        float at[2] = {x + c * u - s * v, y + s * u + c * v};
        float taper = sn_min(thin0 + (1.0f - thin0) * sn_smooth01(4.0f * t),
                             thin1 + (1.0f - thin1) * sn_smooth01(4.0f * r));
        float n = sn_noise_at(&noise, at[0], at[1]);
        width_at[1] = sn_max(width * taper * (1.0f + 0.5f * n), 0.4f);
        strong[1] = sn_clamp01(1.0f + faint * (n - 0.1f));
        if (i > 0)
            draw_piece(canvas, was[0], was[1], at[0], at[1], width_at, strong);
        was[0] = at[0], was[1] = at[1], width_at[0] = width_at[1], strong[0] = strong[1];
    }
}

void sn_draw_scratch(sn_canvas *canvas) {
    sn_rng *rng = canvas->rng;
    float x, y, angle = sn_between(rng, 0.0f, PI), length = canvas->size;
    float width = sn_log_between(rng, 0.9f, sn_min(5.0f, 1.5f + 0.06f * length));
    /* Mostly nearly straight. */
    float bend = sn_rough_normal(rng) * (sn_chance(rng, 0.6f) ? 0.05f : 0.3f);
    int32_t count = sn_chance(rng, 0.65f) ? 1 : 2 + sn_pick(rng, 4);
    float spread = sn_between(rng, 0.08f, 0.35f) * length + 2.0f;
    bool parallel = sn_chance(rng, 0.7f);
    sn_random_place(canvas, &x, &y);
    for (int32_t i = 0; i < count; i++) {
        draw_curve(canvas, x, y, angle, length, bend, width);
        x += spread * sn_rough_normal(rng), y += spread * sn_rough_normal(rng);
        angle += parallel ? 0.06f * sn_rough_normal(rng) : sn_between(rng, 0.0f, PI);
        length = canvas->size * sn_between(rng, 0.4f, 1.0f);
        width *= sn_between(rng, 0.6f, 1.1f);
    }
}

/* A branch still to walk. */
typedef struct branch {
    float x, y, angle, length, width;
} branch;

void sn_draw_crack(sn_canvas *canvas) {
    sn_rng *rng = canvas->rng;
    branch todo[CRACK_BRANCHES];
    int32_t count = 1, used = 1;
    float jag = sn_between(rng, 0.25f, 0.8f), branching = sn_between(rng, 0.0f, 0.14f);
    todo[0] = (branch){.angle = sn_between(rng, 0.0f, 2.0f * PI), .length = canvas->size};
    todo[0].width = sn_log_between(rng, 0.9f, sn_min(4.0f, 1.5f + 0.03f * canvas->size));
    sn_random_place(canvas, &todo[0].x, &todo[0].y);
    /* The place drawn is the crack's middle. */
    todo[0].x -= 0.5f * canvas->size * cosf(todo[0].angle),
        todo[0].y -= 0.5f * canvas->size * sinf(todo[0].angle);
    while (count > 0) {
        branch b = todo[--count];
        float heading = b.angle, walked = 0.0f, width[2] = {b.width, b.width}, strong[2] = {1.0f, 1.0f};
        while (walked < b.length) {
            float step = sn_between(rng, 1.5f, 5.0f), left = 1.0f - walked / b.length;
            /* Turns sharply and comes back to its course. */
            heading += 0.5f * (b.angle - heading) + jag * sn_rough_normal(rng);
            float x = b.x + step * cosf(heading), y = b.y + step * sinf(heading);
            width[1] = sn_max(b.width * (0.3f + 0.7f * left) * sn_between(rng, 0.6f, 1.3f), 0.6f);
            draw_piece(canvas, b.x, b.y, x, y, width, strong);
            b.x = x, b.y = y, walked += step, width[0] = width[1];
            if (used < CRACK_BRANCHES && left > 0.2f && sn_chance(rng, branching)) {
                float turn = sn_between(rng, 0.4f, 1.1f) * (sn_chance(rng, 0.5f) ? 1.0f : -1.0f);
                todo[count++] = (branch){x, y, heading + turn, b.length * left * sn_between(rng, 0.3f, 0.7f),
                                         0.7f * b.width};
                used++;
            }
        }
    }
}
