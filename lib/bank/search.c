/* Nearest neighbours: blocks of the bank meet tiles of queries in one product each, a running list of the
 * nearest sees the values while they are in the caches, and the distances of the few that remain are computed again from
 * differences, free of the cancellation in |b|^2 - 2 q.b. With a filter the products are those of a few principal axes, in 8-bit
 * integers where the processor has instructions for them, and more remain to be ranked by their true distances. Threads share out
 * the queries and do not wait for each other. */
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
    SPARE_OF_FILTER = 24,
    /* Queries whose lists are kept at a time: bounds the memory of a call. */
    QUERIES_AT_A_TIME = 8192,
    GRAIN = 16 /* rows that threads share out: whole smallest tiles */
};

/* What one thread works in. */
typedef struct bench {
    sn_stream *stream;
    float *values;   /* (tile, block) */
    float *padded;   /* (tile, channels): the last tile of queries */
    float *along;    /* (tile, axes) with a filter */
    int8_t *steps;   /* (queries of the thread, axes) with integers */
    float *floats;   /* (queries of the thread, axes) with a filter but no integers */
    size_t capacity; /* queries that these hold */
    snarm_status status;
} bench;

typedef struct search_state {
    bench benches[SN_THREADS_MAX];
    float *best_values;
    int32_t *best_indices; /* (queries, candidates) both */
    size_t best_capacity;
} search_state;

static void destroy_state(void *pointer) {
    search_state *state = pointer;
    if (state == NULL)
        return;
    for (int i = 0; i < SN_THREADS_MAX; i++) {
        bench *b = &state->benches[i];
        sn_stream_destroy(b->stream);
        sn_free(b->values);
        sn_free(b->padded);
        sn_free(b->along);
        sn_free(b->steps);
        sn_free(b->floats);
    }
    sn_free(state->best_values);
    sn_free(state->best_indices);
    sn_free(state);
}

static snarm_status fill_state(search_state *state, const snarm_bank *bank) {
    for (int i = 0; i < bank->threads; i++) {
        bench *b = &state->benches[i];
        SN_TRY(sn_stream_create(&b->stream));
        SN_TRY(sn_alloc(&b->values, SN_ROW_TILE, bank->block * sizeof(float), "search values"));
        SN_TRY(sn_alloc_zeroed(&b->padded, SN_ROW_TILE, (size_t)bank->channels * sizeof(float), "search queries"));
        if (bank->filter != NULL)
            SN_TRY(sn_alloc(&b->along, SN_ROW_TILE, bank->filter->axes * sizeof(float), "search queries"));
    }
    return SNARM_OK;
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

snarm_status sn_bank_search_create(snarm_bank *bank) {
    SN_TRY(sn_bank_pack(bank));
    return sn_pool_create(&bank->states, create_state, destroy_state, bank);
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
    float *distances;
    int32_t *indices;
} search;

/* The candidates' distances from differences, in order; equal ones by index. */
static void rank_rows(const search *s, size_t begin, size_t end) {
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

/* Queries begin.. as the products see them. */
static snarm_status take_queries(const search *s, bench *b, size_t begin, size_t count, const void **taken) {
    const snarm_bank *bank = s->bank;
    const sn_filter *filter = bank->filter;
    const float *queries = s->queries + begin * (size_t)bank->channels;
    *taken = queries;
    if (filter == NULL)
        return SNARM_OK;
    const bool steps = bank->type == SN_TYPE_S8;
    if (b->capacity < count) {
        if (steps)
            SN_TRY(sn_resize(&b->steps, 0, count, filter->axes, "search queries"));
        else
            SN_TRY(sn_resize(&b->floats, 0, count, filter->axes * sizeof(float), "search queries"));
        b->capacity = count;
    }
    for (size_t first = 0, rows; first < count; first += rows) {
        SN_TRY(sn_row_tiles_run(&filter->tiles, b->stream, queries + first * filter->channels, count - first, filter->packed,
                                filter->origin, b->padded, b->along, &rows));
        const size_t values = rows * filter->axes, at = first * filter->axes;
        if (steps)
            s->simd->scale_s8(b->along, 1 / bank->step, values, b->steps + at);
        else
            memcpy(b->floats + at, b->along, values * sizeof(float));
    }
    *taken = steps ? (const void *)b->steps : b->floats;
    return SNARM_OK;
}

static void scan_rows(const search *s, const bench *b, size_t first_query, size_t rows, size_t first_vector) {
    const size_t block = s->bank->block;
    for (size_t row = 0; row < rows; row++) {
        const size_t list = (first_query + row) * s->candidates;
        s->simd->smallest(b->values + row * block, block, (int32_t)first_vector, s->owners, s->exclude, s->candidates,
                          s->state->best_values + list, s->state->best_indices + list);
    }
}

/* A thread's queries meet the whole bank, each block all of them while it is in the caches. */
static snarm_status meet_bank(const search *s, bench *b, size_t begin, size_t count) {
    const snarm_bank *bank = s->bank;
    const size_t row_bytes = bank->tiles.inner * sn_type_size(bank->type);
    const void *queries;
    SN_TRY(take_queries(s, b, begin, count, &queries));
    for (size_t block = 0; block < bank->blocks; block++)
        for (size_t first = 0, rows; first < count; first += rows) {
            SN_TRY(sn_row_tiles_run(&bank->tiles, b->stream, (const char *)queries + first * row_bytes, count - first,
                                    bank->packed + block * bank->packed_bytes, bank->norms + block * bank->block, b->padded,
                                    b->values, &rows));
            scan_rows(s, b, begin + first, rows, block * bank->block);
        }
    rank_rows(s, begin, begin + count);
    return SNARM_OK;
}

static void search_share(void *context, size_t begin, size_t end, int thread) {
    const search *s = context;
    bench *b = &s->state->benches[thread];
    const int former = sn_threads_enter(1);
    b->status = meet_bank(s, b, begin, end - begin);
    sn_threads_leave(former);
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
    for (int i = 0; i < s->bank->threads; i++)
        state->benches[i].status = SNARM_OK;
    sn_parallel(count, GRAIN, search_share, s);
    for (int i = 0; i < s->bank->threads; i++)
        if (state->benches[i].status != SNARM_OK) /* its sentence stayed with the thread that met it */
            return sn_error(state->benches[i].status, "snarm_bank_search: thread %d of %d: %s", i, s->bank->threads,
                            snarm_status_name(state->benches[i].status));
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
