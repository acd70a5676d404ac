/* Painting pictures pixel by pixel: random numbers, noise, shapes, and a camera. */
#ifndef PAINT_H
#define PAINT_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct colour {
    float r, g, b; /* 0 black to 1 full */
} colour;

/* A sequence of random numbers, the same on every machine. */
typedef struct random_state {
    uint64_t state;
} random_state;
random_state random_from(uint64_t seed, uint64_t stream);
float random_between(random_state *random, float low, float high);
int random_below(random_state *random, int bound);
float random_normal(random_state *random);

/* A random number 0..1 that belongs to the integers. */
float hash(int x, int y, uint32_t seed);
/* Smooth noise 0..1 with features of about one unit, and the same with finer ones added. */
float noise(float x, float y, uint32_t seed);
float rough_noise(float x, float y, uint32_t seed);

/* 0 below low, 1 above high, smooth between. */
static inline float smooth_step(float low, float high, float value) {
    float t = (value - low) / (high - low);
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    return t * t * (3 - 2 * t);
}

/* How much of a pixel lies inside of an edge this far away (negative inside). */
static inline float cover(float distance) {
    float share = 0.5f - distance;
    return share < 0 ? 0 : share > 1 ? 1 : share;
}

static inline float length_of(float x, float y) {
    return sqrtf(x * x + y * y);
}

/* Distance from a point to the line between two others. */
float segment_distance(float x, float y, float x0, float y0, float x1, float y1);
/* Distance to the edge of a rectangle around a centre, negative inside. */
float box_distance(float x, float y, float cx, float cy, float half_width, float half_height);
static inline colour mix(colour a, colour b, float share) {
    return (colour){a.r + (b.r - a.r) * share, a.g + (b.g - a.g) * share, a.b + (b.b - a.b) * share};
}

static inline colour scaled(colour a, float factor) {
    return (colour){a.r * factor, a.g * factor, a.b * factor};
}

#endif
