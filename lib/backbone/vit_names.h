/* Vision transformers as they are published: four namings of the same tensors, read into one form. */
#ifndef SN_BACKBONE_VIT_NAMES_H
#define SN_BACKBONE_VIT_NAMES_H

#include "backbone/weights.h"

/* One way to name the tensors. Parts of a block follow its prefix; those of linear layers and norms end in ".weight" and ".bias". */
typedef struct sn_vit_names {
    const char *patch;                         /* the convolution over patches */
    const char *cls, *registers, *position;
    const char *block;                         /* printf format of a block's prefix */
    const char *qkv;                           /* queries, keys and values in one, or NULL and these: */
    const char *query, *key, *value;
    const char *proj, *fc1, *fc2, *norm1, *norm2;
    const char *scale1, *scale2;               /* LayerScale; NULL where the naming has none */
    double epsilon;                            /* of the layer norms, where the file's metadata has none */
} sn_vit_names;

typedef struct sn_vit_config {
    const sn_vit_names *names;
    size_t depth, dim, patch, registers, mlp, heads;
    size_t position_side; /* the position grid is square */
    bool position_has_cls, layer_scale;
    bool dinov2; /* positions are interpolated as DINOv2's code does */
    float epsilon;
} sn_vit_config;

/* Whether the file has a ViT's tensors; settles the file's own prefix. */
bool sn_vit_recognise(sn_weights *weights);
/* Reads names, sizes and metadata. */
snarm_status sn_vit_infer(const sn_weights *weights, sn_vit_config *out);

/* The tensors before the blocks, as they lie in the file. */
typedef struct sn_vit_head {
    float *patch_weight; /* (dim, 3 * patch * patch) */
    float *patch_bias;   /* (dim) */
    float *cls;          /* (dim), with its position added */
    float *registers;    /* (registers, dim) */
    float *grid;         /* (position_side * position_side, dim) */
} sn_vit_head;
snarm_status sn_vit_read_head(sn_weights *weights, const sn_vit_config *config, sn_vit_head *out);
void sn_vit_head_release(sn_vit_head *head);

/* One block's, in one piece of memory that the next block can use again: queries, keys and values joined, LayerScale
 * multiplied into the layers before it. */
typedef struct sn_vit_block {
    float *memory;
    float *norm1_gain, *norm1_shift, *norm2_gain, *norm2_shift;
    float *qkv, *qkv_bias, *proj, *proj_bias, *fc1, *fc1_bias, *fc2, *fc2_bias;
    float *scale; /* scratch */
} sn_vit_block;
snarm_status sn_vit_block_create(sn_vit_block *out, const sn_vit_config *config);
void sn_vit_block_release(sn_vit_block *block);
snarm_status sn_vit_read_block(sn_weights *weights, const sn_vit_config *config, size_t index, sn_vit_block *out);

/* Positions of a columns x rows grid of patches: grid (position_side^2, dim) interpolated bicubically (a = -0.75, no antialias,
 * edges repeated); out (rows * columns, dim). */
void sn_vit_positions(const sn_vit_config *config, const float *grid, size_t columns, size_t rows, float *out);

#endif
