#include "residual/navigator.h"

#include "core/threads.h"
#include "kernel/simd.h"

#include <math.h>
#include <string.h>

size_t sn_reference_count(double ratio, size_t patches) {
    return (size_t)rint(ratio * (double)patches);
}

typedef struct navigator_work {
    const float *phi;
    size_t phi_stride, channels;
    const float *weight;
    float bias;
    const float *mean;
    float *u, *waypoint;
} navigator_work;

static void navigate_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const navigator_work *work = context;
    const sn_simd *simd = sn_simd_table();
    for (size_t i = begin; i < end; i++) {
        const float *row = work->phi + i * work->phi_stride;
        float u = 1.0f / (1.0f + expf(-(simd->dot(row, work->weight, work->channels) + work->bias)));
        work->u[i] = u;
        work->waypoint[i] = u + simd->dot(row, work->mean, work->channels);
    }
}

void sn_navigate(const float *phi, size_t phi_stride, size_t rows, size_t channels, const float *weight, float bias,
                 const float *mean, float *u, float *waypoint) {
    navigator_work work = {phi, phi_stride, channels, weight, bias, mean, u, waypoint};
    sn_parallel(rows, 16, navigate_rows, &work);
}

/* Unsigned integers in the order of the floats. -0 and 0 are made one: they are a tie. */
static uint32_t ordered(float value) {
    value += 0.0f;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

/* The key that count patches do not exceed and fewer fall below, digit by digit from the highest: of the patches that
 * share the digits found so far, those of each next digit are counted. *ties: how many of that very key are taken. */
static uint32_t threshold(const float *waypoint, size_t patches, size_t count, size_t *ties) {
    uint32_t found = 0, known = 0;
    for (int shift = 24; shift >= 0; shift -= 8) {
        size_t counts[256] = {0};
        for (size_t i = 0; i < patches; i++) {
            uint32_t key = ordered(waypoint[i]);
            if ((key & known) == found)
                counts[key >> shift & 255]++;
        }
        uint32_t digit = 0;
        while (digit < 255 && counts[digit] < count)
            count -= counts[digit++];
        found |= digit << shift;
        known |= 255u << shift;
    }
    *ties = count;
    return found;
}

void sn_choose_reference(const float *waypoint, size_t patches, size_t count, uint8_t *reference) {
    size_t ties;
    uint32_t limit = threshold(waypoint, patches, count, &ties);
    for (size_t i = 0; i < patches; i++) {
        uint32_t key = ordered(waypoint[i]);
        reference[i] = key < limit;
        if (key == limit && ties > 0) {
            reference[i] = 1;
            ties--;
        }
    }
}
