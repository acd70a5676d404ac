#define _GNU_SOURCE
#include "io/safetensors.h"

#include "core/memory.h"
#include "core/number.h"
#include "io/half.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The reference implementation's own limit; a header names tensors, and 100 MB is a million of them. */
enum { HEADER_MAX = 100000000 };

struct sn_safetensors {
    char *path; /* or the name of what is in memory */
    const unsigned char *bytes;
    size_t size;
    bool mapped; /* bytes are a mapping of the file; else the caller's */
    json_t *header; /* owns the names and the metadata */
    const json_t *metadata;
    sn_tensor *tensors; /* by name */
    size_t count;
};

static const struct {
    const char *name;
    size_t bytes;
} dtypes[SN_DTYPES] = {[SN_F64] = {"F64", 8}, [SN_F32] = {"F32", 4},   [SN_F16] = {"F16", 2}, [SN_BF16] = {"BF16", 2},
                       [SN_I64] = {"I64", 8}, [SN_I32] = {"I32", 4},   [SN_I16] = {"I16", 2}, [SN_I8] = {"I8", 1},
                       [SN_U64] = {"U64", 8}, [SN_U32] = {"U32", 4},   [SN_U16] = {"U16", 2}, [SN_U8] = {"U8", 1},
                       [SN_BOOL] = {"BOOL", 1}};

const char *sn_dtype_name(sn_dtype dtype) {
    return dtypes[dtype].name;
}

size_t sn_dtype_bytes(sn_dtype dtype) {
    return dtypes[dtype].bytes;
}

static snarm_status check_size(const sn_safetensors *file) {
    if (file->size < 10) /* a length and "{}" */
        return sn_error(SNARM_ERROR_FORMAT, "%s: %zu bytes are too few for a safetensors file", file->path, file->size);
    return SNARM_OK;
}

static snarm_status map_file(sn_safetensors *file) {
    int descriptor = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return sn_error(SNARM_ERROR_IO, "%s: cannot be opened: %s", file->path, strerror(errno));
    struct stat info;
    snarm_status status = SNARM_OK;
    if (fstat(descriptor, &info) != 0)
        status = sn_error(SNARM_ERROR_IO, "%s: %s", file->path, strerror(errno));
    else if (!S_ISREG(info.st_mode))
        status = sn_error(SNARM_ERROR_IO, "%s: is not a regular file", file->path);
    else if (info.st_size == 0) /* nothing that could be mapped */
        status = check_size(file);
    else {
        file->size = (size_t)info.st_size;
        void *map = mmap(NULL, file->size, PROT_READ, MAP_PRIVATE, descriptor, 0);
        if (map == MAP_FAILED)
            status = sn_error(SNARM_ERROR_IO, "%s: cannot be mapped: %s", file->path, strerror(errno));
        else
            file->bytes = map, file->mapped = true;
    }
    close(descriptor);
    return status;
}

/* A JSON number that is a whole one from 0 up: jansson keeps integers as 64 bits and refuses larger ones. */
static bool read_size(const json_t *value, uint64_t *out) {
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *out = (uint64_t)json_integer_value(value);
    return true;
}

static snarm_status read_shape(const sn_safetensors *file, sn_tensor *tensor, const json_t *shape) {
    if (!json_is_array(shape) || json_array_size(shape) > SN_DIMS_MAX)
        return sn_error(SNARM_ERROR_FORMAT, "%s: tensor %.80s: shape is not a list of at most %d sizes", file->path,
                        tensor->name, SN_DIMS_MAX);
    tensor->dims = (int)json_array_size(shape);
    tensor->count = 1;
    for (int i = 0; i < tensor->dims; i++) {
        uint64_t size;
        if (!read_size(json_array_get(shape, (size_t)i), &size))
            return sn_error(SNARM_ERROR_FORMAT, "%s: tensor %.80s: shape[%d] is not a size", file->path, tensor->name, i);
        tensor->shape[i] = (int64_t)size;
        if (!sn_multiply(&tensor->count, tensor->count, size))
            return sn_error(SNARM_ERROR_FORMAT, "%s: tensor %.80s: shape[%d] = %llu makes it too large", file->path,
                            tensor->name, i, (unsigned long long)size);
    }
    return SNARM_OK;
}

static snarm_status read_tensor(const sn_safetensors *file, sn_tensor *tensor, const char *name, const json_t *entry,
                                size_t data_begin) {
    tensor->name = name;
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    if (dtype == NULL)
        return sn_error(SNARM_ERROR_FORMAT, "%s: tensor %.80s: no dtype", file->path, name);
    int type = 0;
    while (type < SN_DTYPES && strcmp(dtypes[type].name, dtype) != 0)
        type++;
    if (type == SN_DTYPES)
        return sn_error(SNARM_ERROR_UNSUPPORTED, "%s: tensor %.80s: dtype %.20s is not known", file->path, name, dtype);
    tensor->dtype = (sn_dtype)type;
    SN_TRY(read_shape(file, tensor, json_object_get(entry, "shape")));
    if (!sn_multiply(&tensor->bytes, tensor->count, dtypes[type].bytes))
        return sn_error(SNARM_ERROR_FORMAT, "%s: tensor %.80s: too large", file->path, name);
    const json_t *offsets = json_object_get(entry, "data_offsets");
    uint64_t begin, end;
    if (json_array_size(offsets) != 2 || !read_size(json_array_get(offsets, 0), &begin) ||
        !read_size(json_array_get(offsets, 1), &end))
        return sn_error(SNARM_ERROR_FORMAT, "%s: tensor %.80s: data_offsets are not two sizes", file->path, name);
    const uint64_t data_bytes = file->size - data_begin;
    if (begin > end || end > data_bytes)
        return sn_error(SNARM_ERROR_FORMAT, "%s: tensor %.80s: data_offsets [%llu, %llu] lie outside the %llu bytes of data",
                        file->path, name, (unsigned long long)begin, (unsigned long long)end,
                        (unsigned long long)data_bytes);
    if (end - begin != tensor->bytes)
        return sn_error(SNARM_ERROR_FORMAT, "%s: tensor %.80s: data_offsets span %llu bytes, its shape and type %zu",
                        file->path, name, (unsigned long long)(end - begin), tensor->bytes);
    tensor->data = file->bytes + data_begin + begin;
    return SNARM_OK;
}

static int by_data(const void *a, const void *b) {
    const sn_tensor *x = *(const sn_tensor *const *)a, *y = *(const sn_tensor *const *)b;
    if (x->data != y->data)
        return (const char *)x->data < (const char *)y->data ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const sn_tensor *)a)->name, ((const sn_tensor *)b)->name);
}

/* Tensors must follow one another and fill the data part: no byte belongs to two, none to nobody. */
static snarm_status check_cover(const sn_safetensors *file, size_t data_begin) {
    const sn_tensor **order;
    SN_TRY(sn_alloc(&order, file->count, sizeof *order, "tensor order"));
    for (size_t i = 0; i < file->count; i++)
        order[i] = &file->tensors[i];
    qsort(order, file->count, sizeof *order, by_data);
    const unsigned char *end = file->bytes + data_begin;
    snarm_status status = SNARM_OK;
    for (size_t i = 0; i < file->count && status == SNARM_OK; i++) {
        const unsigned char *begin = order[i]->data;
        if (begin < end)
            status = sn_error(SNARM_ERROR_FORMAT, "%s: tensor %.80s: its data overlaps another tensor's", file->path,
                              order[i]->name);
        else if (begin > end)
            status = sn_error(SNARM_ERROR_FORMAT, "%s: tensor %.80s: %td bytes before its data belong to no tensor",
                              file->path, order[i]->name, begin - end);
        end = begin + order[i]->bytes;
    }
    sn_free(order);
    if (status == SNARM_OK && end != file->bytes + file->size)
        status = sn_error(SNARM_ERROR_FORMAT, "%s: %td bytes at its end belong to no tensor", file->path,
                          file->bytes + file->size - end);
    return status;
}

static snarm_status read_header(sn_safetensors *file) {
    SN_TRY(check_size(file));
    uint64_t length = 0;
    for (int i = 7; i >= 0; i--)
        length = length << 8 | file->bytes[i];
    if (length > HEADER_MAX || length > file->size - 8)
        return sn_error(SNARM_ERROR_FORMAT, "%s: header length %llu is beyond the file's %zu bytes (or the limit of %d): cut, or not a safetensors file",
                        file->path, (unsigned long long)length, file->size, HEADER_MAX);
    json_error_t problem;
    file->header = json_loadb((const char *)file->bytes + 8, (size_t)length, JSON_REJECT_DUPLICATES, &problem);
    if (!json_is_object(file->header))
        return sn_error(SNARM_ERROR_FORMAT, "%s: header is not a JSON object: %s", file->path,
                        file->header == NULL ? problem.text : "another kind of value");
    file->metadata = json_object_get(file->header, "__metadata__");
    const char *name;
    json_t *entry;
    if (file->metadata != NULL) {
        if (!json_is_object(file->metadata))
            return sn_error(SNARM_ERROR_FORMAT, "%s: __metadata__ is not an object", file->path);
        json_object_foreach((json_t *)(uintptr_t)file->metadata, name, entry)
            if (!json_is_string(entry))
                return sn_error(SNARM_ERROR_FORMAT, "%s: __metadata__ %.80s: not a string", file->path, name);
    }
    const size_t data_begin = 8 + (size_t)length;
    SN_TRY(sn_alloc(&file->tensors, json_object_size(file->header), sizeof *file->tensors, "tensor list"));
    json_object_foreach(file->header, name, entry)
        if (strcmp(name, "__metadata__") != 0)
            SN_TRY(read_tensor(file, &file->tensors[file->count++], name, entry, data_begin));
    qsort(file->tensors, file->count, sizeof *file->tensors, by_name);
    return check_cover(file, data_begin);
}

/* bytes: NULL for a file that is to be mapped. */
static snarm_status open_any(sn_safetensors **out, const char *name, const void *bytes, size_t size) {
    *out = NULL;
    sn_safetensors *file;
    SN_TRY(sn_alloc_zeroed(&file, 1, sizeof *file, "safetensors file"));
    file->bytes = bytes, file->size = size;
    snarm_status status = sn_copy_string(&file->path, name);
    if (status == SNARM_OK && bytes == NULL)
        status = map_file(file);
    if (status == SNARM_OK)
        status = read_header(file);
    if (status != SNARM_OK) {
        sn_safetensors_close(file);
        return status;
    }
    *out = file;
    return SNARM_OK;
}

snarm_status sn_safetensors_open(sn_safetensors **out, const char *path) {
    return open_any(out, path, NULL, 0);
}

snarm_status sn_safetensors_open_memory(sn_safetensors **out, const char *name, const void *bytes, size_t size) {
    return open_any(out, name, bytes, size);
}

void sn_safetensors_close(sn_safetensors *file) {
    if (file == NULL)
        return;
    if (file->mapped)
        munmap((void *)(uintptr_t)file->bytes, file->size);
    json_decref(file->header);
    sn_free(file->tensors);
    sn_free(file->path);
    sn_free(file);
}

snarm_status sn_safetensors_hash(const sn_safetensors *file, char text[SN_HASH_TEXT]) {
    /* Read and not taken from the mapping, of which every page would then count as the process's memory. */
    if (file->mapped)
        return sn_hash_file(file->path, text);
    sn_hash_memory(file->bytes, file->size, text);
    return SNARM_OK;
}

const char *sn_safetensors_path(const sn_safetensors *file) {
    return file->path;
}

size_t sn_safetensors_count(const sn_safetensors *file) {
    return file->count;
}

const sn_tensor *sn_safetensors_at(const sn_safetensors *file, size_t index) {
    return &file->tensors[index];
}

const sn_tensor *sn_safetensors_find(const sn_safetensors *file, const char *name) {
    const sn_tensor key = {.name = name};
    return file->count == 0 ? NULL : bsearch(&key, file->tensors, file->count, sizeof key, by_name);
}

const char *sn_safetensors_metadata(const sn_safetensors *file, const char *key) {
    return json_string_value(json_object_get(file->metadata, key));
}

bool sn_safetensors_metadata_at(const sn_safetensors *file, size_t index, const char **key, const char **value) {
    void *entry = json_object_iter((json_t *)(uintptr_t)file->metadata);
    for (size_t i = 0; i < index && entry != NULL; i++)
        entry = json_object_iter_next((json_t *)(uintptr_t)file->metadata, entry);
    if (entry == NULL)
        return false;
    *key = json_object_iter_key(entry);
    *value = json_string_value(json_object_iter_value(entry));
    return true;
}

static void print_shape(char *text, size_t size, int dims, const int64_t *shape) {
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < dims && used < size; i++)
        used += (size_t)(shape[i] < 0 ? snprintf(text + used, size - used, "%s?", i > 0 ? ", " : "")
                                      : snprintf(text + used, size - used, "%s%lld", i > 0 ? ", " : "", (long long)shape[i]));
}

snarm_status sn_safetensors_require(const sn_safetensors *file, const char *name, int dims, const int64_t *shape,
                                    const sn_tensor **out) {
    const sn_tensor *tensor = sn_safetensors_find(file, name);
    if (tensor == NULL)
        return sn_error(SNARM_ERROR_FORMAT, "%s: tensor %.80s is missing", file->path, name);
    bool fits = tensor->dims == dims;
    for (int i = 0; fits && i < dims; i++)
        fits = shape[i] < 0 || shape[i] == tensor->shape[i];
    if (!fits) {
        char found[128], expected[128];
        print_shape(found, sizeof found, tensor->dims, tensor->shape);
        print_shape(expected, sizeof expected, dims, shape);
        return sn_error(SNARM_ERROR_FORMAT, "%s: tensor %.80s: shape is (%s), expected (%s)", file->path, name, found,
                        expected);
    }
    *out = tensor;
    return SNARM_OK;
}

/* Lets go of the whole pages of a tensor that has been copied: they would count as the process's memory for as long as the file is
 * open, and are read again should they be asked for. What the caller has in memory may not be a file's: its pages would be lost. */
static void let_go(const sn_safetensors *file, const sn_tensor *tensor) {
    if (!file->mapped)
        return;
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)tensor->data, end = begin + tensor->bytes;
    const uintptr_t first = (begin + page - 1) / page * page, last = end / page * page;
    if (first < last)
        (void)madvise((void *)first, last - first, MADV_DONTNEED); /* a wish */
}

static snarm_status convert(const sn_safetensors *file, const sn_tensor *tensor, float *dst) {
    const unsigned char *src = tensor->data;
    switch (tensor->dtype) {
    case SN_F32:
        memcpy(dst, src, tensor->bytes);
        return SNARM_OK;
    case SN_F64:
        for (size_t i = 0; i < tensor->count; i++) {
            double value;
            memcpy(&value, src + 8 * i, sizeof value);
            dst[i] = (float)value;
        }
        return SNARM_OK;
    case SN_F16:
    case SN_BF16:
        for (size_t i = 0; i < tensor->count; i++) {
            uint16_t bits;
            memcpy(&bits, src + 2 * i, sizeof bits);
            dst[i] = tensor->dtype == SN_F16 ? sn_f16_to_f32(bits) : sn_bf16_to_f32(bits);
        }
        return SNARM_OK;
    default:
        return sn_error(SNARM_ERROR_FORMAT, "%s: tensor %.80s: type %s, expected F32, F16, BF16 or F64", file->path,
                        tensor->name, sn_dtype_name(tensor->dtype));
    }
}

snarm_status sn_tensor_to_f32(const sn_safetensors *file, const sn_tensor *tensor, float *dst) {
    SN_TRY(convert(file, tensor, dst));
    let_go(file, tensor);
    return SNARM_OK;
}

snarm_status sn_tensor_to_i32(const sn_safetensors *file, const sn_tensor *tensor, int32_t *dst) {
    if (tensor->dtype != SN_I32 && tensor->dtype != SN_I64)
        return sn_error(SNARM_ERROR_FORMAT, "%s: tensor %.80s: type %s, expected I32 or I64", file->path, tensor->name,
                        sn_dtype_name(tensor->dtype));
    for (size_t i = 0; i < tensor->count; i++) {
        if (tensor->dtype == SN_I32) {
            memcpy(&dst[i], (const unsigned char *)tensor->data + 4 * i, 4);
            continue;
        }
        int64_t value;
        memcpy(&value, (const unsigned char *)tensor->data + 8 * i, 8);
        if (value < INT32_MIN || value > INT32_MAX)
            return sn_error(SNARM_ERROR_FORMAT, "%s: tensor %.80s: value %lld does not fit 32 bits", file->path,
                            tensor->name, (long long)value);
        dst[i] = (int32_t)value;
    }
    return SNARM_OK;
}

snarm_status sn_safetensors_metadata_double(const sn_safetensors *file, const char *key, double least, double most,
                                            double *out) {
    const char *text = sn_safetensors_metadata(file, key);
    if (text == NULL)
        return sn_error(SNARM_ERROR_FORMAT, "%s: metadata %s is missing", file->path, key);
    const char *end;
    double value;
    SN_TRY(sn_number_parse(text, &end, &value));
    if (end == text || *end != '\0' || !(value >= least && value <= most))
        return sn_error(SNARM_ERROR_FORMAT, "%s: metadata %s is '%.40s', expected a number from %g to %g", file->path, key,
                        text, least, most);
    *out = value;
    return SNARM_OK;
}

snarm_status sn_safetensors_metadata_int(const sn_safetensors *file, const char *key, int64_t least, int64_t most,
                                         int64_t *out) {
    const char *text = sn_safetensors_metadata(file, key);
    if (text == NULL)
        return sn_error(SNARM_ERROR_FORMAT, "%s: metadata %s is missing", file->path, key);
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || value < least || value > most)
        return sn_error(SNARM_ERROR_FORMAT, "%s: metadata %s is '%.40s', expected a whole number from %lld to %lld",
                        file->path, key, text, (long long)least, (long long)most);
    *out = value;
    return SNARM_OK;
}
