#include "backbone/weights.h"

#include "core/memory.h"
#include "core/number.h"
#include "kernel/finite.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

snarm_status sn_weights_init(sn_weights *weights, const sn_safetensors *file, const char *prefix) {
    memset(weights, 0, sizeof *weights);
    weights->file = file;
    weights->outer = strlen(prefix);
    if (weights->outer > SN_WEIGHTS_NAME / 2)
        return sn_error(SNARM_ERROR_ARGUMENT, "backbone: prefix has %zu characters, expected at most %d",
                        weights->outer, SN_WEIGHTS_NAME / 2);
    memcpy(weights->prefix, prefix, weights->outer + 1);
    return SNARM_OK;
}

void sn_weights_release(sn_weights *weights) {
    for (size_t i = 0; i < weights->used_count; i++)
        sn_free(weights->used[i]);
    sn_free(weights->used);
    memset(weights, 0, sizeof *weights);
}

/* Prefix and formatted rest; false when it does not fit, which no tensor's name that a network looks for does. */
static bool full_name(const sn_weights *weights, char *name, const char *format, va_list arguments) {
    size_t length = strlen(weights->prefix);
    memcpy(name, weights->prefix, length);
    int added = vsnprintf(name + length, SN_WEIGHTS_NAME - length, format, arguments);
    return added >= 0 && (size_t)added < SN_WEIGHTS_NAME - length;
}

bool sn_weights_choose_prefix(sn_weights *weights, const char *probe) {
    static const char *const usual[] = {"", "model.", "backbone.", "module.", "vit.", "dinov2.", "dinov2_with_registers."};
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        strcpy(weights->prefix + weights->outer, usual[i]);
        if (sn_weights_find(weights, "%s", probe) != NULL)
            return true;
    }
    weights->prefix[weights->outer] = '\0';
    return false;
}

const sn_tensor *sn_weights_find(const sn_weights *weights, const char *format, ...) {
    char name[SN_WEIGHTS_NAME];
    va_list arguments;
    va_start(arguments, format);
    bool fits = full_name(weights, name, format, arguments);
    va_end(arguments);
    return fits ? sn_safetensors_find(weights->file, name) : NULL;
}

static snarm_status require(const sn_weights *weights, const sn_tensor **out, int dims, const int64_t *shape,
                            const char *format, va_list arguments) {
    char name[SN_WEIGHTS_NAME];
    *out = NULL;
    if (!full_name(weights, name, format, arguments))
        return sn_error(SNARM_ERROR_FORMAT, "%s: the name of a tensor after the prefix %s is too long",
                        sn_safetensors_path(weights->file), weights->prefix);
    return sn_safetensors_require(weights->file, name, dims, shape, out);
}

snarm_status sn_weights_require(const sn_weights *weights, const sn_tensor **out, int dims, const int64_t *shape,
                                const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    snarm_status status = require(weights, out, dims, shape, format, arguments);
    va_end(arguments);
    return status;
}

static bool is_used(const sn_weights *weights, const char *name) {
    for (size_t i = 0; i < weights->used_count; i++)
        if (strcmp(weights->used[i], name + weights->outer) == 0)
            return true;
    return false;
}

static snarm_status note_used(sn_weights *weights, const char *name) {
    if (is_used(weights, name))
        return SNARM_OK;
    if (weights->used_count == weights->used_capacity) {
        size_t capacity = weights->used_capacity * 2 + 64;
        SN_TRY(sn_resize(&weights->used, weights->used_count * sizeof *weights->used, capacity,
                         sizeof *weights->used, "names of tensors"));
        weights->used_capacity = capacity;
    }
    SN_TRY(sn_copy_string(&weights->used[weights->used_count], name + weights->outer));
    weights->used_count++;
    return SNARM_OK;
}

snarm_status sn_weights_read(sn_weights *weights, float *dst, int dims, const int64_t *shape, const char *format, ...) {
    const sn_tensor *tensor;
    va_list arguments;
    va_start(arguments, format);
    snarm_status status = require(weights, &tensor, dims, shape, format, arguments);
    va_end(arguments);
    if (status != SNARM_OK)
        return status;
    SN_TRY(sn_tensor_to_f32(weights->file, tensor, dst));
    const size_t wrong = sn_find_not_finite(dst, tensor->count);
    if (wrong != SIZE_MAX)
        return sn_error(SNARM_ERROR_FORMAT, "%s: tensor %s has %f at element %zu, expected finite numbers",
                        sn_safetensors_path(weights->file), tensor->name, (double)dst[wrong], wrong);
    return note_used(weights, tensor->name);
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

snarm_status sn_weights_refuse_unused(const sn_weights *weights, const char *format, ...) {
    char start[SN_WEIGHTS_NAME];
    va_list arguments;
    va_start(arguments, format);
    bool fits = full_name(weights, start, format, arguments);
    va_end(arguments);
    for (size_t i = 0; fits && i < sn_safetensors_count(weights->file); i++) {
        const char *name = sn_safetensors_at(weights->file, i)->name;
        /* The counter that PyTorch keeps beside batch statistics has no part in inference. */
        if (strncmp(name, start, strlen(start)) != 0 || is_used(weights, name) || ends_with(name, "num_batches_tracked"))
            continue;
        return sn_error(SNARM_ERROR_UNSUPPORTED, "%s: tensor %s belongs to no architecture that this version knows",
                        sn_safetensors_path(weights->file), name);
    }
    return SNARM_OK;
}

static const char *key_under(const sn_weights *weights, const char *key, char *full) {
    snprintf(full, SN_WEIGHTS_NAME, "%.*s%s", (int)weights->outer, weights->prefix, key);
    return full;
}

const char *sn_weights_metadata(const sn_weights *weights, const char *key) {
    char full[SN_WEIGHTS_NAME];
    return sn_safetensors_metadata(weights->file, key_under(weights, key, full));
}

snarm_status sn_weights_metadata_int(const sn_weights *weights, const char *key, int64_t least, int64_t most,
                                     int64_t otherwise, int64_t *out) {
    char full[SN_WEIGHTS_NAME];
    *out = otherwise;
    if (sn_weights_metadata(weights, key) == NULL)
        return SNARM_OK;
    return sn_safetensors_metadata_int(weights->file, key_under(weights, key, full), least, most, out);
}

snarm_status sn_weights_metadata_double(const sn_weights *weights, const char *key, double least, double most,
                                        double otherwise, double *out) {
    char full[SN_WEIGHTS_NAME];
    *out = otherwise;
    if (sn_weights_metadata(weights, key) == NULL)
        return SNARM_OK;
    return sn_safetensors_metadata_double(weights->file, key_under(weights, key, full), least, most, out);
}

static snarm_status parse_triple(const char *text, double least, double most, float *out, bool *good) {
    *good = false;
    for (int i = 0; i < 3; i++) {
        const char *end;
        double value;
        SN_TRY(sn_number_parse(text, &end, &value));
        if (end == text || *end != (i < 2 ? ',' : '\0') || !(value >= least && value <= most))
            return SNARM_OK;
        out[i] = (float)value;
        text = end + 1;
    }
    *good = true;
    return SNARM_OK;
}

snarm_status sn_weights_metadata_triple(const sn_weights *weights, const char *key, double least, double most,
                                        const float *otherwise, float *out) {
    const char *text = sn_weights_metadata(weights, key);
    memcpy(out, otherwise, 3 * sizeof *out);
    if (text == NULL)
        return SNARM_OK;
    bool good;
    SN_TRY(parse_triple(text, least, most, out, &good));
    if (good)
        return SNARM_OK;
    return sn_error(SNARM_ERROR_FORMAT, "%s: metadata %.*s%s is '%.80s', expected three numbers in %g..%g as '0.5,0.5,0.5'",
                    sn_safetensors_path(weights->file), (int)weights->outer, weights->prefix, key, text, least, most);
}
