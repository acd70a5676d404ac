/* Drawing a defect: its kind, size and strength; again, within bounds, until it can be seen. */
#include "synthesis/draw.h"

#include "core/memory.h"
#include "core/pool.h"

#include <string.h>

/* A pair is tried so often, each time stronger, before another is drawn. */
enum { TRIES = 24, TRIES_OF_PAIR = 3 };

struct sn_synthesis {
    sn_synthesis_options options;
    sn_pool *canvases;
};

static void canvas_destroy(void *state) {
    sn_canvas *canvas = state;
    if (canvas == NULL)
        return;
    sn_free(canvas->alpha);
    sn_free(canvas->stack);
    sn_free(canvas->object);
    sn_free(canvas);
}

static snarm_status canvas_create(void **out, const void *owner) {
    const sn_synthesis *synthesis = owner;
    sn_canvas *canvas;
    *out = NULL;
    SN_TRY(sn_alloc_zeroed(&canvas, 1, sizeof *canvas, "synthesis"));
    canvas->options = &synthesis->options;
    canvas->width = synthesis->options.width, canvas->height = synthesis->options.height;
    canvas->pixels = (size_t)canvas->width * (size_t)canvas->height;
    size_t planes = 1 + 3 + SN_CANVAS_PLANES;
    snarm_status status;
    SN_GOTO(status, sn_alloc_zeroed(&canvas->alpha, canvas->pixels * planes, sizeof(float), "synthesis"),
            fail);
    SN_GOTO(status, sn_alloc(&canvas->stack, canvas->pixels * 2, sizeof(int32_t), "synthesis"), fail);
    SN_GOTO(status, sn_alloc(&canvas->object, canvas->pixels, 1, "synthesis"), fail);
    canvas->fill = canvas->alpha + canvas->pixels;
    for (size_t i = 0; i < SN_CANVAS_PLANES; i++)
        canvas->plane[i] = canvas->alpha + (4 + i) * canvas->pixels;
    canvas->rim = canvas->stack + canvas->pixels;
    *out = canvas;
    return SNARM_OK;
fail:
    canvas_destroy(canvas);
    return status;
}

snarm_status sn_synthesis_create(sn_synthesis **out, const sn_synthesis_options *options) {
    *out = NULL;
    SN_TRY(sn_synthesis_options_check(options));
    sn_synthesis *synthesis;
    SN_TRY(sn_alloc_zeroed(&synthesis, 1, sizeof *synthesis, "synthesis"));
    synthesis->options = *options;
    snarm_status status = sn_pool_create(&synthesis->canvases, canvas_create, canvas_destroy, synthesis);
    if (status != SNARM_OK) {
        sn_free(synthesis);
        return status;
    }
    *out = synthesis;
    return SNARM_OK;
}

void sn_synthesis_destroy(sn_synthesis *synthesis) {
    if (synthesis == NULL)
        return;
    sn_pool_destroy(synthesis->canvases);
    sn_free(synthesis);
}

static snarm_status take_canvas(const sn_synthesis *synthesis, sn_rng *rng, sn_canvas **out) {
    void *state;
    SN_TRY(sn_pool_take(synthesis->canvases, &state));
    *out = state;
    (*out)->rng = rng;
    return SNARM_OK;
}

snarm_status sn_synthesis_jitter(const sn_synthesis *synthesis, sn_rng *rng, const float *src, float *dst) {
    sn_canvas *canvas;
    SN_TRY(take_canvas(synthesis, rng, &canvas));
    sn_jitter(canvas, src, dst);
    sn_pool_give(synthesis->canvases, canvas);
    return SNARM_OK;
}

/* The place at which a share of the sum of weights is reached; the last one above 0 takes what rounding
 * leaves. */
static int choose(sn_rng *rng, const float *weights, int count) {
    float sum = 0.0f;
    int last = -1;
    for (int i = 0; i < count; i++)
        sum += weights[i];
    float at = sum * (float)sn_rng_uniform(rng);
    for (int i = 0; i < count; i++) {
        if (weights[i] <= 0.0f)
            continue;
        last = i;
        if (at < weights[i])
            break;
        at -= weights[i];
    }
    return last;
}

/* First the shape, in proportion to its weight as long as any filling goes with it, then the filling: a shape
 * with few fillings is drawn as often as the others. false: none suits this picture. */
static bool choose_pair(const sn_canvas *canvas, sn_shape *shape, sn_filling *fill) {
    float shapes[SN_SHAPE_COUNT], fills[SN_SHAPE_COUNT][SN_FILL_COUNT];
    for (int s = 0; s < SN_SHAPE_COUNT; s++) {
        bool any = false;
        for (int f = 0; f < SN_FILL_COUNT; f++) {
            fills[s][f] = f == SN_FILL_COLOUR && canvas->grey ? 0.0f : sn_pair_weight(canvas->options, s, f);
            any |= fills[s][f] > 0.0f;
        }
        shapes[s] = any ? canvas->options->shape_weight[s] : 0.0f;
    }
    int s = choose(canvas->rng, shapes, SN_SHAPE_COUNT);
    if (s < 0)
        return false;
    *shape = (sn_shape)s;
    *fill = (sn_filling)choose(canvas->rng, fills[s], SN_FILL_COUNT);
    return true;
}

static float draw_size(const sn_canvas *canvas, sn_shape shape) {
    const sn_synthesis_options *o = canvas->options;
    float low = o->size_min, high = sn_max(o->size_max * sqrtf((float)canvas->pixels), low);
    if (shape == SN_SHAPE_SCRATCH || shape == SN_SHAPE_CRACK)
        low *= 1.5f, high *= 2.0f;
    if (shape == SN_SHAPE_REGION)
        low = 0.6f * high, high *= 2.5f;
    if (shape == SN_SHAPE_SECTION)
        low = 1.5f * low, high = 1.1f * high;
    if (shape == SN_SHAPE_SPOTS)
        high = sn_min(high, 4.0f * low);
    return sn_log_between(canvas->rng, low, sn_max(high, low));
}

static void draw_shape(sn_canvas *canvas) {
    static void (*const shapes[SN_SHAPE_COUNT])(sn_canvas *) = {
        [SN_SHAPE_BLOB] = sn_draw_blob,       [SN_SHAPE_SPOTS] = sn_draw_spots,
        [SN_SHAPE_SCRATCH] = sn_draw_scratch, [SN_SHAPE_CRACK] = sn_draw_crack,
        [SN_SHAPE_CHIP] = sn_draw_chip,       [SN_SHAPE_PATCH] = sn_draw_patch,
        [SN_SHAPE_REGION] = sn_draw_region,   [SN_SHAPE_SECTION] = sn_draw_section,
    };
    shapes[canvas->shape](canvas);
    bool line = canvas->shape == SN_SHAPE_SCRATCH || canvas->shape == SN_SHAPE_CRACK;
    /* Edges no softer than what is inside them. */
    int32_t most = line ? 1 : (int32_t)(canvas->size / 6.0f);
    most = most < canvas->options->feather ? most : canvas->options->feather;
    sn_feather(canvas, line && !sn_chance(canvas->rng, 0.3f) ? 0 : sn_pick(canvas->rng, most + 1));
}

/* Mean change aimed at: of subtle defects a few percent of the range of tones. */
static float draw_contrast(sn_canvas *canvas, bool subtle) {
    /* Small and thin things must differ more to be seen at all. */
    float base = canvas->shape == SN_SHAPE_SCRATCH || canvas->shape == SN_SHAPE_CRACK ? 0.07f
                 : canvas->shape == SN_SHAPE_REGION || canvas->shape == SN_SHAPE_SECTION ? 0.035f
                                                                                         : 0.045f;
    /* And so must those on rough ground. */
    base += 0.6f * sn_roughness(canvas);
    if (subtle)
        return sn_log_between(canvas->rng, base, 2.5f * base);
    return sn_log_between(canvas->rng, sn_min(2.5f * base, 0.6f), 0.8f);
}

/* Puts dst, mask and alpha back to a picture without a defect. */
static void wipe(sn_canvas *canvas, float *dst, uint8_t *mask) {
    sn_box box = sn_box_grow(canvas, canvas->box, 4);
    for (int32_t y = box.top; y < box.bottom; y++) {
        size_t at = (size_t)y * (size_t)canvas->width + (size_t)box.left,
               count = (size_t)(box.right - box.left);
        for (size_t c = 0; c < 3; c++)
            memcpy(dst + c * canvas->pixels + at, canvas->good + c * canvas->pixels + at,
                   count * sizeof *dst);
        memset(mask + at, 0, count);
        memset(canvas->alpha + at, 0, count * sizeof *canvas->alpha);
    }
    canvas->box = (sn_box){0, 0, 0, 0};
}

/* Seen well enough to be learnt from: as large as the smallest spot, and a good part of what was drawn. */
static bool is_enough(const sn_canvas *canvas, int32_t visible, float share) {
    float area = 0.35f * canvas->options->size_min * canvas->options->size_min;
    return (float)visible >= area && share > 0.3f;
}

static bool draw(sn_canvas *canvas, float *dst, uint8_t *mask, sn_defect *what) {
    what->subtle = sn_chance(canvas->rng, canvas->options->subtle);
    for (int32_t i = 0; i < TRIES; i++) {
        if (i % TRIES_OF_PAIR == 0 && !choose_pair(canvas, &what->shape, &what->fill))
            return false;
        canvas->shape = what->shape;
        canvas->size = what->size = draw_size(canvas, what->shape);
        draw_shape(canvas);
        sn_fill(canvas, what->fill);
        float stronger = 1.0f + 0.3f * (float)(i % TRIES_OF_PAIR), share;
        what->opacity = sn_blend(canvas, stronger * draw_contrast(canvas, what->subtle), dst);
        sn_box bounds;
        what->visible = sn_visible(canvas, dst, mask, &bounds, &what->contrast, &share);
        what->left = bounds.left, what->top = bounds.top, what->right = bounds.right,
        what->bottom = bounds.bottom;
        what->tries = i + 1;
        if (is_enough(canvas, what->visible, share))
            return true;
        wipe(canvas, dst, mask);
    }
    return false;
}

snarm_status sn_synthesis_defect(const sn_synthesis *synthesis, sn_rng *rng, const float *good,
                                 const float *other, float *dst, uint8_t *mask, sn_defect *what) {
    sn_canvas *canvas;
    SN_TRY(take_canvas(synthesis, rng, &canvas));
    sn_defect drawn = {0};
    memcpy(dst, good, 3 * canvas->pixels * sizeof *dst);
    memset(mask, 0, canvas->pixels);
    sn_canvas_analyse(canvas, good, other);
    drawn.on_object = canvas->has_object;
    if (!draw(canvas, dst, mask, &drawn)) {
        drawn.opacity = drawn.contrast = 0.0f;
        drawn.left = drawn.top = drawn.right = drawn.bottom = drawn.visible = 0;
    }
    /* The next call begins with an empty shape. */
    memset(canvas->alpha, 0, canvas->pixels * sizeof *canvas->alpha);
    canvas->box = (sn_box){0, 0, 0, 0};
    if (what != NULL)
        *what = drawn;
    sn_pool_give(synthesis->canvases, canvas);
    return SNARM_OK;
}
