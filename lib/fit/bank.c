/* The bank of a fit: project all features, select the coreset, fetch what was selected. */
#include "fit/fit.h"

#include "bank/bank.h"
#include "bank/coreset.h"
#include "core/memory.h"
#include "core/rng.h"
#include "core/threads.h"

#include <stdlib.h>
#include <string.h>

/* A stream of random numbers for each tile. */
static const uint64_t STREAM_OF_PATCHES = (uint64_t)0x7061746368 << 20;

/* What the coreset is selected from: all patches, or with tiles a random share of each tile's. */
typedef struct selection {
    sn_projection *projection; /* NULL: distances are measured in the features themselves */
    size_t dimensions;
    size_t items, patches, count; /* tiles of all pictures; patches of each; points */
    float *points;
    size_t *patch_of; /* (count) of each point, rising: item * patches + patch. NULL: point and patch are the same */
    float *gathered;  /* (patches, channels), with patch_of */
    size_t *selected, chosen;
} selection;

/* A part of 4,096 x 4,096 pixels has 350,000 patches, of which many are alike: with tiles as many points are made as a quarter of the
 * memory for features holds, but enough for the bank to be a choice. */
static const size_t memory_share = 4, choice_least = 5;

static size_t most_points(const snarm_fit_options *options, size_t dimensions) {
    const size_t memory = options->feature_memory > 0 ? (size_t)options->feature_memory / memory_share : 0;
    const size_t held = memory / (dimensions * sizeof(float)), least = (size_t)options->bank_size * choice_least;
    return held > least ? held : least;
}

static snarm_status prepare(const sn_feature_source *source, const snarm_fit_options *options, selection *s) {
    const size_t channels = (size_t)source->detector->channels;
    s->items = sn_feature_source_count(source), s->patches = source->floats / channels;
    s->dimensions = sn_projection_dimensions(0, channels);
    if (s->dimensions != 0)
        SN_TRY(sn_projection_create(&s->projection, channels, s->dimensions, options->seed));
    else
        s->dimensions = channels;
    if (!sn_multiply(&s->count, s->patches, s->items))
        return sn_error_memory("projected features", SIZE_MAX);
    const size_t most = most_points(options, s->dimensions);
    if (source->tiles > 1 && s->count > most) {
        s->count = most;
        SN_TRY(sn_alloc(&s->patch_of, s->count, sizeof *s->patch_of, "patches"));
        SN_TRY(sn_alloc(&s->gathered, s->patches, channels * sizeof(float), "features"));
    }
    return sn_alloc(&s->points, s->count, s->dimensions * sizeof(float), "projected features");
}

/* wanted of an item's patches, drawn evenly, from their features into gathered and their numbers into patch_of. */
static void draw(selection *s, size_t item, size_t wanted, size_t channels, uint64_t seed, const float *features,
                 size_t *patch_of) {
    sn_rng rng;
    sn_rng_seed(&rng, seed, STREAM_OF_PATCHES + item);
    size_t drawn = 0;
    for (size_t p = 0; p < s->patches && drawn < wanted; p++) {
        if (sn_rng_below(&rng, s->patches - p) >= wanted - drawn)
            continue;
        memcpy(s->gathered + drawn * channels, features + p * channels, channels * sizeof *features);
        patch_of[drawn++] = item * s->patches + p;
    }
}

static snarm_status project(const selection *s, const float *features, size_t count, float *to) {
    if (s->projection != NULL)
        return sn_projection_run(s->projection, features, count, to);
    memcpy(to, features, count * s->dimensions * sizeof *to);
    return SNARM_OK;
}

static snarm_status project_all(sn_feature_source *source, const snarm_fit_options *options, selection *s) {
    const size_t channels = (size_t)source->detector->channels;
    SN_TRY(prepare(source, options, s));
    /* Of each item count / items points, and now and then one more, so that all have come in the end. */
    const size_t share = s->count / s->items, rest = s->count % s->items;
    for (size_t i = 0, done = 0, owed = 0; i < s->items; i++) {
        SN_TRY(sn_progress(options->progress, options->progress_user, "features", i, s->items));
        owed += rest;
        const size_t wanted = share + (owed >= s->items);
        owed -= owed >= s->items ? s->items : 0;
        if (wanted == 0)
            continue;
        const float *features;
        SN_TRY(sn_feature_source_get(source, i, &features));
        if (s->patch_of != NULL) {
            draw(s, i, wanted, channels, options->seed, features, s->patch_of + done);
            features = s->gathered;
        }
        SN_TRY(project(s, features, wanted, s->points + done * s->dimensions));
        done += wanted;
    }
    return sn_progress(options->progress, options->progress_user, "features", s->items, s->items);
}

/* A selected patch and its place in the bank, which keeps the order of selection: its beginning is a smaller coreset. */
typedef struct place {
    size_t patch, place;
} place;

static int by_patch(const void *a, const void *b) {
    const place *x = a, *y = b;
    return x->patch < y->patch ? -1 : x->patch > y->patch;
}

static snarm_status fetch(sn_feature_source *source, const snarm_fit_options *options, const selection *s,
                          const place *places, float *vectors, int32_t *images) {
    const size_t channels = (size_t)source->detector->channels;
    const float *features = NULL;
    size_t item = SIZE_MAX;
    for (size_t i = 0; i < s->chosen; i++) {
        if (places[i].patch / s->patches != item) {
            item = places[i].patch / s->patches;
            SN_TRY(sn_progress(options->progress, options->progress_user, "bank", item, s->items));
            SN_TRY(sn_feature_source_get(source, item, &features));
        }
        memcpy(vectors + places[i].place * channels, features + places[i].patch % s->patches * channels,
               channels * sizeof *vectors);
        images[places[i].place] = (int32_t)(item / source->tiles);
    }
    return SNARM_OK;
}

static snarm_status make_bank(snarm_detector *d, sn_feature_source *source, const snarm_fit_options *options,
                              const selection *s) {
    place *places = NULL;
    float *vectors = NULL;
    int32_t *images = NULL;
    snarm_status status = sn_alloc(&places, s->chosen, sizeof *places, "selected patches");
    if (status == SNARM_OK)
        status = sn_alloc(&vectors, s->chosen, (size_t)d->channels * sizeof *vectors, "bank vectors");
    if (status == SNARM_OK)
        status = sn_alloc(&images, s->chosen, sizeof *images, "bank images");
    if (status == SNARM_OK) {
        for (size_t i = 0; i < s->chosen; i++)
            places[i] = (place){s->patch_of != NULL ? s->patch_of[s->selected[i]] : s->selected[i], i};
        qsort(places, s->chosen, sizeof *places, by_patch);
        status = fetch(source, options, s, places, vectors, images);
    }
    sn_free(places);
    if (status != SNARM_OK) {
        sn_free(vectors);
        sn_free(images);
        return status;
    }
    snarm_bank_options bank;
    snarm_bank_options_init(&bank);
    bank.threads = d->threads, bank.precision = d->precision;
    return sn_bank_adopt(&d->bank, vectors, images, s->chosen, d->channels, &bank);
}

static snarm_status select_and_make(snarm_detector *d, sn_feature_source *source, const snarm_fit_options *options,
                                    selection *s) {
    SN_TRY(project_all(source, options, s));
    const size_t target = (size_t)options->bank_size < s->count ? (size_t)options->bank_size : s->count;
    SN_TRY(sn_alloc(&s->selected, target, sizeof *s->selected, "selected patches"));
    SN_TRY(sn_coreset_greedy(s->points, s->count, s->dimensions, target, options->seed, options->progress,
                             options->progress_user, s->selected, &s->chosen));
    sn_free(s->points); /* the largest block, and done with */
    s->points = NULL;
    return make_bank(d, source, options, s);
}

snarm_status sn_fit_bank(snarm_detector *d, sn_feature_source *source, const snarm_fit_options *options) {
    selection s = {0};
    const int former = sn_threads_enter(d->threads);
    snarm_status status = select_and_make(d, source, options, &s);
    sn_threads_leave(former);
    sn_projection_destroy(s.projection);
    sn_free(s.points);
    sn_free(s.patch_of);
    sn_free(s.gathered);
    sn_free(s.selected);
    return status;
}
