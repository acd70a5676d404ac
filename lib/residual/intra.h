/* The nearest reference patch of every patch of an image. */
#ifndef SN_RESIDUAL_INTRA_H
#define SN_RESIDUAL_INTRA_H

#include "kernel/stream.h"

#include <stddef.h>
#include <stdint.h>

/* A search among the patches of one image, for fixed sizes: immutable. */
typedef struct sn_intra sn_intra;
/* references: size of the reference set; 2..patches. */
snarm_status sn_intra_create(sn_intra **out, size_t patches, size_t channels, size_t references);
void sn_intra_destroy(sn_intra *intra);

/* The memory of a run. */
typedef struct sn_intra_state sn_intra_state;
snarm_status sn_intra_state_create(sn_intra_state **out, const sn_intra *intra);
void sn_intra_state_destroy(sn_intra_state *state);

/* nearest[i] = the reference patch other than i nearest to patch i in features (patches, channels), by the sum of squared differences in
 * f32; ties to the earlier patch. reference (patches) has exactly references ones. Split over the threads entered. */
snarm_status sn_intra_run(const sn_intra *intra, sn_intra_state *state, sn_stream *stream, const float *features,
                          const uint8_t *reference, int32_t *nearest);

#endif
