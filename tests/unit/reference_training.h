/* The network in training in double precision, as the words of the method have it: every scan in its own
 * order and on its own grid. Its differences are what gradients are checked against. */
#ifndef SN_TESTS_REFERENCE_TRAINING_H
#define SN_TESTS_REFERENCE_TRAINING_H

#include "scorer/training.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a case is. */
typedef struct training_sizes {
    size_t batch, width, height, hard;
    size_t channels, embedding, depth, states, rank, taps;
    size_t branches, rates[SN_BRANCHES_MAX];
    size_t branch; /* the one in training */
    double dropout;
    uint64_t seed;
} training_sizes;

/* Random weights and one random batch; what is computed from them. All memory is the case's. */
typedef struct training_case {
    training_sizes sizes;
    size_t patches, rows, results; /* N, B * N, B * 4 * N */
    sn_scorer_weights *weights;
    float *hybrid;      /* (B, N, 2C) */
    uint8_t *reference; /* (B, N) */
    int32_t *order;     /* (B, 4, hard) */
    float *diff_logits; /* (B, 4, N): a random linear function of the logits */
    float *diff_values; /* (B, N): one of the navigator's values */
    sn_scorer_batch batch;

    double *values;          /* the weights */
    double *factors;         /* (4, B, N, D): of the dropout */
    bool *open;              /* (4, B, N, D): where the heads' ReLUs let pass */
    double *logits;          /* (B, 4, N) */
    double *mean, *variance; /* (4, D): of the batch, the variance as of a sample */
} training_case;

training_case *make_training_case(const training_sizes *sizes);
void free_training_case(training_case *c);

/* Fills logits, mean and variance from values; open too unless it is to stay, so that the function is smooth:
 * its slope at the place where open was taken is the same. */
void reference_training(training_case *c, bool open_stays);

/* What the library makes of the case, with that many threads. logits (B, 4, N); gradients as weights->values:
 * only what training writes is changed. Running statistics in weights are moved on. */
void run_training(training_case *c, int threads, float *logits, float *gradients);

/* The largest difference of a tensor's gradients from those of the reference, relative to the tensor's
 * largest gradient (but at least 0.01 of the largest of all tensors, for those that should be 0): a few of
 * its values one by one, the largest one among them, and a sum of all with random signs, relative to the root
 * of their number as well. reference_training has been run. */
double training_error(training_case *c, const sn_weight *weight, const float *gradients, size_t singles);

/* Whether the tensor belongs to the branch in training or to the navigator and is no statistic: it has
 * gradients. */
bool has_gradient(const training_case *c, const sn_weight *weight);

#endif
