/* The state of a training run as a file, to go on from where it stopped. */
#ifndef SN_TRAIN_CHECKPOINT_H
#define SN_TRAIN_CHECKPOINT_H

#include "core/rng.h"
#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

/* The arrays are the caller's. */
typedef struct sn_training_state {
    size_t values, groups, rngs;                /* lengths of the arrays, 1 up */
    float *weights, *first, *second, *averages; /* (values); second from 0 up */
    float *best;                                /* (values): the best weights so far */
    double best_metric;                         /* theirs; any number or infinity */
    int64_t *group_steps;                       /* (groups), 0 up */
    sn_rng *random;                             /* (rngs) */
    int64_t step, skipped, best_step;           /* 0 up */
} sn_training_state;

/* Writes the state, whole or not at all. identity (UTF-8) says what the run is: whatever must be the same for
 * going on to make sense, like recipe, seed, sizes and data. A state with values that are not finite is
 * SNARM_ERROR_ARGUMENT: the older file is worth more. */
snarm_status sn_checkpoint_write(const char *path, const char *identity, const sn_training_state *state);

/* Reads a file into state, whose arrays and their lengths are set. Everything is checked before anything is
 * written: SNARM_ERROR_MISMATCH for a run of another identity or other lengths, SNARM_ERROR_UNSUPPORTED for
 * another version's file, SNARM_ERROR_FORMAT for one that is broken; a checksum covers all of it. */
snarm_status sn_checkpoint_read(const char *path, const char *identity, sn_training_state *state);

#endif
