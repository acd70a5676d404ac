/* Nearest neighbours: blocks of the bank meet tiles of queries in one product each, a running list of the
 * nearest sees the values while they are in the caches, and the distances of the few that remain are computed again from
 * differences, free of the cancellation in |b|^2 - 2 q.b. With a filter the products are those of a few principal axes, in 8-bit
 * integers where the processor has instructions for them, and more remain to be ranked by their true distances; and of the bank's
 * cells a query meets the nearest alone. Threads share out the queries and do not wait for each other. */
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
    SPARE_OF_FILTER = 16,
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
    float *nearness; /* (tile, centres) with cells, and a row more to choose from */
    int32_t *chosen; /* (queries of the thread, probes) cells */
    int32_t *asking; /* as many: the queries of each cell, cell by cell */
    size_t *starts;  /* (cells + 1): where each cell's begin in asking */
    char *gathered;  /* (tile, axes): queries of one cell */
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
        sn_free(b->nearness);
        sn_free(b->chosen);
        sn_free(b->asking);
        sn_free(b->starts);
        sn_free(b->gathered);
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
        if (bank->centres == NULL)
            continue;
        SN_TRY(sn_alloc(&b->nearness, SN_ROW_TILE + 1, bank->centre_tiles.columns * sizeof(float), "search cells"));
        SN_TRY(sn_alloc(&b->starts, bank->blocks + 1, sizeof *b->starts, "search cells"));
        SN_TRY(sn_alloc_zeroed(&b->gathered, SN_ROW_TILE, bank->filter->axes * sizeof(float), "search queries"));
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

snarm_status sn_bank_set_probes(snarm_bank *bank, size_t probes) {
    sn_pool *fresh; /* what states hold is as long as the probes are many */
    SN_TRY(sn_pool_create(&fresh, create_state, destroy_state, bank));
    sn_pool_destroy(bank->states);
    bank->states = fresh;
    bank->filter->cells->probes = probes;
    return SNARM_OK;
}

void sn_bank_search_destroy(snarm_bank *bank) {
    sn_pool_destroy(bank->states);
    sn_row_tiles_release(&bank->tiles);
    sn_row_tiles_release(&bank->centre_tiles);
    void *const blocks[] = {bank->packed, bank->norms, bank->owners, bank->centres, bank->centre_norms, bank->packed_centres};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        sn_free(blocks[i]);
    bank->states = NULL, bank->packed = NULL, bank->norms = NULL;
    bank->owners = NULL, bank->centres = NULL, bank->centre_norms = NULL, bank->packed_centres = NULL;
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

/* Puts a candidate into its place among those before it; equal ones by index. */
static void insert(float *values, int32_t *indices, size_t at, float value, int32_t index) {
    for (; at > 0 && (values[at - 1] > value || (values[at - 1] == value && indices[at - 1] > index)); at--)
        values[at] = values[at - 1], indices[at] = indices[at - 1];
    values[at] = value, indices[at] = index;
}

/* Where all that a query met was excluded: the nearest of the whole bank, one by one. */
static void look_everywhere(const search *s, const float *query, float *values, int32_t *indices) {
    const size_t channels = (size_t)s->bank->channels;
    for (size_t i = 0; i < s->k; i++)
        values[i] = INFINITY, indices[i] = INT32_MAX;
    for (size_t v = 0; v < s->bank->count; v++) {
        if (s->owners != NULL && s->bank->images[v] == s->exclude)
            continue;
        const float value = s->simd->squared_distance(query, s->bank->vectors + v * channels, channels);
        if (value < values[s->k - 1])
            insert(values, indices, s->k - 1, value, (int32_t)v);
    }
}

/* The candidates' distances from differences, in order. */
static void rank_rows(const search *s, size_t begin, size_t end) {
    const size_t channels = (size_t)s->bank->channels;
    const int32_t *order = s->bank->centres != NULL ? s->bank->filter->cells->order : NULL;
    for (size_t row = begin; row < end; row++) {
        float *values = s->state->best_values + row * s->candidates;
        int32_t *indices = s->state->best_indices + row * s->candidates;
        for (size_t i = 0; i < s->candidates; i++) {
            const int32_t place = indices[i], index = place >= 0 && order != NULL ? order[place] : place;
            const float value = index < 0 ? INFINITY
                                          : s->simd->squared_distance(s->queries + row * channels,
                                                                      s->bank->vectors + (size_t)index * channels, channels);
            insert(values, indices, i, value, index);
        }
        if (values[s->k - 1] == INFINITY)
            look_everywhere(s, s->queries + row * channels, values, indices);
        for (size_t i = 0; i < s->k; i++) {
            if (s->distances != NULL)
                s->distances[row * s->k + i] = sqrtf(values[i]);
            if (s->indices != NULL)
                s->indices[row * s->k + i] = indices[i];
        }
    }
}

/* The nearest cells of the queries that lie along the axes in the bench; ties to the smaller cell. */
static snarm_status choose_cells(const snarm_bank *bank, bench *b, size_t first, size_t count) {
    const size_t cells = bank->blocks, columns = bank->centre_tiles.columns, probes = bank->filter->cells->probes;
    float *copy = b->nearness + SN_ROW_TILE * columns;
    for (size_t at = 0, rows; at < count; at += rows)
        SN_TRY(sn_row_tiles_run(&bank->centre_tiles, b->stream, b->along + at * bank->filter->axes, count - at, bank->packed_centres,
                                bank->centre_norms, b->padded, b->nearness + at * columns, &rows));
    for (size_t row = 0; row < count; row++) {
        const float *nearness = b->nearness + row * columns;
        int32_t *chosen = b->chosen + (first + row) * probes;
        memcpy(copy, nearness, cells * sizeof *copy);
        const float last = sn_kth_smallest(copy, cells, probes - 1);
        size_t taken = 0;
        for (size_t c = 0; c < cells; c++)
            if (nearness[c] < last)
                chosen[taken++] = (int32_t)c;
        for (size_t c = 0; taken < probes; c++)
            if (nearness[c] == last)
                chosen[taken++] = (int32_t)c;
        /* The nearest first. */
        size_t nearest = 0;
        for (size_t i = 1; i < probes; i++)
            if (nearness[chosen[i]] < nearness[chosen[nearest]])
                nearest = i;
        const int32_t kept = chosen[0];
        chosen[0] = chosen[nearest];
        chosen[nearest] = kept;
    }
    return SNARM_OK;
}

/* From each query's cells, those first..last - 1 of its choice, to each cell's queries. */
static void list_queries(const snarm_bank *bank, bench *b, size_t count, size_t first, size_t last) {
    const size_t cells = bank->blocks, probes = bank->filter->cells->probes;
    memset(b->starts, 0, (cells + 1) * sizeof *b->starts);
    for (size_t i = 0; i < count; i++)
        for (size_t j = first; j < last; j++)
            b->starts[b->chosen[i * probes + j] + 1]++;
    for (size_t c = 0; c < cells; c++)
        b->starts[c + 1] += b->starts[c];
    for (size_t i = 0; i < count; i++)
        for (size_t j = first; j < last; j++)
            b->asking[b->starts[b->chosen[i * probes + j]]++] = (int32_t)i;
    memmove(b->starts + 1, b->starts, cells * sizeof *b->starts); /* each has moved to its cell's end */
    b->starts[0] = 0;
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
        if (filter->cells != NULL) {
            SN_TRY(sn_resize(&b->chosen, 0, count, filter->cells->probes * sizeof(int32_t), "search cells"));
            SN_TRY(sn_resize(&b->asking, 0, count, filter->cells->probes * sizeof(int32_t), "search cells"));
        }
        b->capacity = count;
    }
    for (size_t first = 0, rows; first < count; first += rows) {
        SN_TRY(sn_row_tiles_run(&filter->tiles, b->stream, queries + first * filter->channels, count - first, filter->packed,
                                filter->origin, b->padded, b->along, &rows));
        if (filter->cells != NULL)
            SN_TRY(choose_cells(bank, b, first, rows));
        const size_t values = rows * filter->axes, at = first * filter->axes;
        if (steps)
            s->simd->scale_s8(b->along, 1 / bank->step, values, b->steps + at);
        else
            memcpy(b->floats + at, b->along, values * sizeof(float));
    }
    *taken = steps ? (const void *)b->steps : b->floats;
    return SNARM_OK;
}

/* queries: which each row is, or NULL: one after the other. */
static void scan_rows(const search *s, const bench *b, size_t first_query, const int32_t *queries, size_t rows, size_t first_vector) {
    const size_t block = s->bank->block;
    for (size_t row = 0; row < rows; row++) {
        const size_t list = (first_query + (queries != NULL ? (size_t)queries[row] : row)) * s->candidates;
        s->simd->smallest(b->values + row * block, block, (int32_t)first_vector, s->owners, s->exclude, s->candidates,
                          s->state->best_values + list, s->state->best_indices + list);
    }
}

/* Each cell meets the queries that have it at first..last - 1 of their choice. */
static snarm_status meet_choice(const search *s, bench *b, size_t begin, size_t count, const char *queries, size_t first, size_t last) {
    const snarm_bank *bank = s->bank;
    const size_t row_bytes = bank->tiles.inner * sn_type_size(bank->type);
    list_queries(bank, b, count, first, last);
    for (size_t cell = 0; cell < bank->blocks; cell++)
        for (size_t at = b->starts[cell], rows; at < b->starts[cell + 1]; at += rows) {
            const size_t left = b->starts[cell + 1] - at;
            const sn_row_tile *tile = sn_row_tiles_choose(&bank->tiles, left);
            rows = left < tile->rows ? left : tile->rows; /* the tile's other rows hold older queries: computed, not looked at */
            for (size_t i = 0; i < rows; i++)
                memcpy(b->gathered + i * row_bytes, queries + (size_t)b->asking[at + i] * row_bytes, row_bytes);
            SN_TRY(sn_gemm_run(tile->gemm, b->stream, b->gathered, bank->packed + cell * bank->packed_bytes,
                               bank->norms + cell * bank->block, b->values));
            scan_rows(s, b, begin, b->asking + at, rows, cell * bank->block);
        }
    return SNARM_OK;
}

/* The nearest cell comes first: it nearly fills the running list, and the others change it little. */
static snarm_status meet_cells(const search *s, bench *b, size_t begin, size_t count, const char *queries) {
    SN_TRY(meet_choice(s, b, begin, count, queries, 0, 1));
    return meet_choice(s, b, begin, count, queries, 1, s->bank->filter->cells->probes);
}

/* A thread's queries meet the whole bank, each block all of them while it is in the caches. */
static snarm_status meet_bank(const search *s, bench *b, size_t begin, size_t count) {
    const snarm_bank *bank = s->bank;
    const size_t row_bytes = bank->tiles.inner * sn_type_size(bank->type);
    const void *queries;
    SN_TRY(take_queries(s, b, begin, count, &queries));
    if (bank->centres != NULL)
        SN_TRY(meet_cells(s, b, begin, count, queries));
    for (size_t block = 0; bank->centres == NULL && block < bank->blocks; block++)
        for (size_t first = 0, rows; first < count; first += rows) {
            SN_TRY(sn_row_tiles_run(&bank->tiles, b->stream, (const char *)queries + first * row_bytes, count - first,
                                    bank->packed + block * bank->packed_bytes, bank->norms + block * bank->block, b->padded,
                                    b->values, &rows));
            scan_rows(s, b, begin + first, NULL, rows, block * bank->block);
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
                .candidates = (size_t)k + (bank->filter != NULL ? SPARE_OF_FILTER : SPARE),
                .owners = exclude < 0 ? NULL : bank->owners != NULL ? bank->owners : bank->images};
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
