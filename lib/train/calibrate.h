/* What is measured on the samples before the first step. */
#ifndef SN_TRAIN_CALIBRATE_H
#define SN_TRAIN_CALIBRATE_H

#include "scorer/prior.h"
#include "snarm/bank.h"
#include "train/samples.h"

typedef struct sn_calibration {
    double residual_scale; /* with it the inter-residuals of good samples' patches have a root mean square of 1 */
    sn_prior prior;
} sn_calibration;

/* samples: of them the good ones give the scale, all the prior: one of residuals if their shape has stages. Without a good sample all patches
 * that are not marked count for the scale. */
snarm_status sn_calibrate(sn_calibration *out, const sn_samples *samples, const snarm_bank *bank);

#endif
