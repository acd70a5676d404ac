#include "kernel/conv.h"

#include "core/memory.h"
#include "kernel/primitive.h"

#include <string.h>

struct sn_layout {
    dnnl_memory_desc_t desc;
};

/* Wraps a descriptor; takes it over, also on failure. */
static snarm_status wrap(sn_layout **out, dnnl_memory_desc_t desc) {
    snarm_status status = sn_alloc(out, 1, sizeof **out, "layout");
    if (status == SNARM_OK)
        (*out)->desc = desc;
    else
        dnnl_memory_desc_destroy(desc);
    return status;
}

static snarm_status clone(sn_layout **out, const_dnnl_memory_desc_t desc) {
    dnnl_memory_desc_t copy;
    SN_DNNL(dnnl_memory_desc_clone(&copy, desc));
    return wrap(out, copy);
}

static const dnnl_format_tag_t tags[] = {
    [SN_PLANES] = dnnl_nchw, [SN_CHANNELS_LAST] = dnnl_nhwc, [SN_ANY] = dnnl_format_tag_any};

snarm_status sn_layout_create(sn_layout **out, sn_type type, size_t batch, size_t channels, size_t height, size_t width,
                              sn_order order) {
    *out = NULL;
    const dnnl_dims_t dims = {(dnnl_dim_t)batch, (dnnl_dim_t)channels, (dnnl_dim_t)height, (dnnl_dim_t)width};
    dnnl_memory_desc_t desc;
    SN_DNNL(dnnl_memory_desc_create_with_tag(&desc, 4, dims, sn_dnnl_type(type), tags[order]));
    return wrap(out, desc);
}

void sn_layout_destroy(sn_layout *layout) {
    if (layout == NULL)
        return;
    dnnl_memory_desc_destroy(layout->desc);
    sn_free(layout);
}

size_t sn_layout_bytes(const sn_layout *layout) {
    return dnnl_memory_desc_get_size(layout->desc);
}

static dnnl_data_type_t type_of(const_dnnl_memory_desc_t desc) {
    dnnl_data_type_t type = dnnl_f32;
    return dnnl_memory_desc_query(desc, dnnl_query_data_type, &type) == dnnl_success ? type : dnnl_f32;
}

static const dnnl_dim_t *dims_of(const_dnnl_memory_desc_t desc) {
    static const dnnl_dims_t none = {0};
    const dnnl_dims_t *dims = NULL;
    return dnnl_memory_desc_query(desc, dnnl_query_dims, &dims) == dnnl_success ? *dims : none;
}

void sn_layout_shape(const sn_layout *layout, size_t *batch, size_t *channels, size_t *height, size_t *width) {
    const dnnl_dim_t *dims = dims_of(layout->desc);
    *batch = (size_t)dims[0], *channels = (size_t)dims[1], *height = (size_t)dims[2], *width = (size_t)dims[3];
}

/* The output side of a window that slides over size with padding. */
static dnnl_dim_t slide(dnnl_dim_t size, size_t kernel, size_t stride, size_t padding, size_t dilation) {
    dnnl_dim_t reach = (dnnl_dim_t)(dilation * (kernel - 1) + 1);
    dnnl_dim_t padded = size + 2 * (dnnl_dim_t)padding;
    return padded < reach ? 0 : (padded - reach) / (dnnl_dim_t)stride + 1;
}

struct sn_reorder {
    sn_primitive primitive;
};

snarm_status sn_reorder_create(sn_reorder **out, const sn_layout *src, const sn_layout *dst) {
    *out = NULL;
    dnnl_engine_t engine;
    SN_TRY(sn_engine(&engine));
    sn_reorder *reorder;
    SN_TRY(sn_alloc_zeroed(&reorder, 1, sizeof *reorder, "reorder"));
    dnnl_primitive_attr_t attributes;
    snarm_status status = sn_attributes(&attributes, NULL);
    if (status == SNARM_OK) {
        dnnl_primitive_desc_t desc;
        dnnl_status_t result =
            dnnl_reorder_primitive_desc_create(&desc, src->desc, engine, dst->desc, engine, attributes);
        status = sn_primitive_take(&reorder->primitive, result, desc, attributes, "dnnl_reorder_primitive_desc_create");
    }
    if (status != SNARM_OK) {
        sn_free(reorder);
        return status;
    }
    *out = reorder;
    return SNARM_OK;
}

void sn_reorder_destroy(sn_reorder *reorder) {
    if (reorder == NULL)
        return;
    sn_primitive_destroy(&reorder->primitive);
    sn_free(reorder);
}

snarm_status sn_reorder_run(const sn_reorder *reorder, sn_stream *stream, const void *src, void *dst) {
    const sn_primitive *p = &reorder->primitive;
    const sn_argument arguments[] = {{DNNL_ARG_FROM, p->src, src}, {DNNL_ARG_TO, p->dst, dst}};
    return sn_primitive_run(p, stream, arguments, 2);
}

struct sn_conv {
    sn_primitive primitive;
    sn_layout *dst;
    void *weights;
    float *bias;
};

enum { SRC, WEIGHTS, BIAS, DST, DESCRIPTORS };

/* The input keeps its layout: a chain's is already oneDNN's own choice, and a plain image of 3 channels is read as it
 * is by the first convolution. */
static snarm_status describe_conv(dnnl_memory_desc_t *descriptors, const sn_conv_options *options) {
    const dnnl_dim_t *src = dims_of(options->src->desc);
    const dnnl_dim_t kernel = (dnnl_dim_t)options->kernel, channels = (dnnl_dim_t)options->channels_out;
    const dnnl_dims_t dst = {
        src[0], channels, slide(src[2], options->kernel, options->stride, options->padding, options->dilation),
        slide(src[3], options->kernel, options->stride, options->padding, options->dilation)};
    if (dst[2] == 0 || dst[3] == 0)
        return sn_error(SNARM_ERROR_ARGUMENT, "convolution: a %lldx%lld input is smaller than its %zux%zu kernel",
                        (long long)src[3], (long long)src[2], options->kernel, options->kernel);
    SN_DNNL(dnnl_memory_desc_clone(&descriptors[SRC], options->src->desc));
    const sn_type type = type_of(options->src->desc) == dnnl_bf16 ? SN_TYPE_BF16 : SN_TYPE_F32;
    SN_TRY(sn_any_desc(&descriptors[WEIGHTS], type, 4, (dnnl_dim_t[]){channels, src[1], kernel, kernel}));
    if (options->bias != NULL)
        SN_TRY(sn_strided_desc(&descriptors[BIAS], SN_TYPE_F32, 1, (dnnl_dim_t[]){channels}, NULL));
    if (options->dst != NULL)
        SN_DNNL(dnnl_memory_desc_clone(&descriptors[DST], options->dst->desc));
    else
        SN_DNNL(dnnl_memory_desc_create_with_tag(&descriptors[DST], 4, dst, sn_dnnl_type(options->dst_type),
                                                 tags[options->dst_order]));
    return SNARM_OK;
}

static snarm_status make_attributes(dnnl_primitive_attr_t *out, dnnl_data_type_t dst, bool add, bool relu) {
    dnnl_post_ops_t post_ops;
    SN_DNNL(dnnl_post_ops_create(&post_ops));
    dnnl_status_t result = dnnl_success;
    if (add)
        result = dnnl_post_ops_append_sum(post_ops, 1.0f, 0, dst);
    if (result == dnnl_success && relu)
        result = dnnl_post_ops_append_eltwise(post_ops, dnnl_eltwise_relu, 0.0f, 0.0f);
    snarm_status status =
        result == dnnl_success ? sn_attributes(out, post_ops) : sn_dnnl_error(result, "dnnl_post_ops_append");
    dnnl_post_ops_destroy(post_ops);
    return status;
}

static snarm_status make_conv(sn_primitive *primitive, dnnl_memory_desc_t *descriptors, const sn_conv_options *options) {
    dnnl_engine_t engine;
    SN_TRY(sn_engine(&engine));
    SN_TRY(describe_conv(descriptors, options));
    dnnl_primitive_attr_t attributes;
    SN_TRY(make_attributes(&attributes, type_of(descriptors[DST]), options->add, options->relu));
    const dnnl_dim_t stride = (dnnl_dim_t)options->stride, padding = (dnnl_dim_t)options->padding;
    const dnnl_dim_t dilation = (dnnl_dim_t)options->dilation - 1; /* oneDNN counts the skipped positions */
    const dnnl_dims_t strides = {stride, stride}, dilates = {dilation, dilation}, paddings = {padding, padding};
    dnnl_primitive_desc_t desc;
    dnnl_status_t result = dnnl_convolution_forward_primitive_desc_create(
        &desc, engine, dnnl_forward_inference, dnnl_convolution_direct, descriptors[SRC], descriptors[WEIGHTS],
        descriptors[BIAS], descriptors[DST], strides, dilates, paddings, paddings, attributes);
    return sn_primitive_take(primitive, result, desc, attributes, "dnnl_convolution_forward_primitive_desc_create");
}

static snarm_status pack_weights(sn_conv *conv, const sn_conv_options *options) {
    const sn_primitive *p = &conv->primitive;
    SN_TRY(sn_alloc(&conv->weights, 1, dnnl_memory_desc_get_size(p->weights), "packed weights"));
    dnnl_memory_desc_t plain;
    SN_TRY(sn_strided_desc(&plain, SN_TYPE_F32, 4, dims_of(p->weights), NULL));
    snarm_status status = sn_reorder_once(plain, options->weights, p->weights, conv->weights);
    dnnl_memory_desc_destroy(plain);
    if (status != SNARM_OK || options->bias == NULL)
        return status;
    SN_TRY(sn_alloc(&conv->bias, options->channels_out, sizeof *conv->bias, "bias"));
    memcpy(conv->bias, options->bias, options->channels_out * sizeof *conv->bias);
    return SNARM_OK;
}

snarm_status sn_conv_create(sn_conv **out, const sn_conv_options *options) {
    *out = NULL;
    sn_conv *conv;
    SN_TRY(sn_alloc_zeroed(&conv, 1, sizeof *conv, "convolution"));
    dnnl_memory_desc_t descriptors[DESCRIPTORS] = {NULL};
    snarm_status status = make_conv(&conv->primitive, descriptors, options);
    for (int i = 0; i < DESCRIPTORS; i++)
        if (descriptors[i] != NULL)
            dnnl_memory_desc_destroy(descriptors[i]);
    if (status == SNARM_OK)
        status = clone(&conv->dst, conv->primitive.dst);
    if (status == SNARM_OK)
        status = pack_weights(conv, options);
    if (status != SNARM_OK) {
        sn_conv_destroy(conv);
        return status;
    }
    *out = conv;
    return SNARM_OK;
}

void sn_conv_destroy(sn_conv *conv) {
    if (conv == NULL)
        return;
    sn_primitive_destroy(&conv->primitive);
    sn_layout_destroy(conv->dst);
    sn_free(conv->weights);
    sn_free(conv->bias);
    sn_free(conv);
}

const sn_layout *sn_conv_dst_layout(const sn_conv *conv) {
    return conv->dst;
}

snarm_status sn_conv_run(const sn_conv *conv, sn_stream *stream, const void *src, void *dst) {
    const sn_primitive *p = &conv->primitive;
    const sn_argument arguments[] = {{DNNL_ARG_SRC, p->src, src},
                                     {DNNL_ARG_WEIGHTS, p->weights, conv->weights},
                                     {DNNL_ARG_DST, p->dst, dst},
                                     {DNNL_ARG_BIAS, p->bias, conv->bias}};
    return sn_primitive_run(p, stream, arguments, conv->bias != NULL ? 4 : 3);
}

struct sn_max_pool {
    sn_primitive primitive;
    sn_layout *dst;
};

static snarm_status make_pool(sn_max_pool *pool, const sn_layout *src, size_t kernel, size_t stride, size_t padding) {
    dnnl_engine_t engine;
    SN_TRY(sn_engine(&engine));
    const dnnl_dim_t *dims = dims_of(src->desc);
    const dnnl_dims_t dst_dims = {dims[0], dims[1], slide(dims[2], kernel, stride, padding, 1),
                                  slide(dims[3], kernel, stride, padding, 1)};
    const dnnl_dims_t kernels = {(dnnl_dim_t)kernel, (dnnl_dim_t)kernel}, dilates = {0, 0};
    const dnnl_dims_t strides = {(dnnl_dim_t)stride, (dnnl_dim_t)stride};
    const dnnl_dims_t paddings = {(dnnl_dim_t)padding, (dnnl_dim_t)padding};
    dnnl_memory_desc_t dst;
    SN_TRY(sn_any_desc(&dst, type_of(src->desc) == dnnl_bf16 ? SN_TYPE_BF16 : SN_TYPE_F32, 4, dst_dims));
    dnnl_primitive_attr_t attributes;
    snarm_status status = sn_attributes(&attributes, NULL);
    if (status == SNARM_OK) {
        dnnl_primitive_desc_t desc;
        dnnl_status_t result = dnnl_pooling_forward_primitive_desc_create(
            &desc, engine, dnnl_forward_inference, dnnl_pooling_max, src->desc, dst, strides, kernels, dilates,
            paddings, paddings, attributes);
        status = sn_primitive_take(&pool->primitive, result, desc, attributes, "dnnl_pooling_forward_primitive_desc_create");
    }
    dnnl_memory_desc_destroy(dst);
    return status == SNARM_OK ? clone(&pool->dst, pool->primitive.dst) : status;
}

snarm_status sn_max_pool_create(sn_max_pool **out, const sn_layout *src, size_t kernel, size_t stride, size_t padding) {
    *out = NULL;
    sn_max_pool *pool;
    SN_TRY(sn_alloc_zeroed(&pool, 1, sizeof *pool, "max pooling"));
    snarm_status status = make_pool(pool, src, kernel, stride, padding);
    if (status != SNARM_OK) {
        sn_max_pool_destroy(pool);
        return status;
    }
    *out = pool;
    return SNARM_OK;
}

void sn_max_pool_destroy(sn_max_pool *pool) {
    if (pool == NULL)
        return;
    sn_primitive_destroy(&pool->primitive);
    sn_layout_destroy(pool->dst);
    sn_free(pool);
}

const sn_layout *sn_max_pool_dst_layout(const sn_max_pool *pool) {
    return pool->dst;
}

snarm_status sn_max_pool_run(const sn_max_pool *pool, sn_stream *stream, const void *src, void *dst) {
    const sn_primitive *p = &pool->primitive;
    const sn_argument arguments[] = {{DNNL_ARG_SRC, p->src, src}, {DNNL_ARG_DST, p->dst, dst}};
    return sn_primitive_run(p, stream, arguments, 2);
}
