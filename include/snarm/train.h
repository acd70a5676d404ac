/* libsnarm: training: a navigator and a Mamba scorer for a bank, from samples whose defects are known - synthetic ones as
 * a rule (see snarm_fit_options.train for training from pictures of good parts alone).
 *
 * Frozen are the backbone and the bank; trained are the navigator and the scorer. A sample is the features of a picture and
 * a mask of its defect. Samples held out of training choose which weights are kept, and tell whether training helped: the
 * report compares the trained map with the map of distances to the bank.
 */
#ifndef SNARM_TRAIN_H
#define SNARM_TRAIN_H

#include "snarm/bank.h"
#include "snarm/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { SNARM_TRAIN_BATCH_MAX = 64 };

/* How a training goes, and how it went. The layout is fixed: later values will come in structures of their own. Values not
 * known yet are NaN. */
typedef struct snarm_train_report {
    int64_t step, steps;    /* done, of all */
    int64_t best_step;      /* after which the kept weights were found; 0: none yet */
    double loss;            /* mean of the steps since the last report, or of the last tenth of the run */
    double pixel_ap;        /* average precision of the held-out samples' pixels at the last check, 0..1 */
    double best_pixel_ap;   /* that of the kept weights */
    double untrained_pixel_ap; /* that of the map of distances */
    double image_auroc, untrained_image_auroc; /* of the held-out samples: of the kept weights; of the distances */
    double seconds, seconds_left;
    int32_t cancelled;      /* 1: ended early because progress asked for it */
} snarm_train_report;

/* Called a few times a second at most, on the thread that trains. Return 0 to go on; anything else ends the training, which
 * then keeps the best weights so far and succeeds. */
typedef int (*snarm_train_progress_fn)(void *user, const snarm_train_report *report);

#ifdef __cplusplus
}
#endif
#endif
