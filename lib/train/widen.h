/* From a network that sees means over the channels of residuals to one that sees the residuals. */
#ifndef SN_TRAIN_WIDEN_H
#define SN_TRAIN_WIDEN_H

#include "scorer/weights.h"

/* A freshly initialised network of means (2 channels: four values of a hybrid residual, residual/channel_means.h) is made to begin as one of
 * that many channels does, with embeddings within 1 / sqrt(2 channels). */
void sn_narrow_start(const sn_scorer_weights *narrow, size_t channels);

/* The network of that many channels which gives, of hybrid residuals, what narrow gives of their means: all channels of a quarter have one
 * weight. prior: its own, over stages of its channels. */
snarm_status sn_widen(sn_scorer_weights **out, const sn_scorer_weights *narrow, size_t channels, const sn_prior *prior);

#endif
