#include "scorer/branch.h"

#include "core/memory.h"
#include "core/threads.h"
#include "kernel/conv.h"
#include "kernel/simd.h"
#include "scorer/parts.h"
#include "scorer/scan_order.h"
#include "scorer/turned_conv.h"

#include <string.h>

/* Of both norms. */
static const float epsilon = 1e-5f;

typedef struct block {
    float *norm, *bias;       /* (D): of the norm and of the convolution */
    sn_turned_conv *turned;   /* the first block's convolution; of others */
    sn_conv *convs[SN_SCANS]; /* one kernel, turned for each scan */
    sn_mixer *mixer;          /* NULL without hard patches */
} block;

struct sn_branch {
    size_t patches, embedding, depth, hard;
    sn_type type;
    block *blocks;
    float *norm_weight, *norm_bias;
};

static snarm_status copied(float **dst, const float *src, size_t count) {
    SN_TRY(sn_alloc(dst, count, sizeof **dst, "branch weights"));
    memcpy(*dst, src, count * sizeof **dst);
    return SNARM_OK;
}

static snarm_status make_convs(block *made, const sn_block_weights *weights, const sn_branch_options *options,
                               const sn_layout *layout, float *turned) {
    const size_t embedding = options->embedding;
    for (int scan = 0; scan < SN_SCANS; scan++) {
        sn_scan_kernel(scan, weights->conv_weight, embedding * embedding, turned);
        sn_conv_options conv = {.src = layout,
                                .weights = turned,
                                .bias = weights->conv_bias,
                                .channels_out = embedding,
                                .kernel = 3,
                                .stride = 1,
                                .padding = 1,
                                .dilation = 1,
                                .dst_order = SN_CHANNELS_LAST};
        SN_TRY(sn_conv_create(&made->convs[scan], &conv));
    }
    return SNARM_OK;
}

static snarm_status make_turned_conv(block *made, const sn_block_weights *weights, const sn_branch_options *options) {
    const sn_turned_conv_shape shape = {1, options->grid_height, options->grid_width, options->embedding, false, options->type};
    SN_TRY(sn_turned_conv_create(&made->turned, &shape));
    return sn_turned_conv_pack(made->turned, weights->conv_weight);
}

static snarm_status make_scan_convs(block *made, const sn_block_weights *weights, const sn_branch_options *options) {
    const size_t embedding = options->embedding;
    float *turned;
    SN_TRY(sn_alloc(&turned, embedding * embedding, 9 * sizeof *turned, "branch weights"));
    sn_layout *layout;
    snarm_status status =
        sn_layout_create(&layout, options->type, 1, embedding, options->grid_height, options->grid_width, SN_CHANNELS_LAST);
    if (status == SNARM_OK)
        status = make_convs(made, weights, options, layout, turned);
    sn_layout_destroy(layout);
    sn_free(turned);
    return status;
}

static snarm_status make_block(block *made, bool first, const sn_block_weights *weights, const sn_branch_options *options) {
    SN_TRY(copied(&made->norm, weights->norm, options->embedding));
    SN_TRY(copied(&made->bias, weights->conv_bias, options->embedding));
    SN_TRY(first ? make_turned_conv(made, weights, options) : make_scan_convs(made, weights, options));
    return options->hard > 0 ? sn_mixer_create(&made->mixer, &weights->mixer, SN_SCANS, options->hard, options->type) : SNARM_OK;
}

static snarm_status fill_branch(sn_branch *branch, const sn_branch_options *options) {
    SN_TRY(sn_alloc_zeroed(&branch->blocks, options->depth, sizeof *branch->blocks, "branch"));
    for (size_t d = 0; d < options->depth; d++)
        SN_TRY(make_block(&branch->blocks[d], d == 0, &options->blocks[d], options));
    SN_TRY(copied(&branch->norm_weight, options->norm_weight, options->embedding));
    return copied(&branch->norm_bias, options->norm_bias, options->embedding);
}

snarm_status sn_branch_create(sn_branch **out, const sn_branch_options *options) {
    *out = NULL;
    sn_branch *branch;
    SN_TRY(sn_alloc_zeroed(&branch, 1, sizeof *branch, "branch"));
    branch->patches = options->grid_width * options->grid_height, branch->embedding = options->embedding;
    branch->depth = options->depth, branch->hard = options->hard;
    branch->type = options->type;
    snarm_status status = fill_branch(branch, options);
    if (status != SNARM_OK) {
        sn_branch_destroy(branch);
        return status;
    }
    *out = branch;
    return SNARM_OK;
}

void sn_branch_destroy(sn_branch *branch) {
    if (branch == NULL)
        return;
    for (size_t d = 0; branch->blocks != NULL && d < branch->depth; d++) {
        sn_free(branch->blocks[d].norm);
        sn_free(branch->blocks[d].bias);
        sn_turned_conv_destroy(branch->blocks[d].turned);
        for (int scan = 0; scan < SN_SCANS; scan++)
            sn_conv_destroy(branch->blocks[d].convs[scan]);
        sn_mixer_destroy(branch->blocks[d].mixer);
    }
    sn_free(branch->blocks);
    sn_free(branch->norm_weight);
    sn_free(branch->norm_bias);
    sn_free(branch);
}

/* The parts of the scratch memory. What the first block's norm gives is the same for all scans: only the
 * first quarter of normed is used then. */
typedef struct parts {
    float *x, *residual;     /* (4, N, D) */
    float *normed;           /* (4, N, D), f32 for the first block, of the branch's type for others */
    float *gathered;         /* (4, hard, D) of the type */
    float *mixed;            /* (4, hard, D) */
    float *mixer, *conv;
    size_t count;
} parts;

static parts divide(const sn_branch *branch, float *scratch) {
    const size_t all = SN_SCANS * branch->patches * branch->embedding;
    const size_t hard = SN_SCANS * branch->hard * branch->embedding;
    parts p = {.count = 0};
    p.x = sn_take_part(scratch, &p.count, all);
    p.residual = sn_take_part(scratch, &p.count, all);
    p.normed = sn_take_part(scratch, &p.count, all);
    p.gathered = sn_take_part(scratch, &p.count, hard);
    p.mixed = sn_take_part(scratch, &p.count, hard);
    size_t largest =
        0; /* the mixers of all blocks have the same sizes in every published file, but need not */
    for (size_t d = 0; d < branch->depth && branch->hard > 0; d++) {
        size_t need = sn_mixer_scratch(branch->blocks[d].mixer);
        largest = need > largest ? need : largest;
    }
    p.mixer = sn_take_part(scratch, &p.count, largest);
    p.conv = sn_take_part(scratch, &p.count, sn_turned_conv_scratch(branch->blocks[0].turned));
    return p;
}

size_t sn_branch_scratch(const sn_branch *branch) {
    return divide(branch, NULL).count;
}

typedef struct branch_work {
    const sn_branch *branch;
    const block *block;
    parts parts;
    const float *src; /* what joins the residual stream: rows at src_stride */
    size_t src_stride;
    bool first;
    const int32_t *order;
    void *dst; /* (4, N, D) of the type */
} branch_work;

static void norm_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const branch_work *work = context;
    const sn_simd *simd = sn_simd_table();
    const size_t embedding = work->branch->embedding, patches = work->branch->patches;
    const bool round = !work->first && work->branch->type != SN_TYPE_F32;
    for (size_t i = begin; i < end; i++) {
        float *residual = work->parts.residual + i * embedding;
        /* The convolution will write x anew: its rows are free once they have joined the stream. */
        float *normed = round ? work->parts.x + i * embedding : work->parts.normed + i * embedding;
        simd->rms_norm(work->src + i * work->src_stride, residual, work->first, work->block->norm, embedding, epsilon, normed);
        if (round)
            simd->scale_bf16(normed, 1, embedding, (uint16_t *)(void *)work->parts.normed + i * embedding);
        for (size_t scan = 1; work->first && scan < SN_SCANS; scan++)
            memcpy(residual + scan * patches * embedding, residual, embedding * sizeof *residual);
    }
}

static void gather_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const branch_work *work = context;
    const size_t embedding = work->branch->embedding;
    for (size_t i = begin; i < end; i++) {
        size_t row = i / work->branch->hard * work->branch->patches + (size_t)work->order[i];
        const float *from = work->parts.x + row * embedding;
        if (work->branch->type == SN_TYPE_F32)
            memcpy(work->parts.gathered + i * embedding, from, embedding * sizeof *from);
        else
            sn_simd_table()->scale_bf16(from, 1, embedding, (uint16_t *)(void *)work->parts.gathered + i * embedding);
    }
}

static void scatter_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const branch_work *work = context;
    const size_t embedding = work->branch->embedding;
    for (size_t i = begin; i < end; i++) {
        size_t row = i / work->branch->hard * work->branch->patches + (size_t)work->order[i];
        memcpy(work->parts.x + row * embedding, work->parts.mixed + i * embedding, embedding * sizeof(float));
    }
}

static void final_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const branch_work *work = context;
    const sn_branch *branch = work->branch;
    const sn_simd *simd = sn_simd_table();
    for (size_t i = begin; i < end; i++) {
        float *row = work->parts.x + i * branch->embedding;
        float *dst = branch->type == SN_TYPE_F32 ? (float *)work->dst + i * branch->embedding : row;
        simd->add_layer_norm(row, work->parts.residual + i * branch->embedding, branch->norm_weight,
                             branch->norm_bias, branch->embedding, epsilon, dst);
        if (branch->type != SN_TYPE_F32)
            simd->scale_bf16(row, 1, branch->embedding, (uint16_t *)work->dst + i * branch->embedding);
    }
}

static snarm_status run_block(branch_work *work, sn_stream *stream) {
    const sn_branch *branch = work->branch;
    const size_t plane = branch->patches * branch->embedding, hard = SN_SCANS * branch->hard;
    sn_parallel(work->first ? branch->patches : SN_SCANS * branch->patches, 16, norm_rows, work);
    if (work->first)
        SN_TRY(sn_turned_conv_run(work->block->turned, stream, work->parts.normed, work->block->bias, work->parts.conv, work->parts.x));
    for (size_t scan = 0; !work->first && scan < SN_SCANS; scan++)
        SN_TRY(sn_conv_run(work->block->convs[scan], stream,
                           (char *)work->parts.normed + scan * plane * sn_type_size(branch->type),
                           work->parts.x + scan * plane));
    if (hard == 0)
        return SNARM_OK;
    sn_parallel(hard, 16, gather_rows, work);
    SN_TRY(
        sn_mixer_run(work->block->mixer, stream, work->parts.gathered, work->parts.mixer, work->parts.mixed));
    sn_parallel(hard, 16, scatter_rows, work);
    return SNARM_OK;
}

snarm_status sn_branch_run(const sn_branch *branch, sn_stream *stream, const float *src, size_t src_stride,
                           const int32_t *order, float *scratch, void *dst) {
    branch_work work = {.branch = branch,
                        .parts = divide(branch, scratch),
                        .src = src,
                        .src_stride = src_stride,
                        .first = true,
                        .order = order,
                        .dst = dst};
    for (size_t d = 0; d < branch->depth; d++) {
        work.block = &branch->blocks[d];
        SN_TRY(run_block(&work, stream));
        work.src = work.parts.x, work.src_stride = branch->embedding, work.first = false;
    }
    sn_parallel(SN_SCANS * branch->patches, 16, final_rows, &work);
    return SNARM_OK;
}
