/* What inspecting one picture gives: its line in each format, and its heat map. Shared by the inspection of
 * folders and by the watching of one. */
#ifndef INSPECT_LINES_H
#define INSPECT_LINES_H

#include "json.h"

#include "snarm/detector.h"

#include <stdbool.h>

/* What is said of one picture. */
typedef struct inspect_line {
    const char *file;
    char *error; /* NULL: result holds; else the line's own, freed with free() */
    snarm_result result;
    double ms;
} inspect_line;

/* A model that is ready, and room for a map. */
typedef struct inspector {
    snarm_detector *detector;
    snarm_detector_info info;
    float *map;
} inspector;

/* Opens the model; an exit code, CONTINUE if it went well. inspector_close is needed in both cases. */
int inspector_open(inspector *run, const char *model, int32_t threads, int32_t precision, bool pin);
void inspector_close(inspector *run);

/* Fills result or error, and ms; file stays as it is. CONTINUE also where the picture cannot be inspected;
 * the exit code, with a line on stderr, where its heat map cannot be written: the result holds then too.
 *   heatmap  where its heat map goes, the folders above are made; NULL: none wanted */
int inspector_run(const inspector *run, const snarm_image *image, const char *heatmap, inspect_line *out);

/* Writes the heat map of a map, as above. */
int inspector_write_heatmap(const inspector *run, const snarm_image *image, const snarm_result *result, const float *map,
                            const char *path);

/* The object of --format json; the caller's. */
json_t *inspect_line_json(const inspect_line *l);

/* Print to stdout. format: text, json or csv. */
void inspect_line_print(const inspect_line *l, const char *format);
void inspect_line_print_head(const char *format);

#endif
