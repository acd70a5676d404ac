/* From a caller's options to a plan. */
#ifndef SN_TRAIN_PLAN_H
#define SN_TRAIN_PLAN_H

#include "train/trainer.h"

/* Checks the caller's options and fills in the defaults, but for those of steps and samples. */
snarm_status sn_train_options_read(snarm_train_options *out, const snarm_train_options *given);

/* Those, which depend on the number of patches. */
void sn_train_options_settle(snarm_train_options *options, size_t patches);

/* Whether the network is to see means over channels: residuals of which all channels have changed places in every sample tell of single
 * channels nothing that holds for two samples, and what is left of them is how large they are. */
bool sn_train_sees_means(const snarm_train_options *options);

/* A plan from checked options; calibration, smoothing and identity are left to be set. */
void sn_train_plan_make(sn_train_plan *plan, const snarm_train_options *options);

/* What must be the same for a checkpoint to be gone on from: sizes, options, and sums over the samples and the bank. */
void sn_train_identify(const sn_train_plan *plan, const sn_samples *samples, const snarm_bank *bank, char *text,
                       size_t size);

#endif
