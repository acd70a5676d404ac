/* Textures made here, for where the user has none: a value 0..1 at every pixel, which goes from one colour to
 * another. */
#include "synthesis/parts.h"

#define PI 3.14159265f

/* The first ones without hard edges: those that large regions take. */
typedef enum pattern_kind {
    NOISE,
    GRADIENT,
    FIBRES,
    STRIPES,
    CELLS,
    SPECKLE,
    MESH,
    PATTERN_COUNT
} pattern_kind;

typedef struct pattern {
    pattern_kind kind;
    sn_noise noise;
    float cell; /* pixels across its largest detail */
    float c, s; /* direction */
    float hard; /* how sharply values go from 0 to 1 */
    float bend; /* of stripes, by the noise */
    uint32_t seed;
    bool rims; /* cells: dark seams rather than flat cells */
} pattern;

static pattern make_pattern(sn_canvas *canvas) {
    sn_rng *rng = canvas->rng;
    int32_t kinds = canvas->shape == SN_SHAPE_REGION ? STRIPES : PATTERN_COUNT;
    pattern p = {.kind = (pattern_kind)sn_pick(rng, kinds), .seed = (uint32_t)sn_rng_next(rng)};
    float angle = sn_between(rng, 0.0f, PI), stretch = 1.0f;
    int32_t octaves = 1 + sn_pick(rng, 4);
    p.cell = sn_log_between(rng, 3.0f, sn_max(0.6f * canvas->size, 6.0f));
    if (p.kind == SPECKLE)
        p.cell = sn_log_between(rng, 1.0f, 4.0f);
    if (p.kind == FIBRES)
        stretch = sn_log_between(rng, 6.0f, 30.0f);
    if (p.kind == NOISE)
        stretch = sn_log_between(rng, 1.0f, 3.0f);
    p.c = cosf(angle), p.s = sinf(angle);
    p.hard = sn_log_between(rng, 0.8f, 6.0f);
    p.bend = sn_chance(rng, 0.5f) ? 0.0f : sn_between(rng, 0.1f, 0.8f);
    p.rims = sn_chance(rng, 0.5f);
    p.noise = sn_noise_make(rng,
                            sn_max(p.kind == FIBRES    ? 2.5f * p.cell
                                   : p.kind == STRIPES ? 4.0f * p.cell
                                                       : p.cell,
                                   2.0f),
                            stretch, angle, octaves);
    return p;
}

/* Squared distances to the nearest two of one point in every cell of a grid. */
static float cells_at(const pattern *p, float x, float y) {
    float u = x / p->cell, v = y / p->cell, first = 1e9f, second = 1e9f;
    int32_t iu = sn_floor(u), iv = sn_floor(v);
    uint32_t nearest = 0;
    for (int32_t j = iv - 1; j <= iv + 1; j++)
        for (int32_t i = iu - 1; i <= iu + 1; i++) {
            uint32_t h = sn_hash(i, j, p->seed);
            float dx = (float)i + (float)(h & 0xff) / 255.0f - u,
                  dy = (float)j + (float)(h >> 8 & 0xff) / 255.0f - v;
            float d = dx * dx + dy * dy;
            if (d < first)
                second = first, first = d, nearest = h;
            else if (d < second)
                second = d;
        }
    if (p->rims)
        return sn_clamp01((sqrtf(second) - sqrtf(first)) * (1.0f + p->hard));
    return (float)(nearest >> 16 & 0xff) / 255.0f;
}

static float value_at(const pattern *p, float x, float y) {
    switch (p->kind) {
    case STRIPES: {
        float at = (p->c * x + p->s * y) * PI / p->cell;
        if (p->bend > 0.0f)
            at += 4.0f * p->bend * sn_noise_at(&p->noise, x, y);
        return sn_clamp01(0.5f + 0.5f * p->hard * sinf(at));
    }
    case CELLS:
        return cells_at(p, x, y);
    case GRADIENT:
        return 0.5f + 0.5f * sinf((p->c * x + p->s * y) / (3.0f * p->cell)) +
               0.2f * sn_noise_at(&p->noise, x, y);
    case SPECKLE: {
        uint32_t h = sn_hash(sn_floor(x / p->cell), sn_floor(y / p->cell), p->seed);
        float t = (float)(h & 0xffff) / 65535.0f;
        return p->rims ? t : sn_smooth01((t - 0.7f) * 5.0f);
    }
    case MESH: {
        float u = sinf((p->c * x + p->s * y) * PI / p->cell), v = sinf((p->c * y - p->s * x) * PI / p->cell);
        return sn_clamp01(0.5f + 0.5f * p->hard * (p->rims ? u * v : sn_max(u, v) - 0.5f));
    }
    case NOISE:
    case FIBRES:
    case PATTERN_COUNT:
        break;
    }
    return sn_clamp01(0.5f + p->hard * sn_noise_at(&p->noise, x, y));
}

/* A colour of the picture itself, of a random place and somewhat changed, or any. */
static void draw_colour(sn_canvas *canvas, bool own, float colour[3]) {
    sn_rng *rng = canvas->rng;
    size_t at = (size_t)sn_rng_below(rng, canvas->pixels);
    float gain = sn_log_between(rng, 0.5f, 1.8f);
    for (int c = 0; c < 3; c++)
        colour[c] = own ? sn_clamp01(canvas->good[(size_t)c * canvas->pixels + at] * gain)
                        : (float)sn_rng_uniform(rng);
}

void sn_fill_pattern(sn_canvas *canvas) {
    sn_rng *rng = canvas->rng;
    pattern p = make_pattern(canvas);
    float low[3], high[3], grain = sn_between(rng, 0.0f, 0.03f);
    draw_colour(canvas, sn_chance(rng, 0.6f), low);
    draw_colour(canvas, sn_chance(rng, 0.6f), high);
    for (int32_t y = canvas->box.top; y < canvas->box.bottom; y++)
        for (int32_t x = canvas->box.left; x < canvas->box.right; x++) {
            size_t at = (size_t)y * (size_t)canvas->width + (size_t)x;
            if (canvas->alpha[at] <= 0.0f)
                continue;
            float t = value_at(&p, (float)x, (float)y), n = grain * sn_rough_normal(rng);
            for (int c = 0; c < 3; c++)
                canvas->fill[(size_t)c * canvas->pixels + at] = low[c] + t * (high[c] - low[c]) + n;
        }
}
