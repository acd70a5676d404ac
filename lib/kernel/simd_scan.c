/* The recurrent parts of a Mamba mixer, on vectors of channels. Compiled once per level; see simd.h for what each does. */
#include "kernel/simd_parts.h"
#include "kernel/vector_math.h"

/* One vector of channels, of which count are there, through time. */
static inline __attribute__((always_inline)) void conv_lanes(const float *src, size_t src_stride, size_t length,
                                                             const float *weights, size_t weights_stride,
                                                             const float *bias, size_t taps, size_t count, float *dst,
                                                             size_t dst_stride) {
    const vfloat start = v_load_part(bias, count);
    for (size_t t = 0; t < length; t++) {
        vfloat sum = start;
        /* Tap j meets the value taps - 1 - j steps back; before the start there is nothing. */
        size_t first = t + 1 < taps ? taps - 1 - t : 0;
        for (size_t j = first; j < taps; j++)
            sum = v_fma(v_load_part(src + (t + j + 1 - taps) * src_stride, count),
                        v_load_part(weights + j * weights_stride, count), sum);
        v_store_part(dst + t * dst_stride, v_silu(sum), count);
    }
}

void SN_AT_LEVEL(causal_conv_silu)(const float *src, size_t src_stride, size_t length, const float *weights,
                                   size_t weights_stride, const float *bias, size_t taps, size_t channels, float *dst,
                                   size_t dst_stride) {
    size_t c = 0;
    for (; c + SN_LANES <= channels; c += SN_LANES)
        conv_lanes(src + c, src_stride, length, weights + c, weights_stride, bias + c, taps, SN_LANES, dst + c,
                   dst_stride);
    if (c < channels)
        conv_lanes(src + c, src_stride, length, weights + c, weights_stride, bias + c, taps, channels - c, dst + c,
                   dst_stride);
}

/* Channels c.. of which count are there. Inlined with constants where it is hot, so that states stays in registers. */
static inline __attribute__((always_inline)) void scan_lanes(const sn_scan *scan, size_t c, size_t count,
                                                             size_t states) {
    vfloat h[SN_SCAN_STATES_MAX], a[SN_SCAN_STATES_MAX];
    for (size_t n = 0; n < states; n++) {
        h[n] = v_set(0);
        a[n] = v_load_part(scan->a + n * scan->channels + c, count);
    }
    const vfloat skip = v_load_part(scan->skip + c, count);
    for (size_t t = 0; t < scan->length; t++) {
        const float *b = scan->b + t * scan->bc_stride, *mix = scan->c + t * scan->bc_stride;
        vfloat x = v_load_part(scan->x + t * scan->x_stride + c, count);
        vfloat dt = v_softplus(v_load_part(scan->dt + t * scan->dt_stride + c, count));
        vfloat y = skip * x, input = dt * x;
        for (size_t n = 0; n < states; n++) {
            h[n] = v_fma(v_exp(dt * a[n]), h[n], input * b[n]);
            y = v_fma(h[n], v_set(mix[n]), y);
        }
        vfloat gate = v_silu(v_load_part(scan->gate + t * scan->gate_stride + c, count));
        v_store_part(scan->y + t * scan->y_stride + c, y * gate, count);
    }
}

void SN_AT_LEVEL(selective_scan)(const sn_scan *scan, size_t begin, size_t end) {
    size_t c = begin;
    if (scan->states == 4)
        for (; c + SN_LANES <= end; c += SN_LANES)
            scan_lanes(scan, c, SN_LANES, 4);
    for (; c + SN_LANES <= end; c += SN_LANES)
        scan_lanes(scan, c, SN_LANES, scan->states);
    if (c < end)
        scan_lanes(scan, c, end - c, scan->states);
}
