#include "scorer/quarter_means.h"

#include "core/threads.h"

typedef struct means_work {
    const float *hybrid;
    size_t size; /* of a quarter */
    float *means;
} means_work;

/* In lanes, which the compiler adds up side by side. */
static float sum(const float *values, size_t count) {
    enum { LANES = 16 };
    float lanes[LANES] = {0}, total = 0;
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            lanes[l] += values[i + l];
    for (size_t l = 0; l < LANES; l++)
        total += lanes[l];
    for (; i < count; i++)
        total += values[i];
    return total;
}

static void mean_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const means_work *work = context;
    for (size_t q = SN_QUARTERS * begin; q < SN_QUARTERS * end; q++)
        work->means[q] = sum(work->hybrid + q * work->size, work->size) / (float)work->size;
}

void sn_quarter_means(const float *hybrid, size_t rows, size_t channels, float *means) {
    means_work work = {hybrid, channels / 2, means};
    sn_parallel(rows, 16, mean_rows, &work);
}

void sn_quarter_sums(const float *weights, size_t quarters, size_t size, float *sums) {
    for (size_t q = 0; q < quarters; q++)
        sums[q] = sum(weights + q * size, size);
}

void sn_quarter_spread(const float *values, size_t quarters, size_t size, float *weights) {
    for (size_t q = 0; q < quarters; q++)
        for (size_t c = 0; c < size; c++)
            weights[q * size + c] = values[q];
}
