/* Checking that values from outside are numbers. */
#ifndef SN_KERNEL_FINITE_H
#define SN_KERNEL_FINITE_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

/* The index of the first of values that is infinite or not a number, SIZE_MAX if there is none. Split over the threads
 * entered. */
size_t sn_find_not_finite(const float *values, size_t count);

/* SNARM_ERROR_ARGUMENT, "FUNCTION: NAME[ROW, COLUMN] is VALUE, a finite number expected", at the first of
 * values (rows, columns) that is infinite or not a number. */
snarm_status sn_check_finite(const float *values, size_t rows, size_t columns, const char *function,
                             const char *name);

#endif
