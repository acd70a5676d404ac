/* AdamW over an array of parameters in groups, of which a step trains some; with gradient clipping and
 * averaged weights. */
#ifndef SN_TRAIN_OPTIMISER_H
#define SN_TRAIN_OPTIMISER_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

typedef enum sn_range_kind {
    SN_RANGE_DECAYED,   /* parameters that weight decay draws to 0 */
    SN_RANGE_UNDECAYED, /* parameters that it does not */
    SN_RANGE_STATISTIC  /* no parameters: never changed here and without gradients, but averaged with their
                           group */
} sn_range_kind;

/* Part of the array of values. */
typedef struct sn_range {
    size_t begin, count;
    size_t group;
    sn_range_kind kind;
} sn_range;

typedef struct sn_optimiser_options {
    double beta1, beta2; /* 0 up, below 1 */
    double epsilon;      /* above 0; added to the root of the second moment */
    double decay;        /* 0 up: a step multiplies decayed parameters by 1 - rate * decay */
    double clip;         /* largest norm of a step's gradients; 0: any */
    double average;      /* 0 up, below 1: how much of the average of the weights stays at a step */
} sn_optimiser_options;

/* What a training run has to keep; a checkpoint saves and restores these arrays. */
typedef struct sn_optimiser {
    sn_optimiser_options options;
    size_t values, groups;
    float *first, *second; /* (values): the moments */
    float *averages;       /* (values): bias-corrected, so right from the first step; before it the values at
                              creation */
    int64_t *steps;        /* (groups): steps that trained the group */
    int64_t skipped;       /* steps left out because their gradients were not finite */
    struct sn_chunk *chunks;
    size_t chunk_count;
    /* Of the step that runs. */
    size_t *active;
    double *squares;
    struct sn_group_rates *rates;
} sn_optimiser;

typedef struct sn_step_report {
    double norm;  /* of the active groups' gradients, before clipping */
    double scale; /* the gradients were multiplied by it: below 1 where they were clipped */
    bool applied; /* false: norm is not finite and nothing changed but skipped */
} sn_step_report;

/* values (count) are read for the first averages. ranges ascend, and cover values without gaps; groups are
 * 0..groups-1. */
snarm_status sn_optimiser_create(sn_optimiser **out, const float *values, size_t count,
                                 const sn_range *ranges, size_t range_count, size_t groups,
                                 const sn_optimiser_options *options);
void sn_optimiser_destroy(sn_optimiser *optimiser);

/* One step of the groups that are active (groups): values and gradients (count). Other groups stay as they
 * are: values, moments, average, and the number of steps that corrects their bias. Split over the threads
 * entered; the same bits whatever their number. */
void sn_optimiser_step(sn_optimiser *optimiser, float *values, const float *gradients, const bool *active,
                       double rate, sn_step_report *report);

#endif
