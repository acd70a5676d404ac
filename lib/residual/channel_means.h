/* Means over the channels of an image's hybrid residuals, for whatever reference set: found once for an image, they are a small part of what
 * its features take, and a training that is not to tell channels apart needs nothing else of it. */
#ifndef SN_RESIDUAL_CHANNEL_MEANS_H
#define SN_RESIDUAL_CHANNEL_MEANS_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

/* The four quarters of a hybrid residual, each of C / 2 values: |r| and r^2 (phi) of the inter-residual, and of the intra-residual. */
enum { SN_QUARTERS = 4 };

/* Of one image. */
typedef struct sn_channel_means sn_channel_means;
/* Bytes that they take. */
size_t sn_channel_means_bytes(size_t patches);
void sn_channel_means_destroy(sn_channel_means *means);

/* Makes them for images of one size; the threads are those entered at each call. Not for two threads at once. */
typedef struct sn_channel_means_maker sn_channel_means_maker;
/* patches: 2..SN_RANKS_PATCHES_MAX (residual/ranks.h). */
snarm_status sn_channel_means_maker_create(sn_channel_means_maker **out, size_t patches, size_t channels);
void sn_channel_means_maker_destroy(sn_channel_means_maker *maker);
/* Of features and inter-residuals, each (patches, channels), none of more than about 65,000. */
snarm_status sn_channel_means_make(sn_channel_means **out, sn_channel_means_maker *maker, const float *features, const float *inter);

/* hybrid (patches, 4): of the residuals times scale the quarters' means, each times sqrt(C / 2). A weight for one of these is then as good as
 * the weights of a whole quarter, if these are alike: with 1 / sqrt(C / 2) of it each they give the same, their gradients have together the
 * norm of its gradient, and a step of AdamW moves both as far. reference (patches): the set of that many patches, chosen as
 * snarm_residual_hybrid does by a navigator of two weights for the first half of hybrid. The nearest reference patch is known among a patch's 32
 * nearest; farther away some are (sn_ranking_run), and the first of these in the set stands for the nearest. scratch: 2 patches. Split over
 * the threads entered. */
void sn_channel_means_hybrid(const sn_channel_means *means, double scale, const float *weight, float bias, size_t references, float *scratch,
                             float *hybrid, uint8_t *reference);

#endif
