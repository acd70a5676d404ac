/* Vectors of floats for simd_*.c, as wide as the target flags of the file that includes this allow; GCC's and clang's
 * vector extensions, with the processor's own instructions where the extensions have no word for them. */
#ifndef SN_KERNEL_VECTOR_H
#define SN_KERNEL_VECTOR_H

#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#include <immintrin.h>
#define SN_LANES 16
#elif defined(__AVX2__)
#include <immintrin.h>
#define SN_LANES 8
#else
#define SN_LANES 4
#endif

typedef float vfloat __attribute__((vector_size(SN_LANES * 4)));
typedef int32_t vint __attribute__((vector_size(SN_LANES * 4)));

static inline vfloat v_load(const float *from) {
    vfloat v;
    memcpy(&v, from, sizeof v);
    return v;
}

static inline void v_store(float *to, vfloat v) {
    memcpy(to, &v, sizeof v);
}

static inline vfloat v_set(float x) {
    return x - (vfloat){0};
}

/* a * b + c; fused where the processor has it. */
static inline vfloat v_fma(vfloat a, vfloat b, vfloat c) {
#if defined(__AVX512F__)
    return (vfloat)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__)
    return (vfloat)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    return a * b + c;
#endif
}

static inline vfloat v_select(vint mask, vfloat yes, vfloat no) {
    return (vfloat)((mask & (vint)yes) | (~mask & (vint)no));
}

/* a > b ? a : b, so that b is taken where either is not a number; the processor's own instruction agrees. */
static inline vfloat v_max(vfloat a, vfloat b) {
#if defined(__AVX512F__)
    return (vfloat)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (vfloat)_mm256_max_ps((__m256)a, (__m256)b);
#else
    return v_select(a > b, a, b);
#endif
}

/* a < b ? a : b. */
static inline vfloat v_min(vfloat a, vfloat b) {
#if defined(__AVX512F__)
    return (vfloat)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (vfloat)_mm256_min_ps((__m256)a, (__m256)b);
#else
    return v_select(a < b, a, b);
#endif
}

/* Bit i is set where a[i] < b[i]. */
static inline unsigned v_less_bits(vfloat a, vfloat b) {
#if defined(__AVX512F__)
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_LT_OQ);
#elif defined(__AVX2__)
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps((__m256)a, (__m256)b, _CMP_LT_OQ));
#else
    unsigned bits = 0;
    for (int i = 0; i < SN_LANES; i++)
        bits |= (unsigned)(a[i] < b[i]) << i;
    return bits;
#endif
}

/* The lanes' sum, by halves: the same tree whatever the compiler. */
static inline float v_sum(vfloat v) {
    float lane[SN_LANES];
    v_store(lane, v);
    for (int half = SN_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            lane[i] += lane[i + half];
    return lane[0];
}

#endif
