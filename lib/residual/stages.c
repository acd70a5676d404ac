#include "residual/stages.h"

#include "core/threads.h"
#include "kernel/simd.h"

#include <math.h>

snarm_status sn_check_stages(const sn_stages *stages, int32_t channels, const char *where) {
    if (stages->count < 0 || stages->count > SN_STAGES_MAX)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: there are %d stages, expected 0..%d", where, (int)stages->count, SN_STAGES_MAX);
    int64_t sum = 0;
    for (int32_t s = 0; s < stages->count; s++) {
        if (stages->channels[s] < 2)
            return sn_error(SNARM_ERROR_ARGUMENT, "%s: stage %d has %d channels, expected 2 or more", where, (int)s,
                            (int)stages->channels[s]);
        sum += stages->channels[s];
    }
    if (stages->count > 0 && sum != channels)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: the %d stages have %lld channels in all, the features %d", where, (int)stages->count,
                        (long long)sum, (int)channels);
    return SNARM_OK;
}

/* Eight sums side by side, which compilers turn into vectors; the order of the sum is the same everywhere. */
static float sum_of(const float *values, size_t count) {
    float lanes[8] = {0};
    size_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (size_t l = 0; l < 8; l++)
            lanes[l] += values[i + l];
    for (; i < count; i++)
        lanes[i % 8] += values[i];
    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

typedef struct sizes_work {
    const sn_stages *stages;
    const float *phi;
    size_t stride, channels;
    float *sizes;
} sizes_work;

/* squares: the second half of phi, those of the residual averaged over pairs of channels. A pair that two stages share counts for the
 * later one. */
static double size_of(const sn_stages *stages, const float *squares) {
    static const double least = 1e-6;
    double sum = 0;
    size_t first = 0;
    for (int32_t s = 0; s < stages->count; s++) {
        const size_t end = first + (size_t)stages->channels[s], pairs = end / 2 - first / 2;
        const double mean = (double)sum_of(squares + first / 2, pairs) / (double)pairs;
        sum += log(mean > least ? mean : least);
        first = end;
    }
    return exp(0.5 * sum / stages->count);
}

static void sizes_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const sizes_work *work = context;
    for (size_t i = begin; i < end; i++)
        work->sizes[i] = (float)size_of(work->stages, work->phi + i * work->stride + work->channels / 2);
}

void sn_residual_sizes(const sn_stages *stages, const float *phi, size_t stride, size_t patches, size_t channels, float *sizes) {
    sizes_work work = {stages, phi, stride, channels, sizes};
    sn_parallel(patches, 16, sizes_rows, &work);
}

typedef struct distances_work {
    const sn_stages *stages;
    const float *weights, *inter;
    size_t channels;
    float *distances;
} distances_work;

static void distances_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const distances_work *work = context;
    const sn_simd *simd = sn_simd_table();
    for (size_t i = begin; i < end; i++) {
        const float *row = work->inter + i * work->channels;
        float sum = 0;
        for (int32_t s = 0; s < work->stages->count; s++) {
            const size_t count = (size_t)work->stages->channels[s];
            sum += work->weights[s] * work->weights[s] * simd->dot(row, row, count);
            row += count;
        }
        work->distances[i] = sqrtf(sum);
    }
}

void sn_stage_distances(const sn_stages *stages, const float *weights, const float *inter, size_t patches, size_t channels,
                        float *distances) {
    distances_work work = {stages, weights, inter, channels, distances};
    sn_parallel(patches, 16, distances_rows, &work);
}
