/* Learning a product: open the parts, choose the bank, set the threshold. */
#include "fit/fit.h"

#include "backbone/backbone.h"
#include "core/memory.h"
#include "train/plan.h"

#include <string.h>

/* Another inspection for one of before the scorer was there: it holds more. NULL after a failure. */
static snarm_status renew(snarm_detector *d, void **inspection) {
    sn_pool_give(d->states, *inspection);
    *inspection = NULL;
    sn_detector_unready(d);
    SN_TRY(sn_detector_ready(d));
    return sn_pool_take(d->states, inspection);
}

static snarm_status learn(snarm_detector *d, const snarm_image_source *images, const snarm_fit_options *options) {
    SN_TRY(sn_detector_ready(d));
    void *inspection;
    SN_TRY(sn_pool_take(d->states, &inspection));
    sn_feature_source source;
    snarm_status status = sn_feature_source_create(&source, d, images, options->depths, inspection, options->feature_memory);
    if (status == SNARM_OK && options->depths != NULL)
        status = sn_fit_depth(d, &source, options);
    if (status == SNARM_OK)
        status = sn_fit_bank(d, &source, options);
    if (status == SNARM_OK)
        status = sn_fit_tune(d, &source, options);
    if (status == SNARM_OK && options->train != NULL) {
        status = sn_fit_train(d, &source, options);
        if (status == SNARM_OK)
            status = renew(d, &inspection);
        source.inspection = inspection;
    }
    if (status == SNARM_OK)
        status = sn_fit_threshold(d, &source, options);
    sn_feature_source_destroy(&source);
    if (inspection != NULL)
        sn_pool_give(d->states, inspection);
    return status;
}

static snarm_status open_parts(snarm_detector *d, const char *backbone, const snarm_image_source *images,
                               const snarm_fit_options *options) {
    SN_TRY(sn_backbone_open_weights(&d->files[0], backbone));
    d->backbone_source = (sn_weights_source){d->files[0], ""};
    if (options->scorer_path != NULL) {
        SN_TRY(sn_safetensors_open(&d->files[1], options->scorer_path));
        d->scorer_source = (sn_weights_source){d->files[1], ""};
    }
    snarm_backbone_options wanted;
    SN_TRY(sn_fit_backbone_options(&wanted, options, &d->backbone_source));
    SN_TRY(sn_detector_open_parts(d, &wanted));
    if (options->even_light > 0)
        SN_TRY(sn_fit_light(d, images, options->even_light));
    return sn_fit_preprocess(d, images, options);
}

snarm_status snarm_detector_fit(snarm_detector **out, const char *backbone, const snarm_image_source *source,
                                const snarm_fit_options *given) {
    if (out == NULL || source == NULL || source->load == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_detector_fit: %s is NULL",
                        out == NULL ? "out" : source == NULL ? "source" : "source->load");
    *out = NULL;
    if (source->count < 1 || source->count > INT32_MAX)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_detector_fit: source->count is %zu, expected 1..%d", source->count,
                        INT32_MAX);
    snarm_fit_options options;
    SN_TRY(sn_fit_options_read(&options, given));
    if (options.depths != NULL && (options.depths->load == NULL || options.depths->count != source->count))
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_fit_options: depths has %s%zu pictures, expected as many as the source, %zu",
                        options.depths->load == NULL ? "no load and " : "", options.depths->count, source->count);
    snarm_train_options training;
    if (options.train != NULL) {
        SN_TRY(sn_train_options_read(&training, options.train));
        options.train = &training;
    }
    snarm_detector *d;
    SN_TRY(sn_alloc_zeroed(&d, 1, sizeof *d, "detector"));
    d->threads = options.threads, d->precision = options.precision;
    d->image_count = (int32_t)source->count;
    d->recipe = (sn_recipe){.tiled = options.tile_width != 0,
                            .depth = options.depths != NULL,
                            .both_lights = options.both_lights == 1,
                            .score_window = SN_SCORE_WINDOW,
                            .map_contrast = options.map_contrast,
                            .neighbours = options.neighbours,
                            .smoothing = options.smoothing > 0 ? options.smoothing : 0,
                            .false_alarm_rate = options.false_alarm_rate,
                            .score_share = 1,
                            .score_first_stage = 1,
                            .distance_full = 1,
                            .seed = options.seed};
    strcpy(d->fitted_version, snarm_version());
    snarm_status status = open_parts(d, backbone, source, &options);
    if (status == SNARM_OK && options.train != NULL)
        sn_train_options_settle(&training, (size_t)d->shape.grid_width * (size_t)d->shape.grid_height);
    if (status == SNARM_OK)
        status = learn(d, source, &options);
    if (status != SNARM_OK) {
        snarm_detector_destroy(d);
        return status;
    }
    if (d->recipe.residual_scale == 0) /* without a scorer nothing is scaled */
        d->recipe.residual_scale = 1;
    *out = d;
    return SNARM_OK;
}

static snarm_status load_file(void *user, size_t index, snarm_image *image) {
    const char *const *paths = user;
    return snarm_image_load(image, paths[index], NULL);
}

static void release_file(void *user, snarm_image *image) {
    (void)user;
    snarm_image_release(image);
}

snarm_status snarm_detector_fit_files(snarm_detector **out, const char *backbone, const char *const *paths,
                                      size_t count, const snarm_fit_options *options) {
    if (paths == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_detector_fit_files: paths is NULL");
    for (size_t i = 0; i < count; i++)
        if (paths[i] == NULL)
            return sn_error(SNARM_ERROR_ARGUMENT, "snarm_detector_fit_files: paths[%zu] is NULL", i);
    const snarm_image_source source = {count, load_file, release_file, (void *)(uintptr_t)paths};
    return snarm_detector_fit(out, backbone, &source, options);
}
