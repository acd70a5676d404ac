/* The samples that training draws from, computed once and kept small: features in half precision and the places of their nearest bank
 * vectors; or, for a training that is not to tell channels apart, the means of their residuals over these. */
#ifndef SN_TRAIN_SAMPLES_H
#define SN_TRAIN_SAMPLES_H

#include "core/status.h"
#include "residual/channel_means.h"
#include "residual/stages.h"

#include <stddef.h>
#include <stdint.h>

typedef struct sn_samples_shape {
    size_t grid_width, grid_height, channels;
    size_t neighbours;              /* k */
    size_t mask_width, mask_height; /* at which labels are kept */
    const float *coverage;          /* (N) of snarm_backbone_coverage, outlives the samples; NULL: 1 everywhere */
    sn_stages stages;               /* of the channels */
    const float *vectors; /* the bank's, outlive the samples: kept are means over channels. NULL: features and nearest */
} sn_samples_shape;

typedef struct sn_samples sn_samples;
/* Bytes that a sample takes; with features, with the ranks of its patches (residual/ranks.h), which steps keep. */
size_t sn_samples_bytes(const sn_samples_shape *shape);
/* capacity: most samples; memory is taken as they come. Means are of grids of at most SN_RANKS_PATCHES_MAX patches. */
snarm_status sn_samples_create(sn_samples **out, const sn_samples_shape *shape, size_t capacity);
void sn_samples_destroy(sn_samples *samples);
size_t sn_samples_count(const sn_samples *samples);
const sn_samples_shape *sn_samples_get_shape(const sn_samples *samples);

/* features (N, C); nearest (N, k) places in the bank, distances (N) to it; mask (mask_height, mask_width), 1 where defective, NULL: a
 * good picture. */
snarm_status sn_samples_add(sn_samples *samples, const float *features, const int32_t *nearest, const float *distances,
                            const uint8_t *mask);

/* How a sample is mirrored when it is drawn: its rows of patches change places, not what is in them. */
enum { SN_MIRROR_X = 1, SN_MIRROR_Y = 2 };

/* The patch that a mirrored sample has at that place, and the place at which it has that patch. */
static inline size_t sn_mirrored_place(const sn_samples_shape *shape, int mirror, size_t place) {
    const size_t x = place % shape->grid_width, y = place / shape->grid_width;
    return (mirror & SN_MIRROR_Y ? shape->grid_height - 1 - y : y) * shape->grid_width +
           (mirror & SN_MIRROR_X ? shape->grid_width - 1 - x : x);
}

/* Sample index into the caller's arrays, of the sizes above; NULL where not wanted. features and nearest: only where they are kept. */
void sn_samples_get(const sn_samples *samples, size_t index, int mirror, float *features, int32_t *nearest,
                    float *distances, uint8_t *mask);
/* Whether it has a defective pixel. */
bool sn_samples_defective(const sn_samples *samples, size_t index);

/* Of samples with means: those of one, and its inter-residuals' mean squares (N, stages), of all channels (N) where the shape has no
 * stages; as the sample is, not mirrored. NULL of samples with features. */
const sn_channel_means *sn_samples_means(const sn_samples *samples, size_t index);
const float *sn_samples_squares(const sn_samples *samples, size_t index);
/* Their stages, or one of all channels. */
sn_stages sn_samples_stages(const sn_samples_shape *shape);
/* The inter-residuals (N, C) of a sample's features to the bank's vectors, and their mean squares as above; phi (N, C): scratch. Split over
 * the threads entered. */
void sn_samples_residuals(const sn_samples_shape *shape, const float *vectors, const float *features, const int32_t *nearest, float *inter,
                          float *phi, float *squares);
/* dst = src (grid_height, grid_width) of elements of that many bytes, mirrored. */
void sn_samples_mirror(const sn_samples_shape *shape, const void *src, size_t bytes, int mirror, void *dst);

#endif
