/* What forward and backward of the mixer for training share: its operations and the division of memory. */
#ifndef SN_SCORER_MIXER_PARTS_H
#define SN_SCORER_MIXER_PARTS_H

#include "kernel/gemm.h"
#include "scorer/mixer_backward.h"

/* Products of activations and packed weights, on one sequence: the four of the way forward, then back. */
typedef enum sn_mixer_layer {
    SN_IN,
    SN_PROJECT,
    SN_DT,
    SN_OUT,
    SN_OUT_BACK,
    SN_DT_BACK,
    SN_PROJECT_BACK,
    SN_IN_BACK,
    SN_MIXER_LAYERS
} sn_mixer_layer;

/* Products over time of activations and gradients: gradients of weights, added up over sequences. */
typedef enum sn_mixer_sum { SN_SUM_IN, SN_SUM_PROJECT, SN_SUM_DT, SN_SUM_OUT, SN_MIXER_SUMS } sn_mixer_sum;

struct sn_mixer_training {
    size_t batch, length, embedding, inner, states, rank, taps; /* inner: E */
    size_t projected;                                           /* rank + 2 states */
    int threads;                                                /* that share the sequences */
    sn_gemm *layers[SN_MIXER_LAYERS];
    sn_product *sums[SN_MIXER_SUMS];
};

/* What forward keeps; all (batch * length, ...). */
typedef struct sn_mixer_kept {
    float *xz;        /* 2E: before the convolution, and the gate */
    float *projected; /* rank + 2 states: what dt is made of, b, c */
    size_t count;     /* floats in all */
} sn_mixer_kept;

/* A thread's own scratch memory: one sequence's activations and gradients, and sums over its sequences. */
typedef struct sn_mixer_own {
    float *x;           /* (length, E): after the convolution */
    float *dt;          /* (length, E): before the softplus; then its gradient; on the way forward, then y */
    float *y;           /* (length, E): the gradient by y, then y */
    float *xz;          /* (length, 2E): gradients; x's is first that after the convolution */
    float *projected;   /* (length, rank + 2 states): gradients */
    float *scan;        /* scratch memory of the scan */
    size_t activations; /* floats so far */
    /* Sums of gradients, as the weights lie; but conv_weight (taps, E), and a (states, E), by -exp(A_log). */
    float *in_proj, *conv_weight, *conv_bias, *x_proj, *dt_weight, *dt_bias, *a, *skip, *out_proj;
    size_t count; /* floats in all */
} sn_mixer_own;

/* What all threads read, made anew from the weights at every call; then the threads' own parts. */
typedef struct sn_mixer_shared {
    float *conv_weight;             /* (taps, E): vectors of channels */
    float *a;                       /* (states, E): -exp(A_log) */
    float *packed[SN_MIXER_LAYERS]; /* weights */
    float *own;
    size_t own_floats; /* of each thread */
    size_t count;      /* floats in all */
} sn_mixer_shared;

/* The blocks' divisions; a block of NULL only counts. */
sn_mixer_kept sn_mixer_divide_kept(const sn_mixer_training *mixer, float *kept);
sn_mixer_own sn_mixer_divide_own(const sn_mixer_training *mixer, float *scratch);
sn_mixer_shared sn_mixer_divide_shared(const sn_mixer_training *mixer, float *scratch);

#endif
