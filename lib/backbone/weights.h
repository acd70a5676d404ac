/* Where a network reads its weights: the tensors of a file under a prefix, with a list of those it used. */
#ifndef SN_BACKBONE_WEIGHTS_H
#define SN_BACKBONE_WEIGHTS_H

#include "io/safetensors.h"

enum { SN_WEIGHTS_NAME = 256 };

typedef struct sn_weights {
    const sn_safetensors *file;
    char prefix[SN_WEIGHTS_NAME]; /* the caller's ("backbone." inside a detector), then the file's own ("model.", ...) */
    size_t outer;                 /* length of the caller's part */
    char **used;                  /* names of the tensors read, without the caller's part */
    size_t used_count, used_capacity;
} sn_weights;

/* The file must stay open as long as tensors are looked up. */
snarm_status sn_weights_init(sn_weights *weights, const sn_safetensors *file, const char *prefix);
/* Harmless on a zeroed structure. */
void sn_weights_release(sn_weights *weights);

/* Files saved from a larger module carry its attribute's name before every tensor's. Takes the first usual prefix (none,
 * "model.", "backbone.", "module.", "vit.", "dinov2.", "dinov2_with_registers.") under which the tensor probe exists; false if
 * there is none. */
bool sn_weights_choose_prefix(sn_weights *weights, const char *probe);

/* The tensor of that name under the prefix, NULL if there is none. */
const sn_tensor *sn_weights_find(const sn_weights *weights, const char *format, ...) SN_PRINTF(2, 3);
/* The same with so many dimensions and that shape (any size where negative), else an error naming file and tensor. */
snarm_status sn_weights_require(const sn_weights *weights, const sn_tensor **out, int dims, const int64_t *shape,
                                const char *format, ...) SN_PRINTF(5, 6);

/* Reads a tensor of exactly this shape as f32 into dst, checks that its values are finite, and notes its name. */
snarm_status sn_weights_read(sn_weights *weights, float *dst, int dims, const int64_t *shape, const char *format, ...)
    SN_PRINTF(5, 6);

/* Fails if the file has tensors whose names start so that were not read: the part of the network is then not what the
 * family knows (gates, extra norms), and running it without them would give plausible nonsense. */
snarm_status sn_weights_refuse_unused(const sn_weights *weights, const char *format, ...) SN_PRINTF(2, 3);

/* A string of the file's metadata under the caller's prefix, NULL if absent. */
const char *sn_weights_metadata(const sn_weights *weights, const char *key);
/* A number from there, or otherwise where absent. */
snarm_status sn_weights_metadata_int(const sn_weights *weights, const char *key, int64_t least, int64_t most,
                                     int64_t otherwise, int64_t *out);
snarm_status sn_weights_metadata_double(const sn_weights *weights, const char *key, double least, double most,
                                        double otherwise, double *out);
/* Three numbers separated by commas ("0.5,0.5,0.5"), each in the range, or otherwise where absent. */
snarm_status sn_weights_metadata_triple(const sn_weights *weights, const char *key, double least, double most,
                                        const float *otherwise, float *out);

#endif
