/* How good weights are on samples kept out of training: the whole network as an inspection runs it. */
#ifndef SN_TRAIN_VALIDATION_H
#define SN_TRAIN_VALIDATION_H

#include "scorer/prior.h"
#include "scorer/weights.h"
#include "snarm/bank.h"
#include "train/samples.h"

typedef struct sn_validation_options {
    double reference_ratio, residual_scale, smoothing; /* smoothing: pixels of the samples' masks */
    int32_t score_window;       /* of image scores, the same pixels */
    const float *stage_weights; /* of the distances that image scores are made of, outlive it; NULL: distances as they are */
    sn_stages stages; /* of samples with means: of the prior that the weights are used with; the weights' own has none */
} sn_validation_options;

/* NaN where the samples are all good or all defective. */
typedef struct sn_validation_result {
    double pixel_ap, pixel_auroc, image_auroc;
} sn_validation_result;

typedef struct sn_validation sn_validation;
/* samples and bank must outlive it. */
snarm_status sn_validation_create(sn_validation **out, const sn_samples *samples, const snarm_bank *bank,
                                  const sn_validation_options *options);
void sn_validation_destroy(sn_validation *validation);
/* weights NULL: the map of distances alone. */
snarm_status sn_validation_run(sn_validation *validation, const sn_scorer_weights *weights, sn_validation_result *result);

/* Image scores of the last run, and which samples are defective: (samples) each, the handle's, until the next run. */
const float *sn_validation_scores(const sn_validation *validation);
/* Image scores of the map of weighted distances, of the last run with weights. */
const float *sn_validation_distance_scores(const sn_validation *validation);
const uint8_t *sn_validation_labels(const sn_validation *validation);

#endif
