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

#endif
