/* Greedy k-centre selection, lazily.
 *
 * The plain loop brings the distance of every point up to date after every new centre. But the distance of a point to its
 * nearest centre only shrinks, so one that is out of date is still an upper bound: a point need not be looked at before its
 * bound is the largest of all. Points of dense regions lie near an early centre and are hardly ever looked at again.
 *
 * Points are looked at in rounds. Those with the largest bounds, the candidates, meet all centres that they have missed
 * (bank/centres.h), many points and many centres at a time, which keeps packed centres in the cache and threads from waiting for each
 * other. Then centres are taken from the candidates, which meet each new one at once, until a point that is no candidate
 * might be farther. The selection is the plain loop's to the last index: the same distances are compared, only fewer.
 *
 * Each thread owns a share of the points, every so manieth, with a heap of their bounds. How points are shared and how many are
 * looked at together decides the time, never the result. Memory: 12 bytes a point, and for each centre its packed dimensions and 48
 * coordinates; the points themselves stay where they are. */
#include "bank/coreset.h"

#include "bank/centres.h"
#include "core/clock.h"
#include "core/memory.h"
#include "core/rng.h"
#include "core/threads.h"
#include "kernel/finite.h"
#include "snarm/bank.h"

#include <math.h>
#include <string.h>

enum { STREAM_OF_FIRST = 2, CANDIDATES = 512, CANDIDATES_OF_SHARE = 64 /* at least */ };

typedef struct share {
    int32_t *heap; /* points, the largest bound first */
    size_t size;
    sn_standing *candidates; /* taken out of the heap for this round */
    size_t candidate_count;
    sn_meeting *meeting;
} share;

typedef struct greedy {
    sn_centres centres;
    size_t count;
    float *bound; /* (count) squared distance to the nearest of the centres met so far */
    int32_t *met; /* (count) how many centres that are, the first ones */
    int32_t *heaps;
    size_t share_count, most_candidates; /* of a share */
    sn_standing **live;                  /* candidates that may still be taken in this round */
    share shares[SN_THREADS_MAX];
} greedy;

/* Whether a point comes before another: farther, or as far and of smaller index. */
static bool before(float bound, int32_t point, float other_bound, int32_t other) {
    return bound > other_bound || (bound == other_bound && point < other);
}

static bool heap_before(const greedy *g, int32_t a, int32_t b) {
    return before(g->bound[a], a, g->bound[b], b);
}

static void sift_down(const greedy *g, share *s, size_t at) {
    const int32_t moved = s->heap[at];
    for (size_t child; (child = 2 * at + 1) < s->size; at = child) {
        if (child + 1 < s->size && heap_before(g, s->heap[child + 1], s->heap[child]))
            child++;
        if (!heap_before(g, s->heap[child], moved))
            break;
        s->heap[at] = s->heap[child];
    }
    s->heap[at] = moved;
}

static void push(const greedy *g, share *s, int32_t point) {
    size_t at = s->size++;
    for (; at > 0 && heap_before(g, point, s->heap[(at - 1) / 2]); at = (at - 1) / 2)
        s->heap[at] = s->heap[(at - 1) / 2];
    s->heap[at] = point;
}

static int32_t pop(const greedy *g, share *s) {
    const int32_t top = s->heap[0];
    s->heap[0] = s->heap[--s->size];
    if (s->size > 0)
        sift_down(g, s, 0);
    return top;
}

/* The first centre is met by all; then the heaps are made. */
static void start_shares(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    greedy *g = context;
    for (size_t i = begin; i < end; i++) {
        share *s = g->shares + i;
        s->size = 0;
        for (size_t point = i; point < g->count;) {
            size_t n = 0;
            for (; n < g->most_candidates && point < g->count; n++, point += g->share_count)
                s->candidates[n] = (sn_standing){.bound = INFINITY, .point = (int32_t)point, .met = 0};
            sn_meeting_run(s->meeting, &g->centres, s->candidates, n);
            for (size_t c = 0; c < n; c++) {
                s->heap[s->size++] = s->candidates[c].point;
                g->bound[s->candidates[c].point] = s->candidates[c].bound;
                g->met[s->candidates[c].point] = s->candidates[c].met;
            }
        }
        for (size_t at = s->size / 2; at-- > 0;)
            sift_down(g, s, at);
    }
}

/* The last round's candidates go back, this round's come out and meet what they have missed. */
static void look(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    greedy *g = context;
    for (size_t i = begin; i < end; i++) {
        share *s = g->shares + i;
        for (size_t c = 0; c < s->candidate_count; c++) {
            const sn_standing *standing = s->candidates + c;
            g->bound[standing->point] = standing->bound;
            g->met[standing->point] = standing->met;
            push(g, s, standing->point);
        }
        for (s->candidate_count = 0; s->candidate_count < g->most_candidates && s->size > 0;
             s->candidate_count++) {
            const int32_t point = pop(g, s);
            s->candidates[s->candidate_count] =
                (sn_standing){.bound = g->bound[point], .point = point, .met = g->met[point]};
        }
        sn_meeting_run(s->meeting, &g->centres, s->candidates, s->candidate_count);
    }
}

/* Takes centres from the candidates as long as one comes before all other points; false if all points that are left repeat
 * centres. */
static bool take_candidates(greedy *g) {
    float rest_bound = -1; /* the largest of the points that are no candidates */
    int32_t rest = -1;
    for (size_t i = 0; i < g->share_count; i++) {
        const share *s = g->shares + i;
        if (s->size > 0 && (rest < 0 || heap_before(g, s->heap[0], rest)))
            rest = s->heap[0], rest_bound = g->bound[rest];
    }
    sn_standing **live = g->live;
    size_t live_count = 0;
    for (size_t i = 0; i < g->share_count; i++)
        for (size_t c = 0; c < g->shares[i].candidate_count; c++)
            live[live_count++] = g->shares[i].candidates + c;
    for (;;) {
        /* One that comes after the rest cannot be taken in this round, and need not meet what is taken. */
        const sn_standing *best = NULL;
        size_t kept = 0;
        for (size_t i = 0; i < live_count; i++) {
            if (!before(live[i]->bound, live[i]->point, rest_bound, rest))
                continue;
            live[kept++] = live[i];
            if (best == NULL || before(live[i]->bound, live[i]->point, best->bound, best->point))
                best = live[i];
        }
        live_count = kept;
        if (best == NULL)
            return true;
        if (best->bound <= 0)
            return false;
        sn_centres_add(&g->centres, (size_t)best->point);
        if (g->centres.count == g->centres.most)
            return true;
        for (size_t i = 0; i < live_count; i++)
            sn_meeting_last(g->shares[0].meeting, &g->centres, live[i]);
    }
}

static snarm_status prepare(greedy *g) {
    const size_t threads = (size_t)sn_threads_current();
    g->share_count = g->count < threads ? g->count : threads;
    g->most_candidates = CANDIDATES / g->share_count;
    if (g->most_candidates < CANDIDATES_OF_SHARE)
        g->most_candidates = CANDIDATES_OF_SHARE;
    SN_TRY(sn_alloc(&g->bound, g->count, sizeof(float), "coreset distances"));
    SN_TRY(sn_alloc(&g->met, g->count, sizeof(int32_t), "coreset distances"));
    SN_TRY(sn_alloc(&g->heaps, g->count, sizeof(int32_t), "coreset heaps"));
    SN_TRY(
        sn_alloc(&g->live, g->share_count * g->most_candidates, sizeof(sn_standing *), "coreset candidates"));
    size_t first = 0;
    for (size_t i = 0; i < g->share_count; i++) {
        share *s = g->shares + i;
        s->heap = g->heaps + first;
        first += (g->count - i + g->share_count - 1) / g->share_count;
        SN_TRY(sn_alloc(&s->candidates, g->most_candidates, sizeof(sn_standing), "coreset candidates"));
        SN_TRY(sn_meeting_create(&s->meeting, &g->centres, g->most_candidates));
    }
    return SNARM_OK;
}

static void release(greedy *g) {
    for (size_t i = 0; i < g->share_count; i++) {
        sn_free(g->shares[i].candidates);
        sn_meeting_destroy(g->shares[i].meeting);
    }
    sn_free(g->bound);
    sn_free(g->met);
    sn_free(g->heaps);
    sn_free(g->live);
}

static snarm_status choose(greedy *g, uint64_t seed, snarm_progress_fn progress, void *user) {
    const size_t target = g->centres.most;
    sn_rng rng;
    sn_rng_seed(&rng, seed, STREAM_OF_FIRST);
    sn_centres_add(&g->centres, (size_t)sn_rng_below(&rng, g->count));
    sn_parallel(g->share_count, 1, start_shares, g);
    double told = sn_seconds();
    SN_TRY(sn_progress(progress, user, "coreset", 1, target));
    while (g->centres.count < target) {
        sn_parallel(g->share_count, 1, look, g);
        if (!take_candidates(g))
            break;
        if (progress != NULL && sn_seconds() - told > 0.1) {
            told = sn_seconds();
            SN_TRY(sn_progress(progress, user, "coreset", g->centres.count, target));
        }
    }
    return sn_progress(progress, user, "coreset", target, target);
}

snarm_status sn_coreset_greedy_counted(const float *points, size_t count, size_t dimensions, size_t target,
                                       uint64_t seed, snarm_progress_fn progress, void *progress_user,
                                       size_t *selected, size_t *chosen, sn_coreset_counts *counts) {
    if (count > INT32_MAX)
        return sn_error(SNARM_ERROR_UNSUPPORTED, "coreset: %zu points, at most %d can be selected from",
                        count, INT32_MAX);
    if (target >= count) {
        for (size_t i = 0; i < count; i++)
            selected[i] = i;
        *chosen = count;
        return sn_progress(progress, progress_user, "coreset", count, count);
    }
    greedy *g;
    SN_TRY(sn_alloc_zeroed(&g, 1, sizeof *g, "coreset"));
    g->count = count;
    snarm_status status = sn_centres_create(&g->centres, points, count, dimensions, target, selected);
    if (status == SNARM_OK)
        status = prepare(g);
    if (status == SNARM_OK)
        status = choose(g, seed, progress, progress_user);
    if (status == SNARM_OK)
        *chosen = g->centres.count;
    for (size_t i = 0; status == SNARM_OK && i < g->share_count; i++) {
        const sn_coreset_counts of_share = sn_meeting_get_counts(g->shares[i].meeting);
        counts->along_axes += of_share.along_axes, counts->whole += of_share.whole;
    }
    sn_centres_release(&g->centres);
    release(g);
    sn_free(g);
    return status;
}

snarm_status sn_coreset_greedy(const float *points, size_t count, size_t dimensions, size_t target,
                               uint64_t seed, snarm_progress_fn progress, void *progress_user,
                               size_t *selected, size_t *chosen) {
    sn_coreset_counts counts = {0};
    return sn_coreset_greedy_counted(points, count, dimensions, target, seed, progress, progress_user,
                                     selected, chosen, &counts);
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
                        "snarm_coreset_select: count %zu, target %zu, channels %d: expected at least 1, at "
                        "most 4096 channels",
                        count, target, (int)channels);
    if (options.projection < -1 || options.projection > 4096)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_coreset_options: projection is %d, expected -1..4096",
                        (int)options.projection);
    const int former = sn_threads_enter(sn_threads_resolve(options.threads));
    const size_t wrong = sn_find_not_finite(vectors, count * (size_t)channels);
    snarm_status status =
        wrong != SIZE_MAX
            ? sn_error(SNARM_ERROR_ARGUMENT,
                       "snarm_coreset_select: vector %zu holds a value that is not finite",
                       wrong / (size_t)channels)
            : select_projected(vectors, count, (size_t)channels, target, &options, selected, chosen);
    sn_threads_leave(former);
    return status;
}
