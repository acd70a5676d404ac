/* From the features of a picture's tiles to its map, and to the scores of that. */
#include "detector/detector.h"

#include "bank/bank.h"
#include "core/clock.h"
#include "core/threads.h"
#include "residual/engine.h"

static double milliseconds(void) {
    return 1e3 * sn_seconds();
}

snarm_status sn_inspect_match(const snarm_detector *d, sn_inspection *inspection, const float *features, int32_t exclude,
                              int32_t neighbours, int32_t *nearest) {
    const size_t patches = (size_t)d->shape.grid_width * (size_t)d->shape.grid_height;
    SN_TRY(snarm_bank_search(d->bank, features, patches, neighbours, exclude, inspection->distances, nearest));
    sn_mean_distances(inspection->distances, patches, (size_t)neighbours, inspection->patches);
    return SNARM_OK;
}

/* Where the map of a tile is made: in its place, if it is the only one. */
static float *room_of_tile(const sn_inspection *inspection, float *canvas) {
    return inspection->tile_map != NULL ? inspection->tile_map : canvas;
}

static void lay(const snarm_detector *d, const sn_inspection *inspection, size_t tile, float *strip, float *canvas) {
    if (inspection->tile_map != NULL)
        sn_tiles_lay(&d->tiles, tile, inspection->tile_map, strip, canvas);
}

/* The patches' distances as the tile's part of a map. */
static void spread_distances(const snarm_detector *d, const sn_inspection *inspection, size_t tile, float *strip, float *canvas) {
    const int former = sn_threads_enter(d->threads);
    sn_stretch_run(d->stretch, inspection->patches, room_of_tile(inspection, canvas));
    sn_threads_leave(former);
    lay(d, inspection, tile, strip, canvas);
}

/* Those that the image score is made of. */
static void spread_score_distances(const snarm_detector *d, const sn_inspection *inspection, size_t tile) {
    float weights[SN_STAGES_MAX];
    if (sn_detector_stage_weights(d, weights)) {
        const sn_stages stages = sn_detector_stages(d);
        const int former = sn_threads_enter(d->threads);
        sn_stage_distances(&stages, weights, inspection->inter, (size_t)d->shape.grid_width * (size_t)d->shape.grid_height,
                           (size_t)d->channels, inspection->patches);
        sn_threads_leave(former);
    }
    spread_distances(d, inspection, tile, inspection->distance_strip, inspection->distance_map);
}

static snarm_status add_distances(const snarm_detector *d, sn_inspection *inspection, size_t tile, const float *features,
                                  int32_t exclude, int32_t neighbours) {
    const double began = milliseconds();
    SN_TRY(sn_inspect_match(d, inspection, features, exclude, neighbours, NULL));
    const double matched = milliseconds();
    inspection->match_ms += matched - began;
    spread_distances(d, inspection, tile, inspection->strip, inspection->map);
    inspection->map_ms += milliseconds() - matched;
    return SNARM_OK;
}

static snarm_status add_scorer(const snarm_detector *d, sn_inspection *inspection, size_t tile, const float *features,
                               int32_t exclude) {
    const float *vectors;
    SN_TRY(snarm_bank_get_vectors(d->bank, &vectors, NULL));
    double began = milliseconds();
    SN_TRY(sn_inspect_match(d, inspection, features, exclude, d->recipe.neighbours, inspection->nearest));
    sn_residual_inter_of(d->residual, vectors, inspection->nearest, features, inspection->inter);
    SN_TRY(snarm_residual_hybrid(d->residual, features, inspection->inter, inspection->hybrid, inspection->reference,
                                 NULL));
    double ended = milliseconds();
    inspection->match_ms += ended - began;
    began = ended;
    SN_TRY(snarm_scorer_logits(d->scorer, inspection->hybrid, inspection->reference, inspection->logits));
    ended = milliseconds();
    inspection->scorer_ms += ended - began;
    began = ended;
    SN_TRY(snarm_scorer_add_prior(d->scorer, inspection->patches, inspection->logits));
    const int former = sn_threads_enter(d->threads);
    sn_upsample_run(d->upsample, inspection->logits, inspection->map_scratch, room_of_tile(inspection, inspection->map));
    sn_threads_leave(former);
    lay(d, inspection, tile, inspection->strip, inspection->map);
    if (inspection->distance_map != NULL)
        spread_score_distances(d, inspection, tile);
    inspection->map_ms += milliseconds() - began;
    return SNARM_OK;
}

/* Over the whole canvas: tile by tile, their borders would show. */
static void smooth(const snarm_detector *d, const sn_inspection *inspection, float *canvas) {
    if (d->gaussian == NULL)
        return;
    const int former = sn_threads_enter(d->threads);
    sn_gaussian_run(d->gaussian, inspection->map_scratch, canvas);
    sn_threads_leave(former);
}

snarm_status sn_inspect_map(const snarm_detector *d, sn_inspection *inspection, sn_tile_features give, void *user,
                            int32_t exclude, int32_t neighbours) {
    inspection->match_ms = inspection->scorer_ms = inspection->map_ms = 0;
    const size_t count = sn_tiles_count(&d->tiles);
    for (size_t tile = 0; tile < count; tile++) {
        const float *features;
        SN_TRY(give(user, tile, &features));
        if (d->scorer == NULL)
            SN_TRY(add_distances(d, inspection, tile, features, exclude, neighbours));
        else
            SN_TRY(add_scorer(d, inspection, tile, features, exclude));
    }
    const double began = milliseconds();
    smooth(d, inspection, inspection->map);
    if (inspection->distance_map != NULL)
        smooth(d, inspection, inspection->distance_map);
    inspection->map_ms += milliseconds() - began;
    return SNARM_OK;
}

snarm_status sn_inspect_scores(const snarm_detector *d, const sn_inspection *inspection, sn_scores *scores) {
    const int32_t width = d->recipe.preprocess.width, height = d->recipe.preprocess.height, window = d->recipe.score_window;
    scores->distance = scores->floor = 0;
    SN_TRY(sn_map_score(inspection->map, width, height, window, inspection->score_scratch, &scores->map, NULL, NULL));
    if (inspection->distance_map == NULL)
        return SNARM_OK;
    SN_TRY(sn_map_score(inspection->distance_map, width, height, window, inspection->score_scratch, &scores->distance, NULL, NULL));
    if (d->recipe.score_floor > 0)
        scores->floor = sn_map_floor(inspection->distance_map, (size_t)width * (size_t)height);
    return SNARM_OK;
}
