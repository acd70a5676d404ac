#include "scorer/mixer_backward.h"

#include "core/threads.h"
#include "kernel/simd.h"
#include "scorer/mixer_parts.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* A sequence passes through all operations on one thread before the next begins: its activations stay in the
 * core's share of the caches, and the threads meet once a call. Forward keeps what costs most to compute
 * again, the input projection, and the small projection of the convolved values; these values themselves and
 * dt are cheaper to compute a second time than to send to memory and back. */

typedef struct job {
    const sn_mixer_training *mixer;
    const sn_mixer_weights *weights;
    sn_stream *stream;
    sn_mixer_shared shared;
    sn_mixer_kept kept;
    const float *src;
    float *dst;            /* forward */
    const float *diff_dst; /* backward */
    float *diff_src;
    snarm_status statuses[SN_THREADS_MAX];
    bool took_part[SN_THREADS_MAX]; /* OpenMP may give fewer threads than asked for */
} job;

static void transpose_weights(const job *j) {
    const sn_mixer_training *m = j->mixer;
    const sn_mixer_weights *w = j->weights;
    for (size_t c = 0; c < m->inner; c++) {
        for (size_t k = 0; k < m->taps; k++)
            j->shared.conv_weight[k * m->inner + c] = w->conv_weight[c * m->taps + k];
        for (size_t n = 0; n < m->states; n++)
            j->shared.a[n * m->inner + c] = -expf(w->a_log[c * m->states + n]);
    }
}

static snarm_status pack(const job *j, sn_mixer_layer which, const float *weights) {
    return sn_gemm_pack(j->mixer->layers[which], weights, 0, j->shared.packed[which]);
}

static snarm_status pack_back(const job *j, sn_mixer_layer which, const float *weights) {
    return sn_gemm_pack_transposed(j->mixer->layers[which], weights, 0, j->shared.packed[which]);
}

static snarm_status run_layer(const job *j, sn_mixer_layer which, sn_stream *stream, const float *src,
                              float *dst) {
    return sn_gemm_run(j->mixer->layers[which], stream, src, j->shared.packed[which],
                       which == SN_DT ? j->weights->dt_bias : NULL, dst);
}

static void convolve(const job *j, const float *xz, float *x) {
    const sn_mixer_training *m = j->mixer;
    sn_simd_table()->causal_conv_silu(xz, 2 * m->inner, m->length, j->shared.conv_weight, m->inner,
                                      j->weights->conv_bias, m->taps, m->inner, x, m->inner);
}

static sn_scan make_scan(const job *j, const float *xz, const float *projected, const float *x,
                         const float *dt, float *y) {
    const sn_mixer_training *m = j->mixer;
    const size_t e = m->inner;
    return (sn_scan){.length = m->length,
                     .channels = e,
                     .states = m->states,
                     .x = x,
                     .x_stride = e,
                     .dt = dt,
                     .dt_stride = e,
                     .gate = xz + e,
                     .gate_stride = 2 * e,
                     .b = projected + m->rank,
                     .c = projected + m->rank + m->states,
                     .bc_stride = m->projected,
                     .a = j->shared.a,
                     .skip = j->weights->skip,
                     .y = y,
                     .y_stride = e};
}

static snarm_status forward_sequence(const job *j, size_t sequence, sn_stream *stream,
                                     const sn_mixer_own *own) {
    const sn_mixer_training *m = j->mixer;
    const size_t row = sequence * m->length;
    float *xz = j->kept.xz + row * 2 * m->inner, *projected = j->kept.projected + row * m->projected;
    SN_TRY(run_layer(j, SN_IN, stream, j->src + row * m->embedding, xz));
    convolve(j, xz, own->x);
    SN_TRY(run_layer(j, SN_PROJECT, stream, own->x, projected));
    SN_TRY(run_layer(j, SN_DT, stream, projected, own->dt));
    const sn_scan scan = make_scan(j, xz, projected, own->x, own->dt, own->dt);
    sn_simd_table()->selective_scan(&scan, 0, m->inner);
    return run_layer(j, SN_OUT, stream, own->dt, j->dst + row * m->embedding);
}

static void scan_back(const job *j, const float *xz, const float *projected, const sn_mixer_own *own) {
    const sn_mixer_training *m = j->mixer;
    const size_t e = m->inner;
    const sn_scan scan = make_scan(j, xz, projected, own->x, own->dt, own->y);
    const sn_scan_gradients gradients = {.diff_y = own->y,
                                         .diff_y_stride = e,
                                         .x = own->xz,
                                         .x_stride = 2 * e,
                                         .dt = own->dt,
                                         .dt_stride = e,
                                         .gate = own->xz + e,
                                         .gate_stride = 2 * e,
                                         .b = own->projected + m->rank,
                                         .c = own->projected + m->rank + m->states,
                                         .bc_stride = m->projected,
                                         .a = own->a,
                                         .skip = own->skip,
                                         .dt_sum = own->dt_bias};
    sn_simd_table()->selective_scan_backward(&scan, &gradients, 0, e, own->scan);
}

static void conv_back(const job *j, const float *xz, const sn_mixer_own *own) {
    const size_t e = j->mixer->inner;
    const sn_conv_gradients gradients = {.length = j->mixer->length,
                                         .taps = j->mixer->taps,
                                         .src = xz,
                                         .src_stride = 2 * e,
                                         .diff_dst = own->xz,
                                         .diff_dst_stride = 2 * e,
                                         .weights = j->shared.conv_weight,
                                         .weights_stride = e,
                                         .bias = j->weights->conv_bias,
                                         .diff_src = own->xz,
                                         .diff_src_stride = 2 * e,
                                         .diff_weights = own->conv_weight,
                                         .diff_bias = own->conv_bias};
    sn_simd_table()->causal_conv_silu_backward(&gradients, 0, e);
}

static snarm_status backward_sequence(const job *j, size_t sequence, sn_stream *stream,
                                      const sn_mixer_own *own) {
    const sn_mixer_training *m = j->mixer;
    const size_t row = sequence * m->length;
    const float *xz = j->kept.xz + row * 2 * m->inner, *projected = j->kept.projected + row * m->projected;
    const float *src = j->src + row * m->embedding, *diff_dst = j->diff_dst + row * m->embedding;
    convolve(j, xz, own->x);
    SN_TRY(run_layer(j, SN_DT, stream, projected, own->dt));
    SN_TRY(run_layer(j, SN_OUT_BACK, stream, diff_dst, own->y));
    scan_back(j, xz, projected, own);
    SN_TRY(sn_product_run(m->sums[SN_SUM_OUT], stream, diff_dst, own->y, own->out_proj));
    SN_TRY(sn_product_run(m->sums[SN_SUM_DT], stream, own->dt, projected, own->dt_weight));
    SN_TRY(run_layer(j, SN_DT_BACK, stream, own->dt, own->projected));
    SN_TRY(sn_product_run(m->sums[SN_SUM_PROJECT], stream, own->projected, own->x, own->x_proj));
    SN_TRY(run_layer(j, SN_PROJECT_BACK, stream, own->projected, own->xz));
    conv_back(j, xz, own);
    SN_TRY(sn_product_run(m->sums[SN_SUM_IN], stream, own->xz, src, own->in_proj));
    return run_layer(j, SN_IN_BACK, stream, own->xz, j->diff_src + row * m->embedding);
}

/* A thread's share of the sequences. */
static void run_share(void *context, size_t begin, size_t end, int thread) {
    job *j = context;
    float *scratch = j->shared.own + (size_t)thread * j->shared.own_floats;
    const sn_mixer_own own = sn_mixer_divide_own(j->mixer, scratch);
    sn_stream *stream = sn_stream_member(j->stream, (size_t)thread);
    const int former = sn_threads_enter(1);
    j->took_part[thread] = true;
    if (j->diff_dst != NULL)
        memset(scratch + own.activations, 0, (own.count - own.activations) * sizeof *scratch);
    for (size_t i = begin; i < end && j->statuses[thread] == SNARM_OK; i++)
        j->statuses[thread] = j->diff_dst != NULL ? backward_sequence(j, i, stream, &own)
                                                  : forward_sequence(j, i, stream, &own);
    sn_threads_leave(former);
}

static snarm_status run_sequences(job *j) {
    const sn_mixer_training *m = j->mixer;
    SN_TRY(sn_stream_reserve_members(j->stream, (size_t)m->threads));
    sn_parallel(m->batch, 1, run_share, j);
    /* The sentence of a failure stayed with the thread that met it. */
    for (int i = 0; i < m->threads; i++)
        if (j->statuses[i] != SNARM_OK)
            return sn_error(j->statuses[i], "mixer: an operation failed on thread %d of %d: %s", i,
                            m->threads, snarm_status_name(j->statuses[i]));
    return SNARM_OK;
}

/* The threads' sums, one after the other, to the first thread's. */
static void add_threads(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const job *j = context;
    const size_t activations = sn_mixer_divide_own(j->mixer, NULL).activations;
    float *sums = j->shared.own + activations;
    for (int other = 1; other < j->mixer->threads; other++) {
        if (!j->took_part[other])
            continue;
        const float *more = sums + (size_t)other * j->shared.own_floats;
        for (size_t i = begin; i < end; i++)
            sums[i] += more[i];
    }
}

static void add(float *to, const float *values, size_t count) {
    for (size_t i = 0; i < count; i++)
        to[i] += values[i];
}

static void add_gradients(const job *j, const sn_mixer_gradients *g) {
    const sn_mixer_training *m = j->mixer;
    const size_t d = m->embedding, e = m->inner;
    const sn_mixer_own own = sn_mixer_divide_own(m, j->shared.own);
    add(g->in_proj, own.in_proj, 2 * e * d);
    add(g->conv_bias, own.conv_bias, e);
    add(g->x_proj, own.x_proj, m->projected * e);
    add(g->dt_weight, own.dt_weight, e * m->rank);
    add(g->dt_bias, own.dt_bias, e);
    add(g->skip, own.skip, e);
    add(g->out_proj, own.out_proj, d * e);
    for (size_t c = 0; c < e; c++) {
        for (size_t k = 0; k < m->taps; k++)
            g->conv_weight[c * m->taps + k] += own.conv_weight[k * e + c];
        /* a = -exp(A_log) is its own derivative. */
        for (size_t n = 0; n < m->states; n++)
            g->a_log[c * m->states + n] += own.a[n * e + c] * j->shared.a[n * e + c];
    }
}

snarm_status sn_mixer_training_forward(const sn_mixer_training *mixer, sn_stream *stream,
                                       const sn_mixer_weights *weights, const float *src, float *kept,
                                       float *scratch, float *dst) {
    job j = {.mixer = mixer,
             .weights = weights,
             .stream = stream,
             .shared = sn_mixer_divide_shared(mixer, scratch),
             .kept = sn_mixer_divide_kept(mixer, kept),
             .src = src,
             .dst = dst};
    transpose_weights(&j);
    SN_TRY(pack(&j, SN_IN, weights->in_proj));
    SN_TRY(pack(&j, SN_PROJECT, weights->x_proj));
    SN_TRY(pack(&j, SN_DT, weights->dt_weight));
    SN_TRY(pack(&j, SN_OUT, weights->out_proj));
    const int former = sn_threads_enter(mixer->threads);
    snarm_status status = run_sequences(&j);
    sn_threads_leave(former);
    return status;
}

snarm_status sn_mixer_training_backward(const sn_mixer_training *mixer, sn_stream *stream,
                                        const sn_mixer_weights *weights, const float *src, const float *kept,
                                        const float *diff_dst, float *scratch, float *diff_src,
                                        const sn_mixer_gradients *gradients) {
    job j = {.mixer = mixer,
             .weights = weights,
             .stream = stream,
             .shared = sn_mixer_divide_shared(mixer, scratch),
             .kept = sn_mixer_divide_kept(mixer, (float *)(uintptr_t)kept), /* only read */
             .src = src,
             .diff_dst = diff_dst,
             .diff_src = diff_src};
    transpose_weights(&j);
    SN_TRY(pack(&j, SN_DT, weights->dt_weight));
    SN_TRY(pack_back(&j, SN_OUT_BACK, weights->out_proj));
    SN_TRY(pack_back(&j, SN_DT_BACK, weights->dt_weight));
    SN_TRY(pack_back(&j, SN_PROJECT_BACK, weights->x_proj));
    SN_TRY(pack_back(&j, SN_IN_BACK, weights->in_proj));
    const int former = sn_threads_enter(mixer->threads);
    snarm_status status = run_sequences(&j);
    if (status == SNARM_OK) {
        const sn_mixer_own own = sn_mixer_divide_own(mixer, NULL);
        sn_parallel(own.count - own.activations, 1024, add_threads, &j);
        add_gradients(&j, gradients);
    }
    sn_threads_leave(former);
    return status;
}
