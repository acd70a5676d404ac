/* What distances say by themselves, as a logit: the network's logits are added to it, so that a network that says nothing leaves the map
 * of distances, and training only has to learn what these do not tell. */
#ifndef SN_SCORER_PRIOR_H
#define SN_SCORER_PRIOR_H

#include "core/status.h"
#include "residual/stages.h"

#include <stddef.h>
#include <stdint.h>

/* logit = slope * ln(distance / (coverage^border * centre)), within -SN_PRIOR_LIMIT..SN_PRIOR_LIMIT. slope 0: none. coverage is the
 * share of a patch's neighbourhood that lies in the picture. With stages the size of the inter-residual (sn_residual_sizes) stands
 * for the distance to the bank. */
typedef struct sn_prior {
    double slope, centre, border;
    sn_stages stages;
} sn_prior;

enum { SN_PRIOR_LIMIT = 8 };

/* The border of priors that are learnt with a coverage. With zeros outside, n of N places give n / N times their mean. Places that vary each
 * by itself make that mean vary sqrt(N / n) times as much as one of all N, which leaves the root of the coverage; places that vary
 * alike leave the coverage. Neighbours in a feature map are in between. */
#define SN_PRIOR_BORDER 0.75

/* SNARM_ERROR_ARGUMENT, beginning with where, if a value of coverage (count; NULL: all 1) is not above 0 and at most 1. */
snarm_status sn_check_coverage(const float *coverage, size_t count, const char *where);

/* gain (count) = coverage^-border: what distances are multiplied by. */
void sn_prior_gain(const float *coverage, size_t count, double border, float *gain);

/* Adds the prior of distances (count) to each of maps logit maps (maps, count). gain (count), or NULL: 1. */
void sn_prior_add(const sn_prior *prior, const float *distances, const float *gain, size_t count, size_t maps, float *logits);

/* The slope and centre with which the prior tells anomalous patches from normal ones best (logistic regression on ln distance), the rest 0:
 * labels 0 normal, 1 anomalous, others do not count. Distances are 0 or more. slope 0 where there is only one kind or larger
 * distances are not the anomalous ones. */
sn_prior sn_prior_fit(const float *distances, const uint8_t *labels, size_t count);

#endif
