/* snarm benchmark: fit and measure every category of a data set, as papers report it. */
#define _GNU_SOURCE
#include "benchmark.h"
#include "layouts.h"

#include <stdlib.h>

static const char summary[] =
    "Fits a model on the training pictures of each category of a data set (or one on those of all), measures it on the\n"
    "test pictures, and writes the table that papers have. A run that was stopped goes on where it was: each finished\n"
    "category is a file in DIR/results.";

enum { SEEDS_MAX = 1000 };

static int check(benchmark *b, const command *what) {
    int code;
    if ((code = options_require(what, "--dataset DIR", b->dataset != NULL)) != CONTINUE ||
        (code = options_require(what, "--out DIR", b->out != NULL)) != CONTINUE ||
        (code = fit_settings_check(&b->fit, what->name)) != CONTINUE)
        return code;
    if (b->fit.protocol != NULL && b->full_resolution)
        return fail(EXIT_USAGE,
                    "benchmark: --full-resolution is given, but --protocol paper measures at the maps' resolution");
    return CONTINUE;
}

static int parse(benchmark *b, int argc, char **argv) {
    enum { OWN = 9 };
    option table[OWN + FIT_OPTIONS + 1] = {
        {.name = "dataset",
         .kind = OPTION_TEXT,
         .target = &b->dataset,
         .value = "DIR",
         .help = "folder that holds the categories, or one category's own"},
        layout_option(&b->layout),
        {.name = "category",
         .kind = OPTION_TEXTS,
         .target = &b->categories,
         .value = "NAME",
         .help = "this one alone; repeatable; default: all"},
        {.name = "unified",
         .kind = OPTION_FLAG,
         .target = &b->unified,
         .help = "one model for all categories, instead of one for each"},
        {.name = "seeds",
         .kind = OPTION_INTEGER,
         .target = &b->seeds,
         .value = "N",
         .help = "runs with as many seeds, from --seed on; default 1",
         .minimum = 1,
         .maximum = SEEDS_MAX},
        {.name = "full-resolution",
         .kind = OPTION_FLAG,
         .target = &b->full_resolution,
         .help = "scale the maps up to the masks, instead of the masks down to the maps"},
        {.name = "keep-models",
         .kind = OPTION_FLAG,
         .target = &b->keep_models,
         .help = "keep the models, in DIR/models"},
        {.name = "fit-only",
         .kind = OPTION_FLAG,
         .target = &b->fit_only,
         .help = "fit and keep the models; a later run without this measures them"},
        {.name = "out",
         .kind = OPTION_TEXT,
         .target = &b->out,
         .value = "DIR",
         .help = "folder for results and tables; that of a stopped run: go on with it"},
    };
    fit_options_describe(&b->fit, table + OWN); /* and an entry without a name ends it */
    const command what = {"benchmark", "", summary, table};
    text_list others = {0};
    int code = options_parse(&what, &b->common, &others, argc, argv);
    text_list_free(&others);
    return code == CONTINUE ? check(b, &what) : code;
}

static int prepare(benchmark *b) {
    int code = open_dataset(&b->set, b->dataset, b->layout);
    if (code == CONTINUE)
        code = check_categories(b->set, b->dataset, &b->categories);
    if (code != CONTINUE)
        return code;
    size_t all = snarm_dataset_category_count(b->set);
    b->chosen = must_have(calloc(all, sizeof *b->chosen));
    for (size_t c = 0; c < all; c++)
        if (is_wanted_category(&b->categories, snarm_dataset_category_name(b->set, c)))
            b->chosen[b->count++] = c;
    if ((code = benchmark_backbone_hash(b->fit.backbone, b->backbone_hash)) != CONTINUE ||
        (b->fit.scorer != NULL && (code = benchmark_hash(b->fit.scorer, b->scorer_hash)) != CONTINUE) ||
        (code = list_pictures(&b->fit.textures, false, &b->textures)) != CONTINUE)
        return code;
    b->options = benchmark_describe(b);
    return benchmark_open(b);
}

int command_benchmark(int argc, char **argv) {
    benchmark b = {.layout = "auto", .seeds = 1};
    int code = parse(&b, argc, argv);
    if (code == CONTINUE)
        code = prepare(&b);
    if (code == CONTINUE) {
        catch_interrupts();
        code = benchmark_run(&b);
    }
    if (code == CONTINUE && !b.fit_only)
        code = benchmark_report(&b);
    json_decref(b.options);
    snarm_dataset_destroy(b.set);
    free(b.chosen);
    text_list_free(&b.categories);
    text_list_free(&b.textures);
    fit_settings_free(&b.fit);
    return code == CONTINUE ? finish_output(EXIT_OK) : code;
}
