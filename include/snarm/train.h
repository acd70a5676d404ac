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

/* Initialise with snarm_train_options_init; zero means default. */
typedef struct snarm_train_options {
    size_t struct_size;
    int64_t steps;            /* default 3,000; 1..10,000,000 */
    int32_t batch;            /* samples a step; default 8; 1..64 */
    int32_t samples;          /* synthetic samples that a fit makes, those held out included; default 1,600; 16..1,000,000;
                                 fewer where memory does not hold them */
    int64_t memory;           /* bytes that samples may take; default 1 GiB */
    int32_t embedding;        /* D, channels inside the Mamba blocks; default 64; 8..512 */
    int32_t depth;            /* Mamba blocks of a branch; default 2; 1..8 */
    double reference_ratio;   /* rho; default 0.75; above 0, below 1 */
    double learning_rate;     /* its peak; default 0.001; above 0, at most 1 */
    double weight_decay;      /* default 0.05; -1: none */
    double dropout;           /* rate; default 0.1; -1: none; below 1 */
    uint64_t seed;            /* of the weights, the order and the synthetic defects; default 0, itself a seed */
    int32_t threads;          /* of snarm_train_scorer; default 0: snarm_default_threads(); 1..64; a fit uses its own */
    const char *checkpoint;   /* a file written now and then, and gone on from where it exists and belongs to the same run; removed at
                                 the end of a training that was not cancelled; NULL: none */
    snarm_train_progress_fn progress; /* NULL: none */
    void *progress_user;
} snarm_train_options;
SNARM_API void snarm_train_options_init(snarm_train_options *options);

#ifdef __cplusplus
}
#endif
#endif
