#include "kernel/attention.h"

#include "core/memory.h"
#include "core/threads.h"
#include "kernel/gemm.h"
#include "kernel/primitive.h"

#include <math.h>

/* The operations on some queries of one head, each on one thread. */
typedef struct part {
    size_t rows;
    sn_product *scores, *mix;
    sn_primitive softmax;
} part;

/* Threads share out heads and blocks of queries instead of every product: they meet once a run and not hundreds of times, and
 * a block's scores stay in its core's cache between the product that writes them, the softmax, and the product that
 * reads them. The blocks do not depend on the number of threads, nor does the result. */
struct sn_attention {
    size_t tokens, heads, head_size;
    size_t blocks;    /* of queries, a head */
    part usual, last; /* the last block may have fewer rows */
    int threads;
};

/* Half a megabyte: half of the second-level caches of today's servers. */
enum { SCORES_AT_A_TIME = 1 << 17, ROWS_STEP = 16 };

static void share_out(sn_attention *a) {
    size_t rows = SCORES_AT_A_TIME / a->tokens, least = (a->tokens + ROWS_STEP - 1) / ROWS_STEP;
    a->blocks = rows < ROWS_STEP ? least : (a->tokens + rows - 1) / rows;
    rows = (a->tokens + a->blocks - 1) / a->blocks;
    a->usual.rows = (rows + ROWS_STEP - 1) / ROWS_STEP * ROWS_STEP;
    a->blocks = (a->tokens + a->usual.rows - 1) / a->usual.rows;
    a->last.rows = a->tokens - (a->blocks - 1) * a->usual.rows;
}

static snarm_status make_softmax(sn_primitive *softmax, size_t rows, size_t tokens) {
    dnnl_engine_t engine;
    SN_TRY(sn_engine(&engine));
    dnnl_memory_desc_t scores;
    SN_TRY(sn_strided_desc(&scores, 2, (dnnl_dim_t[]){(dnnl_dim_t)rows, (dnnl_dim_t)tokens}, NULL));
    dnnl_primitive_attr_t attributes;
    snarm_status status = sn_attributes(&attributes, NULL);
    if (status == SNARM_OK) {
        dnnl_primitive_desc_t desc;
        dnnl_status_t result = dnnl_softmax_forward_primitive_desc_create(
            &desc, engine, dnnl_forward_inference, dnnl_softmax_accurate, scores, scores, 1, attributes);
        status = sn_primitive_take(softmax, result, desc, attributes, "dnnl_softmax_forward_primitive_desc_create");
    }
    dnnl_memory_desc_destroy(scores);
    return status;
}

static snarm_status make_part(const sn_attention *a, part *p) {
    const size_t row = 3 * a->heads * a->head_size;
    const sn_view rows = {row, row, 1}, columns = {row, 1, row};
    const sn_view scores = {p->rows * a->tokens, a->tokens, 1};
    const sn_view dst = {p->rows * a->heads * a->head_size, a->heads * a->head_size, 1};
    const float scale = 1.0f / sqrtf((float)a->head_size);
    SN_TRY(sn_product_create(&p->scores, 1, p->rows, a->head_size, a->tokens, rows, columns, scores, scale));
    SN_TRY(sn_product_create(&p->mix, 1, p->rows, a->tokens, a->head_size, scores, rows, dst, 1.0f));
    return make_softmax(&p->softmax, p->rows, a->tokens);
}

snarm_status sn_attention_create(sn_attention **out, size_t tokens, size_t heads, size_t head_size) {
    *out = NULL;
    sn_attention *a;
    SN_TRY(sn_alloc_zeroed(&a, 1, sizeof *a, "attention"));
    a->tokens = tokens, a->heads = heads, a->head_size = head_size;
    share_out(a);
    a->threads = sn_threads_enter(1);
    snarm_status status = make_part(a, &a->usual);
    if (status == SNARM_OK)
        status = make_part(a, &a->last);
    sn_threads_leave(a->threads);
    if (a->threads > SN_THREADS_MAX)
        a->threads = SN_THREADS_MAX;
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
    part *const parts[] = {&attention->usual, &attention->last};
    for (size_t i = 0; i < 2; i++) {
        sn_product_destroy(parts[i]->scores);
        sn_product_destroy(parts[i]->mix);
        sn_primitive_destroy(&parts[i]->softmax);
    }
    sn_free(attention);
}

/* Floats of one thread's scores, whole cache lines. */
static size_t scores_floats(const sn_attention *attention) {
    return sn_align_up(attention->usual.rows * attention->tokens * sizeof(float)) / sizeof(float);
}

size_t sn_attention_scratch(const sn_attention *attention) {
    return scores_floats(attention) * (size_t)attention->threads;
}

typedef struct job {
    const sn_attention *attention;
    sn_stream *stream;
    const float *qkv;
    float *scratch, *dst;
    snarm_status statuses[SN_THREADS_MAX];
} job;

static snarm_status run_part(const job *j, const part *p, size_t head, size_t first, sn_stream *stream, float *scores) {
    const sn_attention *a = j->attention;
    const size_t width = a->heads * a->head_size;
    const float *query = j->qkv + head * a->head_size;
    SN_TRY(sn_product_run(p->scores, stream, query + first * 3 * width, query + width, scores));
    const sn_argument in_place[] = {{DNNL_ARG_SRC, p->softmax.src, scores}, {DNNL_ARG_DST, p->softmax.dst, scores}};
    SN_TRY(sn_primitive_run(&p->softmax, stream, in_place, 2));
    return sn_product_run(p->mix, stream, scores, query + 2 * width, j->dst + first * width + head * a->head_size);
}

static void run_share(void *context, size_t begin, size_t end, int thread) {
    job *j = context;
    const sn_attention *a = j->attention;
    sn_stream *stream = sn_stream_member(j->stream, (size_t)thread);
    float *scores = j->scratch + (size_t)thread * scores_floats(a);
    int former = sn_threads_enter(1);
    for (size_t i = begin; i < end && j->statuses[thread] == SNARM_OK; i++) {
        const size_t block = i % a->blocks;
        j->statuses[thread] = run_part(j, block + 1 < a->blocks ? &a->usual : &a->last, i / a->blocks,
                                       block * a->usual.rows, stream, scores);
    }
    sn_threads_leave(former);
}

snarm_status sn_attention_run(const sn_attention *a, sn_stream *stream, const float *qkv, float *scratch, float *dst) {
    SN_TRY(sn_stream_reserve_members(stream, (size_t)a->threads));
    job j = {.attention = a, .stream = stream, .qkv = qkv, .scratch = scratch, .dst = dst};
    int former = sn_threads_enter(a->threads);
    sn_parallel(a->heads * a->blocks, 1, run_share, &j);
    sn_threads_leave(former);
    /* The sentence of a failure stayed with the thread that met it. */
    for (int i = 0; i < a->threads; i++)
        if (j.statuses[i] != SNARM_OK)
            return sn_error(j.statuses[i], "attention: an operation failed on thread %d of %d: %s", i, a->threads,
                            snarm_status_name(j.statuses[i]));
    return SNARM_OK;
}
