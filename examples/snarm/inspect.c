/* snarm inspect: a score and a verdict for every picture, and heat maps to look at. */
#define _GNU_SOURCE
#include "inspect_lines.h"
#include "machine.h"
#include "options.h"
#include "parts.h"
#include "progress.h"
#include "targets.h"
#include "watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct inspect_arguments {
    common_options common;
    const char *model, *format, *heatmaps;
    bool fail_on_anomaly, pin;
    int64_t workers;
    bool workers_given;
    text_list paths;
    watch_options watch; /* with a folder: of --watch */
    bool watch_given;    /* an option that --watch alone has */
} inspect_arguments;

typedef struct inspection {
    const inspect_arguments *arguments;
    inspector inspector;
    const target_list *targets;
    part *parts; /* of the targets */
    progress bar;
    size_t normal, anomalous, unreadable;
    double *times; /* ms of each readable picture */
    int code;      /* CONTINUE, or why it ends */
} inspection;

static const char summary[] = "Inspects pictures, and folders of pictures with their sub-folders: one line "
                              "each on stdout. A picture that cannot\n"
                              "be read gets a line too and the others go on; the exit code is then 3 in the "
                              "end, whether or not a part failed.";

static int check_watch(const inspect_arguments *a) {
    if (a->paths.count > 0)
        return fail(EXIT_USAGE, "inspect: '%s' is given beside --watch, expected the watched folder alone",
                    a->paths.items[0]);
    if (a->fail_on_anomaly)
        return fail(EXIT_USAGE, "inspect: --fail-on-anomaly is given with --watch, which ends for no part");
    if (a->format != NULL && strcmp(a->format, "json") != 0)
        return fail(EXIT_USAGE, "inspect: --format is '%s', expected json with --watch", a->format);
    if (a->workers_given)
        return fail(EXIT_USAGE, "inspect: --workers is given with --watch, which inspects one picture after the other");
    if (a->watch.log != NULL && a->watch.state != NULL)
        return fail(EXIT_USAGE, "inspect: --state is given with --log, which itself keeps what was reported");
    if (a->watch.drift_window == 1)
        return fail(EXIT_USAGE,
                    "inspect: --drift-window is '1', expected 0 or a whole number from 2 to 10000");
    if (a->watch.drift_window == 0 && a->watch.reference != NULL)
        return fail(EXIT_USAGE, "inspect: --drift-reference is '%s', but --drift-window is 0",
                    a->watch.reference);
    return CONTINUE;
}

static int parse(inspect_arguments *a, int argc, char **argv) {
    const option table[] = {
        {.name = "model",
         .kind = OPTION_TEXT,
         .target = &a->model,
         .value = "FILE",
         .help = "the model (.snarm) that snarm fit wrote"},
        {.name = "format",
         .kind = OPTION_CHOICE,
         .target = &a->format,
         .choices = "text|json|csv",
         .help = "of the lines; json: one object a line; default text"},
        {.name = "heatmaps",
         .kind = OPTION_TEXT,
         .target = &a->heatmaps,
         .value = "DIR",
         .help = "write a picture of each map into this folder, which is made if absent"},
        {.name = "fail-on-anomaly",
         .kind = OPTION_FLAG,
         .target = &a->fail_on_anomaly,
         .help = "exit code 1 if a part is anomalous"},
        workers_option(&a->workers, &a->workers_given),
        pin_option(&a->pin),
        {.name = "watch",
         .kind = OPTION_TEXT,
         .target = &a->watch.folder,
         .value = "DIR",
         .help = "inspect pictures as they arrive in this folder, until SIGINT or SIGTERM; lines are JSON"},
        {.name = "poll",
         .kind = OPTION_NUMBER,
         .target = &a->watch.poll,
         .value = "SECONDS",
         .help = "list the folder so often instead of using the system's notices: for network drives",
         .minimum = 0.1,
         .maximum = 3600,
         .given = &a->watch_given},
        {.name = "settle",
         .kind = OPTION_NUMBER,
         .target = &a->watch.settle,
         .value = "SECONDS",
         .help = "call a file unreadable when it has not changed for so long; default 2",
         .maximum = 3600,
         .given = &a->watch_given},
        {.name = "log",
         .kind = OPTION_TEXT,
         .target = &a->watch.log,
         .value = "FILE",
         .help = "append the lines to this file too, which then tells what was reported",
         .given = &a->watch_given},
        {.name = "state",
         .kind = OPTION_TEXT,
         .target = &a->watch.state,
         .value = "FILE",
         .help = "keeps what was reported where there is no --log; default DIR/.snarm-watch",
         .given = &a->watch_given},
        {.name = "drift-window",
         .kind = OPTION_INTEGER,
         .target = &a->watch.drift_window,
         .value = "N",
         .help = "recent scores that are compared with those of the fit; 0: none; default 50",
         .maximum = 10000,
         .given = &a->watch_given},
        {.name = "drift-reference",
         .kind = OPTION_TEXT,
         .target = &a->watch.reference,
         .value = "FILE",
         .help = "lines of inspect --format json on good parts: compare with their scores, not the fit's",
         .given = &a->watch_given},
        {.name = "drift-limit",
         .kind = OPTION_NUMBER,
         .target = &a->watch.drift_limit,
         .value = "Z",
         .help = "warn from this |z| on; default: what 1 in 10,000 windows reaches by chance",
         .minimum = 0.5,
         .maximum = 100,
         .given = &a->watch_given},
        {.name = NULL},
    };
    const command what = {"inspect", "PATH...", summary, table};
    int code = options_parse(&what, &a->common, &a->paths, argc, argv);
    if (code == CONTINUE)
        code = options_require(&what, "--model FILE", a->model != NULL);
    if (code == CONTINUE)
        code = a->watch.folder != NULL
                   ? check_watch(a)
                   : options_require(&what, "PATH, a picture or a folder,", a->paths.count > 0);
    if (code == CONTINUE && a->watch.folder == NULL && a->watch_given)
        code = fail(EXIT_USAGE, "inspect: --poll, --settle, --log, --state and --drift-... need --watch DIR");
    if (a->format == NULL)
        a->format = "text";
    a->watch.heatmaps = a->heatmaps;
    a->watch.quiet = a->common.quiet;
    return code;
}

static void count_line(inspection *run, const inspect_line *l) {
    if (l->error != NULL) {
        run->unreadable++;
        return;
    }
    run->times[run->normal + run->anomalous] = l->ms;
    if (l->result.anomalous)
        run->anomalous++;
    else
        run->normal++;
}

/* What the pipeline says of a picture, as a line. */
static void fill_line(const inspection *run, const snarm_pipeline_item *item, inspect_line *l) {
    const target *what = &run->targets->items[item->index];
    *l = (inspect_line){.file = what->path};
    if (item->status == SNARM_OK) {
        l->result = *item->result;
        l->ms = item_ms(item);
    } else if (what->error != NULL) {
        l->error = format_text("%s", what->error);
    } else if (run->parts[item->index].unread) {
        l->error = format_text("%s", item->error);
    } else {
        l->error = format_text("%s: %s", what->path, item->error);
    }
}

static snarm_status take_item(void *user, const snarm_pipeline_item *item) {
    inspection *run = user;
    const char *format = run->arguments->format, *heatmap = run->targets->items[item->index].heatmap;
    inspect_line l;
    fill_line(run, item, &l);
    if (l.error == NULL && heatmap != NULL)
        run->code = inspector_write_heatmap(&run->inspector, item->image, item->result, item->map, heatmap);
    count_line(run, &l);
    if (l.error != NULL) {
        progress_end(&run->bar);
        fail(EXIT_INPUT, "%s", l.error);
    }
    inspect_line_print(&l, format);
    free(l.error);
    /* The program that reads this may wait for each line. */
    fflush(stdout);
    progress_update(&run->bar, "inspect", item->index + 1, run->targets->count);
    return run->code == CONTINUE && !ferror(stdout) ? SNARM_OK : SNARM_ERROR_CANCELLED;
}

static int inspect_all(inspection *run) {
    const inspect_arguments *a = run->arguments;
    const size_t count = run->targets->count;
    for (size_t i = 0; i < count; i++)
        run->parts[i] = (part){.path = run->targets->items[i].path, .absent = run->targets->items[i].error != NULL};
    /* On a terminal the lines themselves show how far it is. */
    progress_start(&run->bar, a->common.quiet || isatty(STDOUT_FILENO));
    inspect_line_print_head(a->format);
    snarm_status status = parts_run(run->inspector.detector, run->parts, count, a->workers, take_item, run);
    progress_end(&run->bar);
    if (status != SNARM_OK && status != SNARM_ERROR_CANCELLED)
        return fail_library(EXIT_INPUT);
    if (run->code != CONTINUE)
        return run->code;
    if (!a->common.quiet) {
        size_t good = run->normal + run->anomalous;
        fprintf(stderr, "%zu images: %zu normal, %zu anomalous, %zu unreadable", count, run->normal, run->anomalous,
                run->unreadable);
        if (good > 0)
            fprintf(stderr, "; %.1f ms an image (median), %.0f MiB", median(run->times, good),
                    peak_memory_mib());
        fputc('\n', stderr);
    }
    if (run->unreadable > 0)
        return EXIT_INPUT;
    return run->anomalous > 0 && a->fail_on_anomaly ? EXIT_ANOMALY : EXIT_OK;
}

static int run_model(const inspect_arguments *a) {
    target_list targets = {0};
    inspection run = {.arguments = a, .targets = &targets, .code = CONTINUE};
    int code = target_list_make(&targets, &a->paths, a->heatmaps);
    if (code == CONTINUE)
        code = inspector_open(&run.inspector, a->model, threads_of_worker(a->common.threads, a->workers), a->common.precision,
                              a->pin);
    if (code == CONTINUE && run.inspector.info.has_depth)
        target_list_drop_depths(&targets);
    if (code == CONTINUE) {
        run.times = must_have(calloc(targets.count + 1, sizeof *run.times));
        run.parts = must_have(calloc(targets.count + 1, sizeof *run.parts));
        code = inspect_all(&run);
    }
    free(run.parts);
    free(run.times);
    inspector_close(&run.inspector);
    target_list_free(&targets);
    return finish_output(code);
}

static int run_watch(const inspect_arguments *a) {
    inspector run;
    catch_interrupts(); /* also one that comes while the model is read ends it cleanly */
    int code = inspector_open(&run, a->model, a->common.threads, a->common.precision, a->pin);
    if (code == CONTINUE)
        code = watch_folder(&run, &a->watch);
    inspector_close(&run);
    return code;
}

int command_inspect(int argc, char **argv) {
    inspect_arguments arguments = {.workers = 1, .watch = WATCH_DEFAULTS};
    int code = parse(&arguments, argc, argv);
    if (code == CONTINUE)
        code = arguments.watch.folder != NULL ? run_watch(&arguments) : run_model(&arguments);
    text_list_free(&arguments.paths);
    return code;
}
