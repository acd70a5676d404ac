/* Reading and writing safetensors: 8 bytes of header length, a JSON header, raw little-endian tensors. */
#ifndef SN_IO_SAFETENSORS_H
#define SN_IO_SAFETENSORS_H

#include "core/status.h"
#include "io/hash.h"

#include <stddef.h>
#include <stdint.h>

enum { SN_DIMS_MAX = 8 };

/* Values are internal: files spell types by name. */
typedef enum sn_dtype {
    SN_F64, SN_F32, SN_F16, SN_BF16, SN_I64, SN_I32, SN_I16, SN_I8, SN_U64, SN_U32, SN_U16, SN_U8, SN_BOOL,
    SN_DTYPES
} sn_dtype;
const char *sn_dtype_name(sn_dtype dtype);
size_t sn_dtype_bytes(sn_dtype dtype);

typedef struct sn_tensor {
    const char *name;
    sn_dtype dtype;
    int dims;
    int64_t shape[SN_DIMS_MAX];
    size_t count;     /* elements: the product of shape, 1 for a scalar */
    size_t bytes;     /* count * sn_dtype_bytes(dtype) */
    const void *data; /* in the file's bytes: any alignment */
} sn_tensor;

/* An open file, mapped read-only. Everything in its header is checked at open: lengths against the file, offsets
 * against shapes and types, overlaps, gaps, duplicate names. Any number of threads may read it. */
typedef struct sn_safetensors sn_safetensors;
snarm_status sn_safetensors_open(sn_safetensors **out, const char *path);
/* The same of a file that is in memory: bytes are neither copied nor freed, and must stay as they are until it is closed. name
 * stands where the path would, in errors and as sn_safetensors_path. */
snarm_status sn_safetensors_open_memory(sn_safetensors **out, const char *name, const void *bytes, size_t size);
void sn_safetensors_close(sn_safetensors *file);

const char *sn_safetensors_path(const sn_safetensors *file);
/* SHA-256 of the whole file (io/hash.h). */
snarm_status sn_safetensors_hash(const sn_safetensors *file, char text[SN_HASH_TEXT]);
size_t sn_safetensors_count(const sn_safetensors *file);
/* Tensors in the order of their names. */
const sn_tensor *sn_safetensors_at(const sn_safetensors *file, size_t index);
/* NULL if there is none of that name. */
const sn_tensor *sn_safetensors_find(const sn_safetensors *file, const char *name);
/* A string of the header's __metadata__, NULL if absent. */
const char *sn_safetensors_metadata(const sn_safetensors *file, const char *key);

/* Metadata entry index, in no particular order; false past the last. */
bool sn_safetensors_metadata_at(const sn_safetensors *file, size_t index, const char **key, const char **value);

/* The tensor of that name with that many dimensions, of that shape where shape[i] >= 0 (any size where negative).
 * The error names file, tensor, what was found and what was expected. */
snarm_status sn_safetensors_require(const sn_safetensors *file, const char *name, int dims, const int64_t *shape,
                                    const sn_tensor **out);

/* Values as f32 from F64, F32, F16 or BF16; other types are an error that names the tensor. dst has tensor->count floats. */
snarm_status sn_tensor_to_f32(const sn_safetensors *file, const sn_tensor *tensor, float *dst);
/* Values of an I32 or I64 tensor; a value that does not fit is an error. */
snarm_status sn_tensor_to_i32(const sn_safetensors *file, const sn_tensor *tensor, int32_t *dst);

/* Metadata as numbers, with an error naming file, key and value when it is absent, malformed or outside. */
snarm_status sn_safetensors_metadata_int(const sn_safetensors *file, const char *key, int64_t least, int64_t most,
                                         int64_t *out);
snarm_status sn_safetensors_metadata_double(const sn_safetensors *file, const char *key, double least, double most,
                                            double *out);

/* Writing: tensors are announced first (their data stays the caller's and must live until finish), then finish writes a temporary
 * file beside path, flushes it to the disk and renames it: path is whole, or as it was. */
typedef struct sn_writer sn_writer;
snarm_status sn_writer_create(sn_writer **out, const char *path);
/* name and value are copied. */
snarm_status sn_writer_metadata(sn_writer *writer, const char *key, const char *value);
snarm_status sn_writer_metadata_int(sn_writer *writer, const char *key, int64_t value);
/* Written with 17 digits: read back exactly. */
snarm_status sn_writer_metadata_double(sn_writer *writer, const char *key, double value);
/* A name already announced is SNARM_ERROR_ARGUMENT. */
snarm_status sn_writer_tensor(sn_writer *writer, const char *name, sn_dtype dtype, int dims, const int64_t *shape,
                              const void *data);
/* Announces, as new_prefix + name, the tensors old_prefix + name of an open file, which must outlive finish, and all its metadata
 * whose key begins with old_prefix. */
snarm_status sn_writer_copy(sn_writer *writer, const sn_safetensors *file, const char *old_prefix,
                            const char *new_prefix, const char *const *names, size_t count);
snarm_status sn_writer_finish(sn_writer *writer);
/* Frees the writer, finished or not. Harmless with NULL. */
void sn_writer_destroy(sn_writer *writer);

#endif
