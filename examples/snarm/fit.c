/* snarm fit: from pictures of good parts to a model file. */
#define _GNU_SOURCE
#include "fit_options.h"
#include "machine.h"
#include "precision.h"

#include "snarm/detector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct fit_arguments {
    common_options common;
    fit_settings settings;
    text_list images;
    const char *out, *checkpoint;
} fit_arguments;

static const char summary[] =
    "Learns what good parts look like and writes a model file. No defective part is needed. The model holds\n"
    "everything that inspection takes: features of the good parts, the network's weights and a threshold.";

/* What the parser cannot see: options that depend on each other, and those of later versions. */
static int check(fit_arguments *a, const command *what) {
    int code;
    if ((code = options_require(what, "--images PATH", a->images.count > 0)) != CONTINUE ||
        (code = options_require(what, "--out FILE", a->out != NULL)) != CONTINUE)
        return code;
    if ((code = fit_settings_check(&a->settings, what->name)) != CONTINUE)
        return code;
    if (!fit_settings_train(&a->settings) && a->checkpoint != NULL)
        return fail(EXIT_USAGE, "fit: --checkpoint is '%s', but nothing is trained that would need it",
                    a->checkpoint);
    if (!can_write(a->out))
        return fail(EXIT_INPUT, "%s: cannot be written: no such folder, or not allowed", a->out);
    return CONTINUE;
}

static int parse(fit_arguments *a, int argc, char **argv) {
    enum { OWN = 3 };
    option table[OWN + FIT_OPTIONS + 1] = {
        {.name = "images",
         .kind = OPTION_TEXTS,
         .target = &a->images,
         .value = "PATH",
         .help = "folder of good pictures, searched with its sub-folders, or one picture; repeatable"},
        {.name = "out",
         .kind = OPTION_TEXT,
         .target = &a->out,
         .value = "FILE",
         .help = "the model to write (.snarm)"},
        {.name = "checkpoint",
         .kind = OPTION_TEXT,
         .target = &a->checkpoint,
         .value = "FILE",
         .help = "keeps the state of the training; a fit that was broken off goes on from it"},
    };
    fit_options_describe(&a->settings, table + OWN); /* and an entry without a name ends it */
    const command what = {"fit", "", summary, table};
    text_list others = {0};
    int code = options_parse(&what, &a->common, &others, argc, argv);
    text_list_free(&others);
    return code == CONTINUE ? check(a, &what) : code;
}

static void print_network(const snarm_backbone_info *network, bool built_in) {
    printf("backbone     ");
    if (network->name[0] != '\0')
        printf("%s%s: ", network->name, built_in ? " (built in)" : "");
    else if (built_in)
        printf("built in: ");
    printf("%s, %d x %d pixels\n", network->architecture, (int)network->width, (int)network->height);
}

static void print_summary(const snarm_detector *detector, const fit_arguments *a, double seconds) {
    snarm_detector_info info = {.struct_size = sizeof info};
    struct stat status;
    if (a->common.quiet || snarm_detector_get_info(detector, &info) != SNARM_OK)
        return;
    const long long tiles = info.tile_columns > 0 ? (long long)info.tile_columns * info.tile_rows : 1;
    long long patches = tiles * info.image_count * info.backbone->grid_width * info.backbone->grid_height;
    printf("images       %d\n", (int)info.image_count);
    if (info.tile_columns > 0)
        printf("tiles        %d x %d of %d x %d pixels, %d shared; of %d x %d\n", (int)info.tile_columns, (int)info.tile_rows,
               (int)info.tile_width, (int)info.tile_height, (int)info.tile_overlap, (int)info.preprocess.width,
               (int)info.preprocess.height);
    printf("patches      %lld (%d x %d of each %s)\n", patches, (int)info.backbone->grid_width,
           (int)info.backbone->grid_height, info.tile_columns > 0 ? "tile" : "image");
    printf("bank         %zu x %d\n", info.bank_count, (int)info.channels);
    if (info.has_depth)
        printf("depth        heights up to %.4g, background flat up to %.3g; features x %.3g\n", info.depth_range, info.depth_background,
               info.depth_weight);
    snarm_bank_search_info search = {.struct_size = sizeof search};
    if (snarm_bank_get_search(snarm_detector_bank(detector), &search) == SNARM_OK && search.axes > 0) {
        printf("search       filtered by %d axes", (int)search.axes);
        if (search.cells > 0)
            printf(", in %d of %d cells", (int)search.probes, (int)search.cells);
        printf(", finds %.2f%% of the neighbours\n", 100 * search.recall);
    }
    print_network(info.backbone, strcmp(a->settings.backbone, SNARM_BUILTIN_BACKBONE) == 0);
    json_t *facts = precision_facts_of(a->common.precision, detector);
    char *precision = precision_line(facts);
    printf("precision    %s\n", precision);
    free(precision);
    json_decref(facts);
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

static int fit(const fit_arguments *a, const text_list *pictures, const text_list *textures) {
    progress bar;
    progress_start(&bar, a->common.quiet);
    const fit_request request = {.settings = &a->settings,
                                 .pictures = pictures,
                                 .textures = textures,
                                 .seed = (uint64_t)a->settings.seed,
                                 .threads = a->common.threads,
                                 .precision = a->common.precision,
                                 .checkpoint = a->checkpoint,
                                 .keeps_best_scorer = true,
                                 .bar = &bar};
    catch_interrupts();
    double began = seconds_now();
    snarm_detector *detector = NULL;
    int code = fit_detector(&detector, &request);
    if (code == EXIT_CANCELLED)
        return fail(EXIT_CANCELLED, "cancelled; nothing was written");
    if (code != CONTINUE)
        return code;
    if (snarm_detector_save(detector, a->out) == SNARM_OK)
        print_summary(detector, a, seconds_now() - began);
    else
        code = fail_library(EXIT_INPUT);
    snarm_detector_destroy(detector);
    return code == CONTINUE ? finish_output(EXIT_OK) : code;
}

int command_fit(int argc, char **argv) {
    fit_arguments arguments = {0};
    text_list pictures = {0}, textures = {0};
    int code = parse(&arguments, argc, argv);
    if (code == CONTINUE)
        code = list_pictures(&arguments.images, arguments.settings.depth, &pictures);
    if (code == CONTINUE)
        code = list_pictures(&arguments.settings.textures, false, &textures);
    if (code == CONTINUE)
        code = fit(&arguments, &pictures, &textures);
    text_list_free(&arguments.images);
    fit_settings_free(&arguments.settings);
    text_list_free(&pictures);
    text_list_free(&textures);
    return code;
}
