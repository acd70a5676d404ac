#include "kernel/norm.h"

#include "core/memory.h"
#include "kernel/primitive.h"

#include <string.h>

struct sn_layer_norm {
    sn_primitive primitive;
    float *gain, *shift;
};

static snarm_status make_norm(sn_primitive *primitive, size_t rows, size_t columns, float epsilon, sn_type dst_type) {
    dnnl_engine_t engine;
    SN_TRY(sn_engine(&engine));
    const dnnl_dims_t dims = {(dnnl_dim_t)rows, (dnnl_dim_t)columns};
    dnnl_memory_desc_t src, dst = NULL;
    SN_TRY(sn_strided_desc(&src, SN_TYPE_F32, 2, dims, NULL));
    dnnl_primitive_attr_t attributes;
    snarm_status status = sn_strided_desc(&dst, dst_type, 2, dims, NULL);
    if (status == SNARM_OK)
        status = sn_attributes(&attributes, NULL);
    if (status == SNARM_OK) {
        dnnl_primitive_desc_t desc;
        dnnl_status_t result = dnnl_layer_normalization_forward_primitive_desc_create(
            &desc, engine, dnnl_forward_inference, src, dst, NULL, epsilon, dnnl_use_scale | dnnl_use_shift,
            attributes);
        status = sn_primitive_take(primitive, result, desc, attributes,
                                   "dnnl_layer_normalization_forward_primitive_desc_create");
    }
    dnnl_memory_desc_destroy(src);
    if (dst != NULL)
        dnnl_memory_desc_destroy(dst);
    return status;
}

snarm_status sn_layer_norm_create(sn_layer_norm **out, size_t rows, size_t columns, float epsilon, const float *gain,
                                  const float *shift, sn_type dst_type) {
    *out = NULL;
    sn_layer_norm *norm;
    SN_TRY(sn_alloc_zeroed(&norm, 1, sizeof *norm, "layer norm"));
    snarm_status status = make_norm(&norm->primitive, rows, columns, epsilon, dst_type);
    if (status == SNARM_OK)
        status = sn_alloc(&norm->gain, columns, sizeof *gain, "layer norm gain");
    if (status == SNARM_OK)
        status = sn_alloc(&norm->shift, columns, sizeof *shift, "layer norm shift");
    if (status != SNARM_OK) {
        sn_layer_norm_destroy(norm);
        return status;
    }
    memcpy(norm->gain, gain, columns * sizeof *gain);
    memcpy(norm->shift, shift, columns * sizeof *shift);
    *out = norm;
    return SNARM_OK;
}

void sn_layer_norm_destroy(sn_layer_norm *norm) {
    if (norm == NULL)
        return;
    sn_primitive_destroy(&norm->primitive);
    sn_free(norm->gain);
    sn_free(norm->shift);
    sn_free(norm);
}

snarm_status sn_layer_norm_run(const sn_layer_norm *norm, sn_stream *stream, const float *src, void *dst) {
    /* Scale and shift are vectors: oneDNN takes them with a descriptor of their own, the query gives it. */
    const sn_primitive *p = &norm->primitive;
    const sn_argument arguments[] = {{DNNL_ARG_SRC, p->src, src},
                                     {DNNL_ARG_DST, p->dst, dst},
                                     {DNNL_ARG_SCALE, p->weights, norm->gain},
                                     {DNNL_ARG_SHIFT, p->weights, norm->shift}};
    return sn_primitive_run(p, stream, arguments, 4);
}
