/* Exponentials and what is made of them, on vectors, to a few units in the last place. Not-a-number in,
 * not-a-number out. */
#ifndef SN_KERNEL_VECTOR_MATH_H
#define SN_KERNEL_VECTOR_MATH_H

#include "kernel/vector.h"

/* The first count lanes (fewer than SN_LANES) from memory, the others zero; and back. */
static inline vfloat v_load_part(const float *from, size_t count) {
    vfloat v = {0};
    memcpy(&v, from, count * sizeof *from);
    return v;
}

static inline void v_store_part(float *to, vfloat v, size_t count) {
    memcpy(to, &v, count * sizeof *to);
}

/* e^x = 2^n e^r, n the integer nearest to x / ln 2, |r| <= ln(2) / 2 by its series to r^7. Below -87 it stays
 * at e^-87, above 88 at e^88: neither is met where it would matter. */
static inline vfloat v_exp(vfloat x) {
    /* Constants first: a comparison with not-a-number is false and chooses x. */
    x = v_max(v_set(-87.0f), x);
    x = v_min(v_set(88.0f), x);
    const vfloat shift = v_set(0x1.8p23f); /* adding it leaves the integer in the low bits */
    vfloat shifted = v_fma(x, v_set(1.44269504f), shift);
    vfloat n = shifted - shift;
    /* ln 2 in two parts, the first with so few bits that n times it is exact. */
    vfloat r = v_fma(n, v_set(-0.693359375f), x);
    r = v_fma(n, v_set(2.12194440e-4f), r);
    vfloat p = v_set(1.0f / 5040);
    p = v_fma(p, r, v_set(1.0f / 720));
    p = v_fma(p, r, v_set(1.0f / 120));
    p = v_fma(p, r, v_set(1.0f / 24));
    p = v_fma(p, r, v_set(1.0f / 6));
    p = v_fma(p, r, v_set(0.5f));
    p = v_fma(p, r * r, r) + 1.0f;
    /* n is in the low bits of shifted, above those of 1.5 * 2^23: the exponent of 2^n is n + 127. */
    vint power = ((vint)shifted - 0x4b400000 + 127) << 23;
    return p * (vfloat)power;
}

static inline vfloat v_sigmoid(vfloat x) {
    return 1.0f / (1.0f + v_exp(-x));
}

static inline vfloat v_silu(vfloat x) {
    return x / (1.0f + v_exp(-x));
}

/* ln((1 + s) / (1 - s)) = 2 artanh(s) for s in [0, 1/3], by its series to s^17. */
static inline vfloat v_log_ratio(vfloat s) {
    vfloat q = s * s;
    vfloat p = v_set(1.0f / 17);
    p = v_fma(p, q, v_set(1.0f / 15));
    p = v_fma(p, q, v_set(1.0f / 13));
    p = v_fma(p, q, v_set(1.0f / 11));
    p = v_fma(p, q, v_set(1.0f / 9));
    p = v_fma(p, q, v_set(1.0f / 7));
    p = v_fma(p, q, v_set(1.0f / 5));
    p = v_fma(p, q, v_set(1.0f / 3));
    p = v_fma(p * q, s, s);
    return 2.0f * p;
}

/* ln(1 + y) for y in 0..1, where 1 + y = (1 + s) / (1 - s) for s = y / (2 + y): also exact to the last digits where y is
 * tiny. */
static inline vfloat v_log1p(vfloat y) {
    return v_log_ratio(y / (2.0f + y));
}

/* ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|). */
static inline vfloat v_softplus(vfloat x) {
    return v_max(v_set(0.0f), x) + v_log1p(v_exp(v_min(x, -x)));
}

/* The same, and its derivative sigmoid(x) = 1 / (1 + y) or, for negative x, y / (1 + y), with y = e^-|x|; one division
 * serves both. */
static inline vfloat v_softplus_slope(vfloat x, vfloat *slope) {
    vfloat y = v_exp(v_min(x, -x));
    vfloat inverse = 1.0f / ((1.0f + y) * (2.0f + y));
    *slope = v_select(x < 0.0f, y, v_set(1.0f)) * (2.0f + y) * inverse;
    return v_max(v_set(0.0f), x) + v_log_ratio(y * (1.0f + y) * inverse);
}

#endif
