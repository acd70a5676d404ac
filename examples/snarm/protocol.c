#define _GNU_SOURCE
#include "protocol.h"

#include <stdio.h>
#include <stdlib.h>

static int contradicts(const char *caller, const char *name, const char *given, int wanted) {
    return fail(EXIT_USAGE, "%s: --%s is '%s', but --protocol paper needs %d", caller, name, given, wanted);
}

static int set_sides(int32_t sides[2], int wanted, const char *caller, const char *name) {
    if (sides[0] != 0 && (sides[0] != wanted || sides[1] != wanted)) {
        char given[32];
        snprintf(given, sizeof given, "%d,%d", (int)sides[0], (int)sides[1]);
        return contradicts(caller, name, given, wanted);
    }
    sides[0] = sides[1] = wanted;
    return CONTINUE;
}

static int set_number(int64_t *number, int wanted, const char *caller, const char *name) {
    if (*number != 0 && *number != wanted) {
        char given[32];
        snprintf(given, sizeof given, "%lld", (long long)*number);
        return contradicts(caller, name, given, wanted);
    }
    *number = wanted;
    return CONTINUE;
}

int protocol_apply(fit_settings *s, const char *caller) {
    int code;
    if ((code = set_sides(s->resize, PROTOCOL_RESIZE, caller, "resize")) != CONTINUE ||
        (code = set_sides(s->size, PROTOCOL_SIZE, caller, "size")) != CONTINUE ||
        (code = set_number(&s->bank_size, PROTOCOL_BANK, caller, "bank-size")) != CONTINUE ||
        (code = set_number(&s->neighbours, PROTOCOL_NEIGHBOURS, caller, "neighbours")) != CONTINUE)
        return code;
    if (s->smoothing_given && s->smoothing != PROTOCOL_SMOOTHING) {
        char given[32];
        snprintf(given, sizeof given, "%g", s->smoothing);
        return contradicts(caller, "smoothing", given, PROTOCOL_SMOOTHING);
    }
    if (s->contrast != 0)
        return fail(EXIT_USAGE, "%s: --map-contrast is '%g', but --protocol paper has none", caller, s->contrast);
    if (s->tile[0] != 0)
        return fail(EXIT_USAGE, "%s: --tile is '%d,%d', but --protocol paper has no tiles", caller, (int)s->tile[0], (int)s->tile[1]);
    s->smoothing = PROTOCOL_SMOOTHING;
    s->smoothing_given = s->contrast_given = true;
    return CONTINUE;
}

/* Adds "NAME VALUE instead of WANTED" to the list of differences. */
static void add_difference(FILE *list, int *count, const char *name, const char *value, const char *wanted) {
    fprintf(list, "%s%s %s instead of %s", (*count)++ > 0 ? ", " : "", name, value, wanted);
}

static void compare_sides(FILE *list, int *count, const char *name, int width, int height, int wanted) {
    if (width == wanted && height == wanted)
        return;
    char value[32], expected[32];
    snprintf(value, sizeof value, "%dx%d", width, height);
    snprintf(expected, sizeof expected, "%dx%d", wanted, wanted);
    add_difference(list, count, name, value, expected);
}

static void compare_number(FILE *list, int *count, const char *name, double value, double wanted) {
    if (value == wanted)
        return;
    char text[32], expected[32];
    snprintf(text, sizeof text, "%.10g", value);
    snprintf(expected, sizeof expected, "%.10g", wanted);
    add_difference(list, count, name, text, expected);
}

int protocol_check_model(const snarm_detector *detector, const char *path) {
    snarm_detector_info info = {.struct_size = sizeof info};
    if (snarm_detector_get_info(detector, &info) != SNARM_OK)
        return fail_library(EXIT_INPUT);
    char *text = NULL;
    size_t size;
    FILE *list = must_have(open_memstream(&text, &size));
    int count = 0;
    const snarm_preprocess *how = &info.preprocess;
    compare_sides(list, &count, "resize", (int)how->resize_width, (int)how->resize_height, PROTOCOL_RESIZE);
    compare_sides(list, &count, "size", (int)how->width, (int)how->height, PROTOCOL_SIZE);
    double patches = (double)info.image_count * (double)info.backbone->grid_width * (double)info.backbone->grid_height;
    compare_number(list, &count, "a bank of", (double)info.bank_count, patches < PROTOCOL_BANK ? patches : PROTOCOL_BANK);
    compare_number(list, &count, "neighbours", info.neighbours, PROTOCOL_NEIGHBOURS);
    compare_number(list, &count, "smoothing", info.smoothing, PROTOCOL_SMOOTHING);
    compare_number(list, &count, "map contrast", info.map_contrast, 0);
    if (fclose(list) != 0)
        must_have(NULL);
    int code = CONTINUE;
    if (count > 0)
        code = fail(EXIT_INPUT, "%s: --protocol paper needs a model fitted so, but this one has %s", path, text);
    free(text);
    return code;
}
