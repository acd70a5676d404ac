/* Candidates come from matrix products, as in residual/intra.c, and are ordered by true differences. */
#include "residual/ranks.h"

#include "core/keys.h"
#include "core/memory.h"
#include "core/radix_sort.h"
#include "core/threads.h"
#include "kernel/gemm.h"
#include "kernel/simd.h"
#include "residual/centre.h"

#include <math.h>

enum { TILE = 512, CANDIDATES = SN_RANKS + 1, GROUP = 8 };

struct sn_ranking {
    size_t patches, channels, tile, padded; /* padded: patches in whole tiles */
    sn_product *product;
    sn_stream *stream;
    float *mean;     /* (channels) */
    float *centred;  /* (padded, channels) */
    float *norms;    /* (patches) */
    float *products; /* (tile, patches) */
    uint64_t *keys;  /* (SN_THREADS_MAX, 2, patches) */
    size_t far[SN_RANKS_FAR]; /* places in the order of the far ones; 0: none */
};

/* From the candidates on to the last of the others, in equal ratios. */
static void place_far(sn_ranking *r) {
    const size_t last = r->patches - 2;
    size_t former = CANDIDATES - 1;
    for (size_t f = 0; f < SN_RANKS_FAR; f++) {
        const double ratio = (double)last / CANDIDATES, share = (double)(f + 1) / SN_RANKS_FAR;
        size_t place = (size_t)lrint(CANDIDATES * pow(ratio, share));
        if (place <= former)
            place = former + 1;
        r->far[f] = place <= last ? place : 0;
        former = place;
    }
}

static snarm_status fill(sn_ranking *r) {
    const char *what = "ranks of patches";
    SN_TRY(sn_stream_create(&r->stream));
    SN_TRY(sn_product_create(&r->product, 1, r->tile, r->channels, r->patches, (sn_view){r->tile * r->channels, r->channels, 1},
                             (sn_view){r->channels * r->patches, 1, r->channels}, (sn_view){r->tile * r->patches, r->patches, 1}, -2.0f));
    SN_TRY(sn_alloc(&r->mean, r->channels, sizeof(float), what));
    SN_TRY(sn_alloc_zeroed(&r->centred, r->padded, r->channels * sizeof(float), what));
    SN_TRY(sn_alloc(&r->norms, r->patches, sizeof(float), what));
    SN_TRY(sn_alloc(&r->keys, SN_THREADS_MAX, 2 * r->patches * sizeof *r->keys, what));
    return sn_alloc(&r->products, r->tile, r->patches * sizeof(float), what);
}

snarm_status sn_ranking_create(sn_ranking **out, size_t patches, size_t channels) {
    *out = NULL;
    sn_ranking *r;
    SN_TRY(sn_alloc_zeroed(&r, 1, sizeof *r, "ranks of patches"));
    r->patches = patches, r->channels = channels, r->tile = sn_even_part(patches, TILE);
    r->padded = (patches + r->tile - 1) / r->tile * r->tile;
    place_far(r);
    snarm_status status = fill(r);
    if (status != SNARM_OK) {
        sn_ranking_destroy(r);
        return status;
    }
    *out = r;
    return SNARM_OK;
}

void sn_ranking_destroy(sn_ranking *r) {
    if (r == NULL)
        return;
    sn_product_destroy(r->product);
    sn_stream_destroy(r->stream);
    void *const blocks[] = {r->mean, r->centred, r->norms, r->keys, r->products};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        sn_free(blocks[i]);
    sn_free(r);
}

typedef struct ranking_work {
    sn_ranking *ranking;
    const float *features;
    size_t start; /* of the tile */
    float largest_norm;
    uint16_t *ranks, *far;
} ranking_work;

static void measure_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const ranking_work *w = context;
    const sn_ranking *r = w->ranking;
    for (size_t i = begin; i < end; i++) {
        const float *row = r->centred + i * r->channels;
        r->norms[i] = sn_simd_table()->dot(row, row, r->channels);
    }
}

typedef struct candidate {
    float distance;
    int32_t patch;
} candidate;

/* Into its place among the count in order. */
static void insert(candidate *in_order, size_t count, candidate c) {
    for (; count > 0 && (in_order[count - 1].distance > c.distance ||
                         (in_order[count - 1].distance == c.distance && in_order[count - 1].patch > c.patch)); count--)
        in_order[count] = in_order[count - 1];
    in_order[count] = c;
}

/* keys = the patches but this one in the order of their values in its row, each below its value's bits (core/keys.h). */
static void order_row(const sn_ranking *r, const float *row, size_t patch, uint64_t *keys, uint64_t *scratch) {
    size_t count = 0;
    for (size_t j = 0; j < r->patches; j++)
        if (j != patch)
            keys[count++] = (uint64_t)sn_score_key(row[j] + r->norms[j]) << 32 | j;
    sn_radix_sort_items(keys, scratch, count, 1);
}

/* All patches that are no candidates have a value of at least the last candidate's: who is not nearer than that by more than two rounding
 * errors might be preceded by one of them. */
static void rank_rows(void *context, size_t begin, size_t end, int thread) {
    const ranking_work *w = context;
    const sn_ranking *r = w->ranking;
    uint64_t *keys = r->keys + (size_t)thread * 2 * r->patches;
    for (size_t i = begin; i < end; i++) {
        const size_t patch = w->start + i, others = r->patches - 1, count = others < CANDIDATES ? others : CANDIDATES;
        order_row(r, r->products + i * r->patches, patch, keys, keys + r->patches);
        candidate in_order[CANDIDATES];
        for (size_t k = 0; k < count; k++) {
            const uint32_t other = (uint32_t)keys[k];
            const float distance = sn_simd_table()->squared_distance(w->features + patch * r->channels, w->features + other * r->channels,
                                                                     r->channels);
            insert(in_order, k, (candidate){distance, (int32_t)other});
        }
        const float norm = r->norms[patch], margin = sn_centred_margin(r->channels, fmaxf(norm, w->largest_norm));
        const float last = sn_key_score((uint32_t)(keys[count - 1] >> 32)); /* value of the last candidate */
        uint16_t *ranks = w->ranks + patch * SN_RANKS;
        for (size_t k = 0; k < SN_RANKS; k++) {
            const bool sure = k < count && (count == others || last - (in_order[k].distance - norm) > margin);
            ranks[k] = sure ? (uint16_t)in_order[k].patch : SN_RANKS_NONE;
        }
        for (size_t f = 0; w->far != NULL && f < SN_RANKS_FAR; f++)
            w->far[patch * SN_RANKS_FAR + f] = r->far[f] != 0 ? (uint16_t)keys[r->far[f]] : SN_RANKS_NONE;
    }
}

snarm_status sn_ranking_run(sn_ranking *r, const float *features, uint16_t *ranks, uint16_t *far) {
    ranking_work w = {.ranking = r, .features = features, .ranks = ranks, .far = far};
    sn_centre(features, r->patches, r->channels, r->mean, r->centred);
    sn_parallel(r->patches, 16, measure_rows, &w);
    for (size_t j = 0; j < r->patches; j++)
        w.largest_norm = fmaxf(w.largest_norm, r->norms[j]);
    for (w.start = 0; w.start < r->patches; w.start += r->tile) {
        const size_t left = r->patches - w.start;
        SN_TRY(sn_product_run(r->product, r->stream, r->centred + w.start * r->channels, r->centred, r->products));
        sn_parallel(left < r->tile ? left : r->tile, 1, rank_rows, &w);
    }
    return SNARM_OK;
}

typedef struct look_up_work {
    const uint16_t *ranks;
    const float *features;
    size_t patches, channels;
    const uint8_t *reference;
    int32_t *nearest;
} look_up_work;

/* The nearest reference patches of a few patches at once, so that each reference patch is read once for all of them. */
static void search(const look_up_work *w, const size_t *patches, size_t count) {
    const sn_simd *simd = sn_simd_table();
    float best[GROUP];
    for (size_t g = 0; g < count; g++)
        best[g] = INFINITY, w->nearest[patches[g]] = -1;
    for (size_t j = 0; j < w->patches; j++)
        for (size_t g = 0; g < count && w->reference[j] != 0; g++) {
            if (j == patches[g])
                continue;
            const float distance =
                simd->squared_distance(w->features + patches[g] * w->channels, w->features + j * w->channels, w->channels);
            if (distance < best[g] || w->nearest[patches[g]] < 0)
                best[g] = distance, w->nearest[patches[g]] = (int32_t)j;
        }
}

static void look_up_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const look_up_work *w = context;
    size_t missed[GROUP], count = 0;
    for (size_t i = begin; i < end; i++) {
        const uint16_t *ranks = w->ranks + i * SN_RANKS;
        size_t k = 0;
        while (k < SN_RANKS && ranks[k] != SN_RANKS_NONE && w->reference[ranks[k]] == 0)
            k++;
        if (k < SN_RANKS && ranks[k] != SN_RANKS_NONE)
            w->nearest[i] = ranks[k];
        else
            missed[count++] = i;
        if (count == GROUP) {
            search(w, missed, count);
            count = 0;
        }
    }
    search(w, missed, count);
}

void sn_ranks_look_up(const uint16_t *ranks, const float *features, size_t patches, size_t channels, const uint8_t *reference,
                      int32_t *nearest) {
    look_up_work work = {ranks, features, patches, channels, reference, nearest};
    sn_parallel(patches, 16, look_up_rows, &work);
}
