/* The Mamba mixer: a selective state space over a sequence. */
#ifndef SN_SCORER_MIXER_H
#define SN_SCORER_MIXER_H

#include "kernel/stream.h"
#include "kernel/type.h"

#include <stddef.h>

/* D embedding, E = 2 D inner channels. Arrays as PyTorch has them; the caller's. */
typedef struct sn_mixer_weights {
    size_t embedding, states, rank, taps; /* D, d_state 1..64, dt rank, width of the convolution */
    const float *in_proj;                 /* (2E, D): x, then the gate z */
    const float *conv_weight, *conv_bias; /* (E, taps), (E) */
    const float *x_proj;                  /* (rank + 2 states, E): dt, then B, then C */
    const float *dt_weight, *dt_bias;     /* (E, rank), (E) */
    const float *a_log;                   /* (E, states) */
    const float *skip;                    /* (E), "D" in the files */
    const float *out_proj;                /* (D, E) */
} sn_mixer_weights;

/* For batch sequences of length steps, both 1 or more; immutable, the weights are copied. The factors of in_proj and
 * out_proj are of that type. */
typedef struct sn_mixer sn_mixer;
snarm_status sn_mixer_create(sn_mixer **out, const sn_mixer_weights *weights, size_t batch, size_t length,
                             sn_type type);
void sn_mixer_destroy(sn_mixer *mixer);
/* Floats of scratch memory that a run needs. */
size_t sn_mixer_scratch(const sn_mixer *mixer);
/* src (batch, length, D) of the type, dst (batch, length, D), each sequence starting from a state of zero. */
snarm_status sn_mixer_run(const sn_mixer *mixer, sn_stream *stream, const void *src, float *scratch,
                          float *dst);

#endif
