#include "kernel/finite.h"

#include "core/threads.h"

#include <string.h>

typedef struct finite_work {
    const float *values;
    size_t first[SN_THREADS_MAX]; /* per thread: the first value at fault, or SIZE_MAX */
} finite_work;

static unsigned is_wrong(const float *value) {
    uint32_t bits;
    memcpy(&bits, value, sizeof bits);
    return (bits & 0x7f800000u) == 0x7f800000u;
}

static void check_part(void *context, size_t begin, size_t end, int thread) {
    enum { CHUNK = 1024 };
    finite_work *work = context;
    for (size_t start = begin; start < end; start += CHUNK) {
        const size_t stop = end - start < CHUNK ? end : start + CHUNK;
        unsigned wrong = 0; /* without leaving early, so that it becomes vector code */
        for (size_t i = start; i < stop; i++)
            wrong |= is_wrong(work->values + i);
        if (wrong == 0)
            continue;
        while (!is_wrong(work->values + start))
            start++;
        work->first[thread] = start;
        return;
    }
}

size_t sn_find_not_finite(const float *values, size_t count) {
    finite_work work = {.values = values};
    for (int t = 0; t < SN_THREADS_MAX; t++)
        work.first[t] = SIZE_MAX;
    sn_parallel(count, 4096, check_part, &work);
    for (int t = 0; t < SN_THREADS_MAX; t++)
        if (work.first[t] != SIZE_MAX) /* threads hold ascending parts */
            return work.first[t];
    return SIZE_MAX;
}

snarm_status sn_check_finite(const float *values, size_t rows, size_t columns, const char *function,
                             const char *name) {
    const size_t wrong = sn_find_not_finite(values, rows * columns);
    if (wrong == SIZE_MAX)
        return SNARM_OK;
    return sn_error(SNARM_ERROR_ARGUMENT, "%s: %s[%zu, %zu] is %g, a finite number expected", function, name,
                    wrong / columns, wrong % columns, (double)values[wrong]);
}
