/* The options of a fit, with the defaults that depend on the backbone. */
#include "fit/fit.h"

#include "backbone/backbone.h"
#include "core/threads.h"
#include "kernel/type.h"

#include <string.h>

static const int64_t BANK_SIZE = 20000, BANK_SIZE_MAX = 10000000;
static const int64_t FEATURE_MEMORY = (int64_t)1 << 31;
static const double CONTRAST = 0.2; /* of trained maps (docs/training.md) */
enum { CNN_SIZE = 224, SIDE_MAX = 16384 };

static snarm_status check(const snarm_fit_options *o) {
    if (o->bank_size < 0 || o->bank_size > BANK_SIZE_MAX)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_fit_options: bank_size is %lld, expected 1..%lld",
                        (long long)o->bank_size, (long long)BANK_SIZE_MAX);
    if (o->neighbours < 0 || o->neighbours > SNARM_NEIGHBOURS_MAX)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_fit_options: neighbours is %d, expected 1..%d", (int)o->neighbours,
                        SNARM_NEIGHBOURS_MAX);
    if (o->smoothing != -1 && !(o->smoothing >= 0 && o->smoothing <= 64))
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_fit_options: smoothing is %g, expected -1 or 0..64", o->smoothing);
    if (!(o->false_alarm_rate >= 0 && o->false_alarm_rate < 1))
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_fit_options: false_alarm_rate is %g, expected above 0 and below 1",
                        o->false_alarm_rate);
    if (o->feature_memory < -1)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_fit_options: feature_memory is %lld, expected -1 or more",
                        (long long)o->feature_memory);
    if (o->search != SNARM_SEARCH_AUTO && o->search != SNARM_SEARCH_EXACT)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_fit_options: search is %d, expected a snarm_search, 0..1", (int)o->search);
    SN_TRY(sn_precision_check(o->precision, "snarm_fit_options"));
    if (!(o->even_light >= 0 && o->even_light <= 1))
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_fit_options: even_light is %g, expected 0..1", o->even_light);
    if (o->both_lights != 0 && o->both_lights != 1)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_fit_options: both_lights is %d, expected 0..1", (int)o->both_lights);
    if (o->both_lights == 1 && o->even_light == 0)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_fit_options: both_lights is 1, but even_light is 0: there is no other light");
    if (o->map_contrast != -1 && !(o->map_contrast >= 0 && o->map_contrast <= 1))
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_fit_options: map_contrast is %g, expected -1 or 0..1", o->map_contrast);
    if (!(o->depth_weight >= 0 && o->depth_weight <= 100))
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_fit_options: depth_weight is %g, expected above 0, at most 100",
                        o->depth_weight);
    const int32_t sides[] = {o->width, o->height, o->resize_width, o->resize_height, o->tile_width, o->tile_height};
    for (int i = 0; i < 6; i++)
        if (sides[i] < 0 || sides[i] > SIDE_MAX)
            return sn_error(SNARM_ERROR_ARGUMENT, "snarm_fit_options: a size is %d, expected 1..%d", (int)sides[i],
                            SIDE_MAX);
    if (o->tile_overlap < -1)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_fit_options: tile_overlap is %d, expected -1 or more", (int)o->tile_overlap);
    if (o->tile_overlap != 0 && o->tile_width == 0 && o->tile_height == 0)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_fit_options: tile_overlap is %d, but no tile size is given",
                        (int)o->tile_overlap);
    return SNARM_OK;
}

/* One of two sides given alone is used for both. */
static void share_side(int32_t *a, int32_t *b) {
    *a = *a != 0 ? *a : *b;
    *b = *b != 0 ? *b : *a;
}

snarm_status sn_fit_options_read(snarm_fit_options *out, const snarm_fit_options *given) {
    snarm_fit_options_init(out);
    SN_TRY(sn_options_read(out, sizeof *out, given, offsetof(snarm_fit_options, search), "snarm_fit_options"));
    SN_TRY(check(out));
    share_side(&out->width, &out->height);
    share_side(&out->resize_width, &out->resize_height);
    share_side(&out->tile_width, &out->tile_height);
    if (out->bank_size == 0)
        out->bank_size = BANK_SIZE;
    if (out->false_alarm_rate == 0)
        out->false_alarm_rate = 0.01;
    if (out->smoothing == 0)
        out->smoothing = 4;
    if (out->feature_memory == 0)
        out->feature_memory = FEATURE_MEMORY;
    if (out->neighbours == 0)
        out->neighbours = out->scorer_path != NULL ? 3 : 1;
    out->threads = sn_threads_resolve(out->threads);
    if (out->depth_weight == 0)
        out->depth_weight = 1;
    if (out->map_contrast == 0 && out->train != NULL)
        out->map_contrast = CONTRAST;
    if (out->map_contrast == -1)
        out->map_contrast = 0;
    if (out->depths != NULL && out->scorer_path != NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_fit_options: scorer_path is '%s', but no scorer file knows depth",
                        out->scorer_path);
    if (out->train != NULL && out->scorer_path != NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_fit_options: scorer_path is '%s', but a scorer is to be trained",
                        out->scorer_path);
    return SNARM_OK;
}

snarm_status sn_fit_backbone_options(snarm_backbone_options *out, const snarm_fit_options *options,
                                     const sn_weights_source *source) {
    snarm_backbone_options_init(out);
    bool convolutional;
    SN_TRY(sn_backbone_is_convolutional(source->file, source->prefix, &convolutional));
    out->width = options->tile_width != 0 ? options->tile_width : options->width;
    out->height = options->tile_height != 0 ? options->tile_height : options->height;
    if (out->width == 0 && convolutional && options->scorer_path == NULL)
        out->width = out->height = CNN_SIZE;
    memcpy(out->layers, options->layers, sizeof out->layers);
    out->layer_count = options->layer_count;
    out->groups = options->groups;
    out->neighbourhood = options->neighbourhood;
    out->channels = options->channels;
    if (out->channels == 0 && convolutional && options->scorer_path == NULL)
        out->channels = -1;
    return SNARM_OK;
}

static snarm_status size_of_first(const snarm_image_source *images, int32_t *width, int32_t *height) {
    snarm_image image;
    memset(&image, 0, sizeof image);
    SN_TRY(images->load(images->user, 0, &image));
    *width = image.width, *height = image.height;
    if (images->release != NULL)
        images->release(images->user, &image);
    if (*width < 1 || *width > SIDE_MAX || *height < 1 || *height > SIDE_MAX)
        return sn_error(SNARM_ERROR_ARGUMENT, "picture 0: size is %dx%d, expected sides of 1..%d; snarm_fit_options: set resize_width",
                        (int)*width, (int)*height, SIDE_MAX);
    return SNARM_OK;
}

/* An eighth of a tile, rounded to whole patches, at least one. */
static int32_t default_overlap(const snarm_backbone_info *shape) {
    const int32_t side = shape->width < shape->height ? shape->width : shape->height;
    const int32_t patches = shape->width < shape->height ? shape->grid_width : shape->grid_height, patch = side / patches;
    const int32_t whole = (side / 8 + patch / 2) / patch * patch;
    return whole > 0 ? whole : patch;
}

snarm_status sn_fit_preprocess(snarm_detector *d, const snarm_image_source *images, const snarm_fit_options *options) {
    snarm_preprocess *how = &d->recipe.preprocess;
    how->resize_width = options->resize_width;
    how->resize_height = options->resize_height;
    if (d->recipe.tiled) {
        how->width = options->width != 0 ? options->width : options->resize_width;
        how->height = options->height != 0 ? options->height : options->resize_height;
        if (how->width == 0)
            SN_TRY(size_of_first(images, &how->width, &how->height));
        d->recipe.overlap = options->tile_overlap == 0    ? default_overlap(&d->shape)
                            : options->tile_overlap == -1 ? 0
                                                          : options->tile_overlap;
    }
    if (how->resize_width == 0) {
        how->resize_width = how->width;
        how->resize_height = how->height;
    }
    if (how->resize_width < how->width || how->resize_height < how->height)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_fit_options: resize is %dx%d, smaller than the %s's %dx%d",
                        (int)how->resize_width, (int)how->resize_height, d->recipe.tiled ? "canvas" : "network",
                        (int)how->width, (int)how->height);
    return sn_detector_lay_out(d, "snarm_fit_options");
}
