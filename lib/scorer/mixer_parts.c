#include "scorer/mixer_parts.h"

#include "core/memory.h"
#include "core/threads.h"
#include "kernel/simd.h"
#include "scorer/parts.h"

static snarm_status make_layers(sn_mixer_training *m) {
    const size_t d = m->embedding, e = m->inner, p = m->projected, rank = m->rank;
    const sn_gemm_shape shapes[SN_MIXER_LAYERS] = {
        [SN_IN] = {.inner = d, .columns = 2 * e},
        [SN_PROJECT] = {.inner = e, .columns = p},
        [SN_DT] = {.inner = rank, .columns = e, .src_stride = p, .bias = true},
        [SN_OUT] = {.inner = e, .columns = d},
        [SN_OUT_BACK] = {.inner = d, .columns = e},
        [SN_DT_BACK] = {.inner = e, .columns = rank, .dst_stride = p},
        [SN_PROJECT_BACK] = {.inner = p, .columns = e, .dst_stride = 2 * e, .accumulate = true},
        [SN_IN_BACK] = {.inner = 2 * e, .columns = d},
    };
    for (int i = 0; i < SN_MIXER_LAYERS; i++) {
        sn_gemm_shape shape = shapes[i];
        shape.rows = m->length;
        SN_TRY(sn_gemm_create(&m->layers[i], &shape));
    }
    return SNARM_OK;
}

/* dst (rows, columns) += a^T . b for a (length, rows) and b (length, columns), with these strides between
 * rows. */
static snarm_status make_sum(sn_product **out, size_t length, size_t rows, size_t a_stride, size_t columns,
                             size_t b_stride) {
    return sn_product_create_adding(out, 1, rows, length, columns, (sn_view){0, 1, a_stride},
                                    (sn_view){0, b_stride, 1}, (sn_view){0, columns, 1});
}

static snarm_status make_sums(sn_mixer_training *m) {
    const size_t d = m->embedding, e = m->inner, p = m->projected;
    SN_TRY(make_sum(&m->sums[SN_SUM_IN], m->length, 2 * e, 2 * e, d, d));
    SN_TRY(make_sum(&m->sums[SN_SUM_PROJECT], m->length, p, p, e, e));
    SN_TRY(make_sum(&m->sums[SN_SUM_DT], m->length, e, e, m->rank, p));
    return make_sum(&m->sums[SN_SUM_OUT], m->length, d, d, e, e);
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
        status = make_sums(m);
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
    for (int i = 0; i < SN_MIXER_LAYERS; i++)
        sn_gemm_destroy(mixer->layers[i]);
    for (int i = 0; i < SN_MIXER_SUMS; i++)
        sn_product_destroy(mixer->sums[i]);
    sn_free(mixer);
}

sn_mixer_kept sn_mixer_divide_kept(const sn_mixer_training *m, float *kept) {
    const size_t rows = m->batch * m->length;
    sn_mixer_kept p = {NULL, NULL, 0};
    p.xz = sn_take_part(kept, &p.count, rows * 2 * m->inner);
    p.projected = sn_take_part(kept, &p.count, rows * m->projected);
    return p;
}

sn_mixer_own sn_mixer_divide_own(const sn_mixer_training *m, float *scratch) {
    const size_t length = m->length, d = m->embedding, e = m->inner;
    sn_mixer_own p = {0};
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

sn_mixer_shared sn_mixer_divide_shared(const sn_mixer_training *m, float *scratch) {
    sn_mixer_shared p = {0};
    p.conv_weight = sn_take_part(scratch, &p.count, m->taps * m->inner);
    p.a = sn_take_part(scratch, &p.count, m->states * m->inner);
    for (int i = 0; i < SN_MIXER_LAYERS; i++)
        p.packed[i] = sn_take_part(scratch, &p.count, sn_gemm_packed_bytes(m->layers[i]) / sizeof(float) + 1);
    p.own_floats = sn_mixer_divide_own(m, NULL).count;
    p.own = sn_take_part(scratch, &p.count, (size_t)m->threads * p.own_floats);
    return p;
}

size_t sn_mixer_training_kept(const sn_mixer_training *mixer) {
    return sn_mixer_divide_kept(mixer, NULL).count;
}

size_t sn_mixer_training_scratch(const sn_mixer_training *mixer) {
    return sn_mixer_divide_shared(mixer, NULL).count;
}
