/* Detectors as .snarm files: safetensors with the weights under "backbone." and "scorer.", the bank under "bank.", the
 * leave-one-out scores, and the recipe as metadata. */
#include "detector/detector.h"

#include "backbone/backbone.h"
#include "bank/bank.h"
#include "core/memory.h"
#include "core/threads.h"
#include "io/number_list.h"
#include "kernel/type.h"
#include "scorer/scorer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char FORMAT[] = "snarm detector";

static snarm_status write_layers(sn_writer *writer, const snarm_backbone_info *shape) {
    char text[SN_NUMBER_LIST_SIZE(SNARM_LAYERS_MAX)];
    sn_number_list_write(shape->layers, (size_t)shape->layer_count, text);
    return sn_writer_metadata(writer, "layers", text);
}

static snarm_status write_recipe(sn_writer *writer, const snarm_detector *d) {
    SN_TRY(sn_writer_metadata(writer, "format", FORMAT));
    SN_TRY(sn_writer_metadata_int(writer, "format_version", sn_model_format(&d->recipe)));
    SN_TRY(sn_writer_metadata(writer, "library_version", d->fitted_version));
    SN_TRY(write_layers(writer, &d->shape));
    const struct {
        const char *key;
        int64_t value;
    } whole[] = {{"width", d->recipe.preprocess.width},
                 {"height", d->recipe.preprocess.height},
                 {"resize_width", d->recipe.preprocess.resize_width},
                 {"resize_height", d->recipe.preprocess.resize_height},
                 {"groups", d->shape.groups},
                 {"channels", d->shape.channels},
                 {"pooled", d->shape.pooled},
                 {"neighbourhood", d->shape.neighbourhood},
                 {"neighbours", d->recipe.neighbours},
                 {"images", d->image_count}};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        SN_TRY(sn_writer_metadata_int(writer, whole[i].key, whole[i].value));
    if (d->recipe.tiled) {
        SN_TRY(sn_writer_metadata_int(writer, "tile_width", d->shape.width));
        SN_TRY(sn_writer_metadata_int(writer, "tile_height", d->shape.height));
        SN_TRY(sn_writer_metadata_int(writer, "tile_overlap", d->recipe.overlap));
    }
    if (d->recipe.depth) {
        SN_TRY(sn_writer_metadata_double(writer, "depth_range", d->recipe.relief_range));
        SN_TRY(sn_writer_metadata_double(writer, "depth_background", d->recipe.relief_background));
        SN_TRY(sn_writer_metadata_double(writer, "depth_weight", d->recipe.depth_weight));
    }
    const struct {
        const char *key;
        double value;
    } real[] = {{"smoothing", d->recipe.smoothing}, {"false_alarm_rate", d->recipe.false_alarm_rate},
                {"residual_scale", d->recipe.residual_scale}, {"score_share", d->recipe.score_share},
                {"distance_full", d->recipe.distance_full}, {"map_threshold", d->map_threshold},
                {"threshold", d->threshold}, {"score_low", d->score_low}};
    for (size_t i = 0; i < sizeof real / sizeof *real; i++)
        SN_TRY(sn_writer_metadata_double(writer, real[i].key, real[i].value));
    if (d->recipe.score_first_stage < 1)
        SN_TRY(sn_writer_metadata_double(writer, "score_first_stage", d->recipe.score_first_stage));
    if (d->recipe.score_window != SN_SCORE_WINDOW)
        SN_TRY(sn_writer_metadata_int(writer, "score_window", d->recipe.score_window));
    if (d->recipe.score_floor > 0) {
        SN_TRY(sn_writer_metadata_double(writer, "score_floor", d->recipe.score_floor));
        SN_TRY(sn_writer_metadata_double(writer, "usual_floor", d->recipe.usual_floor));
    }
    if (d->recipe.map_contrast > 0)
        SN_TRY(sn_writer_metadata_double(writer, "map_contrast", d->recipe.map_contrast));
    if (d->recipe.light.level > 0) {
        SN_TRY(sn_writer_metadata_double(writer, "light", d->recipe.light.level));
        SN_TRY(sn_writer_metadata_double(writer, "light_share", d->recipe.light.share));
        if (d->recipe.both_lights)
            SN_TRY(sn_writer_metadata_int(writer, "both_lights", 1));
    }
    char seed[24];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)d->recipe.seed);
    return sn_writer_metadata(writer, "seed", seed);
}

/* How the scorer's training went, for whoever looks at the model. */
static snarm_status write_training(sn_writer *writer, const snarm_train_report *r) {
    if (r->steps == 0)
        return SNARM_OK;
    SN_TRY(sn_writer_metadata_int(writer, "training.steps", r->steps));
    SN_TRY(sn_writer_metadata_int(writer, "training.step", r->step));
    SN_TRY(sn_writer_metadata_int(writer, "training.best_step", r->best_step));
    SN_TRY(sn_writer_metadata_double(writer, "training.best_pixel_ap", r->best_pixel_ap));
    SN_TRY(sn_writer_metadata_double(writer, "training.untrained_pixel_ap", r->untrained_pixel_ap));
    SN_TRY(sn_writer_metadata_double(writer, "training.image_auroc", r->image_auroc));
    return sn_writer_metadata_double(writer, "training.untrained_image_auroc", r->untrained_image_auroc);
}

static snarm_status read_training(const sn_safetensors *file, snarm_train_report *r) {
    if (sn_safetensors_metadata(file, "training.steps") == NULL)
        return SNARM_OK;
    r->loss = r->pixel_ap = r->seconds = r->seconds_left = NAN;
    SN_TRY(sn_safetensors_metadata_int(file, "training.steps", 1, INT64_MAX, &r->steps));
    SN_TRY(sn_safetensors_metadata_int(file, "training.step", 0, r->steps, &r->step));
    SN_TRY(sn_safetensors_metadata_int(file, "training.best_step", 0, r->step, &r->best_step));
    SN_TRY(sn_safetensors_metadata_double(file, "training.best_pixel_ap", 0, 1, &r->best_pixel_ap));
    SN_TRY(sn_safetensors_metadata_double(file, "training.untrained_pixel_ap", 0, 1, &r->untrained_pixel_ap));
    SN_TRY(sn_safetensors_metadata_double(file, "training.image_auroc", 0, 1, &r->image_auroc));
    SN_TRY(sn_safetensors_metadata_double(file, "training.untrained_image_auroc", 0, 1, &r->untrained_image_auroc));
    r->cancelled = r->step < r->steps;
    return SNARM_OK;
}

static snarm_status write_weights(sn_writer *writer, const snarm_detector *d) {
    SN_TRY(sn_backbone_embed(d->backbone, d->backbone_source.file, d->backbone_source.prefix, writer, "backbone."));
    if (d->scorer == NULL)
        return SNARM_OK;
    if (d->trained != NULL)
        return sn_scorer_weights_write(d->trained, writer, "scorer.");
    return sn_scorer_embed(d->scorer_source.file, d->scorer_source.prefix, writer, "scorer.");
}

snarm_status snarm_detector_save(const snarm_detector *detector, const char *path) {
    if (detector == NULL || path == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_detector_save: %s is NULL", detector == NULL ? "detector" : "path");
    sn_writer *writer;
    SN_TRY(sn_writer_create(&writer, path));
    snarm_status status = write_recipe(writer, detector);
    if (status == SNARM_OK)
        status = write_weights(writer, detector);
    if (status == SNARM_OK)
        status = write_training(writer, &detector->training);
    if (status == SNARM_OK)
        status = sn_bank_write(detector->bank, writer, "bank.");
    if (status == SNARM_OK)
        status = sn_writer_tensor(writer, "scores", SN_F32, 1, (int64_t[]){detector->image_count}, detector->scores);
    if (status == SNARM_OK)
        status = sn_writer_finish(writer);
    sn_writer_destroy(writer);
    return status;
}

static snarm_status read_int(const sn_safetensors *file, const char *key, int32_t least, int32_t most, int32_t *out) {
    int64_t value;
    SN_TRY(sn_safetensors_metadata_int(file, key, least, most, &value));
    *out = (int32_t)value;
    return SNARM_OK;
}

static snarm_status read_layers(const sn_safetensors *file, snarm_backbone_options *options) {
    const char *text = sn_safetensors_metadata(file, "layers");
    size_t count;
    if (sn_number_list_read(text, 0, 1000, SNARM_LAYERS_MAX, options->layers, &count)) {
        options->layer_count = (int32_t)count;
        return SNARM_OK;
    }
    return sn_error(SNARM_ERROR_FORMAT, "%s: metadata layers is '%.80s', expected a list of numbers",
                    sn_safetensors_path(file), text != NULL ? text : "(missing)");
}

static snarm_status read_format(const sn_safetensors *file, snarm_detector *d) {
    const char *format = sn_safetensors_metadata(file, "format");
    if (format == NULL || strcmp(format, FORMAT) != 0)
        return sn_error(SNARM_ERROR_FORMAT, "%s: is not a detector: metadata format is '%.40s', expected '%s'",
                        sn_safetensors_path(file), format != NULL ? format : "(missing)", FORMAT);
    int32_t version;
    SN_TRY(read_int(file, "format_version", 1, INT32_MAX, &version));
    if (version > SN_MODEL_FORMAT_STAGES)
        return sn_error(SNARM_ERROR_UNSUPPORTED, "%s: metadata format_version is %d, this library knows up to %d",
                        sn_safetensors_path(file), (int)version, SN_MODEL_FORMAT_STAGES);
    const bool later = version == SN_MODEL_FORMAT_STAGES;
    d->recipe.depth = version == SN_MODEL_FORMAT_DEPTH || (later && sn_safetensors_metadata(file, "depth_range") != NULL);
    d->recipe.tiled = version == SN_MODEL_FORMAT_TILES ||
                      ((d->recipe.depth || later) && sn_safetensors_metadata(file, "tile_width") != NULL);
    const char *library = sn_safetensors_metadata(file, "library_version");
    snprintf(d->fitted_version, sizeof d->fitted_version, "%s", library != NULL ? library : "");
    return SNARM_OK;
}

enum { INPUT_MAX = 4096, CANVAS_MAX = 16384 };

/* The network's input, the canvas, and what pictures are resized to. */
static snarm_status read_sizes(const sn_safetensors *file, sn_recipe *recipe, snarm_backbone_options *options) {
    snarm_preprocess *how = &recipe->preprocess;
    const int32_t most = recipe->tiled ? CANVAS_MAX : INPUT_MAX;
    SN_TRY(read_int(file, "width", 1, most, &how->width));
    SN_TRY(read_int(file, "height", 1, most, &how->height));
    SN_TRY(read_int(file, "resize_width", how->width, CANVAS_MAX, &how->resize_width));
    SN_TRY(read_int(file, "resize_height", how->height, CANVAS_MAX, &how->resize_height));
    options->width = how->width, options->height = how->height;
    if (!recipe->tiled)
        return SNARM_OK;
    const int32_t widest = how->width < INPUT_MAX ? how->width : INPUT_MAX;
    const int32_t tallest = how->height < INPUT_MAX ? how->height : INPUT_MAX;
    SN_TRY(read_int(file, "tile_width", 1, widest, &options->width));
    SN_TRY(read_int(file, "tile_height", 1, tallest, &options->height));
    const int32_t shorter = options->width < options->height ? options->width : options->height;
    return read_int(file, "tile_overlap", 0, shorter / 2, &recipe->overlap);
}

static snarm_status read_depth(const sn_safetensors *file, sn_recipe *recipe) {
    if (!recipe->depth)
        return SNARM_OK;
    SN_TRY(sn_safetensors_metadata_double(file, "depth_range", 1e-30, 1e30, &recipe->relief_range));
    SN_TRY(sn_safetensors_metadata_double(file, "depth_background", 0, 1e30, &recipe->relief_background));
    return sn_safetensors_metadata_double(file, "depth_weight", 1e-30, 1e30, &recipe->depth_weight);
}

static snarm_status read_recipe(const sn_safetensors *file, snarm_detector *d, snarm_backbone_options *options) {
    sn_recipe *recipe = &d->recipe;
    int32_t pooled;
    SN_TRY(read_sizes(file, recipe, options));
    SN_TRY(read_depth(file, recipe));
    SN_TRY(read_int(file, "groups", 1, SNARM_LAYERS_MAX, &options->groups));
    SN_TRY(read_int(file, "channels", 1, 65536, &options->channels));
    SN_TRY(read_int(file, "pooled", 0, 1, &pooled));
    if (!pooled)
        options->channels = -1;
    SN_TRY(read_int(file, "neighbourhood", 1, 5, &options->neighbourhood));
    SN_TRY(read_int(file, "neighbours", 1, SNARM_NEIGHBOURS_MAX, &recipe->neighbours));
    SN_TRY(read_int(file, "images", 1, INT32_MAX, &d->image_count));
    SN_TRY(read_layers(file, options));
    SN_TRY(sn_safetensors_metadata_double(file, "smoothing", 0, 64, &recipe->smoothing));
    SN_TRY(sn_safetensors_metadata_double(file, "false_alarm_rate", 0, 1, &recipe->false_alarm_rate));
    SN_TRY(sn_safetensors_metadata_double(file, "residual_scale", 1e-30, 1e30, &recipe->residual_scale));
    double threshold, low;
    SN_TRY(sn_safetensors_metadata_double(file, "threshold", -1e30, 1e30, &threshold));
    SN_TRY(sn_safetensors_metadata_double(file, "score_low", -1e30, threshold, &low));
    d->threshold = (float)threshold;
    d->score_low = (float)low;
    d->map_threshold = d->threshold; /* files of before image score and map were told apart */
    recipe->score_share = recipe->distance_full = 1;
    if (sn_safetensors_metadata(file, "score_share") != NULL) {
        double map_threshold;
        SN_TRY(sn_safetensors_metadata_double(file, "score_share", 0, 1, &recipe->score_share));
        SN_TRY(sn_safetensors_metadata_double(file, "distance_full", 1e-30, 1e30, &recipe->distance_full));
        SN_TRY(sn_safetensors_metadata_double(file, "map_threshold", -1e30, 1e30, &map_threshold));
        d->map_threshold = (float)map_threshold;
    }
    recipe->score_first_stage = 1;
    if (sn_safetensors_metadata(file, "score_first_stage") != NULL)
        SN_TRY(sn_safetensors_metadata_double(file, "score_first_stage", 0, 1, &recipe->score_first_stage));
    recipe->score_window = SN_SCORE_WINDOW;
    if (sn_safetensors_metadata(file, "score_window") != NULL) {
        SN_TRY(read_int(file, "score_window", 2, SN_SCORE_WINDOW_MAX, &recipe->score_window));
        if (recipe->score_window % 2 != 0)
            return sn_error(SNARM_ERROR_FORMAT, "%s: metadata score_window is %d, expected an even number", sn_safetensors_path(file),
                            (int)recipe->score_window);
    }
    if (sn_safetensors_metadata(file, "score_floor") != NULL) {
        SN_TRY(sn_safetensors_metadata_double(file, "score_floor", 0, 1, &recipe->score_floor));
        SN_TRY(sn_safetensors_metadata_double(file, "usual_floor", 0, 1e30, &recipe->usual_floor));
    }
    if (sn_safetensors_metadata(file, "map_contrast") != NULL)
        SN_TRY(sn_safetensors_metadata_double(file, "map_contrast", 0, 1, &recipe->map_contrast));
    if (sn_safetensors_metadata(file, "light") != NULL) {
        SN_TRY(sn_safetensors_metadata_double(file, "light", 0, 1, &recipe->light.level));
        SN_TRY(sn_safetensors_metadata_double(file, "light_share", 0, 1, &recipe->light.share));
        if (sn_safetensors_metadata(file, "both_lights") != NULL) {
            int32_t both;
            SN_TRY(read_int(file, "both_lights", 0, 1, &both));
            recipe->both_lights = both == 1;
        }
    }
    const char *seed = sn_safetensors_metadata(file, "seed");
    char *end = NULL;
    if (seed != NULL)
        recipe->seed = strtoull(seed, &end, 10);
    if (seed == NULL || end == seed || *end != '\0')
        return sn_error(SNARM_ERROR_FORMAT, "%s: metadata seed is '%.40s', expected a whole number",
                        sn_safetensors_path(file), seed != NULL ? seed : "(missing)");
    return SNARM_OK;
}

static snarm_status read_bank(const sn_safetensors *file, bool exact, snarm_detector *d) {
    snarm_bank_options options;
    snarm_bank_options_init(&options);
    options.threads = d->threads, options.exact = exact, options.precision = d->precision;
    SN_TRY(sn_bank_read(&d->bank, file, "bank.", &options));
    size_t count;
    int32_t channels, images;
    SN_TRY(snarm_bank_get_size(d->bank, &count, &channels, &images));
    if (channels != d->channels)
        return sn_error(SNARM_ERROR_FORMAT, "%s: tensor bank.vectors has %d channels, the backbone gives %d%s",
                        sn_safetensors_path(file), (int)channels, (int)d->channels, sn_view_count(&d->recipe) > 1 ? ", those of all its views" : "");
    if (images > d->image_count || count < (size_t)d->recipe.neighbours)
        return sn_error(SNARM_ERROR_FORMAT, "%s: bank.vectors has %zu rows of %d images, metadata says %d neighbours and %d images",
                        sn_safetensors_path(file), count, (int)images, (int)d->recipe.neighbours, (int)d->image_count);
    const sn_tensor *scores;
    SN_TRY(sn_safetensors_require(file, "scores", 1, (int64_t[]){d->image_count}, &scores));
    SN_TRY(sn_alloc(&d->scores, scores->count, sizeof(float), "scores"));
    SN_TRY(sn_tensor_to_f32(file, scores, d->scores));
    for (size_t i = 0; i < scores->count; i++)
        if (!isfinite(d->scores[i]))
            return sn_error(SNARM_ERROR_FORMAT, "%s: tensor scores: value %zu is not finite", sn_safetensors_path(file), i);
    return SNARM_OK;
}

static snarm_status read_detector(snarm_detector *d, const char *path, bool exact) {
    SN_TRY(sn_safetensors_open(&d->files[0], path));
    const sn_safetensors *file = d->files[0];
    SN_TRY(read_format(file, d));
    snarm_backbone_options options;
    snarm_backbone_options_init(&options);
    SN_TRY(read_recipe(file, d, &options));
    d->backbone_source = (sn_weights_source){file, "backbone."};
    if (sn_safetensors_find(file, "scorer.simple_predictor.weight") != NULL)
        d->scorer_source = (sn_weights_source){file, "scorer."};
    SN_TRY(read_training(file, &d->training));
    SN_TRY(sn_detector_open_parts(d, &options));
    SN_TRY(sn_detector_lay_out(d, "metadata"));
    SN_TRY(read_bank(file, exact, d));
    return sn_detector_ready(d);
}

static snarm_status check_options(const snarm_detector_options *options) {
    if (options->exact != 0 && options->exact != 1)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_detector_options: exact is %d, expected 0..1", (int)options->exact);
    if (options->pin != 0 && options->pin != 1)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_detector_options: pin is %d, expected 0..1", (int)options->pin);
    SN_TRY(sn_precision_check(options->precision, "snarm_detector_options"));
    if (options->pin == 0)
        return SNARM_OK;
    sn_processors allowed;
    SN_TRY(sn_processors_get(&allowed));
    const int threads = sn_threads_resolve(options->threads);
    if (threads > allowed.count)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_detector_options: pin is 1 with %d threads, but only %d processors may be used",
                        threads, allowed.count);
    return SNARM_OK;
}

snarm_status snarm_detector_load(snarm_detector **out, const char *path, const snarm_detector_options *given) {
    if (out == NULL || path == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_detector_load: %s is NULL", out == NULL ? "out" : "path");
    *out = NULL;
    snarm_detector_options options;
    snarm_detector_options_init(&options);
    SN_TRY(sn_options_read(&options, sizeof options, given, offsetof(snarm_detector_options, precision), "snarm_detector_options"));
    SN_TRY(check_options(&options));
    snarm_detector *d;
    SN_TRY(sn_alloc_zeroed(&d, 1, sizeof *d, "detector"));
    d->threads = sn_threads_resolve(options.threads), d->precision = options.precision;
    d->pin = options.pin == 1;
    snarm_status status = read_detector(d, path, options.exact == 1);
    if (status != SNARM_OK) {
        snarm_detector_destroy(d);
        /* Values of the file that a part refused as an argument are still the file's fault. */
        if (status == SNARM_ERROR_ARGUMENT || status == SNARM_ERROR_MISMATCH)
            status = sn_error_prefix(SNARM_ERROR_FORMAT, "%s", path);
        return status;
    }
    *out = d;
    return SNARM_OK;
}
