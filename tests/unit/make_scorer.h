/* Random scorer files for tests and measurements. */
#ifndef SN_TESTS_MAKE_SCORER_H
#define SN_TESTS_MAKE_SCORER_H

#include "scorer/weights.h"

#include <stdint.h>

/* C 512, D 128, rates 3, 6, 12, 24, depth 2, as in the paper. */
sn_scorer_weights scorer_paper_sizes(void);

/* Random weights of these sizes (channels to taps, rates, reference_ratio), of the magnitudes of a trained
 * network's. */
snarm_status random_scorer_weights(sn_scorer_weights **out, const sn_scorer_weights *sizes, uint64_t seed);

/* Writes weights under the names of a published checkpoint. Of leave_out, if not NULL, no tensor is written.
 */
snarm_status write_scorer(const char *path, const sn_scorer_weights *weights, const char *leave_out);

/* Both: a random scorer file. */
snarm_status make_scorer(const char *path, const sn_scorer_weights *sizes, uint64_t seed);

#endif
