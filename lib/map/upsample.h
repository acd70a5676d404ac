/* Maps made larger, with the tables and memory kept between calls. */
#ifndef SN_MAP_UPSAMPLE_H
#define SN_MAP_UPSAMPLE_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

/* Immutable: from one size to another. */
typedef struct sn_upsample sn_upsample;
/* maps logit maps of grid_width x grid_height to one map of width x height: see snarm_map_from_logits. */
snarm_status sn_upsample_create(sn_upsample **out, int32_t maps, int32_t grid_width, int32_t grid_height,
                                int32_t width, int32_t height);
void sn_upsample_destroy(sn_upsample *upsample);
/* Floats of scratch memory that a run needs. */
size_t sn_upsample_scratch(const sn_upsample *upsample);
/* Split over the threads entered. */
void sn_upsample_run(const sn_upsample *upsample, const float *logits, float *scratch, float *map);

/* Immutable: values of any kind from one size to another, bilinear with half-pixel centres. */
typedef struct sn_stretch sn_stretch;
snarm_status sn_stretch_create(sn_stretch **out, int32_t src_width, int32_t src_height, int32_t width, int32_t height);
void sn_stretch_destroy(sn_stretch *stretch);
/* Split over the threads entered. src and dst must not overlap. */
void sn_stretch_run(const sn_stretch *stretch, const float *src, float *dst);

#endif
