/* snarm inspect: a score and a verdict for every picture, and heat maps to look at. */
#define _GNU_SOURCE
#include "json.h"
#include "machine.h"
#include "options.h"
#include "progress.h"
#include "targets.h"

#include "snarm/detector.h"
#include "snarm/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct inspect_arguments {
    common_options common;
    const char *model, *format, *heatmaps;
    bool fail_on_anomaly;
    text_list paths;
} inspect_arguments;

/* What is said of one picture. */
typedef struct line {
    const char *file;
    char *error; /* NULL: result holds */
    snarm_result result;
    double ms;
} line;

typedef struct inspection {
    const inspect_arguments *arguments;
    snarm_detector *detector;
    snarm_detector_info info;
    float *map;
    size_t normal, anomalous, unreadable;
    double *times; /* ms of each readable picture */
} inspection;

static const char summary[] = "Inspects pictures, and folders of pictures with their sub-folders: one line "
                              "each on stdout. A picture that cannot\n"
                              "be read gets a line too and the others go on; the exit code is then 3 in the "
                              "end, whether or not a part failed.";

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
        {.name = NULL},
    };
    const command what = {"inspect", "PATH...", summary, table};
    int code = options_parse(&what, &a->common, &a->paths, argc, argv);
    if (code == CONTINUE)
        code = options_require(&what, "--model FILE", a->model != NULL);
    if (code == CONTINUE)
        code = options_require(&what, "PATH, a picture or a folder,", a->paths.count > 0);
    return code;
}

static void print_text(const line *l) {
    const snarm_result *r = &l->result;
    if (l->error != NULL)
        printf("unreadable  %10s  %6s  %11s  %s\n", "-", "-", "-", l->file);
    else {
        char place[32];
        snprintf(place, sizeof place, "%.0f,%.0f", r->x, r->y);
        printf("%-10s  %10.5g  %6.4f  %11s  %s\n", r->anomalous ? "anomalous" : "normal", (double)r->score,
               (double)r->normalized, place, l->file);
    }
}

static void print_json(const line *l) {
    const snarm_result *r = &l->result;
    bool good = l->error == NULL;
    json_t *object = must_have(json_object());
    json_add(object, "file", json_text(l->file));
    json_add(object, "score", good ? json_number((double)r->score) : json_null());
    json_add(object, "normalized", good ? json_number((double)r->normalized) : json_null());
    json_add(object, "verdict", good ? json_text(r->anomalous ? "anomalous" : "normal") : json_null());
    json_add(object, "threshold", good ? json_number((double)r->threshold) : json_null());
    json_add(object, "ms", good ? json_number(l->ms) : json_null());
    json_add(object, "map_max", good ? must_have(json_pack("[f,f]", r->x, r->y)) : json_null());
    json_add(object, "error", good ? json_null() : json_text(l->error));
    json_write_line(object, stdout);
    json_decref(object);
}

static void print_csv_text(const char *text) {
    if (strpbrk(text, ",\"\r\n") == NULL) {
        fputs(text, stdout);
        return;
    }
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"')
            putchar('"');
        putchar(*text);
    }
    putchar('"');
}

static void print_csv(const line *l) {
    const snarm_result *r = &l->result;
    print_csv_text(l->file);
    if (l->error != NULL) {
        fputs(",,,,,,,,", stdout);
        print_csv_text(l->error);
    } else {
        printf(",%.9g,%.9g,%s,%.9g,%.3f,%.9g,%.9g,", (double)r->score, (double)r->normalized,
               r->anomalous ? "anomalous" : "normal", (double)r->threshold, l->ms, r->x, r->y);
    }
    putchar('\n');
}

/* The anomaly map over the picture, at the picture's own size. */
static int write_heatmap(const inspection *run, const snarm_image *image, const snarm_result *result,
                         const char *path) {
    size_t pixels = (size_t)image->width * (size_t)image->height;
    float *map = must_have(malloc(pixels * sizeof *map));
    snarm_heatmap_options options;
    snarm_heatmap_options_init(&options);
    /* Good parts have values up to the threshold: half of it is shown as nothing, so that they stay clear. */
    options.threshold = result->map_threshold;
    options.low = result->map_threshold > 0 ? result->map_threshold / 2 : 0;
    options.high = result->map_threshold > 0 ? 2 * result->map_threshold : 1;
    snarm_image picture = {0};
    int code = make_folders_above(path);
    if (code == CONTINUE &&
        (snarm_detector_map_to_image(run->detector, run->map, image->width, image->height, map) != SNARM_OK ||
         snarm_heatmap_render(image, map, &options, &picture) != SNARM_OK ||
         snarm_image_save_png(&picture, path) != SNARM_OK))
        code = fail_library(EXIT_INPUT);
    snarm_image_release(&picture);
    free(map);
    return code;
}

/* Fills the line; CONTINUE also where the picture is unreadable, an exit code where inspecting cannot go on.
 */
static int inspect_one(inspection *run, const target *what, line *out) {
    snarm_image image = {0};
    *out = (line){.file = what->path, .result = {.struct_size = sizeof out->result}};
    if (what->error != NULL || snarm_image_load(&image, what->path, NULL) != SNARM_OK) {
        out->error = format_text("%s", what->error != NULL ? what->error : snarm_last_error());
        return CONTINUE;
    }
    double began = seconds_now();
    if (snarm_detector_inspect(run->detector, &image, &out->result, run->map) != SNARM_OK)
        out->error = format_text("%s: %s", what->path, snarm_last_error());
    out->ms = (seconds_now() - began) * 1e3;
    int code = CONTINUE;
    if (out->error == NULL && what->heatmap != NULL)
        code = write_heatmap(run, &image, &out->result, what->heatmap);
    snarm_image_release(&image);
    return code;
}

static void count_line(inspection *run, const line *l) {
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

static int inspect_all(inspection *run, const target_list *targets) {
    const inspect_arguments *a = run->arguments;
    bool json = strcmp(a->format, "json") == 0, csv = strcmp(a->format, "csv") == 0;
    progress bar;
    /* On a terminal the lines themselves show how far it is. */
    progress_start(&bar, a->common.quiet || isatty(STDOUT_FILENO));
    if (csv)
        puts("file,score,normalized,verdict,threshold,ms,map_x,map_y,error");
    int code = CONTINUE;
    for (size_t i = 0; i < targets->count && code == CONTINUE && !ferror(stdout); i++) {
        line l;
        code = inspect_one(run, &targets->items[i], &l);
        count_line(run, &l);
        if (l.error != NULL) {
            progress_end(&bar);
            fail(EXIT_INPUT, "%s", l.error);
        }
        if (json)
            print_json(&l);
        else if (csv)
            print_csv(&l);
        else
            print_text(&l);
        free(l.error);
        /* The program that reads this may wait for each line. */
        fflush(stdout);
        progress_update(&bar, "inspect", i + 1, targets->count);
    }
    progress_end(&bar);
    if (code != CONTINUE)
        return code;
    if (!a->common.quiet) {
        size_t good = run->normal + run->anomalous;
        fprintf(stderr, "%zu images: %zu normal, %zu anomalous, %zu unreadable", targets->count, run->normal,
                run->anomalous, run->unreadable);
        if (good > 0)
            fprintf(stderr, "; %.1f ms an image (median), %.0f MiB", median(run->times, good),
                    peak_memory_mib());
        fputc('\n', stderr);
    }
    if (run->unreadable > 0)
        return EXIT_INPUT;
    return run->anomalous > 0 && a->fail_on_anomaly ? EXIT_ANOMALY : EXIT_OK;
}

static int run_model(const inspect_arguments *a, const target_list *targets) {
    inspection run = {.arguments = a, .info = {.struct_size = sizeof run.info}};
    snarm_detector_options options;
    snarm_detector_options_init(&options);
    options.threads = a->common.threads;
    if (snarm_detector_load(&run.detector, a->model, &options) != SNARM_OK)
        return fail_library(EXIT_INPUT);
    int code;
    if (snarm_detector_get_info(run.detector, &run.info) != SNARM_OK) {
        code = fail_library(EXIT_INPUT);
    } else {
        size_t pixels = (size_t)run.info.preprocess.width * (size_t)run.info.preprocess.height;
        run.map = must_have(malloc(pixels * sizeof *run.map));
        run.times = must_have(calloc(targets->count, sizeof *run.times));
        code = inspect_all(&run, targets);
    }
    free(run.times);
    free(run.map);
    snarm_detector_destroy(run.detector);
    return finish_output(code);
}

int command_inspect(int argc, char **argv) {
    inspect_arguments arguments = {.format = "text"};
    target_list targets = {0};
    int code = parse(&arguments, argc, argv);
    if (code == CONTINUE)
        code = target_list_make(&targets, &arguments.paths, arguments.heatmaps);
    if (code == CONTINUE)
        code = run_model(&arguments, &targets);
    target_list_free(&targets);
    text_list_free(&arguments.paths);
    return code;
}
