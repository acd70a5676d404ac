/* What the files of the synthesis share: the working state of one call, chance, boxes, sampling. */
#ifndef SN_SYNTHESIS_PARTS_H
#define SN_SYNTHESIS_PARTS_H

#include "synthesis/synthesis.h"

#include "core/status.h"

#include <math.h>
#include <stddef.h>

/* A part of the picture; right and bottom lie just outside. Empty if right <= left or bottom <= top. */
typedef struct sn_box {
    int32_t left, top, right, bottom;
} sn_box;

enum { SN_CANVAS_PLANES = 6 };

/* The working state of one call, kept in a pool. Nothing in it outlives the call but the memory. */
typedef struct sn_canvas {
    int32_t width, height;
    size_t pixels;
    const sn_synthesis_options *options;
    sn_rng *rng;
    const float *good, *other;

    /* Known of the good picture (analysis.c). */
    bool grey;       /* the three channels are equal */
    bool colourless; /* nearly so */
    bool has_object; /* on a plain background */
    float background[3];
    float dark[3], light[3]; /* colours of a dark and of a light place */
    uint8_t *object;         /* (h, w), 1 on the object; all 1 without one */
    int32_t *rim;            /* the object's pixels that touch the background */
    int32_t rim_count;

    /* The defect being made. */
    sn_shape shape;
    float size;   /* pixels */
    float *alpha; /* (h, w): how much of the filling is seen; 0 outside box */
    sn_box box;
    float *fill; /* (3, h, w), valid inside box */
    bool opaque; /* the filling goes over into the picture by itself: blend it in whole */

    float *plane[SN_CANVAS_PLANES]; /* (h, w) each, for anything */
    int32_t *stack;                 /* h * w */
} sn_canvas;

/* analysis.c: fills in what is known of the good picture, which it also sets. */
void sn_canvas_analyse(sn_canvas *canvas, const float *good, const float *other);

/* blobs.c, lines.c: draw alpha, which is all 0 before, and the box around it; canvas->size is set. */
void sn_draw_blob(sn_canvas *canvas);
void sn_draw_spots(sn_canvas *canvas);
void sn_draw_chip(sn_canvas *canvas);
void sn_draw_patch(sn_canvas *canvas);
void sn_draw_region(sn_canvas *canvas);
void sn_draw_section(sn_canvas *canvas); /* sections.c */
void sn_draw_scratch(sn_canvas *canvas);
void sn_draw_crack(sn_canvas *canvas);

/* Keeps alpha on the object, or off it. */
void sn_keep_on_object(sn_canvas *canvas, bool on);

/* fills.c: the filling inside the box. Some widen alpha and box. */
void sn_fill(sn_canvas *canvas, sn_filling filling);
/* patterns.c: SN_FILL_PATTERN. */
void sn_fill_pattern(sn_canvas *canvas);

/* blend.c: softens the edges of alpha; dst = good with the filling at an opacity chosen for the wanted
 * contrast, which is handed back. dst is good before. */
void sn_feather(sn_canvas *canvas, int32_t radius);
float sn_blend(sn_canvas *canvas, float contrast, float *dst);

/* visible.c: sets mask (all 0 before) where dst visibly differs from good; the number of such pixels, their
 * bounds in *bounds, their mean change in *contrast, and in *share how much of the shape is seen by itself,
 * not only as the fading end of what is. */
int32_t sn_visible(sn_canvas *canvas, const float *dst, uint8_t *mask, sn_box *bounds, float *contrast,
                   float *share);

/* jitter.c */
void sn_jitter(sn_canvas *canvas, const float *src, float *dst);

/* How rough the good picture is where the shape is: the mean deviation from the mean of small windows. */
float sn_roughness(sn_canvas *canvas);

/* A random place for a defect: mostly on the object, where there is one. */
void sn_random_place(sn_canvas *canvas, float *x, float *y);

/* sampling.c */
/* Means over (2 radius + 1)^2 windows inside the box, cut off at its border; stride is the canvas's width.
 * src and dst may be the same plane; uses plane[5]. */
void sn_box_mean(sn_canvas *canvas, const float *src, float *dst, sn_box box, int32_t radius);
/* The box grown by so many pixels, inside the picture. */
sn_box sn_box_grow(const sn_canvas *canvas, sn_box box, int32_t by);
/* Cuts the box to the picture; the same for one around a point. */
sn_box sn_box_around(const sn_canvas *canvas, float x, float y, float radius);
void sn_box_join(sn_box *box, sn_box other);

/* x' = xx x + xy y + x0, y' = yx x + yy y + y0: from a pixel to the place it is taken from. */
typedef struct sn_affine {
    float xx, xy, x0, yx, yy, y0;
} sn_affine;
/* Turned by angle and scaled around (cx, cy), which is taken from (sx, sy). */
sn_affine sn_affine_make(float angle, float scale_x, float scale_y, float cx, float cy, float sx, float sy);
/* Bilinear, beyond the borders mirrored. src and dst are (3, height, width); only the box of dst is written.
 */
void sn_sample_planes(const sn_canvas *canvas, const float *src, const sn_affine *map, sn_box box,
                      float *dst);
/* The same from a picture of any format; samples / 255. */
void sn_sample_image(const sn_canvas *canvas, const snarm_image *image, const sn_affine *map, sn_box box,
                     float *dst);
/* One place of (3, height, width) planes. */
void sn_sample_at(const sn_canvas *canvas, const float *src, float x, float y, float out[3]);

/* noise.c: gradient noise in octaves, about -1..1 with standard deviation near 0.35; its cells are turned and
 * of different size in the two directions. */
typedef struct sn_noise {
    uint32_t seed;
    int32_t octaves;
    float xx, xy, yx, yy, x0, y0; /* pixels to cells */
    float gain;                   /* of an octave to the one before */
} sn_noise;
/* cell: pixels across a cell of the first octave; stretch: how many times longer it is in one direction. */
sn_noise sn_noise_make(sn_rng *rng, float cell, float stretch, float angle, int32_t octaves);
float sn_noise_at(const sn_noise *noise, float x, float y);
/* Well mixed bits of two integers and a seed. */
uint32_t sn_hash(int32_t x, int32_t y, uint32_t seed);

/* fmaxf and fminf are calls too, for the sake of what is not a number. */
static inline float sn_max(float a, float b) {
    return a > b ? a : b;
}
static inline float sn_min(float a, float b) {
    return a < b ? a : b;
}

/* Chance. */
static inline float sn_between(sn_rng *rng, float low, float high) {
    return low + (high - low) * (float)sn_rng_uniform(rng);
}
static inline float sn_log_between(sn_rng *rng, float low, float high) {
    return low * powf(high / low, (float)sn_rng_uniform(rng));
}
static inline bool sn_chance(sn_rng *rng, float probability) {
    return sn_rng_uniform(rng) < (double)probability;
}
static inline int32_t sn_pick(sn_rng *rng, int32_t count) {
    return (int32_t)sn_rng_below(rng, (uint64_t)count);
}
/* About normal with standard deviation 1, from one draw: for noise on every pixel. */
static inline float sn_rough_normal(sn_rng *rng) {
    uint64_t bits = sn_rng_next(rng);
    int32_t sum = (int32_t)(bits & 0xffff) + (int32_t)(bits >> 16 & 0xffff) + (int32_t)(bits >> 32 & 0xffff) +
                  (int32_t)(bits >> 48);
    return (float)(sum - 2 * 0xffff) * (1.7320508f / 0xffff);
}

/* 0 for what is not a number. */
static inline float sn_clamp01(float value) {
    return value > 0.0f ? value < 1.0f ? value : 1.0f : 0.0f;
}
static inline float sn_smooth01(float value) {
    float t = sn_clamp01(value);
    return t * t * (3.0f - 2.0f * t);
}
/* On the steps of 8-bit pictures. */
static inline float sn_to_step(float value) {
    return (float)(int32_t)(sn_clamp01(value) * 255.0f + 0.5f) / 255.0f;
}
/* The whole number below, of values that int32_t holds: without SSE 4.1 floorf is a call, and this is done
 * for every pixel. */
static inline int32_t sn_floor(float value) {
    int32_t whole = (int32_t)value;
    return whole - (value < (float)whole);
}

#endif
