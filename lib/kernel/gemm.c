#include "kernel/gemm.h"

#include "core/memory.h"
#include "kernel/primitive.h"

#include <string.h>

struct sn_gemm {
    sn_primitive primitive;
    sn_gemm_shape shape;
};

/* The post-operations of a shape; NULL when there are none. */
static snarm_status make_post_ops(dnnl_post_ops_t *out, sn_type dst_type, bool accumulate, sn_activation activation, float scale) {
    *out = NULL;
    if (!accumulate && activation == SN_ACTIVATION_NONE && scale == 1.0f)
        return SNARM_OK;
    SN_DNNL(dnnl_post_ops_create(out));
    dnnl_status_t status = dnnl_success;
    if (scale != 1.0f)
        status = dnnl_post_ops_append_eltwise(*out, dnnl_eltwise_linear, scale, 0.0f);
    if (status == dnnl_success && accumulate)
        status = dnnl_post_ops_append_sum(*out, 1.0f, 0, sn_dnnl_type(dst_type));
    if (status == dnnl_success && activation == SN_ACTIVATION_RELU)
        status = dnnl_post_ops_append_eltwise(*out, dnnl_eltwise_relu, 0.0f, 0.0f);
    if (status == dnnl_success && activation == SN_ACTIVATION_GELU)
        status = dnnl_post_ops_append_eltwise(*out, dnnl_eltwise_gelu_erf, 0.0f, 0.0f);
    if (status == dnnl_success)
        return SNARM_OK;
    dnnl_post_ops_destroy(*out);
    *out = NULL;
    return sn_dnnl_error(status, "dnnl_post_ops_append");
}

/* Makes a matmul of these descriptors, which stay the caller's. */
static snarm_status make_matmul(sn_primitive *primitive, const_dnnl_memory_desc_t src, const_dnnl_memory_desc_t weights,
                                const_dnnl_memory_desc_t bias, const_dnnl_memory_desc_t dst, sn_type dst_type,
                                bool accumulate, sn_activation activation, float scale) {
    dnnl_engine_t engine;
    SN_TRY(sn_engine(&engine));
    dnnl_post_ops_t post_ops;
    SN_TRY(make_post_ops(&post_ops, dst_type, accumulate, activation, scale));
    dnnl_primitive_attr_t attributes = NULL;
    snarm_status status = sn_attributes(&attributes, post_ops);
    if (post_ops != NULL)
        dnnl_post_ops_destroy(post_ops);
    if (status != SNARM_OK)
        return status;
    dnnl_primitive_desc_t desc;
    dnnl_status_t result = dnnl_matmul_primitive_desc_create(&desc, engine, src, weights, bias, dst, attributes);
    return sn_primitive_take(primitive, result, desc, attributes, "dnnl_matmul_primitive_desc_create");
}

enum { SRC, WEIGHTS, BIAS, DST, DESCRIPTORS };

static void destroy_descriptors(dnnl_memory_desc_t *descriptors) {
    for (int i = 0; i < DESCRIPTORS; i++)
        if (descriptors[i] != NULL)
            dnnl_memory_desc_destroy(descriptors[i]);
}

static snarm_status describe_gemm(dnnl_memory_desc_t *descriptors, const sn_gemm_shape *shape) {
    const dnnl_dim_t rows = (dnnl_dim_t)shape->rows, inner = (dnnl_dim_t)shape->inner;
    const dnnl_dim_t columns = (dnnl_dim_t)shape->columns;
    const dnnl_dim_t src_stride = shape->src_stride != 0 ? (dnnl_dim_t)shape->src_stride : inner;
    const dnnl_dim_t dst_stride = shape->dst_stride != 0 ? (dnnl_dim_t)shape->dst_stride : columns;
    SN_TRY(sn_strided_desc(&descriptors[SRC], shape->type, 2, (dnnl_dim_t[]){rows, inner}, (dnnl_dim_t[]){src_stride, 1}));
    SN_TRY(sn_any_desc(&descriptors[WEIGHTS], shape->type, 2, (dnnl_dim_t[]){inner, columns}));
    if (shape->bias)
        SN_TRY(sn_strided_desc(&descriptors[BIAS], SN_TYPE_F32, 2, (dnnl_dim_t[]){1, columns}, NULL));
    return sn_strided_desc(&descriptors[DST], shape->dst_type, 2, (dnnl_dim_t[]){rows, columns},
                           (dnnl_dim_t[]){dst_stride, 1});
}

snarm_status sn_gemm_create(sn_gemm **out, const sn_gemm_shape *shape) {
    *out = NULL;
    sn_gemm *gemm;
    SN_TRY(sn_alloc_zeroed(&gemm, 1, sizeof *gemm, "gemm"));
    gemm->shape = *shape;
    dnnl_memory_desc_t descriptors[DESCRIPTORS] = {NULL};
    snarm_status status = describe_gemm(descriptors, shape);
    if (status == SNARM_OK)
        status = make_matmul(&gemm->primitive, descriptors[SRC], descriptors[WEIGHTS], descriptors[BIAS],
                             descriptors[DST], shape->dst_type, shape->accumulate, shape->activation, 1.0f);
    destroy_descriptors(descriptors);
    if (status != SNARM_OK) {
        sn_free(gemm);
        return sn_error_prefix(status, "gemm %zu x %zu x %zu", shape->rows, shape->inner, shape->columns);
    }
    *out = gemm;
    return SNARM_OK;
}

void sn_gemm_destroy(sn_gemm *gemm) {
    if (gemm == NULL)
        return;
    sn_primitive_destroy(&gemm->primitive);
    sn_free(gemm);
}

size_t sn_gemm_packed_bytes(const sn_gemm *gemm) {
    return dnnl_memory_desc_get_size(gemm->primitive.weights);
}

bool sn_gemm_same_packing(const sn_gemm *a, const sn_gemm *b) {
    return dnnl_memory_desc_equal(a->primitive.weights, b->primitive.weights) != 0;
}

/* The weights as the caller has them. */
static snarm_status describe_plain(dnnl_memory_desc_t *out, const sn_gemm *gemm, sn_type type, size_t row_stride,
                                   size_t column_stride) {
    const dnnl_dims_t dims = {(dnnl_dim_t)gemm->shape.inner, (dnnl_dim_t)gemm->shape.columns};
    return sn_strided_desc(out, type, 2, dims, (dnnl_dim_t[]){(dnnl_dim_t)row_stride, (dnnl_dim_t)column_stride});
}

static snarm_status pack(const sn_gemm *gemm, const void *weights, size_t row_stride, size_t column_stride,
                         void *packed) {
    dnnl_memory_desc_t plain;
    SN_TRY(describe_plain(&plain, gemm, gemm->shape.type == SN_TYPE_S8 ? SN_TYPE_S8 : SN_TYPE_F32, row_stride, column_stride));
    snarm_status status = sn_reorder_once(plain, weights, gemm->primitive.weights, packed);
    dnnl_memory_desc_destroy(plain);
    return status;
}

snarm_status sn_gemm_pack(const sn_gemm *gemm, const void *weights, size_t stride, void *packed) {
    return pack(gemm, weights, 1, stride != 0 ? stride : gemm->shape.inner, packed);
}

snarm_status sn_gemm_pack_transposed(const sn_gemm *gemm, const void *weights, size_t stride, void *packed) {
    return pack(gemm, weights, stride != 0 ? stride : gemm->shape.columns, 1, packed);
}

struct sn_packer {
    sn_primitive primitive;
};

snarm_status sn_packer_create(sn_packer **out, const sn_gemm *gemm, size_t row_stride, size_t column_stride) {
    *out = NULL;
    dnnl_engine_t engine;
    SN_TRY(sn_engine(&engine));
    sn_packer *packer;
    SN_TRY(sn_alloc_zeroed(&packer, 1, sizeof *packer, "packer"));
    dnnl_memory_desc_t plain = NULL;
    dnnl_primitive_attr_t attributes;
    snarm_status status = describe_plain(&plain, gemm, gemm->shape.type, row_stride, column_stride);
    if (status == SNARM_OK)
        status = sn_attributes(&attributes, NULL);
    if (status == SNARM_OK) {
        dnnl_primitive_desc_t desc;
        dnnl_status_t result =
            dnnl_reorder_primitive_desc_create(&desc, plain, engine, gemm->primitive.weights, engine, attributes);
        status = sn_primitive_take(&packer->primitive, result, desc, attributes, "dnnl_reorder_primitive_desc_create");
    }
    if (plain != NULL)
        dnnl_memory_desc_destroy(plain);
    if (status != SNARM_OK) {
        sn_free(packer);
        return status;
    }
    *out = packer;
    return SNARM_OK;
}

void sn_packer_destroy(sn_packer *packer) {
    if (packer == NULL)
        return;
    sn_primitive_destroy(&packer->primitive);
    sn_free(packer);
}

snarm_status sn_packer_run(const sn_packer *packer, sn_stream *stream, const void *weights, void *packed) {
    const sn_primitive *p = &packer->primitive;
    const sn_argument arguments[] = {{DNNL_ARG_FROM, p->src, weights}, {DNNL_ARG_TO, p->dst, packed}};
    return sn_primitive_run(p, stream, arguments, 2);
}

snarm_status sn_gemm_run(const sn_gemm *gemm, sn_stream *stream, const void *src, const void *packed,
                         const float *bias, void *dst) {
    const sn_primitive *p = &gemm->primitive;
    const sn_argument arguments[] = {{DNNL_ARG_SRC, p->src, src},
                                     {DNNL_ARG_WEIGHTS, p->weights, packed},
                                     {DNNL_ARG_DST, p->dst, dst},
                                     {DNNL_ARG_BIAS, p->bias, bias}};
    return sn_primitive_run(p, stream, arguments, gemm->shape.bias ? 4 : 3);
}

struct sn_linear {
    sn_gemm *gemm;
    void *packed;
    float *bias;
};

static snarm_status fill_linear(sn_linear *linear, const sn_gemm_shape *shape, const float *weights,
                                const float *bias) {
    SN_TRY(sn_gemm_create(&linear->gemm, shape));
    SN_TRY(sn_alloc(&linear->packed, 1, sn_gemm_packed_bytes(linear->gemm), "packed weights"));
    SN_TRY(sn_gemm_pack(linear->gemm, weights, 0, linear->packed));
    if (bias == NULL)
        return SNARM_OK;
    SN_TRY(sn_alloc(&linear->bias, shape->columns, sizeof *bias, "bias"));
    memcpy(linear->bias, bias, shape->columns * sizeof *bias);
    return SNARM_OK;
}

snarm_status sn_linear_create(sn_linear **out, const sn_gemm_shape *shape, const float *weights, const float *bias) {
    *out = NULL;
    sn_linear *linear;
    SN_TRY(sn_alloc_zeroed(&linear, 1, sizeof *linear, "linear layer"));
    sn_gemm_shape with_bias = *shape;
    with_bias.bias = bias != NULL;
    snarm_status status = fill_linear(linear, &with_bias, weights, bias);
    if (status != SNARM_OK) {
        sn_linear_destroy(linear);
        return status;
    }
    *out = linear;
    return SNARM_OK;
}

void sn_linear_destroy(sn_linear *linear) {
    if (linear == NULL)
        return;
    sn_gemm_destroy(linear->gemm);
    sn_free(linear->packed);
    sn_free(linear->bias);
    sn_free(linear);
}

snarm_status sn_linear_run(const sn_linear *linear, sn_stream *stream, const void *src, void *dst) {
    return sn_gemm_run(linear->gemm, stream, src, linear->packed, linear->bias, dst);
}

struct sn_product {
    sn_primitive primitive;
};

/* A batch of one is described without it: oneDNN has faster kernels for plain matrices with strides. */
static snarm_status describe_factor(dnnl_memory_desc_t *out, size_t batch, size_t rows, size_t columns, sn_view view) {
    const dnnl_dim_t dims[] = {(dnnl_dim_t)batch, (dnnl_dim_t)rows, (dnnl_dim_t)columns};
    const dnnl_dim_t strides[] = {(dnnl_dim_t)view.batch_stride, (dnnl_dim_t)view.row_stride,
                                  (dnnl_dim_t)view.column_stride};
    const int skipped = batch == 1 ? 1 : 0;
    return sn_strided_desc(out, SN_TYPE_F32, 3 - skipped, dims + skipped, strides + skipped);
}

static snarm_status create_product(sn_product **out, size_t batch, size_t rows, size_t inner, size_t columns,
                                   sn_view a, sn_view b, sn_view dst, bool accumulate, float scale) {
    *out = NULL;
    sn_product *product;
    SN_TRY(sn_alloc_zeroed(&product, 1, sizeof *product, "product"));
    dnnl_memory_desc_t descriptors[DESCRIPTORS] = {NULL};
    snarm_status status = describe_factor(&descriptors[SRC], batch, rows, inner, a);
    if (status == SNARM_OK)
        status = describe_factor(&descriptors[WEIGHTS], batch, inner, columns, b);
    if (status == SNARM_OK)
        status = describe_factor(&descriptors[DST], batch, rows, columns, dst);
    if (status == SNARM_OK)
        status = make_matmul(&product->primitive, descriptors[SRC], descriptors[WEIGHTS], NULL, descriptors[DST],
                             SN_TYPE_F32, accumulate, SN_ACTIVATION_NONE, scale);
    destroy_descriptors(descriptors);
    if (status != SNARM_OK) {
        sn_free(product);
        return sn_error_prefix(status, "product of %zu times %zu x %zu x %zu", batch, rows, inner, columns);
    }
    *out = product;
    return SNARM_OK;
}

snarm_status sn_product_create(sn_product **out, size_t batch, size_t rows, size_t inner, size_t columns, sn_view a,
                               sn_view b, sn_view dst, float scale) {
    return create_product(out, batch, rows, inner, columns, a, b, dst, false, scale);
}

snarm_status sn_product_create_adding(sn_product **out, size_t batch, size_t rows, size_t inner, size_t columns,
                                      sn_view a, sn_view b, sn_view dst) {
    return create_product(out, batch, rows, inner, columns, a, b, dst, true, 1.0f);
}

void sn_product_destroy(sn_product *product) {
    if (product == NULL)
        return;
    sn_primitive_destroy(&product->primitive);
    sn_free(product);
}

snarm_status sn_product_run(const sn_product *product, sn_stream *stream, const float *a, const float *b, float *dst) {
    const sn_primitive *p = &product->primitive;
    const sn_argument arguments[] = {
        {DNNL_ARG_SRC, p->src, a}, {DNNL_ARG_WEIGHTS, p->weights, b}, {DNNL_ARG_DST, p->dst, dst}};
    return sn_primitive_run(p, stream, arguments, 3);
}
