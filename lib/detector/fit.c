/* Learning a product: open the parts, choose the bank, set the threshold. */
#include "detector/fit.h"

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

static snarm_status compute(sn_feature_source *source, size_t index) {
    const snarm_detector *d = source->detector;
    snarm_image image;
    memset(&image, 0, sizeof image);
    snarm_status status = source->images->load(source->images->user, index, &image);
    if (status != SNARM_OK)
        return status;
    status = snarm_image_preprocess(&image, &d->recipe.preprocess, source->inspection->planes, NULL);
    if (source->images->release != NULL)
        source->images->release(source->images->user, &image);
    return status == SNARM_OK ? sn_inspect_features(d, source->inspection)
                              : sn_error_prefix(status, "picture %zu", index);
}

snarm_status sn_feature_source_get(sn_feature_source *source, size_t index, const float **features) {
    if (index < source->filled_count) {
        *features = source->kept + index * source->floats;
        return SNARM_OK;
    }
    SN_TRY(compute(source, index));
    *features = source->inspection->features;
    if (index == source->filled_count && index < source->kept_count) {
        float *kept = source->kept + index * source->floats;
        memcpy(kept, *features, source->floats * sizeof *kept);
        source->filled_count++;
    }
    return SNARM_OK;
}

static snarm_status learn(snarm_detector *d, const snarm_image_source *images, const snarm_fit_options *options) {
    SN_TRY(sn_detector_ready(d));
    void *inspection;
    SN_TRY(sn_pool_take(d->states, &inspection));
    sn_feature_source source;
    snarm_status status = sn_feature_source_create(&source, d, images, inspection, options->feature_memory);
    if (status == SNARM_OK)
        status = sn_fit_bank(d, &source, options);
    if (status == SNARM_OK)
        status = sn_fit_threshold(d, &source, options);
    sn_feature_source_destroy(&source);
    sn_pool_give(d->states, inspection);
    return status;
}

static snarm_status open_parts(snarm_detector *d, const char *backbone, const snarm_fit_options *options) {
    SN_TRY(sn_safetensors_open(&d->files[0], backbone));
    d->backbone_source = (sn_weights_source){d->files[0], ""};
    if (options->scorer_path != NULL) {
        SN_TRY(sn_safetensors_open(&d->files[1], options->scorer_path));
        d->scorer_source = (sn_weights_source){d->files[1], ""};
    }
    snarm_backbone_options wanted;
    SN_TRY(sn_fit_backbone_options(&wanted, options, &d->backbone_source));
    SN_TRY(sn_detector_open_parts(d, &wanted));
    return sn_fit_preprocess(&d->recipe.preprocess, options);
}

snarm_status snarm_detector_fit(snarm_detector **out, const char *backbone, const snarm_image_source *source,
                                const snarm_fit_options *given) {
    if (out == NULL || backbone == NULL || source == NULL || source->load == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_detector_fit: %s is NULL",
                        out == NULL ? "out" : backbone == NULL ? "backbone" : source == NULL ? "source" : "source->load");
    *out = NULL;
    if (source->count < 1 || source->count > INT32_MAX)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_detector_fit: source->count is %zu, expected 1..%d", source->count,
                        INT32_MAX);
    snarm_fit_options options;
    SN_TRY(sn_fit_options_read(&options, given));
    snarm_detector *d;
    SN_TRY(sn_alloc_zeroed(&d, 1, sizeof *d, "detector"));
    d->threads = options.threads;
    d->image_count = (int32_t)source->count;
    d->recipe = (sn_recipe){.neighbours = options.neighbours,
                            .smoothing = options.smoothing > 0 ? options.smoothing : 0,
                            .false_alarm_rate = options.false_alarm_rate,
                            .residual_scale = 1,
                            .seed = options.seed};
    strcpy(d->fitted_version, snarm_version());
    snarm_status status = open_parts(d, backbone, &options);
    if (status == SNARM_OK)
        status = learn(d, source, &options);
    if (status != SNARM_OK) {
        snarm_detector_destroy(d);
        return status;
    }
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
