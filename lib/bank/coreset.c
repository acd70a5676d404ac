/* Greedy k-centre selection with the triangle inequality.
 *
 * Every point belongs to its nearest centre so far. A new centre c can only take a point p of the cluster of centre a
 * if |p - c| < |p - a|; since |p - c| >= |a - c| - |p - a|, a point with |a - c| >= 2 |p - a| keeps its centre, and
 * a cluster whose farthest member does so need not be looked at. The comparisons leave a margin far above the
 * rounding of the distances, so the selection is the plain loop's, to the last index.
 *
 * Each thread owns a range of the points, and keeps its own member lists and farthest members of all clusters: it
 * meets a new centre without asking the others. */
#include "bank/coreset.h"

#include "core/memory.h"
#include "core/rng.h"
#include "core/threads.h"
#include "kernel/simd.h"
#include "snarm/bank.h"

#include <math.h>
#include <string.h>
#include <time.h>

enum { STREAM_OF_FIRST = 2, NOBODY = -1 };
static const double MARGIN = 1 + 1e-5; /* f32 distances of 4,096 dimensions are good to about 1e-6 */

/* One thread's clusters. farthest is the member's own distance; -1 for an empty cluster. */
typedef struct share {
    int32_t *head;     /* (target) first member of each cluster, or NOBODY */
    float *farthest;   /* (target) distance of the farthest member */
    int32_t *farthest_member;
} share;

typedef struct greedy {
    const float *points;
    size_t count, dimensions;
    const sn_simd *simd;
    float *distance; /* (count) to the nearest centre so far */
    int32_t *next;   /* (count) next member of the same cluster, or NOBODY */
    float *centres;  /* (target, dimensions) */
    float *between;  /* (target) distance of the new centre to each older one */
    size_t centre_count;
    share shares[SN_THREADS_MAX];
    size_t shares_used, range; /* points of a share */
    size_t best[SN_THREADS_MAX];
    float best_distance[SN_THREADS_MAX];
} greedy;

static void measure_centres(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    greedy *g = context;
    const float *new_centre = g->centres + g->centre_count * g->dimensions;
    for (size_t i = begin; i < end; i++)
        g->between[i] = sqrtf(g->simd->squared_distance(g->centres + i * g->dimensions, new_centre, g->dimensions));
}

/* Walks the members of cluster a: those nearer to the new centre move to its list. */
static void meet_cluster(greedy *g, share *own, size_t a) {
    const size_t fresh = g->centre_count;
    const float *new_centre = g->centres + fresh * g->dimensions;
    const float reach = (float)(g->between[a] / (2 * MARGIN));
    int32_t *link = &own->head[a];
    float farthest = -1;
    int32_t member = NOBODY;
    while (*link != NOBODY) {
        const int32_t p = *link;
        float distance = g->distance[p];
        if (distance > reach) {
            const float moved =
                sqrtf(g->simd->squared_distance(g->points + (size_t)p * g->dimensions, new_centre, g->dimensions));
            if (moved < distance) {
                *link = g->next[p];
                g->next[p] = own->head[fresh];
                own->head[fresh] = p;
                g->distance[p] = moved;
                if (moved > own->farthest[fresh] ||
                    (moved == own->farthest[fresh] && p < own->farthest_member[fresh])) {
                    own->farthest[fresh] = moved;
                    own->farthest_member[fresh] = p;
                }
                continue;
            }
        }
        if (distance > farthest || (distance == farthest && p < member))
            farthest = distance, member = p;
        link = &g->next[p];
    }
    own->farthest[a] = farthest;
    own->farthest_member[a] = member;
}

static void meet_centre(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    greedy *g = context;
    for (size_t s = begin; s < end; s++) {
        share *own = &g->shares[s];
        const size_t fresh = g->centre_count;
        own->head[fresh] = NOBODY;
        own->farthest[fresh] = -1;
        own->farthest_member[fresh] = NOBODY;
        for (size_t a = 0; a < fresh; a++)
            if (own->farthest[a] * (2 * MARGIN) > g->between[a])
                meet_cluster(g, own, a);
        float best = -1;
        int32_t member = NOBODY;
        for (size_t a = 0; a <= fresh; a++)
            if (own->farthest[a] > best || (own->farthest[a] == best && own->farthest_member[a] < member))
                best = own->farthest[a], member = own->farthest_member[a];
        g->best[s] = (size_t)member;
        g->best_distance[s] = best;
    }
}

/* The first centre's cluster is everything. */
static void meet_first(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    greedy *g = context;
    for (size_t s = begin; s < end; s++) {
        share *own = &g->shares[s];
        const size_t first = s * g->range, last = first + g->range < g->count ? first + g->range : g->count;
        own->head[0] = NOBODY;
        own->farthest[0] = -1;
        own->farthest_member[0] = NOBODY;
        for (size_t p = last; p-- > first;) {
            const float distance =
                sqrtf(g->simd->squared_distance(g->points + p * g->dimensions, g->centres, g->dimensions));
            g->distance[p] = distance;
            g->next[p] = own->head[0];
            own->head[0] = (int32_t)p;
            if (distance >= own->farthest[0]) /* backwards: the smaller index wins ties */
                own->farthest[0] = distance, own->farthest_member[0] = (int32_t)p;
        }
        g->best[s] = (size_t)own->farthest_member[0];
        g->best_distance[s] = own->farthest[0];
    }
}

/* The next centre; its distance tells whether it is worth one. */
static size_t farthest_point(const greedy *g, float *distance) {
    size_t best = 0;
    for (size_t s = 1; s < g->shares_used; s++) /* shares hold ascending ranges: the first of equals is the smallest */
        if (g->best_distance[s] > g->best_distance[best])
            best = s;
    *distance = g->best_distance[best];
    return g->best[best];
}

static snarm_status prepare(greedy *g, size_t target, int threads) {
    g->range = (g->count + (size_t)threads - 1) / (size_t)threads;
    g->shares_used = (g->count + g->range - 1) / g->range;
    SN_TRY(sn_alloc(&g->distance, g->count, sizeof(float), "coreset distances"));
    SN_TRY(sn_alloc(&g->next, g->count, sizeof(int32_t), "coreset members"));
    SN_TRY(sn_alloc(&g->centres, target, g->dimensions * sizeof(float), "coreset centres"));
    SN_TRY(sn_alloc(&g->between, target, sizeof(float), "coreset centre distances"));
    for (size_t s = 0; s < g->shares_used; s++) {
        SN_TRY(sn_alloc(&g->shares[s].head, target, sizeof(int32_t), "coreset clusters"));
        SN_TRY(sn_alloc(&g->shares[s].farthest, target, sizeof(float), "coreset clusters"));
        SN_TRY(sn_alloc(&g->shares[s].farthest_member, target, sizeof(int32_t), "coreset clusters"));
    }
    return SNARM_OK;
}

static void release(greedy *g) {
    sn_free(g->distance);
    sn_free(g->next);
    sn_free(g->centres);
    sn_free(g->between);
    for (size_t s = 0; s < g->shares_used; s++) {
        sn_free(g->shares[s].head);
        sn_free(g->shares[s].farthest);
        sn_free(g->shares[s].farthest_member);
    }
}

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void take(greedy *g, size_t point, size_t *selected) {
    memcpy(g->centres + g->centre_count * g->dimensions, g->points + point * g->dimensions,
           g->dimensions * sizeof(float));
    selected[g->centre_count] = point;
}

static snarm_status choose(greedy *g, size_t target, uint64_t seed, snarm_progress_fn progress, void *user,
                           size_t *selected) {
    sn_rng rng;
    sn_rng_seed(&rng, seed, STREAM_OF_FIRST);
    take(g, (size_t)sn_rng_below(&rng, g->count), selected);
    sn_parallel(g->shares_used, 1, meet_first, g);
    double told = seconds_now();
    SN_TRY(sn_progress(progress, user, "coreset", 1, target));
    for (g->centre_count = 1; g->centre_count < target; g->centre_count++) {
        float distance;
        const size_t point = farthest_point(g, &distance);
        if (distance <= 0)
            break; /* what is left repeats what is chosen */
        take(g, point, selected);
        sn_parallel(g->centre_count, 256, measure_centres, g);
        sn_parallel(g->shares_used, 1, meet_centre, g);
        if (progress != NULL && seconds_now() - told > 0.1) {
            told = seconds_now();
            SN_TRY(sn_progress(progress, user, "coreset", g->centre_count + 1, target));
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
    snarm_status status = prepare(g, target, sn_threads_current());
    if (status == SNARM_OK)
        status = choose(g, target, seed, progress, progress_user, selected);
    if (status == SNARM_OK)
        *chosen = g->centre_count;
    release(g);
    sn_free(g);
    return status;
}

void snarm_coreset_options_init(snarm_coreset_options *options) {
    *options = (snarm_coreset_options){.struct_size = sizeof *options};
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
    for (size_t i = 0; i < count * (size_t)channels; i++)
        if (!isfinite(vectors[i]))
            return sn_error(SNARM_ERROR_ARGUMENT, "snarm_coreset_select: vector %zu holds a value that is not finite",
                            i / (size_t)channels);
    const int former = sn_threads_enter(sn_threads_resolve(options.threads));
    snarm_status status = select_projected(vectors, count, (size_t)channels, target, &options, selected, chosen);
    sn_threads_leave(former);
    return status;
}
