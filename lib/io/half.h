/* 16-bit floats as they lie on disk. */
#ifndef SN_IO_HALF_H
#define SN_IO_HALF_H

#include <stdint.h>
#include <string.h>

static inline float sn_from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline float sn_bf16_to_f32(uint16_t bits) {
    return sn_from_bits((uint32_t)bits << 16);
}

static inline float sn_f16_to_f32(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = (half >> 10) & 31, fraction = half & 1023;
    if (exponent == 31) /* infinities and NaNs */
        return sn_from_bits(sign | 0x7f800000u | fraction << 13);
    if (exponent == 0) { /* zeros and subnormals: fraction * 2^-24, exact in f32 */
        float magnitude = (float)fraction * 0x1p-24f;
        return sign != 0 ? -magnitude : magnitude;
    }
    return sn_from_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

/* Rounded to the nearest, halves to even; too large becomes infinite. */
static inline uint16_t sn_f32_to_f16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    const uint32_t magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) /* NaN */
        return sign | 0x7e00;
    if (magnitude >= 0x477ff000) /* 65520 and up */
        return sign | 0x7c00;
    if (magnitude < 0x38800000) { /* below 2^-14: adding 0.5 leaves the fraction, in units of 2^-24, in the low bits */
        const float shifted = sn_from_bits(magnitude) + 0.5f;
        memcpy(&bits, &shifted, sizeof bits);
        return sign | (uint16_t)(bits - 0x3f000000);
    }
    const uint32_t odd = magnitude >> 13 & 1;
    return sign | (uint16_t)((magnitude - 0x38000000 + 0xfff + odd) >> 13);
}

#endif
