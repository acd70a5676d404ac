/* What the distance to the bank says by itself, as a logit: the network's logits are added to it, so that a network that
 * says nothing leaves the map of distances, and training only has to learn what the distance does not tell. */
#ifndef SN_SCORER_PRIOR_H
#define SN_SCORER_PRIOR_H

#include <stddef.h>
#include <stdint.h>

/* logit = slope * ln(distance / centre), within -SN_PRIOR_LIMIT..SN_PRIOR_LIMIT. slope 0: none. */
typedef struct sn_prior {
    double slope, centre;
} sn_prior;

enum { SN_PRIOR_LIMIT = 8 };

/* Adds the prior of distances (count) to each of maps logit maps (maps, count). */
void sn_prior_add(const sn_prior *prior, const float *distances, size_t count, size_t maps, float *logits);

/* The slope and centre with which the prior tells anomalous patches from normal ones best (logistic regression on ln distance): labels 0 normal, 1 anomalous, others do not count. Distances are 0 or more. slope 0 where
 * there is only one kind or larger distances are not the anomalous ones. */
sn_prior sn_prior_fit(const float *distances, const uint8_t *labels, size_t count);

#endif
