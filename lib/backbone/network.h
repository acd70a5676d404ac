/* What the families of networks have in common: one says which it is by the tensors' names, tells what its layers are, is
 * prepared for one input size and some layers, and then gives each group's rows of channels. */
#ifndef SN_BACKBONE_NETWORK_H
#define SN_BACKBONE_NETWORK_H

#include "backbone/weights.h"
#include "kernel/stream.h"
#include "kernel/type.h"
#include "snarm/backbone.h"

/* What a file holds, before any option is known. */
typedef struct sn_network_description {
    char architecture[96];
    int32_t multiple;                 /* width and height of the input are multiples of it */
    int32_t first_layer, last_layer;  /* of those in the file */
    const char *layer_name;           /* "block", "stage": for errors */
    int32_t layers[SNARM_LAYERS_MAX]; /* the default ones; none if the network is too small for a default */
    int32_t layer_count, groups;
    bool layers_are_groups; /* each layer is a group of its own */
    int32_t neighbourhood;
    const char *against_bf16; /* why its features suffer from bf16; NULL: they do not */
} sn_network_description;

/* Checked: sizes are multiples in range, layers ascend within the description's, groups divide them. */
typedef struct sn_network_options {
    size_t width, height; /* pixels */
    const int32_t *layers;
    size_t layer_count, groups;
    sn_type type; /* of what products and convolutions read: SN_TYPE_F32 or SN_TYPE_BF16 */
} sn_network_options;

/* One group's output: (height * width, channels) floats, positions row by row. */
typedef struct sn_group {
    size_t width, height, channels;
} sn_group;

/* For tests: the whole output of one layer besides the groups. A ViT's is (tokens, dim) with cls and registers first, a
 * CNN's (channels, height, width). */
typedef struct sn_tap {
    int32_t layer;
    float *out;
} sn_tap;

typedef struct sn_network_family sn_network_family;

/* Starts every family's own structure. Immutable: any number of threads may run it, each with its stream and memory. */
typedef struct sn_network {
    const sn_network_family *family;
    sn_group groups[SNARM_LAYERS_MAX];
    size_t group_count;
    size_t memory_floats; /* that a run works in */
} sn_network;

struct sn_network_family {
    /* Settles the file's own prefix when the file is of this family. */
    bool (*recognise)(sn_weights *weights);
    snarm_status (*describe)(sn_weights *weights, sn_network_description *out);
    snarm_status (*create)(sn_network **out, sn_weights *weights, const sn_network_options *options);
    void (*destroy)(sn_network *network);
    /* groups[g] receives the rows of group g; tap may be NULL. */
    snarm_status (*run)(const sn_network *network, sn_stream *stream, float *memory, const float *planes,
                        float *const *groups, const sn_tap *tap);
    /* Floats of a tap; 0 for a layer that is not run. */
    size_t (*tap_floats)(const sn_network *network, int32_t layer);
};

extern const sn_network_family sn_vit_family, sn_resnet_family;

#endif
