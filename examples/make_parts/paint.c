#include "paint.h"

#include <math.h>

/* SplitMix64. */
static uint64_t next(random_state *random) {
    uint64_t z = random->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

random_state random_from(uint64_t seed, uint64_t stream) {
    random_state random = {seed * 0xd1342543de82ef95u + stream};
    random.state = next(&random);
    return random;
}

float random_between(random_state *random, float low, float high) {
    return low + (high - low) * (float)(next(random) >> 40) / 16777216.0f;
}

int random_below(random_state *random, int bound) {
    return (int)((next(random) >> 32) * (uint64_t)bound >> 32);
}

float random_normal(random_state *random) {
    float a = 1 - random_between(random, 0, 1), b = random_between(random, 0, 1);
    return sqrtf(-2 * logf(a)) * cosf(6.2831853f * b);
}

float hash(int x, int y, uint32_t seed) {
    uint32_t h = (uint32_t)x * 0x85ebca6bu ^ (uint32_t)y * 0xc2b2ae35u ^ seed * 0x27d4eb2fu;
    h = (h ^ (h >> 15)) * 0x2c1b3c6du;
    h = (h ^ (h >> 12)) * 0x297a2d39u;
    return (float)((h ^ (h >> 15)) >> 8) / 16777216.0f;
}

float noise(float x, float y, uint32_t seed) {
    int i = (int)x - (x < 0), j = (int)y - (y < 0);
    float u = x - (float)i, v = y - (float)j;
    u = u * u * (3 - 2 * u), v = v * v * (3 - 2 * v);
    float top = hash(i, j, seed) * (1 - u) + hash(i + 1, j, seed) * u;
    float bottom = hash(i, j + 1, seed) * (1 - u) + hash(i + 1, j + 1, seed) * u;
    return top * (1 - v) + bottom * v;
}

float rough_noise(float x, float y, uint32_t seed) {
    return (noise(x, y, seed) * 4 + noise(2.1f * x, 2.1f * y, seed + 1) * 2 +
            noise(4.3f * x, 4.3f * y, seed + 2)) /
           7;
}

float segment_distance(float x, float y, float x0, float y0, float x1, float y1) {
    float dx = x1 - x0, dy = y1 - y0, length = dx * dx + dy * dy;
    float t = length > 0 ? ((x - x0) * dx + (y - y0) * dy) / length : 0;
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    return length_of(x - x0 - t * dx, y - y0 - t * dy);
}

float box_distance(float x, float y, float cx, float cy, float half_width, float half_height) {
    float dx = fabsf(x - cx) - half_width, dy = fabsf(y - cy) - half_height;
    float larger = dx > dy ? dx : dy;
    return larger <= 0 ? larger : length_of(dx > 0 ? dx : 0, dy > 0 ? dy : 0);
}
