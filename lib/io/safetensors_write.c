#define _GNU_SOURCE
#include "core/memory.h"
#include "core/number.h"
#include "io/safetensors.h"
#include "io/whole_file.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct entry {
    const void *data;
    size_t bytes;
} entry;

struct sn_writer {
    char *path;
    json_t *header, *metadata;
    entry *entries;
    size_t count, capacity;
    uint64_t data_bytes;
};

snarm_status sn_writer_create(sn_writer **out, const char *path) {
    *out = NULL;
    sn_writer *writer;
    SN_TRY(sn_alloc_zeroed(&writer, 1, sizeof *writer, "safetensors writer"));
    snarm_status status = sn_copy_string(&writer->path, path);
    if (status == SNARM_OK) {
        writer->header = json_object();
        writer->metadata = json_object();
        /* An object owns what is put into it; it holds no references back. */
        if (writer->metadata == NULL || json_object_set(writer->header, "__metadata__", writer->metadata) != 0)
            status = sn_error_memory("safetensors header", 0);
    }
    if (status != SNARM_OK) {
        sn_writer_destroy(writer);
        return status;
    }
    *out = writer;
    return SNARM_OK;
}

void sn_writer_destroy(sn_writer *writer) {
    if (writer == NULL)
        return;
    json_decref(writer->header);
    json_decref(writer->metadata);
    sn_free(writer->entries);
    sn_free(writer->path);
    sn_free(writer);
}

snarm_status sn_writer_metadata(sn_writer *writer, const char *key, const char *value) {
    if (json_object_set_new(writer->metadata, key, json_string(value)) != 0)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: metadata %s is not UTF-8 (or memory is short)", writer->path, key);
    return SNARM_OK;
}

snarm_status sn_writer_metadata_int(sn_writer *writer, const char *key, int64_t value) {
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    return sn_writer_metadata(writer, key, text);
}

snarm_status sn_writer_metadata_double(sn_writer *writer, const char *key, double value) {
    char text[48];
    SN_TRY(sn_number_print(text, sizeof text, value));
    return sn_writer_metadata(writer, key, text);
}

snarm_status sn_writer_tensor(sn_writer *writer, const char *name, sn_dtype dtype, int dims, const int64_t *shape,
                              const void *data) {
    if (json_object_get(writer->header, name) != NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: tensor %.80s: named twice", writer->path, name);
    if (writer->count == writer->capacity) {
        size_t capacity = writer->capacity * 2 + 16;
        SN_TRY(sn_resize(&writer->entries, writer->count * sizeof(entry), capacity, sizeof(entry), "tensor list"));
        writer->capacity = capacity;
    }
    size_t bytes = sn_dtype_bytes(dtype);
    json_t *sizes = json_array();
    bool whole = sizes != NULL;
    for (int i = 0; i < dims && whole; i++)
        whole = sn_multiply(&bytes, bytes, (size_t)shape[i]) && json_array_append_new(sizes, json_integer(shape[i])) == 0;
    json_t *description =
        whole ? json_pack("{s:s, s:O, s:[I, I]}", "dtype", sn_dtype_name(dtype), "shape", sizes, "data_offsets",
                          (json_int_t)writer->data_bytes, (json_int_t)(writer->data_bytes + bytes))
              : NULL;
    json_decref(sizes);
    if (description == NULL || json_object_set_new(writer->header, name, description) != 0)
        return sn_error_memory("safetensors header", bytes);
    writer->entries[writer->count++] = (entry){data, bytes};
    writer->data_bytes += bytes;
    return SNARM_OK;
}

static snarm_status join(char *out, size_t size, const char *prefix, const char *name) {
    int length = snprintf(out, size, "%s%s", prefix, name);
    if (length < 0 || (size_t)length >= size)
        return sn_error(SNARM_ERROR_UNSUPPORTED, "name %.80s is longer than %zu bytes", name, size - 1);
    return SNARM_OK;
}

snarm_status sn_writer_copy(sn_writer *writer, const sn_safetensors *file, const char *old_prefix,
                            const char *new_prefix, const char *const *names, size_t count) {
    char name[512];
    for (size_t i = 0; i < count; i++) {
        SN_TRY(join(name, sizeof name, old_prefix, names[i]));
        const sn_tensor *tensor = sn_safetensors_find(file, name);
        if (tensor == NULL)
            return sn_error(SNARM_ERROR_MISMATCH, "%s: tensor %.80s is missing", sn_safetensors_path(file), name);
        SN_TRY(join(name, sizeof name, new_prefix, names[i]));
        SN_TRY(sn_writer_tensor(writer, name, tensor->dtype, tensor->dims, tensor->shape, tensor->data));
    }
    const char *key, *value;
    for (size_t i = 0; sn_safetensors_metadata_at(file, i, &key, &value); i++) {
        if (strncmp(key, old_prefix, strlen(old_prefix)) != 0)
            continue;
        SN_TRY(join(name, sizeof name, new_prefix, key + strlen(old_prefix)));
        SN_TRY(sn_writer_metadata(writer, name, value));
    }
    return SNARM_OK;
}

snarm_status sn_writer_finish(sn_writer *writer) {
    /* Keys are kept in the order in which they were set, which is the order of the data. */
    char *header = json_dumps(writer->header, JSON_COMPACT);
    if (header == NULL)
        return sn_error_memory("safetensors header", 0);
    /* Spaces after the JSON bring the data to a whole cache line, so that mapped tensors are aligned. */
    size_t length = strlen(header), padded = sn_align_up(8 + length) - 8;
    unsigned char prefix[8];
    for (int i = 0; i < 8; i++)
        prefix[i] = (unsigned char)((uint64_t)padded >> 8 * i);
    char spaces[SN_ALIGNMENT];
    memset(spaces, ' ', sizeof spaces);
    sn_whole_file *file;
    snarm_status status = sn_whole_file_create(&file, writer->path);
    if (status == SNARM_OK) {
        sn_whole_file_write(file, prefix, sizeof prefix);
        sn_whole_file_write(file, header, length);
        sn_whole_file_write(file, spaces, padded - length);
        for (size_t i = 0; i < writer->count; i++)
            sn_whole_file_write(file, writer->entries[i].data, writer->entries[i].bytes);
        status = sn_whole_file_finish(file, SN_WHOLE_FILE_DURABLE);
    }
    free(header);
    return status;
}
