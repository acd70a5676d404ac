/* Gradient noise (Perlin's, with a hash in place of his table) in octaves. */
#include "synthesis/parts.h"

uint32_t sn_hash(int32_t x, int32_t y, uint32_t seed) {
    uint32_t h = (uint32_t)x * 0x8da6b343u ^ (uint32_t)y * 0xd8163841u ^ seed;
    h = (h ^ (h >> 16)) * 0x7feb352du;
    h = (h ^ (h >> 15)) * 0x846ca68bu;
    return h ^ (h >> 16);
}

sn_noise sn_noise_make(sn_rng *rng, float cell, float stretch, float angle, int32_t octaves) {
    float along = 1.0f / (cell * sqrtf(stretch)), across = sqrtf(stretch) / cell;
    float c = cosf(angle), s = sinf(angle);
    return (sn_noise){
        .seed = (uint32_t)sn_rng_next(rng),
        .octaves = octaves,
        .xx = c * along,
        .xy = s * along,
        .yx = -s * across,
        .yy = c * across,
        .x0 = sn_between(rng, 0.0f, 64.0f),
        .y0 = sn_between(rng, 0.0f, 64.0f),
        .gain = 0.5f,
    };
}

/* One of sixteen directions times the offset from the corner. */
static inline float slope(uint32_t hash, float x, float y) {
    static const float cosines[16] = {1.0f,  0.924f,  0.707f,  0.383f,  0.0f, -0.383f, -0.707f, -0.924f,
                                      -1.0f, -0.924f, -0.707f, -0.383f, 0.0f, 0.383f,  0.707f,  0.924f};
    uint32_t direction = hash >> 28;
    return cosines[direction] * x + cosines[(direction + 12) & 15] * y;
}

static inline float fade(float t) {
    return t * t * t * (t * (t * 6.0f - 15.0f) + 10.0f);
}

static float octave(float x, float y, uint32_t seed) {
    int32_t ix = sn_floor(x), iy = sn_floor(y);
    float u = x - (float)ix, v = y - (float)iy;
    float a = slope(sn_hash(ix, iy, seed), u, v), b = slope(sn_hash(ix + 1, iy, seed), u - 1.0f, v);
    float c = slope(sn_hash(ix, iy + 1, seed), u, v - 1.0f);
    float d = slope(sn_hash(ix + 1, iy + 1, seed), u - 1.0f, v - 1.0f);
    float s = fade(u), t = fade(v);
    a += s * (b - a), c += s * (d - c);
    return a + t * (c - a);
}

float sn_noise_at(const sn_noise *noise, float x, float y) {
    float u = noise->xx * x + noise->xy * y + noise->x0, v = noise->yx * x + noise->yy * y + noise->y0;
    float sum = 0.0f, weight = 1.4f;
    for (int32_t i = 0; i < noise->octaves; i++) {
        sum += weight * octave(u, v, noise->seed + (uint32_t)i * 0x9e3779b9u);
        weight *= noise->gain;
        u = 2.0f * u + 0.37f, v = 2.0f * v + 0.71f;
    }
    return sum;
}
