/* Kernels of coreset selection (bank/centres.c). Compiled once per level; see simd.h for what each does. */
#include "kernel/simd_parts.h"
#include "kernel/vector.h"

enum {
    VECTORS = SN_CENTRE_LANES / SN_LANES, /* of a block of centres */
    POINTS = SN_LANES / 2 /* met at a time: POINTS * VECTORS = 8 sums stay in registers and hide the
                                             latency of an addition */
};

static void nearest_of_some(const float *const *points, const float *blocks, size_t block_count,
                            size_t dimensions, float *nearest) {
    vfloat smallest[VECTORS][POINTS];
    for (int v = 0; v < VECTORS; v++)
        for (int p = 0; p < POINTS; p++)
            smallest[v][p] = v_set(__builtin_inff());
    for (size_t block = 0; block < block_count; block++, blocks += SN_CENTRE_LANES * dimensions) {
        vfloat sums[VECTORS][POINTS];
        for (int v = 0; v < VECTORS; v++)
            for (int p = 0; p < POINTS; p++)
                sums[v][p] = v_set(0);
        for (size_t d = 0; d < dimensions; d++)
            for (int v = 0; v < VECTORS; v++) {
                const vfloat centres = v_load(blocks + d * SN_CENTRE_LANES + v * SN_LANES);
                for (int p = 0; p < POINTS; p++) {
                    const vfloat difference = v_set(points[p][d]) - centres;
                    sums[v][p] = v_fma(difference, difference, sums[v][p]);
                }
            }
        for (int v = 0; v < VECTORS; v++)
            for (int p = 0; p < POINTS; p++)
                smallest[v][p] = v_min(sums[v][p], smallest[v][p]);
    }
    for (int p = 0; p < POINTS; p++) {
        nearest[p] = __builtin_inff();
        for (int v = 0; v < VECTORS; v++)
            for (int lane = 0; lane < SN_LANES; lane++)
                nearest[p] = smallest[v][p][lane] < nearest[p] ? smallest[v][p][lane] : nearest[p];
    }
}

void SN_AT_LEVEL(nearest)(const float *const *points, const float *blocks, size_t block_count,
                          size_t dimensions, float *nearest) {
    for (int p = 0; p < SN_POINT_GROUP; p += POINTS)
        nearest_of_some(points + p, blocks, block_count, dimensions, nearest + p);
}

/* The operations of one lane above, in the same order: equal to the last bit. */
float SN_AT_LEVEL(ordered_distance)(const float *a, const float *b, size_t count) {
    float sum = 0;
    for (size_t i = 0; i < count; i++) {
        const float difference = a[i] - b[i];
#if defined(__AVX2__)
        sum = __builtin_fmaf(difference, difference, sum);
#else
        sum += difference * difference;
#endif
    }
    return sum;
}

static size_t sift_some(const float *turned, const float *limits, const float *blocks, size_t block_count,
                        size_t axes, uint16_t *passed) {
    size_t passing = 0;
    for (size_t block = 0; block < block_count; block++, blocks += SN_CENTRE_LANES * (axes + 1)) {
        vfloat sums[VECTORS][POINTS];
        for (int v = 0; v < VECTORS; v++)
            for (int p = 0; p < POINTS; p++)
                sums[v][p] = v_load(blocks + v * SN_LANES);
        for (size_t a = 0; a < axes; a++)
            for (int v = 0; v < VECTORS; v++) {
                const vfloat centres = v_load(blocks + (a + 1) * SN_CENTRE_LANES + v * SN_LANES);
                for (int p = 0; p < POINTS; p++)
                    sums[v][p] = v_fma(v_set(turned[a * SN_POINT_GROUP + (size_t)p]), centres, sums[v][p]);
            }
        for (int p = 0; p < POINTS; p++) {
            unsigned larger = 0; /* so that what is not a number passes */
            for (int v = 0; v < VECTORS; v++)
                larger |= v_less_bits(v_set(limits[p]), sums[v][p]) << (v * SN_LANES);
            passed[block * SN_POINT_GROUP + (size_t)p] = (uint16_t)~larger;
            passing += (size_t)__builtin_popcount(~larger & 0xffffu);
        }
    }
    return passing;
}

size_t SN_AT_LEVEL(sift)(const float *turned, const float *limits, const float *blocks, size_t block_count,
                         size_t axes, uint16_t *passed) {
    size_t passing = 0;
    for (int p = 0; p < SN_POINT_GROUP; p += POINTS)
        passing += sift_some(turned + p, limits + p, blocks, block_count, axes, passed + p);
    return passing;
}
