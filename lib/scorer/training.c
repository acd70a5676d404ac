#include "scorer/training.h"

#include "core/memory.h"
#include "core/threads.h"
#include "kernel/gemm.h"
#include "scorer/branch_training.h"
#include "scorer/head_training.h"

#include <string.h>

struct sn_scorer_training {
    size_t batch, patches, rows, channels, embedding, depth;
    sn_stream *stream;
    sn_column_sums *sums;
    sn_product *embed, *diff_embed;
    sn_branch_training *branch; /* serves all branches in turn */
    sn_head_training *heads[SN_BRANCHES_MAX * SN_SCANS];
    size_t head_count;
    sn_block_gradients *blocks; /* (depth) */
    float *row;                 /* (C + 1) */
};

static snarm_status make_products(sn_scorer_training *t) {
    const size_t inner = 2 * t->channels, d = t->embedding;
    const sn_view rows_inner = {0, inner, 1}, rows_d = {0, d, 1};
    SN_TRY(sn_product_create(&t->embed, 1, t->rows, inner, d, rows_inner, (sn_view){0, 1, inner}, rows_d, 1));
    return sn_product_create(&t->diff_embed, 1, d, t->rows, inner, (sn_view){0, 1, d}, rows_inner, rows_inner, 1);
}

static snarm_status fill(sn_scorer_training *t, const sn_scorer_weights *sizes, const sn_scorer_training_shape *shape) {
    SN_TRY(sn_stream_create(&t->stream));
    const size_t most = 2 * t->embedding > t->channels + 1 ? 2 * t->embedding : t->channels + 1;
    SN_TRY(sn_column_sums_create(&t->sums, most));
    SN_TRY(make_products(t));
    const sn_branch_training_shape branch = {t->batch,     shape->grid_width, shape->grid_height,       t->embedding,
                                             sizes->depth, shape->hard,       &sizes->blocks[0].mixer};
    SN_TRY(sn_branch_training_create(&t->branch, &branch));
    t->head_count = sizes->branches * SN_SCANS;
    for (size_t i = 0; i < t->head_count; i++)
        SN_TRY(sn_head_training_create(&t->heads[i], t->batch, shape->grid_width, shape->grid_height, t->embedding,
                                       sizes->rates[i / SN_SCANS]));
    SN_TRY(sn_alloc(&t->blocks, sizes->depth, sizeof *t->blocks, "gradients"));
    return sn_alloc(&t->row, t->channels + 1, sizeof *t->row, "gradients");
}

snarm_status sn_scorer_training_create(sn_scorer_training **out, const sn_scorer_weights *sizes,
                                       const sn_scorer_training_shape *shape) {
    *out = NULL;
    sn_scorer_training *t;
    SN_TRY(sn_alloc_zeroed(&t, 1, sizeof *t, "network in training"));
    t->batch = shape->batch, t->patches = shape->grid_width * shape->grid_height, t->rows = t->batch * t->patches;
    t->channels = sizes->channels, t->embedding = sizes->embedding, t->depth = sizes->depth;
    snarm_status status = fill(t, sizes, shape);
    if (status != SNARM_OK) {
        sn_scorer_training_destroy(t);
        return status;
    }
    *out = t;
    return SNARM_OK;
}

void sn_scorer_training_destroy(sn_scorer_training *t) {
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->head_count; i++)
        sn_head_training_destroy(t->heads[i]);
    sn_branch_training_destroy(t->branch);
    sn_product_destroy(t->embed);
    sn_product_destroy(t->diff_embed);
    sn_column_sums_destroy(t->sums);
    sn_stream_destroy(t->stream);
    sn_free(t->blocks);
    sn_free(t->row);
    sn_free(t);
}

static sn_branch_weights branch_weights(const sn_scorer_weights *weights, size_t branch) {
    return (sn_branch_weights){weights->blocks + branch * weights->depth, weights->norm_weight[branch],
                               weights->norm_bias[branch]};
}

static sn_dropout dropout_of(const sn_scorer_batch *batch) {
    return (sn_dropout){(uint32_t)(batch->dropout * 4294967296.0), (float)(1 / (1 - batch->dropout))};
}

/* The places in target, an array that mirrors the weights' values, of what a head's gradients and statistics are. */
static sn_head_gradients head_places(const sn_scorer_weights *weights, const sn_head_weights *head, float *target) {
    return (sn_head_gradients){.conv = target + sn_weight_offset(weights, head->conv),
                               .gain = target + sn_weight_offset(weights, head->gain),
                               .shift = target + sn_weight_offset(weights, head->shift),
                               .out_weight = target + sn_weight_offset(weights, head->out_weight),
                               .out_bias = target + sn_weight_offset(weights, head->out_bias),
                               .running_mean = target + sn_weight_offset(weights, head->mean),
                               .running_variance = target + sn_weight_offset(weights, head->variance)};
}

snarm_status sn_scorer_training_forward(sn_scorer_training *t, sn_scorer_weights *weights, const sn_scorer_batch *batch,
                                        float *logits) {
    const sn_branch_weights branch = branch_weights(weights, batch->branch);
    const sn_dropout dropout = dropout_of(batch);
    const size_t plane = t->rows * t->embedding;
    SN_TRY(sn_product_run(t->embed, t->stream, batch->hybrid, weights->embed_weight[batch->branch],
                          sn_branch_training_embedded(t->branch)));
    SN_TRY(sn_branch_training_forward(t->branch, t->stream, &branch, weights->embed_bias[batch->branch], batch->order,
                                      &dropout, batch->key));
    for (size_t scan = 0; scan < SN_SCANS; scan++) {
        const size_t index = batch->branch * SN_SCANS + scan;
        const sn_head_gradients places = head_places(weights, &weights->heads[index], weights->values);
        SN_TRY(sn_head_training_forward(t->heads[index], t->stream, t->sums, &weights->heads[index], &places,
                                        sn_branch_training_result(t->branch) + scan * plane,
                                        sn_branch_training_spare(t->branch) + scan * plane, logits + scan * t->patches,
                                        SN_SCANS * t->patches));
    }
    return SNARM_OK;
}

static sn_block_gradients block_places(const sn_scorer_weights *weights, const sn_block_weights *block, float *target) {
    const sn_mixer_weights *mixer = &block->mixer;
    return (sn_block_gradients){.norm = target + sn_weight_offset(weights, block->norm),
                                .conv_weight = target + sn_weight_offset(weights, block->conv_weight),
                                .conv_bias = target + sn_weight_offset(weights, block->conv_bias),
                                .mixer = {.in_proj = target + sn_weight_offset(weights, mixer->in_proj),
                                          .conv_weight = target + sn_weight_offset(weights, mixer->conv_weight),
                                          .conv_bias = target + sn_weight_offset(weights, mixer->conv_bias),
                                          .x_proj = target + sn_weight_offset(weights, mixer->x_proj),
                                          .dt_weight = target + sn_weight_offset(weights, mixer->dt_weight),
                                          .dt_bias = target + sn_weight_offset(weights, mixer->dt_bias),
                                          .a_log = target + sn_weight_offset(weights, mixer->a_log),
                                          .skip = target + sn_weight_offset(weights, mixer->skip),
                                          .out_proj = target + sn_weight_offset(weights, mixer->out_proj)}};
}

/* The mixers' gradients are added to, and lie side by side in the table. */
static void clear_mixer(const sn_scorer_weights *weights, const sn_block_weights *block, float *gradients) {
    const size_t first = sn_weight_offset(weights, block->mixer.in_proj);
    const size_t last = sn_weight_offset(weights, block->mixer.out_proj) + 2 * weights->embedding * weights->embedding;
    memset(gradients + first, 0, (last - first) * sizeof *gradients);
}

snarm_status sn_scorer_training_backward(sn_scorer_training *t, const sn_scorer_weights *weights,
                                         const sn_scorer_batch *batch, const float *diff_logits, float *gradients) {
    const size_t b = batch->branch, plane = t->rows * t->embedding;
    const sn_dropout dropout = dropout_of(batch);
    float *result = sn_branch_training_result(t->branch);
    for (size_t scan = 0; scan < SN_SCANS; scan++) {
        const sn_head_weights *head = &weights->heads[b * SN_SCANS + scan];
        const sn_head_gradients places = head_places(weights, head, gradients);
        SN_TRY(sn_head_training_backward(t->heads[b * SN_SCANS + scan], t->stream, t->sums, head,
                                         diff_logits + scan * t->patches, SN_SCANS * t->patches,
                                         sn_branch_training_spare(t->branch) + scan * plane, result + scan * plane,
                                         &places));
    }
    for (size_t d = 0; d < t->depth; d++) {
        const sn_block_weights *block = &weights->blocks[b * t->depth + d];
        t->blocks[d] = block_places(weights, block, gradients);
        clear_mixer(weights, block, gradients);
    }
    const sn_branch_weights branch = branch_weights(weights, b);
    const sn_branch_gradients places = {t->blocks, gradients + sn_weight_offset(weights, weights->norm_weight[b]),
                                        gradients + sn_weight_offset(weights, weights->norm_bias[b])};
    SN_TRY(sn_branch_training_backward(t->branch, t->stream, t->sums, &branch, batch->order, &dropout, batch->key,
                                       &places, gradients + sn_weight_offset(weights, weights->embed_bias[b])));
    return sn_product_run(t->diff_embed, t->stream, result, batch->hybrid,
                          gradients + sn_weight_offset(weights, weights->embed_weight[b]));
}

typedef struct navigator_work {
    const sn_scorer_training *training;
    const sn_scorer_weights *weights;
    const float *hybrid, *diff_values;
    float *values;
} navigator_work;

static void navigate_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const navigator_work *work = context;
    const size_t channels = work->training->channels;
    for (size_t i = begin; i < end; i++)
        work->values[i] =
            sn_simd_table()->dot(work->hybrid + i * 2 * channels, work->weights->navigator_weight, channels) +
            work->weights->navigator_bias[0];
}

void sn_navigator_training_forward(const sn_scorer_training *t, const sn_scorer_weights *weights, const float *hybrid,
                                   float *values) {
    navigator_work work = {t, weights, hybrid, NULL, values};
    sn_parallel(t->rows, 16, navigate_rows, &work);
}

static void navigate_row_backward(void *context, size_t row, float *sums) {
    const navigator_work *work = context;
    const size_t channels = work->training->channels;
    const float *phi = work->hybrid + row * 2 * channels, diff = work->diff_values[row];
    for (size_t c = 0; c < channels; c++)
        sums[c] += diff * phi[c];
    sums[channels] += diff;
}

void sn_navigator_training_backward(sn_scorer_training *t, const sn_scorer_weights *weights, const float *hybrid,
                                    const float *diff_values, float *gradients) {
    navigator_work work = {t, weights, hybrid, diff_values, NULL};
    sn_column_sums_run(t->sums, t->rows, t->channels + 1, navigate_row_backward, &work, t->row);
    memcpy(gradients + sn_weight_offset(weights, weights->navigator_weight), t->row, t->channels * sizeof(float));
    gradients[sn_weight_offset(weights, weights->navigator_bias)] = t->row[t->channels];
}
