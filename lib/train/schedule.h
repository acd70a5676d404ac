/* The learning rate of every step. */
#ifndef SN_TRAIN_SCHEDULE_H
#define SN_TRAIN_SCHEDULE_H

#include "core/status.h"

#include <stdint.h>

typedef struct sn_schedule {
    int64_t steps;  /* of the whole run, 1 up */
    int64_t warmup; /* steps that lead up to the peak, 0..steps */
    double peak;    /* above 0 */
    double final;   /* 0..1: the part of the peak that is left after the last step */
} sn_schedule;

/* SNARM_ERROR_ARGUMENT for values outside. */
snarm_status sn_schedule_check(const sn_schedule *schedule);
/* Step 0..steps-1 of a schedule checked: peak * (step + 1) / warmup while it warms up, then along half a
 * cosine, which begins at the peak and would reach final * peak at step number steps; that from there on. */
double sn_schedule_rate(const sn_schedule *schedule, int64_t step);

#endif
