/* The course of a training: steps, checks on held-out samples, the best weights kept, checkpoints. */
#ifndef SN_TRAIN_TRAINER_H
#define SN_TRAIN_TRAINER_H

#include "scorer/weights.h"
#include "snarm/bank.h"
#include "snarm/train.h"
#include "train/calibrate.h"
#include "train/samples.h"
#include "train/score_share.h"

/* What a training does, all values set. */
typedef struct sn_train_plan {
    int64_t steps, warmup;
    int64_t checks; /* how often the held-out samples are looked at, the end included; 1..steps */
    size_t batch;
    double rate, final_rate; /* of the learning rate: its peak, and the share of it left at the end */
    double decay, clip, average, dropout, shuffled; /* shuffled: share of samples with their channels in another order */
    double focal_weight, dice_weight, focal_alpha, focal_gamma, navigator_weight;
    double shrinkage; /* what the network's logits are multiplied by when training is done, if there is a prior to shrink to: above 0, at
                         most 1 */
    double reference_ratio;
    double smoothing; /* of the maps at a check, pixels of the samples' masks */
    int32_t score_window; /* of image scores, pixels of the samples' masks */
    const float *stage_weights; /* of the distances that image scores are made of; NULL: the distances to the bank as they are */
    bool mirror_x, mirror_y;
    uint64_t seed;
    sn_calibration calibration;
    size_t embedding, depth, branches, states, taps;
    size_t rates[SN_BRANCHES_MAX];
    const char *checkpoint;   /* file to write at each check and to go on from; NULL: none */
    const char *identity;     /* of the run, for the checkpoint */
    snarm_train_progress_fn progress;
    void *user;
} sn_train_plan;

typedef struct sn_trained {
    sn_scorer_weights *weights; /* the caller's, to be destroyed */
    sn_score_share score;
} sn_trained;

/* Trains on samples; held_out chooses the weights that are kept. Cancelled by progress, it ends with the best so far.
 * Runs on the threads entered. */
snarm_status sn_train(sn_trained *out, const sn_samples *samples, const sn_samples *held_out,
                      const snarm_bank *bank, const sn_train_plan *plan, snarm_train_report *report);

#endif
