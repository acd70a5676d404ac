#include "backbone/resnet_names.h"

#include "core/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BLOCKS_MAX = 256, CHANNELS_MAX = 16384 };

bool sn_resnet_recognise(sn_weights *weights) {
    return sn_weights_choose_prefix(weights, "layer1.0.conv1.weight");
}

snarm_status sn_resnet_infer(const sn_weights *weights, sn_resnet_config *out) {
    memset(out, 0, sizeof *out);
    /* Deep stems, as in timm's resnet50d, have conv1.0, conv1.1, ... instead. */
    const sn_tensor *stem;
    SN_TRY(sn_weights_require(weights, &stem, 4, (int64_t[]){-1, 3, 7, 7}, "conv1.weight"));
    out->bottleneck = sn_weights_find(weights, "layer1.0.conv3.weight") != NULL;
    for (size_t stage = 0; stage < SN_RESNET_STAGES; stage++) {
        size_t blocks = 0;
        while (blocks < BLOCKS_MAX && sn_weights_find(weights, "layer%zu.%zu.conv1.weight", stage + 1, blocks) != NULL)
            blocks++;
        if (blocks == 0)
            break;
        out->blocks[stage] = blocks;
        out->stages = stage + 1;
    }
    return SNARM_OK;
}

void sn_resnet_architecture(const sn_weights *weights, const sn_resnet_config *config, char *text, size_t size) {
    static const struct {
        bool bottleneck;
        int64_t width; /* of the first block's inner convolution */
        size_t blocks[SN_RESNET_STAGES];
        const char *name;
    } published[] = {{false, 64, {2, 2, 2, 2}, "resnet18"},          {false, 64, {3, 4, 6, 3}, "resnet34"},
                     {true, 64, {3, 4, 6, 3}, "resnet50"},           {true, 64, {3, 4, 23, 3}, "resnet101"},
                     {true, 64, {3, 8, 36, 3}, "resnet152"},         {true, 128, {3, 4, 6, 3}, "wide_resnet50_2"},
                     {true, 128, {3, 4, 23, 3}, "wide_resnet101_2"}};
    const sn_tensor *inner = sn_weights_find(weights, "layer1.0.conv1.weight");
    /* A file cut after an early stage may fit several: they are the same network so far, and the first names it. */
    for (size_t i = 0; i < sizeof published / sizeof *published; i++)
        if (published[i].bottleneck == config->bottleneck && inner != NULL && published[i].width == inner->shape[0] &&
            memcmp(published[i].blocks, config->blocks, config->stages * sizeof *config->blocks) == 0) {
            snprintf(text, size, "%s", published[i].name);
            return;
        }
    snprintf(text, size, "resnet %s %zu-%zu-%zu-%zu", config->bottleneck ? "bottleneck" : "basic", config->blocks[0],
             config->blocks[1], config->blocks[2], config->blocks[3]);
}

/* gain * (W x - mean) / sqrt(variance + 1e-5) + shift, as W' x + bias'. */
static snarm_status fold_norm(sn_weights *weights, sn_resnet_conv *conv, const char *norm, float *statistics) {
    const int64_t out = (int64_t)conv->out;
    float *gain = statistics, *shift = gain + out, *mean = shift + out, *variance = mean + out;
    SN_TRY(sn_weights_read(weights, gain, 1, &out, "%s.weight", norm));
    SN_TRY(sn_weights_read(weights, shift, 1, &out, "%s.bias", norm));
    SN_TRY(sn_weights_read(weights, mean, 1, &out, "%s.running_mean", norm));
    SN_TRY(sn_weights_read(weights, variance, 1, &out, "%s.running_var", norm));
    const size_t inner = conv->in * conv->kernel * conv->kernel;
    for (size_t o = 0; o < conv->out; o++) {
        if (variance[o] < 0)
            return sn_error(SNARM_ERROR_FORMAT, "%s: tensor %s%s.running_var has %g at element %zu, expected at least 0",
                            sn_safetensors_path(weights->file), weights->prefix, norm, (double)variance[o], o);
        const float scale = (float)((double)gain[o] / sqrt((double)variance[o] + 1e-5));
        for (size_t i = 0; i < inner; i++)
            conv->weights[o * inner + i] *= scale;
        conv->bias[o] = shift[o] - mean[o] * scale;
    }
    return SNARM_OK;
}

static snarm_status fill(sn_weights *weights, sn_resnet_conv *conv, const char *name, const char *norm) {
    const int64_t in = (int64_t)conv->in, kernel = (int64_t)conv->kernel;
    const sn_tensor *tensor;
    SN_TRY(sn_weights_require(weights, &tensor, 4, (int64_t[]){-1, in, kernel, kernel}, "%s.weight", name));
    if (tensor->shape[0] < 1 || tensor->shape[0] > CHANNELS_MAX)
        return sn_error(SNARM_ERROR_UNSUPPORTED, "%s: tensor %s has %lld output channels, expected 1..%d",
                        sn_safetensors_path(weights->file), tensor->name, (long long)tensor->shape[0], CHANNELS_MAX);
    conv->out = (size_t)tensor->shape[0];
    SN_TRY(sn_alloc(&conv->weights, tensor->count, sizeof(float), "weights of a convolution"));
    SN_TRY(sn_alloc(&conv->bias, conv->out, sizeof(float), "bias of a convolution"));
    SN_TRY(sn_weights_read(weights, conv->weights, 4, tensor->shape, "%s.weight", name));
    float *statistics;
    SN_TRY(sn_alloc(&statistics, 4 * conv->out, sizeof(float), "batch-norm"));
    snarm_status status = fold_norm(weights, conv, norm, statistics);
    sn_free(statistics);
    return status;
}

snarm_status sn_resnet_read(sn_weights *weights, sn_resnet_conv *out, size_t in, size_t kernel, const char *conv,
                            const char *norm) {
    memset(out, 0, sizeof *out);
    out->in = in, out->kernel = kernel;
    snarm_status status = fill(weights, out, conv, norm);
    if (status != SNARM_OK)
        sn_resnet_conv_release(out);
    return status;
}

void sn_resnet_conv_release(sn_resnet_conv *conv) {
    sn_free(conv->weights);
    sn_free(conv->bias);
    memset(conv, 0, sizeof *conv);
}
