/* snarm info: what a file holds: a model, weights of a network, a bank, or a scorer; and what the built-in network is. */
#define _GNU_SOURCE
#include "info.h"
#include "json.h"
#include "options.h"
#include "precision.h"

#include "snarm/detector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct info_arguments {
    common_options common;
    bool json;
    text_list files;
} info_arguments;

static const char summary[] =
    "Says what a file holds: a model (.snarm), weights of a network, a bank, or a scorer. The word builtin in the\n"
    "place of a file stands for the network that the library brings.";

/* Facts are collected as JSON and shown either so or as lines. */
static void add_integer(json_t *facts, const char *key, int64_t value) {
    json_add(facts, key, must_have(json_integer(value)));
}

static void add_size(json_t *facts, const char *key, int32_t width, int32_t height) {
    json_add(facts, key, must_have(json_pack("[i,i]", (int)width, (int)height)));
}

/* Numbers of a file as they were written there: seven digits tell floats apart. */
static void add_colours(json_t *facts, const char *key, const float values[3]) {
    json_t *list = must_have(json_array());
    for (int i = 0; i < 3; i++) {
        char text[32];
        snprintf(text, sizeof text, "%.7g", (double)values[i]);
        if (json_array_append_new(list, json_number(strtod(text, NULL))) != 0)
            must_have(NULL);
    }
    json_add(facts, key, list);
}

static void add_backbone(json_t *facts, const snarm_backbone_info *info) {
    json_add(facts, "network", json_text(info->name));
    json_add(facts, "architecture", json_text(info->architecture));
    json_add(facts, "licence", json_text(info->licence));
    json_add(facts, "weights_sha256", json_text(info->hash));
    add_size(facts, "input", info->width, info->height);
    add_size(facts, "grid", info->grid_width, info->grid_height);
    /* Of neighbouring patches, in pixels of the input. */
    add_integer(facts, "stride", info->width / info->grid_width);
    add_integer(facts, "channels", info->channels);
    json_t *layers = must_have(json_array());
    for (int32_t i = 0; i < info->layer_count; i++)
        if (json_array_append_new(layers, must_have(json_integer(info->layers[i]))) != 0)
            must_have(NULL);
    json_add(facts, "layers", layers);
    add_integer(facts, "groups", info->groups);
    add_integer(facts, "neighbourhood", info->neighbourhood);
    add_colours(facts, "mean", info->mean);
    add_colours(facts, "std", info->std);
}

static void add_search(json_t *facts, const snarm_bank *bank) {
    snarm_bank_search_info search = {.struct_size = sizeof search};
    if (snarm_bank_get_search(bank, &search) != SNARM_OK)
        return;
    add_integer(facts, "search_axes", search.axes);
    add_integer(facts, "search_cells", search.cells);
    add_integer(facts, "search_probes", search.probes);
    json_add(facts, "search_recall", json_number(search.recall));
}

bool describe_model(json_t *facts, const snarm_detector *detector, int32_t precision) {
    snarm_detector_info info = {.struct_size = sizeof info};
    if (snarm_detector_get_info(detector, &info) != SNARM_OK)
        return false;
    add_integer(facts, "format_version", info.format_version);
    json_add(facts, "fitted_by", json_text(info.library_version));
    add_integer(facts, "images", info.image_count);
    add_integer(facts, "bank", (int64_t)info.bank_count);
    add_search(facts, snarm_detector_bank(detector));
    add_integer(facts, "neighbours", info.neighbours);
    json_add(facts, "scorer", must_have(json_boolean(info.has_scorer)));
    snarm_train_report training;
    if (info.has_scorer)
        json_add(facts, "score_share", json_number(info.score_share));
    if (info.score_first_stage < 1)
        json_add(facts, "score_first_stage", json_number(info.score_first_stage));
    if (info.has_scorer)
        add_integer(facts, "score_window", info.score_window);
    if (info.score_floor > 0) {
        json_add(facts, "score_floor", json_number(info.score_floor));
        json_add(facts, "usual_floor", json_number(info.usual_floor));
    }
    if (info.map_contrast > 0)
        json_add(facts, "map_contrast", json_number(info.map_contrast));
    if (snarm_detector_get_training(detector, &training) == SNARM_OK && training.steps > 0) {
        add_integer(facts, "training_steps", training.step);
        json_add(facts, "held_out_pixel_ap", json_number(training.best_pixel_ap));
        json_add(facts, "held_out_pixel_ap_untrained", json_number(training.untrained_pixel_ap));
    }
    if (info.light > 0) {
        json_add(facts, "light", json_number(info.light));
        json_add(facts, "light_share", json_number(info.light_share));
        json_add(facts, "both_lights", must_have(json_boolean(info.both_lights)));
    }
    json_add(facts, "threshold", json_number((double)info.threshold));
    json_add(facts, "map_threshold", json_number((double)info.map_threshold));
    json_add(facts, "false_alarm_rate", json_number(info.false_alarm_rate));
    json_add(facts, "smoothing", json_number(info.smoothing));
    add_integer(facts, "seed", (int64_t)info.seed);
    add_size(facts, "resize", info.preprocess.resize_width, info.preprocess.resize_height);
    if (info.tile_columns > 0) {
        add_size(facts, "canvas", info.preprocess.width, info.preprocess.height);
        add_size(facts, "tile", info.tile_width, info.tile_height);
        add_integer(facts, "tile_overlap", info.tile_overlap);
        add_size(facts, "tiles", info.tile_columns, info.tile_rows);
    }
    if (info.has_depth) {
        add_integer(facts, "feature_channels", info.channels);
        json_add(facts, "depth_range", json_number(info.depth_range));
        json_add(facts, "depth_background", json_number(info.depth_background));
        json_add(facts, "depth_weight", json_number(info.depth_weight));
    }
    add_backbone(facts, info.backbone);
    json_add(facts, "precision", precision_facts_of(precision, detector));
    return true;
}

static bool read_model(const char *path, const common_options *common, json_t *facts) {
    snarm_detector *detector;
    snarm_detector_options options;
    snarm_detector_options_init(&options);
    options.threads = common->threads;
    options.precision = common->precision;
    if (snarm_detector_load(&detector, path, &options) != SNARM_OK)
        return false;
    json_add(facts, "kind", json_text("model"));
    bool read = describe_model(facts, detector, common->precision);
    snarm_detector_destroy(detector);
    return read;
}

static bool read_weights(const char *path, const common_options *common, json_t *facts) {
    snarm_backbone *backbone;
    snarm_backbone_options options;
    snarm_backbone_options_init(&options);
    options.threads = common->threads;
    options.precision = common->precision;
    snarm_backbone_info info = {.struct_size = sizeof info};
    if (snarm_backbone_create(&backbone, path, &options) != SNARM_OK)
        return false;
    bool read = snarm_backbone_get_info(backbone, &info) == SNARM_OK;
    if (read) {
        json_add(facts, "kind", json_text("weights"));
        add_backbone(facts, &info);
        json_add(facts, "precision", precision_facts(common->precision, backbone, NULL, NULL));
    }
    snarm_backbone_destroy(backbone);
    return read;
}

static bool read_bank(const char *path, const common_options *common, json_t *facts) {
    snarm_bank *bank;
    snarm_bank_options options;
    snarm_bank_options_init(&options);
    options.threads = common->threads;
    options.precision = common->precision;
    size_t count;
    int32_t channels, images;
    if (snarm_bank_load(&bank, path, &options) != SNARM_OK)
        return false;
    bool read = snarm_bank_get_size(bank, &count, &channels, &images) == SNARM_OK;
    if (read) {
        json_add(facts, "kind", json_text("bank"));
        add_integer(facts, "vectors", (int64_t)count);
        add_integer(facts, "channels", channels);
        add_integer(facts, "images", images);
        add_search(facts, bank);
        json_add(facts, "precision", precision_facts(common->precision, NULL, bank, NULL));
    }
    snarm_bank_destroy(bank);
    return read;
}

static bool read_scorer(const char *path, const common_options *common, json_t *facts) {
    snarm_scorer *scorer;
    snarm_scorer_options options;
    snarm_scorer_options_init(&options);
    /* A scorer is made for a grid, but its file fits any. */
    options.grid_width = options.grid_height = 16;
    options.threads = common->threads;
    options.precision = common->precision;
    snarm_scorer_info info = {.struct_size = sizeof info};
    if (snarm_scorer_create(&scorer, path, &options) != SNARM_OK)
        return false;
    bool read = snarm_scorer_get_info(scorer, &info) == SNARM_OK;
    if (read) {
        json_add(facts, "kind", json_text("scorer"));
        add_integer(facts, "channels", info.channels);
        add_integer(facts, "embedding", info.embedding);
        add_integer(facts, "branches", info.branches);
        add_integer(facts, "scans", info.scans);
        add_integer(facts, "depth", info.depth);
        json_add(facts, "reference_ratio", json_number(info.reference_ratio));
        json_add(facts, "precision", precision_facts(common->precision, NULL, NULL, scorer));
    }
    snarm_scorer_destroy(scorer);
    return read;
}

typedef bool (*reader)(const char *path, const common_options *common, json_t *facts);

static bool is_builtin(const char *path) {
    return strcmp(path, SNARM_BUILTIN_BACKBONE) == 0;
}

/* Which kind's complaint tells most where a file is of no kind: the one that its name or its tensors point
 * to. */
static reader guess(const char *path) {
    if (is_builtin(path))
        return read_weights;
    size_t length = strlen(path);
    if (length > 6 && strcmp(path + length - 6, ".snarm") == 0)
        return read_model;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return read_weights;
    static char head[65536];
    size_t size = fread(head, 1, sizeof head, file);
    fclose(file);
    if (memmem(head, size, "\"simple_predictor", 17) != NULL)
        return read_scorer;
    return memmem(head, size, "\"vectors\"", 9) != NULL ? read_bank : read_weights;
}

char *fact_text(const json_t *value) {
    if (json_is_object(value)) /* there is but one kind */
        return precision_line(value);
    if (json_is_string(value))
        return format_text("%s", json_string_value(value)[0] != '\0' ? json_string_value(value) : "-");
    return must_have(json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(7)));
}

static void print_facts(const json_t *facts) {
    for (void *at = json_object_iter((json_t *)(uintptr_t)facts); at != NULL;
         at = json_object_iter_next((json_t *)(uintptr_t)facts, at)) {
        char *text = fact_text(json_object_iter_value(at));
        printf("%-16s %s\n", json_object_iter_key(at), text);
        free(text);
    }
}

static int show(const info_arguments *a, const char *path) {
    static const reader readers[] = {read_model, read_weights, read_bank, read_scorer};
    json_t *facts = must_have(json_object());
    json_add(facts, "file", json_text(path));
    bool known = false;
    if (is_builtin(path))
        known = read_weights(path, &a->common, facts);
    for (size_t i = 0; i < sizeof readers / sizeof *readers && !known && !is_builtin(path); i++)
        known = readers[i](path, &a->common, facts);
    int code = EXIT_OK;
    if (!known) {
        /* Once more, for its sentence. */
        guess(path)(path, &a->common, facts);
        code = fail_library(EXIT_INPUT);
    } else if (a->json) {
        json_write_line(facts, stdout);
    } else {
        print_facts(facts);
    }
    json_decref(facts);
    return finish_output(code);
}

int command_info(int argc, char **argv) {
    info_arguments a = {.json = false};
    const option table[] = {
        {.name = "json", .kind = OPTION_FLAG, .target = &a.json, .help = "one JSON object instead of lines"},
        {.name = NULL},
    };
    const command what = {"info", "FILE", summary, table};
    int code = options_parse(&what, &a.common, &a.files, argc, argv);
    if (code == CONTINUE)
        code = options_require(&what, "FILE", a.files.count > 0);
    if (code == CONTINUE && a.files.count > 1)
        code = fail(EXIT_USAGE, "info: '%s' is a second file, expected one", a.files.items[1]);
    if (code == CONTINUE)
        code = show(&a, a.files.items[0]);
    text_list_free(&a.files);
    return code;
}
