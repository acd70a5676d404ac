/* The depth of a part beside its picture: its relief goes through the same network. */
#include "detector/detector.h"

snarm_status sn_detector_relief(const snarm_detector *d, const snarm_depth *depth, snarm_image *relief) {
    snarm_relief_options options;
    snarm_relief_options_init(&options);
    options.range = d->recipe.relief_range, options.background = d->recipe.relief_background;
    return snarm_depth_relief(relief, depth, &options);
}

/* part (patches, channels) times weight into every other run of channels of features, from the first or second on. */
static void lay_beside(const float *part, size_t patches, size_t channels, size_t place, float weight, float *features) {
    features += place * channels;
    for (size_t p = 0; p < patches; p++, part += channels, features += 2 * channels)
        for (size_t c = 0; c < channels; c++)
            features[c] = weight * part[c];
}

snarm_status sn_inspect_both(const snarm_detector *d, sn_inspection *inspection) {
    const size_t patches = (size_t)d->shape.grid_width * (size_t)d->shape.grid_height, channels = (size_t)d->shape.channels;
    SN_TRY(snarm_backbone_features(d->backbone, inspection->planes, inspection->part));
    lay_beside(inspection->part, patches, channels, 0, 1, inspection->features);
    SN_TRY(snarm_backbone_features(d->backbone, inspection->relief, inspection->part));
    lay_beside(inspection->part, patches, channels, 1, (float)d->recipe.depth_weight, inspection->features);
    return SNARM_OK;
}
