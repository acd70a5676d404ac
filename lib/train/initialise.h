/* The network's weights before the first step. */
#ifndef SN_TRAIN_INITIALISE_H
#define SN_TRAIN_INITIALISE_H

#include "core/rng.h"
#include "scorer/weights.h"

/* Fills all values: projections and convolutions evenly within 1 / sqrt(fan-in), the state space as Mamba's authors start
 * theirs (A = -1..-states, time steps spread between 0.001 and 0.1), norms as the identity; the heads' last layer is 0, so that the
 * first map is that of the prior. */
void sn_initialise(sn_scorer_weights *weights, sn_rng *rng);

#endif
