/* The memory that inspecting a picture takes: made once, used for every picture. */
#include "detector/detector.h"

#include "core/memory.h"
#include "image/preprocess.h"

static snarm_status alloc_inputs(const snarm_detector *d, float *inputs[SN_VIEWS_MAX]) {
    const size_t pixels = (size_t)d->shape.width * (size_t)d->shape.height;
    for (size_t v = 0; v < sn_view_count(&d->recipe); v++)
        SN_TRY(sn_alloc(&inputs[v], 3 * pixels, sizeof(float), "input"));
    return SNARM_OK;
}

static void free_inputs(float *inputs[SN_VIEWS_MAX]) {
    for (size_t v = 0; v < SN_VIEWS_MAX; v++)
        sn_free(inputs[v]);
}

static void destroy_inspection(void *pointer) {
    sn_inspection *inspection = pointer;
    if (inspection == NULL)
        return;
    free_inputs(inspection->inputs);
    sn_free(inspection->view);
    sn_free(inspection->features);
    sn_free(inspection->distances);
    sn_free(inspection->patches);
    sn_free(inspection->nearest);
    sn_free(inspection->distance_map);
    sn_free(inspection->distance_strip);
    sn_free(inspection->tile_map);
    sn_free(inspection->strip);
    sn_free(inspection->map);
    sn_free(inspection->inter);
    sn_free(inspection->hybrid);
    sn_free(inspection->logits);
    sn_free(inspection->reference);
    sn_free(inspection->map_scratch);
    sn_free(inspection->score_scratch);
    sn_free(inspection->scratch);
    sn_free(inspection);
}

/* Upsampling and smoothing follow each other. */
static size_t map_scratch(const snarm_detector *d) {
    const size_t upsample = d->upsample != NULL ? sn_upsample_scratch(d->upsample) : 0;
    const size_t gaussian = d->gaussian != NULL ? sn_gaussian_scratch(d->gaussian, d->threads) : 0;
    return upsample > gaussian ? upsample : gaussian;
}

static snarm_status fill(sn_inspection *inspection, const snarm_detector *d) {
    const size_t pixels = (size_t)d->shape.width * (size_t)d->shape.height;
    const size_t width = (size_t)d->recipe.preprocess.width, canvas = width * (size_t)d->recipe.preprocess.height;
    const size_t strip = width * (size_t)d->shape.height;
    const size_t patches = (size_t)d->shape.grid_width * (size_t)d->shape.grid_height;
    const size_t channels = (size_t)d->channels;
    const bool many = sn_tiles_count(&d->tiles) > 1;
    SN_TRY(alloc_inputs(d, inspection->inputs));
    SN_TRY(sn_alloc(&inspection->features, patches, channels * sizeof(float), "features"));
    if (sn_view_count(&d->recipe) > 1)
        SN_TRY(sn_alloc(&inspection->view, patches, (size_t)d->shape.channels * sizeof(float), "features"));
    SN_TRY(sn_alloc(&inspection->map, canvas, sizeof(float), "map"));
    if (many) {
        SN_TRY(sn_alloc(&inspection->tile_map, pixels, sizeof(float), "map of a tile"));
        SN_TRY(sn_alloc(&inspection->strip, strip, sizeof(float), "map of a row of tiles"));
    }
    const size_t neighbours = (size_t)d->recipe.neighbours;
    SN_TRY(sn_alloc(&inspection->distances, patches, neighbours * sizeof(float), "distances"));
    SN_TRY(sn_alloc(&inspection->patches, patches, sizeof(float), "patch distances"));
    SN_TRY(sn_alloc(&inspection->scratch, sn_image_preprocess_scratch(d->shape.width), 1, "input"));
    SN_TRY(sn_alloc(&inspection->map_scratch, map_scratch(d), sizeof(float), "map"));
    SN_TRY(sn_alloc(&inspection->score_scratch, sn_map_score_scratch(d->recipe.preprocess.width), sizeof(double), "score"));
    if (d->scorer == NULL)
        return SNARM_OK;
    if (d->recipe.score_share < 1) {
        SN_TRY(sn_alloc(&inspection->distance_map, canvas, sizeof(float), "map of distances"));
        if (many)
            SN_TRY(sn_alloc(&inspection->distance_strip, strip, sizeof(float), "map of a row of tiles"));
    }
    SN_TRY(sn_alloc(&inspection->nearest, patches, neighbours * sizeof(int32_t), "nearest bank vectors"));
    SN_TRY(sn_alloc(&inspection->inter, patches, channels * sizeof(float), "residuals"));
    SN_TRY(sn_alloc(&inspection->hybrid, patches, 2 * channels * sizeof(float), "hybrid residuals"));
    SN_TRY(sn_alloc(&inspection->reference, patches, 1, "reference set"));
    return sn_alloc(&inspection->logits, (size_t)d->logit_maps, patches * sizeof(float), "logits");
}

static snarm_status create_inspection(void **out, const void *owner) {
    sn_inspection *inspection;
    SN_TRY(sn_alloc_zeroed(&inspection, 1, sizeof *inspection, "inspection"));
    snarm_status status = fill(inspection, owner);
    if (status != SNARM_OK) {
        destroy_inspection(inspection);
        return status;
    }
    *out = inspection;
    return SNARM_OK;
}

static snarm_status make_tables(snarm_detector *d) {
    const snarm_preprocess *how = &d->recipe.preprocess;
    const int32_t grid_width = d->shape.grid_width, grid_height = d->shape.grid_height;
    SN_TRY(sn_stretch_create(&d->stretch, grid_width, grid_height, d->shape.width, d->shape.height));
    if (d->scorer != NULL)
        SN_TRY(sn_upsample_create(&d->upsample, d->logit_maps, grid_width, grid_height, d->shape.width, d->shape.height));
    return d->recipe.smoothing > 0 ? sn_gaussian_create(&d->gaussian, how->width, how->height, d->recipe.smoothing) : SNARM_OK;
}

snarm_status sn_detector_ready(snarm_detector *detector) {
    SN_TRY(make_tables(detector));
    return sn_pool_create(&detector->states, create_inspection, destroy_inspection, detector);
}

void sn_detector_unready(snarm_detector *detector) {
    sn_pool_destroy(detector->states);
    sn_stretch_destroy(detector->stretch);
    sn_upsample_destroy(detector->upsample);
    sn_gaussian_destroy(detector->gaussian);
    detector->states = NULL, detector->stretch = NULL, detector->upsample = NULL, detector->gaussian = NULL;
}

snarm_status sn_prepared_create(const snarm_detector *d, sn_prepared *prepared) {
    *prepared = (sn_prepared){0};
    snarm_status status = SNARM_OK;
    if (sn_tiles_count(&d->tiles) == 1) {
        status = alloc_inputs(d, prepared->inputs);
        if (status == SNARM_OK)
            status = sn_alloc(&prepared->scratch, sn_image_preprocess_scratch(d->shape.width), 1, "input");
    }
    if (status != SNARM_OK)
        sn_prepared_destroy(prepared);
    return status;
}

void sn_prepared_destroy(sn_prepared *prepared) {
    free_inputs(prepared->inputs);
    sn_free(prepared->scratch);
    snarm_image_release(&prepared->relief);
    *prepared = (sn_prepared){0};
}
