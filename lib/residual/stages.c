#include "residual/stages.h"

#include "core/threads.h"
#include "kernel/simd.h"

#include <math.h>
#include <string.h>

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

/* Pairs of channels of a stage that begins at first. */
static size_t pairs_of(const sn_stages *stages, int32_t stage, size_t first) {
    return (first + (size_t)stages->channels[stage]) / 2 - first / 2;
}

/* Of a row of phi, whose second half are squares of the residual averaged over pairs of channels. A pair that two stages share counts for
 * the later one. */
static void squares_of(const sn_stages *stages, const float *phi, size_t channels, float *squares) {
    const float *pairs = phi + channels / 2;
    size_t first = 0;
    for (int32_t s = 0; s < stages->count; s++) {
        const size_t count = pairs_of(stages, s, first);
        squares[s] = sum_of(pairs + first / 2, count) / (float)count;
        first += (size_t)stages->channels[s];
    }
}

/* Sum of the squares of a residual's channels, each stage's times the square of its weight; weights NULL: 1. */
static double weighted_sum(const sn_stages *stages, const float *weights, const float *squares) {
    double sum = 0;
    size_t first = 0;
    for (int32_t s = 0; s < stages->count; s++) {
        const double weight = weights != NULL ? (double)weights[s] : 1;
        sum += weight * weight * 2 * (double)pairs_of(stages, s, first) * (double)squares[s];
        first += (size_t)stages->channels[s];
    }
    return sum;
}

float sn_stage_mean_square(const sn_stages *stages, const float *squares) {
    size_t channels = 0;
    for (int32_t s = 0; s < stages->count; s++)
        channels += (size_t)stages->channels[s];
    return (float)(weighted_sum(stages, NULL, squares) / (double)channels);
}

void sn_stage_distances_of_squares(const sn_stages *stages, const float *weights, const float *squares, size_t patches, float *distances) {
    for (size_t i = 0; i < patches; i++)
        distances[i] = (float)sqrt(weighted_sum(stages, weights, squares + i * (size_t)stages->count));
}

float sn_stage_size(const float *squares, size_t count, double scale) {
    static const double least = 1e-6;
    double sum = 0;
    for (size_t s = 0; s < count; s++) {
        const double square = scale * scale * (double)squares[s];
        sum += log(square > least ? square : least);
    }
    return (float)exp(0.5 * sum / (double)count);
}

typedef struct sizes_work {
    const sn_stages *stages;
    const float *phi;
    size_t stride, channels;
    float *sizes, *squares; /* one of both is wanted */
} sizes_work;

static void sizes_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const sizes_work *work = context;
    const size_t count = (size_t)work->stages->count;
    float squares[SN_STAGES_MAX];
    for (size_t i = begin; i < end; i++) {
        squares_of(work->stages, work->phi + i * work->stride, work->channels, squares);
        if (work->sizes != NULL)
            work->sizes[i] = sn_stage_size(squares, count, 1);
        else
            memcpy(work->squares + i * count, squares, count * sizeof *squares);
    }
}

void sn_stage_squares(const sn_stages *stages, const float *phi, size_t stride, size_t patches, size_t channels, float *squares) {
    sizes_work work = {stages, phi, stride, channels, NULL, squares};
    sn_parallel(patches, 16, sizes_rows, &work);
}

void sn_residual_sizes(const sn_stages *stages, const float *phi, size_t stride, size_t patches, size_t channels, float *sizes) {
    sizes_work work = {stages, phi, stride, channels, sizes, NULL};
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
