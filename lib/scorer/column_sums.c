#include "scorer/column_sums.h"

#include "core/memory.h"
#include "core/threads.h"

#include <string.h>

enum { BLOCK = 64 };

struct sn_column_sums {
    size_t room;
    float *partial; /* (SN_THREADS_MAX, room) */
    double *totals; /* (SN_THREADS_MAX, room) */
};

snarm_status sn_column_sums_create(sn_column_sums **out, size_t count) {
    *out = NULL;
    sn_column_sums *sums;
    SN_TRY(sn_alloc_zeroed(&sums, 1, sizeof *sums, "column sums"));
    sums->room = (count + 15) / 16 * 16; /* the threads' parts share no cache line */
    snarm_status status = sn_alloc(&sums->partial, SN_THREADS_MAX * sums->room, sizeof(float), "column sums");
    if (status == SNARM_OK)
        status = sn_alloc(&sums->totals, SN_THREADS_MAX * sums->room, sizeof(double), "column sums");
    if (status != SNARM_OK) {
        sn_column_sums_destroy(sums);
        return status;
    }
    *out = sums;
    return SNARM_OK;
}

void sn_column_sums_destroy(sn_column_sums *sums) {
    if (sums == NULL)
        return;
    sn_free(sums->partial);
    sn_free(sums->totals);
    sn_free(sums);
}

typedef struct sums_work {
    sn_column_sums *sums;
    size_t count;
    sn_row_fn fn;
    void *context;
} sums_work;

static void sum_rows(void *context, size_t begin, size_t end, int thread) {
    const sums_work *work = context;
    float *partial = work->sums->partial + (size_t)thread * work->sums->room;
    double *totals = work->sums->totals + (size_t)thread * work->sums->room;
    for (size_t row = begin; row < end;) {
        memset(partial, 0, work->count * sizeof *partial);
        for (size_t stop = row + BLOCK < end ? row + BLOCK : end; row < stop; row++)
            work->fn(work->context, row, partial);
        for (size_t i = 0; i < work->count; i++)
            totals[i] += (double)partial[i];
    }
}

void sn_column_sums_run(sn_column_sums *sums, size_t rows, size_t count, sn_row_fn fn, void *context, float *dst) {
    const size_t threads = (size_t)sn_threads_current();
    for (size_t t = 0; t < threads; t++)
        memset(sums->totals + t * sums->room, 0, count * sizeof(double));
    sums_work work = {sums, count, fn, context};
    sn_parallel(rows, BLOCK, sum_rows, &work);
    for (size_t i = 0; i < count; i++) {
        double total = 0;
        for (size_t t = 0; t < threads; t++)
            total += sums->totals[t * sums->room + i];
        dst[i] = (float)total;
    }
}
