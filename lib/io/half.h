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

#endif
