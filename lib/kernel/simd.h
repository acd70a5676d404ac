/* The library's own vector kernels, chosen once at run time for the processor: plain C vectors of 4, AVX2 of 8,
 * AVX-512 of 16 lanes. simd_body.c is written once and compiled for each; simd.c chooses. */
#ifndef SN_KERNEL_SIMD_H
#define SN_KERNEL_SIMD_H

#include <stddef.h>
#include <stdint.h>

/* Centres that lie interleaved in one block of sn_simd.nearest, whatever the level. */
enum { SN_CENTRE_LANES = 16 };

typedef enum sn_simd_level { SN_SIMD_PLAIN = 0, SN_SIMD_AVX2 = 1, SN_SIMD_AVX512 = 2 } sn_simd_level;

/* One table per level. All arrays may be unaligned; lengths are arbitrary. */
typedef struct sn_simd {
    /* The running k smallest of a row of values: values[j] belongs to index first + j. best_values (k, ascending) and
     * best_indices (k) hold the smallest so far, ties to the smaller index. owners, if not NULL, tells each index's owner:
     * entries of owner excluded are passed over. */
    void (*smallest)(const float *values, size_t count, int32_t first, const int32_t *owners, int32_t excluded,
                     size_t k, float *best_values, int32_t *best_indices);
    /* Sum of (a[i] - b[i])^2. */
    float (*squared_distance)(const float *a, const float *b, size_t count);
    /* The smallest sum over d of (point[d] - c[d])^2, d ascending in each sum, of centres c = first..last-1. blocks holds
     * (dimensions, SN_CENTRE_LANES) floats for every SN_CENTRE_LANES centres. Infinite if there are none. */
    float (*nearest)(const float *point, const float *blocks, size_t first, size_t last, size_t dimensions);
    /* Sum of a[i] * b[i]. */
    float (*dot)(const float *a, const float *b, size_t count);
} sn_simd;

/* The table for this processor, or the one that sn_simd_override chose. */
const sn_simd *sn_simd_table(void);
/* The best level that this processor has. */
sn_simd_level sn_simd_best(void);
/* For tests: use this level from now on, if the processor has it (else the best it has); returns the level in use. */
sn_simd_level sn_simd_override(sn_simd_level level);

#endif
