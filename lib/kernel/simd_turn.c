/* Sums of a 3 x 3 neighbourhood for a convolution in four turns. Compiled once per level; see simd.h for what each
 * does. */
#include "kernel/simd_parts.h"
#include "kernel/vector.h"

/* The sums of one place: t holds the taps of each plane, x the value at one of them. */
#define SN_TURN_SUMS_AT(T, LOAD, STORE)                                                                            \
    do {                                                                                                        \
        const T up = LOAD(0, 1), left = LOAD(0, 3), right = LOAD(0, 5), down = LOAD(0, 7);                      \
        STORE(0, LOAD(0, 4));                                                                                   \
        STORE(1, LOAD(0, 0) + LOAD(0, 8));                                                                      \
        STORE(2, LOAD(0, 2) + LOAD(0, 6));                                                                      \
        STORE(3, (up + down) + (left + right));                                                                 \
        STORE(4, LOAD(1, 0) - LOAD(1, 8));                                                                      \
        STORE(5, (LOAD(1, 1) + LOAD(1, 3)) - (LOAD(1, 5) + LOAD(1, 7)));                                        \
        STORE(6, LOAD(2, 2) - LOAD(2, 6));                                                                      \
        STORE(7, (LOAD(2, 1) + LOAD(2, 5)) - (LOAD(2, 3) + LOAD(2, 7)));                                        \
        STORE(8, (LOAD(3, 1) + LOAD(3, 7)) - (LOAD(3, 3) + LOAD(3, 5)));                                        \
    } while (0)

#define VECTOR_AT(plane, tap) v_load(taps[plane][tap] + i)
#define VECTOR_TO(part, value) v_store(dst + (part) * count + i, value)
#define SINGLE_AT(plane, tap) taps[plane][tap][i]
#define SINGLE_TO(part, value) dst[(part) * count + i] = (value)

void SN_AT_LEVEL(turn_sums)(const float *const (*taps)[SN_TURN_TAPS], size_t count, float *dst) {
    size_t i = 0;
    for (; i + SN_LANES <= count; i += SN_LANES)
        SN_TURN_SUMS_AT(vfloat, VECTOR_AT, VECTOR_TO);
    for (; i < count; i++)
        SN_TURN_SUMS_AT(float, SINGLE_AT, SINGLE_TO);
}

void SN_AT_LEVEL(turn_mix)(float *const *planes, size_t count) {
    float *a = planes[0], *b = planes[1], *c = planes[2], *d = planes[3];
    size_t i = 0;
    for (; i + SN_LANES <= count; i += SN_LANES) {
        const vfloat ab = v_load(a + i) + v_load(b + i), a_b = v_load(a + i) - v_load(b + i);
        const vfloat cd = v_load(c + i) + v_load(d + i), c_d = v_load(c + i) - v_load(d + i);
        v_store(a + i, ab + cd), v_store(b + i, ab - cd);
        v_store(c + i, a_b - c_d), v_store(d + i, a_b + c_d);
    }
    for (; i < count; i++) {
        const float ab = a[i] + b[i], a_b = a[i] - b[i], cd = c[i] + d[i], c_d = c[i] - d[i];
        a[i] = ab + cd, b[i] = ab - cd, c[i] = a_b - c_d, d[i] = a_b + c_d;
    }
}
