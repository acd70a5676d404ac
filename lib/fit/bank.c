/* The bank of a fit: project all features, select the coreset, fetch what was selected. */
#include "fit/fit.h"

#include "bank/bank.h"
#include "bank/coreset.h"
#include "core/memory.h"
#include "core/threads.h"

#include <stdlib.h>
#include <string.h>

typedef struct selection {
    sn_projection *projection; /* NULL: distances are measured in the features themselves */
    size_t dimensions;
    float *points;
    size_t *selected, chosen;
} selection;

static snarm_status project_all(sn_feature_source *source, const snarm_fit_options *options, selection *s) {
    const snarm_backbone_info *shape = &source->detector->shape;
    const size_t channels = (size_t)shape->channels, patches = source->floats / channels;
    const size_t count = source->images->count;
    s->dimensions = sn_projection_dimensions(0, channels);
    if (s->dimensions != 0)
        SN_TRY(sn_projection_create(&s->projection, channels, s->dimensions, options->seed));
    else
        s->dimensions = channels;
    size_t points;
    if (!sn_multiply(&points, patches, count))
        return sn_error_memory("projected features", SIZE_MAX);
    SN_TRY(sn_alloc(&s->points, points, s->dimensions * sizeof(float), "projected features"));
    for (size_t i = 0; i < count; i++) {
        SN_TRY(sn_progress(options->progress, options->progress_user, "features", i, count));
        const float *features;
        SN_TRY(sn_feature_source_get(source, i, &features));
        float *to = s->points + i * patches * s->dimensions;
        if (s->projection == NULL)
            memcpy(to, features, source->floats * sizeof *to);
        else
            SN_TRY(sn_projection_run(s->projection, features, patches, to));
    }
    return sn_progress(options->progress, options->progress_user, "features", count, count);
}

/* A selected patch and its place in the bank, which keeps the order of selection: its beginning is a smaller coreset. */
typedef struct place {
    size_t patch, place;
} place;

static int by_patch(const void *a, const void *b) {
    const place *x = a, *y = b;
    return x->patch < y->patch ? -1 : x->patch > y->patch;
}

static snarm_status fetch(sn_feature_source *source, const snarm_fit_options *options, const place *places, size_t count,
                          float *vectors, int32_t *images) {
    const size_t channels = (size_t)source->detector->shape.channels, patches = source->floats / channels;
    const float *features = NULL;
    size_t image = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        if (places[i].patch / patches != image) {
            image = places[i].patch / patches;
            SN_TRY(sn_progress(options->progress, options->progress_user, "bank", image, source->images->count));
            SN_TRY(sn_feature_source_get(source, image, &features));
        }
        memcpy(vectors + places[i].place * channels, features + places[i].patch % patches * channels,
               channels * sizeof *vectors);
        images[places[i].place] = (int32_t)image;
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
        status = sn_alloc(&vectors, s->chosen, (size_t)d->shape.channels * sizeof *vectors, "bank vectors");
    if (status == SNARM_OK)
        status = sn_alloc(&images, s->chosen, sizeof *images, "bank images");
    if (status == SNARM_OK) {
        for (size_t i = 0; i < s->chosen; i++)
            places[i] = (place){s->selected[i], i};
        qsort(places, s->chosen, sizeof *places, by_patch);
        status = fetch(source, options, places, s->chosen, vectors, images);
    }
    sn_free(places);
    if (status != SNARM_OK) {
        sn_free(vectors);
        sn_free(images);
        return status;
    }
    snarm_bank_options bank;
    snarm_bank_options_init(&bank);
    bank.threads = d->threads;
    return sn_bank_adopt(&d->bank, vectors, images, s->chosen, d->shape.channels, &bank);
}

static snarm_status select_and_make(snarm_detector *d, sn_feature_source *source, const snarm_fit_options *options,
                                    selection *s) {
    SN_TRY(project_all(source, options, s));
    const size_t count = source->images->count * (source->floats / (size_t)d->shape.channels);
    const size_t target = (size_t)options->bank_size < count ? (size_t)options->bank_size : count;
    SN_TRY(sn_alloc(&s->selected, target, sizeof *s->selected, "selected patches"));
    SN_TRY(sn_coreset_greedy(s->points, count, s->dimensions, target, options->seed, options->progress,
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
    sn_free(s.selected);
    return status;
}
