/* The bank's search made faster, with patches of the good pictures that did not become part of it to measure what is lost. */
#include "fit/fit.h"

#include "core/memory.h"

#include <string.h>

enum { TILES = 64, PATCHES = 32, BANK_LEAST = 4096 };

/* What a search must find: below this, scores begin to change in the third digit. */
static const double recall = 0.999;

typedef struct held_out {
    float *queries;
    int32_t *images;
    size_t count;
} held_out;

/* Patches spread evenly over pictures (tiles of pictures) spread evenly; each passes over its own picture's vectors, which it may be one of. */
static snarm_status collect(held_out *h, sn_feature_source *source, const size_t *owned, size_t bank_count, size_t k) {
    const size_t channels = (size_t)source->detector->channels, patches = source->floats / channels;
    const size_t all = sn_feature_source_count(source), tiles = all < TILES ? all : TILES;
    const size_t each = patches < PATCHES ? patches : PATCHES;
    SN_TRY(sn_alloc(&h->queries, tiles * each, channels * sizeof(float), "queries"));
    SN_TRY(sn_alloc(&h->images, tiles * each, sizeof(int32_t), "queries"));
    for (size_t t = 0; t < tiles; t++) {
        const size_t tile = t * all / tiles, image = tile / source->tiles;
        if (bank_count - owned[image] < k)
            continue;
        const float *features;
        SN_TRY(sn_feature_source_get(source, tile, &features));
        for (size_t i = 0; i < each; i++, h->count++) {
            const size_t patch = sn_fit_spread(i, each, patches, t);
            memcpy(h->queries + h->count * channels, features + patch * channels, channels * sizeof(float));
            h->images[h->count] = (int32_t)image;
        }
    }
    return SNARM_OK;
}

snarm_status sn_fit_tune(snarm_detector *d, sn_feature_source *source, const snarm_fit_options *options) {
    size_t bank_count;
    SN_TRY(snarm_bank_get_size(d->bank, &bank_count, NULL, NULL));
    if (options->search == SNARM_SEARCH_EXACT || bank_count < BANK_LEAST)
        return SNARM_OK; /* a small bank is searched as fast without */
    SN_TRY(sn_progress(options->progress, options->progress_user, "search", 0, 1));
    size_t *owned;
    SN_TRY(sn_fit_count_owned(d, &owned));
    held_out h = {NULL, NULL, 0};
    const int32_t k = d->recipe.neighbours;
    snarm_status status = collect(&h, source, owned, bank_count, (size_t)k);
    if (status == SNARM_OK && h.count > 0)
        status = snarm_bank_tune(d->bank, h.queries, h.images, h.count, k, recall);
    sn_free(owned);
    sn_free(h.queries);
    sn_free(h.images);
    if (status == SNARM_OK)
        status = sn_progress(options->progress, options->progress_user, "search", 1, 1);
    return status;
}
