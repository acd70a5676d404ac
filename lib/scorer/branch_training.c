#include "scorer/branch_training.h"

#include "core/memory.h"
#include "core/threads.h"
#include "kernel/conv_training.h"
#include "scorer/parts.h"
#include "scorer/scan_order.h"
#include "scorer/turned_conv.h"

#include <string.h>

/* Of both norms. */
static const float epsilon = 1e-5f;

/* What a block keeps; of the first block, whose input all scans share, one scan's worth of stream and normed. */
typedef struct block {
    float *stream;   /* (4, B, N, D): the residual stream after the block's input joined it */
    float *normed;   /* (4, B, N, D) */
    float *gathered; /* (4, B, hard, D) */
    float *kept;     /* the mixer's */
} block;

struct sn_branch_training {
    size_t batch, patches, embedding, depth, hard;
    size_t rows;  /* B * N: of one scan */
    size_t plane; /* floats of one scan */
    sn_turned_conv *first; /* the first block's convolution */
    sn_conv_training *conv; /* the others'; NULL without any */
    sn_mixer_training *mixer; /* NULL without hard patches */
    block *blocks;
    float *embedded; /* (B, N, D) */
    float *x;        /* (4, B, N, D): a block's output; at the end, what the last norm takes; then gradients of these */
    float *result;   /* (4, B, N, D); then its gradient and that of the stream */
    float *spare;    /* (4, B, N, D) */
    float *mixed;    /* (4, B, hard, D) */
    float *diff_mixed;
    float *mixer_scratch;
    float *conv_scratch;
    float *turned, *diff_turned; /* (D, D, 3, 3) */
    float *diff_bias;            /* (D) */
    float *diff_norm;            /* (2, D) */
    float *memory;
};

static void divide(sn_branch_training *b, size_t *used) {
    const size_t all = SN_SCANS * b->plane, hard = SN_SCANS * b->batch * b->hard * b->embedding;
    const size_t kept = b->mixer != NULL ? sn_mixer_training_kept(b->mixer) : 0;
    *used = 0;
    for (size_t d = 0; d < b->depth; d++) {
        b->blocks[d].stream = sn_take_part(b->memory, used, d == 0 ? b->plane : all);
        b->blocks[d].normed = sn_take_part(b->memory, used, d == 0 ? b->plane : all);
        b->blocks[d].gathered = sn_take_part(b->memory, used, hard);
        b->blocks[d].kept = sn_take_part(b->memory, used, kept);
    }
    b->embedded = sn_take_part(b->memory, used, b->plane);
    b->x = sn_take_part(b->memory, used, all);
    b->result = sn_take_part(b->memory, used, all);
    b->spare = sn_take_part(b->memory, used, all);
    b->mixed = sn_take_part(b->memory, used, hard);
    b->diff_mixed = sn_take_part(b->memory, used, hard);
    b->mixer_scratch = sn_take_part(b->memory, used, b->mixer != NULL ? sn_mixer_training_scratch(b->mixer) : 0);
    b->conv_scratch = sn_take_part(b->memory, used, sn_turned_conv_scratch(b->first));
    b->turned = sn_take_part(b->memory, used, b->embedding * b->embedding * 9);
    b->diff_turned = sn_take_part(b->memory, used, b->embedding * b->embedding * 9);
    b->diff_bias = sn_take_part(b->memory, used, b->embedding);
    b->diff_norm = sn_take_part(b->memory, used, 2 * b->embedding);
}

static snarm_status fill(sn_branch_training *b, const sn_branch_training_shape *shape) {
    const sn_conv_training_shape conv = {b->batch,     shape->grid_height, shape->grid_width, b->embedding,
                                         b->embedding, 3,                  1};
    const sn_turned_conv_shape first = {b->batch, shape->grid_height, shape->grid_width, b->embedding, true, SN_TYPE_F32};
    SN_TRY(sn_turned_conv_create(&b->first, &first));
    if (b->depth > 1)
        SN_TRY(sn_conv_training_create(&b->conv, &conv));
    if (b->hard > 0)
        SN_TRY(sn_mixer_training_create(&b->mixer, shape->mixer, SN_SCANS * b->batch, b->hard));
    SN_TRY(sn_alloc_zeroed(&b->blocks, b->depth, sizeof *b->blocks, "branch"));
    size_t floats;
    divide(b, &floats);
    SN_TRY(sn_alloc(&b->memory, floats, sizeof *b->memory, "branch in training"));
    divide(b, &floats);
    return SNARM_OK;
}

snarm_status sn_branch_training_create(sn_branch_training **out, const sn_branch_training_shape *shape) {
    *out = NULL;
    sn_branch_training *b;
    SN_TRY(sn_alloc_zeroed(&b, 1, sizeof *b, "branch"));
    b->batch = shape->batch, b->patches = shape->grid_width * shape->grid_height;
    b->embedding = shape->embedding, b->depth = shape->depth, b->hard = shape->hard;
    b->rows = b->batch * b->patches, b->plane = b->rows * b->embedding;
    snarm_status status = fill(b, shape);
    if (status != SNARM_OK) {
        sn_branch_training_destroy(b);
        return status;
    }
    *out = b;
    return SNARM_OK;
}

void sn_branch_training_destroy(sn_branch_training *branch) {
    if (branch == NULL)
        return;
    sn_turned_conv_destroy(branch->first);
    sn_conv_training_destroy(branch->conv);
    sn_mixer_training_destroy(branch->mixer);
    sn_free(branch->blocks);
    sn_free(branch->memory);
    sn_free(branch);
}

float *sn_branch_training_embedded(sn_branch_training *branch) {
    return branch->embedded;
}

float *sn_branch_training_result(sn_branch_training *branch) {
    return branch->result;
}

float *sn_branch_training_spare(sn_branch_training *branch) {
    return branch->spare;
}

typedef struct branch_work {
    const sn_branch_training *branch;
    const sn_branch_weights *weights;
    const float *embed_bias;
    const block *block;
    const sn_block_weights *block_weights;
    size_t depth;
    const int32_t *order;
    const float *rows_from; /* (4, B, hard, D) or (4, B, N, D): of a gather or scatter */
    float *rows_to;
    const sn_dropout *dropout;
    uint32_t key;
} branch_work;

/* The input joins the stream: of the first block, the embedded patches join their bias; of others, the last block's
 * output joins its stream, which the first kept once for all scans. */
static void norm_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const branch_work *work = context;
    const sn_branch_training *b = work->branch;
    const size_t embedding = b->embedding;
    for (size_t i = begin; i < end; i++) {
        float *stream = work->block->stream + i * embedding;
        const float *former = work->depth == 0   ? work->embed_bias
                              : work->depth == 1 ? b->blocks[0].stream + i % b->rows * embedding
                                                 : b->blocks[work->depth - 1].stream + i * embedding;
        memcpy(stream, former, embedding * sizeof *stream);
        sn_simd_table()->rms_norm((work->depth == 0 ? b->embedded : b->x) + i * embedding, stream, false,
                                  work->block_weights->norm, embedding, epsilon, work->block->normed + i * embedding);
    }
}

/* The row of (4, B, N) that hard patch i of (4, B, hard) is. */
static size_t hard_row(const branch_work *work, size_t i) {
    const sn_branch_training *b = work->branch;
    const size_t sequence = i / b->hard, scan = sequence / b->batch, image = sequence % b->batch;
    return sequence * b->patches + (size_t)work->order[(image * SN_SCANS + scan) * b->hard + i % b->hard];
}

static void gather_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const branch_work *work = context;
    const size_t embedding = work->branch->embedding;
    for (size_t i = begin; i < end; i++)
        memcpy(work->rows_to + i * embedding, work->rows_from + hard_row(work, i) * embedding,
               embedding * sizeof(float));
}

static void scatter_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const branch_work *work = context;
    const size_t embedding = work->branch->embedding;
    for (size_t i = begin; i < end; i++)
        memcpy(work->rows_to + hard_row(work, i) * embedding, work->rows_from + i * embedding,
               embedding * sizeof(float));
}

static void gather(branch_work *work, const float *from, float *to) {
    work->rows_from = from, work->rows_to = to;
    sn_parallel(SN_SCANS * work->branch->batch * work->branch->hard, 16, gather_rows, work);
}

static void scatter(branch_work *work, const float *from, float *to) {
    work->rows_from = from, work->rows_to = to;
    sn_parallel(SN_SCANS * work->branch->batch * work->branch->hard, 16, scatter_rows, work);
}

static void final_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const branch_work *work = context;
    const sn_branch_training *b = work->branch;
    const block *last = &b->blocks[b->depth - 1];
    for (size_t i = begin; i < end; i++) {
        float *x = b->x + i * b->embedding;
        const float *stream = last->stream + (b->depth == 1 ? i % b->rows : i) * b->embedding;
        sn_simd_table()->dropout_layer_norm(x, stream, work->dropout, work->key + (uint32_t)i, work->weights->norm_weight,
                                            work->weights->norm_bias, b->embedding, epsilon, x,
                                            b->result + i * b->embedding);
    }
}

static snarm_status conv_forward(const branch_work *work, sn_stream *stream) {
    const sn_branch_training *b = work->branch;
    const sn_block_weights *weights = work->block_weights;
    if (work->depth == 0) {
        SN_TRY(sn_turned_conv_pack(b->first, weights->conv_weight));
        return sn_turned_conv_run(b->first, stream, work->block->normed, weights->conv_bias, b->conv_scratch, b->x);
    }
    for (int scan = 0; scan < SN_SCANS; scan++) {
        const size_t at = (size_t)scan * b->plane;
        sn_scan_kernel(scan, weights->conv_weight, b->embedding * b->embedding, b->turned);
        SN_TRY(sn_conv_training_forward(b->conv, stream, work->block->normed + at, b->turned, weights->conv_bias, b->x + at));
    }
    return SNARM_OK;
}

static snarm_status block_forward(branch_work *work, sn_stream *stream) {
    const sn_branch_training *b = work->branch;
    const block *kept = work->block;
    sn_parallel(work->depth == 0 ? b->rows : SN_SCANS * b->rows, 16, norm_rows, work);
    SN_TRY(conv_forward(work, stream));
    if (b->hard == 0)
        return SNARM_OK;
    gather(work, b->x, kept->gathered);
    SN_TRY(sn_mixer_training_forward(b->mixer, stream, &work->block_weights->mixer, kept->gathered, kept->kept,
                                     b->mixer_scratch, b->mixed));
    scatter(work, b->mixed, b->x);
    return SNARM_OK;
}

snarm_status sn_branch_training_forward(sn_branch_training *b, sn_stream *stream, const sn_branch_weights *weights,
                                        const float *embed_bias, const int32_t *order, const sn_dropout *dropout,
                                        uint32_t key) {
    branch_work work = {.branch = b,
                        .weights = weights,
                        .embed_bias = embed_bias,
                        .order = order,
                        .dropout = dropout,
                        .key = key};
    for (work.depth = 0; work.depth < b->depth; work.depth++) {
        work.block = &b->blocks[work.depth], work.block_weights = &weights->blocks[work.depth];
        SN_TRY(block_forward(&work, stream));
    }
    sn_parallel(SN_SCANS * b->rows, 16, final_rows, &work);
    return SNARM_OK;
}

/* x receives the gradient of the last block's output; result, its own gradient before, that of the stream. */
static void final_row_backward(void *context, size_t row, float *sums) {
    const branch_work *work = context;
    const sn_branch_training *b = work->branch;
    const sn_simd *simd = sn_simd_table();
    float *x = b->x + row * b->embedding, *diff = b->result + row * b->embedding;
    simd->layer_norm_backward(x, diff, work->weights->norm_weight, b->embedding, epsilon, sums, sums + b->embedding,
                              diff);
    simd->dropout(diff, work->dropout, work->key + (uint32_t)row, b->embedding, x);
}

/* The normed input's gradient, in spare, joins that of the stream, in result. */
static void norm_row_backward(void *context, size_t row, float *sums) {
    const branch_work *work = context;
    const sn_branch_training *b = work->branch;
    const size_t at = row * b->embedding;
    sn_simd_table()->rms_norm_backward(work->block->stream + at, b->spare + at, work->block_weights->norm, b->embedding,
                                       epsilon, sums, b->result + at);
}

/* Sums over the scans in the first scan's place. */
static void sum_scans(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const branch_work *work = context;
    const size_t plane = work->branch->plane;
    float *to = work->branch->result;
    for (size_t i = begin; i < end; i++)
        to[i] = (to[i] + to[i + plane]) + (to[i + 2 * plane] + to[i + 3 * plane]);
}

static void x_row(void *context, size_t row, float *sums) {
    const branch_work *work = context;
    const float *diff = work->branch->x + row * work->branch->embedding;
    for (size_t c = 0; c < work->branch->embedding; c++)
        sums[c] += diff[c];
}

/* From the gradient of the convolutions' output in x to that of their input in spare: of the first block summed over the
 * scans, of others scan by scan; then the kernel's gradient is turned back and summed. */
static snarm_status conv_backward(branch_work *work, sn_stream *stream, sn_column_sums *sums,
                                  const sn_block_gradients *gradients) {
    const sn_branch_training *b = work->branch;
    if (work->depth == 0) {
        SN_TRY(sn_turned_conv_backward(b->first, stream, work->block->normed, b->x, b->conv_scratch, b->spare,
                                       gradients->conv_weight));
        sn_column_sums_run(sums, b->rows, b->embedding, x_row, work, gradients->conv_bias);
        return SNARM_OK;
    }
    const size_t planes = b->embedding * b->embedding, kernel = planes * 9;
    memset(gradients->conv_weight, 0, kernel * sizeof(float));
    memset(gradients->conv_bias, 0, b->embedding * sizeof(float));
    for (int scan = 0; scan < SN_SCANS; scan++) {
        const size_t at = (size_t)scan * b->plane;
        SN_TRY(sn_conv_training_backward_weights(b->conv, stream, work->block->normed + at, b->x + at,
                                                 b->diff_turned, b->diff_bias));
        sn_scan_kernel(scan, b->diff_turned, planes, b->turned); /* every turn undoes itself */
        for (size_t i = 0; i < kernel; i++)
            gradients->conv_weight[i] += b->turned[i];
        for (size_t c = 0; c < b->embedding; c++)
            gradients->conv_bias[c] += b->diff_bias[c];
        sn_scan_kernel(scan, work->block_weights->conv_weight, planes, b->turned);
        SN_TRY(sn_conv_training_backward_data(b->conv, stream, b->turned, b->x + at, b->spare + at));
    }
    return SNARM_OK;
}

/* Of one block: the gradient of its output is in x, that of the stream after it in result. */
static snarm_status block_backward(branch_work *work, sn_stream *stream, sn_column_sums *sums,
                                   const sn_block_gradients *gradients) {
    const sn_branch_training *b = work->branch;
    if (b->hard > 0) {
        gather(work, b->x, b->diff_mixed);
        SN_TRY(sn_mixer_training_backward(b->mixer, stream, &work->block_weights->mixer, work->block->gathered,
                                          work->block->kept, b->diff_mixed, b->mixer_scratch, b->mixed,
                                          &gradients->mixer));
        scatter(work, b->mixed, b->x);
    }
    SN_TRY(conv_backward(work, stream, sums, gradients));
    if (work->depth == 0) /* the scans share what lies before: their gradients are summed */
        sn_parallel(b->plane, 1024, sum_scans, work);
    sn_column_sums_run(sums, work->depth == 0 ? b->rows : SN_SCANS * b->rows, b->embedding, norm_row_backward, work,
                       gradients->norm);
    return SNARM_OK;
}

static void bias_row(void *context, size_t row, float *sums) {
    const branch_work *work = context;
    const float *diff = work->branch->result + row * work->branch->embedding;
    for (size_t c = 0; c < work->branch->embedding; c++)
        sums[c] += diff[c];
}

snarm_status sn_branch_training_backward(sn_branch_training *b, sn_stream *stream, sn_column_sums *sums,
                                         const sn_branch_weights *weights, const int32_t *order,
                                         const sn_dropout *dropout, uint32_t key, const sn_branch_gradients *gradients,
                                         float *diff_embed_bias) {
    branch_work work = {.branch = b, .weights = weights, .order = order, .dropout = dropout, .key = key};
    sn_column_sums_run(sums, SN_SCANS * b->rows, 2 * b->embedding, final_row_backward, &work, b->diff_norm);
    memcpy(gradients->norm_weight, b->diff_norm, b->embedding * sizeof(float));
    memcpy(gradients->norm_bias, b->diff_norm + b->embedding, b->embedding * sizeof(float));
    for (work.depth = b->depth; work.depth-- > 0;) {
        work.block = &b->blocks[work.depth], work.block_weights = &weights->blocks[work.depth];
        SN_TRY(block_backward(&work, stream, sums, &gradients->blocks[work.depth]));
        if (work.depth > 0) /* the stream took the former block's output as it was */
            memcpy(b->x, b->result, SN_SCANS * b->plane * sizeof(float));
    }
    sn_column_sums_run(sums, b->rows, b->embedding, bias_row, &work, diff_embed_bias);
    return SNARM_OK;
}
