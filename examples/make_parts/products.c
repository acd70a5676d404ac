#include "products.h"

#include <math.h>
#include <stddef.h>

static const float pi = 3.14159265f;

/* From the picture to the part's own coordinates. */
static void to_part(const scene *s, float x, float y, float *u, float *v) {
    float dx = x - s->x, dy = y - s->y;
    *u = cosf(s->angle) * dx + sinf(s->angle) * dy;
    *v = -sinf(s->angle) * dx + cosf(s->angle) * dy;
}

/* washer: a brushed metal ring on a dark mat. */
enum { WASHER_OUTER = 106, WASHER_INNER = 50 };

static void washer_arrange(scene *s, random_state *random) {
    s->x = 144 + random_between(random, -6, 6);
    s->y = 144 + random_between(random, -6, 6);
    s->angle = random_between(random, 0, 2 * pi);
}

static void washer_damage(const scene *s, defect *d, random_state *random) {
    (void)s;
    float around = random_between(random, 0, 2 * pi), radius = (WASHER_OUTER + WASHER_INNER) / 2.0f;
    d->angle = around + random_between(random, -0.9f, 0.9f);
    d->size = random_between(random, 9, 14);
    if (d->kind == DEFECT_MISSING)
        radius = WASHER_OUTER - random_between(random, -2, 3);
    else
        radius += random_between(random, -10, 10);
    if (d->kind == DEFECT_SCRATCH)
        d->size = random_between(random, 20, 30);
    d->x = radius * cosf(around);
    d->y = radius * sinf(around);
}

/* Noise around a circle, without a seam where the angle jumps from -pi to pi. */
static float ring_noise(float radius, float around, float frequency, uint32_t seed) {
    float share = 0.5f * smooth_step(2.4f, pi, fabsf(around));
    float beyond = around > 0 ? around - 2 * pi : around + 2 * pi;
    float value = noise(radius, around * frequency, seed) * (1 - share);
    return share > 0 ? value + noise(radius, beyond * frequency, seed) * share : value;
}

static colour washer_shade(const scene *s, float x, float y) {
    const colour mat = {0.19f, 0.20f, 0.22f}, bare = {0.93f, 0.93f, 0.92f};
    float u, v;
    to_part(s, x, y, &u, &v);
    float radius = length_of(u, v), around = atan2f(v, u);
    float seen = atan2f(y - s->y, x - s->x); /* highlights stay with the lamp, not with the part */
    colour back = scaled(mat, 0.8f + 0.25f * rough_noise(x * 0.35f, y * 0.35f, 5) +
                                  0.15f * noise(x * 0.03f, y * 0.03f, s->seed));
    float shadow_radius = length_of(x - s->x - 5, y - s->y - 6);
    back = scaled(back, 1 - 0.55f * smooth_step(WASHER_OUTER + 7, WASHER_OUTER - 4, shadow_radius) *
                                smooth_step(WASHER_INNER - 7, WASHER_INNER + 4, shadow_radius));

    float brush = 0.16f * (ring_noise(radius * 1.1f, around, 5, s->seed + 1) - 0.5f) +
                  0.10f * (ring_noise(radius * 0.3f, around, 1.5f, s->seed + 2) - 0.5f);
    float gloss = 0.13f * cosf(2 * (seen - 0.8f)) + 0.06f * cosf(4 * (seen + 0.5f));
    float bevel = 0.22f * cosf(seen - 3.9f) *
                  (smooth_step(WASHER_OUTER - 5, WASHER_OUTER - 1, radius) -
                   smooth_step(WASHER_INNER + 5, WASHER_INNER + 1, radius));
    float level = 0.58f + brush + gloss + bevel;
    colour metal = {level * (1 + 0.02f * s->tint), level, level * (1.02f - 0.03f * s->tint)};
    metal = defect_apply(&s->damage, u, v, metal, bare);
    float solid = cover(radius - WASHER_OUTER) * cover(WASHER_INNER - radius);
    if (s->damage.kind == DEFECT_MISSING)
        solid *= 1 - defect_cover(&s->damage, u, v);
    return mix(back, metal, solid);
}

/* fabric: a plain weave of two yarns. */
static const float pitch = 8.5f;

static void fabric_arrange(scene *s, random_state *random) {
    s->x = random_between(random, 0, 200);
    s->y = random_between(random, 0, 200);
    s->angle = random_between(random, -0.05f, 0.05f);
}

static void fabric_damage(const scene *s, defect *d, random_state *random) {
    float u, v;
    to_part(s, random_between(random, 60, 196), random_between(random, 60, 196), &u, &v);
    d->x = u;
    d->y = v;
    d->angle = random_between(random, 0, 2 * pi);
    d->size = random_between(random, 16, 24);
    if (d->kind == DEFECT_SCRATCH) { /* a pulled warp yarn */
        d->which = (int)floorf(u / pitch);
        d->size = random_between(random, 30, 55);
    } else if (d->kind == DEFECT_MISSING) {
        d->size = random_between(random, 8, 13);
    }
}

static colour fabric_shade(const scene *s, float x, float y) {
    const colour warp = {0.30f, 0.40f, 0.58f}, weft = {0.44f, 0.52f, 0.64f}, gap = {0.07f, 0.08f, 0.11f};
    float u, v;
    to_part(s, x, y, &u, &v);
    float at = u, bt = v;
    u += 2.2f * (noise(at / 45, bt / 45, s->seed) - 0.5f);
    v += 2.2f * (noise(at / 45, bt / 45, s->seed + 1) - 0.5f);
    int i = (int)floorf(u / pitch), j = (int)floorf(v / pitch);
    float a = u / pitch - (float)i, b = v / pitch - (float)j;
    bool pulled =
        s->damage.kind == DEFECT_SCRATCH && i == s->damage.which && fabsf(bt - s->damage.y) < s->damage.size;
    bool warp_above = ((i + j) & 1) == 0 && !pulled;
    /* Across a yarn it is round; along it dives under the next. */
    float across = warp_above ? a : b, along = warp_above ? b : a;
    float thick =
        0.80f + 0.16f * noise((float)(warp_above ? i : j) * 3.7f, (warp_above ? v : u) / 30, s->seed + 2);
    float side = fabsf(2 * across - 1) / thick;
    float round = side < 1 ? sqrtf(1 - side * side) : 0;
    float dive = 0.55f + 0.45f * sinf(pi * along);
    float fibre = 0.75f + 0.5f * (warp_above ? noise(u * 1.3f, v * 0.35f, s->seed + 3)
                                             : noise(u * 0.35f, v * 1.3f, s->seed + 4));
    float yarn = 0.9f + 0.2f * hash(warp_above ? i : j, warp_above ? 1 : 2, s->seed + 5);
    colour thread = scaled(warp_above ? warp : weft, (0.25f + 0.85f * round * dive) * fibre * yarn);
    thread.r *= 1 + 0.04f * s->tint;
    colour surface = mix(gap, thread, smooth_step(1.05f, 0.9f, side));
    if (pulled)
        surface = scaled(surface, 0.45f);
    if (s->damage.kind == DEFECT_STAIN || s->damage.kind == DEFECT_DENT)
        surface = defect_apply(&s->damage, at, bt, surface, surface);
    if (s->damage.kind == DEFECT_MISSING) {
        /* A hole whose edge follows the yarns, with loose fibres over it. */
        float hole = defect_cover(&s->damage, at, bt);
        float loose = smooth_step(0.72f, 0.8f, noise(u * 0.9f + v * 0.3f, v * 0.15f, s->damage.seed));
        surface = mix(surface, mix(gap, scaled(weft, 0.8f), 0.5f * loose), hole);
    }
    return surface;
}

/* board: a printed circuit with a footprint for a chip. */
enum { CHIP_PINS = 7, VIAS = 10 };
static const float traces[][4] = {
    /* from each chip pad outwards */
    {112, 88, 62, 88},    {62, 88, 40, 66},     {40, 66, 40, 34},     {112, 104, 52, 104},
    {52, 104, 28, 128},   {112, 120, 66, 120},  {66, 120, 44, 142},   {44, 142, 44, 186},
    {112, 136, 78, 136},  {78, 136, 70, 144},   {70, 144, 70, 214},   {112, 152, 98, 152},
    {98, 152, 98, 222},   {208, 72, 236, 72},   {236, 72, 262, 46},   {208, 88, 290, 88},
    {208, 104, 250, 104}, {250, 104, 270, 124}, {270, 124, 290, 124}, {208, 136, 240, 136},
    {240, 136, 262, 158}, {262, 158, 262, 200}, {208, 152, 226, 152}, {226, 152, 226, 206},
    {226, 206, 262, 206}, {130, 30, 200, 30},   {200, 30, 222, 52},   {98, 222, 170, 222},
};
static const float vias[VIAS][2] = {{40, 34},  {28, 128}, {44, 186},  {70, 214},  {170, 222},
                                    {262, 46}, {290, 88}, {290, 124}, {262, 204}, {130, 30}};

static float pin_y(int pin) {
    return 72 + 16 * (float)(pin % CHIP_PINS);
}

static float pin_x(int pin) {
    return pin < CHIP_PINS ? 118 : 202;
}

static void board_arrange(scene *s, random_state *random) {
    s->x = random_between(random, -4, 4);
    s->y = random_between(random, -4, 4);
    s->angle = random_between(random, -0.02f, 0.02f);
}

static void board_damage(const scene *s, defect *d, random_state *random) {
    (void)s;
    d->angle = random_between(random, 0, 2 * pi);
    d->size = random_between(random, 12, 20);
    d->x = random_between(random, 60, 260);
    d->y = random_between(random, 50, 206);
    d->which = random_below(random, 2 * CHIP_PINS);
    if (d->kind == DEFECT_SCRATCH)
        d->size = random_between(random, 25, 45);
    if (d->kind == DEFECT_DENT) { /* a bridge of solder between two pads */
        if (d->which % CHIP_PINS == CHIP_PINS - 1)
            d->which--;
        d->x = pin_x(d->which);
        d->y = pin_y(d->which) + 8;
        d->angle = pi / 2;
        d->size = 8;
    }
}

static colour board_shade(const scene *s, float x, float y) {
    const colour lacquer = {0.05f, 0.30f, 0.16f}, over_copper = {0.10f, 0.42f, 0.22f},
                 gold = {0.80f, 0.66f, 0.32f};
    const colour copper = {0.78f, 0.50f, 0.32f}, tin = {0.72f, 0.73f, 0.75f}, print = {0.86f, 0.88f, 0.84f},
                 hole = {0.04f, 0.04f, 0.04f};
    float u, v;
    to_part(s, x, y, &u, &v);
    colour surface =
        scaled(lacquer, 0.92f + 0.06f * s->tint + 0.16f * rough_noise(u * 0.5f, v * 0.5f, s->seed));
    float wire = 9; /* farther is all the same */
    for (size_t i = 0; i < sizeof traces / sizeof *traces; i++) {
        const float *t = traces[i];
        if (fabsf(2 * u - t[0] - t[2]) < fabsf(t[0] - t[2]) + 18 &&
            fabsf(2 * v - t[1] - t[3]) < fabsf(t[1] - t[3]) + 18) {
            float distance = segment_distance(u, v, t[0], t[1], t[2], t[3]);
            wire = distance < wire ? distance : wire;
        }
    }
    surface = mix(surface, over_copper, cover(wire - 2.2f));
    surface = scaled(surface, 1 - 0.25f * smooth_step(1.2f, 0, fabsf(wire - 2.6f)));

    /* Printed in white: the chip's outline, its first pin, a row of marks for a name. */
    float outline = fabsf(box_distance(u, v, 160, 120, 30, 62));
    float dot = length_of(u - 140, v - 70) - 3.2f;
    float text = 1e9f;
    for (int i = 0; i < 6 && v > 230; i++) {
        float left = 136 + 9 * (float)i;
        text = fminf(text, segment_distance(u, v, left, 238, left, 246));
        text = fminf(text, segment_distance(u, v, left, i % 2 ? 238 : 246, left + 5, i % 3 ? 246 : 238));
    }
    float printed = fmaxf(cover(outline - 0.8f), fmaxf(cover(dot), cover(text - 0.7f)));
    surface = mix(surface, print, printed * (0.8f + 0.2f * noise(u, v, s->seed + 1)));
    surface = defect_apply(&(defect){.kind = s->damage.kind == DEFECT_SCRATCH ? DEFECT_SCRATCH : DEFECT_NONE,
                                     .x = s->damage.x,
                                     .y = s->damage.y,
                                     .angle = s->damage.angle,
                                     .size = s->damage.size,
                                     .bend = s->damage.bend,
                                     .seed = s->damage.seed},
                           u, v, surface, copper);

    float shine = 0.85f + 0.25f * noise(u * 0.4f, v * 0.4f, s->seed + 2);
    for (int i = 0; i < VIAS; i++) {
        float radius = length_of(u - vias[i][0], v - vias[i][1]);
        surface = mix(surface, scaled(gold, shine * (1.1f - 0.03f * radius)), cover(radius - 8));
        surface = mix(surface, hole, cover(radius - 3.6f));
    }
    for (int i = 0; i < 2 * CHIP_PINS; i++) {
        if (s->damage.kind == DEFECT_MISSING && i == s->damage.which)
            continue;
        float distance = box_distance(u, v, pin_x(i), pin_y(i), 9, 4.2f) - 0.8f;
        surface =
            mix(surface, scaled(gold, shine * (1 - 0.2f * smooth_step(-2, 0, distance))), cover(distance));
    }
    if (s->damage.kind == DEFECT_DENT) {
        float solder = defect_cover(&s->damage, u, v);
        float bright = 0.8f + 0.35f * expf(-0.04f * ((u - s->damage.x + 2) * (u - s->damage.x + 2) +
                                                     (v - s->damage.y + 2) * (v - s->damage.y + 2)));
        surface = mix(surface, scaled(tin, bright), solder);
    }
    if (s->damage.kind == DEFECT_STAIN)
        surface = defect_apply(&s->damage, u, v, surface, copper);
    return surface;
}

const product products[PRODUCTS] = {
    {"washer",
     288,
     288,
     {{"chip", DEFECT_MISSING}, {"dent", DEFECT_DENT}, {"scratch", DEFECT_SCRATCH}, {"stain", DEFECT_STAIN}},
     washer_arrange,
     washer_damage,
     washer_shade},
    {"fabric",
     256,
     256,
     {{"hole", DEFECT_MISSING}, {"lump", DEFECT_DENT}, {"pulled", DEFECT_SCRATCH}, {"stain", DEFECT_STAIN}},
     fabric_arrange,
     fabric_damage,
     fabric_shade},
    {"board",
     320,
     256,
     {{"bridge", DEFECT_DENT},
      {"missing_pad", DEFECT_MISSING},
      {"scratch", DEFECT_SCRATCH},
      {"stain", DEFECT_STAIN}},
     board_arrange,
     board_damage,
     board_shade},
};
