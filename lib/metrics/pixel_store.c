#include "metrics/pixel_store.h"

#include "core/keys.h"
#include "core/memory.h"
#include "core/radix_sort.h"
#include "core/threads.h"

enum { CHUNK_MINIMUM = 1 << 20 };

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static snarm_status reserve_normals(sn_pixel_store *store, size_t count) {
    size_t room = store->normal_capacity - store->normal_count;
    if (count <= room)
        return SNARM_OK;
    if (store->chunk_count == SN_PIXEL_CHUNKS)
        return sn_error(SNARM_ERROR_INTERNAL, "snarm_pixel_metrics_add: all %d chunks are full",
                        SN_PIXEL_CHUNKS);
    size_t capacity = larger(larger(CHUNK_MINIMUM, store->normal_count / 4), count - room);
    sn_pixel_chunk *chunk = &store->chunks[store->chunk_count];
    SN_TRY(sn_alloc(&chunk->keys, capacity, sizeof *chunk->keys, "snarm_pixel_metrics_add: normal pixels"));
    chunk->count = 0;
    chunk->capacity = capacity;
    chunk->sorted = true;
    store->chunk_count++;
    store->normal_capacity += capacity;
    return SNARM_OK;
}

/* block holds used items of that size and shall have room for more. */
static snarm_status reserve_items(void *block, size_t used, size_t *capacity, size_t more, size_t size,
                                  const char *what) {
    if (more <= *capacity - used)
        return SNARM_OK;
    size_t grown = larger(used + more, *capacity + *capacity / 2);
    SN_TRY(sn_resize(block, used * size, grown, size, what));
    *capacity = grown;
    return SNARM_OK;
}

snarm_status sn_pixel_store_reserve(sn_pixel_store *store, size_t normals, size_t defects, size_t regions) {
    SN_TRY(reserve_normals(store, normals));
    SN_TRY(reserve_items(&store->defects, store->defect_count, &store->defect_capacity, defects,
                         sizeof *store->defects, "snarm_pixel_metrics_add: defective pixels"));
    return reserve_items(&store->weights, store->region_count, &store->region_capacity, regions,
                         sizeof *store->weights, "snarm_pixel_metrics_add: regions");
}

/* The normal pixels' keys go where the chunks have room. */
static void append_normals(sn_pixel_store *store, const float *map, const uint32_t *labels, size_t count) {
    sn_pixel_chunk *chunk = store->chunks;
    for (size_t i = 0; i < count; i++) {
        if (labels != NULL && labels[i] != 0)
            continue;
        while (chunk->count == chunk->capacity)
            chunk++;
        chunk->sorted = false;
        chunk->keys[chunk->count++] = sn_score_key(map[i]);
        store->normal_count++;
    }
}

static void append_defects(sn_pixel_store *store, const float *map, const uint32_t *labels, size_t count,
                           uint32_t regions) {
    double *weights = store->weights + store->region_count;
    for (uint32_t region = 0; region < regions; region++)
        weights[region] = 0.0;
    for (size_t i = 0; i < count; i++) {
        if (labels[i] == 0)
            continue;
        uint64_t region = store->region_count + labels[i] - 1;
        store->defects[store->defect_count++] = (uint64_t)sn_score_key(map[i]) << 32 | region;
        weights[labels[i] - 1] += 1.0;
    }
    for (uint32_t region = 0; region < regions; region++)
        weights[region] = 1.0 / weights[region];
    store->region_count += regions;
}

void sn_pixel_store_append(sn_pixel_store *store, const float *map, const uint32_t *labels, size_t count,
                           uint32_t regions) {
    append_normals(store, map, labels, count);
    if (labels != NULL)
        append_defects(store, map, labels, count, regions);
}

static snarm_status sort_normals(sn_pixel_store *store, int threads) {
    size_t largest = 0;
    for (int i = 0; i < store->chunk_count; i++)
        if (!store->chunks[i].sorted)
            largest = larger(largest, store->chunks[i].count);
    if (largest == 0)
        return SNARM_OK;
    uint32_t *scratch;
    SN_TRY(sn_alloc(&scratch, largest, sizeof *scratch, "snarm_pixel_metrics_finish: sorting normal pixels"));
    for (int i = 0; i < store->chunk_count; i++) {
        sn_pixel_chunk *chunk = &store->chunks[i];
        if (!chunk->sorted)
            sn_radix_sort_keys(chunk->keys, scratch, chunk->count, threads);
        chunk->sorted = true;
    }
    sn_free(scratch);
    return SNARM_OK;
}

typedef struct gap_count {
    const sn_pixel_store *store;
    sn_pixel_gap *gaps;
} gap_count;

/* The place of the first key that is not below the given one. */
static size_t lower_bound(const sn_pixel_chunk *chunk, uint32_t key) {
    size_t begin = 0, end = chunk->count;
    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;
        if (chunk->keys[middle] < key)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

/* The place behind the run of equal keys that begins at place. */
static size_t run_end(const sn_pixel_store *store, size_t place) {
    uint32_t key = sn_defect_key(store->defects[place]);
    do
        place++;
    while (place < store->defect_count && sn_defect_key(store->defects[place]) == key);
    return place;
}

/* Walks one chunk and the runs that begin at begin..end-1 together. */
static void count_chunk(const sn_pixel_store *store, const sn_pixel_chunk *chunk, sn_pixel_gap *gaps,
                        size_t begin, size_t end) {
    size_t i = lower_bound(chunk, sn_defect_key(store->defects[begin]));
    for (size_t run = begin; run < end && i < chunk->count;) {
        uint32_t key = sn_defect_key(store->defects[run]);
        size_t next = run_end(store, run);
        size_t first = i;
        while (i < chunk->count && chunk->keys[i] == key)
            i++;
        gaps[run].equal += (uint32_t)(i - first);
        first = i;
        if (next == store->defect_count)
            i = chunk->count;
        else
            for (uint32_t limit = sn_defect_key(store->defects[next]);
                 i < chunk->count && chunk->keys[i] < limit;)
                i++;
        gaps[run].above += (uint32_t)(i - first);
        run = next;
    }
}

static void count_gaps(void *context, size_t begin, size_t end, int thread) {
    const gap_count *work = context;
    const sn_pixel_store *store = work->store;
    (void)thread;
    for (size_t i = begin; i < end; i++)
        work->gaps[i] = (sn_pixel_gap){0, 0};
    /* A run belongs to the part in which it begins. */
    if (begin > 0 && sn_defect_key(store->defects[begin]) == sn_defect_key(store->defects[begin - 1]))
        begin = run_end(store, begin);
    if (begin < end)
        for (int i = 0; i < store->chunk_count; i++)
            count_chunk(store, &store->chunks[i], work->gaps, begin, end);
}

snarm_status sn_pixel_store_arrange(sn_pixel_store *store, int threads, sn_pixel_gap **gaps) {
    SN_TRY(sort_normals(store, threads));
    /* The sort's second place for the defects is what the gaps then take: both 8 bytes. */
    _Static_assert(sizeof(sn_pixel_gap) == sizeof(uint64_t), "gaps take the sort's space");
    void *space;
    SN_TRY(sn_alloc(&space, store->defect_count, sizeof(uint64_t),
                    "snarm_pixel_metrics_finish: defective pixels"));
    sn_radix_sort_items(store->defects, space, store->defect_count, threads);
    *gaps = space;
    sn_parallel(store->defect_count, 1, count_gaps, &(gap_count){store, *gaps});
    return SNARM_OK;
}

void sn_pixel_store_release(sn_pixel_store *store) {
    for (int i = 0; i < store->chunk_count; i++)
        sn_free(store->chunks[i].keys);
    sn_free(store->defects);
    sn_free(store->weights);
    *store = (sn_pixel_store){.chunk_count = 0};
}
