/* Which patches of an image are nearest to each of its patches, in order: found once, they tell the nearest reference patch for almost any
 * reference set. Training sees an image with another one each time. */
#ifndef SN_RESIDUAL_RANKS_H
#define SN_RESIDUAL_RANKS_H

#include "kernel/stream.h"

#include <stddef.h>
#include <stdint.h>

enum {
    SN_RANKS = 32,                      /* so many are kept of each patch: about 3 of 100 patches, those inside large defects, need more */
    SN_RANKS_FAR = 16,                  /* of those farther away, spread up to the farthest */
    SN_RANKS_NONE = UINT16_MAX,         /* no patch, or one that is not sure to be the next */
    SN_RANKS_PATCHES_MAX = UINT16_MAX - 1
};

/* Ranks images of one size. Not for two threads at once. */
typedef struct sn_ranking sn_ranking;
/* patches: 2..SN_RANKS_PATCHES_MAX. */
snarm_status sn_ranking_create(sn_ranking **out, size_t patches, size_t channels);
void sn_ranking_destroy(sn_ranking *ranking);

/* ranks (patches, SN_RANKS) = the patches nearest to each patch of features (patches, channels), itself left out, the nearest first, ties to
 * the earlier; SN_RANKS_NONE after the last that is sure. far (patches, SN_RANKS_FAR), or NULL: farther ones, each about as many times as
 * far down the order as the one before, the farthest last, to within rounding errors; SN_RANKS_NONE where patches are too few. Split over
 * the threads entered. */
snarm_status sn_ranking_run(sn_ranking *ranking, const float *features, uint16_t *ranks, uint16_t *far);

/* nearest (patches) as sn_intra_run finds it: from ranks where one of a patch's is in reference, by a search where none is. Split over the
 * threads entered. */
void sn_ranks_look_up(const uint16_t *ranks, const float *features, size_t patches, size_t channels, const uint8_t *reference,
                      int32_t *nearest);

#endif
