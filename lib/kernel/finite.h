/* Checking that values from outside are numbers. */
#ifndef SN_KERNEL_FINITE_H
#define SN_KERNEL_FINITE_H

#include "core/status.h"

#include <stddef.h>

/* SNARM_ERROR_ARGUMENT, "FUNCTION: NAME[ROW, COLUMN] is VALUE, a finite number expected", at the first of values (rows, columns) that is
 * infinite or not a number. Split over the threads entered. */
snarm_status sn_check_finite(const float *values, size_t rows, size_t columns, const char *function, const char *name);

#endif
