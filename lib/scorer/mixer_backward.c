#include "scorer/mixer_backward.h"

#include "core/memory.h"
#include "core/threads.h"
#include "kernel/gemm.h"
#include "kernel/simd.h"
#include "scorer/parts.h"

#include <math.h>
#include <string.h>

/* A sequence passes through all operations on one thread before the next begins: its activations stay in the
 * core's share of the caches, and the threads meet once a call. Forward keeps what costs most to compute again, the
 * input projection, and the small projection of the convolved values; these values themselves and dt are cheaper
 * to compute a second time than to send to memory and back. */

/* Products of activations and packed weights, on one sequence: the four of the way forward, then back. */
typedef enum layer { IN, PROJECT, DT, OUT, OUT_BACK, DT_BACK, PROJECT_BACK, IN_BACK, LAYERS } layer;
/* Products of activations, transposed, and gradients: weights' gradients, added up over sequences. */
typedef enum weight { W_IN, W_PROJECT, W_DT, W_OUT, WEIGHTS } weight;

struct sn_mixer_training {
    size_t batch, length, embedding, inner, states, rank, taps, projected;
    int threads;
    sn_gemm *layers[LAYERS];
    sn_product *weights[WEIGHTS];
};

static snarm_status make_layers(sn_mixer_training *m) {
    const size_t d = m->embedding, e = m->inner, p = m->projected, rank = m->rank;
    const sn_gemm_shape shapes[LAYERS] = {
        [IN] = {.inner = d, .columns = 2 * e},
        [PROJECT] = {.inner = e, .columns = p},
        [DT] = {.inner = rank, .columns = e, .src_stride = p, .bias = true},
        [OUT] = {.inner = e, .columns = d},
        [OUT_BACK] = {.inner = d, .columns = e},
        [DT_BACK] = {.inner = e, .columns = rank, .dst_stride = p},
        [PROJECT_BACK] = {.inner = p, .columns = e, .dst_stride = 2 * e, .accumulate = true},
        [IN_BACK] = {.inner = 2 * e, .columns = d},
    };
    for (int i = 0; i < LAYERS; i++) {
        sn_gemm_shape shape = shapes[i];
        shape.rows = m->length;
        SN_TRY(sn_gemm_create(&m->layers[i], &shape));
    }
    return SNARM_OK;
}

/* dst (rows, columns) += a^T . b for a (length, rows) and b (length, columns), with these strides between rows. */
static snarm_status make_weight(sn_product **out, size_t length, size_t rows, size_t a_stride, size_t columns,
                                size_t b_stride) {
    return sn_product_create_adding(out, 1, rows, length, columns, (sn_view){0, 1, a_stride},
                                    (sn_view){0, b_stride, 1}, (sn_view){0, columns, 1});
}

static snarm_status make_weights(sn_mixer_training *m) {
    const size_t d = m->embedding, e = m->inner, p = m->projected;
    SN_TRY(make_weight(&m->weights[W_IN], m->length, 2 * e, 2 * e, d, d));
    SN_TRY(make_weight(&m->weights[W_PROJECT], m->length, p, p, e, e));
    SN_TRY(make_weight(&m->weights[W_DT], m->length, e, e, m->rank, p));
    return make_weight(&m->weights[W_OUT], m->length, d, d, e, e);
}

snarm_status sn_mixer_training_create(sn_mixer_training **out, const sn_mixer_weights *sizes, size_t batch,
                                      size_t length) {
    *out = NULL;
    if (sizes->states < 1 || sizes->states > SN_SCAN_STATES_MAX)
        return sn_error(SNARM_ERROR_UNSUPPORTED, "mixer: d_state is %zu, expected 1..%d", sizes->states,
                        SN_SCAN_STATES_MAX);
    if (sizes->taps < 1 || sizes->taps > SN_CONV_TAPS_MAX)
        return sn_error(SNARM_ERROR_UNSUPPORTED, "mixer: d_conv is %zu, expected 1..%d", sizes->taps,
                        SN_CONV_TAPS_MAX);
    sn_mixer_training *m;
    SN_TRY(sn_alloc_zeroed(&m, 1, sizeof *m, "mixer for training"));
    *m = (sn_mixer_training){.batch = batch,
                             .length = length,
                             .embedding = sizes->embedding,
                             .inner = 2 * sizes->embedding,
                             .states = sizes->states,
                             .rank = sizes->rank,
                             .taps = sizes->taps,
                             .projected = sizes->rank + 2 * sizes->states};
    const int threads = sn_threads_enter(1);
    snarm_status status = make_layers(m);
    if (status == SNARM_OK)
        status = make_weights(m);
    sn_threads_leave(threads);
    m->threads = sn_threads_current();
    if ((size_t)m->threads > batch)
        m->threads = (int)batch;
    if (status != SNARM_OK) {
        sn_mixer_training_destroy(m);
        return status;
    }
    *out = m;
    return SNARM_OK;
}

void sn_mixer_training_destroy(sn_mixer_training *mixer) {
    if (mixer == NULL)
        return;
    for (int i = 0; i < LAYERS; i++)
        sn_gemm_destroy(mixer->layers[i]);
    for (int i = 0; i < WEIGHTS; i++)
        sn_product_destroy(mixer->weights[i]);
    sn_free(mixer);
}

/* What forward keeps; all (batch * length, ...). */
typedef struct kept_parts {
    float *xz;        /* 2E: before the convolution, and the gate */
    float *projected; /* rank + 2 states: what dt is made of, b, c */
    size_t count;     /* floats in all */
} kept_parts;

static kept_parts divide_kept(const sn_mixer_training *m, float *kept) {
    const size_t rows = m->batch * m->length;
    kept_parts p = {NULL, NULL, 0};
    p.xz = sn_take_part(kept, &p.count, rows * 2 * m->inner);
    p.projected = sn_take_part(kept, &p.count, rows * m->projected);
    return p;
}

/* A thread's own scratch memory: one sequence's activations and gradients, and sums over its sequences. */
typedef struct own_parts {
    float *x;         /* (length, E): after the convolution */
    float *dt;        /* (length, E): before the softplus; then its gradient; on the way forward, then y */
    float *y;         /* (length, E): the gradient by y, then y */
    float *xz;        /* (length, 2E): gradients; x's is first that after the convolution */
    float *projected; /* (length, rank + 2 states): gradients */
    float *scan;      /* scratch memory of the scan */
    size_t activations; /* floats so far */
    /* Sums of gradients, as the weights lie; but conv_weight (taps, E), and a (states, E), by -exp(A_log). */
    float *in_proj, *conv_weight, *conv_bias, *x_proj, *dt_weight, *dt_bias, *a, *skip, *out_proj;
    size_t count; /* floats in all */
} own_parts;

static own_parts divide_own(const sn_mixer_training *m, float *scratch) {
    const size_t length = m->length, d = m->embedding, e = m->inner;
    own_parts p = {0};
    p.x = sn_take_part(scratch, &p.count, length * e);
    p.dt = sn_take_part(scratch, &p.count, length * e);
    p.y = sn_take_part(scratch, &p.count, length * e);
    p.xz = sn_take_part(scratch, &p.count, length * 2 * e);
    p.projected = sn_take_part(scratch, &p.count, length * m->projected);
    p.scan = sn_take_part(scratch, &p.count, sn_scan_backward_scratch(length, m->states));
    p.activations = p.count;
    p.in_proj = sn_take_part(scratch, &p.count, 2 * e * d);
    p.conv_weight = sn_take_part(scratch, &p.count, m->taps * e);
    p.conv_bias = sn_take_part(scratch, &p.count, e);
    p.x_proj = sn_take_part(scratch, &p.count, m->projected * e);
    p.dt_weight = sn_take_part(scratch, &p.count, e * m->rank);
    p.dt_bias = sn_take_part(scratch, &p.count, e);
    p.a = sn_take_part(scratch, &p.count, m->states * e);
    p.skip = sn_take_part(scratch, &p.count, e);
    p.out_proj = sn_take_part(scratch, &p.count, d * e);
    return p;
}

/* What all threads read, made anew from the weights at every call; then the threads' own parts. */
typedef struct shared_parts {
    float *conv_weight;    /* (taps, E): vectors of channels */
    float *a;              /* (states, E): -exp(A_log) */
    float *packed[LAYERS]; /* weights */
    float *own;
    size_t own_floats; /* of each thread */
    size_t count;      /* floats in all */
} shared_parts;

static shared_parts divide_shared(const sn_mixer_training *m, float *scratch) {
    shared_parts p = {0};
    p.conv_weight = sn_take_part(scratch, &p.count, m->taps * m->inner);
    p.a = sn_take_part(scratch, &p.count, m->states * m->inner);
    for (int i = 0; i < LAYERS; i++)
        p.packed[i] = sn_take_part(scratch, &p.count, sn_gemm_packed_bytes(m->layers[i]) / sizeof(float) + 1);
    p.own_floats = divide_own(m, NULL).count;
    p.own = sn_take_part(scratch, &p.count, (size_t)m->threads * p.own_floats);
    return p;
}

size_t sn_mixer_training_kept(const sn_mixer_training *mixer) {
    return divide_kept(mixer, NULL).count;
}

size_t sn_mixer_training_scratch(const sn_mixer_training *mixer) {
    return divide_shared(mixer, NULL).count;
}

typedef struct job {
    const sn_mixer_training *mixer;
    const sn_mixer_weights *weights;
    sn_stream *stream;
    shared_parts shared;
    kept_parts kept;
    const float *src;
    float *dst;            /* forward */
    const float *diff_dst; /* backward */
    float *diff_src;
    snarm_status statuses[SN_THREADS_MAX];
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

static snarm_status pack(const job *j, layer which, const float *weights) {
    return sn_gemm_pack(j->mixer->layers[which], weights, 0, j->shared.packed[which]);
}

static snarm_status pack_back(const job *j, layer which, const float *weights) {
    return sn_gemm_pack_transposed(j->mixer->layers[which], weights, 0, j->shared.packed[which]);
}

static snarm_status run_layer(const job *j, layer which, sn_stream *stream, const float *src, float *dst) {
    return sn_gemm_run(j->mixer->layers[which], stream, src, j->shared.packed[which],
                       which == DT ? j->weights->dt_bias : NULL, dst);
}

static void convolve(const job *j, const float *xz, float *x) {
    const sn_mixer_training *m = j->mixer;
    sn_simd_table()->causal_conv_silu(xz, 2 * m->inner, m->length, j->shared.conv_weight, m->inner,
                                      j->weights->conv_bias, m->taps, m->inner, x, m->inner);
}

static sn_scan make_scan(const job *j, const float *xz, const float *projected, const float *x, const float *dt,
                         float *y) {
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

static snarm_status forward_sequence(const job *j, size_t sequence, sn_stream *stream, const own_parts *own) {
    const sn_mixer_training *m = j->mixer;
    const size_t row = sequence * m->length;
    float *xz = j->kept.xz + row * 2 * m->inner, *projected = j->kept.projected + row * m->projected;
    SN_TRY(run_layer(j, IN, stream, j->src + row * m->embedding, xz));
    convolve(j, xz, own->x);
    SN_TRY(run_layer(j, PROJECT, stream, own->x, projected));
    SN_TRY(run_layer(j, DT, stream, projected, own->dt));
    const sn_scan scan = make_scan(j, xz, projected, own->x, own->dt, own->dt);
    sn_simd_table()->selective_scan(&scan, 0, m->inner);
    return run_layer(j, OUT, stream, own->dt, j->dst + row * m->embedding);
}

static void scan_back(const job *j, const float *xz, const float *projected, const own_parts *own) {
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

static void conv_back(const job *j, const float *xz, const own_parts *own) {
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

static snarm_status backward_sequence(const job *j, size_t sequence, sn_stream *stream, const own_parts *own) {
    const sn_mixer_training *m = j->mixer;
    const size_t row = sequence * m->length;
    const float *xz = j->kept.xz + row * 2 * m->inner, *projected = j->kept.projected + row * m->projected;
    const float *src = j->src + row * m->embedding, *diff_dst = j->diff_dst + row * m->embedding;
    convolve(j, xz, own->x);
    SN_TRY(run_layer(j, DT, stream, projected, own->dt));
    SN_TRY(run_layer(j, OUT_BACK, stream, diff_dst, own->y));
    scan_back(j, xz, projected, own);
    SN_TRY(sn_product_run(m->weights[W_OUT], stream, diff_dst, own->y, own->out_proj));
    SN_TRY(sn_product_run(m->weights[W_DT], stream, own->dt, projected, own->dt_weight));
    SN_TRY(run_layer(j, DT_BACK, stream, own->dt, own->projected));
    SN_TRY(sn_product_run(m->weights[W_PROJECT], stream, own->projected, own->x, own->x_proj));
    SN_TRY(run_layer(j, PROJECT_BACK, stream, own->projected, own->xz));
    conv_back(j, xz, own);
    SN_TRY(sn_product_run(m->weights[W_IN], stream, own->xz, src, own->in_proj));
    return run_layer(j, IN_BACK, stream, own->xz, j->diff_src + row * m->embedding);
}

/* A thread's share of the sequences. */
static void run_share(void *context, size_t begin, size_t end, int thread) {
    job *j = context;
    float *scratch = j->shared.own + (size_t)thread * j->shared.own_floats;
    const own_parts own = divide_own(j->mixer, scratch);
    sn_stream *stream = sn_stream_member(j->stream, (size_t)thread);
    const int former = sn_threads_enter(1);
    if (j->diff_dst != NULL)
        memset(scratch + own.activations, 0, (own.count - own.activations) * sizeof *scratch);
    for (size_t i = begin; i < end && j->statuses[thread] == SNARM_OK; i++)
        j->statuses[thread] =
            j->diff_dst != NULL ? backward_sequence(j, i, stream, &own) : forward_sequence(j, i, stream, &own);
    sn_threads_leave(former);
}

static snarm_status run_sequences(job *j) {
    const sn_mixer_training *m = j->mixer;
    SN_TRY(sn_stream_reserve_members(j->stream, (size_t)m->threads));
    sn_parallel(m->batch, 1, run_share, j);
    /* The sentence of a failure stayed with the thread that met it. */
    for (int i = 0; i < m->threads; i++)
        if (j->statuses[i] != SNARM_OK)
            return sn_error(j->statuses[i], "mixer: an operation failed on thread %d of %d: %s", i, m->threads,
                            snarm_status_name(j->statuses[i]));
    return SNARM_OK;
}

/* The threads' sums, one after the other, to the first thread's. */
static void add_threads(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const job *j = context;
    const size_t activations = divide_own(j->mixer, NULL).activations;
    float *sums = j->shared.own + activations;
    for (int other = 1; other < j->mixer->threads; other++) {
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
    const own_parts own = divide_own(m, j->shared.own);
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
                                       const sn_mixer_weights *weights, const float *src, float *kept, float *scratch,
                                       float *dst) {
    job j = {.mixer = mixer,
             .weights = weights,
             .stream = stream,
             .shared = divide_shared(mixer, scratch),
             .kept = divide_kept(mixer, kept),
             .src = src,
             .dst = dst};
    transpose_weights(&j);
    SN_TRY(pack(&j, IN, weights->in_proj));
    SN_TRY(pack(&j, PROJECT, weights->x_proj));
    SN_TRY(pack(&j, DT, weights->dt_weight));
    SN_TRY(pack(&j, OUT, weights->out_proj));
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
             .shared = divide_shared(mixer, scratch),
             .kept = divide_kept(mixer, (float *)(uintptr_t)kept),
             .src = src,
             .diff_dst = diff_dst,
             .diff_src = diff_src};
    transpose_weights(&j);
    SN_TRY(pack(&j, DT, weights->dt_weight));
    SN_TRY(pack_back(&j, OUT_BACK, weights->out_proj));
    SN_TRY(pack_back(&j, DT_BACK, weights->dt_weight));
    SN_TRY(pack_back(&j, PROJECT_BACK, weights->x_proj));
    SN_TRY(pack_back(&j, IN_BACK, weights->in_proj));
    const int former = sn_threads_enter(mixer->threads);
    snarm_status status = run_sequences(&j);
    if (status == SNARM_OK) {
        const own_parts own = divide_own(mixer, NULL);
        sn_parallel(own.count - own.activations, 1024, add_threads, &j);
        add_gradients(&j, gradients);
    }
    sn_threads_leave(former);
    return status;
}
