/* Cells: a bank's vectors in groups of equal size that lie near each other along a filter's axes. A query looks at the nearest cells
 * alone. */
#ifndef SN_BANK_CELLS_H
#define SN_BANK_CELLS_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

enum {
    SN_CELL = 256 /* vectors in a cell: one product meets them */
};

typedef struct sn_cells {
    size_t count;   /* of vectors: cell c has those at SN_CELL * c.. of order, the last one perhaps fewer */
    size_t probes;  /* cells that a query looks at */
    int32_t *order; /* (count): indices of the bank's vectors, each once */
} sn_cells;

static inline size_t sn_cells_number(const sn_cells *cells) {
    return (cells->count + SN_CELL - 1) / SN_CELL;
}

/* Of points (count, axes), count at least 1. All cells are probed until probes is set. */
snarm_status sn_cells_create(sn_cells **out, const float *points, size_t count, size_t axes);
/* Of an order that a file holds, which is copied; SNARM_ERROR_FORMAT, without a file's name, if an index is missing or probes is not
 * within 1..the number of cells. */
snarm_status sn_cells_from_order(sn_cells **out, const int32_t *order, size_t count, size_t probes);
void sn_cells_destroy(sn_cells *cells);

/* The k-th smallest value (k from 0, below count); the values end up in another order. */
float sn_kth_smallest(float *values, size_t count, size_t k);

#endif
