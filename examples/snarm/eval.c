/* snarm eval: how well a model finds the known defects of a data set. */
#define _GNU_SOURCE
#include "eval_report.h"
#include "evaluate.h"
#include "json.h"
#include "layouts.h"
#include "machine.h"
#include "parts.h"
#include "protocol.h"
#include "tables.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct eval_arguments {
    common_options common;
    const char *model, *dataset, *layout, *json, *report, *table, *protocol;
    text_list categories;
    bool full_resolution, pin;
    int64_t workers;
} eval_arguments;

static const char summary[] = "Inspects all test pictures of a data set and compares with the truth: area "
                              "under the ROC curve (AUROC), average\n"
                              "precision (AP) and best F1 of the image scores and of the map's pixels, and "
                              "the per-region overlap (AUPRO).\n"
                              "False alarms and detections are counted at the model's own threshold.";

static int parse(eval_arguments *a, int argc, char **argv) {
    const option table[] = {
        {.name = "model",
         .kind = OPTION_TEXT,
         .target = &a->model,
         .value = "FILE",
         .help = "the model (.snarm)"},
        {.name = "dataset",
         .kind = OPTION_TEXT,
         .target = &a->dataset,
         .value = "DIR",
         .help = "folder that holds the categories, or one category's own"},
        layout_option(&a->layout),
        {.name = "category",
         .kind = OPTION_TEXTS,
         .target = &a->categories,
         .value = "NAME",
         .help = "evaluate this one; repeatable; default: all"},
        {.name = "json",
         .kind = OPTION_TEXT,
         .target = &a->json,
         .value = "FILE",
         .help = "write the numbers into this file; -: to stdout, and the table to stderr"},
        {.name = "report",
         .kind = OPTION_TEXT,
         .target = &a->report,
         .value = "FILE",
         .help = "write a report into this file: one HTML page with pictures, curves and a threshold to move"},
        {.name = "full-resolution",
         .kind = OPTION_FLAG,
         .target = &a->full_resolution,
         .help = "scale the maps up to the masks, instead of the masks down to the maps"},
        {.name = "table",
         .kind = OPTION_CHOICE,
         .target = &a->table,
         .choices = "text|csv|latex",
         .help = "also a table as papers have it"},
        {.name = "protocol",
         .kind = OPTION_CHOICE,
         .target = &a->protocol,
         .choices = "paper",
         .help = "the published one; the model must have been fitted so"},
        workers_option(&a->workers, NULL),
        pin_option(&a->pin),
        {.name = NULL},
    };
    const command what = {"eval", "", summary, table};
    text_list others = {0};
    int code = options_parse(&what, &a->common, &others, argc, argv);
    text_list_free(&others);
    if (code != CONTINUE)
        return code;
    if ((code = options_require(&what, "--model FILE", a->model != NULL)) != CONTINUE ||
        (code = options_require(&what, "--dataset DIR", a->dataset != NULL)) != CONTINUE)
        return code;
    if (a->protocol != NULL && a->full_resolution)
        return fail(EXIT_USAGE, "eval: --full-resolution is given, but --protocol paper measures at the maps' resolution");
    if (a->protocol != NULL && a->report != NULL)
        return fail(EXIT_USAGE, "eval: --report is '%s', but it shows the model's own scores and threshold, and --protocol paper "
                                "scores by the map alone", a->report);
    if (a->json != NULL && strcmp(a->json, "-") != 0 && !can_write(a->json))
        return fail(EXIT_INPUT, "%s: cannot be written: no such folder, or not allowed", a->json);
    if (a->report != NULL && !can_write(a->report))
        return fail(EXIT_INPUT, "%s: cannot be written: no such folder, or not allowed", a->report);
    return CONTINUE;
}

/* Of the categories that have the value. */
static void take_mean(evaluation *mean, const evaluation *all, size_t count) {
    for (size_t column = 0; column < METRICS; column++) {
        double sum = 0;
        size_t number = 0;
        for (size_t i = 0; i < count; i++)
            if (!isnan(*evaluation_value(&all[i], column)))
                sum += *evaluation_value(&all[i], column), number++;
        *evaluation_value(mean, column) = number > 0 ? sum / (double)number : NAN;
    }
}

static void print_row(FILE *stream, const char *name, int width, size_t images, const evaluation *of) {
    fprintf(stream, "%-*s %7zu", width, name, images);
    for (size_t column = 0; column < METRICS; column++) {
        double value = *evaluation_value(of, column);
        if (isnan(value))
            fprintf(stream, " %7s", "-");
        else
            fprintf(stream, " %7.4f", value);
    }
    fputc('\n', stream);
}

static void print_table(FILE *stream, const evaluation *all, size_t count, const evaluation *mean) {
    int width = 8;
    size_t images = 0;
    for (size_t i = 0; i < count; i++) {
        int length = (int)strlen(all[i].name);
        width = length > width ? length : width;
        images += all[i].images;
    }
    fprintf(stream, "%-*s %7s", width, "category", "images");
    for (size_t column = 0; column < METRICS; column++)
        fprintf(stream, " %7s", evaluation_metrics[column].title);
    fputc('\n', stream);
    for (size_t i = 0; i < count; i++)
        print_row(stream, all[i].name, width, all[i].images, &all[i]);
    print_row(stream, "mean", width, images, mean);
}

static json_t *to_json(const evaluation *of) {
    json_t *object = must_have(json_object());
    if (of->name != NULL)
        json_add(object, "images", must_have(json_integer((json_int_t)of->images)));
    for (size_t column = 0; column < METRICS; column++)
        json_add(object, evaluation_metrics[column].key, json_number(*evaluation_value(of, column)));
    return object;
}

/* The seconds are those of each category. */
static void print_paper_table(FILE *stream, const char *format, const evaluation *all, const double *seconds,
                              size_t count) {
    double *values = must_have(calloc(count * TABLE_VALUES, sizeof *values));
    const char **names = must_have(calloc(count, sizeof *names));
    for (size_t i = 0; i < count; i++) {
        names[i] = all[i].name;
        for (size_t metric = 0; metric < METRICS; metric++)
            values[i * TABLE_VALUES + metric] = *evaluation_value(&all[i], metric);
        values[i * TABLE_VALUES + TABLE_SECONDS_PER_IMAGE] = seconds[i];
        values[i * TABLE_VALUES + TABLE_FIT_SECONDS] = NAN;
    }
    table_summary *summaries = table_summarise(values, count, 1);
    fputc('\n', stream);
    table_write(stream, table_format_of(format), names, summaries, count);
    free(summaries);
    free(names);
    free(values);
}

static int report(const eval_arguments *a, const evaluation *all, const double *category_seconds, size_t count,
                  timing *times) {
    evaluation mean = {.name = NULL};
    take_mean(&mean, all, count);
    double seconds = median(times->inspect, times->count);
    double with_reading = times->count > 0 ? times->total / (double)times->count : NAN;
    bool json_on_stdout = a->json != NULL && strcmp(a->json, "-") == 0;
    if (!json_on_stdout || !a->common.quiet) {
        FILE *stream = json_on_stdout ? stderr : stdout;
        print_table(stream, all, count, &mean);
        fprintf(stream,
                "seconds an image: %.4f (median of the inspection), %.4f (mean with reading); peak memory "
                "%.0f MiB\n",
                seconds, with_reading, peak_memory_mib());
    }
    if (a->table != NULL)
        print_paper_table(json_on_stdout ? stderr : stdout, a->table, all, category_seconds, count);
    if (a->json == NULL)
        return finish_output(EXIT_OK);
    json_t *root = must_have(json_object()), *categories = must_have(json_object());
    for (size_t i = 0; i < count; i++) {
        json_t *name = json_text(all[i].name);
        json_add(categories, json_string_value(name), to_json(&all[i]));
        json_decref(name);
    }
    json_add(root, "categories", categories);
    json_add(root, "mean", to_json(&mean));
    json_add(root, "seconds_per_image", json_number(seconds));
    json_add(root, "seconds_per_image_with_reading", json_number(with_reading));
    json_add(root, "peak_memory_mib", json_number(peak_memory_mib()));
    int code = json_write_file(root, a->json);
    json_decref(root);
    return finish_output(code == CONTINUE ? EXIT_OK : code);
}

static int run_dataset(const eval_arguments *a, snarm_detector *detector, const snarm_dataset *set,
                       snarm_report *page) {
    size_t categories = snarm_dataset_category_count(set), count = 0, images = 0;
    for (size_t c = 0; c < categories; c++)
        if (is_wanted_category(&a->categories, snarm_dataset_category_name(set, c)))
            images += snarm_dataset_sample_count(set, c, SNARM_SPLIT_TEST);
    evaluation *all = must_have(calloc(categories, sizeof *all));
    evaluator run = {.detector = detector,
                     .set = set,
                     .full_resolution = a->full_resolution,
                     .map_score = a->protocol != NULL,
                     .fpr_limit = a->protocol != NULL ? PROTOCOL_FPR_LIMIT : 0,
                     .images = images,
                     .report = page,
                     .workers = a->workers,
                     .threads = a->common.threads};
    run.times.inspect = must_have(calloc(images, sizeof *run.times.inspect));
    double *seconds = must_have(calloc(categories, sizeof *seconds));
    progress_start(&run.bar, a->common.quiet);
    int code = CONTINUE;
    for (size_t c = 0; c < categories && code == CONTINUE; c++) {
        if (!is_wanted_category(&a->categories, snarm_dataset_category_name(set, c)))
            continue;
        size_t before = run.times.count;
        code = evaluate_category(&run, c, &all[count]);
        seconds[count++] = median(run.times.inspect + before, run.times.count - before);
    }
    progress_end(&run.bar);
    if (code == CONTINUE) {
        /* A page that cannot be written takes nothing from the numbers. */
        int page_code = page != NULL ? eval_report_finish(page, a->report) : CONTINUE;
        code = report(a, all, seconds, count, &run.times);
        if (code == EXIT_OK && page_code != CONTINUE)
            code = page_code;
    }
    free(seconds);
    free(run.times.inspect);
    free(all);
    return code;
}

static int run_model(const eval_arguments *a) {
    snarm_detector_options options;
    snarm_detector_options_init(&options);
    options.threads = threads_of_worker(a->common.threads, a->workers);
    options.pin = a->pin;
    options.precision = a->common.precision;
    snarm_dataset *set = NULL;
    snarm_detector *detector = NULL;
    snarm_report *page = NULL;
    int code = open_dataset(&set, a->dataset, a->layout);
    if (code == CONTINUE)
        code = check_categories(set, a->dataset, &a->categories);
    if (code == CONTINUE && snarm_detector_load(&detector, a->model, &options) != SNARM_OK)
        code = fail_library(EXIT_INPUT);
    if (code == CONTINUE && a->protocol != NULL)
        code = protocol_check_model(detector, a->model);
    if (code == CONTINUE)
        code = a->report == NULL
                   ? CONTINUE
                   : eval_report_start(&page, detector, a->model, a->common.precision, a->dataset, a->full_resolution);
    if (code == CONTINUE)
        code = run_dataset(a, detector, set, page);
    snarm_report_destroy(page);
    snarm_detector_destroy(detector);
    snarm_dataset_destroy(set);
    return code;
}

int command_eval(int argc, char **argv) {
    eval_arguments arguments = {.layout = "auto", .workers = 1};
    int code = parse(&arguments, argc, argv);
    if (code == CONTINUE)
        code = run_model(&arguments);
    text_list_free(&arguments.categories);
    return code;
}
