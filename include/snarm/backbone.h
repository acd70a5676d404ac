/* libsnarm: the backbone, a frozen pretrained network that turns a picture into patch features.
 *
 * Two families behind one handle, told apart by the tensors' names in the file:
 *   ViT  DINOv2 and DINOv2 with registers, plain ViTs (Meta, timm and Hugging Face names)
 *   CNN  ResNet-18/34/50/101 and WideResNet-50-2 (torchvision and timm names)
 * Files are safetensors with F32, F16 or BF16 tensors, as published. The file's metadata may set image_mean and
 * image_std ("0.5,0.5,0.5"), heads, norm_eps, name and licence; else ImageNet's mean and std, heads of 64 channels and 1e-6 (1e-12 for
 * Hugging Face's plain ViTs) hold. A ViT's positions are interpolated bicubically where the input's grid is not the file's:
 * with DINOv2's offset of 0.1 where there are registers, or LayerScale and patches of 14; else from size to size.
 *
 * The library brings one network, a small ResNet up to its third stage, which needs no file (docs/backbones.md). Published files are the
 * way to the best accuracy.
 */
#ifndef SNARM_BACKBONE_H
#define SNARM_BACKBONE_H

#include "snarm/image.h"
#include "snarm/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A network prepared for one input size. Immutable: any number of threads may use one at the same time. */
typedef struct snarm_backbone snarm_backbone;

/* Stands for the built-in network wherever a backbone's path is taken, as NULL does; for scripts and configuration files, which have no
 * NULL. A file of that name is written "./builtin". */
#define SNARM_BUILTIN_BACKBONE "builtin"

/* Most layers that may be chosen. */
enum { SNARM_LAYERS_MAX = 64 };

/* Initialise with snarm_backbone_options_init; zero means default. */
typedef struct snarm_backbone_options {
    size_t struct_size;
    int32_t width, height; /* pixels of the network's input; default 392, rounded to the nearest multiple of the patch
                              (ViT; 384 for patches of 16) or of 8 (CNN); a value given must be such a multiple; 32..4,096 */
    int32_t layers[SNARM_LAYERS_MAX]; /* which outputs are used, with layer_count: blocks of a ViT counted from 0,
                                         stages 1..4 of a CNN; ascending. Default: a ViT's blocks 1..8 of 12, 2..17 of 24
                                         ((depth + 6) / 12 first, 2/3 of the depth in all); a CNN's stages 2 and 3.
                                         The network is never run past the last one. */
    int32_t layer_count;  /* 0: default layers */
    int32_t groups;       /* a ViT's layers are averaged in so many groups of consecutive ones; default 2, must divide
                             layer_count (1 if that is 1); each stage of a CNN is a group of its own (the option is ignored) */
    int32_t channels;     /* C, feature channels; default 512: each group is mean-pooled to 1,024 channels, the groups are
                             concatenated and pooled to C; 8..4,096. -1: no pooling, C = sum of the groups' channels */
    int32_t neighbourhood; /* mean over a square of so many grid positions around each (PatchCore's), before the groups meet;
                             1, 3 or 5; 1 is none; default 1 for ViTs, 3 for CNNs; positions outside count as zeros */
    int32_t threads;      /* default 0: snarm_default_threads(); 1..64 */
    int32_t reserved;     /* not read; programs made for 0.1.0 may have anything there */
    int32_t precision;    /* a snarm_precision; default 0: auto; 0..3 */
} snarm_backbone_options;
static inline void snarm_backbone_options_init(snarm_backbone_options *options) {
    snarm_options_clear(options, sizeof *options);
}

/* Opens the weights, infers the architecture from names and shapes, checks every tensor it will use, and prepares the
 * network for one input size; the file is not needed afterwards.
 *   out      the handle; NULL on failure; destroyed with snarm_backbone_destroy
 *   path     a safetensors file; NULL or SNARM_BUILTIN_BACKBONE: the built-in network, SNARM_ERROR_UNSUPPORTED where the library was
 *            built without it
 *   options  NULL for defaults */
SNARM_API snarm_status snarm_backbone_create(snarm_backbone **out, const char *path,
                                             const snarm_backbone_options *options);
SNARM_API void snarm_backbone_destroy(snarm_backbone *backbone);

/* What the handle is. Initialise struct_size; strings are the handle's. */
typedef struct snarm_backbone_info {
    size_t struct_size;
    const char *architecture; /* "vit-b/14 reg4 dinov2", "resnet18", "wide_resnet50_2", ... */
    const char *hash;         /* SHA-256 of the weights file, 64 hexadecimal digits; so too of the built-in network */
    const char *licence;      /* the file's licence line, "" if it has none */
    int32_t width, height;           /* pixels of the input */
    int32_t grid_width, grid_height; /* patches: width / 8 and height / 8, rounded down */
    int32_t channels;                /* C */
    int32_t pooled;                  /* 1: channels were mean-pooled to C, 0: C is the sum of the groups' */
    int32_t layer_count;             /* layers used */
    int32_t layers[SNARM_LAYERS_MAX]; /* which, ascending, layer_count of them */
    int32_t groups, neighbourhood, threads; /* as in snarm_backbone_options, defaults filled in */
    float mean[3], std[3]; /* of the input, red green blue, for samples in 0..1 */
    int32_t precision;     /* SNARM_PRECISION_F32 or SNARM_PRECISION_BF16: what the network is run in */
    const char *precision_note; /* why it is not what was asked for, or what auto would take elsewhere; "" otherwise. Static */
    const char *name;      /* what the weights file calls its network, "snarm-18" the built-in one; "" if it does not say */
    int32_t stage_count;   /* stages of a CNN, groups of a ViT that the features are made of */
    int32_t stage_channels[SNARM_LAYERS_MAX]; /* channels of each, C in all, in the order of the features: for snarm_train_options */
} snarm_backbone_info;
SNARM_API snarm_status snarm_backbone_get_info(const snarm_backbone *backbone, snarm_backbone_info *info);

/* Features of one preprocessed picture.
 *   planes    (3, height, width) floats, normalised with the handle's mean and std (snarm_image_preprocess)
 *   features  (grid_height * grid_width, C) floats, rows from the top left; the caller's
 * Any number of threads may call it on one handle at the same time; results do not depend on that. */
SNARM_API snarm_status snarm_backbone_features(const snarm_backbone *backbone, const float *planes, float *features);

/* How much of each patch's neighbourhood mean is of the picture. Places outside count as zeros in that mean, so that features, and
 * with them distances and residuals, are smaller at the borders: with a neighbourhood of 3 a border patch has 2/3 of a mean's
 * places, a corner 4/9.
 *   coverage  (grid_height * grid_width) floats, above 0, at most 1: that share, the mean of the layers; the caller's.
 *             1 everywhere with a neighbourhood of 1. For snarm_scorer_options and snarm_train_options
 * Any number of threads may call it. */
SNARM_API snarm_status snarm_backbone_coverage(const snarm_backbone *backbone, float *coverage);

#ifdef __cplusplus
}
#endif
#endif
