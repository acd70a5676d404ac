/* snarm fit: from pictures of good parts to a model file. */
#define _GNU_SOURCE
#include "machine.h"
#include "options.h"
#include "progress.h"

#include "snarm/detector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct fit_arguments {
    common_options common;
    text_list images, textures;
    const char *backbone, *scorer, *out, *search;
    int32_t size[2], resize[2], tile[2];
    integer_list layers;
    int64_t groups, channels, neighbourhood, bank_size, neighbours, seed, steps, samples, embedding, memory, overlap;
    bool channels_given, smoothing_given, steps_given, overlap_given;
    double smoothing, false_alarm_rate, rate;
    const char *checkpoint;
} fit_arguments;

static const char summary[] =
    "Learns what good parts look like and writes a model file. No defective part is needed. The model holds\n"
    "everything that inspection takes: features of the good parts, the network's weights and a threshold.";

/* Without --steps a scorer is trained with the library's number of steps, unless one is given. */
static bool trains(const fit_arguments *a) {
    return a->steps_given ? a->steps > 0 : a->scorer == NULL;
}

/* What the parser cannot see: options that depend on each other, and those of later versions. */
static int check(const fit_arguments *a, const command *what) {
    int code;
    if ((code = options_require(what, "--images PATH", a->images.count > 0)) != CONTINUE ||
        (code = options_require(what, "--out FILE", a->out != NULL)) != CONTINUE)
        return code;
    if (a->backbone == NULL)
        return fail(
            EXIT_USAGE,
            "fit: --backbone FILE is missing: weights of a ResNet (torchvision) or a ViT (timm, DINOv2) as "
            "safetensors, for instance model.safetensors of huggingface.co/timm/resnet18.tv_in1k");
    if (a->scorer != NULL && a->steps != 0)
        return fail(EXIT_USAGE, "fit: --scorer is '%s', but --steps %lld would train another", a->scorer, (long long)a->steps);
    if (!trains(a) && (a->textures.count > 0 || a->checkpoint != NULL))
        return fail(EXIT_USAGE, "fit: %s is '%s', but nothing is trained that would need it",
                    a->checkpoint != NULL ? "--checkpoint" : "--textures",
                    a->checkpoint != NULL ? a->checkpoint : a->textures.items[0]);
    if (a->channels_given && a->channels != 0 && a->channels < 8)
        return fail(EXIT_USAGE, "fit: --channels is '%lld', expected 0 or a whole number from 8 to 4096",
                    (long long)a->channels);
    if (a->neighbourhood == 2 || a->neighbourhood == 4)
        return fail(EXIT_USAGE, "fit: --neighbourhood is '%lld', expected 1, 3 or 5",
                    (long long)a->neighbourhood);
    if (a->overlap_given && a->tile[0] == 0)
        return fail(EXIT_USAGE, "fit: --tile-overlap is '%lld', but --tile is missing", (long long)a->overlap);
    if (!can_write(a->out))
        return fail(EXIT_INPUT, "%s: cannot be written: no such folder, or not allowed", a->out);
    return CONTINUE;
}

static int parse(fit_arguments *a, int argc, char **argv) {
    const option table[] = {
        {.name = "images",
         .kind = OPTION_TEXTS,
         .target = &a->images,
         .value = "PATH",
         .help = "folder of good pictures, searched with its sub-folders, or one picture; repeatable"},
        {.name = "backbone",
         .kind = OPTION_TEXT,
         .target = &a->backbone,
         .value = "FILE",
         .help = "weights of the network (safetensors)"},
        {.name = "out",
         .kind = OPTION_TEXT,
         .target = &a->out,
         .value = "FILE",
         .help = "the model to write (.snarm)"},
        {.name = "bank-size",
         .kind = OPTION_INTEGER,
         .target = &a->bank_size,
         .value = "N",
         .help = "patches kept at most; default 20000",
         .minimum = 1,
         .maximum = 1e7},
        {.name = "search",
         .kind = OPTION_CHOICE,
         .target = &a->search,
         .choices = "auto|exact",
         .help = "of the bank; auto, the default: filtered where that finds 99.9% of the neighbours"},
        {.name = "size",
         .kind = OPTION_SIZE,
         .target = a->size,
         .value = "S|W,H",
         .help = "pixels of the network's input, up to 4096; default 392 for a ViT, 224 for a CNN; with --tile of the canvas",
         .minimum = 32,
         .maximum = 16384},
        {.name = "resize",
         .kind = OPTION_SIZE,
         .target = a->resize,
         .value = "R|W,H",
         .help = "pixels a picture is resized to before --size is cut out of its middle; default: --size",
         .minimum = 32,
         .maximum = 16384},
        {.name = "tile",
         .kind = OPTION_SIZE,
         .target = a->tile,
         .value = "S|W,H",
         .help = "cut the picture into tiles of so many pixels, for large pictures with small defects: the network sees one after "
                 "the other. --size is then what is cut, by default the whole picture as it is",
         .minimum = 32,
         .maximum = 4096},
        {.name = "tile-overlap",
         .kind = OPTION_INTEGER,
         .target = &a->overlap,
         .value = "PIXELS",
         .help = "that neighbouring tiles share, at most half of a tile; default an eighth",
         .minimum = 0,
         .maximum = 2048,
         .given = &a->overlap_given},
        {.name = "false-alarm-rate",
         .kind = OPTION_NUMBER,
         .target = &a->false_alarm_rate,
         .value = "P",
         .help = "share of good parts that may be called defective; default 0.01",
         .minimum = 0,
         .maximum = 1,
         .open = true},
        {.name = "layers",
         .kind = OPTION_INTEGERS,
         .target = &a->layers,
         .value = "N,N...",
         .help = "outputs of the network to use; default: those in its middle",
         .minimum = 0,
         .maximum = 1000},
        {.name = "groups",
         .kind = OPTION_INTEGER,
         .target = &a->groups,
         .value = "N",
         .help = "a ViT's layers are averaged in so many groups; default 2",
         .minimum = 1,
         .maximum = 64},
        {.name = "channels",
         .kind = OPTION_INTEGER,
         .target = &a->channels,
         .value = "C",
         .help = "channels of a feature, 8 to 4096; 0: all that the layers have",
         .minimum = 0,
         .maximum = 4096,
         .given = &a->channels_given},
        {.name = "neighbourhood",
         .kind = OPTION_INTEGER,
         .target = &a->neighbourhood,
         .value = "K",
         .help = "features are averaged over K x K patches: 1, 3 or 5; default 1 for ViTs, 3 for CNNs",
         .minimum = 1,
         .maximum = 5},
        {.name = "neighbours",
         .kind = OPTION_INTEGER,
         .target = &a->neighbours,
         .value = "K",
         .help = "nearest patches that count; default 3 with --scorer, else 1",
         .minimum = 1,
         .maximum = 64},
        {.name = "smoothing",
         .kind = OPTION_NUMBER,
         .target = &a->smoothing,
         .value = "SIGMA",
         .help = "of the map, pixels; 0: none; default 4",
         .minimum = 0,
         .maximum = 64,
         .given = &a->smoothing_given},
        {.name = "scorer",
         .kind = OPTION_TEXT,
         .target = &a->scorer,
         .value = "FILE",
         .help = "a trained scorer to use; default: the distance to the nearest patches scores"},
        {.name = "steps",
         .kind = OPTION_INTEGER,
         .target = &a->steps,
         .value = "N",
         .help = "training steps of a scorer, from synthetic defects; 0: none, the distance to the nearest "
                 "patches scores; default 1500 (fewer for large inputs)",
         .minimum = 0,
         .maximum = 1e7,
         .given = &a->steps_given},
        {.name = "textures",
         .kind = OPTION_TEXTS,
         .target = &a->textures,
         .value = "DIR",
         .help = "pictures that fill some of the synthetic defects; default: textures made by the library"},
        {.name = "samples",
         .kind = OPTION_INTEGER,
         .target = &a->samples,
         .value = "N",
         .help = "synthetic samples that training draws from; default 800 (fewer for large inputs)",
         .minimum = 16,
         .maximum = 1e6},
        {.name = "train-memory",
         .kind = OPTION_INTEGER,
         .target = &a->memory,
         .value = "MIB",
         .help = "that the samples may take; default 1024",
         .minimum = 1,
         .maximum = 1e7},
        {.name = "embedding",
         .kind = OPTION_INTEGER,
         .target = &a->embedding,
         .value = "D",
         .help = "channels inside the scorer, 8 to 512; default 32",
         .minimum = 8,
         .maximum = 512},
        {.name = "learning-rate",
         .kind = OPTION_NUMBER,
         .target = &a->rate,
         .value = "R",
         .help = "of the training, at its peak; default 0.001",
         .minimum = 0,
         .maximum = 1,
         .open = true},
        {.name = "checkpoint",
         .kind = OPTION_TEXT,
         .target = &a->checkpoint,
         .value = "FILE",
         .help = "keeps the state of the training; a fit that was broken off goes on from it"},
        {.name = "seed",
         .kind = OPTION_INTEGER,
         .target = &a->seed,
         .value = "N",
         .help = "of the random choices; default 0",
         .minimum = 0,
         .maximum = 9007199254740992.0},
        {.name = NULL},
    };
    const command what = {"fit", "", summary, table};
    text_list others = {0};
    int code = options_parse(&what, &a->common, &others, argc, argv);
    text_list_free(&others);
    return code == CONTINUE ? check(a, &what) : code;
}

static void to_library(const fit_arguments *a, snarm_fit_options *options) {
    snarm_fit_options_init(options);
    options->width = a->size[0];
    options->height = a->size[1];
    options->resize_width = a->resize[0];
    options->resize_height = a->resize[1];
    options->tile_width = a->tile[0];
    options->tile_height = a->tile[1];
    options->tile_overlap = !a->overlap_given ? 0 : a->overlap == 0 ? -1 : (int32_t)a->overlap;
    memcpy(options->layers, a->layers.items, sizeof options->layers);
    options->layer_count = a->layers.count;
    options->groups = (int32_t)a->groups;
    /* In the library 0 is "default". */
    options->channels = !a->channels_given ? 0 : a->channels == 0 ? -1 : (int32_t)a->channels;
    options->smoothing = !a->smoothing_given ? 0 : a->smoothing == 0 ? -1 : a->smoothing;
    options->neighbourhood = (int32_t)a->neighbourhood;
    options->bank_size = a->bank_size;
    options->neighbours = (int32_t)a->neighbours;
    options->false_alarm_rate = a->false_alarm_rate;
    options->seed = (uint64_t)a->seed;
    options->threads = a->common.threads;
    options->scorer_path = a->scorer;
    options->search = strcmp(a->search, "exact") == 0 ? SNARM_SEARCH_EXACT : SNARM_SEARCH_AUTO;
}
_Static_assert((int)INTEGERS_MAX == (int)SNARM_LAYERS_MAX, "the lists of layers have one size");

/* Every picture under the paths, in their order. */
static int list_pictures(const text_list *paths, text_list *pictures) {
    for (size_t i = 0; i < paths->count; i++) {
        snarm_image_list *list;
        if (snarm_list_images(&list, paths->items[i]) != SNARM_OK)
            return fail_library(EXIT_INPUT);
        size_t count = snarm_image_list_count(list);
        for (size_t k = 0; k < count; k++)
            text_list_add(pictures, snarm_image_list_get(list, k));
        snarm_image_list_destroy(list);
        if (count == 0)
            return fail(EXIT_INPUT, "%s: the folder holds no pictures, expected .png or .jpg files",
                        paths->items[i]);
    }
    return CONTINUE;
}

static int show_progress(void *user, const char *stage, uint64_t done, uint64_t total) {
    progress_update(user, stage, done, total);
    return is_interrupted();
}

static void print_summary(const snarm_detector *detector, const fit_arguments *a, double seconds) {
    snarm_detector_info info = {.struct_size = sizeof info};
    struct stat status;
    if (a->common.quiet || snarm_detector_get_info(detector, &info) != SNARM_OK)
        return;
    const long long tiles = info.tile_columns > 0 ? (long long)info.tile_columns * info.tile_rows : 1;
    long long patches = tiles * info.image_count * info.backbone.grid_width * info.backbone.grid_height;
    printf("images       %d\n", (int)info.image_count);
    if (info.tile_columns > 0)
        printf("tiles        %d x %d of %d x %d pixels, %d shared; of %d x %d\n", (int)info.tile_columns, (int)info.tile_rows,
               (int)info.tile_width, (int)info.tile_height, (int)info.tile_overlap, (int)info.preprocess.width,
               (int)info.preprocess.height);
    printf("patches      %lld (%d x %d of each %s)\n", patches, (int)info.backbone.grid_width,
           (int)info.backbone.grid_height, info.tile_columns > 0 ? "tile" : "image");
    printf("bank         %zu x %d\n", info.bank_count, (int)info.backbone.channels);
    snarm_bank_search_info search = {.struct_size = sizeof search};
    if (snarm_bank_get_search(snarm_detector_bank(detector), &search) == SNARM_OK && search.axes > 0)
        printf("search       filtered by %d axes, finds %.2f%% of the neighbours\n", (int)search.axes, 100 * search.recall);
    printf("backbone     %s, %d x %d pixels\n", info.backbone.architecture, (int)info.backbone.width,
           (int)info.backbone.height);
    snarm_train_report training;
    if (snarm_detector_get_training(detector, &training) == SNARM_OK && training.steps > 0)
        printf("training     %lld of %lld steps, kept step %lld; held-out defects: pixel AP %.3f (distance alone %.3f), image AUROC %.3f (%.3f)\n",
               (long long)training.step, (long long)training.steps, (long long)training.best_step, training.best_pixel_ap,
               training.untrained_pixel_ap, training.image_auroc, training.untrained_image_auroc);
    printf("threshold    %.6g\n", (double)info.threshold);
    printf("seconds      %.1f\n", seconds);
    printf("peak memory  %.0f MiB\n", peak_memory_mib());
    printf("model        %s, %.1f MiB\n", a->out,
           stat(a->out, &status) == 0 ? (double)status.st_size / (1024 * 1024) : 0);
}

/* Wrong values that only the network can tell (a size that is no multiple of the patch) are the command
 * line's fault. */
static int exit_code(snarm_status status) {
    return status == SNARM_ERROR_ARGUMENT ? EXIT_USAGE : EXIT_INPUT;
}

/* The first interrupt while training ends that alone: the best scorer so far is kept. */
static int show_training(void *user, const snarm_train_report *report) {
    progress_update(user, "training", (uint64_t)report->step, (uint64_t)report->steps);
    return take_interrupt();
}

static void to_training(const fit_arguments *a, snarm_train_options *training) {
    snarm_train_options_init(training);
    training->steps = a->steps;
    training->samples = (int32_t)a->samples;
    training->memory = a->memory << 20;
    training->embedding = (int32_t)a->embedding;
    training->learning_rate = a->rate;
    training->seed = (uint64_t)a->seed;
    training->checkpoint = a->checkpoint;
}

static snarm_status load_texture(void *user, size_t index, snarm_image *image) {
    const text_list *textures = user;
    return snarm_image_load(image, textures->items[index], NULL);
}

static void release_texture(void *user, snarm_image *image) {
    (void)user;
    snarm_image_release(image);
}

static int fit(const fit_arguments *a, const text_list *pictures, text_list *textures) {
    progress bar;
    progress_start(&bar, a->common.quiet);
    snarm_fit_options options;
    to_library(a, &options);
    options.progress = show_progress;
    options.progress_user = &bar;
    snarm_train_options training;
    to_training(a, &training);
    training.progress = show_training;
    training.progress_user = &bar;
    const snarm_image_source texture_source = {textures->count, load_texture, release_texture, textures};
    if (trains(a)) {
        options.train = &training;
        options.textures = &texture_source;
    }

    catch_interrupts();
    double began = seconds_now();
    snarm_detector *detector = NULL;
    snarm_status status = snarm_detector_fit_files(
        &detector, a->backbone, (const char *const *)pictures->items, pictures->count, &options);
    progress_end(&bar);
    int code = EXIT_OK;
    if (status == SNARM_ERROR_CANCELLED || is_interrupted())
        code = fail(EXIT_CANCELLED, "cancelled; nothing was written");
    else if (status != SNARM_OK)
        code = fail_library(exit_code(status));
    else if (snarm_detector_save(detector, a->out) != SNARM_OK)
        code = fail_library(EXIT_INPUT);
    else
        print_summary(detector, a, seconds_now() - began);
    snarm_detector_destroy(detector);
    return code == EXIT_OK ? finish_output(code) : code;
}

int command_fit(int argc, char **argv) {
    fit_arguments arguments = {.search = "auto"};
    text_list pictures = {0}, textures = {0};
    int code = parse(&arguments, argc, argv);
    if (code == CONTINUE)
        code = list_pictures(&arguments.images, &pictures);
    if (code == CONTINUE)
        code = list_pictures(&arguments.textures, &textures);
    if (code == CONTINUE)
        code = fit(&arguments, &pictures, &textures);
    text_list_free(&arguments.images);
    text_list_free(&arguments.textures);
    text_list_free(&pictures);
    text_list_free(&textures);
    return code;
}
