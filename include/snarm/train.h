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

/* Most samples a step. */
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
    double seconds, seconds_left; /* since the training began; to its end, estimated */
    int32_t cancelled;      /* 1: ended early because progress asked for it */
} snarm_train_report;

/* Called a few times a second at most, on the thread that trains. Return 0 to go on; anything else ends the training, which
 * then keeps the best weights so far and succeeds. */
typedef int (*snarm_train_progress_fn)(void *user, const snarm_train_report *report);

/* Initialise with snarm_train_options_init; zero means default. */
typedef struct snarm_train_options {
    size_t struct_size;
    int64_t steps;            /* each of all branches; default 4,000 for grids of up to 40 x 40 patches, in proportion fewer for larger
                                 ones, at least 1,000; 1..10,000,000 */
    int32_t batch;            /* samples a step; default 8; 1..64 */
    int32_t samples;          /* synthetic samples that a fit makes, those held out included; default 3,200 up to 40 x 40
                                 patches, in proportion fewer for more, at least 400; 16..1,000,000;
                                 fewer where memory does not hold them */
    int64_t memory;           /* bytes that samples may take; default 2 GiB */
    int32_t embedding;        /* D, channels inside the Mamba blocks; default 32; 8..512 */
    int32_t depth;            /* Mamba blocks of a branch; default 2; 1..8 */
    double reference_ratio;   /* rho; default 0.75; above 0, below 1 */
    double learning_rate;     /* its peak; default 0.001; above 0, at most 1 */
    double weight_decay;      /* default 0.05; -1: none */
    double dropout;           /* rate; default 0.1; -1: none; below 1 */
    double shuffled;          /* share of samples of which the channels of the residuals are put in another order at each step, so that
                                 the scorer learns how much differs where, not the look of these very defects: with synthetic defects
                                 that decides how well it does on real ones. Default 1: all; what then holds for two samples is how large
                                 residuals are, so the scorer is shown the means over channels that could take each other's place, and
                                 gives these one weight; samples take a fraction of the memory then, and have at most 65,534
                                 patches. -1: none, for samples of real defects of all kinds that will be met; at most 1 */
    uint64_t seed;            /* of the weights, the order and the synthetic defects; default 0, itself a seed */
    int32_t threads;          /* of snarm_train_scorer; default 0: snarm_default_threads(); 1..64; a fit uses its own */
    const char *checkpoint;   /* a file written now and then, and gone on from where it exists: then it must belong to the same run,
                                 that is the same samples, bank and options. It stays at the end. NULL: none */
    snarm_train_progress_fn progress; /* NULL: none */
    void *progress_user;
    const float *coverage;    /* of snarm_train_scorer: (N) floats, above 0, at most 1, as snarm_backbone_coverage gives them, for features
                                 that are smaller at the borders; the scorer's options must then have the same. NULL, the default: 1
                                 everywhere. A fit takes its backbone's */
    int32_t stage_count;      /* of snarm_train_scorer: of how many stages, one after the other, the features are made; 0..192. The prior is
                                 then one of residuals in which each stage counts the same (snarm_scorer_logits), which gives better
                                 maps. Default 0: it is one of distances, as before 0.2 (snarm_scorer_add_prior). A fit takes
                                 its backbone's */
    const int32_t *stage_channels; /* (stage_count) channels of each, 2 or more, C in all: snarm_backbone_info has them */
} snarm_train_options;
static inline void snarm_train_options_init(snarm_train_options *options) {
    snarm_options_clear(options, sizeof *options);
}

/* One sample, as a snarm_train_source gives it. Zero it first. */
typedef struct snarm_train_sample {
    const float *features; /* (N, C): a picture's patch features, of any backbone */
    const uint8_t *mask;   /* (mask_height, mask_width): 0 normal, anything else defective; NULL: a good picture */
    int32_t image;         /* image index of bank vectors that were taken from the same picture and must not match; -1: none */
    int32_t held_out;      /* 1: not trained on; chooses the weights and says how good they are */
} snarm_train_sample;

/* Where samples come from, each once and in order, on the calling thread. */
typedef struct snarm_train_source {
    size_t count;                    /* at least one for training, and one good and one defective held out */
    int32_t grid_width, grid_height; /* patches; N is their product; 4..512 each */
    int32_t mask_width, mask_height; /* pixels; grid_width..16,384 and grid_height..16,384; 4 a patch is enough */
    /* Gives sample index in *sample, its arrays valid until release. A status other than SNARM_OK ends the training with it. */
    snarm_status (*load)(void *user, size_t index, snarm_train_sample *sample);
    void (*release)(void *user, snarm_train_sample *sample); /* NULL: nothing to release */
    void *user;
} snarm_train_source;

/* Trains a navigator and a scorer for a bank and writes them as a scorer file, which snarm_scorer_create loads: with the tensors of a
 * published checkpoint, and as metadata what they were trained with (snarm_scorer_info).
 *   path        the file to write, whole or not at all
 *   bank        the caller's; C channels
 *   source      the samples; they are copied, in half precision, and need not outlive the call
 *   neighbours  k of the residuals; 0: 3; 1..64
 *   smoothing   sigma of the Gaussian with which maps will be smoothed, pixels of the masks, for choosing weights; 0: none; at most 64
 *   options     NULL for defaults; samples is not used, more than memory holds is SNARM_ERROR_ARGUMENT
 *   report      how it went, or NULL
 * SNARM_OK also when progress ended it early: the best weights so far are written. One call at a time for a checkpoint. */
SNARM_API snarm_status snarm_train_scorer(const char *path, const snarm_bank *bank, const snarm_train_source *source,
                                          int32_t neighbours, double smoothing, const snarm_train_options *options,
                                          snarm_train_report *report);

#ifdef __cplusplus
}
#endif
#endif
