#include "scorer/weights.h"

#include "core/memory.h"
#include "io/number_list.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { CHANNELS_MAX = 4096, TAPS_MAX = 64, PREFIX_MAX = 64, NAME_MAX_ALL = PREFIX_MAX + SN_WEIGHT_NAME_MAX };

/* Tensors apart from those of the branches; of a branch; of a block; of a head. */
enum { NAVIGATOR_TENSORS = 2, BRANCH_TENSORS = 4, BLOCK_TENSORS = 12, HEAD_TENSORS = 7 };

/* The next row of the table. */
static void add(sn_scorer_weights *w, const float **slot, int dims, const size_t *shape, const char *format,
                ...) SN_PRINTF(5, 6);
static void add(sn_scorer_weights *w, const float **slot, int dims, const size_t *shape, const char *format,
                ...) {
    sn_weight *weight = &w->table[w->count++];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(weight->name, sizeof weight->name, format, arguments);
    va_end(arguments);
    weight->dims = dims, weight->slot = slot, weight->count = 1;
    for (int i = 0; i < dims; i++) {
        weight->shape[i] = (int64_t)shape[i];
        weight->count *= shape[i];
    }
    w->values_count += weight->count;
}

#define SHAPE(...)                                                                                           \
    (int)(sizeof((size_t[]){__VA_ARGS__}) / sizeof(size_t)), (size_t[]) {                                    \
        __VA_ARGS__                                                                                          \
    }

static void add_block(sn_scorer_weights *w, size_t branch, size_t depth) {
    const size_t d = w->embedding, e = 2 * d;
    char at[56]; /* longer than the sizes allow, as the compiler counts it */
    snprintf(at, sizeof at, "mamba_list.%zu.%zu", branch, depth);
    sn_block_weights *block = &w->blocks[branch * w->depth + depth];
    sn_mixer_weights *mixer = &block->mixer;
    mixer->embedding = d, mixer->states = w->states, mixer->rank = w->rank, mixer->taps = w->taps;
    add(w, &block->norm, SHAPE(d), "%s.norm.weight", at);
    add(w, &block->conv_weight, SHAPE(d, d, 3, 3), "%s.conv.weight", at);
    add(w, &block->conv_bias, SHAPE(d), "%s.conv.bias", at);
    add(w, &mixer->in_proj, SHAPE(2 * e, d), "%s.mixer.in_proj.weight", at);
    add(w, &mixer->conv_weight, SHAPE(e, 1, w->taps), "%s.mixer.conv1d.weight", at);
    add(w, &mixer->conv_bias, SHAPE(e), "%s.mixer.conv1d.bias", at);
    add(w, &mixer->x_proj, SHAPE(w->rank + 2 * w->states, e), "%s.mixer.x_proj.weight", at);
    add(w, &mixer->dt_weight, SHAPE(e, w->rank), "%s.mixer.dt_proj.weight", at);
    add(w, &mixer->dt_bias, SHAPE(e), "%s.mixer.dt_proj.bias", at);
    add(w, &mixer->a_log, SHAPE(e, w->states), "%s.mixer.A_log", at);
    add(w, &mixer->skip, SHAPE(e), "%s.mixer.D", at);
    add(w, &mixer->out_proj, SHAPE(d, e), "%s.mixer.out_proj.weight", at);
}

static void add_head(sn_scorer_weights *w, size_t branch, size_t index) {
    const size_t d = w->embedding;
    sn_head_weights *head = &w->heads[index];
    head->embedding = d, head->rate = w->rates[branch];
    add(w, &head->conv, SHAPE(d, d, 3, 3), "head_list.%zu.0.conv.weight", index);
    add(w, &head->gain, SHAPE(d), "head_list.%zu.0.norm.weight", index);
    add(w, &head->shift, SHAPE(d), "head_list.%zu.0.norm.bias", index);
    add(w, &head->mean, SHAPE(d), "head_list.%zu.0.norm.running_mean", index);
    add(w, &head->variance, SHAPE(d), "head_list.%zu.0.norm.running_var", index);
    add(w, &head->out_weight, SHAPE(1, d, 1, 1), "head_list.%zu.1.weight", index);
    add(w, &head->out_bias, SHAPE(1), "head_list.%zu.1.bias", index);
}

static snarm_status make_table(sn_scorer_weights *w) {
    const size_t heads = w->branches * SN_SCANS, blocks = w->branches * w->depth;
    const size_t tensors =
        NAVIGATOR_TENSORS + w->branches * BRANCH_TENSORS + blocks * BLOCK_TENSORS + heads * HEAD_TENSORS;
    SN_TRY(sn_alloc_zeroed(&w->table, tensors, sizeof *w->table, "scorer weights"));
    SN_TRY(sn_alloc_zeroed(&w->blocks, blocks, sizeof *w->blocks, "scorer weights"));
    SN_TRY(sn_alloc_zeroed(&w->heads, heads, sizeof *w->heads, "scorer weights"));
    add(w, &w->navigator_weight, SHAPE(1, w->channels, 1, 1), "simple_predictor.weight");
    add(w, &w->navigator_bias, SHAPE(1), "simple_predictor.bias");
    for (size_t b = 0; b < w->branches; b++) {
        add(w, &w->embed_weight[b], SHAPE(w->embedding, 2 * w->channels, 1, 1), "conv_list.%zu.weight", b);
        add(w, &w->embed_bias[b], SHAPE(w->embedding), "conv_list.%zu.bias", b);
        for (size_t d = 0; d < w->depth; d++)
            add_block(w, b, d);
        add(w, &w->norm_weight[b], SHAPE(w->embedding), "norm_list.%zu.weight", b);
        add(w, &w->norm_bias[b], SHAPE(w->embedding), "norm_list.%zu.bias", b);
        for (size_t scan = 0; scan < SN_SCANS; scan++)
            add_head(w, b, b * SN_SCANS + scan);
    }
    return SNARM_OK;
}

static snarm_status make_values(sn_scorer_weights *w) {
    SN_TRY(sn_alloc_zeroed(&w->values, w->values_count, sizeof *w->values, "scorer weights"));
    float *at = w->values;
    for (size_t i = 0; i < w->count; i++) {
        w->table[i].data = at;
        *w->table[i].slot = at;
        at += w->table[i].count;
    }
    return SNARM_OK;
}

/* An empty object of these sizes. */
static snarm_status start(sn_scorer_weights **out, const sn_scorer_weights *sizes) {
    *out = NULL;
    sn_scorer_weights *w;
    SN_TRY(sn_alloc_zeroed(&w, 1, sizeof *w, "scorer weights"));
    w->channels = sizes->channels, w->embedding = sizes->embedding;
    w->branches = sizes->branches, w->depth = sizes->depth;
    w->states = sizes->states, w->rank = sizes->rank, w->taps = sizes->taps;
    memcpy(w->rates, sizes->rates, sizeof w->rates);
    w->reference_ratio = sizes->reference_ratio;
    w->residual_scale = sizes->residual_scale, w->prior = sizes->prior, w->neighbours = sizes->neighbours;
    snarm_status status = make_table(w);
    if (status != SNARM_OK) {
        sn_scorer_weights_destroy(w);
        return status;
    }
    *out = w;
    return SNARM_OK;
}

snarm_status sn_scorer_weights_create(sn_scorer_weights **out, const sn_scorer_weights *sizes) {
    SN_TRY(start(out, sizes));
    snarm_status status = make_values(*out);
    if (status != SNARM_OK) {
        sn_scorer_weights_destroy(*out);
        *out = NULL;
    }
    return status;
}

void sn_scorer_weights_destroy(sn_scorer_weights *weights) {
    if (weights == NULL)
        return;
    sn_free(weights->table);
    sn_free(weights->values);
    sn_free(weights->blocks);
    sn_free(weights->heads);
    sn_free(weights);
}

/* A file's tensors whose names begin with prefix. */
typedef struct source {
    const sn_safetensors *file;
    const char *prefix;
} source;

static const sn_tensor *find(const source *from, const char *list, size_t i, const char *rest) {
    char name[NAME_MAX_ALL];
    snprintf(name, sizeof name, "%s%s.%zu.%s", from->prefix, list, i, rest);
    return sn_safetensors_find(from->file, name);
}

static snarm_status require(const source *from, const char *name, int dims, const int64_t *shape,
                            const sn_tensor **out) {
    char full[NAME_MAX_ALL];
    snprintf(full, sizeof full, "%s%s", from->prefix, name);
    return sn_safetensors_require(from->file, full, dims, shape, out);
}

static snarm_status check_size(const source *from, const sn_tensor *tensor, int dimension, size_t least,
                               size_t most, size_t *out) {
    int64_t size = tensor->shape[dimension];
    if (size < (int64_t)least || size > (int64_t)most)
        return sn_error(SNARM_ERROR_FORMAT, "%s: tensor %s has size %lld in dimension %d, expected %zu..%zu",
                        sn_safetensors_path(from->file), tensor->name, (long long)size, dimension, least,
                        most);
    *out = (size_t)size;
    return SNARM_OK;
}

static snarm_status read_sizes(sn_scorer_weights *sizes, const source *from) {
    const sn_tensor *tensor;
    SN_TRY(require(from, "simple_predictor.weight", 4, (int64_t[]){1, -1, 1, 1}, &tensor));
    SN_TRY(check_size(from, tensor, 1, 2, CHANNELS_MAX, &sizes->channels));
    if (sizes->channels % 2 != 0)
        return sn_error(SNARM_ERROR_FORMAT, "%s: tensor %s has %zu channels, expected an even number",
                        sn_safetensors_path(from->file), tensor->name, sizes->channels);
    SN_TRY(
        require(from, "conv_list.0.weight", 4, (int64_t[]){-1, 2 * (int64_t)sizes->channels, 1, 1}, &tensor));
    SN_TRY(check_size(from, tensor, 0, 1, SN_EMBEDDING_MAX, &sizes->embedding));
    const int64_t inner = 2 * (int64_t)sizes->embedding;
    SN_TRY(require(from, "mamba_list.0.0.mixer.A_log", 2, (int64_t[]){inner, -1}, &tensor));
    SN_TRY(check_size(from, tensor, 1, 1, SN_STATES_MAX, &sizes->states));
    SN_TRY(require(from, "mamba_list.0.0.mixer.dt_proj.weight", 2, (int64_t[]){inner, -1}, &tensor));
    SN_TRY(check_size(from, tensor, 1, 1, SN_EMBEDDING_MAX, &sizes->rank));
    SN_TRY(require(from, "mamba_list.0.0.mixer.conv1d.weight", 3, (int64_t[]){inner, 1, -1}, &tensor));
    SN_TRY(check_size(from, tensor, 2, 1, TAPS_MAX, &sizes->taps));
    sizes->branches = 1, sizes->depth = 1;
    while (sizes->branches < SN_BRANCHES_MAX && find(from, "conv_list", sizes->branches, "weight") != NULL)
        sizes->branches++;
    while (sizes->depth < SN_DEPTH_MAX && find(from, "mamba_list.0", sizes->depth, "norm.weight") != NULL)
        sizes->depth++;
    return SNARM_OK;
}

/* Numbers separated by commas, one a branch. */
static snarm_status read_rates(sn_scorer_weights *sizes, const source *from) {
    char key[NAME_MAX_ALL];
    snprintf(key, sizeof key, "%sscales", from->prefix);
    const char *text = sn_safetensors_metadata(from->file, key);
    if (text == NULL && sizes->branches == 4)
        text = "3,6,12,24";
    if (text == NULL)
        return sn_error(SNARM_ERROR_FORMAT,
                        "%s: metadata %s is absent, expected the atrous rates of %zu branches",
                        sn_safetensors_path(from->file), key, sizes->branches);
    int32_t rates[SN_BRANCHES_MAX];
    size_t count;
    if (!sn_number_list_read(text, 1, SN_RATE_MAX, SN_BRANCHES_MAX, rates, &count) || count != sizes->branches)
        return sn_error(SNARM_ERROR_FORMAT, "%s: metadata %s is '%s', expected %zu numbers of 1..%d like 3,6,12,24",
                        sn_safetensors_path(from->file), key, text, sizes->branches, SN_RATE_MAX);
    for (size_t b = 0; b < count; b++)
        sizes->rates[b] = (size_t)rates[b];
    return SNARM_OK;
}

static snarm_status read_ratio(sn_scorer_weights *sizes, const source *from) {
    char key[NAME_MAX_ALL];
    snprintf(key, sizeof key, "%sself_ratio", from->prefix);
    if (sn_safetensors_metadata(from->file, key) == NULL)
        return SNARM_OK;
    return sn_safetensors_metadata_double(from->file, key, 1e-6, 1 - 1e-6, &sizes->reference_ratio);
}

static const char *key_of(char key[NAME_MAX_ALL], const source *from, const char *name) {
    snprintf(key, NAME_MAX_ALL, "%s%s", from->prefix, name);
    return sn_safetensors_metadata(from->file, key);
}

/* The channels of the prior's stages. */
static snarm_status read_stages(sn_scorer_weights *sizes, const source *from) {
    char key[NAME_MAX_ALL];
    const char *text = key_of(key, from, "prior_stages");
    if (text == NULL)
        return SNARM_OK;
    sn_stages *stages = &sizes->prior.stages;
    size_t count;
    if (!sn_number_list_read(text, 2, CHANNELS_MAX, SN_STAGES_MAX, stages->channels, &count))
        return sn_error(SNARM_ERROR_FORMAT, "%s: metadata %s is '%.80s', expected 1..%d numbers of 2..%d like 64,128",
                        sn_safetensors_path(from->file), key, text, SN_STAGES_MAX, CHANNELS_MAX);
    stages->count = (int32_t)count;
    if (sn_check_stages(stages, (int32_t)sizes->channels, key) != SNARM_OK)
        return sn_error_prefix(SNARM_ERROR_FORMAT, "%s: metadata", sn_safetensors_path(from->file));
    return SNARM_OK;
}

static snarm_status read_calibration(sn_scorer_weights *sizes, const source *from) {
    char key[NAME_MAX_ALL];
    sizes->residual_scale = 1, sizes->prior = (sn_prior){.centre = 1}, sizes->neighbours = 0;
    if (key_of(key, from, "residual_scale") != NULL)
        SN_TRY(sn_safetensors_metadata_double(from->file, key, 1e-18, 1e18, &sizes->residual_scale));
    if (key_of(key, from, "prior_slope") != NULL) {
        SN_TRY(sn_safetensors_metadata_double(from->file, key, 0, 1e6, &sizes->prior.slope));
        key_of(key, from, "prior_centre");
        SN_TRY(sn_safetensors_metadata_double(from->file, key, 1e-30, 1e30, &sizes->prior.centre));
        if (key_of(key, from, "prior_border") != NULL)
            SN_TRY(sn_safetensors_metadata_double(from->file, key, 0, 2, &sizes->prior.border));
        SN_TRY(read_stages(sizes, from));
    }
    if (key_of(key, from, "neighbours") == NULL)
        return SNARM_OK;
    int64_t neighbours;
    SN_TRY(sn_safetensors_metadata_int(from->file, key, 1, 64, &neighbours));
    sizes->neighbours = (int32_t)neighbours;
    return SNARM_OK;
}

static snarm_status read_values(sn_scorer_weights *w, const source *from, const sn_tensor *const *tensors) {
    for (size_t i = 0; i < w->count; i++) {
        const sn_weight *weight = &w->table[i];
        SN_TRY(sn_tensor_to_f32(from->file, tensors[i], weight->data));
        const size_t name = strlen(weight->name), ending = strlen("running_var");
        const bool variance = name > ending && strcmp(weight->name + name - ending, "running_var") == 0;
        for (size_t j = 0; j < weight->count; j++)
            if (!isfinite(weight->data[j]) || (variance && weight->data[j] < 0))
                return sn_error(SNARM_ERROR_FORMAT,
                                "%s: tensor %s has the value %g at %zu, expected a finite %snumber",
                                sn_safetensors_path(from->file), tensors[i]->name, (double)weight->data[j], j,
                                variance ? "positive " : "");
    }
    return SNARM_OK;
}

static snarm_status fill(sn_scorer_weights *w, const source *from) {
    const sn_tensor **tensors;
    SN_TRY(sn_alloc(&tensors, w->count, sizeof *tensors, "scorer weights"));
    snarm_status status = SNARM_OK;
    /* All shapes first: memory is taken only for what is really there. */
    for (size_t i = 0; i < w->count && status == SNARM_OK; i++)
        status = require(from, w->table[i].name, w->table[i].dims, w->table[i].shape, &tensors[i]);
    if (status == SNARM_OK)
        status = make_values(w);
    if (status == SNARM_OK)
        status = read_values(w, from, tensors);
    sn_free(tensors);
    return status;
}

snarm_status sn_scorer_weights_load(sn_scorer_weights **out, const sn_safetensors *file, const char *prefix) {
    *out = NULL;
    if (strlen(prefix) >= PREFIX_MAX)
        return sn_error(SNARM_ERROR_ARGUMENT, "scorer: the prefix '%s' is longer than %d characters", prefix,
                        PREFIX_MAX - 1);
    const source from = {file, prefix};
    sn_scorer_weights sizes = {0};
    SN_TRY(read_sizes(&sizes, &from));
    SN_TRY(read_rates(&sizes, &from));
    SN_TRY(read_ratio(&sizes, &from));
    SN_TRY(read_calibration(&sizes, &from));
    sn_scorer_weights *w;
    SN_TRY(start(&w, &sizes));
    snarm_status status = fill(w, &from);
    if (status != SNARM_OK) {
        sn_scorer_weights_destroy(w);
        return status;
    }
    *out = w;
    return SNARM_OK;
}
