#define _GNU_SOURCE
#include "inspect_lines.h"

#include "depths.h"
#include "machine.h"
#include "targets.h"

#include "snarm/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int inspector_open(inspector *run, const char *model, int32_t threads, int32_t precision, bool pin) {
    *run = (inspector){.info = {.struct_size = sizeof run->info}};
    snarm_detector_options options;
    snarm_detector_options_init(&options);
    options.threads = threads;
    options.pin = pin;
    options.precision = precision;
    if (snarm_detector_load(&run->detector, model, &options) != SNARM_OK ||
        snarm_detector_get_info(run->detector, &run->info) != SNARM_OK)
        return fail_library(EXIT_INPUT);
    size_t pixels = (size_t)run->info.preprocess.width * (size_t)run->info.preprocess.height;
    run->map = must_have(malloc(pixels * sizeof *run->map));
    return CONTINUE;
}

void inspector_close(inspector *run) {
    free(run->map);
    snarm_detector_destroy(run->detector);
    *run = (inspector){0};
}

/* The anomaly map over the picture, at the picture's own size. */
int inspector_write_heatmap(const inspector *run, const snarm_image *image, const snarm_result *result, const float *map,
                            const char *path) {
    size_t pixels = (size_t)image->width * (size_t)image->height;
    float *placed = must_have(malloc(pixels * sizeof *placed));
    snarm_heatmap_options options;
    snarm_heatmap_options_init(&options);
    /* Good parts have values up to the threshold: half of it is shown as nothing, so that they stay clear. */
    options.threshold = result->map_threshold;
    options.low = result->map_threshold > 0 ? result->map_threshold / 2 : 0;
    options.high = result->map_threshold > 0 ? 2 * result->map_threshold : 1;
    snarm_image picture = {0};
    int code = make_folders_above(path);
    if (code == CONTINUE &&
        (snarm_detector_map_to_image(run->detector, map, image->width, image->height, placed) != SNARM_OK ||
         snarm_heatmap_render(&picture, image, placed, &options) != SNARM_OK ||
         snarm_image_save_png(&picture, path) != SNARM_OK))
        code = fail_library(EXIT_INPUT);
    snarm_image_release(&picture);
    free(placed);
    return code;
}

int inspector_run(const inspector *run, const snarm_image *image, const char *heatmap, inspect_line *out) {
    double began = seconds_now();
    out->result = (snarm_result){.struct_size = sizeof out->result};
    if (inspect_part(run->detector, run->info.has_depth, image, out->file, NULL, &out->result, run->map) != SNARM_OK)
        out->error = format_text("%s: %s", out->file, snarm_last_error());
    out->ms = (seconds_now() - began) * 1e3;
    if (out->error != NULL || heatmap == NULL)
        return CONTINUE;
    return inspector_write_heatmap(run, image, &out->result, run->map, heatmap);
}

static void print_text(const inspect_line *l) {
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

json_t *inspect_line_json(const inspect_line *l) {
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
    return object;
}

static void print_json(const inspect_line *l) {
    json_t *object = inspect_line_json(l);
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

static void print_csv(const inspect_line *l) {
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

void inspect_line_print(const inspect_line *l, const char *format) {
    if (strcmp(format, "json") == 0)
        print_json(l);
    else if (strcmp(format, "csv") == 0)
        print_csv(l);
    else
        print_text(l);
}

void inspect_line_print_head(const char *format) {
    if (strcmp(format, "csv") == 0)
        puts("file,score,normalized,verdict,threshold,ms,map_x,map_y,error");
}
