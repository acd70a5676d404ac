/* Residual networks: a chain of convolutions in oneDNN's blocked layout up to the last stage used. */
#include "backbone/network.h"
#include "backbone/resnet_names.h"
#include "core/memory.h"
#include "kernel/conv.h"

#include <stdio.h>
#include <string.h>

enum { CONVS_MAX = 3 };

typedef struct block {
    sn_conv *convs[CONVS_MAX]; /* the last adds to what its output holds: the block's input, or the shortcut's output */
    size_t conv_count;
    sn_conv *shortcut; /* NULL: the input itself */
} block;

typedef struct stage {
    block *blocks;
    size_t block_count;
    const sn_layout *layout; /* of the output; its last convolution's */
    sn_reorder *to_rows;     /* NULL for a stage that is no group */
    size_t group;
} stage;

/* Four buffers are enough for any depth: a block's input and output, and two for what lies between. A block without
 * shortcut adds to its input in place. */
enum { INPUT, OUTPUT, FIRST, SECOND, BUFFERS };

typedef struct resnet {
    sn_network base;
    sn_resnet_config config;
    sn_conv *stem;
    sn_max_pool *pool;
    stage stages[SN_RESNET_STAGES];
    size_t stage_count;
    size_t buffer_floats;
    sn_type type;        /* of all activations but the groups' */
    sn_reorder *convert; /* of the picture's planes to that type; NULL for SN_TYPE_F32 */
} resnet;

static snarm_status describe(sn_weights *weights, sn_network_description *out) {
    sn_resnet_config config;
    SN_TRY(sn_resnet_infer(weights, &config));
    memset(out, 0, sizeof *out);
    sn_resnet_architecture(weights, &config, out->architecture, sizeof out->architecture);
    out->multiple = 8;
    out->layer_name = "stage";
    out->first_layer = 1, out->last_layer = (int32_t)config.stages;
    out->layers[0] = 2, out->layers[1] = 3;
    out->layer_count = 2;
    out->layers_are_groups = true;
    out->neighbourhood = 3;
    return SNARM_OK;
}

static void destroy(sn_network *network) {
    resnet *r = (resnet *)network;
    if (r == NULL)
        return;
    for (size_t s = 0; s < SN_RESNET_STAGES; s++) {
        stage *at = &r->stages[s];
        for (size_t b = 0; at->blocks != NULL && b < at->block_count; b++) {
            for (size_t c = 0; c < CONVS_MAX; c++)
                sn_conv_destroy(at->blocks[b].convs[c]);
            sn_conv_destroy(at->blocks[b].shortcut);
        }
        sn_free(at->blocks);
        sn_reorder_destroy(at->to_rows);
    }
    sn_max_pool_destroy(r->pool);
    sn_reorder_destroy(r->convert);
    sn_conv_destroy(r->stem);
    sn_free(r);
}

/* The working buffers hold any activation of the chain. */
static void note_size(resnet *r, const sn_layout *layout) {
    size_t floats = sn_align_up(sn_layout_bytes(layout)) / sizeof(float);
    if (floats > r->buffer_floats)
        r->buffer_floats = floats;
}

typedef struct step {
    const sn_layout *src, *dst; /* dst NULL: left to oneDNN */
    size_t kernel, stride;
    bool add, relu;
} step;

static snarm_status make_conv(resnet *r, sn_conv **out, sn_weights *weights, const step *how, const char *conv,
                              const char *norm) {
    size_t batch, channels, height, width;
    sn_layout_shape(how->src, &batch, &channels, &height, &width);
    sn_resnet_conv read;
    SN_TRY(sn_resnet_read(weights, &read, channels, how->kernel, conv, norm));
    const sn_conv_options options = {.src = how->src, .weights = read.weights, .bias = read.bias,
                                     .channels_out = read.out, .kernel = how->kernel, .stride = how->stride,
                                     .padding = how->kernel / 2, .dilation = 1, .dst_order = SN_ANY, .dst_type = r->type,
                                     .dst = how->dst, .add = how->add, .relu = how->relu};
    snarm_status status = SNARM_OK;
    if (how->dst != NULL) {
        size_t wanted;
        sn_layout_shape(how->dst, &batch, &wanted, &height, &width);
        if (wanted != read.out)
            status = sn_error(SNARM_ERROR_FORMAT, "%s: tensor %s%s.weight has %zu output channels, expected the block's %zu",
                              sn_safetensors_path(weights->file), weights->prefix, conv, read.out, wanted);
    }
    if (status == SNARM_OK)
        status = sn_conv_create(out, &options);
    sn_resnet_conv_release(&read);
    if (status == SNARM_OK)
        note_size(r, sn_conv_dst_layout(*out));
    return status;
}

static snarm_status make_block(resnet *r, block *b, sn_weights *weights, size_t stage_index, size_t block_index,
                               const sn_layout *src, const sn_layout **dst) {
    char prefix[64], conv[96], norm[96];
    snprintf(prefix, sizeof prefix, "layer%zu.%zu.", stage_index + 1, block_index);
    const size_t stride = stage_index > 0 && block_index == 0 ? 2 : 1;
    const bool shortcut = sn_weights_find(weights, "%sdownsample.0.weight", prefix) != NULL;
    if (stride != 1 && !shortcut)
        return sn_error(SNARM_ERROR_FORMAT, "%s: tensor %s%sdownsample.0.weight is missing",
                        sn_safetensors_path(weights->file), weights->prefix, prefix);
    b->conv_count = r->config.bottleneck ? 3 : 2;
    const sn_layout *at = src;
    for (size_t c = 0; c < b->conv_count; c++) {
        const bool last = c + 1 == b->conv_count;
        /* The stride is the first 3x3 convolution's, as in the published weights. */
        const step how = {.src = at, .dst = last && !shortcut ? src : NULL,
                          .kernel = r->config.bottleneck && c != 1 ? 1 : 3,
                          .stride = c == (r->config.bottleneck ? 1 : 0) ? stride : 1, .add = last, .relu = true};
        snprintf(conv, sizeof conv, "%sconv%zu", prefix, c + 1);
        snprintf(norm, sizeof norm, "%sbn%zu", prefix, c + 1);
        SN_TRY(make_conv(r, &b->convs[c], weights, &how, conv, norm));
        at = sn_conv_dst_layout(b->convs[c]);
    }
    if (shortcut) {
        const step how = {.src = src, .dst = at, .kernel = 1, .stride = stride};
        snprintf(conv, sizeof conv, "%sdownsample.0", prefix);
        snprintf(norm, sizeof norm, "%sdownsample.1", prefix);
        SN_TRY(make_conv(r, &b->shortcut, weights, &how, conv, norm));
    }
    *dst = at;
    /* Squeeze-and-excitation, anti-aliasing and the like would otherwise be passed over. */
    return sn_weights_refuse_unused(weights, "%s", prefix);
}

static snarm_status make_stem(resnet *r, sn_weights *weights, const sn_network_options *options) {
    sn_layout *given = NULL, *planes = NULL;
    snarm_status status = sn_layout_create(&planes, r->type, 1, 3, options->height, options->width, SN_PLANES);
    if (status == SNARM_OK && r->type != SN_TYPE_F32)
        status = sn_layout_create(&given, SN_TYPE_F32, 1, 3, options->height, options->width, SN_PLANES);
    if (status == SNARM_OK && r->type != SN_TYPE_F32)
        status = sn_reorder_create(&r->convert, given, planes);
    if (status == SNARM_OK) {
        const step how = {.src = planes, .kernel = 7, .stride = 2, .relu = true};
        note_size(r, planes);
        status = make_conv(r, &r->stem, weights, &how, "conv1", "bn1");
    }
    sn_layout_destroy(given);
    sn_layout_destroy(planes);
    if (status != SNARM_OK)
        return status;
    SN_TRY(sn_max_pool_create(&r->pool, sn_conv_dst_layout(r->stem), 3, 2, 1));
    note_size(r, sn_max_pool_dst_layout(r->pool));
    return SNARM_OK;
}

/* A used stage's output goes from the chain's layout to rows of channels. */
static snarm_status make_group(resnet *r, stage *at, size_t group) {
    size_t batch, channels, height, width;
    sn_layout_shape(at->layout, &batch, &channels, &height, &width);
    r->base.groups[group] = (sn_group){width, height, channels};
    at->group = group;
    sn_layout *rows;
    SN_TRY(sn_layout_create(&rows, SN_TYPE_F32, batch, channels, height, width, SN_CHANNELS_LAST));
    snarm_status status = sn_reorder_create(&at->to_rows, at->layout, rows);
    sn_layout_destroy(rows);
    return status;
}

static snarm_status fill(resnet *r, sn_weights *weights, const sn_network_options *options) {
    SN_TRY(sn_resnet_infer(weights, &r->config));
    r->type = options->type;
    SN_TRY(make_stem(r, weights, options));
    const sn_layout *layout = sn_max_pool_dst_layout(r->pool);
    r->stage_count = (size_t)options->layers[options->layer_count - 1];
    for (size_t s = 0; s < r->stage_count; s++) {
        stage *at = &r->stages[s];
        SN_TRY(sn_alloc_zeroed(&at->blocks, r->config.blocks[s], sizeof *at->blocks, "blocks"));
        at->block_count = r->config.blocks[s];
        for (size_t b = 0; b < at->block_count; b++)
            SN_TRY(make_block(r, &at->blocks[b], weights, s, b, layout, &layout));
        at->layout = layout;
        if (options->layers[r->base.group_count] == (int32_t)s + 1)
            SN_TRY(make_group(r, at, r->base.group_count++));
    }
    r->base.memory_floats = BUFFERS * r->buffer_floats;
    return SNARM_OK;
}

static snarm_status create(sn_network **out, sn_weights *weights, const sn_network_options *options) {
    *out = NULL;
    resnet *r;
    SN_TRY(sn_alloc_zeroed(&r, 1, sizeof *r, "ResNet"));
    r->base.family = &sn_resnet_family;
    snarm_status status = fill(r, weights, options);
    if (status != SNARM_OK) {
        destroy(&r->base);
        return status;
    }
    *out = &r->base;
    return SNARM_OK;
}

static snarm_status run_block(const block *b, sn_stream *stream, float **buffers) {
    float *sum = buffers[INPUT];
    if (b->shortcut != NULL) {
        sum = buffers[OUTPUT];
        SN_TRY(sn_conv_run(b->shortcut, stream, buffers[INPUT], sum));
    }
    const float *at = buffers[INPUT];
    for (size_t c = 0; c < b->conv_count; c++) {
        float *to = c + 1 == b->conv_count ? sum : buffers[FIRST + c];
        SN_TRY(sn_conv_run(b->convs[c], stream, at, to));
        at = to;
    }
    if (b->shortcut != NULL) {
        buffers[OUTPUT] = buffers[INPUT];
        buffers[INPUT] = sum;
    }
    return SNARM_OK;
}

static snarm_status copy_planes(const sn_layout *layout, sn_stream *stream, const float *from, float *to) {
    size_t batch, channels, height, width;
    sn_layout_shape(layout, &batch, &channels, &height, &width);
    sn_layout *planes;
    SN_TRY(sn_layout_create(&planes, SN_TYPE_F32, batch, channels, height, width, SN_PLANES));
    sn_reorder *reorder;
    snarm_status status = sn_reorder_create(&reorder, layout, planes);
    sn_layout_destroy(planes);
    if (status == SNARM_OK)
        status = sn_reorder_run(reorder, stream, from, to);
    sn_reorder_destroy(reorder);
    return status;
}

static snarm_status run(const sn_network *network, sn_stream *stream, float *memory, const float *planes,
                        float *const *groups, const sn_tap *tap) {
    const resnet *r = (const resnet *)network;
    float *buffers[BUFFERS];
    for (size_t i = 0; i < BUFFERS; i++)
        buffers[i] = memory + i * r->buffer_floats;
    if (r->convert != NULL) {
        SN_TRY(sn_reorder_run(r->convert, stream, planes, buffers[SECOND]));
        planes = buffers[SECOND];
    }
    SN_TRY(sn_conv_run(r->stem, stream, planes, buffers[FIRST]));
    SN_TRY(sn_max_pool_run(r->pool, stream, buffers[FIRST], buffers[INPUT]));
    for (size_t s = 0; s < r->stage_count; s++) {
        const stage *at = &r->stages[s];
        for (size_t b = 0; b < at->block_count; b++)
            SN_TRY(run_block(&at->blocks[b], stream, buffers));
        if (at->to_rows != NULL)
            SN_TRY(sn_reorder_run(at->to_rows, stream, buffers[INPUT], groups[at->group]));
        if (tap != NULL && tap->layer == (int32_t)s + 1)
            SN_TRY(copy_planes(at->layout, stream, buffers[INPUT], tap->out));
    }
    return SNARM_OK;
}

static size_t tap_floats(const sn_network *network, int32_t layer) {
    const resnet *r = (const resnet *)network;
    if (layer < 1 || (size_t)layer > r->stage_count)
        return 0;
    size_t batch, channels, height, width;
    sn_layout_shape(r->stages[layer - 1].layout, &batch, &channels, &height, &width);
    return batch * channels * height * width;
}

const sn_network_family sn_resnet_family = {sn_resnet_recognise, describe, create, destroy, run, tap_floats};
