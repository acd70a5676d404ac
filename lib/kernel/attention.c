#include "kernel/attention.h"

#include "core/memory.h"
#include "kernel/gemm.h"
#include "kernel/primitive.h"

#include <math.h>

struct sn_attention {
    size_t tokens, heads, head_size;
    size_t group; /* heads per step, a divisor of heads */
    sn_product *scores, *mix;
    sn_primitive softmax;
};

/* Scores of this many values stay in the second-level caches between the product that writes them, the softmax, and
 * the product that reads them. */
enum { SCORES_AT_A_TIME = 1 << 20 };

static size_t heads_per_step(size_t heads, size_t tokens) {
    size_t group = SCORES_AT_A_TIME / (tokens * tokens);
    if (group > heads)
        group = heads;
    while (group > 1 && heads % group != 0)
        group--;
    return group == 0 ? 1 : group;
}

static snarm_status make_softmax(sn_primitive *softmax, size_t batch, size_t tokens) {
    dnnl_engine_t engine;
    SN_TRY(sn_engine(&engine));
    const dnnl_dim_t n = (dnnl_dim_t)tokens;
    dnnl_memory_desc_t scores;
    SN_TRY(sn_strided_desc(&scores, 3, (dnnl_dim_t[]){(dnnl_dim_t)batch, n, n}, NULL));
    dnnl_primitive_attr_t attributes;
    snarm_status status = sn_attributes(&attributes, NULL);
    if (status == SNARM_OK) {
        dnnl_primitive_desc_t desc;
        dnnl_status_t result = dnnl_softmax_forward_primitive_desc_create(
            &desc, engine, dnnl_forward_inference, dnnl_softmax_accurate, scores, scores, 2, attributes);
        dnnl_primitive_attr_destroy(attributes);
        status = result == dnnl_success ? sn_primitive_init(softmax, desc)
                                        : sn_dnnl_error(result, "dnnl_softmax_forward_primitive_desc_create");
    }
    dnnl_memory_desc_destroy(scores);
    return status;
}

static snarm_status fill(sn_attention *a) {
    const size_t row = 3 * a->heads * a->head_size;
    const sn_view rows = {a->head_size, row, 1}, columns = {a->head_size, 1, row};
    const sn_view scores = {a->tokens * a->tokens, a->tokens, 1};
    const sn_view dst = {a->head_size, a->heads * a->head_size, 1};
    const float scale = 1.0f / sqrtf((float)a->head_size);
    SN_TRY(sn_product_create(&a->scores, a->group, a->tokens, a->head_size, a->tokens, rows, columns, scores, scale));
    SN_TRY(sn_product_create(&a->mix, a->group, a->tokens, a->tokens, a->head_size, scores, rows, dst, 1.0f));
    return make_softmax(&a->softmax, a->group, a->tokens);
}

snarm_status sn_attention_create(sn_attention **out, size_t tokens, size_t heads, size_t head_size) {
    *out = NULL;
    sn_attention *a;
    SN_TRY(sn_alloc_zeroed(&a, 1, sizeof *a, "attention"));
    a->tokens = tokens, a->heads = heads, a->head_size = head_size;
    a->group = heads_per_step(heads, tokens);
    snarm_status status = fill(a);
    if (status != SNARM_OK) {
        sn_attention_destroy(a);
        return status;
    }
    *out = a;
    return SNARM_OK;
}

void sn_attention_destroy(sn_attention *attention) {
    if (attention == NULL)
        return;
    sn_product_destroy(attention->scores);
    sn_product_destroy(attention->mix);
    sn_primitive_destroy(&attention->softmax);
    sn_free(attention);
}

size_t sn_attention_scratch(const sn_attention *attention) {
    return attention->group * attention->tokens * attention->tokens;
}

snarm_status sn_attention_run(const sn_attention *a, sn_stream *stream, const float *qkv, float *scratch, float *dst) {
    const size_t width = a->heads * a->head_size;
    for (size_t head = 0; head < a->heads; head += a->group) {
        const float *query = qkv + head * a->head_size;
        SN_TRY(sn_product_run(a->scores, stream, query, query + width, scratch));
        const sn_argument in_place[] = {{DNNL_ARG_SRC, a->softmax.src, scratch}, {DNNL_ARG_DST, a->softmax.dst, scratch}};
        SN_TRY(sn_primitive_run(&a->softmax, stream, in_place, 2));
        SN_TRY(sn_product_run(a->mix, stream, scratch, query + 2 * width, dst + head * a->head_size));
    }
    return SNARM_OK;
}
