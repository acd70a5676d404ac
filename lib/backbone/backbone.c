#include "backbone/backbone.h"

#include "backbone/builtin/network.h"
#include "backbone/features.h"
#include "backbone/network.h"
#include "core/memory.h"
#include "core/pool.h"
#include "core/threads.h"

#include <string.h>

struct snarm_backbone {
    snarm_backbone_info info;
    char architecture[96], hash[SN_HASH_TEXT];
    char *licence, *name;
    sn_weights weights; /* the names of the tensors read; its file may be closed */
    sn_network *network;
    sn_features *features;
    sn_pool *states;
};

/* What one call works in. */
typedef struct state {
    sn_stream *stream;
    float *memory; /* of the network or, once that is done, of the features */
    float *groups[SNARM_LAYERS_MAX];
} state;

static void state_destroy(void *pointer) {
    state *s = pointer;
    if (s == NULL)
        return;
    sn_stream_destroy(s->stream);
    sn_free(s->memory);
    for (size_t g = 0; g < SNARM_LAYERS_MAX; g++)
        sn_free(s->groups[g]);
    sn_free(s);
}

static snarm_status state_fill(state *s, const snarm_backbone *b) {
    const size_t network = b->network->memory_floats, features = sn_features_memory(b->features);
    SN_TRY(sn_stream_create(&s->stream));
    SN_TRY(sn_alloc(&s->memory, network > features ? network : features, sizeof(float), "working memory"));
    for (size_t g = 0; g < b->network->group_count; g++) {
        const sn_group *group = &b->network->groups[g];
        SN_TRY(sn_alloc(&s->groups[g], group->width * group->height * group->channels, sizeof(float), "working memory"));
    }
    return SNARM_OK;
}

static snarm_status state_create(void **out, const void *owner) {
    state *s;
    SN_TRY(sn_alloc_zeroed(&s, 1, sizeof *s, "working state"));
    snarm_status status = state_fill(s, owner);
    if (status != SNARM_OK) {
        state_destroy(s);
        return status;
    }
    *out = s;
    return SNARM_OK;
}

static const char name[] = "snarm_backbone_create";

static snarm_status check_range(const char *field, int64_t value, int64_t least, int64_t most) {
    if (value >= least && value <= most)
        return SNARM_OK;
    return sn_error(SNARM_ERROR_ARGUMENT, "%s: %s is %lld, expected %lld..%lld", name, field, (long long)value,
                    (long long)least, (long long)most);
}

/* The nearest multiple of step to the default side, the smaller of two. */
static snarm_status settle_side(const char *field, int32_t given, int32_t step, int32_t *out) {
    enum { SIDE = 392, LEAST = 32, MOST = 4096 };
    *out = given != 0 ? given : (SIDE + (step - 1) / 2) / step * step;
    SN_TRY(check_range(field, *out, LEAST, MOST));
    if (*out % step != 0)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: %s is %d, expected a multiple of %d", name, field, *out, step);
    return SNARM_OK;
}

static snarm_status settle_layers(const snarm_backbone_options *options, const sn_network_description *network,
                                  const char *path, snarm_backbone_info *info) {
    SN_TRY(check_range("layer_count", options->layer_count, 0, SNARM_LAYERS_MAX));
    info->layer_count = options->layer_count != 0 ? options->layer_count : network->layer_count;
    memcpy(info->layers, options->layer_count != 0 ? options->layers : network->layers, sizeof info->layers);
    if (info->layer_count == 0)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: layer_count is 0, expected layers, as %s has too few for default ones",
                        name, path);
    for (int32_t i = 0; i < info->layer_count; i++) {
        const int32_t layer = info->layers[i];
        if (layer < network->first_layer || layer > network->last_layer)
            return sn_error(SNARM_ERROR_ARGUMENT, "%s: layers[%d] is %d, expected a %s of %s, %d..%d", name, i, layer,
                            network->layer_name, path, network->first_layer, network->last_layer);
        if (i > 0 && layer <= info->layers[i - 1])
            return sn_error(SNARM_ERROR_ARGUMENT, "%s: layers[%d] is %d, expected more than layers[%d], %d", name, i,
                            layer, i - 1, info->layers[i - 1]);
    }
    memset(info->layers + info->layer_count, 0, (size_t)(SNARM_LAYERS_MAX - info->layer_count) * sizeof *info->layers);
    if (network->layers_are_groups) {
        info->groups = info->layer_count;
        return SNARM_OK;
    }
    /* The default halves the default layers; layers of the caller's own choice may be a single one. */
    info->groups = options->groups != 0 ? options->groups : info->layer_count == 1 ? 1 : network->groups;
    SN_TRY(check_range("groups", info->groups, 1, info->layer_count));
    if (info->layer_count % info->groups != 0)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: groups is %d, expected a divisor of the %d layers", name,
                        info->groups, info->layer_count);
    return SNARM_OK;
}

/* Options over defaults, checked; fills the handle's info but for what the weights say. */
static snarm_status settle(const snarm_backbone_options *options, const sn_network_description *network,
                           const char *path, snarm_backbone_info *info) {
    SN_TRY(settle_side("width", options->width, network->multiple, &info->width));
    SN_TRY(settle_side("height", options->height, network->multiple, &info->height));
    info->grid_width = info->width / 8, info->grid_height = info->height / 8;
    SN_TRY(settle_layers(options, network, path, info));
    info->channels = options->channels != 0 ? options->channels : 512;
    if (info->channels != -1)
        SN_TRY(check_range("channels", info->channels, 8, 4096));
    info->neighbourhood = options->neighbourhood != 0 ? options->neighbourhood : network->neighbourhood;
    if (info->neighbourhood != 1 && info->neighbourhood != 3 && info->neighbourhood != 5)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: neighbourhood is %d, expected 1, 3 or 5", name, info->neighbourhood);
    return SNARM_OK;
}

/* What the metadata says of the weights: normalisation, licence, name, and inside a detector's file the hash. */
static snarm_status read_metadata(snarm_backbone *b) {
    static const float mean[3] = {0.485f, 0.456f, 0.406f}, std[3] = {0.229f, 0.224f, 0.225f};
    SN_TRY(sn_weights_metadata_triple(&b->weights, "image_mean", -1e3, 1e3, mean, b->info.mean));
    SN_TRY(sn_weights_metadata_triple(&b->weights, "image_std", 1e-6, 1e3, std, b->info.std));
    const char *licence = sn_weights_metadata(&b->weights, "licence");
    if (licence == NULL)
        licence = sn_weights_metadata(&b->weights, "license");
    SN_TRY(sn_copy_string(&b->licence, licence != NULL ? licence : ""));
    b->info.licence = b->licence;
    const char *called = sn_weights_metadata(&b->weights, "name");
    SN_TRY(sn_copy_string(&b->name, called != NULL ? called : ""));
    b->info.name = b->name;
    b->info.hash = b->hash;
    const char *path = sn_safetensors_path(b->weights.file);
    if (b->weights.outer == 0)
        return sn_safetensors_hash(b->weights.file, b->hash);
    const char *hash = sn_weights_metadata(&b->weights, "sha256");
    if (hash == NULL || strlen(hash) != SN_HASH_TEXT - 1 || strspn(hash, "0123456789abcdef") != SN_HASH_TEXT - 1)
        return sn_error(SNARM_ERROR_FORMAT, "%s: metadata %.*ssha256 is %.80s, expected 64 hexadecimal digits", path,
                        (int)b->weights.outer, b->weights.prefix, hash == NULL ? "missing" : hash);
    memcpy(b->hash, hash, SN_HASH_TEXT);
    return SNARM_OK;
}

static snarm_status choose_family(sn_weights *weights, const sn_network_family **out) {
    static const sn_network_family *const families[] = {&sn_vit_family, &sn_resnet_family};
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (families[i]->recognise(weights)) {
            *out = families[i];
            return SNARM_OK;
        }
    return sn_error(SNARM_ERROR_UNSUPPORTED, "%s: the tensors' names are of no backbone that this version knows, expected a "
                    "ViT's (patch_embed.proj.weight or embeddings.patch_embeddings.projection.weight) or a ResNet's "
                    "(layer1.0.conv1.weight)", sn_safetensors_path(weights->file));
}

snarm_status sn_backbone_is_convolutional(const sn_safetensors *file, const char *prefix, bool *out) {
    sn_weights weights = {0};
    SN_TRY(sn_weights_init(&weights, file, prefix));
    const sn_network_family *family = NULL;
    snarm_status status = choose_family(&weights, &family);
    *out = family == &sn_resnet_family;
    sn_weights_release(&weights);
    return status;
}

static snarm_status fill(snarm_backbone *b, const sn_safetensors *file, const char *prefix,
                         const snarm_backbone_options *options) {
    SN_TRY(sn_weights_init(&b->weights, file, prefix));
    const sn_network_family *family = NULL;
    SN_TRY(choose_family(&b->weights, &family));
    sn_network_description network;
    SN_TRY(family->describe(&b->weights, &network));
    SN_TRY(settle(options, &network, sn_safetensors_path(file), &b->info));
    memcpy(b->architecture, network.architecture, sizeof b->architecture);
    b->info.architecture = b->architecture;
    sn_type type;
    SN_TRY(sn_type_choose(&type, options->precision, name, &b->info.precision_note));
    if (type == SN_TYPE_BF16 && options->precision != SNARM_PRECISION_BF16 && network.against_bf16 != NULL) {
        type = SN_TYPE_F32;
        b->info.precision_note = network.against_bf16;
    }
    b->info.precision = type == SN_TYPE_BF16 ? SNARM_PRECISION_BF16 : SNARM_PRECISION_F32;
    const sn_network_options how = {(size_t)b->info.width, (size_t)b->info.height, b->info.layers,
                                    (size_t)b->info.layer_count, (size_t)b->info.groups, type};
    SN_TRY(family->create(&b->network, &b->weights, &how));
    SN_TRY(sn_features_create(&b->features, b->network->groups, b->network->group_count,
                              b->info.channels == -1 ? 0 : (size_t)b->info.channels, (size_t)b->info.neighbourhood,
                              (size_t)b->info.grid_width, (size_t)b->info.grid_height));
    b->info.pooled = b->info.channels != -1;
    b->info.channels = (int32_t)sn_features_channels(b->features);
    b->info.stage_count = (int32_t)b->network->group_count;
    sn_features_stages(b->features, b->info.stage_channels);
    SN_TRY(read_metadata(b));
    b->weights.file = NULL;
    SN_TRY(sn_pool_create(&b->states, state_create, state_destroy, b));
    /* The first state is made now: what does not fit into memory shows here and not at the first picture. */
    void *first;
    SN_TRY(sn_pool_take(b->states, &first));
    sn_pool_give(b->states, first);
    return SNARM_OK;
}

snarm_status sn_backbone_create_from(snarm_backbone **out, const sn_safetensors *file, const char *prefix,
                                     const snarm_backbone_options *options) {
    *out = NULL;
    snarm_backbone_options given;
    snarm_backbone_options_init(&given);
    SN_TRY(sn_options_read(&given, sizeof given, options, offsetof(snarm_backbone_options, precision), "snarm_backbone_options"));
    SN_TRY(check_range("threads", given.threads, 0, SN_THREADS_MAX));
    snarm_backbone *b;
    SN_TRY(sn_alloc_zeroed(&b, 1, sizeof *b, "backbone"));
    b->info.struct_size = sizeof b->info;
    b->info.threads = sn_threads_resolve(given.threads);
    /* oneDNN splits a primitive's work when it is made. */
    int former = sn_threads_enter(b->info.threads);
    snarm_status status = fill(b, file, prefix, &given);
    sn_threads_leave(former);
    if (status != SNARM_OK) {
        snarm_backbone_destroy(b);
        return status;
    }
    *out = b;
    return SNARM_OK;
}

snarm_status sn_backbone_open_weights(sn_safetensors **out, const char *path) {
    if (path == NULL || strcmp(path, SNARM_BUILTIN_BACKBONE) == 0)
        return sn_builtin_network_open(out);
    return sn_safetensors_open(out, path);
}

snarm_status snarm_backbone_create(snarm_backbone **out, const char *path, const snarm_backbone_options *options) {
    if (out == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: out is NULL", name);
    *out = NULL;
    sn_safetensors *file;
    SN_TRY(sn_backbone_open_weights(&file, path));
    snarm_status status = sn_backbone_create_from(out, file, "", options);
    sn_safetensors_close(file);
    return status;
}

void snarm_backbone_destroy(snarm_backbone *backbone) {
    if (backbone == NULL)
        return;
    sn_pool_destroy(backbone->states);
    sn_features_destroy(backbone->features);
    if (backbone->network != NULL)
        backbone->network->family->destroy(backbone->network);
    sn_weights_release(&backbone->weights);
    sn_free(backbone->licence);
    sn_free(backbone->name);
    sn_free(backbone);
}

snarm_status snarm_backbone_get_info(const snarm_backbone *backbone, snarm_backbone_info *info) {
    if (backbone == NULL || info == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_backbone_get_info: %s is NULL", backbone == NULL ? "backbone" : "info");
    SN_TRY(sn_options_check(info->struct_size, offsetof(snarm_backbone_info, precision), "snarm_backbone_info"));
    sn_options_write(info, &backbone->info, sizeof backbone->info);
    return SNARM_OK;
}

snarm_status snarm_backbone_coverage(const snarm_backbone *backbone, float *coverage) {
    if (backbone == NULL || coverage == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_backbone_coverage: %s is NULL", backbone == NULL ? "backbone" : "coverage");
    sn_features_coverage(backbone->features, coverage);
    return SNARM_OK;
}

static snarm_status run(const snarm_backbone *b, const float *planes, float *features, const sn_tap *tap) {
    int former = sn_threads_enter(b->info.threads);
    void *taken;
    snarm_status status = sn_pool_take(b->states, &taken);
    if (status == SNARM_OK) {
        state *s = taken;
        status = b->network->family->run(b->network, s->stream, s->memory, planes, s->groups, tap);
        if (status == SNARM_OK && features != NULL)
            sn_features_run(b->features, s->groups, s->memory, features);
        sn_pool_give(b->states, taken);
    }
    sn_threads_leave(former);
    return status;
}

snarm_status snarm_backbone_features(const snarm_backbone *backbone, const float *planes, float *features) {
    if (backbone == NULL || planes == NULL || features == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_backbone_features: %s is NULL",
                        backbone == NULL ? "backbone" : planes == NULL ? "planes" : "features");
    return run(backbone, planes, features, NULL);
}

size_t sn_backbone_layer_floats(const snarm_backbone *backbone, int32_t layer) {
    return backbone->network->family->tap_floats(backbone->network, layer);
}

snarm_status sn_backbone_layer_output(const snarm_backbone *backbone, const float *planes, int32_t layer, float *out) {
    if (sn_backbone_layer_floats(backbone, layer) == 0)
        return sn_error(SNARM_ERROR_ARGUMENT, "sn_backbone_layer_output: layer is %d, expected one that is run", layer);
    const sn_tap tap = {layer, out};
    return run(backbone, planes, NULL, &tap);
}

void sn_backbone_tensors(const snarm_backbone *backbone, const char *const **names, size_t *count) {
    *names = (const char *const *)backbone->weights.used;
    *count = backbone->weights.used_count;
}
