/* What the rest of the library needs of a backbone beyond include/snarm/backbone.h: living inside a detector's file, and a
 * look at single layers for tests. */
#ifndef SN_BACKBONE_BACKBONE_H
#define SN_BACKBONE_BACKBONE_H

#include "io/safetensors.h"
#include "snarm/backbone.h"

/* Opens the file of weights that a path of the public interface means: NULL and SNARM_BUILTIN_BACKBONE are the built-in network. */
snarm_status sn_backbone_open_weights(sn_safetensors **out, const char *path);

/* snarm_backbone_create from tensors named prefix + name and metadata named prefix + key in an open file, which may be closed
 * afterwards. With a prefix the weights' hash is metadata prefix + "sha256"; without one it is computed from the file.
 * The depth is inferred from what is there: where only used tensors were embedded, give the layers in options. */
snarm_status sn_backbone_create_from(snarm_backbone **out, const sn_safetensors *file, const char *prefix,
                                     const snarm_backbone_options *options);

/* Whether a file's network is a CNN: the defaults of a fit depend on it. */
snarm_status sn_backbone_is_convolutional(const sn_safetensors *file, const char *prefix, bool *out);

/* Announces to writer, under prefix, what sn_backbone_create_from with this handle's layers needs: the tensors this handle read
 * and the metadata, hash included. source and source_prefix are those the handle was created from (prefix "" for
 * snarm_backbone_create); source must stay open until the writer has finished. */
snarm_status sn_backbone_embed(const snarm_backbone *backbone, const sn_safetensors *source, const char *source_prefix,
                               sn_writer *writer, const char *prefix);

/* The names of the tensors this handle read, without the prefix it was created with. The handle's. */
void sn_backbone_tensors(const snarm_backbone *backbone, const char *const **names, size_t *count);

/* Floats of one layer's whole output: a ViT block's (tokens, dim) with cls and registers first, a CNN stage's
 * (channels, height, width). 0 for a layer after the last used one. */
size_t sn_backbone_layer_floats(const snarm_backbone *backbone, int32_t layer);
/* That output for one preprocessed picture. */
snarm_status sn_backbone_layer_output(const snarm_backbone *backbone, const float *planes, int32_t layer, float *out);

#endif
