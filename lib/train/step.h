/* One step of training as far as the gradients: samples to residuals, and with these each branch forward, loss, backward. */
#ifndef SN_TRAIN_STEP_H
#define SN_TRAIN_STEP_H

#include "scorer/training.h"
#include "snarm/bank.h"
#include "train/map_loss.h"
#include "scorer/prior.h"
#include "train/samples.h"

typedef struct sn_step_options {
    size_t batch;
    double reference_ratio, residual_scale;
    sn_prior prior;
    sn_map_loss_options map_loss;
    double navigator_weight, navigator_alpha, navigator_gamma; /* of the focal loss on the navigator */
    double dropout;
    double shuffled; /* share of samples whose channels are shuffled, 0..1; of samples with means none is */
} sn_step_options;

typedef struct sn_step sn_step;
/* samples and bank must outlive it; sizes gives the network's: of sn_seen_channels channels. */
snarm_status sn_step_create(sn_step **out, const sn_scorer_weights *sizes, const sn_samples *samples,
                            const snarm_bank *bank, const sn_step_options *options);
void sn_step_destroy(sn_step *step);

/* A batch: which samples, how they are mirrored, through which branches. */
typedef struct sn_draw {
    const size_t *samples; /* (batch) */
    const int *mirrors;    /* (batch) */
    size_t first_branch, branch_count;
    uint32_t key; /* of the dropout and the shuffling: another one each step */
} sn_draw;

/* Of the maps the means over the branches. */
typedef struct sn_step_loss {
    double total, focal, dice, navigator;
} sn_step_loss;

/* gradients, which mirrors weights->values, receives those of the navigator and of the branches; others stay. The running
 * statistics in weights are moved on. */
snarm_status sn_step_run(sn_step *step, sn_scorer_weights *weights, const sn_draw *draw, float *gradients,
                         sn_step_loss *loss);

#endif
