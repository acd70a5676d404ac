/* Sums over many rows: gradients of what all rows share, and statistics. */
#ifndef SN_SCORER_COLUMN_SUMS_H
#define SN_SCORER_COLUMN_SUMS_H

#include "core/status.h"

#include <stddef.h>

/* Adds a row's share to sums; may do the row's other work too. */
typedef void (*sn_row_fn)(void *context, size_t row, float *sums);

/* Room for the partial sums of every thread. */
typedef struct sn_column_sums sn_column_sums;
/* count: the most columns. */
snarm_status sn_column_sums_create(sn_column_sums **out, size_t count);
void sn_column_sums_destroy(sn_column_sums *sums);
/* Calls fn for rows 0..rows-1, split over the threads entered, and writes the sums of count columns to dst. A few
 * rows are summed in single precision, these in double, in an order that the number of threads alone decides. */
void sn_column_sums_run(sn_column_sums *sums, size_t rows, size_t count, sn_row_fn fn, void *context, float *dst);

#endif
