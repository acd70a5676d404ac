/* Making, describing and freeing a detector. */
#include "detector/detector.h"

#include "backbone/backbone.h"
#include "core/memory.h"
#include "core/threads.h"
#include "scorer/scorer.h"

#include <string.h>

static snarm_status fit_scorer(snarm_detector *d, const char *where) {
    snarm_scorer_info info = {.struct_size = sizeof info};
    SN_TRY(snarm_scorer_get_info(d->scorer, &info));
    if (info.channels != d->channels)
        return sn_error(SNARM_ERROR_MISMATCH, "%s: the scorer takes features of %d channels, the backbone gives %d", where,
                        (int)info.channels, (int)d->channels);
    d->logit_maps = info.maps;
    d->recipe.prior_apart = info.prior_border != 0 || info.prior_stages != 0;
    if (d->recipe.residual_scale == 0) /* a fit's: the scorer knows what it was trained with */
        d->recipe.residual_scale = info.residual_scale;
    const float *weight;
    float bias;
    SN_TRY(snarm_scorer_navigator(d->scorer, &weight, &bias));
    snarm_residual_options residual;
    snarm_residual_options_init(&residual);
    residual.patches = d->shape.grid_width * d->shape.grid_height;
    residual.channels = d->channels;
    residual.neighbours = d->recipe.neighbours;
    residual.reference_ratio = info.reference_ratio;
    residual.scale = d->recipe.residual_scale;
    residual.threads = d->threads;
    return snarm_residual_create(&d->residual, weight, bias, &residual);
}

sn_stages sn_detector_stages(const snarm_detector *d) {
    const snarm_backbone_info *shape = &d->shape;
    const int32_t views = (int32_t)sn_view_count(&d->recipe);
    bool narrow = false; /* pooled to so few channels that a stage has no pair of its own */
    for (int32_t s = 0; s < shape->stage_count; s++)
        narrow = narrow || shape->stage_channels[s] < 2;
    sn_stages stages = {.count = narrow ? views : views * shape->stage_count};
    for (int32_t s = 0; s < stages.count; s++)
        stages.channels[s] = narrow ? shape->channels : shape->stage_channels[s % shape->stage_count];
    return stages;
}

bool sn_detector_stage_weights(const snarm_detector *d, float *weights) {
    if (d->recipe.score_first_stage == 1 && !d->recipe.both_lights)
        return false;
    const int32_t count = sn_detector_stages(d).count, each = count / (int32_t)sn_view_count(&d->recipe);
    for (int32_t s = 0; s < count; s++)
        weights[s] = s % each == 0 ? (float)d->recipe.score_first_stage : 1;
    for (int32_t s = 0; s < each && d->recipe.both_lights; s++)
        weights[s] = 0;
    return true;
}

static snarm_scorer_options scorer_options(const snarm_detector *d) {
    snarm_scorer_options options;
    snarm_scorer_options_init(&options);
    options.grid_width = d->shape.grid_width;
    options.grid_height = d->shape.grid_height;
    options.threads = d->threads, options.precision = d->precision;
    options.coverage = d->coverage;
    return options;
}

static snarm_status open_scorer(snarm_detector *d) {
    const snarm_scorer_options options = scorer_options(d);
    SN_TRY(sn_scorer_create_from(&d->scorer, d->scorer_source.file, d->scorer_source.prefix, &options));
    return fit_scorer(d, sn_safetensors_path(d->scorer_source.file));
}

snarm_status sn_detector_take_scorer(snarm_detector *d, sn_scorer_weights *weights) {
    d->trained = weights;
    const snarm_scorer_options options = scorer_options(d);
    SN_TRY(sn_scorer_create_from_weights(&d->scorer, weights, &options));
    return fit_scorer(d, "training");
}

snarm_status sn_detector_open_parts(snarm_detector *d, const snarm_backbone_options *given) {
    snarm_backbone_options options = *given;
    options.threads = d->threads, options.precision = d->precision;
    SN_TRY(sn_backbone_create_from(&d->backbone, d->backbone_source.file, d->backbone_source.prefix, &options));
    d->shape.struct_size = sizeof d->shape;
    SN_TRY(snarm_backbone_get_info(d->backbone, &d->shape));
    d->channels = d->shape.channels * (int32_t)sn_view_count(&d->recipe);
    SN_TRY(sn_alloc(&d->coverage, (size_t)d->shape.grid_width * (size_t)d->shape.grid_height, sizeof *d->coverage, "detector"));
    SN_TRY(snarm_backbone_coverage(d->backbone, d->coverage));
    if (!d->recipe.tiled) {
        d->recipe.preprocess.width = d->shape.width;
        d->recipe.preprocess.height = d->shape.height;
    }
    memcpy(d->recipe.preprocess.mean, d->shape.mean, sizeof d->shape.mean);
    memcpy(d->recipe.preprocess.std, d->shape.std, sizeof d->shape.std);
    return d->scorer_source.file != NULL ? open_scorer(d) : SNARM_OK;
}

snarm_status sn_detector_lay_out(snarm_detector *d, const char *where) {
    const snarm_preprocess *how = &d->recipe.preprocess;
    const int32_t width = d->shape.width, height = d->shape.height;
    if (width > how->width || height > how->height)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: tile is %dx%d, larger than the %dx%d that are cut into tiles", where,
                        (int)width, (int)height, (int)how->width, (int)how->height);
    const int32_t most = (width < height ? width : height) / 2;
    if (d->recipe.overlap < 0 || d->recipe.overlap > most)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: tile_overlap is %d, expected at most half a side of the tile, %d", where,
                        (int)d->recipe.overlap, (int)most);
    return sn_tiles_create(&d->tiles, how->width, how->height, width, height, d->recipe.overlap);
}

void snarm_detector_destroy(snarm_detector *detector) {
    if (detector == NULL)
        return;
    sn_detector_unready(detector);
    sn_tiles_destroy(&detector->tiles);
    snarm_residual_destroy(detector->residual);
    snarm_scorer_destroy(detector->scorer);
    sn_scorer_weights_destroy(detector->trained);
    snarm_bank_destroy(detector->bank);
    snarm_backbone_destroy(detector->backbone);
    sn_free(detector->scores);
    sn_free(detector->coverage);
    for (size_t i = 0; i < sizeof detector->files / sizeof *detector->files; i++)
        sn_safetensors_close(detector->files[i]);
    sn_free(detector);
}

snarm_status snarm_detector_get_info(const snarm_detector *detector, snarm_detector_info *info) {
    if (detector == NULL || info == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_detector_get_info: %s is NULL",
                        detector == NULL ? "detector" : "info");
    snarm_detector_info filled = {
        .struct_size = sizeof filled,
        .backbone = &detector->shape,
        .preprocess = detector->recipe.preprocess,
        .image_count = detector->image_count,
        .neighbours = detector->recipe.neighbours,
        .has_scorer = detector->scorer != NULL,
        .smoothing = detector->recipe.smoothing,
        .false_alarm_rate = detector->recipe.false_alarm_rate,
        .threshold = detector->threshold,
        .score_low = detector->score_low,
        .seed = detector->recipe.seed,
        .threads = detector->threads,
        .format_version = sn_model_format(&detector->recipe),
        .library_version = detector->fitted_version,
        .map_threshold = detector->map_threshold,
        .score_share = detector->recipe.score_share,
        .has_depth = detector->recipe.depth,
        .channels = detector->channels,
        .depth_range = detector->recipe.relief_range,
        .depth_background = detector->recipe.relief_background,
        .depth_weight = detector->recipe.depth_weight,
        .score_first_stage = detector->recipe.score_first_stage,
        .light = detector->recipe.light.level,
        .light_share = detector->recipe.light.share,
        .both_lights = detector->recipe.both_lights,
        .map_contrast = detector->recipe.map_contrast,
        .score_window = detector->recipe.score_window,
        .score_floor = detector->recipe.score_floor,
        .usual_floor = detector->recipe.usual_floor,
    };
    SN_TRY(sn_options_check(info->struct_size, offsetof(snarm_detector_info, tile_width), "snarm_detector_info"));
    if (detector->recipe.tiled) {
        filled.tile_width = detector->shape.width, filled.tile_height = detector->shape.height;
        filled.tile_overlap = detector->recipe.overlap;
        filled.tile_columns = detector->tiles.x.count, filled.tile_rows = detector->tiles.y.count;
    }
    SN_TRY(snarm_bank_get_size(detector->bank, &filled.bank_count, NULL, NULL));
    sn_options_write(info, &filled, sizeof filled);
    return SNARM_OK;
}

const snarm_backbone *snarm_detector_backbone(const snarm_detector *detector) {
    return detector != NULL ? detector->backbone : NULL;
}

const snarm_bank *snarm_detector_bank(const snarm_detector *detector) {
    return detector != NULL ? detector->bank : NULL;
}

const snarm_residual *snarm_detector_residual(const snarm_detector *detector) {
    return detector != NULL ? detector->residual : NULL;
}

const snarm_scorer *snarm_detector_scorer(const snarm_detector *detector) {
    return detector != NULL ? detector->scorer : NULL;
}

snarm_status snarm_detector_get_scores(const snarm_detector *detector, const float **scores, size_t *count) {
    if (detector == NULL || scores == NULL || count == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_detector_get_scores: a pointer is NULL");
    *scores = detector->scores;
    *count = (size_t)detector->image_count;
    return SNARM_OK;
}

snarm_status snarm_detector_get_training(const snarm_detector *detector, snarm_train_report *report) {
    if (detector == NULL || report == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_detector_get_training: %s is NULL",
                        detector == NULL ? "detector" : "report");
    *report = detector->training;
    return SNARM_OK;
}
