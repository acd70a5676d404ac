/* The features of the pictures of a fit: each is needed up to three times, and not all may fit into memory. */
#include "fit/fit.h"

#include "core/memory.h"

#include <string.h>

snarm_status sn_feature_source_create(sn_feature_source *source, const snarm_detector *detector,
                                      const snarm_image_source *images, sn_inspection *inspection, int64_t memory) {
    const snarm_backbone_info *shape = &detector->shape;
    *source = (sn_feature_source){.detector = detector, .images = images, .inspection = inspection};
    source->floats = (size_t)shape->grid_width * (size_t)shape->grid_height * (size_t)shape->channels;
    const size_t fit = memory < 0 ? 0 : (size_t)memory / (source->floats * sizeof(float));
    source->kept_count = fit < images->count ? fit : images->count;
    if (source->kept_count == 0)
        return SNARM_OK;
    return sn_alloc(&source->kept, source->kept_count, source->floats * sizeof(float), "features");
}

void sn_feature_source_destroy(sn_feature_source *source) {
    sn_free(source->kept);
    source->kept = NULL;
}

snarm_status sn_fit_load(const sn_feature_source *source, size_t index, uint8_t *rgb) {
    snarm_image image;
    memset(&image, 0, sizeof image);
    SN_TRY(source->images->load(source->images->user, index, &image));
    snarm_status status =
        snarm_image_preprocess(&image, &source->detector->recipe.preprocess, source->inspection->planes, rgb);
    if (source->images->release != NULL)
        source->images->release(source->images->user, &image);
    return status == SNARM_OK ? SNARM_OK : sn_error_prefix(status, "picture %zu", index);
}

snarm_status sn_feature_source_get(sn_feature_source *source, size_t index, const float **features) {
    if (index < source->filled_count) {
        *features = source->kept + index * source->floats;
        return SNARM_OK;
    }
    SN_TRY(sn_fit_load(source, index, NULL));
    SN_TRY(sn_inspect_features(source->detector, source->inspection));
    *features = source->inspection->features;
    if (index == source->filled_count && index < source->kept_count) {
        float *kept = source->kept + index * source->floats;
        memcpy(kept, *features, source->floats * sizeof *kept);
        source->filled_count++;
    }
    return SNARM_OK;
}
