/* How a scorer's weights are trained: the optimiser's ranges and groups of sn_scorer_weights. */
#ifndef SN_TRAIN_PARAMETERS_H
#define SN_TRAIN_PARAMETERS_H

#include "scorer/weights.h"
#include "train/optimiser.h"

/* Group 0 is the navigator; 1 + b is branch b: its embedding, blocks, norm and heads. */
static inline size_t sn_parameter_groups(const sn_scorer_weights *weights) {
    return 1 + weights->branches;
}

/* ranges (weights->count): one a tensor, in the order of the table. Decayed are all matrices and kernels but
 * A_log; the running statistics of the heads' norms are SN_RANGE_STATISTIC. */
void sn_parameter_ranges(const sn_scorer_weights *weights, sn_range *ranges);

#endif
