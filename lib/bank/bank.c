#include "bank/bank.h"

#include "core/memory.h"
#include "core/threads.h"
#include "kernel/finite.h"

#include <string.h>

enum { CHANNELS_MAX = 4096 };
static const size_t COUNT_MAX = 2000000000;

static snarm_status check_vectors(const float *vectors, size_t count, int32_t channels) {
    const size_t wrong = sn_find_not_finite(vectors, count * (size_t)channels);
    if (wrong == SIZE_MAX)
        return SNARM_OK;
    return sn_error(SNARM_ERROR_ARGUMENT, "bank: vector %zu holds a value that is not finite", wrong / (size_t)channels);
}

static snarm_status count_images(snarm_bank *bank) {
    int32_t largest = 0;
    for (size_t i = 0; i < bank->count; i++) {
        if (bank->images[i] < 0 || bank->images[i] == INT32_MAX)
            return sn_error(SNARM_ERROR_ARGUMENT, "bank: images[%zu] is %d, expected 0..%d", i, (int)bank->images[i],
                            INT32_MAX - 1);
        if (bank->images[i] > largest)
            largest = bank->images[i];
    }
    bank->image_count = largest + 1;
    return SNARM_OK;
}

static snarm_status check_size(size_t count, int64_t channels) {
    if (count < 1 || count > COUNT_MAX)
        return sn_error(SNARM_ERROR_ARGUMENT, "bank: count is %zu, expected 1..%zu", count, COUNT_MAX);
    if (channels < 1 || channels > CHANNELS_MAX)
        return sn_error(SNARM_ERROR_ARGUMENT, "bank: channels is %lld, expected 1..%d", (long long)channels,
                        CHANNELS_MAX);
    return SNARM_OK;
}

snarm_status sn_bank_options_read(snarm_bank_options *out, const snarm_bank_options *given) {
    snarm_bank_options_init(out);
    SN_TRY(sn_options_read(out, sizeof *out, given, offsetof(snarm_bank_options, precision), "snarm_bank_options"));
    if (out->exact != 0 && out->exact != 1)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_bank_options: exact is %d, expected 0..1", (int)out->exact);
    return sn_precision_check(out->precision, "snarm_bank_options");
}

/* The common end of every way to make a bank: what it holds is set, except the search's side. */
static snarm_status complete(snarm_bank *bank, const snarm_bank_options *given) {
    snarm_bank_options options;
    SN_TRY(sn_bank_options_read(&options, given));
    if (options.exact == 1) {
        sn_filter_destroy(bank->filter);
        bank->filter = NULL;
    }
    bank->threads = sn_threads_resolve(options.threads);
    bank->precision = options.precision;
    int former = sn_threads_enter(bank->threads);
    snarm_status status = count_images(bank);
    if (status == SNARM_OK)
        status = check_vectors(bank->vectors, bank->count, bank->channels);
    if (status == SNARM_OK)
        status = sn_bank_search_create(bank);
    sn_threads_leave(former);
    return status;
}

/* The end of making a bank over arrays that are already in place. */
static snarm_status finish(snarm_bank **out, snarm_bank *bank, const snarm_bank_options *options) {
    snarm_status status = check_size(bank->count, bank->channels);
    if (status == SNARM_OK)
        status = complete(bank, options);
    if (status != SNARM_OK) {
        snarm_bank_destroy(bank);
        return status;
    }
    *out = bank;
    return SNARM_OK;
}

snarm_status sn_bank_create_view(snarm_bank **out, const float *vectors, const int32_t *images, size_t count,
                                 int32_t channels, const snarm_bank_options *options, sn_filter *filter,
                                 sn_safetensors *file) {
    *out = NULL;
    snarm_bank *bank;
    snarm_status status = sn_alloc_zeroed(&bank, 1, sizeof *bank, "bank");
    if (status != SNARM_OK) {
        sn_filter_destroy(filter);
        sn_safetensors_close(file);
        return status;
    }
    *bank = (snarm_bank){
        .count = count, .channels = channels, .vectors = vectors, .images = images, .filter = filter, .file = file};
    return finish(out, bank, options);
}

snarm_status sn_bank_adopt(snarm_bank **out, float *vectors, int32_t *images, size_t count, int32_t channels,
                           const snarm_bank_options *options) {
    *out = NULL;
    snarm_bank *bank;
    snarm_status status = sn_alloc_zeroed(&bank, 1, sizeof *bank, "bank");
    if (status != SNARM_OK) {
        sn_free(vectors);
        sn_free(images);
        return status;
    }
    *bank = (snarm_bank){.count = count, .channels = channels, .vectors = vectors, .images = images,
                         .owned_vectors = vectors, .owned_images = images};
    return finish(out, bank, options);
}

/* One part of a bank in the making. */
typedef struct part {
    const float *vectors;
    const int32_t *images; /* NULL: one image a vector */
    size_t count;
    int64_t image_count; /* by which the images of later parts are shifted */
} part;

static snarm_status fill(snarm_bank *bank, const part *parts, size_t part_count) {
    const size_t channels = (size_t)bank->channels;
    SN_TRY(sn_alloc(&bank->owned_vectors, bank->count, channels * sizeof(float), "bank vectors"));
    SN_TRY(sn_alloc(&bank->owned_images, bank->count, sizeof(int32_t), "bank images"));
    bank->vectors = bank->owned_vectors, bank->images = bank->owned_images;
    size_t at = 0;
    int64_t shift = 0;
    for (size_t p = 0; p < part_count; p++) {
        memcpy(bank->owned_vectors + at * channels, parts[p].vectors, parts[p].count * channels * sizeof(float));
        for (size_t i = 0; i < parts[p].count; i++, at++) {
            int64_t image = parts[p].images != NULL ? parts[p].images[i] : (int64_t)i;
            if (image < 0 || image + shift >= INT32_MAX)
                return sn_error(SNARM_ERROR_ARGUMENT, "bank: images[%zu] is %lld, expected 0 to 2^31 - 2 in all", i,
                                (long long)image);
            bank->owned_images[at] = (int32_t)(image + shift);
        }
        shift += parts[p].image_count;
    }
    return SNARM_OK;
}

static snarm_status create_from_parts(snarm_bank **out, const part *parts, size_t part_count, int32_t channels,
                                      const snarm_bank_options *options) {
    *out = NULL;
    snarm_bank *bank;
    SN_TRY(sn_alloc_zeroed(&bank, 1, sizeof *bank, "bank"));
    bank->channels = channels;
    snarm_status status = SNARM_OK;
    for (size_t p = 0; p < part_count && status == SNARM_OK; p++) {
        status = check_size(parts[p].count, channels);
        bank->count += parts[p].count;
    }
    if (status == SNARM_OK)
        status = check_size(bank->count, channels);
    if (status == SNARM_OK)
        status = fill(bank, parts, part_count);
    if (status != SNARM_OK) {
        snarm_bank_destroy(bank);
        return status;
    }
    return finish(out, bank, options);
}

snarm_status snarm_bank_create(snarm_bank **out, const float *vectors, const int32_t *images, size_t count,
                               int32_t channels, const snarm_bank_options *options) {
    if (out == NULL || vectors == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_bank_create: %s is NULL", out == NULL ? "out" : "vectors");
    const part only = {vectors, images, count, 0};
    return create_from_parts(out, &only, 1, channels, options);
}

snarm_status snarm_bank_merge(snarm_bank **out, const snarm_bank *const *banks, size_t count,
                              const snarm_bank_options *options) {
    if (out == NULL || banks == NULL || count == 0)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_bank_merge: %s", count == 0 ? "count is 0" : "a pointer is NULL");
    *out = NULL;
    part *parts;
    SN_TRY(sn_alloc(&parts, count, sizeof *parts, "list of banks"));
    snarm_status status = SNARM_OK;
    for (size_t i = 0; i < count && status == SNARM_OK; i++) {
        if (banks[i] == NULL)
            status = sn_error(SNARM_ERROR_ARGUMENT, "snarm_bank_merge: banks[%zu] is NULL", i);
        else if (banks[i]->channels != banks[0]->channels)
            status = sn_error(SNARM_ERROR_MISMATCH, "snarm_bank_merge: banks[%zu] has %d channels, banks[0] has %d", i,
                              (int)banks[i]->channels, (int)banks[0]->channels);
        else
            parts[i] = (part){banks[i]->vectors, banks[i]->images, banks[i]->count, banks[i]->image_count};
    }
    if (status == SNARM_OK)
        status = create_from_parts(out, parts, count, banks[0]->channels, options);
    sn_free(parts);
    return status;
}

snarm_status snarm_bank_add(snarm_bank **out, const snarm_bank *bank, const float *vectors, const int32_t *images,
                            size_t count, const snarm_bank_options *options) {
    if (out == NULL || bank == NULL || vectors == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_bank_add: %s is NULL",
                        out == NULL ? "out" : bank == NULL ? "bank" : "vectors");
    const part parts[] = {{bank->vectors, bank->images, bank->count, bank->image_count}, {vectors, images, count, 0}};
    return create_from_parts(out, parts, 2, bank->channels, options);
}

void snarm_bank_destroy(snarm_bank *bank) {
    if (bank == NULL)
        return;
    sn_bank_search_destroy(bank);
    sn_filter_destroy(bank->filter);
    sn_free(bank->owned_vectors);
    sn_free(bank->owned_images);
    sn_safetensors_close(bank->file);
    sn_free(bank);
}

snarm_status snarm_bank_get_size(const snarm_bank *bank, size_t *count, int32_t *channels, int32_t *images) {
    if (bank == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_bank_get_size: bank is NULL");
    if (count != NULL)
        *count = bank->count;
    if (channels != NULL)
        *channels = bank->channels;
    if (images != NULL)
        *images = bank->image_count;
    return SNARM_OK;
}

snarm_status snarm_bank_get_vectors(const snarm_bank *bank, const float **vectors, const int32_t **images) {
    if (bank == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_bank_get_vectors: bank is NULL");
    if (vectors != NULL)
        *vectors = bank->vectors;
    if (images != NULL)
        *images = bank->images;
    return SNARM_OK;
}
