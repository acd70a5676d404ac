/* The features of the pictures of a fit: each is needed up to three times, and not all may fit into memory. */
#include "fit/fit.h"

#include "core/memory.h"
#include "image/preprocess.h"

#include <string.h>

snarm_status sn_feature_source_create(sn_feature_source *source, const snarm_detector *detector,
                                      const snarm_image_source *images, const snarm_depth_source *depths,
                                      sn_inspection *inspection, int64_t memory) {
    const snarm_backbone_info *shape = &detector->shape;
    *source = (sn_feature_source){.detector = detector, .images = images, .depths = depths, .inspection = inspection};
    source->tiles = sn_tiles_count(&detector->tiles);
    if (!sn_multiply(&(size_t){0}, source->tiles, images->count))
        return sn_error_memory("tiles", SIZE_MAX);
    source->floats = (size_t)shape->grid_width * (size_t)shape->grid_height * (size_t)detector->channels;
    const size_t fit = memory < 0 ? 0 : (size_t)memory / (source->floats * sizeof(float));
    source->kept_count = fit < sn_feature_source_count(source) ? fit : sn_feature_source_count(source);
    if (source->kept_count == 0)
        return SNARM_OK;
    return sn_alloc(&source->kept, source->kept_count, source->floats * sizeof(float), "features");
}

void sn_fit_let_go(sn_feature_source *source) {
    if (source->holds && source->images->release != NULL)
        source->images->release(source->images->user, &source->held);
    snarm_image_release(&source->relief);
    source->holds = false;
}

void sn_feature_source_destroy(sn_feature_source *source) {
    sn_fit_let_go(source);
    sn_free(source->kept);
    source->kept = NULL;
}

snarm_status sn_fit_use_depth(const snarm_depth_source *depths, size_t picture,
                              snarm_status (*use)(void *user, const snarm_depth *depth), void *user) {
    snarm_depth depth;
    memset(&depth, 0, sizeof depth);
    SN_TRY(depths->load(depths->user, picture, &depth));
    snarm_status status = use(user, &depth);
    if (depths->release != NULL)
        depths->release(depths->user, &depth);
    return status == SNARM_OK ? SNARM_OK : sn_error_prefix(status, "picture %zu", picture);
}

static snarm_status make_relief(void *user, const snarm_depth *depth) {
    sn_feature_source *source = user;
    return sn_detector_relief(source->detector, depth, &source->relief);
}

static snarm_status hold(sn_feature_source *source, size_t picture) {
    if (source->holds && source->held_index == picture)
        return SNARM_OK;
    sn_fit_let_go(source);
    memset(&source->held, 0, sizeof source->held);
    SN_TRY(source->images->load(source->images->user, picture, &source->held));
    source->holds = true;
    source->held_index = picture;
    snarm_status status = source->depths != NULL ? sn_fit_use_depth(source->depths, picture, make_relief, source) : SNARM_OK;
    if (status != SNARM_OK)
        sn_fit_let_go(source);
    return status;
}

/* A picture of one tile is not asked for again. */
static snarm_status loaded(sn_feature_source *source, size_t picture, snarm_status status) {
    if (source->tiles == 1)
        sn_fit_let_go(source);
    return status == SNARM_OK ? SNARM_OK : sn_error_prefix(status, "picture %zu", picture);
}

snarm_status sn_fit_load(sn_feature_source *source, size_t picture, int32_t left, int32_t top) {
    const snarm_backbone_info *shape = &source->detector->shape;
    const sn_recipe *recipe = &source->detector->recipe;
    const sn_window window = {left, top, shape->width, shape->height};
    sn_part_view views[SN_VIEWS_MAX];
    sn_detector_views(recipe, views);
    SN_TRY(hold(source, picture));
    snarm_status status = SNARM_OK;
    for (size_t v = 0; v < sn_view_count(recipe) && status == SNARM_OK; v++)
        status = sn_image_preprocess_window(views[v].relief ? &source->relief : &source->held, &recipe->preprocess, &window, views[v].light,
                                            source->inspection->inputs[v], NULL);
    return loaded(source, picture, status);
}

snarm_status sn_fit_load_rgb(sn_feature_source *source, size_t picture, int32_t left, int32_t top, uint8_t *rgb, uint8_t *relief_rgb,
                             double *light) {
    const snarm_backbone_info *shape = &source->detector->shape;
    const snarm_preprocess *how = &source->detector->recipe.preprocess;
    const sn_window window = {left, top, shape->width, shape->height};
    float *unused = source->inspection->inputs[0];
    SN_TRY(hold(source, picture));
    snarm_status status = sn_image_preprocess_window(&source->held, how, &window, (sn_light){0, 0}, unused, rgb);
    if (status == SNARM_OK && source->depths != NULL)
        status = sn_image_preprocess_window(&source->relief, how, &window, (sn_light){0, 0}, unused, relief_rgb);
    if (status == SNARM_OK && light != NULL)
        status = snarm_image_light(&source->held, light);
    return loaded(source, picture, status);
}

snarm_status sn_feature_source_get(sn_feature_source *source, size_t index, const float **features) {
    if (index < source->filled_count) {
        *features = source->kept + index * source->floats;
        return SNARM_OK;
    }
    const sn_tiles *tiles = &source->detector->tiles;
    const size_t tile = index % source->tiles, columns = (size_t)tiles->x.count;
    SN_TRY(sn_fit_load(source, index / source->tiles, sn_tile_start(&tiles->x, (int32_t)(tile % columns)),
                       sn_tile_start(&tiles->y, (int32_t)(tile / columns))));
    SN_TRY(sn_inspect_features(source->detector, source->inspection));
    *features = source->inspection->features;
    if (index == source->filled_count && index < source->kept_count) {
        float *kept = source->kept + index * source->floats;
        memcpy(kept, *features, source->floats * sizeof *kept);
        source->filled_count++;
    }
    return SNARM_OK;
}
