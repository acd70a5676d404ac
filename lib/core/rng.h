/* A small seeded generator (xoshiro256**): the same sequence on every machine. */
#ifndef SN_CORE_RNG_H
#define SN_CORE_RNG_H

#include <stdint.h>

typedef struct sn_rng {
    uint64_t state[4];
} sn_rng;

/* Any seed gives a good sequence; stream separates uses of one seed. */
void sn_rng_seed(sn_rng *rng, uint64_t seed, uint64_t stream);
uint64_t sn_rng_next(sn_rng *rng);
/* Uniform in [0, 1). */
double sn_rng_uniform(sn_rng *rng);
/* Uniform in 0..bound-1; bound at least 1. Unbiased. */
uint64_t sn_rng_below(sn_rng *rng, uint64_t bound);
/* Standard normal. */
double sn_rng_normal(sn_rng *rng);

#endif
