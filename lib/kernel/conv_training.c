#include "kernel/conv_training.h"

#include "core/memory.h"
#include "kernel/primitive.h"

#include <string.h>

enum { FORWARD, FORWARD_BIAS, DATA, WEIGHTS, WEIGHTS_BIAS, RUNS };

/* One of oneDNN's three convolutions, with the way its weights (or their gradient) come from or go to plain order. */
typedef struct run {
    sn_primitive primitive;
    const_dnnl_memory_desc_t packed_desc;
    sn_primitive reorder;
} run;

struct sn_conv_training {
    run runs[RUNS];
    void *packed; /* of the largest need */
};

typedef struct descriptors {
    dnnl_memory_desc_t src, dst, weights, bias, plain;
} descriptors;

static void destroy_descriptors(descriptors *d) {
    const dnnl_memory_desc_t all[] = {d->src, d->dst, d->weights, d->bias, d->plain};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i] != NULL)
            dnnl_memory_desc_destroy(all[i]);
}

static snarm_status describe(descriptors *d, const sn_conv_training_shape *s) {
    const dnnl_dim_t batch = (dnnl_dim_t)s->batch, height = (dnnl_dim_t)s->height, width = (dnnl_dim_t)s->width;
    const dnnl_dim_t in = (dnnl_dim_t)s->channels_in, out = (dnnl_dim_t)s->channels_out;
    const dnnl_dim_t kernel = (dnnl_dim_t)s->kernel;
    const dnnl_dims_t src = {batch, in, height, width}, dst = {batch, out, height, width};
    SN_DNNL(dnnl_memory_desc_create_with_tag(&d->src, 4, src, dnnl_f32, dnnl_nhwc));
    SN_DNNL(dnnl_memory_desc_create_with_tag(&d->dst, 4, dst, dnnl_f32, dnnl_nhwc));
    SN_TRY(sn_any_desc(&d->weights, SN_TYPE_F32, 4, (dnnl_dim_t[]){out, in, kernel, kernel}));
    SN_TRY(sn_strided_desc(&d->bias, SN_TYPE_F32, 1, (dnnl_dim_t[]){out}, NULL));
    return sn_strided_desc(&d->plain, SN_TYPE_F32, 4, (dnnl_dim_t[]){out, in, kernel, kernel}, NULL);
}

/* Makes the run of one kind; its hint is the forward convolution. */
static snarm_status make_run(run *made, int kind, const descriptors *d, const sn_conv_training_shape *shape,
                             const_dnnl_primitive_desc_t hint) {
    dnnl_engine_t engine;
    SN_TRY(sn_engine(&engine));
    const dnnl_dim_t padding = (dnnl_dim_t)(shape->dilation * (shape->kernel - 1) / 2);
    const dnnl_dim_t skipped = (dnnl_dim_t)shape->dilation - 1; /* oneDNN counts the positions passed over */
    const dnnl_dims_t strides = {1, 1}, dilates = {skipped, skipped}, paddings = {padding, padding};
    dnnl_primitive_attr_t attributes;
    SN_TRY(sn_attributes(&attributes, NULL));
    dnnl_primitive_desc_t desc;
    dnnl_status_t created;
    if (kind == FORWARD || kind == FORWARD_BIAS)
        created = dnnl_convolution_forward_primitive_desc_create(
            &desc, engine, dnnl_forward_training, dnnl_convolution_direct, d->src, d->weights,
            kind == FORWARD_BIAS ? d->bias : NULL, d->dst, strides, dilates, paddings, paddings, attributes);
    else if (kind == DATA)
        created = dnnl_convolution_backward_data_primitive_desc_create(&desc, engine, dnnl_convolution_direct, d->src,
                                                                       d->weights, d->dst, strides, dilates, paddings,
                                                                       paddings, hint, attributes);
    else
        created = dnnl_convolution_backward_weights_primitive_desc_create(
            &desc, engine, dnnl_convolution_direct, d->src, d->weights, kind == WEIGHTS_BIAS ? d->bias : NULL, d->dst,
            strides, dilates, paddings, paddings, hint, attributes);
    SN_TRY(sn_primitive_take(&made->primitive, created, desc, attributes, "dnnl_convolution_..._primitive_desc_create"));
    const bool backward = kind == WEIGHTS || kind == WEIGHTS_BIAS;
    made->packed_desc = dnnl_primitive_desc_query_md(
        made->primitive.desc, backward ? dnnl_query_diff_weights_md : dnnl_query_weights_md, 0);
    SN_TRY(sn_attributes(&attributes, NULL));
    created = dnnl_reorder_primitive_desc_create(&desc, backward ? made->packed_desc : d->plain, engine,
                                                 backward ? d->plain : made->packed_desc, engine, attributes);
    return sn_primitive_take(&made->reorder, created, desc, attributes, "dnnl_reorder_primitive_desc_create");
}

static snarm_status make_runs(sn_conv_training *conv, const sn_conv_training_shape *shape, descriptors *d) {
    SN_TRY(describe(d, shape));
    size_t most = 0;
    for (int kind = 0; kind < RUNS; kind++) {
        SN_TRY(make_run(&conv->runs[kind], kind, d, shape, conv->runs[FORWARD].primitive.desc));
        const size_t bytes = dnnl_memory_desc_get_size(conv->runs[kind].packed_desc);
        most = bytes > most ? bytes : most;
    }
    return sn_alloc(&conv->packed, 1, most, "packed weights");
}

snarm_status sn_conv_training_create(sn_conv_training **out, const sn_conv_training_shape *shape) {
    *out = NULL;
    sn_conv_training *conv;
    SN_TRY(sn_alloc_zeroed(&conv, 1, sizeof *conv, "convolution"));
    descriptors d = {0};
    snarm_status status = make_runs(conv, shape, &d);
    destroy_descriptors(&d);
    if (status != SNARM_OK) {
        sn_conv_training_destroy(conv);
        return status;
    }
    *out = conv;
    return SNARM_OK;
}

void sn_conv_training_destroy(sn_conv_training *conv) {
    if (conv == NULL)
        return;
    for (int kind = 0; kind < RUNS; kind++) {
        sn_primitive_destroy(&conv->runs[kind].primitive);
        sn_primitive_destroy(&conv->runs[kind].reorder);
    }
    sn_free(conv->packed);
    sn_free(conv);
}

static snarm_status pack(const sn_conv_training *conv, const run *r, sn_stream *stream, const float *weights) {
    const sn_argument arguments[] = {{DNNL_ARG_FROM, r->reorder.src, weights},
                                     {DNNL_ARG_TO, r->reorder.dst, conv->packed}};
    return sn_primitive_run(&r->reorder, stream, arguments, 2);
}

snarm_status sn_conv_training_forward(sn_conv_training *conv, sn_stream *stream, const float *src, const float *weights,
                                      const float *bias, float *dst) {
    const run *r = &conv->runs[bias != NULL ? FORWARD_BIAS : FORWARD];
    SN_TRY(pack(conv, r, stream, weights));
    const sn_argument arguments[] = {{DNNL_ARG_SRC, r->primitive.src, src},
                                     {DNNL_ARG_WEIGHTS, r->packed_desc, conv->packed},
                                     {DNNL_ARG_DST, r->primitive.dst, dst},
                                     {DNNL_ARG_BIAS, r->primitive.bias, bias}};
    return sn_primitive_run(&r->primitive, stream, arguments, bias != NULL ? 4 : 3);
}

snarm_status sn_conv_training_backward_data(sn_conv_training *conv, sn_stream *stream, const float *weights,
                                            const float *diff_dst, float *diff_src) {
    const run *r = &conv->runs[DATA], *forward = &conv->runs[FORWARD];
    SN_TRY(pack(conv, r, stream, weights));
    const sn_argument arguments[] = {{DNNL_ARG_DIFF_DST, forward->primitive.dst, diff_dst},
                                     {DNNL_ARG_WEIGHTS, r->packed_desc, conv->packed},
                                     {DNNL_ARG_DIFF_SRC, forward->primitive.src, diff_src}};
    return sn_primitive_run(&r->primitive, stream, arguments, 3);
}

snarm_status sn_conv_training_backward_weights(sn_conv_training *conv, sn_stream *stream, const float *src,
                                               const float *diff_dst, float *diff_weights, float *diff_bias) {
    const run *r = &conv->runs[diff_bias != NULL ? WEIGHTS_BIAS : WEIGHTS], *forward = &conv->runs[FORWARD_BIAS];
    const sn_argument arguments[] = {{DNNL_ARG_SRC, forward->primitive.src, src},
                                     {DNNL_ARG_DIFF_DST, forward->primitive.dst, diff_dst},
                                     {DNNL_ARG_DIFF_WEIGHTS, r->packed_desc, conv->packed},
                                     {DNNL_ARG_DIFF_BIAS, forward->primitive.bias, diff_bias}};
    SN_TRY(sn_primitive_run(&r->primitive, stream, arguments, diff_bias != NULL ? 4 : 3));
    const sn_argument back[] = {{DNNL_ARG_FROM, r->reorder.src, conv->packed},
                                {DNNL_ARG_TO, r->reorder.dst, diff_weights}};
    return sn_primitive_run(&r->reorder, stream, back, 2);
}
