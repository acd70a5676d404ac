/* The residual engine's inside, shared by its files. */
#ifndef SN_RESIDUAL_ENGINE_H
#define SN_RESIDUAL_ENGINE_H

#include "core/pool.h"
#include "kernel/stream.h"
#include "residual/intra.h"
#include "snarm/residual.h"

struct snarm_residual {
    size_t patches, channels, neighbours, references;
    float scale;
    int threads;
    float *weight; /* (channels) the navigator's */
    float *mean;   /* (channels) of 1 / channels */
    float bias;
    sn_intra *intra;
    sn_pool *pool; /* of residual_state */
};

/* What one call needs. */
typedef struct residual_state {
    sn_stream *stream;
    sn_intra_state *intra;
    float *waypoint, *navigator; /* (patches) */
    uint8_t *reference;          /* (patches) */
    int32_t *nearest;            /* (patches, neighbours) */
} residual_state;

/* snarm_residual_hybrid with another navigator: weight (C) floats, in training new at every step. ranks: of features
 * (residual/ranks.h), or NULL. */
snarm_status sn_residual_hybrid_with(const snarm_residual *engine, const float *weight, float bias, const float *features,
                                     const uint16_t *ranks, const float *inter, float *hybrid, uint8_t *reference, float *navigator);

/* The inter-residual from what a search found: nearest (N, k) of the bank's vectors. */
void sn_residual_inter_of(const snarm_residual *engine, const float *vectors, const int32_t *nearest,
                          const float *features, float *inter);

#endif
