#include "core/rng.h"

#include <math.h>

static uint64_t splitmix(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void sn_rng_seed(sn_rng *rng, uint64_t seed, uint64_t stream) {
    uint64_t state = seed;
    state = splitmix(&state) ^ (stream * 0xd1342543de82ef95u + 1);
    for (int i = 0; i < 4; i++)
        rng->state[i] = splitmix(&state);
}

static uint64_t rotate(uint64_t x, int by) {
    return (x << by) | (x >> (64 - by));
}

uint64_t sn_rng_next(sn_rng *rng) {
    uint64_t *s = rng->state;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

double sn_rng_uniform(sn_rng *rng) {
    return (double)(sn_rng_next(rng) >> 11) * 0x1p-53;
}

uint64_t sn_rng_below(sn_rng *rng, uint64_t bound) {
    /* Values from the incomplete last multiple of bound would favour small results: draw again. */
    uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    uint64_t x;
    do
        x = sn_rng_next(rng);
    while (x >= limit);
    return x % bound;
}

double sn_rng_normal(sn_rng *rng) {
    /* Box-Muller, one of the pair: no state to keep. */
    double u = 1.0 - sn_rng_uniform(rng);
    double v = sn_rng_uniform(rng);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}
