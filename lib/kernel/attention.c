#include "kernel/attention.h"

#include "core/memory.h"
#include "core/threads.h"
#include "kernel/gemm.h"
#include "kernel/simd.h"

#include <math.h>
#include <string.h>

/* Each head's keys and values are packed once, as oneDNN's products want them. Then threads share out heads and blocks of queries
 * instead of every product: they meet twice a run and not hundreds of times, and a block's scores stay in its core's cache
 * between the product that writes them, the softmax, and the product that reads them. The softmax is not divided by its sum: the
 * few channels that come out are. Blocks do not depend on the number of threads, nor does the result. */
struct sn_attention {
    size_t tokens, heads, head_size;
    sn_type type;
    size_t rows, blocks; /* of queries in a block, and blocks of a head */
    sn_gemm *scores, *mix;
    sn_packer *keys, *values;
    size_t keys_bytes, values_bytes; /* packed, of a head */
    int threads;
};

/* A quarter of a megabyte: with the packed keys and values it stays in the second-level caches of today's processors. */
enum { SCORES_AT_A_TIME = 1 << 16, ROWS_STEP = 16 };

static void share_out(sn_attention *a) {
    size_t rows = SCORES_AT_A_TIME / a->tokens / ROWS_STEP * ROWS_STEP;
    if (rows < ROWS_STEP)
        rows = ROWS_STEP;
    a->blocks = (a->tokens + rows - 1) / rows;
    rows = (a->tokens + a->blocks - 1) / a->blocks;
    a->rows = (rows + ROWS_STEP - 1) / ROWS_STEP * ROWS_STEP;
    a->blocks = (a->tokens + a->rows - 1) / a->rows;
}

static snarm_status make_products(sn_attention *a) {
    /* All dense: oneDNN's fast kernels take no other rows. */
    const size_t width = 3 * a->heads * a->head_size;
    const sn_gemm_shape scores = {.rows = a->rows, .inner = a->head_size, .columns = a->tokens, .type = a->type};
    const sn_gemm_shape mix = {.rows = a->rows, .inner = a->tokens, .columns = a->head_size, .type = a->type};
    SN_TRY(sn_gemm_create(&a->scores, &scores));
    SN_TRY(sn_gemm_create(&a->mix, &mix));
    SN_TRY(sn_packer_create(&a->keys, a->scores, 1, width));
    SN_TRY(sn_packer_create(&a->values, a->mix, width, 1));
    a->keys_bytes = sn_align_up(sn_gemm_packed_bytes(a->scores));
    a->values_bytes = sn_align_up(sn_gemm_packed_bytes(a->mix));
    return SNARM_OK;
}

snarm_status sn_attention_create(sn_attention **out, size_t tokens, size_t heads, size_t head_size, sn_type type) {
    *out = NULL;
    sn_attention *a;
    SN_TRY(sn_alloc_zeroed(&a, 1, sizeof *a, "attention"));
    a->tokens = tokens, a->heads = heads, a->head_size = head_size, a->type = type;
    share_out(a);
    a->threads = sn_threads_enter(1);
    snarm_status status = make_products(a);
    sn_threads_leave(a->threads);
    a->threads = sn_threads_current();
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
    sn_gemm_destroy(attention->scores);
    sn_gemm_destroy(attention->mix);
    sn_packer_destroy(attention->keys);
    sn_packer_destroy(attention->values);
    sn_free(attention);
}

/* One thread's: a block's queries; scores, and in their place the weights that come of them; output. */
typedef struct bench {
    size_t scores, out, bytes; /* queries are first */
} bench;

static bench lay_bench(const sn_attention *a) {
    const size_t size = sn_type_size(a->type);
    bench b = {.scores = sn_align_up(a->rows * a->head_size * size)};
    b.out = b.scores + sn_align_up(a->rows * a->tokens * sizeof(float));
    b.bytes = b.out + sn_align_up(a->rows * a->head_size * sizeof(float));
    return b;
}

static size_t packed_bytes(const sn_attention *a) {
    return a->heads * (a->keys_bytes + a->values_bytes);
}

size_t sn_attention_scratch(const sn_attention *attention) {
    return packed_bytes(attention) + lay_bench(attention).bytes * (size_t)attention->threads;
}

typedef struct job {
    const sn_attention *attention;
    sn_stream *stream;
    const char *qkv;
    char *packed, *benches, *dst;
    float scale;
    snarm_status statuses[SN_THREADS_MAX];
} job;

static char *packed_of(const job *j, size_t head) {
    return j->packed + head * (j->attention->keys_bytes + j->attention->values_bytes);
}

/* Of the heads, keys (even items) and values (odd ones). */
static void pack_share(void *context, size_t begin, size_t end, int thread) {
    job *j = context;
    const sn_attention *a = j->attention;
    const size_t width = a->heads * a->head_size, size = sn_type_size(a->type);
    sn_stream *stream = sn_stream_member(j->stream, (size_t)thread);
    const int former = sn_threads_enter(1);
    for (size_t i = begin; i < end && j->statuses[thread] == SNARM_OK; i++) {
        const size_t head = i / 2, values = i % 2;
        const char *from = j->qkv + (width * (1 + values) + head * a->head_size) * size;
        j->statuses[thread] = sn_packer_run(values ? a->values : a->keys, stream, from,
                                            packed_of(j, head) + (values ? a->keys_bytes : 0));
    }
    sn_threads_leave(former);
}

static snarm_status run_block(const job *j, size_t head, size_t first, sn_stream *stream, char *memory) {
    const sn_attention *a = j->attention;
    const sn_simd *simd = sn_simd_table();
    const size_t width = a->heads * a->head_size, size = sn_type_size(a->type), tokens = a->tokens;
    const size_t rows = tokens - first < a->rows ? tokens - first : a->rows;
    const bench b = lay_bench(a);
    float *scores = (float *)(void *)(memory + b.scores), *out = (float *)(void *)(memory + b.out);
    char *packed = packed_of(j, head);
    const char *queries = j->qkv + (first * 3 * width + head * a->head_size) * size;
    /* Rows past the last token keep what a former block left: computed, not looked at. */
    for (size_t i = 0; i < rows; i++)
        memcpy(memory + i * a->head_size * size, queries + i * 3 * width * size, a->head_size * size);
    SN_TRY(sn_gemm_run(a->scores, stream, memory, packed, NULL, scores));
    float sums[SCORES_AT_A_TIME / ROWS_STEP];
    for (size_t i = 0; i < rows; i++)
        if (a->type == SN_TYPE_F32)
            simd->softmax(scores + i * tokens, tokens, j->scale, scores + i * tokens, &sums[i]);
        else
            simd->softmax_bf16(scores + i * tokens, tokens, j->scale, (uint16_t *)(void *)scores + i * tokens, &sums[i]);
    SN_TRY(sn_gemm_run(a->mix, stream, scores, packed + a->keys_bytes, NULL, out));
    for (size_t i = 0; i < rows; i++) {
        char *to = j->dst + ((first + i) * width + head * a->head_size) * size;
        if (a->type == SN_TYPE_F32)
            simd->scale(out + i * a->head_size, 1 / sums[i], a->head_size, (float *)(void *)to);
        else
            simd->scale_bf16(out + i * a->head_size, 1 / sums[i], a->head_size, (uint16_t *)(void *)to);
    }
    return SNARM_OK;
}

static void run_share(void *context, size_t begin, size_t end, int thread) {
    job *j = context;
    const sn_attention *a = j->attention;
    sn_stream *stream = sn_stream_member(j->stream, (size_t)thread);
    char *memory = j->benches + (size_t)thread * lay_bench(a).bytes;
    const int former = sn_threads_enter(1);
    for (size_t i = begin; i < end && j->statuses[thread] == SNARM_OK; i++)
        j->statuses[thread] = run_block(j, i / a->blocks, i % a->blocks * a->rows, stream, memory);
    sn_threads_leave(former);
}

snarm_status sn_attention_run(const sn_attention *a, sn_stream *stream, const void *qkv, void *scratch, void *dst) {
    SN_TRY(sn_stream_reserve_members(stream, (size_t)a->threads));
    job j = {.attention = a, .stream = stream, .qkv = qkv, .packed = scratch, .dst = dst,
             .benches = (char *)scratch + packed_bytes(a), .scale = 1.0f / sqrtf((float)a->head_size)};
    const int former = sn_threads_enter(a->threads);
    sn_parallel(2 * a->heads, 1, pack_share, &j);
    sn_parallel(a->heads * a->blocks, 1, run_share, &j);
    sn_threads_leave(former);
    /* The sentence of a failure stayed with the thread that met it. */
    for (int i = 0; i < a->threads; i++)
        if (j.statuses[i] != SNARM_OK)
            return sn_error(j.statuses[i], "attention: an operation failed on thread %d of %d: %s", i, a->threads,
                            snarm_status_name(j.statuses[i]));
    return SNARM_OK;
}
