/* Nearest neighbours: blocks of the bank meet tiles of queries in one product each, a running list of the
 * nearest sees the values while they are in the caches, and the distances of the few that remain are computed again from
 * differences, free of the cancellation in |b|^2 - 2 q.b. With a filter the products are those of a few principal axes, and
 * more remain to be ranked by their true distances. */
#include "bank/bank.h"

#include "core/memory.h"
#include "core/threads.h"
#include "kernel/finite.h"
#include "kernel/simd.h"

#include <math.h>
#include <string.h>

enum {
    /* Candidates beyond k that are ranked again: the product's rounding can swap only neighbours of nearly equal distance. */
    SPARE = 8,
    /* And those of a filter: a search finds its share of the true neighbours with so many. */
    SPARE_OF_FILTER = 32,
    /* Queries whose lists are kept at a time: bounds the memory of a call. */
    QUERIES_AT_A_TIME = 8192
};

typedef struct search_state {
    sn_stream *stream;
    float *values;    /* (tile, block) */
    float *padded;    /* (tile, channels): the last tile of queries */
    float *projected; /* (queries in whole tiles, axes) with a filter */
    size_t projected_capacity;
    float *best_values;
    int32_t *best_indices; /* (queries, candidates) both */
    size_t best_capacity;
} search_state;

static void destroy_state(void *pointer) {
    search_state *state = pointer;
    if (state == NULL)
        return;
    sn_stream_destroy(state->stream);
    sn_free(state->values);
    sn_free(state->padded);
    sn_free(state->projected);
    sn_free(state->best_values);
    sn_free(state->best_indices);
    sn_free(state);
}

static snarm_status fill_state(search_state *state, const snarm_bank *bank) {
    SN_TRY(sn_stream_create(&state->stream));
    SN_TRY(sn_alloc(&state->values, SN_ROW_TILE, bank->block * sizeof(float), "search values"));
    return sn_alloc_zeroed(&state->padded, SN_ROW_TILE, (size_t)bank->channels * sizeof(float), "search queries");
}

static snarm_status create_state(void **out, const void *owner) {
    search_state *state;
    SN_TRY(sn_alloc_zeroed(&state, 1, sizeof *state, "search state"));
    snarm_status status = fill_state(state, owner);
    if (status != SNARM_OK) {
        destroy_state(state);
        return status;
    }
    *out = state;
    return SNARM_OK;
}

/* Rows first.. of the bank, as the products see them: (rows in whole tiles, inner). */
static snarm_status take_rows(const snarm_bank *bank, sn_stream *stream, size_t first, size_t rows, float *padded, float *dst) {
    const float *vectors = bank->vectors + first * (size_t)bank->channels;
    if (bank->filter != NULL)
        return sn_filter_run(bank->filter, stream, vectors, rows, padded, dst);
    memcpy(dst, vectors, rows * (size_t)bank->channels * sizeof *dst);
    return SNARM_OK;
}

typedef struct packing {
    sn_stream *stream;
    float *scaled; /* (block and a tile, inner) */
    float *padded; /* (tile, channels) */
} packing;

static snarm_status pack_blocks(snarm_bank *bank, packing *work) {
    const size_t inner = bank->tiles.inner;
    const sn_simd *simd = sn_simd_table();
    SN_TRY(sn_stream_create(&work->stream));
    SN_TRY(sn_alloc(&work->scaled, bank->block + SN_ROW_TILE, inner * sizeof(float), "bank block"));
    SN_TRY(sn_alloc_zeroed(&work->padded, SN_ROW_TILE, (size_t)bank->channels * sizeof(float), "bank block"));
    for (size_t b = 0; b < bank->blocks; b++) {
        const size_t first = b * bank->block, left = bank->count - first, rows = left < bank->block ? left : bank->block;
        SN_TRY(take_rows(bank, work->stream, first, rows, work->padded, work->scaled));
        for (size_t i = 0; i < bank->block; i++) {
            float *row = work->scaled + i * inner;
            bank->norms[first + i] = i < rows ? simd->dot(row, row, inner) : INFINITY;
            for (size_t c = 0; c < inner; c++)
                row[c] = i < rows ? -2.0f * row[c] : 0.0f;
        }
        SN_TRY(sn_gemm_pack(bank->tiles.sizes[0].gemm, work->scaled, 0, bank->packed + b * bank->packed_bytes));
    }
    return SNARM_OK;
}

snarm_status sn_bank_search_create(snarm_bank *bank) {
    const size_t whole = (bank->count + 15) / 16 * 16;
    bank->block = whole < SN_BANK_BLOCK ? whole : SN_BANK_BLOCK;
    bank->blocks = (bank->count + bank->block - 1) / bank->block;
    SN_TRY(sn_row_tiles_create(&bank->tiles, bank->filter != NULL ? bank->filter->axes : (size_t)bank->channels, bank->block, true));
    bank->packed_bytes = sn_align_up(sn_gemm_packed_bytes(bank->tiles.sizes[0].gemm));
    SN_TRY(sn_alloc(&bank->packed, bank->blocks, bank->packed_bytes, "packed bank"));
    SN_TRY(sn_alloc(&bank->norms, bank->blocks, bank->block * sizeof(float), "bank norms"));
    packing work = {NULL, NULL, NULL};
    snarm_status status = pack_blocks(bank, &work);
    sn_stream_destroy(work.stream);
    sn_free(work.scaled);
    sn_free(work.padded);
    return status == SNARM_OK ? sn_pool_create(&bank->states, create_state, destroy_state, bank) : status;
}

void sn_bank_search_destroy(snarm_bank *bank) {
    sn_pool_destroy(bank->states);
    sn_row_tiles_release(&bank->tiles);
    sn_free(bank->packed);
    sn_free(bank->norms);
    bank->states = NULL, bank->packed = NULL, bank->norms = NULL;
}

/* One call's work on up to QUERIES_AT_A_TIME queries. */
typedef struct search {
    const snarm_bank *bank;
    const sn_simd *simd;
    search_state *state;
    const float *queries;
    size_t k, candidates;
    int32_t exclude;
    const int32_t *owners; /* NULL without exclusion */
    size_t tile_first, block_first;
    float *distances;
    int32_t *indices;
} search;

static void scan_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const search *s = context;
    const size_t block = s->bank->block;
    for (size_t row = begin; row < end; row++) {
        const size_t list = (s->tile_first + row) * s->candidates;
        s->simd->smallest(s->state->values + row * block, block, (int32_t)s->block_first, s->owners, s->exclude,
                          s->candidates, s->state->best_values + list, s->state->best_indices + list);
    }
}

/* The candidates' distances from differences, in order; equal ones by index. */
static void rank_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const search *s = context;
    const size_t channels = (size_t)s->bank->channels;
    for (size_t row = begin; row < end; row++) {
        float *values = s->state->best_values + row * s->candidates;
        int32_t *indices = s->state->best_indices + row * s->candidates;
        for (size_t i = 0; i < s->candidates; i++) {
            const int32_t index = indices[i];
            const float value = index < 0 ? INFINITY
                                          : s->simd->squared_distance(s->queries + row * channels,
                                                                      s->bank->vectors + (size_t)index * channels, channels);
            size_t at = i;
            for (; at > 0 && (values[at - 1] > value || (values[at - 1] == value && indices[at - 1] > index)); at--)
                values[at] = values[at - 1], indices[at] = indices[at - 1];
            values[at] = value, indices[at] = index;
        }
        for (size_t i = 0; i < s->k; i++) {
            if (s->distances != NULL)
                s->distances[row * s->k + i] = sqrtf(values[i]);
            if (s->indices != NULL)
                s->indices[row * s->k + i] = indices[i];
        }
    }
}

/* queries: as the products see them. */
static snarm_status meet_block(search *s, const float *queries, size_t block, size_t count) {
    const snarm_bank *bank = s->bank;
    s->block_first = block * bank->block;
    for (size_t rows; s->tile_first < count; s->tile_first += rows) {
        SN_TRY(sn_row_tiles_run(&bank->tiles, s->state->stream, queries + s->tile_first * bank->tiles.inner, count - s->tile_first,
                            bank->packed + block * bank->packed_bytes, bank->norms + s->block_first, s->state->padded,
                            s->state->values, &rows));
        sn_parallel(rows, 4, scan_rows, s);
    }
    s->tile_first = 0;
    return SNARM_OK;
}

/* The queries along the filter's axes. */
static snarm_status project(search *s, size_t count, const float **projected) {
    const sn_filter *filter = s->bank->filter;
    search_state *state = s->state;
    const size_t floats = (count + SN_ROW_TILE) * filter->axes;
    if (state->projected_capacity < floats) {
        SN_TRY(sn_resize(&state->projected, 0, floats, sizeof(float), "search queries"));
        state->projected_capacity = floats;
    }
    SN_TRY(sn_filter_run(filter, state->stream, s->queries, count, state->padded, state->projected));
    *projected = state->projected;
    return SNARM_OK;
}

static snarm_status search_some(search *s, size_t count) {
    search_state *state = s->state;
    const size_t lists = count * s->candidates;
    if (state->best_capacity < lists) {
        SN_TRY(sn_resize(&state->best_values, 0, lists, sizeof(float), "search lists"));
        SN_TRY(sn_resize(&state->best_indices, 0, lists, sizeof(int32_t), "search lists"));
        state->best_capacity = lists;
    }
    for (size_t i = 0; i < lists; i++) {
        state->best_values[i] = INFINITY;
        state->best_indices[i] = -1;
    }
    const float *queries = s->queries;
    if (s->bank->filter != NULL)
        SN_TRY(project(s, count, &queries));
    for (size_t block = 0; block < s->bank->blocks; block++)
        SN_TRY(meet_block(s, queries, block, count));
    sn_parallel(count, 16, rank_rows, s);
    return SNARM_OK;
}

static snarm_status check_search(const snarm_bank *bank, const float *queries, size_t count, int32_t k,
                                 int32_t exclude) {
    if (bank == NULL || (queries == NULL && count > 0))
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_bank_search: %s is NULL", bank == NULL ? "bank" : "queries");
    if (exclude < -1)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_bank_search: exclude is %d, expected -1 or more", (int)exclude);
    size_t usable = bank->count;
    for (size_t i = 0; exclude >= 0 && i < bank->count; i++)
        usable -= bank->images[i] == exclude;
    if (k < 1 || k > SNARM_NEIGHBOURS_MAX || (size_t)k > usable)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_bank_search: k is %d, expected 1..%d and at most the %zu vectors searched",
                        (int)k, SNARM_NEIGHBOURS_MAX, usable);
    return SNARM_OK;
}

static snarm_status check_queries(const snarm_bank *bank, const float *queries, size_t count) {
    const size_t wrong = sn_find_not_finite(queries, count * (size_t)bank->channels);
    if (wrong == SIZE_MAX)
        return SNARM_OK;
    return sn_error(SNARM_ERROR_ARGUMENT, "snarm_bank_search: query %zu holds a value that is not finite",
                    wrong / (size_t)bank->channels);
}

snarm_status snarm_bank_search(const snarm_bank *bank, const float *queries, size_t count, int32_t k, int32_t exclude,
                               float *distances, int32_t *indices) {
    SN_TRY(check_search(bank, queries, count, k, exclude));
    void *state;
    SN_TRY(sn_pool_take(bank->states, &state));
    search s = {.bank = bank, .simd = sn_simd_table(), .state = state, .k = (size_t)k, .exclude = exclude,
                .candidates = (size_t)k + (bank->filter != NULL ? SPARE_OF_FILTER : SPARE), .owners = exclude >= 0 ? bank->images : NULL};
    const int former = sn_threads_enter(bank->threads);
    snarm_status status = check_queries(bank, queries, count);
    for (size_t first = 0; first < count && status == SNARM_OK; first += QUERIES_AT_A_TIME) {
        const size_t some = count - first < QUERIES_AT_A_TIME ? count - first : QUERIES_AT_A_TIME;
        s.queries = queries + first * (size_t)bank->channels;
        s.distances = distances != NULL ? distances + first * (size_t)k : NULL;
        s.indices = indices != NULL ? indices + first * (size_t)k : NULL;
        status = search_some(&s, some);
    }
    sn_threads_leave(former);
    sn_pool_give(bank->states, state);
    return status;
}

void sn_mean_distances(const float *distances, size_t count, size_t k, float *means) {
    for (size_t i = 0; i < count; i++) {
        float sum = 0;
        for (size_t j = 0; j < k; j++)
            sum += distances[i * k + j];
        means[i] = sum / (float)k;
    }
}
