/* A scorer's parameters as plain arrays, under the names of the published checkpoints. */
#ifndef SN_SCORER_WEIGHTS_H
#define SN_SCORER_WEIGHTS_H

#include "io/safetensors.h"
#include "scorer/branch.h"
#include "scorer/head.h"
#include "scorer/prior.h"
#include "scorer/scan_order.h"

enum {
    SN_STATES_MAX = 64,
    SN_BRANCHES_MAX = 16,
    SN_DEPTH_MAX = 32,
    SN_RATE_MAX = 512,
    SN_EMBEDDING_MAX = 4096,
    SN_WEIGHT_NAME_MAX = 96
};

/* One tensor. */
typedef struct sn_weight {
    char name[SN_WEIGHT_NAME_MAX]; /* without the prefix */
    int dims;
    int64_t shape[4];
    size_t count;
    const float **slot; /* where the structures below hold its address */
    float *data;
} sn_weight;

typedef struct sn_scorer_weights {
    size_t channels, embedding, branches, depth; /* C, D */
    size_t states, rank, taps;                   /* of the mixers: d_state, dt_rank, d_conv; d_inner is 2 D */
    size_t rates[SN_BRANCHES_MAX];
    double reference_ratio; /* of the metadata; 0 if it has none */
    /* What it was trained with; published files say nothing of it, and have 1, no prior and 0 (unknown). */
    double residual_scale;
    sn_prior prior;
    int32_t neighbours;

    /* All tensors that a scorer needs, in the order of the network; data points into values. */
    sn_weight *table;
    size_t count;
    float *values;
    size_t values_count;

    /* The same by their place. */
    const float *navigator_weight, *navigator_bias;                           /* (C), (1) */
    const float *embed_weight[SN_BRANCHES_MAX], *embed_bias[SN_BRANCHES_MAX]; /* (D, 2C), (D) */
    sn_block_weights *blocks;                                                 /* (branches, depth) */
    const float *norm_weight[SN_BRANCHES_MAX], *norm_bias[SN_BRANCHES_MAX];   /* (D) */
    sn_head_weights *heads;                                                   /* (branches, scans) */
} sn_scorer_weights;

/* Reads the tensors PREFIXNAME and the metadata scales and self_ratio (PREFIXscales, PREFIXself_ratio; "" for
 * a file of its own). Sizes come from shapes; every tensor is checked. The file is not needed afterwards. */
snarm_status sn_scorer_weights_load(sn_scorer_weights **out, const sn_safetensors *file, const char *prefix);
void sn_scorer_weights_destroy(sn_scorer_weights *weights);

/* Weights of these sizes (channels to taps and rates set), all values zero, to be filled through table: for
 * training. */
snarm_status sn_scorer_weights_create(sn_scorer_weights **out, const sn_scorer_weights *sizes);

/* Announces to writer, under prefix, all tensors and the metadata scales and self_ratio: what sn_scorer_weights_load reads and
 * the published code loads. weights must live until the writer has finished. */
snarm_status sn_scorer_weights_write(const sn_scorer_weights *weights, sn_writer *writer, const char *prefix);
/* The same as a file of its own, written whole or not at all. */
snarm_status sn_scorer_weights_save(const sn_scorer_weights *weights, const char *path);

#endif
