/* snarm bench: where the time of an inspection goes. */
#define _GNU_SOURCE
#include "depths.h"
#include "json.h"
#include "machine.h"
#include "options.h"
#include "parts.h"
#include "precision.h"
#include "progress.h"

#include "snarm/detector.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct bench_arguments {
    common_options common;
    const char *model, *image, *json;
    int64_t runs, warmup;
    bool pin;
} bench_arguments;

static const char summary[] =
    "Inspects one picture again and again and shows, in milliseconds, how long each step takes: preprocess "
    "(resizing\n"
    "and normalising), backbone (the network), match (search in the bank), scorer, map (map and score).";

/* Of fewer runs than this, the 99th percentile is the maximum. */
enum { RUNS_OF_P99 = 100 };

enum { STAGES = 6, SYNTHETIC_SIDE = 1024 };
static const char *const stage_names[STAGES] = {"preprocess", "backbone", "match", "scorer", "map", "total"};

static int parse(bench_arguments *a, int argc, char **argv) {
    const option table[] = {
        {.name = "model",
         .kind = OPTION_TEXT,
         .target = &a->model,
         .value = "FILE",
         .help = "the model (.snarm)"},
        {.name = "image",
         .kind = OPTION_TEXT,
         .target = &a->image,
         .value = "FILE",
         .help = "the picture; default: a synthetic one of 1024 x 1024 pixels"},
        {.name = "runs",
         .kind = OPTION_INTEGER,
         .target = &a->runs,
         .value = "N",
         .help = "inspections that are measured; default 100, the fewest whose 99th percentile is not their maximum",
         .minimum = 1,
         .maximum = 1000000},
        {.name = "warmup",
         .kind = OPTION_INTEGER,
         .target = &a->warmup,
         .value = "N",
         .help = "inspections before them; default 3",
         .minimum = 0,
         .maximum = 1000000},
        pin_option(&a->pin),
        {.name = "json",
         .kind = OPTION_TEXT,
         .target = &a->json,
         .value = "FILE",
         .help = "write the numbers into this file; -: to stdout, and the table to stderr"},
        {.name = NULL},
    };
    const command what = {"bench", "", summary, table};
    text_list others = {0};
    int code = options_parse(&what, &a->common, &others, argc, argv);
    text_list_free(&others);
    if (code == CONTINUE)
        code = options_require(&what, "--model FILE", a->model != NULL);
    if (code == CONTINUE && a->json != NULL && strcmp(a->json, "-") != 0 && !can_write(a->json))
        code = fail(EXIT_INPUT, "%s: cannot be written: no such folder, or not allowed", a->json);
    return code;
}

/* A texture that no step finds trivial. */
static void make_synthetic(snarm_image *image, uint8_t *pixels) {
    uint32_t state = 1;
    for (int y = 0; y < SYNTHETIC_SIDE; y++)
        for (int x = 0; x < SYNTHETIC_SIDE; x++) {
            state = state * 1664525u + 1013904223u;
            uint8_t *pixel = pixels + ((size_t)y * SYNTHETIC_SIDE + (size_t)x) * 3;
            pixel[0] = (uint8_t)(96 + (x * 64 / SYNTHETIC_SIDE) + (state >> 28));
            pixel[1] = (uint8_t)(96 + ((x / 16 + y / 16) % 2) * 48 + (state >> 27 & 15));
            pixel[2] = (uint8_t)(96 + (y * 64 / SYNTHETIC_SIDE) + (state >> 26 & 15));
        }
    *image = (snarm_image){
        .pixels = pixels, .width = SYNTHETIC_SIDE, .height = SYNTHETIC_SIDE, .format = SNARM_RGB8};
}

/* Hills of a few millimetres, seen from half a metre. */
static void make_synthetic_depth(snarm_depth *depth) {
    *depth = (snarm_depth){.width = SYNTHETIC_SIDE, .height = SYNTHETIC_SIDE};
    depth->points = must_have(malloc((size_t)SYNTHETIC_SIDE * SYNTHETIC_SIDE * 3 * sizeof *depth->points));
    for (int y = 0; y < SYNTHETIC_SIDE; y++)
        for (int x = 0; x < SYNTHETIC_SIDE; x++) {
            float *point = depth->points + ((size_t)y * SYNTHETIC_SIDE + (size_t)x) * 3;
            point[0] = (float)x * 0.1f, point[1] = (float)y * 0.1f;
            point[2] = 500 - 4 * sinf((float)x / 60) * sinf((float)y / 45);
        }
}

/* The depth picture of --image, or a synthetic one; freed with free_depth. */
static int load_depth(const bench_arguments *a, snarm_depth *depth) {
    if (a->image == NULL) {
        make_synthetic_depth(depth);
        return CONTINUE;
    }
    char *path = depth_path_of(a->image);
    snarm_status status = snarm_depth_load(depth, path, NULL);
    free(path);
    return status == SNARM_OK ? CONTINUE : fail_library(EXIT_INPUT);
}

static void free_depth(const bench_arguments *a, snarm_depth *depth) {
    if (a->image == NULL)
        free(depth->points);
    else
        snarm_depth_release(depth);
}

/* times: STAGES rows of one value a run. */
static int measure(const bench_arguments *a, const snarm_detector *detector, const snarm_image *image,
                   double *times) {
    snarm_detector_info info = {.struct_size = sizeof info};
    if (snarm_detector_get_info(detector, &info) != SNARM_OK)
        return fail_library(EXIT_INPUT);
    snarm_depth depth = {0};
    int code = info.has_depth ? load_depth(a, &depth) : CONTINUE;
    float *map =
        must_have(malloc((size_t)info.preprocess.width * (size_t)info.preprocess.height * sizeof *map));
    progress bar;
    progress_start(&bar, a->common.quiet);
    for (int64_t i = -a->warmup; i < a->runs && code == CONTINUE; i++) {
        snarm_result result = {.struct_size = sizeof result};
        double began = seconds_now();
        if ((info.has_depth ? snarm_detector_inspect_depth(detector, image, &depth, &result, map)
                            : snarm_detector_inspect(detector, image, &result, map)) != SNARM_OK)
            code = fail_library(EXIT_INPUT);
        double total = (seconds_now() - began) * 1e3;
        const double stages[STAGES] = {result.preprocess_ms, result.backbone_ms, result.match_ms,
                                       result.scorer_ms,     result.map_ms,      total};
        for (int s = 0; s < STAGES && i >= 0; s++)
            times[s * a->runs + i] = stages[s];
        progress_update(&bar, i < 0 ? "warm-up" : "bench", (uint64_t)(i + a->warmup + 1),
                        (uint64_t)(a->runs + a->warmup));
    }
    progress_end(&bar);
    free(map);
    free_depth(a, &depth);
    return code;
}

static int report(const bench_arguments *a, const snarm_detector *detector, const snarm_image *image,
                  double *times) {
    snarm_detector_info info = {.struct_size = sizeof info};
    if (snarm_detector_get_info(detector, &info) != SNARM_OK)
        return fail_library(EXIT_INPUT);
    size_t runs = (size_t)a->runs;
    bool json_on_stdout = a->json != NULL && strcmp(a->json, "-") == 0;
    FILE *stream = json_on_stdout ? stderr : stdout;
    bool table = !json_on_stdout || !a->common.quiet;
    json_t *stages = must_have(json_object());
    if (table)
        fprintf(stream, "%-10s %9s %9s %9s %9s  ms\n", "step", "median", "minimum", "p99", "maximum");
    for (int s = 0; s < STAGES; s++) {
        double *values = times + (size_t)s * runs, middle = median(values, runs); /* sorts them */
        double high = quantile(values, runs, 0.99);
        if (table)
            fprintf(stream, "%-10s %9.3f %9.3f %9.3f %9.3f\n", stage_names[s], middle, values[0], high,
                    values[runs - 1]);
        json_t *stage = must_have(json_object());
        json_add(stage, "median", json_number(middle));
        json_add(stage, "minimum", json_number(values[0]));
        json_add(stage, "p99", json_number(high));
        json_add(stage, "maximum", json_number(values[runs - 1]));
        json_add(stages, stage_names[s], stage);
    }
    if (table && runs < RUNS_OF_P99)
        fprintf(stream, "p99 is the maximum where --runs is below %d\n", RUNS_OF_P99);
    if (table)
        fprintf(stream, "%zu runs; picture %d x %d; peak memory %.0f MiB; %s, %d threads; libsnarm %s\n",
                runs, (int)image->width, (int)image->height, peak_memory_mib(), processor_name(),
                (int)info.threads, snarm_version());
    json_t *precision = precision_facts_of(a->common.precision, detector);
    char *line = precision_line(precision);
    if (table)
        fprintf(stream, "precision: %s\n", line);
    free(line);
    int code = CONTINUE;
    if (a->json != NULL) {
        json_t *root = must_have(json_object()), *picture = must_have(json_object()),
               *machine = must_have(json_object());
        json_add(picture, "file", a->image != NULL ? json_text(a->image) : json_null());
        json_add(picture, "width", must_have(json_integer(image->width)));
        json_add(picture, "height", must_have(json_integer(image->height)));
        json_add(machine, "processor", json_text(processor_name()));
        json_add(machine, "threads", must_have(json_integer(info.threads)));
        json_add(machine, "pinned", must_have(json_boolean(a->pin)));
        json_add(machine, "library_version", json_text(snarm_version()));
        json_add(root, "runs", must_have(json_integer(a->runs)));
        json_add(root, "warmup", must_have(json_integer(a->warmup)));
        json_add(root, "image", picture);
        json_add(root, "stages_ms", json_incref(stages));
        json_add(root, "peak_memory_mib", json_number(peak_memory_mib()));
        json_add(root, "precision", json_incref(precision));
        json_add(root, "machine", machine);
        code = json_write_file(root, a->json);
        json_decref(root);
    }
    json_decref(precision);
    json_decref(stages);
    return finish_output(code == CONTINUE ? EXIT_OK : code);
}

static int run_model(const bench_arguments *a, const snarm_image *image) {
    snarm_detector *detector;
    snarm_detector_options options;
    snarm_detector_options_init(&options);
    options.threads = a->common.threads;
    options.pin = a->pin;
    options.precision = a->common.precision;
    if (snarm_detector_load(&detector, a->model, &options) != SNARM_OK)
        return fail_library(EXIT_INPUT);
    double *times = must_have(calloc((size_t)a->runs * STAGES, sizeof *times));
    int code = measure(a, detector, image, times);
    if (code == CONTINUE)
        code = report(a, detector, image, times);
    free(times);
    snarm_detector_destroy(detector);
    return code;
}

int command_bench(int argc, char **argv) {
    bench_arguments arguments = {.runs = RUNS_OF_P99, .warmup = 3};
    int code = parse(&arguments, argc, argv);
    if (code != CONTINUE)
        return code;
    snarm_image image = {0};
    uint8_t *synthetic = NULL;
    if (arguments.image == NULL) {
        synthetic = must_have(malloc((size_t)SYNTHETIC_SIDE * SYNTHETIC_SIDE * 3));
        make_synthetic(&image, synthetic);
    } else if (snarm_image_load(&image, arguments.image, NULL) != SNARM_OK) {
        return fail_library(EXIT_INPUT);
    }
    code = run_model(&arguments, &image);
    snarm_image_release(&image);
    free(synthetic);
    return code;
}
