/* The network in training: the navigator, and one branch at a time with its four heads; batches of one size.
 *
 * All gradients of a branch lie in one array that mirrors sn_scorer_weights.values: the gradient of weights->values[i] is gradients[i]. */
#ifndef SN_SCORER_TRAINING_H
#define SN_SCORER_TRAINING_H

#include "scorer/weights.h"

#include <stdint.h>

typedef struct sn_scorer_training_shape {
    size_t batch, grid_width, grid_height;
    size_t hard; /* patches of an image outside its reference set; may be 0 */
} sn_scorer_training_shape;

/* Holds what backward needs of forward: one batch at a time. The weights give sizes only. */
typedef struct sn_scorer_training sn_scorer_training;
snarm_status sn_scorer_training_create(sn_scorer_training **out, const sn_scorer_weights *sizes,
                                       const sn_scorer_training_shape *shape);
void sn_scorer_training_destroy(sn_scorer_training *training);

typedef struct sn_scorer_batch {
    size_t branch;
    const float *hybrid;  /* (B, N, 2C) */
    const int32_t *order; /* (B, 4, hard), see sn_scan_orders */
    double dropout;       /* rate; 0: none */
    uint32_t key;         /* of the dropout: another one each step, the same in backward */
} sn_scorer_batch;

/* Logits (B, 4, N) of one branch; the running statistics of its heads in weights->values are moved on. */
snarm_status sn_scorer_training_forward(sn_scorer_training *training, sn_scorer_weights *weights,
                                        const sn_scorer_batch *batch, float *logits);
/* After forward with the same batch: writes the gradients of all the branch's parameters and leaves the others alone. */
snarm_status sn_scorer_training_backward(sn_scorer_training *training, const sn_scorer_weights *weights,
                                         const sn_scorer_batch *batch, const float *diff_logits, float *gradients);

/* The navigator: values (B, N) = weight . phi + bias, before the sigmoid, of the first C of hybrid's 2C channels. */
void sn_navigator_training_forward(const sn_scorer_training *training, const sn_scorer_weights *weights,
                                   const float *hybrid, float *values);
/* Writes the gradients of its weight and bias, from that of values. */
void sn_navigator_training_backward(sn_scorer_training *training, const sn_scorer_weights *weights, const float *hybrid,
                                    const float *diff_values, float *gradients);

/* The place in values of a parameter that the structures of weights name. */
static inline size_t sn_weight_offset(const sn_scorer_weights *weights, const float *parameter) {
    return (size_t)(parameter - weights->values);
}

#endif
