/* What the network sees of a part: its picture, perhaps in two lights, and with depth its relief. Their features lie beside each other. */
#include "detector/detector.h"

void sn_detector_views(const sn_recipe *recipe, sn_part_view views[SN_VIEWS_MAX]) {
    size_t count = 0;
    if (recipe->both_lights)
        views[count++] = (sn_part_view){.weight = 1};
    views[count++] = (sn_part_view){.light = recipe->light, .weight = 1};
    if (recipe->depth)
        views[count] = (sn_part_view){.relief = true, .weight = (float)recipe->depth_weight};
}

snarm_status sn_detector_relief(const snarm_detector *d, const snarm_depth *depth, snarm_image *relief) {
    snarm_relief_options options;
    snarm_relief_options_init(&options);
    options.range = d->recipe.relief_range, options.background = d->recipe.relief_background;
    return snarm_depth_relief(relief, depth, &options);
}

/* one (patches, channels) times weight into a run of the channels of features, which has stride channels a patch. */
static void lay_beside(const float *one, size_t patches, size_t channels, float weight, float *features, size_t stride) {
    for (size_t p = 0; p < patches; p++, one += channels, features += stride)
        for (size_t c = 0; c < channels; c++)
            features[c] = weight * one[c];
}

snarm_status sn_inspect_views(const snarm_detector *d, sn_inspection *inspection) {
    const size_t count = sn_view_count(&d->recipe);
    if (count == 1)
        return snarm_backbone_features(d->backbone, inspection->inputs[0], inspection->features);
    const size_t patches = (size_t)d->shape.grid_width * (size_t)d->shape.grid_height, channels = (size_t)d->shape.channels;
    sn_part_view views[SN_VIEWS_MAX];
    sn_detector_views(&d->recipe, views);
    for (size_t v = 0; v < count; v++) {
        SN_TRY(snarm_backbone_features(d->backbone, inspection->inputs[v], inspection->view));
        lay_beside(inspection->view, patches, channels, views[v].weight, inspection->features + v * channels, count * channels);
    }
    return SNARM_OK;
}
