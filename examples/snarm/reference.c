#define _GNU_SOURCE
#include "reference.h"

#include "cli.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCORES_MAX = 1000000 };

typedef struct reference {
    float *scores;
    size_t count, capacity;
} reference;

static void add(reference *r, double score) {
    if (r->count == r->capacity) {
        r->capacity = r->capacity == 0 ? 256 : 2 * r->capacity;
        r->scores = must_have(realloc(r->scores, r->capacity * sizeof *r->scores));
    }
    r->scores[r->count++] = (float)score;
}

/* False for a line that inspect does not write. */
static bool take_line(reference *r, const char *line, size_t size) {
    json_t *object = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
    const json_t *score = json_object_get(object, "score"), *error = json_object_get(object, "error");
    bool good =
        json_is_string(json_object_get(object, "warning")) || (json_is_null(score) && json_is_string(error));
    if (!good && json_is_number(score) && json_is_null(error) && isfinite((float)json_number_value(score))) {
        add(r, json_number_value(score));
        good = true;
    }
    json_decref(object);
    return good;
}

static int read_lines(reference *r, FILE *file, const char *path) {
    char *line = NULL;
    size_t capacity = 0, number = 0;
    ssize_t size;
    int code = CONTINUE;
    while (code == CONTINUE && (size = getline(&line, &capacity, file)) > 0) {
        number++;
        if (!take_line(r, line, (size_t)size))
            code = fail(EXIT_INPUT, "%s: line %zu is not one of snarm inspect --format json", path, number);
        else if (r->count > SCORES_MAX)
            code =
                fail(EXIT_INPUT, "%s: more than %d scores, expected at most so many", path, (int)SCORES_MAX);
    }
    free(line);
    if (code == CONTINUE && ferror(file))
        code = fail(EXIT_INPUT, "%s: cannot be read: %s", path, strerror(errno));
    if (code == CONTINUE && r->count == 0)
        code = fail(EXIT_INPUT, "%s: no score in it, expected lines of snarm inspect --format json", path);
    return code;
}

int reference_read(const char *path, float **scores, size_t *count) {
    reference r = {NULL, 0, 0};
    *scores = NULL;
    *count = 0;
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        return fail(EXIT_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    int code = read_lines(&r, file, path);
    fclose(file);
    if (code != CONTINUE) {
        free(r.scores);
        return code;
    }
    *scores = r.scores;
    *count = r.count;
    return CONTINUE;
}
