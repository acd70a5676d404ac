/* What a network in training sees of samples: hybrid residuals with the navigator as it is, of all channels or their means. */
#ifndef SN_TRAIN_SEEN_H
#define SN_TRAIN_SEEN_H

#include "snarm/bank.h"
#include "train/samples.h"

typedef struct sn_seen_options {
    double reference_ratio, residual_scale;
    sn_stages stages; /* the prior is of the residuals' sizes over these, and count 0: of the distances to the bank */
} sn_seen_options;

/* Channels of the network's features: the samples', or 2 where only means are kept, which make a hybrid residual of four values. */
size_t sn_seen_channels(const sn_samples *samples);

/* Reads samples one after the other; the threads are those entered. Not for two threads at once. */
typedef struct sn_seen sn_seen;
/* samples and bank must outlive it. */
snarm_status sn_seen_create(sn_seen **out, const sn_samples *samples, const snarm_bank *bank, const sn_seen_options *options);
void sn_seen_destroy(sn_seen *seen);
/* Patches of the reference set. */
size_t sn_seen_references(const sn_seen *seen);

/* Sample index, mirrored, with a navigator of as many weights as the network's features have channels: hybrid (N, twice as many), reference
 * (N), distances (N) that the prior is of, mask. */
snarm_status sn_seen_read(sn_seen *seen, size_t index, int mirror, const float *navigator, float bias, float *hybrid, uint8_t *reference,
                          float *distances, uint8_t *mask);
/* Distances (N) of the sample read last, mirrored as it was, with the samples' stages weighted (sn_stage_distances). */
void sn_seen_weighted_distances(const sn_seen *seen, const float *weights, float *distances);

#endif
