/* Residual networks as torchvision and timm publish them: which blocks a file has, and its convolutions with the
 * batch-norm after each folded in. */
#ifndef SN_BACKBONE_RESNET_NAMES_H
#define SN_BACKBONE_RESNET_NAMES_H

#include "backbone/weights.h"

enum { SN_RESNET_STAGES = 4 };

typedef struct sn_resnet_config {
    bool bottleneck;                 /* 1x1, 3x3, 1x1 in a block; else two 3x3 */
    size_t stages;                   /* whole ones in the file, from the first */
    size_t blocks[SN_RESNET_STAGES]; /* in each */
} sn_resnet_config;

bool sn_resnet_recognise(sn_weights *weights);
snarm_status sn_resnet_infer(const sn_weights *weights, sn_resnet_config *out);
/* "resnet18", "wide_resnet50_2", ...; counts of blocks that no published network has are spelt out. */
void sn_resnet_architecture(const sn_weights *weights, const sn_resnet_config *config, char *text, size_t size);

/* A convolution and the batch-norm behind it as one: weights (out, in, kernel, kernel) and bias (out). */
typedef struct sn_resnet_conv {
    size_t out, in, kernel;
    float *weights, *bias;
} sn_resnet_conv;

/* Reads the convolution of that name, which must take in channels and have this kernel, and the batch-norm's four tensors.
 * Released with sn_resnet_conv_release. */
snarm_status sn_resnet_read(sn_weights *weights, sn_resnet_conv *out, size_t in, size_t kernel, const char *conv,
                            const char *norm);
void sn_resnet_conv_release(sn_resnet_conv *conv);

#endif
