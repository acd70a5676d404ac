/* |f - g|^2 = |f|^2 - 2 f.g + |g|^2: the products of a tile of patches with a block of the reference set come
 * from one matrix product, and |f|^2 is left out, being the same for all g. The mean feature is taken away
 * first, so that what is left is small where features share a large common part. The few best of that are
 * compared by differences; where the rounding of the products could have hidden a better one, all are. */
#include "residual/intra.h"

#include "core/memory.h"
#include "core/threads.h"
#include "kernel/gemm.h"
#include "kernel/simd.h"
#include "residual/centre.h"

#include <math.h>
#include <string.h>

enum { TILE = 512, BLOCK = 2048, CANDIDATES = 8 };

struct sn_intra {
    size_t patches, channels, references;
    size_t tile, block;                       /* rows and columns of a product */
    size_t padded_patches, padded_references; /* whole tiles and blocks */
    sn_product *product;
};

struct sn_intra_state {
    float *mean;       /* (channels) */
    float *centred;    /* (padded patches, channels) */
    float *references; /* (padded references, channels), centred */
    float *norms;      /* (padded references); infinite in the padding, which is so never chosen */
    int32_t *ids;      /* (padded references) the patch of each, ascending */
    float *products;   /* (tile, block) */
    float *values;     /* (tile, CANDIDATES) */
    int32_t *indices;  /* (tile, CANDIDATES) */
};

snarm_status sn_intra_create(sn_intra **out, size_t patches, size_t channels, size_t references) {
    *out = NULL;
    sn_intra *intra;
    SN_TRY(sn_alloc_zeroed(&intra, 1, sizeof *intra, "intra-residual search"));
    intra->patches = patches, intra->channels = channels, intra->references = references;
    intra->tile = sn_even_part(patches, TILE), intra->block = sn_even_part(references, BLOCK);
    intra->padded_patches = (patches + intra->tile - 1) / intra->tile * intra->tile;
    intra->padded_references = (references + intra->block - 1) / intra->block * intra->block;
    /* The second factor is the transposed reference block. (Batch strides are real ones even for a batch of one: a
     * stride of 0 would send oneDNN to its slow reference code.) */
    snarm_status status = sn_product_create(&intra->product, 1, intra->tile, channels, intra->block,
                                            (sn_view){intra->tile * channels, channels, 1},
                                            (sn_view){channels * intra->block, 1, channels},
                                            (sn_view){intra->tile * intra->block, intra->block, 1}, -2.0f);
    if (status != SNARM_OK) {
        sn_intra_destroy(intra);
        return status;
    }
    *out = intra;
    return SNARM_OK;
}

void sn_intra_destroy(sn_intra *intra) {
    if (intra == NULL)
        return;
    sn_product_destroy(intra->product);
    sn_free(intra);
}

static snarm_status fill_state(sn_intra_state *state, const sn_intra *intra) {
    const char *what = "intra-residual search";
    SN_TRY(sn_alloc(&state->mean, intra->channels, sizeof(float), what));
    SN_TRY(sn_alloc_zeroed(&state->centred, intra->padded_patches, intra->channels * sizeof(float), what));
    SN_TRY(
        sn_alloc_zeroed(&state->references, intra->padded_references, intra->channels * sizeof(float), what));
    SN_TRY(sn_alloc(&state->norms, intra->padded_references, sizeof(float), what));
    SN_TRY(sn_alloc_zeroed(&state->ids, intra->padded_references, sizeof(int32_t), what));
    SN_TRY(sn_alloc(&state->products, intra->tile, intra->block * sizeof(float), what));
    SN_TRY(sn_alloc(&state->values, intra->tile, CANDIDATES * sizeof(float), what));
    return sn_alloc(&state->indices, intra->tile, CANDIDATES * sizeof(int32_t), what);
}

snarm_status sn_intra_state_create(sn_intra_state **out, const sn_intra *intra) {
    *out = NULL;
    sn_intra_state *state;
    SN_TRY(sn_alloc_zeroed(&state, 1, sizeof *state, "intra-residual search"));
    snarm_status status = fill_state(state, intra);
    if (status != SNARM_OK) {
        sn_intra_state_destroy(state);
        return status;
    }
    for (size_t j = intra->references; j < intra->padded_references; j++)
        state->norms[j] = INFINITY;
    *out = state;
    return SNARM_OK;
}

void sn_intra_state_destroy(sn_intra_state *state) {
    if (state == NULL)
        return;
    sn_free(state->mean);
    sn_free(state->centred);
    sn_free(state->references);
    sn_free(state->norms);
    sn_free(state->ids);
    sn_free(state->products);
    sn_free(state->values);
    sn_free(state->indices);
    sn_free(state);
}

typedef struct work {
    const sn_intra *intra;
    sn_intra_state *state;
    const float *features;
    size_t tile_start, block_start;
    float largest_norm;
    int32_t *nearest;
} work;

static void gather_references(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const work *w = context;
    const sn_simd *simd = sn_simd_table();
    const size_t channels = w->intra->channels;
    for (size_t j = begin; j < end; j++) {
        const float *row = w->state->centred + (size_t)w->state->ids[j] * channels;
        memcpy(w->state->references + j * channels, row, channels * sizeof *row);
        w->state->norms[j] = simd->dot(row, row, channels);
    }
}

/* The running best of a tile's rows meet another block. */
static void search_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const work *w = context;
    const sn_simd *simd = sn_simd_table();
    const size_t block = w->intra->block;
    const float *norms = w->state->norms + w->block_start;
    for (size_t r = begin; r < end; r++) {
        float *row = w->state->products + r * block;
        for (size_t j = 0; j < block; j++)
            row[j] += norms[j];
        simd->smallest(row, block, (int32_t)w->block_start, w->state->ids, (int32_t)(w->tile_start + r),
                       CANDIDATES, w->state->values + r * CANDIDATES, w->state->indices + r * CANDIDATES);
    }
}

/* Takes reference j instead of *best if it is nearer, or as near and earlier. */
static void compare(const work *w, const sn_simd *simd, size_t patch, int32_t j, int32_t *best,
                    float *distance) {
    const size_t channels = w->intra->channels;
    const int32_t id = w->state->ids[j];
    float d =
        simd->squared_distance(w->features + patch * channels, w->features + (size_t)id * channels, channels);
    if (d < *distance || (d == *distance && id < *best))
        *distance = d, *best = id;
}

static void rank_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const work *w = context;
    const sn_simd *simd = sn_simd_table();
    const size_t channels = w->intra->channels;
    for (size_t r = begin; r < end; r++) {
        const size_t patch = w->tile_start + r;
        const float *values = w->state->values + r * CANDIDATES;
        const int32_t *indices = w->state->indices + r * CANDIDATES;
        int32_t best = INT32_MAX;
        float distance = INFINITY;
        for (int k = 0; k < CANDIDATES && indices[k] >= 0; k++)
            compare(w, simd, patch, indices[k], &best, &distance);
        /* All others have a value of at least the last candidate's. If the best is not better by more than
         * two rounding errors, one of the others may truly be nearer (or as near, and earlier). So where
         * fewer were found, too. */
        const float *row = w->state->centred + patch * channels;
        float norm = simd->dot(row, row, channels), most = fmaxf(norm, w->largest_norm);
        if (indices[CANDIDATES - 1] < 0 ||
            !(values[CANDIDATES - 1] - (distance - norm) > sn_centred_margin(channels, most)))
            for (size_t j = 0; j < w->intra->references; j++)
                if (w->state->ids[j] != (int32_t)patch)
                    compare(w, simd, patch, (int32_t)j, &best, &distance);
        w->nearest[patch] = best;
    }
}

static snarm_status search_tile(work *w, sn_stream *stream, size_t rows) {
    const sn_intra *intra = w->intra;
    sn_intra_state *state = w->state;
    for (size_t i = 0; i < intra->tile * CANDIDATES; i++)
        state->values[i] = INFINITY, state->indices[i] = -1;
    for (w->block_start = 0; w->block_start < intra->references; w->block_start += intra->block) {
        SN_TRY(sn_product_run(intra->product, stream, state->centred + w->tile_start * intra->channels,
                              state->references + w->block_start * intra->channels, state->products));
        sn_parallel(rows, 1, search_rows, w);
    }
    sn_parallel(rows, 1, rank_rows, w);
    return SNARM_OK;
}

snarm_status sn_intra_run(const sn_intra *intra, sn_intra_state *state, sn_stream *stream,
                          const float *features, const uint8_t *reference, int32_t *nearest) {
    work w = {.intra = intra, .state = state, .features = features, .nearest = nearest};
    size_t count = 0;
    for (size_t i = 0; i < intra->patches && count < intra->references; i++)
        if (reference[i] != 0)
            state->ids[count++] = (int32_t)i;
    if (count != intra->references)
        return sn_error(SNARM_ERROR_INTERNAL, "intra-residual search: %zu reference patches, expected %zu",
                        count, intra->references);
    sn_centre(features, intra->patches, intra->channels, state->mean, state->centred);
    sn_parallel(count, 16, gather_references, &w);
    for (size_t j = 0; j < count; j++)
        w.largest_norm = fmaxf(w.largest_norm, state->norms[j]);
    for (w.tile_start = 0; w.tile_start < intra->patches; w.tile_start += intra->tile) {
        size_t left = intra->patches - w.tile_start;
        SN_TRY(search_tile(&w, stream, left < intra->tile ? left : intra->tile));
    }
    return SNARM_OK;
}
