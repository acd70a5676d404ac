#define _GNU_SOURCE
#include "eval_report.h"

#include "info.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Longest side of the maps that are handed on: more than the report keeps of them. */
enum { MAP_SIDE = 512 };

static void add_time(json_t *facts) {
    const time_t now = time(NULL);
    struct tm parts;
    char text[64];
    if (gmtime_r(&now, &parts) != NULL && strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &parts) > 0)
        json_add(facts, "report made", json_text(text));
}

/* A fact's name for people: what snarm info calls it, unless that says too little on a page of its own. */
static char *name_of(const char *key) {
    static const char *const names[][2] = {
        {"images", "pictures learnt from"},  {"bank", "patches in the bank"},
        {"architecture", "backbone"},        {"licence", "licence of the weights"},
        {"fitted_by", "fitted by libsnarm"}, {"format_version", "version of the model file"},
        {"precision", "computed in"},        {"network", "name of the backbone"},
        {"mean", "mean of the input"},       {"std", "standard deviation of the input"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i][0], key) == 0)
            return format_text("%s", names[i][1]);
    char *name = format_text("%s", key);
    for (char *c = name; *c != '\0'; c++)
        *c = *c == '_' ? ' ' : *c;
    return name;
}

/* A fact's value for people: sizes as 224 x 224, lists without brackets, numbers without a point that says
 * nothing. */
static char *value_of(const char *key, const json_t *fact) {
    if (json_is_boolean(fact))
        return format_text("%s", json_is_true(fact) ? "yes" : "no");
    if (json_is_real(fact))
        return format_text("%.7g", json_real_value(fact));
    if (!json_is_array(fact))
        return fact_text(fact);
    const bool is_list = strcmp(key, "layers") == 0 || strcmp(key, "mean") == 0 || strcmp(key, "std") == 0;
    char *text = format_text("%s", "");
    for (size_t i = 0; i < json_array_size(fact); i++) {
        char *before = text, *item = fact_text(json_array_get(fact, i));
        text = format_text("%s%s%s", before, i == 0 ? "" : is_list ? ", " : " x ", item);
        free(item);
        free(before);
    }
    return text;
}

static snarm_status add_facts(snarm_report *report, const json_t *facts) {
    snarm_status status = SNARM_OK;
    for (void *at = json_object_iter((json_t *)(uintptr_t)facts); at != NULL && status == SNARM_OK;
         at = json_object_iter_next((json_t *)(uintptr_t)facts, at)) {
        char *name = name_of(json_object_iter_key(at)),
             *value = value_of(json_object_iter_key(at), json_object_iter_value(at));
        const bool unknown = strcmp(value, "-") == 0 || strcmp(value, "null") == 0;
        status = snarm_report_add_fact(report, name, unknown ? "not known" : value);
        free(value);
        free(name);
    }
    return status;
}

/* The last name of a path, without slashes that end it. The caller's to free. */
static char *base_name(const char *path) {
    char *copy = format_text("%s", path);
    for (size_t length = strlen(copy); length > 1 && copy[length - 1] == '/';)
        copy[--length] = '\0';
    const char *slash = strrchr(copy, '/');
    char *name = format_text("%s", slash != NULL && slash[1] != '\0' ? slash + 1 : copy);
    free(copy);
    return name;
}

int eval_report_start(snarm_report **out, const snarm_detector *detector, const char *model,
                      int32_t precision, const char *dataset, bool full_resolution) {
    *out = NULL;
    json_t *facts = must_have(json_object());
    json_add(facts, "model file", json_text(model));
    json_add(facts, "data set", json_text(dataset));
    json_add(facts, "pixels compared at",
             json_text(full_resolution ? "the masks' resolution" : "the map's resolution"));
    add_time(facts);
    json_add(facts, "evaluated by libsnarm", json_text(snarm_version()));
    snarm_detector_info info = {.struct_size = sizeof info};
    bool well = describe_model(facts, detector, precision) && snarm_detector_get_info(detector, &info) == SNARM_OK;
    if (well) {
        char *model_name = base_name(model), *dataset_name = base_name(dataset);
        char *title = format_text("%s on %s", model_name, dataset_name);
        snarm_report_options options;
        snarm_report_options_init(&options);
        options.title = title;
        options.threshold = info.threshold;
        options.map_threshold = info.map_threshold;
        well = snarm_report_create(out, &options) == SNARM_OK && add_facts(*out, facts) == SNARM_OK;
        free(title);
        free(dataset_name);
        free(model_name);
    }
    json_decref(facts);
    if (well)
        return CONTINUE;
    snarm_report_destroy(*out);
    *out = NULL;
    return fail_library(EXIT_INPUT);
}

/* DEFECT/NAME, whatever the way there. */
static const char *short_name(const char *path) {
    const char *slash = strrchr(path, '/');
    while (slash != NULL && slash > path && slash[-1] != '/')
        slash--;
    return slash != NULL ? slash : path;
}

snarm_status eval_report_add(snarm_report *report, const snarm_detector *detector, const char *category,
                             const snarm_sample *sample, const snarm_image *image, const snarm_result *result,
                             const float *map) {
    const int32_t longest = image->width > image->height ? image->width : image->height;
    int64_t width = image->width, height = image->height;
    if (longest > MAP_SIDE) {
        width = width * MAP_SIDE / longest;
        height = height * MAP_SIDE / longest;
    }
    snarm_report_sample shown = {.struct_size = sizeof shown,
                                 .name = short_name(sample->path),
                                 .category = category,
                                 .defect = sample->defect,
                                 .image = image,
                                 .map_width = width > 1 ? (int32_t)width : 1,
                                 .map_height = height > 1 ? (int32_t)height : 1,
                                 .score = result->score,
                                 .normalized = result->normalized,
                                 .anomalous = sample->anomalous};
    snarm_image mask = {.pixels = NULL};
    float *whole = must_have(malloc((size_t)shown.map_width * (size_t)shown.map_height * sizeof *whole));
    snarm_status status =
        snarm_detector_map_to_image(detector, map, shown.map_width, shown.map_height, whole);
    if (status == SNARM_OK && sample->mask != NULL)
        status = snarm_mask_load_full(&mask, sample->mask);
    if (status == SNARM_OK) {
        shown.map = whole;
        shown.mask = mask.pixels;
        shown.mask_width = mask.width;
        shown.mask_height = mask.height;
        status = snarm_report_add(report, &shown);
    }
    snarm_image_release(&mask);
    free(whole);
    return status;
}

int eval_report_finish(snarm_report *report, const char *path) {
    return snarm_report_write(report, path) == SNARM_OK ? CONTINUE : fail_library(EXIT_INPUT);
}
