/* Files of random networks in each published naming, made to be read by the backbone. */
#ifndef SN_TESTS_NETWORKS_H
#define SN_TESTS_NETWORKS_H

#include "io/safetensors.h"

/* How a file differs from a good one, and what its metadata says. Zero: a good F32 file without metadata. */
typedef struct file_changes {
    bool half, bfloat;        /* F16 or BF16 on disk: values are such that all three hold them exactly */
    const char *prefix;       /* before every name */
    const char *omit;         /* a tensor left out */
    const char *flatten;      /* one written as a vector */
    const char *poison;       /* one whose last value is not a number */
    const char *negative;     /* one whose first value is -1 */
    const char *extra;        /* one more, of one value */
    const char *metadata[8][2];
} file_changes;

typedef enum naming { META_NAMES, TIMM_NAMES, HUGGING_FACE_NAMES, HUGGING_FACE_PLAIN_NAMES } naming;

typedef struct vit_shape {
    naming names;
    size_t dim, depth, patch, registers, mlp, side;
    bool layer_scale;
    bool symmetric; /* patches and positions are their own transposes */
} vit_shape;

/* The same shape gives the same network in every naming and type. */
void write_vit(const char *path, const vit_shape *shape, const file_changes *changes);

typedef struct resnet_shape {
    bool bottleneck;
    size_t width;     /* of the stem and, times 4 in bottlenecks, of the first stage */
    size_t inner;     /* of the first stage's inner convolutions: width, or twice that in wide networks */
    size_t blocks[4]; /* 0: the file ends before that stage */
} resnet_shape;
void write_resnet(const char *path, const resnet_shape *shape, const file_changes *changes);

#endif
