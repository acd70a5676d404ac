/* Rows of f32 to bf16 and back, to 8-bit integers, and the softmax whose weights may be either. Compiled once per level; see simd.h for what each does. */
#include "kernel/simd_parts.h"
#include "kernel/vector_math.h"

typedef uint16_t vhalf __attribute__((vector_size(SN_LANES * 2)));
typedef uint16_t vwide __attribute__((vector_size(SN_LANES * 4)));
typedef uint32_t vbits __attribute__((vector_size(SN_LANES * 4)));

/* To nearest, ties to even; what is not a number stays so. */
static inline vhalf round_bf16(vfloat x) {
    const vbits bits = (vbits)x;
    const vbits rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    const vbits wrong = (vbits)(x != x);
    return __builtin_convertvector((rounded & ~wrong) | (((bits >> 16) | 0x40) & wrong), vhalf);
}

static inline __attribute__((always_inline)) void store_bf16(uint16_t *to, vfloat x, size_t count) {
    const vhalf half = round_bf16(x);
    memcpy(to, &half, count * sizeof *to);
}

/* Two vectors of finite values, to nearest, ties away from zero: the upper halves of all lanes, gathered. */
static inline void store_pair(uint16_t *to, vfloat a, vfloat b) {
    const vwide first = (vwide)((vbits)a + 0x8000), second = (vwide)((vbits)b + 0x8000);
#if SN_LANES == 16
    const vwide halves = __builtin_shufflevector(first, second, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 33, 35, 37,
                                                 39, 41, 43, 45, 47, 49, 51, 53, 55, 57, 59, 61, 63);
#elif SN_LANES == 8
    const vwide halves = __builtin_shufflevector(first, second, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
#else
    const vwide halves = __builtin_shufflevector(first, second, 1, 3, 5, 7, 9, 11, 13, 15);
#endif
    memcpy(to, &halves, sizeof halves);
}

void SN_AT_LEVEL(scale)(const float *src, float factor, size_t count, float *dst) {
    size_t i = 0;
    for (; i + SN_LANES <= count; i += SN_LANES)
        v_store(dst + i, v_load(src + i) * factor);
    for (; i < count; i++)
        dst[i] = src[i] * factor;
}

void SN_AT_LEVEL(scale_bf16)(const float *src, float factor, size_t count, uint16_t *dst) {
    size_t i = 0;
    for (; i + SN_LANES <= count; i += SN_LANES)
        store_bf16(dst + i, v_load(src + i) * factor, SN_LANES);
    if (i < count)
        store_bf16(dst + i, v_load_part(src + i, count - i) * factor, count - i);
}

typedef int8_t vbyte __attribute__((vector_size(SN_LANES)));

void SN_AT_LEVEL(scale_s8)(const float *src, float factor, size_t count, int8_t *dst) {
    const vfloat shift = v_set(0x1.8p23f); /* adding it leaves the integer in the low bits */
    for (size_t i = 0; i < count; i += SN_LANES) {
        const size_t some = count - i < SN_LANES ? count - i : SN_LANES;
        const vfloat limited = v_min(v_max(v_load_part(src + i, some) * factor, v_set(-127.0f)), v_set(127.0f));
        const vbyte bytes = __builtin_convertvector((vint)(limited + shift) - 0x4b400000, vbyte);
        memcpy(dst + i, &bytes, some);
    }
}

void SN_AT_LEVEL(from_bf16)(const uint16_t *src, size_t count, float *dst) {
    size_t i = 0;
    for (; i + SN_LANES <= count; i += SN_LANES) {
        vhalf half;
        memcpy(&half, src + i, sizeof half);
        v_store(dst + i, (vfloat)(__builtin_convertvector(half, vbits) << 16));
    }
    for (; i < count; i++) {
        const uint32_t bits = (uint32_t)src[i] << 16;
        memcpy(dst + i, &bits, sizeof bits);
    }
}

static inline float largest(const float *scores, size_t count) {
    vfloat most = v_set(-__builtin_inff());
    size_t i = 0;
    for (; i + SN_LANES <= count; i += SN_LANES)
        most = v_max(v_load(scores + i), most);
    float lanes[SN_LANES];
    v_store(lanes, most);
    float result = lanes[0];
    for (size_t lane = 1; lane < SN_LANES; lane++)
        result = lanes[lane] > result ? lanes[lane] : result;
    for (; i < count; i++)
        result = scores[i] > result ? scores[i] : result;
    return result;
}

/* e^x for x at most 0, as v_exp makes it: with the series to r^6, whose error of 1e-7 is that of f32, or for weights that will be
 * rounded to 8 bits by the cubic of least error, 8e-5. */
static inline __attribute__((always_inline)) vfloat weight_of(vfloat x, bool coarse) {
    x = v_max(v_set(-87.0f), x);
    const vfloat shift = v_set(0x1.8p23f);
    const vfloat shifted = v_fma(x, v_set(1.44269504f), shift), n = shifted - shift;
    vfloat p, r;
    if (coarse) {
        r = v_fma(n, v_set(-0.69314718f), x);
        p = v_fma(r, v_set(0.165667464f), v_set(0.504963419f));
        p = v_fma(p, r, v_set(1.00016432f));
        p = v_fma(p, r, v_set(0.999928071f));
    } else {
        r = v_fma(n, v_set(-0.693359375f), x);
        r = v_fma(n, v_set(2.12194440e-4f), r);
        p = v_fma(r, v_set(1.0f / 720), v_set(1.0f / 120));
        p = v_fma(p, r, v_set(1.0f / 24));
        p = v_fma(p, r, v_set(1.0f / 6));
        p = v_fma(p, r, v_set(0.5f));
        p = v_fma(p, r * r, r) + 1.0f;
    }
    return (vfloat)((vint)p + ((vint)shifted << 23));
}

/* Inlined for both kinds of weights. Every store stays behind the loads: bf16 weights may take the scores' own place. */
static inline __attribute__((always_inline)) float softmax_row(const float *scores, size_t count, float scale, void *dst,
                                                               bool coarse) {
    const vfloat factor = v_set(scale), shift = v_set(-scale * largest(scores, count));
    float *exact = dst;
    uint16_t *rounded = dst;
    vfloat sums = v_set(0), more = v_set(0);
    size_t i = 0;
    for (; i + 2 * SN_LANES <= count; i += 2 * SN_LANES) {
        const vfloat a = weight_of(v_fma(v_load(scores + i), factor, shift), coarse);
        const vfloat b = weight_of(v_fma(v_load(scores + i + SN_LANES), factor, shift), coarse);
        sums += a;
        more += b;
        if (coarse) {
            store_pair(rounded + i, a, b);
        } else {
            v_store(exact + i, a);
            v_store(exact + i + SN_LANES, b);
        }
    }
    float sum = v_sum(sums + more);
    for (size_t some; i < count; i += some) {
        some = count - i < SN_LANES ? count - i : SN_LANES;
        float lanes[SN_LANES];
        const vfloat weight = weight_of(v_fma(v_load_part(scores + i, some), factor, shift), coarse);
        v_store(lanes, weight);
        for (size_t lane = 0; lane < some; lane++)
            sum += lanes[lane];
        if (coarse)
            store_bf16(rounded + i, weight, some);
        else
            v_store_part(exact + i, weight, some);
    }
    return sum;
}

void SN_AT_LEVEL(softmax)(const float *scores, size_t count, float scale, float *dst, float *sum) {
    *sum = softmax_row(scores, count, scale, dst, false);
}

void SN_AT_LEVEL(softmax_bf16)(const float *scores, size_t count, float scale, uint16_t *dst, float *sum) {
    *sum = softmax_row(scores, count, scale, dst, true);
}
