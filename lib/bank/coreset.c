/* Greedy k-centre selection, lazily.
 *
 * The plain loop brings the distance of every point up to date after every new centre. But the distance of a point to its
 * nearest centre only shrinks, so one that is out of date is still an upper bound: a point need not be looked at before its
 * bound is the largest of all. Then it meets, in one run over packed centres, those that it has missed; if its distance still is
 * the largest, it is the next centre. Points of dense regions lie near an early centre and are hardly ever looked at again.
 * The selection is the plain loop's to the last index: the same distances are compared, only fewer.
 *
 * Each thread owns a range of the points, with a heap of their bounds: it finds its farthest point without asking the others. */
#include "bank/coreset.h"

#include "core/clock.h"
#include "core/memory.h"
#include "core/rng.h"
#include "core/threads.h"
#include "kernel/finite.h"
#include "kernel/simd.h"
#include "snarm/bank.h"

#include <math.h>
#include <string.h>

enum { STREAM_OF_FIRST = 2, LANES = SN_CENTRE_LANES };

typedef struct greedy {
    const float *points;
    size_t count, dimensions;
    const sn_simd *simd;
    float *bound;    /* (count) squared distance to the nearest of the centres met so far */
    int32_t *met;    /* (count) how many centres that are, the first ones */
    int32_t *heaps;  /* (count) points of each share, the largest bound first */
    float *centres;  /* blocks of LANES centres, (dimensions, LANES) each, as sn_simd.nearest takes them */
    size_t centre_count;
    size_t shares, range; /* points of a share */
    size_t farthest[SN_THREADS_MAX];
} greedy;

/* Whether point a comes before b: farther, or as far and of smaller index. */
static bool before(const greedy *g, int32_t a, int32_t b) {
    return g->bound[a] > g->bound[b] || (g->bound[a] == g->bound[b] && a < b);
}

static void sift_down(const greedy *g, int32_t *heap, size_t count, size_t at) {
    const int32_t moved = heap[at];
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && before(g, heap[child + 1], heap[child]))
            child++;
        if (!before(g, heap[child], moved))
            break;
        heap[at] = heap[child];
    }
    heap[at] = moved;
}

/* Lets point meet the centres that it has missed. */
static void catch_up(greedy *g, int32_t point) {
    const float nearest = g->simd->nearest(g->points + (size_t)point * g->dimensions, g->centres,
                                           (size_t)g->met[point], g->centre_count, g->dimensions);
    if (nearest < g->bound[point])
        g->bound[point] = nearest;
    g->met[point] = (int32_t)g->centre_count;
}

static size_t share_size(const greedy *g, size_t share) {
    const size_t first = share * g->range;
    return g->count - first < g->range ? g->count - first : g->range;
}

/* The first centre is met by all; then the heaps are made. */
static void start_shares(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    greedy *g = context;
    for (size_t share = begin; share < end; share++) {
        const size_t size = share_size(g, share);
        int32_t *heap = g->heaps + share * g->range;
        for (size_t i = 0; i < size; i++) {
            const int32_t point = (int32_t)(share * g->range + i);
            g->bound[point] = INFINITY;
            g->met[point] = 0;
            catch_up(g, point);
            heap[i] = point;
        }
        for (size_t i = size / 2; i-- > 0;)
            sift_down(g, heap, size, i);
    }
}

static void find_farthest(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    greedy *g = context;
    for (size_t share = begin; share < end; share++) {
        int32_t *heap = g->heaps + share * g->range;
        while ((size_t)g->met[heap[0]] < g->centre_count) {
            catch_up(g, heap[0]);
            sift_down(g, heap, share_size(g, share), 0);
        }
        g->farthest[share] = (size_t)heap[0];
    }
}

static snarm_status prepare(greedy *g, size_t target) {
    const size_t threads = (size_t)sn_threads_current();
    g->range = (g->count + threads - 1) / threads;
    g->shares = (g->count + g->range - 1) / g->range;
    SN_TRY(sn_alloc(&g->bound, g->count, sizeof(float), "coreset distances"));
    SN_TRY(sn_alloc(&g->met, g->count, sizeof(int32_t), "coreset distances"));
    SN_TRY(sn_alloc(&g->heaps, g->count, sizeof(int32_t), "coreset heaps"));
    return sn_alloc_zeroed(&g->centres, (target + LANES - 1) / LANES * LANES, g->dimensions * sizeof(float),
                           "coreset centres");
}

static void release(greedy *g) {
    sn_free(g->bound);
    sn_free(g->met);
    sn_free(g->heaps);
    sn_free(g->centres);
}

static void take(greedy *g, size_t point, size_t *selected) {
    float *block = g->centres + g->centre_count / LANES * LANES * g->dimensions;
    for (size_t d = 0; d < g->dimensions; d++)
        block[d * LANES + g->centre_count % LANES] = g->points[point * g->dimensions + d];
    selected[g->centre_count++] = point;
}

static snarm_status choose(greedy *g, size_t target, uint64_t seed, snarm_progress_fn progress, void *user,
                           size_t *selected) {
    sn_rng rng;
    sn_rng_seed(&rng, seed, STREAM_OF_FIRST);
    take(g, (size_t)sn_rng_below(&rng, g->count), selected);
    sn_parallel(g->shares, 1, start_shares, g);
    double told = sn_seconds();
    SN_TRY(sn_progress(progress, user, "coreset", 1, target));
    while (g->centre_count < target) {
        sn_parallel(g->shares, 1, find_farthest, g);
        size_t next = g->farthest[0];
        for (size_t share = 1; share < g->shares; share++)
            if (before(g, (int32_t)g->farthest[share], (int32_t)next))
                next = g->farthest[share];
        if (g->bound[next] <= 0)
            break; /* what is left repeats what is chosen */
        take(g, next, selected);
        if (progress != NULL && sn_seconds() - told > 0.1) {
            told = sn_seconds();
            SN_TRY(sn_progress(progress, user, "coreset", g->centre_count, target));
        }
    }
    return sn_progress(progress, user, "coreset", target, target);
}

snarm_status sn_coreset_greedy(const float *points, size_t count, size_t dimensions, size_t target, uint64_t seed,
                               snarm_progress_fn progress, void *progress_user, size_t *selected, size_t *chosen) {
    if (count > INT32_MAX)
        return sn_error(SNARM_ERROR_UNSUPPORTED, "coreset: %zu points, at most %d can be selected from", count, INT32_MAX);
    if (target >= count) {
        for (size_t i = 0; i < count; i++)
            selected[i] = i;
        *chosen = count;
        return sn_progress(progress, progress_user, "coreset", count, count);
    }
    greedy *g;
    SN_TRY(sn_alloc_zeroed(&g, 1, sizeof *g, "coreset"));
    g->points = points, g->count = count, g->dimensions = dimensions, g->simd = sn_simd_table();
    snarm_status status = prepare(g, target);
    if (status == SNARM_OK)
        status = choose(g, target, seed, progress, progress_user, selected);
    if (status == SNARM_OK)
        *chosen = g->centre_count;
    release(g);
    sn_free(g);
    return status;
}

static snarm_status select_projected(const float *vectors, size_t count, size_t channels, size_t target,
                                     const snarm_coreset_options *options, size_t *selected, size_t *chosen) {
    const size_t dimensions = sn_projection_dimensions(options->projection, channels);
    if (dimensions == 0)
        return sn_coreset_greedy(vectors, count, channels, target, options->seed, options->progress,
                                 options->progress_user, selected, chosen);
    sn_projection *projection;
    SN_TRY(sn_projection_create(&projection, channels, dimensions, options->seed));
    float *points;
    snarm_status status = sn_alloc(&points, count, dimensions * sizeof(float), "projected vectors");
    if (status == SNARM_OK)
        status = sn_projection_run(projection, vectors, count, points);
    if (status == SNARM_OK)
        status = sn_coreset_greedy(points, count, dimensions, target, options->seed, options->progress,
                                   options->progress_user, selected, chosen);
    sn_free(points);
    sn_projection_destroy(projection);
    return status;
}

snarm_status snarm_coreset_select(const float *vectors, size_t count, int32_t channels, size_t target,
                                  const snarm_coreset_options *given, size_t *selected, size_t *chosen) {
    snarm_coreset_options options;
    snarm_coreset_options_init(&options);
    SN_TRY(sn_options_read(&options, sizeof options, given, sizeof options, "snarm_coreset_options"));
    if (vectors == NULL || selected == NULL || chosen == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_coreset_select: a pointer is NULL");
    if (count < 1 || target < 1 || channels < 1 || channels > 4096)
        return sn_error(SNARM_ERROR_ARGUMENT,
                        "snarm_coreset_select: count %zu, target %zu, channels %d: expected at least 1, at most 4096 channels",
                        count, target, (int)channels);
    if (options.projection < -1 || options.projection > 4096)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_coreset_options: projection is %d, expected -1..4096",
                        (int)options.projection);
    const int former = sn_threads_enter(sn_threads_resolve(options.threads));
    const size_t wrong = sn_find_not_finite(vectors, count * (size_t)channels);
    snarm_status status =
        wrong != SIZE_MAX
            ? sn_error(SNARM_ERROR_ARGUMENT, "snarm_coreset_select: vector %zu holds a value that is not finite",
                       wrong / (size_t)channels)
            : select_projected(vectors, count, (size_t)channels, target, &options, selected, chosen);
    sn_threads_leave(former);
    return status;
}
