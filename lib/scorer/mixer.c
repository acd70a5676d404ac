#include "scorer/mixer.h"

#include "core/memory.h"
#include "core/threads.h"
#include "kernel/gemm.h"
#include "kernel/simd.h"
#include "scorer/parts.h"

#include <math.h>
#include <string.h>

struct sn_mixer {
    size_t batch, length, inner, states, rank, taps;
    sn_type type;
    sn_linear *in_proj, *x_proj, *dt_proj, *out_proj;
    float *conv_weight; /* (taps, E): vectors of channels */
    float *conv_bias;   /* (E) */
    float *a;           /* (states, E): -exp(A_log) */
    float *skip;        /* (E) */
};

static snarm_status make_products(sn_mixer *mixer, const sn_mixer_weights *weights) {
    const size_t rows = mixer->batch * mixer->length, inner = mixer->inner, embedding = weights->embedding;
    const size_t projected = mixer->rank + 2 * mixer->states;
    sn_gemm_shape shape = {.rows = rows, .inner = embedding, .columns = 2 * inner, .type = mixer->type};
    SN_TRY(sn_linear_create(&mixer->in_proj, &shape, weights->in_proj, NULL));
    shape = (sn_gemm_shape){.rows = rows, .inner = inner, .columns = projected};
    SN_TRY(sn_linear_create(&mixer->x_proj, &shape, weights->x_proj, NULL));
    shape = (sn_gemm_shape){.rows = rows, .inner = mixer->rank, .columns = inner, .src_stride = projected};
    SN_TRY(sn_linear_create(&mixer->dt_proj, &shape, weights->dt_weight, weights->dt_bias));
    shape = (sn_gemm_shape){.rows = rows, .inner = inner, .columns = embedding, .type = mixer->type};
    return sn_linear_create(&mixer->out_proj, &shape, weights->out_proj, NULL);
}

/* dst (columns, rows) = src (rows, columns) transposed. */
static snarm_status transposed(float **dst, const float *src, size_t rows, size_t columns) {
    SN_TRY(sn_alloc(dst, rows * columns, sizeof **dst, "mixer weights"));
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            (*dst)[c * rows + r] = src[r * columns + c];
    return SNARM_OK;
}

static snarm_status fill_mixer(sn_mixer *mixer, const sn_mixer_weights *weights) {
    SN_TRY(make_products(mixer, weights));
    SN_TRY(transposed(&mixer->conv_weight, weights->conv_weight, mixer->inner, mixer->taps));
    SN_TRY(transposed(&mixer->conv_bias, weights->conv_bias, mixer->inner, 1));
    SN_TRY(transposed(&mixer->a, weights->a_log, mixer->inner, mixer->states));
    for (size_t i = 0; i < mixer->inner * mixer->states; i++)
        mixer->a[i] = -expf(mixer->a[i]);
    return transposed(&mixer->skip, weights->skip, mixer->inner, 1);
}

snarm_status sn_mixer_create(sn_mixer **out, const sn_mixer_weights *weights, size_t batch, size_t length,
                             sn_type type) {
    *out = NULL;
    if (weights->states < 1 || weights->states > SN_SCAN_STATES_MAX)
        return sn_error(SNARM_ERROR_UNSUPPORTED, "mixer: d_state is %zu, expected 1..%d", weights->states,
                        SN_SCAN_STATES_MAX);
    sn_mixer *mixer;
    SN_TRY(sn_alloc_zeroed(&mixer, 1, sizeof *mixer, "mixer"));
    mixer->batch = batch, mixer->length = length, mixer->inner = 2 * weights->embedding;
    mixer->states = weights->states, mixer->rank = weights->rank, mixer->taps = weights->taps;
    mixer->type = type;
    snarm_status status = fill_mixer(mixer, weights);
    if (status != SNARM_OK) {
        sn_mixer_destroy(mixer);
        return status;
    }
    *out = mixer;
    return SNARM_OK;
}

void sn_mixer_destroy(sn_mixer *mixer) {
    if (mixer == NULL)
        return;
    sn_linear_destroy(mixer->in_proj);
    sn_linear_destroy(mixer->x_proj);
    sn_linear_destroy(mixer->dt_proj);
    sn_linear_destroy(mixer->out_proj);
    sn_free(mixer->conv_weight);
    sn_free(mixer->conv_bias);
    sn_free(mixer->a);
    sn_free(mixer->skip);
    sn_free(mixer);
}

/* The parts of the scratch memory, each on a cache line of its own; all (batch * length, ...). */
typedef struct parts {
    float *xz;        /* 2E */
    float *x;         /* E: after the convolution */
    float *projected; /* rank + 2 states */
    float *dt;        /* E: before the softplus; the scan writes its result here */
    size_t count;     /* floats in all */
} parts;

static parts divide(const sn_mixer *mixer, float *scratch) {
    const size_t rows = mixer->batch * mixer->length;
    parts p = {NULL, NULL, NULL, NULL, 0};
    p.xz = sn_take_part(scratch, &p.count, rows * 2 * mixer->inner);
    p.x = sn_take_part(scratch, &p.count, rows * mixer->inner);
    p.projected = sn_take_part(scratch, &p.count, rows * (mixer->rank + 2 * mixer->states));
    p.dt = sn_take_part(scratch, &p.count, rows * mixer->inner);
    return p;
}

size_t sn_mixer_scratch(const sn_mixer *mixer) {
    return divide(mixer, NULL).count;
}

/* Sequences and groups of channels are independent: tasks count groups of GROUP channels, sequence by
 * sequence. */
enum { GROUP = 32 };

typedef struct mixer_work {
    const sn_mixer *mixer;
    parts parts;
    size_t groups;
} mixer_work;

static size_t group_end(const sn_mixer *mixer, size_t begin) {
    return begin + GROUP < mixer->inner ? begin + GROUP : mixer->inner;
}

static void conv_groups(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const mixer_work *work = context;
    const sn_mixer *mixer = work->mixer;
    const size_t inner = mixer->inner;
    for (size_t task = begin; task < end; task++) {
        const size_t row = task / work->groups * mixer->length, c = task % work->groups * GROUP;
        sn_simd_table()->causal_conv_silu(work->parts.xz + row * 2 * inner + c, 2 * inner, mixer->length,
                                          mixer->conv_weight + c, inner, mixer->conv_bias + c, mixer->taps,
                                          group_end(mixer, c) - c, work->parts.x + row * inner + c, inner);
    }
}

static void scan_groups(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const mixer_work *work = context;
    const sn_mixer *mixer = work->mixer;
    const parts *p = &work->parts;
    const size_t inner = mixer->inner, projected = mixer->rank + 2 * mixer->states;
    for (size_t task = begin; task < end; task++) {
        const size_t row = task / work->groups * mixer->length, c = task % work->groups * GROUP;
        const sn_scan scan = {.length = mixer->length,
                              .channels = inner,
                              .states = mixer->states,
                              .x = p->x + row * inner,
                              .x_stride = inner,
                              .dt = p->dt + row * inner,
                              .dt_stride = inner,
                              .gate = p->xz + row * 2 * inner + inner,
                              .gate_stride = 2 * inner,
                              .b = p->projected + row * projected + mixer->rank,
                              .c = p->projected + row * projected + mixer->rank + mixer->states,
                              .bc_stride = projected,
                              .a = mixer->a,
                              .skip = mixer->skip,
                              .y = p->dt + row * inner,
                              .y_stride = inner};
        sn_simd_table()->selective_scan(&scan, c, group_end(mixer, c));
    }
}

/* The scan's results as bf16, in the place of its inputs. */
static void round_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const mixer_work *work = context;
    const size_t inner = work->mixer->inner;
    sn_simd_table()->scale_bf16(work->parts.dt + begin * inner, 1, (end - begin) * inner,
                                (uint16_t *)(void *)work->parts.x + begin * inner);
}

snarm_status sn_mixer_run(const sn_mixer *mixer, sn_stream *stream, const void *src, float *scratch,
                          float *dst) {
    mixer_work work = {mixer, divide(mixer, scratch), (mixer->inner + GROUP - 1) / GROUP};
    const parts *p = &work.parts;
    SN_TRY(sn_linear_run(mixer->in_proj, stream, src, p->xz));
    sn_parallel(mixer->batch * work.groups, 1, conv_groups, &work);
    SN_TRY(sn_linear_run(mixer->x_proj, stream, p->x, p->projected));
    SN_TRY(sn_linear_run(mixer->dt_proj, stream, p->projected, p->dt));
    sn_parallel(mixer->batch * work.groups, 1, scan_groups, &work);
    if (mixer->type == SN_TYPE_F32)
        return sn_linear_run(mixer->out_proj, stream, p->dt, dst);
    sn_parallel(mixer->batch * mixer->length, 16, round_rows, &work);
    return sn_linear_run(mixer->out_proj, stream, p->x, dst);
}
