/* Vision transformers: patches to tokens, pre-norm blocks up to the last one used, means of their outputs. */
#include "backbone/network.h"
#include "backbone/vit_names.h"
#include "core/memory.h"
#include "core/threads.h"
#include "kernel/attention.h"
#include "kernel/gemm.h"
#include "kernel/norm.h"
#include "kernel/simd.h"

#include <stdio.h>
#include <string.h>

typedef struct block {
    sn_layer_norm *norm1, *norm2;
    sn_linear *qkv, *proj, *fc1, *fc2;
} block;

/* Where the parts of a run's memory begin, in floats. Unfolded patches, queries/keys/values, and the MLP's hidden
 * channels are never needed at the same time. */
typedef struct workspace {
    size_t stream, branch, wide, scores;
} workspace;

typedef struct vit {
    sn_network base;
    sn_vit_config config;
    sn_type type; /* of what products read; the residual stream is f32 */
    size_t columns, rows, prefix, tokens; /* patches of the grid, tokens before them, all tokens */
    int32_t layers[SNARM_LAYERS_MAX];
    size_t layer_count, layers_per_group;
    float *start; /* (tokens, dim): what the residual stream begins with, but for the patches' content */
    sn_linear *embed;
    sn_attention *attention;
    block *blocks;
    size_t block_count;
    workspace at;
} vit;

static snarm_status describe(sn_weights *weights, sn_network_description *out) {
    sn_vit_config config;
    SN_TRY(sn_vit_infer(weights, &config));
    memset(out, 0, sizeof *out);
    static const struct {
        size_t dim;
        char letter[3];
    } sizes[] = {{192, "ti"}, {384, "s"}, {768, "b"}, {1024, "l"}, {1280, "h"}};
    char size[24];
    snprintf(size, sizeof size, "%zu", config.dim);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i].dim == config.dim)
            strcpy(size, sizes[i].letter);
    char registers[32] = "";
    if (config.registers > 0)
        snprintf(registers, sizeof registers, " reg%zu", config.registers);
    snprintf(out->architecture, sizeof out->architecture, "vit-%s/%zu%s%s", size, config.patch, registers,
             config.dinov2 ? " dinov2" : "");
    out->multiple = (int32_t)config.patch;
    out->layer_name = "block";
    out->last_layer = (int32_t)config.depth - 1;
    out->groups = 2;
    /* A few of its tokens grow to twenty times the length of the others (arXiv 2309.16588): their rounding errors are as large as the
     * differences between good parts. */
    if (config.registers == 0)
        out->against_bf16 = "a ViT without registers has outlier tokens, which bf16 would blur";
    out->neighbourhood = 1;
    /* Two thirds of the depth, in two groups of equal size: 1..8 of 12 blocks, 2..17 of 24. */
    const int32_t depth = (int32_t)config.depth;
    int32_t count = depth * 2 / 3 / 2 * 2;
    if (count > SNARM_LAYERS_MAX)
        count = SNARM_LAYERS_MAX;
    out->layer_count = count;
    for (int32_t i = 0; i < count; i++)
        out->layers[i] = (depth + 6) / 12 + i;
    return SNARM_OK;
}

static void block_destroy(block *b) {
    sn_layer_norm_destroy(b->norm1);
    sn_layer_norm_destroy(b->norm2);
    sn_linear_destroy(b->qkv);
    sn_linear_destroy(b->proj);
    sn_linear_destroy(b->fc1);
    sn_linear_destroy(b->fc2);
}

static void destroy(sn_network *network) {
    vit *v = (vit *)network;
    if (v == NULL)
        return;
    for (size_t i = 0; v->blocks != NULL && i < v->block_count; i++)
        block_destroy(&v->blocks[i]);
    sn_free(v->blocks);
    sn_linear_destroy(v->embed);
    sn_attention_destroy(v->attention);
    sn_free(v->start);
    sn_free(v);
}

/* Tokens before the patches are constants; patches begin with position and bias, to which the embedding is added. */
static snarm_status make_embedding(vit *v, const sn_vit_head *head) {
    const size_t dim = v->config.dim, patches = v->columns * v->rows;
    SN_TRY(sn_alloc(&v->start, v->tokens * dim, sizeof(float), "tokens"));
    memcpy(v->start, head->cls, dim * sizeof(float));
    memcpy(v->start + dim, head->registers, v->config.registers * dim * sizeof(float));
    float *positions = v->start + v->prefix * dim;
    sn_vit_positions(&v->config, head->grid, v->columns, v->rows, positions);
    for (size_t i = 0; i < patches; i++)
        for (size_t c = 0; c < dim; c++)
            positions[i * dim + c] += head->patch_bias[c];
    const sn_gemm_shape shape = {.rows = patches, .inner = 3 * v->config.patch * v->config.patch, .columns = dim,
                                 .type = v->type, .accumulate = true};
    return sn_linear_create(&v->embed, &shape, head->patch_weight, NULL);
}

static snarm_status make_block(vit *v, block *b, const sn_vit_block *w) {
    const size_t rows = v->tokens, dim = v->config.dim, mlp = v->config.mlp;
    const float epsilon = v->config.epsilon;
    SN_TRY(sn_layer_norm_create(&b->norm1, rows, dim, epsilon, w->norm1_gain, w->norm1_shift, v->type));
    SN_TRY(sn_layer_norm_create(&b->norm2, rows, dim, epsilon, w->norm2_gain, w->norm2_shift, v->type));
    const sn_type type = v->type;
    const sn_gemm_shape qkv = {.rows = rows, .inner = dim, .columns = 3 * dim, .type = type, .dst_type = type};
    const sn_gemm_shape proj = {.rows = rows, .inner = dim, .columns = dim, .type = type, .accumulate = true};
    const sn_gemm_shape fc1 = {.rows = rows, .inner = dim, .columns = mlp, .type = type, .dst_type = type,
                               .activation = SN_ACTIVATION_GELU};
    const sn_gemm_shape fc2 = {.rows = rows, .inner = mlp, .columns = dim, .type = type, .accumulate = true};
    SN_TRY(sn_linear_create(&b->qkv, &qkv, w->qkv, w->qkv_bias));
    SN_TRY(sn_linear_create(&b->proj, &proj, w->proj, w->proj_bias));
    SN_TRY(sn_linear_create(&b->fc1, &fc1, w->fc1, w->fc1_bias));
    return sn_linear_create(&b->fc2, &fc2, w->fc2, w->fc2_bias);
}

static snarm_status make_blocks(vit *v, sn_weights *weights) {
    v->block_count = (size_t)v->layers[v->layer_count - 1] + 1;
    SN_TRY(sn_alloc_zeroed(&v->blocks, v->block_count, sizeof *v->blocks, "blocks"));
    sn_vit_block read;
    SN_TRY(sn_vit_block_create(&read, &v->config));
    snarm_status status = SNARM_OK;
    for (size_t i = 0; i < v->block_count && status == SNARM_OK; i++) {
        status = sn_vit_read_block(weights, &v->config, i, &read);
        if (status == SNARM_OK)
            status = make_block(v, &v->blocks[i], &read);
    }
    sn_vit_block_release(&read);
    return status;
}

static snarm_status plan_memory(vit *v) {
    const size_t dim = v->config.dim, unfolded = 3 * v->config.patch * v->config.patch;
    const size_t size = sn_type_size(v->type), hidden = v->tokens * v->config.mlp, patches = v->columns * v->rows * unfolded;
    size_t wide = v->tokens * 3 * dim;
    wide = hidden > wide ? hidden : wide;
    wide = patches > wide ? patches : wide;
    const size_t bytes[] = {v->tokens * dim * sizeof(float), v->tokens * dim * size, wide * size,
                            sn_attention_scratch(v->attention)};
    size_t *const parts[] = {&v->at.stream, &v->at.branch, &v->at.wide, &v->at.scores};
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
        *parts[i] = v->base.memory_floats;
        v->base.memory_floats += sn_align_up(bytes[i]) / sizeof(float);
    }
    return SNARM_OK;
}

static snarm_status fill(vit *v, sn_weights *weights, const sn_network_options *options) {
    SN_TRY(sn_vit_infer(weights, &v->config));
    v->type = options->type;
    v->columns = options->width / v->config.patch;
    v->rows = options->height / v->config.patch;
    v->prefix = 1 + v->config.registers;
    v->tokens = v->prefix + v->columns * v->rows;
    v->layer_count = options->layer_count;
    memcpy(v->layers, options->layers, v->layer_count * sizeof *v->layers);
    v->layers_per_group = v->layer_count / options->groups;
    v->base.group_count = options->groups;
    for (size_t g = 0; g < options->groups; g++)
        v->base.groups[g] = (sn_group){v->columns, v->rows, v->config.dim};
    sn_vit_head head;
    SN_TRY(sn_vit_read_head(weights, &v->config, &head));
    snarm_status status = make_embedding(v, &head);
    sn_vit_head_release(&head);
    if (status != SNARM_OK)
        return status;
    SN_TRY(sn_attention_create(&v->attention, v->tokens, v->config.heads, v->config.dim / v->config.heads, v->type));
    SN_TRY(make_blocks(v, weights));
    return plan_memory(v);
}

static snarm_status create(sn_network **out, sn_weights *weights, const sn_network_options *options) {
    *out = NULL;
    vit *v;
    SN_TRY(sn_alloc_zeroed(&v, 1, sizeof *v, "ViT"));
    v->base.family = &sn_vit_family;
    snarm_status status = fill(v, weights, options);
    if (status != SNARM_OK) {
        destroy(&v->base);
        return status;
    }
    *out = &v->base;
    return SNARM_OK;
}

typedef struct unfolding {
    const vit *v;
    const float *planes;
    void *unfolded; /* (patches, 3 * patch * patch) of the network's type, a patch's values in the order of the weights */
} unfolding;

static void unfold(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const unfolding *u = context;
    const size_t patch = u->v->config.patch, columns = u->v->columns, width = columns * patch;
    const size_t height = u->v->rows * patch;
    const sn_simd *simd = sn_simd_table();
    size_t at = begin * columns * 3 * patch * patch;
    for (size_t row = begin; row < end; row++)
        for (size_t column = 0; column < columns; column++)
            for (size_t channel = 0; channel < 3; channel++) {
                const float *from = u->planes + (channel * height + row * patch) * width + column * patch;
                for (size_t y = 0; y < patch; y++, at += patch, from += width)
                    if (u->v->type == SN_TYPE_F32)
                        memcpy((float *)u->unfolded + at, from, patch * sizeof *from);
                    else
                        simd->scale_bf16(from, 1, patch, (uint16_t *)u->unfolded + at);
            }
}

typedef struct accumulation {
    const float *from;
    float *to;
    float scale;
    bool first;
} accumulation;

static void accumulate(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const accumulation *a = context;
    const float *restrict from = a->from;
    float *restrict to = a->to;
    for (size_t i = begin; i < end; i++)
        to[i] = (a->first ? 0.0f : to[i]) + a->scale * from[i];
}

static snarm_status run_block(const vit *v, const block *b, sn_stream *stream, float *memory) {
    float *x = memory + v->at.stream;
    void *branch = memory + v->at.branch, *wide = memory + v->at.wide;
    SN_TRY(sn_layer_norm_run(b->norm1, stream, x, branch));
    SN_TRY(sn_linear_run(b->qkv, stream, branch, wide));
    SN_TRY(sn_attention_run(v->attention, stream, wide, memory + v->at.scores, branch));
    SN_TRY(sn_linear_run(b->proj, stream, branch, x));
    SN_TRY(sn_layer_norm_run(b->norm2, stream, x, branch));
    SN_TRY(sn_linear_run(b->fc1, stream, branch, wide));
    return sn_linear_run(b->fc2, stream, wide, x);
}

static snarm_status run(const sn_network *network, sn_stream *stream, float *memory, const float *planes,
                        float *const *groups, const sn_tap *tap) {
    const vit *v = (const vit *)network;
    const size_t dim = v->config.dim;
    float *x = memory + v->at.stream;
    memcpy(x, v->start, v->tokens * dim * sizeof *x);
    unfolding patches = {v, planes, memory + v->at.wide};
    sn_parallel(v->rows, 1, unfold, &patches);
    SN_TRY(sn_linear_run(v->embed, stream, patches.unfolded, x + v->prefix * dim));
    for (size_t i = 0, used = 0; i < v->block_count; i++) {
        SN_TRY(run_block(v, &v->blocks[i], stream, memory));
        if (tap != NULL && tap->layer == (int32_t)i)
            memcpy(tap->out, x, v->tokens * dim * sizeof *x);
        if (v->layers[used] != (int32_t)i)
            continue;
        accumulation mean = {x + v->prefix * dim, groups[used / v->layers_per_group],
                             1.0f / (float)v->layers_per_group, used % v->layers_per_group == 0};
        sn_parallel(v->columns * v->rows * dim, 1024, accumulate, &mean);
        used++;
    }
    return SNARM_OK;
}

static size_t tap_floats(const sn_network *network, int32_t layer) {
    const vit *v = (const vit *)network;
    return layer >= 0 && (size_t)layer < v->block_count ? v->tokens * v->config.dim : 0;
}

const sn_network_family sn_vit_family = {sn_vit_recognise, describe, create, destroy, run, tap_floats};
