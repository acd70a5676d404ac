#include "bank/bank.h"
#include "core/memory.h"
#include "kernel/finite.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAME_MAX_BYTES = 128 };

snarm_status sn_bank_write(const snarm_bank *bank, sn_writer *writer, const char *prefix) {
    const int64_t shape[] = {(int64_t)bank->count, bank->channels};
    char name[NAME_MAX_BYTES];
    snprintf(name, sizeof name, "%svectors", prefix);
    SN_TRY(sn_writer_tensor(writer, name, SN_F32, 2, shape, bank->vectors));
    snprintf(name, sizeof name, "%simages", prefix);
    SN_TRY(sn_writer_tensor(writer, name, SN_I32, 1, shape, bank->images));
    if (bank->filter == NULL)
        return SNARM_OK;
    snprintf(name, sizeof name, "%saxes", prefix);
    SN_TRY(sn_writer_tensor(writer, name, SN_F32, 2, (int64_t[]){(int64_t)bank->filter->axes, bank->channels},
                            bank->filter->rotation));
    snprintf(name, sizeof name, "%srecall", prefix);
    SN_TRY(sn_writer_metadata_double(writer, name, bank->filter->recall));
    if (bank->filter->integers) {
        snprintf(name, sizeof name, "%sintegers", prefix);
        SN_TRY(sn_writer_metadata(writer, name, "1"));
    }
    const sn_cells *cells = bank->filter->cells;
    if (cells == NULL)
        return SNARM_OK;
    snprintf(name, sizeof name, "%sorder", prefix);
    SN_TRY(sn_writer_tensor(writer, name, SN_I32, 1, shape, cells->order));
    snprintf(name, sizeof name, "%sprobes", prefix);
    return sn_writer_metadata_double(writer, name, (double)cells->probes);
}

/* The cells of a filter, if the file has them. */
static snarm_status read_cells(const sn_safetensors *file, const char *prefix, size_t count, sn_cells **cells) {
    char name[NAME_MAX_BYTES], key[NAME_MAX_BYTES];
    snprintf(name, sizeof name, "%sorder", prefix);
    if (sn_safetensors_find(file, name) == NULL)
        return SNARM_OK;
    const sn_tensor *order;
    SN_TRY(sn_safetensors_require(file, name, 1, (int64_t[]){(int64_t)count}, &order));
    if (order->dtype != SN_I32 || (uintptr_t)order->data % 4 != 0)
        return sn_error(SNARM_ERROR_FORMAT, "%s: tensor %s: type %s, expected %s on a multiple of 4 bytes", sn_safetensors_path(file),
                        name, sn_dtype_name(order->dtype), sn_dtype_name(SN_I32));
    double probes;
    snprintf(key, sizeof key, "%sprobes", prefix);
    SN_TRY(sn_safetensors_metadata_double(file, key, 1, (double)count, &probes));
    if (probes != floor(probes))
        return sn_error(SNARM_ERROR_FORMAT, "%s: metadata %s is %g, expected a whole number", sn_safetensors_path(file), key, probes);
    snarm_status status = sn_cells_from_order(cells, order->data, count, (size_t)probes);
    return status == SNARM_OK ? SNARM_OK : sn_error_prefix(status, "%s: tensor %s", sn_safetensors_path(file), name);
}

/* The filter, if the file has one: *filter is NULL if not. */
static snarm_status read_filter(const sn_safetensors *file, const char *prefix, size_t count, int64_t channels, sn_filter **filter) {
    *filter = NULL;
    char name[NAME_MAX_BYTES];
    snprintf(name, sizeof name, "%saxes", prefix);
    if (sn_safetensors_find(file, name) == NULL)
        return SNARM_OK;
    const sn_tensor *axes;
    SN_TRY(sn_safetensors_require(file, name, 2, (int64_t[]){-1, channels}, &axes));
    if (axes->shape[0] < 1 || axes->shape[0] > SN_FILTER_AXES_MAX || axes->shape[0] > channels)
        return sn_error(SNARM_ERROR_FORMAT, "%s: tensor %s has %lld rows, expected 1..%d and at most the %lld channels",
                        sn_safetensors_path(file), name, (long long)axes->shape[0], SN_FILTER_AXES_MAX, (long long)channels);
    double recall;
    char key[NAME_MAX_BYTES];
    snprintf(key, sizeof key, "%srecall", prefix);
    SN_TRY(sn_safetensors_metadata_double(file, key, 0, 1, &recall));
    float *rotation;
    SN_TRY(sn_alloc(&rotation, axes->count, sizeof *rotation, "filter"));
    snarm_status status = sn_tensor_to_f32(file, axes, rotation);
    const size_t wrong = status == SNARM_OK ? sn_find_not_finite(rotation, axes->count) : SIZE_MAX;
    if (wrong != SIZE_MAX)
        status = sn_error(SNARM_ERROR_FORMAT, "%s: tensor %s: value %zu is not finite", sn_safetensors_path(file), name, wrong);
    if (status == SNARM_OK)
        status = sn_filter_create(filter, rotation, (size_t)axes->shape[0], (size_t)channels, recall);
    sn_free(rotation);
    if (status == SNARM_OK) {
        snprintf(key, sizeof key, "%sintegers", prefix);
        const char *integers = sn_safetensors_metadata(file, key);
        (*filter)->integers = integers != NULL && strcmp(integers, "1") == 0;
        status = read_cells(file, prefix, count, &(*filter)->cells);
    }
    if (status != SNARM_OK) {
        sn_filter_destroy(*filter);
        *filter = NULL;
    }
    return status;
}

/* Finds both tensors with the types and alignment that let them be used where they lie. */
static snarm_status find(const sn_safetensors *file, const char *prefix, const sn_tensor **vectors,
                         const sn_tensor **images) {
    char name[NAME_MAX_BYTES];
    snprintf(name, sizeof name, "%svectors", prefix);
    SN_TRY(sn_safetensors_require(file, name, 2, (int64_t[]){-1, -1}, vectors));
    snprintf(name, sizeof name, "%simages", prefix);
    SN_TRY(sn_safetensors_require(file, name, 1, (*vectors)->shape, images));
    const sn_tensor *const found[] = {*vectors, *images};
    static const sn_dtype types[] = {SN_F32, SN_I32};
    for (int i = 0; i < 2; i++) {
        if (found[i]->dtype != types[i])
            return sn_error(SNARM_ERROR_FORMAT, "%s: tensor %s: type %s, expected %s", sn_safetensors_path(file),
                            found[i]->name, sn_dtype_name(found[i]->dtype), sn_dtype_name(types[i]));
        if ((uintptr_t)found[i]->data % 4 != 0)
            return sn_error(SNARM_ERROR_FORMAT, "%s: tensor %s: its data does not begin on a multiple of 4 bytes",
                            sn_safetensors_path(file), found[i]->name);
    }
    if ((*vectors)->shape[1] > INT32_MAX)
        return sn_error(SNARM_ERROR_FORMAT, "%s: tensor %s: %lld channels", sn_safetensors_path(file),
                        (*vectors)->name, (long long)(*vectors)->shape[1]);
    return SNARM_OK;
}

/* What is wrong with the values of a file is the file's fault, not an argument's. */
static snarm_status blame(const char *path, snarm_status status) {
    if (status == SNARM_OK)
        return SNARM_OK;
    return sn_error_prefix(status == SNARM_ERROR_ARGUMENT ? SNARM_ERROR_FORMAT : status, "%s", path);
}

snarm_status sn_bank_read(snarm_bank **out, const sn_safetensors *file, const char *prefix,
                          const snarm_bank_options *options) {
    *out = NULL;
    const sn_tensor *vectors, *images;
    SN_TRY(find(file, prefix, &vectors, &images));
    sn_filter *filter;
    SN_TRY(read_filter(file, prefix, (size_t)vectors->shape[0], vectors->shape[1], &filter));
    return blame(sn_safetensors_path(file),
                 sn_bank_create_view(out, vectors->data, images->data, (size_t)vectors->shape[0],
                                     (int32_t)vectors->shape[1], options, filter, NULL));
}

snarm_status snarm_bank_save(const snarm_bank *bank, const char *path) {
    if (bank == NULL || path == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_bank_save: %s is NULL", bank == NULL ? "bank" : "path");
    sn_writer *writer;
    SN_TRY(sn_writer_create(&writer, path));
    snarm_status status = sn_writer_metadata(writer, "format", "snarm bank 1");
    if (status == SNARM_OK)
        status = sn_bank_write(bank, writer, "");
    if (status == SNARM_OK)
        status = sn_writer_finish(writer);
    sn_writer_destroy(writer);
    return status;
}

snarm_status snarm_bank_load(snarm_bank **out, const char *path, const snarm_bank_options *options) {
    if (out == NULL || path == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_bank_load: %s is NULL", out == NULL ? "out" : "path");
    *out = NULL;
    snarm_bank_options checked; /* here, as whatever fails from here on is the file's fault */
    SN_TRY(sn_bank_options_read(&checked, options));
    sn_safetensors *file;
    SN_TRY(sn_safetensors_open(&file, path));
    const sn_tensor *vectors, *images;
    sn_filter *filter = NULL;
    snarm_status status = find(file, "", &vectors, &images);
    if (status == SNARM_OK)
        status = read_filter(file, "", (size_t)vectors->shape[0], vectors->shape[1], &filter);
    if (status != SNARM_OK) {
        sn_safetensors_close(file);
        return status;
    }
    return blame(path, sn_bank_create_view(out, vectors->data, images->data, (size_t)vectors->shape[0],
                                           (int32_t)vectors->shape[1], options, filter, file));
}
