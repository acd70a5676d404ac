/* Finds the shortest filter with which searches still find the nearest vectors. */
#include "bank/bank.h"

#include "core/memory.h"
#include "core/threads.h"

#include <math.h>

/* Filters tried, from the cheapest on. One that leaves more than half of the channels is not worth its ranking. */
static const size_t lengths[] = {32, 48, 64, 96, 128, 160, SN_FILTER_AXES_MAX};
enum { LENGTHS = sizeof lengths / sizeof *lengths };
/* Shares of the cells that are tried, in sixteenths. Looking at more of them than that is hardly faster than at all vectors. */
static const size_t shares[] = {1, 2, 3, 4, 5, 6, 8, 10};
enum { SHARES = sizeof shares / sizeof *shares, WHOLE = 16, CELLS_MIN = 32 };

typedef struct tuning {
    snarm_bank *bank;
    const float *queries;
    const int32_t *images;
    size_t count, k;
    float *expected, *found; /* (count, k) distances */
    float *rotation;
    size_t axes;
    bool integers; /* filters are tried with 8-bit integers */
} tuning;

/* Queries that pass over the same image's vectors are searched together. */
static snarm_status search_all(const tuning *t, float *distances) {
    for (size_t first = 0, last; first < t->count; first = last) {
        const int32_t image = t->images != NULL ? t->images[first] : -1;
        for (last = first + 1; last < t->count && (t->images == NULL || t->images[last] == image);)
            last++;
        SN_TRY(snarm_bank_search(t->bank, t->queries + first * (size_t)t->bank->channels, last - first, (int32_t)t->k, image,
                                 distances + first * t->k, NULL));
    }
    return SNARM_OK;
}

/* The share of the true neighbours found: of distances no larger than the true one of the same rank's last. */
static double recall_of(const tuning *t) {
    size_t found = 0;
    for (size_t i = 0; i < t->count; i++) {
        const float farthest = t->expected[i * t->k + t->k - 1] * 1.000001f;
        for (size_t j = 0; j < t->k; j++)
            found += t->found[i * t->k + j] <= farthest;
    }
    return (double)found / (double)(t->count * t->k);
}

/* From now on the bank searches with this filter (NULL: exactly), which it owns, also on failure; then it searches as before. */
static snarm_status use_filter(snarm_bank *bank, sn_filter *filter) {
    snarm_bank former = *bank;
    bank->filter = filter, bank->tiles = (sn_row_tiles){.count = 0};
    bank->packed = NULL, bank->norms = NULL, bank->states = NULL;
    bank->owners = NULL, bank->centres = NULL, bank->centre_norms = NULL, bank->packed_centres = NULL;
    bank->centre_tiles = (sn_row_tiles){.count = 0};
    snarm_status status = sn_bank_search_create(bank);
    if (status != SNARM_OK) {
        sn_bank_search_destroy(bank);
        *bank = former;
        sn_filter_destroy(filter);
        return status;
    }
    sn_bank_search_destroy(&former);
    sn_filter_destroy(former.filter);
    return SNARM_OK;
}

/* All the bank's vectors along the filter's axes. */
static snarm_status project(const snarm_bank *bank, const sn_filter *filter, float *points) {
    sn_stream *stream;
    float *padded = NULL;
    SN_TRY(sn_stream_create(&stream));
    snarm_status status = sn_alloc_zeroed(&padded, SN_ROW_TILE, filter->channels * sizeof(float), "cells");
    if (status == SNARM_OK)
        status = sn_filter_run(filter, stream, bank->vectors, bank->count, padded, points);
    sn_stream_destroy(stream);
    sn_free(padded);
    return status;
}

static snarm_status make_cells(const snarm_bank *bank, const sn_filter *filter, sn_cells **cells) {
    float *points;
    SN_TRY(sn_alloc(&points, bank->count + SN_ROW_TILE, filter->axes * sizeof(float), "cells"));
    snarm_status status = project(bank, filter, points);
    if (status == SNARM_OK)
        status = sn_cells_create(cells, points, bank->count, filter->axes);
    sn_free(points);
    return status;
}

/* The same filter with cells; searches look at the smallest share of them with which they find what is wanted. *enough: whether a share
 * did, else the bank searches with the last one tried. */
static snarm_status try_cells(tuning *t, size_t length, double wanted, bool *enough) {
    snarm_bank *bank = t->bank;
    sn_filter *filter;
    SN_TRY(sn_filter_create(&filter, t->rotation, length, (size_t)bank->channels, 0));
    filter->integers = t->integers;
    snarm_status status = make_cells(bank, filter, &filter->cells);
    if (status != SNARM_OK) {
        sn_filter_destroy(filter);
        return status;
    }
    SN_TRY(use_filter(bank, filter));
    const size_t cells = sn_cells_number(filter->cells);
    for (int i = 0; i < SHARES && !*enough; i++) {
        SN_TRY(sn_bank_set_probes(bank, (cells * shares[i] + WHOLE - 1) / WHOLE));
        SN_TRY(search_all(t, t->found));
        filter->recall = recall_of(t);
        *enough = filter->recall >= wanted;
    }
    return SNARM_OK;
}

/* Leaves the bank with the shortest filter that finds what is wanted; *length 0: none does. */
static snarm_status try_lengths(tuning *t, double wanted, size_t *length) {
    const size_t channels = (size_t)t->bank->channels;
    *length = 0;
    for (int i = 0; i < LENGTHS && lengths[i] <= t->axes && 2 * lengths[i] <= channels && *length == 0; i++) {
        sn_filter *filter;
        SN_TRY(sn_filter_create(&filter, t->rotation, lengths[i], channels, 0));
        filter->integers = t->integers;
        SN_TRY(use_filter(t->bank, filter));
        SN_TRY(search_all(t, t->found));
        filter->recall = recall_of(t);
        if (filter->recall >= wanted)
            *length = lengths[i];
    }
    return *length == 0 ? use_filter(t->bank, NULL) : SNARM_OK;
}

/* What the least is with which the queries given are answered well enough loses more with others: of what may be lost, cells may lose
 * half with these queries, and the axes before them a quarter. */
static snarm_status try_filters(tuning *t, double wanted) {
    size_t length;
    bool enough = false;
    if (t->bank->count >= (size_t)CELLS_MIN * SN_CELL) {
        SN_TRY(try_lengths(t, 1 - 0.25 * (1 - wanted), &length));
        if (length != 0)
            SN_TRY(try_cells(t, length, 1 - 0.5 * (1 - wanted), &enough));
    }
    return enough ? SNARM_OK : try_lengths(t, wanted, &length);
}

static snarm_status tune(tuning *t, double wanted) {
    SN_TRY(use_filter(t->bank, NULL));
    SN_TRY(search_all(t, t->expected));
    SN_TRY(sn_principal_axes(t->bank->vectors, t->bank->count, (size_t)t->bank->channels, SN_FILTER_AXES_MAX, &t->axes, &t->rotation));
    t->integers = sn_bank_may_use_integers(t->bank);
    SN_TRY(try_filters(t, wanted));
    if (t->bank->filter != NULL || !t->integers)
        return SNARM_OK;
    t->integers = false; /* a few long vectors may have left the integers no room */
    return try_filters(t, wanted);
}

snarm_status snarm_bank_tune(snarm_bank *bank, const float *queries, const int32_t *images, size_t count, int32_t k,
                             double recall) {
    if (bank == NULL || queries == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_bank_tune: %s is NULL", bank == NULL ? "bank" : "queries");
    if (count < 1 || k < 1 || k > SNARM_NEIGHBOURS_MAX)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_bank_tune: %s is %lld, expected %s", count < 1 ? "count" : "k",
                        count < 1 ? 0LL : (long long)k, count < 1 ? "1 or more" : "1..64");
    if (!(recall > 0 && recall <= 1))
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_bank_tune: recall is %g, expected above 0, at most 1", recall);
    tuning t = {.bank = bank, .queries = queries, .images = images, .count = count, .k = (size_t)k};
    size_t values;
    if (!sn_multiply(&values, count, (size_t)k))
        return sn_error_memory("distances", SIZE_MAX);
    const int former = sn_threads_enter(bank->threads);
    snarm_status status = sn_alloc(&t.expected, values, sizeof(float), "distances");
    if (status == SNARM_OK)
        status = sn_alloc(&t.found, values, sizeof(float), "distances");
    if (status == SNARM_OK)
        status = tune(&t, recall);
    if (status != SNARM_OK && bank->filter != NULL && bank->filter->recall < recall)
        (void)use_filter(bank, NULL); /* with an error to report already */
    sn_threads_leave(former);
    sn_free(t.expected);
    sn_free(t.found);
    sn_free(t.rotation);
    return status;
}

static const char *precision_note(const snarm_bank *bank) {
    const bool wanted = bank->precision == SNARM_PRECISION_INT8;
    if (bank->filter == NULL)
        return wanted ? "exact searches are made in f32" : "";
    if (bank->type == SN_TYPE_S8 || !(wanted || bank->precision == SNARM_PRECISION_AUTO))
        return "";
    return sn_type_fast(SN_TYPE_S8) ? "the filter was tuned in f32" : "the processor has no instructions for int8";
}

snarm_status snarm_bank_get_search(const snarm_bank *bank, snarm_bank_search_info *info) {
    if (bank == NULL || info == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_bank_get_search: %s is NULL", bank == NULL ? "bank" : "info");
    const sn_cells *cells = bank->filter != NULL ? bank->filter->cells : NULL;
    const snarm_bank_search_info filled = {.struct_size = sizeof filled,
                                           .axes = bank->filter != NULL ? (int32_t)bank->filter->axes : 0,
                                           .recall = bank->filter != NULL ? bank->filter->recall : 1,
                                           .precision = bank->type == SN_TYPE_S8 ? SNARM_PRECISION_INT8 : SNARM_PRECISION_F32,
                                           .cells = cells != NULL ? (int32_t)sn_cells_number(cells) : 0,
                                           .probes = cells != NULL ? (int32_t)cells->probes : 0,
                                           .precision_note = precision_note(bank)};
    SN_TRY(sn_options_check(info->struct_size, offsetof(snarm_bank_search_info, precision), "snarm_bank_search_info"));
    sn_options_write(info, &filled, sizeof filled);
    return SNARM_OK;
}
