#define _GNU_SOURCE
#include "fit_options.h"

#include "depths.h"
#include "protocol.h"

#include <stdlib.h>
#include <string.h>

_Static_assert((int)INTEGERS_MAX == (int)SNARM_LAYERS_MAX, "the lists of layers have one size");

void fit_settings_free(fit_settings *settings) {
    text_list_free(&settings->textures);
}

void fit_options_describe(fit_settings *s, option *table) {
    const option rows[] = {
        {.name = "backbone",
         .kind = OPTION_TEXT,
         .target = &s->backbone,
         .value = "FILE",
         .help = "weights of the network (safetensors); default builtin: the network that the library brings"},
        {.name = "bank-size",
         .kind = OPTION_INTEGER,
         .target = &s->bank_size,
         .value = "N",
         .help = "patches kept at most; default 20000",
         .minimum = 1,
         .maximum = 1e7},
        {.name = "search",
         .kind = OPTION_CHOICE,
         .target = &s->search,
         .choices = "auto|exact",
         .help = "of the bank; auto, the default: filtered where that finds 99.9% of the neighbours"},
        {.name = "size",
         .kind = OPTION_SIZE,
         .target = s->size,
         .value = "S|W,H",
         .help = "pixels of the network's input, up to 4096; default 392 for a ViT, 224 for a CNN; with --tile of the canvas",
         .minimum = 32,
         .maximum = 16384},
        {.name = "resize",
         .kind = OPTION_SIZE,
         .target = s->resize,
         .value = "R|W,H",
         .help = "pixels a picture is resized to before --size is cut out of its middle; default: --size",
         .minimum = 32,
         .maximum = 16384},
        {.name = "tile",
         .kind = OPTION_SIZE,
         .target = s->tile,
         .value = "S|W,H",
         .help = "cut the picture into tiles of so many pixels, for large pictures with small defects: the network sees one after "
                 "the other. --size is then what is cut, by default the whole picture as it is",
         .minimum = 32,
         .maximum = 4096},
        {.name = "tile-overlap",
         .kind = OPTION_INTEGER,
         .target = &s->overlap,
         .value = "PIXELS",
         .help = "that neighbouring tiles share, at most half of a tile; default an eighth",
         .minimum = 0,
         .maximum = 2048,
         .given = &s->overlap_given},
        {.name = "false-alarm-rate",
         .kind = OPTION_NUMBER,
         .target = &s->false_alarm_rate,
         .value = "P",
         .help = "share of good parts that may be called defective; default 0.01",
         .minimum = 0,
         .maximum = 1,
         .open = true},
        {.name = "layers",
         .kind = OPTION_INTEGERS,
         .target = &s->layers,
         .value = "N,N...",
         .help = "outputs of the network to use; default: those in its middle",
         .minimum = 0,
         .maximum = 1000},
        {.name = "groups",
         .kind = OPTION_INTEGER,
         .target = &s->groups,
         .value = "N",
         .help = "a ViT's layers are averaged in so many groups; default 2",
         .minimum = 1,
         .maximum = 64},
        {.name = "channels",
         .kind = OPTION_INTEGER,
         .target = &s->channels,
         .value = "C",
         .help = "channels of a feature, 8 to 4096; 0: all that the layers have",
         .minimum = 0,
         .maximum = 4096,
         .given = &s->channels_given},
        {.name = "neighbourhood",
         .kind = OPTION_INTEGER,
         .target = &s->neighbourhood,
         .value = "K",
         .help = "features are averaged over K x K patches: 1, 3 or 5; default 1 for ViTs, 3 for CNNs",
         .minimum = 1,
         .maximum = 5},
        {.name = "neighbours",
         .kind = OPTION_INTEGER,
         .target = &s->neighbours,
         .value = "K",
         .help = "nearest patches that count; default 3 with --scorer, else 1",
         .minimum = 1,
         .maximum = 64},
        {.name = "smoothing",
         .kind = OPTION_NUMBER,
         .target = &s->smoothing,
         .value = "SIGMA",
         .help = "of the map, pixels; 0: none; default 4",
         .minimum = 0,
         .maximum = 64,
         .given = &s->smoothing_given},
        {.name = "scorer",
         .kind = OPTION_TEXT,
         .target = &s->scorer,
         .value = "FILE",
         .help = "a trained scorer to use; default: the distance to the nearest patches scores"},
        {.name = "steps",
         .kind = OPTION_INTEGER,
         .target = &s->steps,
         .value = "N",
         .help = "training steps of a scorer, from synthetic defects; 0: none, the distance to the nearest "
                 "patches scores; default 4000 (fewer for large inputs)",
         .minimum = 0,
         .maximum = 1e7,
         .given = &s->steps_given},
        {.name = "textures",
         .kind = OPTION_TEXTS,
         .target = &s->textures,
         .value = "DIR",
         .help = "pictures that fill some of the synthetic defects; default: textures made by the library"},
        {.name = "samples",
         .kind = OPTION_INTEGER,
         .target = &s->samples,
         .value = "N",
         .help = "synthetic samples that training draws from; default 3200 (fewer for large inputs)",
         .minimum = 16,
         .maximum = 1e6},
        {.name = "train-memory",
         .kind = OPTION_INTEGER,
         .target = &s->memory,
         .value = "MIB",
         .help = "that the samples may take; default 2048",
         .minimum = 1,
         .maximum = 1e7},
        {.name = "embedding",
         .kind = OPTION_INTEGER,
         .target = &s->embedding,
         .value = "D",
         .help = "channels inside the scorer, 8 to 512; default 32",
         .minimum = 8,
         .maximum = 512},
        {.name = "learning-rate",
         .kind = OPTION_NUMBER,
         .target = &s->rate,
         .value = "R",
         .help = "of the training, at its peak; default 0.001",
         .minimum = 0,
         .maximum = 1,
         .open = true},
        {.name = "seed",
         .kind = OPTION_INTEGER,
         .target = &s->seed,
         .value = "N",
         .help = "of the random choices; default 0",
         .minimum = 0,
         .maximum = 9007199254740992.0},
        {.name = "depth",
         .kind = OPTION_FLAG,
         .target = &s->depth,
         .help = "each picture has a depth picture, whose features join its own: FOLDER/xyz/NAME.tiff of FOLDER/rgb/NAME.png, else "
                 "NAME.tiff beside it"},
        {.name = "depth-weight",
         .kind = OPTION_NUMBER,
         .target = &s->depth_weight,
         .value = "W",
         .help = "of the depth's features beside the picture's; default 1: equal",
         .minimum = 0,
         .maximum = 100,
         .open = true},
        {.name = "even-light",
         .kind = OPTION_NUMBER,
         .target = &s->even_light,
         .value = "SHARE",
         .help = "bring all pictures to one light, for parts in a light that varies: so much of the way, 0.5 is a good middle, 1: all",
         .minimum = 0,
         .maximum = 1},
        {.name = "both-lights",
         .kind = OPTION_FLAG,
         .target = &s->both_lights,
         .help = "with --even-light: the network sees pictures as they are, too; finds more, in twice the time"},
        {.name = "map-contrast",
         .kind = OPTION_NUMBER,
         .target = &s->contrast,
         .given = &s->contrast_given,
         .value = "C",
         .help = "how far the rest of a defective picture's map is put behind its strongest place; 0.5 suits parts with hardly ever more "
                 "than one defect, 0, none, those with several of different strength; default 0.2 with training, else none",
         .minimum = 0,
         .maximum = 1},
        {.name = "protocol",
         .kind = OPTION_CHOICE,
         .target = &s->protocol,
         .choices = "paper",
         .help = "the published one: --resize 448, --size 392, --bank-size 100000, --neighbours 3, --smoothing 4"},
    };
    _Static_assert(sizeof rows / sizeof *rows == FIT_OPTIONS, "the header tells how many options there are");
    memcpy(table, rows, sizeof rows);
}

bool fit_settings_train(const fit_settings *s) {
    return s->steps_given ? s->steps > 0 : s->scorer == NULL;
}

int fit_settings_check(fit_settings *s, const char *caller) {
    if (s->backbone == NULL)
        s->backbone = SNARM_BUILTIN_BACKBONE;
    if (s->scorer != NULL && s->steps != 0)
        return fail(EXIT_USAGE, "%s: --scorer is '%s', but --steps %lld would train another", caller, s->scorer,
                    (long long)s->steps);
    if (!fit_settings_train(s) && s->textures.count > 0)
        return fail(EXIT_USAGE, "%s: --textures is '%s', but nothing is trained that would need it", caller,
                    s->textures.items[0]);
    if (s->channels_given && s->channels != 0 && s->channels < 8)
        return fail(EXIT_USAGE, "%s: --channels is '%lld', expected 0 or a whole number from 8 to 4096", caller,
                    (long long)s->channels);
    if (s->neighbourhood == 2 || s->neighbourhood == 4)
        return fail(EXIT_USAGE, "%s: --neighbourhood is '%lld', expected 1, 3 or 5", caller,
                    (long long)s->neighbourhood);
    if (s->overlap_given && s->tile[0] == 0)
        return fail(EXIT_USAGE, "%s: --tile-overlap is '%lld', but --tile is missing", caller, (long long)s->overlap);
    if (s->depth && s->scorer != NULL)
        return fail(EXIT_USAGE, "%s: --scorer is '%s', but no scorer file knows --depth", caller, s->scorer);
    if (s->depth && s->protocol != NULL)
        return fail(EXIT_USAGE, "%s: --protocol is '%s', which has no --depth", caller, s->protocol);
    if (s->both_lights && s->even_light == 0)
        return fail(EXIT_USAGE, "%s: --both-lights is given, but --even-light is missing", caller);
    if (!s->depth && s->depth_weight != 0)
        return fail(EXIT_USAGE, "%s: --depth-weight is '%g', but --depth is missing", caller, s->depth_weight);
    return s->protocol != NULL ? protocol_apply(s, caller) : CONTINUE;
}

int list_pictures(const text_list *paths, bool without_depths, text_list *pictures) {
    for (size_t i = 0; i < paths->count; i++) {
        snarm_image_list *list;
        if (snarm_image_list_open(&list, paths->items[i]) != SNARM_OK)
            return fail_library(EXIT_INPUT);
        size_t count = 0;
        for (size_t k = 0; k < snarm_image_list_count(list); k++) {
            const char *path = snarm_image_list_get(list, k);
            if (without_depths && is_depth_path(path))
                continue;
            text_list_add(pictures, path);
            count++;
        }
        snarm_image_list_destroy(list);
        if (count == 0)
            return fail(EXIT_INPUT, "%s: the folder holds no pictures, expected .png or .jpg files",
                        paths->items[i]);
    }
    return CONTINUE;
}

static void to_library(const fit_settings *s, snarm_fit_options *options) {
    snarm_fit_options_init(options);
    options->width = s->size[0];
    options->height = s->size[1];
    options->resize_width = s->resize[0];
    options->resize_height = s->resize[1];
    options->tile_width = s->tile[0];
    options->tile_height = s->tile[1];
    options->tile_overlap = !s->overlap_given ? 0 : s->overlap == 0 ? -1 : (int32_t)s->overlap;
    memcpy(options->layers, s->layers.items, sizeof options->layers);
    options->layer_count = s->layers.count;
    options->groups = (int32_t)s->groups;
    /* In the library 0 is "default". */
    options->channels = !s->channels_given ? 0 : s->channels == 0 ? -1 : (int32_t)s->channels;
    options->smoothing = !s->smoothing_given ? 0 : s->smoothing == 0 ? -1 : s->smoothing;
    options->neighbourhood = (int32_t)s->neighbourhood;
    options->bank_size = s->bank_size;
    options->neighbours = (int32_t)s->neighbours;
    options->false_alarm_rate = s->false_alarm_rate;
    options->scorer_path = s->scorer;
    options->depth_weight = s->depth_weight;
    options->even_light = s->even_light;
    options->both_lights = s->both_lights;
    options->map_contrast = s->contrast_given && s->contrast == 0 ? -1 : s->contrast;
    options->search = s->search != NULL && strcmp(s->search, "exact") == 0 ? SNARM_SEARCH_EXACT : SNARM_SEARCH_AUTO;
}

static void to_training(const fit_settings *s, snarm_train_options *training) {
    snarm_train_options_init(training);
    training->steps = s->steps;
    training->samples = (int32_t)s->samples;
    training->memory = s->memory << 20;
    training->embedding = (int32_t)s->embedding;
    training->learning_rate = s->rate;
}

static int show_progress(void *user, const char *stage, uint64_t done, uint64_t total) {
    const fit_request *request = user;
    progress_update(request->bar, stage, done, total);
    return is_interrupted();
}

static int show_training(void *user, const snarm_train_report *report) {
    const fit_request *request = user;
    progress_update(request->bar, "training", (uint64_t)report->step, (uint64_t)report->steps);
    return request->keeps_best_scorer ? take_interrupt() : is_interrupted();
}

static snarm_status load_texture(void *user, size_t index, snarm_image *image) {
    const text_list *textures = user;
    return snarm_image_load(image, textures->items[index], NULL);
}

static void release_texture(void *user, snarm_image *image) {
    (void)user;
    snarm_image_release(image);
}

static snarm_status load_depth(void *user, size_t index, snarm_depth *depth) {
    const text_list *pictures = user;
    char *path = depth_path_of(pictures->items[index]);
    snarm_status status = snarm_depth_load(depth, path, NULL);
    free(path);
    return status;
}

static void release_depth(void *user, snarm_depth *depth) {
    (void)user;
    snarm_depth_release(depth);
}

int fit_detector(snarm_detector **out, const fit_request *request) {
    void *user = (void *)(uintptr_t)request;
    snarm_fit_options options;
    to_library(request->settings, &options);
    options.threads = request->threads;
    options.precision = request->precision;
    options.seed = request->seed;
    options.progress = show_progress;
    options.progress_user = user;
    snarm_train_options training;
    to_training(request->settings, &training);
    training.seed = request->seed;
    training.checkpoint = request->checkpoint;
    training.progress = show_training;
    training.progress_user = user;
    const snarm_image_source textures = {request->textures->count, load_texture, release_texture,
                                         (void *)(uintptr_t)request->textures};
    if (fit_settings_train(request->settings)) {
        options.train = &training;
        options.textures = &textures;
    }
    const snarm_depth_source depths = {request->pictures->count, load_depth, release_depth,
                                       (void *)(uintptr_t)request->pictures};
    if (request->settings->depth)
        options.depths = &depths;
    snarm_status status =
        snarm_detector_fit_files(out, request->settings->backbone, (const char *const *)request->pictures->items,
                                 request->pictures->count, &options);
    progress_end(request->bar);
    if (status == SNARM_ERROR_CANCELLED || is_interrupted()) {
        snarm_detector_destroy(*out);
        *out = NULL;
        return EXIT_CANCELLED;
    }
    if (status == SNARM_OK)
        return CONTINUE;
    /* Wrong values that only the network can tell (a size that is no multiple of the patch) are the command line's fault. */
    return fail_library(status == SNARM_ERROR_ARGUMENT ? EXIT_USAGE : EXIT_INPUT);
}
