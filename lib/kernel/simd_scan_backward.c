/* Gradients of the recurrent parts of a Mamba mixer, on vectors of channels. Compiled once per level; see
 * simd.h for what each does. */
#include "kernel/simd_parts.h"
#include "kernel/vector_math.h"

/* SiLU(z) = z sigmoid(z) and its derivative, from one exponential. */
static inline vfloat silu_and_slope(vfloat z, vfloat *slope) {
    const vfloat sigmoid = v_sigmoid(z), silu = z * sigmoid;
    *slope = v_fma(silu, 1.0f - sigmoid, sigmoid);
    return silu;
}

static inline void add_part(float *to, vfloat v, size_t count) {
    v_store_part(to, v_load_part(to, count) + v, count);
}

/* One vector of channels, of which count are there, back through time: the gradient of a value needs those
 * before the SiLU of its own step and of the taps - 1 steps after it. Inlined with constants where it is hot,
 * so that the two windows stay in registers. */
static inline __attribute__((always_inline)) void conv_back_lanes(const sn_conv_gradients *g, size_t c,
                                                                  size_t count, size_t taps) {
    vfloat weights[SN_CONV_TAPS_MAX], sums[SN_CONV_TAPS_MAX];
    vfloat met[SN_CONV_TAPS_MAX];   /* met[j]: the value that tap j meets at this step, 0 before the start */
    vfloat after[SN_CONV_TAPS_MAX]; /* after[k]: the gradient before the SiLU, k steps later */
    const size_t reach = taps - 1;
    const float *src = g->src + c;
    for (size_t j = 0; j < taps; j++) {
        weights[j] = v_load_part(g->weights + j * g->weights_stride + c, count);
        sums[j] = after[j] = met[j] = v_set(0);
        if (g->length + j >= taps)
            met[j] = v_load_part(src + (g->length + j - taps) * g->src_stride, count);
    }
    const vfloat bias = v_load_part(g->bias + c, count);
    vfloat total = v_set(0);
    for (size_t t = g->length; t-- > 0;) {
        vfloat sum = bias, slope;
        for (size_t j = 0; j < taps; j++)
            sum = v_fma(met[j], weights[j], sum);
        silu_and_slope(sum, &slope);
        for (size_t k = reach; k > 0; k--)
            after[k] = after[k - 1];
        after[0] = slope * v_load_part(g->diff_dst + t * g->diff_dst_stride + c, count);
        total += after[0];
        vfloat diff = v_set(0);
        for (size_t j = 0; j < taps; j++) {
            sums[j] = v_fma(after[0], met[j], sums[j]);
            diff = v_fma(weights[j], after[reach - j], diff);
        }
        v_store_part(g->diff_src + t * g->diff_src_stride + c, diff, count);
        for (size_t j = reach; j > 0; j--)
            met[j] = met[j - 1];
        met[0] = t >= taps ? v_load_part(src + (t - taps) * g->src_stride, count) : v_set(0);
    }
    add_part(g->diff_bias + c, total, count);
    for (size_t j = 0; j < taps; j++)
        add_part(g->diff_weights + j * g->weights_stride + c, sums[j], count);
}

void SN_AT_LEVEL(causal_conv_silu_backward)(const sn_conv_gradients *g, size_t begin, size_t end) {
    size_t c = begin;
    if (g->taps == 4)
        for (; c + SN_LANES <= end; c += SN_LANES)
            conv_back_lanes(g, c, SN_LANES, 4);
    for (; c + SN_LANES <= end; c += SN_LANES)
        conv_back_lanes(g, c, SN_LANES, g->taps);
    if (c < end)
        conv_back_lanes(g, c, end - c, g->taps);
}

/* What the way back needs of a step, in scratch memory: the step's size and its slope, then for each state
 * the decay and the state after the step. The step before the first holds states of zero. */
enum { KEPT_DT, KEPT_SLOPE, KEPT_STATES };

static inline __attribute__((always_inline)) size_t kept_floats(size_t states) {
    return (KEPT_STATES + 2 * states) * SN_LANES;
}

static inline __attribute__((always_inline)) void scan_lanes(const sn_scan *scan, size_t c, size_t count,
                                                             size_t states, float *kept) {
    vfloat h[SN_SCAN_STATES_MAX], a[SN_SCAN_STATES_MAX];
    for (size_t n = 0; n < states; n++) {
        h[n] = v_set(0);
        v_store(kept + (KEPT_STATES + 2 * n + 1) * SN_LANES, h[n]);
        a[n] = v_load_part(scan->a + n * scan->channels + c, count);
    }
    for (size_t t = 0; t < scan->length; t++) {
        const float *b = scan->b + t * scan->bc_stride;
        kept += kept_floats(states);
        vfloat slope, dt = v_softplus_slope(v_load_part(scan->dt + t * scan->dt_stride + c, count), &slope);
        const vfloat input = dt * v_load_part(scan->x + t * scan->x_stride + c, count);
        v_store(kept + KEPT_DT * SN_LANES, dt);
        v_store(kept + KEPT_SLOPE * SN_LANES, slope);
        for (size_t n = 0; n < states; n++) {
            const vfloat decay = v_exp(dt * a[n]);
            h[n] = v_fma(decay, h[n], input * b[n]);
            v_store(kept + (KEPT_STATES + 2 * n) * SN_LANES, decay);
            v_store(kept + (KEPT_STATES + 2 * n + 1) * SN_LANES, h[n]);
        }
    }
}

/* Back through time, with dh_n the gradient of state n after the step:
 *   dh_n = c_n dy + (decay_n dh_n of the next step);  d decay_n = dh_n h_n of the step before;
 * lane by lane added to sums (length, 2 states, lanes): dh_n dt x, then h_n dy, the gradients of b_n and c_n.
 */
static inline __attribute__((always_inline)) void scan_back_lanes(const sn_scan *scan,
                                                                  const sn_scan_gradients *g, size_t c,
                                                                  size_t count, size_t states,
                                                                  const float *kept, float *sums) {
    vfloat h[SN_SCAN_STATES_MAX], a[SN_SCAN_STATES_MAX], dh[SN_SCAN_STATES_MAX], da[SN_SCAN_STATES_MAX];
    const size_t floats = kept_floats(states);
    kept += scan->length * floats;
    for (size_t n = 0; n < states; n++) {
        h[n] = v_load(kept + (KEPT_STATES + 2 * n + 1) * SN_LANES);
        a[n] = v_load_part(scan->a + n * scan->channels + c, count);
        dh[n] = da[n] = v_set(0);
    }
    const vfloat skip = v_load_part(scan->skip + c, count);
    vfloat diff_skip = v_set(0), dt_sum = v_set(0);
    for (size_t t = scan->length; t-- > 0; kept -= floats) {
        const float *b = scan->b + t * scan->bc_stride, *mix = scan->c + t * scan->bc_stride;
        float *sum = sums + t * 2 * states * SN_LANES;
        const vfloat x = v_load_part(scan->x + t * scan->x_stride + c, count);
        const vfloat diff_y = v_load_part(g->diff_y + t * g->diff_y_stride + c, count);
        const vfloat dt = v_load(kept + KEPT_DT * SN_LANES), input = dt * x;
        vfloat gate_slope;
        const vfloat gate =
            silu_and_slope(v_load_part(scan->gate + t * scan->gate_stride + c, count), &gate_slope);
        const vfloat dy = diff_y * gate;
        vfloat y = skip * x, diff_dt = v_set(0), diff_input = v_set(0);
        for (size_t n = 0; n < states; n++) {
            const vfloat dhn = v_fma(dy, v_set(mix[n]), dh[n]);
            v_store(sum + n * SN_LANES, v_fma(dhn, input, v_load(sum + n * SN_LANES)));
            v_store(sum + (states + n) * SN_LANES, v_fma(dy, h[n], v_load(sum + (states + n) * SN_LANES)));
            y = v_fma(h[n], v_set(mix[n]), y);
            diff_input = v_fma(dhn, v_set(b[n]), diff_input);
            dh[n] = dhn * v_load(kept + (KEPT_STATES + 2 * n) * SN_LANES);
            h[n] = v_load(kept + (KEPT_STATES + 2 * n + 1) * SN_LANES - floats);
            /* decay = e^(dt a) has the derivatives a decay by dt and dt decay by a. */
            const vfloat exponent = dh[n] * h[n];
            diff_dt = v_fma(exponent, a[n], diff_dt);
            da[n] = v_fma(exponent, dt, da[n]);
        }
        diff_dt = v_fma(diff_input, x, diff_dt) * v_load(kept + KEPT_SLOPE * SN_LANES);
        dt_sum += diff_dt;
        diff_skip = v_fma(dy, x, diff_skip);
        v_store_part(g->x + t * g->x_stride + c, v_fma(diff_input, dt, skip * dy), count);
        v_store_part(g->dt + t * g->dt_stride + c, diff_dt, count);
        v_store_part(g->gate + t * g->gate_stride + c, diff_y * y * gate_slope, count);
        v_store_part(scan->y + t * scan->y_stride + c, y * gate, count);
    }
    add_part(g->skip + c, diff_skip, count);
    add_part(g->dt_sum + c, dt_sum, count);
    for (size_t n = 0; n < states; n++)
        add_part(g->a + n * scan->channels + c, da[n], count);
}

static inline __attribute__((always_inline)) void both_ways(const sn_scan *scan, const sn_scan_gradients *g,
                                                            size_t c, size_t count, size_t states,
                                                            float *sums) {
    float *kept = sums + scan->length * 2 * states * SN_LANES;
    scan_lanes(scan, c, count, states, kept);
    scan_back_lanes(scan, g, c, count, states, kept, sums);
}

void SN_AT_LEVEL(selective_scan_backward)(const sn_scan *scan, const sn_scan_gradients *g, size_t begin,
                                          size_t end, float *scratch) {
    const size_t states = scan->states;
    memset(scratch, 0, scan->length * 2 * states * SN_LANES * sizeof *scratch);
    size_t c = begin;
    if (states == 4)
        for (; c + SN_LANES <= end; c += SN_LANES)
            both_ways(scan, g, c, SN_LANES, 4, scratch);
    for (; c + SN_LANES <= end; c += SN_LANES)
        both_ways(scan, g, c, SN_LANES, states, scratch);
    if (c < end)
        both_ways(scan, g, c, end - c, states, scratch);
    for (size_t t = 0; t < scan->length; t++)
        for (size_t n = 0; n < states; n++) {
            const float *sum = scratch + (t * 2 * states + n) * SN_LANES;
            g->b[t * g->bc_stride + n] = v_sum(v_load(sum));
            g->c[t * g->bc_stride + n] = v_sum(v_load(sum + states * SN_LANES));
        }
}
