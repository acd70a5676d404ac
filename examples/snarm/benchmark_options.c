/* Which options decide a benchmark's numbers, and whether two runs agree in them. */
#define _GNU_SOURCE
#include "benchmark.h"
#include "json.h"
#include "precision.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <sha256.h>

int benchmark_hash(const char *path, char text[HASH_TEXT]) {
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        return fail(EXIT_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    SHA2_CTX state;
    SHA256Init(&state);
    unsigned char block[65536];
    size_t count;
    while ((count = fread(block, 1, sizeof block, file)) > 0)
        SHA256Update(&state, block, count);
    bool failed = ferror(file) != 0;
    int reason = errno;
    fclose(file);
    if (failed)
        return fail(EXIT_INPUT, "%s: cannot be read: %s", path, strerror(reason));
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256Final(digest, &state);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return CONTINUE;
}

int benchmark_backbone_hash(const char *path, char text[HASH_TEXT]) {
    if (strcmp(path, SNARM_BUILTIN_BACKBONE) != 0)
        return benchmark_hash(path, text);
    snarm_backbone *backbone;
    if (snarm_backbone_create(&backbone, path, NULL) != SNARM_OK)
        return fail_library(EXIT_INPUT);
    snarm_backbone_info info = {.struct_size = sizeof info};
    const snarm_status status = snarm_backbone_get_info(backbone, &info);
    if (status == SNARM_OK)
        snprintf(text, HASH_TEXT, "%s", info.hash);
    snarm_backbone_destroy(backbone);
    return status == SNARM_OK ? CONTINUE : fail_library(EXIT_INPUT);
}

/* Null stands for "not given". */
static void add_integer(json_t *object, const char *key, int64_t value, bool given) {
    json_add(object, key, must_have(given ? json_integer(value) : json_null()));
}

static void add_number(json_t *object, const char *key, double value, bool given) {
    json_add(object, key, must_have(given ? json_real(value) : json_null()));
}

static void add_size(json_t *object, const char *key, const int32_t size[2]) {
    json_add(object, key, must_have(size[0] != 0 ? json_pack("[i,i]", (int)size[0], (int)size[1]) : json_null()));
}

static void add_text(json_t *object, const char *key, const char *value) {
    json_add(object, key, value != NULL && value[0] != '\0' ? json_text(value) : must_have(json_null()));
}

static void append(json_t *array, json_t *value) {
    if (json_array_append_new(array, value) != 0)
        must_have(NULL);
}

/* A path that does not depend on where the program was started. */
static json_t *whole_path(const char *path) {
    char *whole = realpath(path, NULL);
    json_t *value = json_text(whole != NULL ? whole : path);
    free(whole);
    return value;
}

static void add_fit(json_t *o, const benchmark *b) {
    const fit_settings *s = &b->fit;
    add_text(o, "backbone-sha256", b->backbone_hash);
    add_text(o, "scorer-sha256", b->scorer_hash);
    add_text(o, "protocol", s->protocol);
    add_size(o, "size", s->size);
    add_size(o, "resize", s->resize);
    add_size(o, "tile", s->tile);
    add_integer(o, "tile-overlap", s->overlap, s->overlap_given);
    add_text(o, "search", s->search);
    json_add(o, "depth", must_have(json_boolean(s->depth)));
    add_number(o, "depth-weight", s->depth_weight, s->depth_weight != 0);
    add_number(o, "even-light", s->even_light, s->even_light != 0);
    json_add(o, "both-lights", must_have(json_boolean(s->both_lights)));
    add_number(o, "map-contrast", s->contrast, s->contrast_given);
    json_t *layers = must_have(json_array());
    for (int32_t i = 0; i < s->layers.count; i++)
        append(layers, must_have(json_integer(s->layers.items[i])));
    json_add(o, "layers", layers);
    add_integer(o, "groups", s->groups, s->groups != 0);
    add_integer(o, "channels", s->channels, s->channels_given);
    add_integer(o, "neighbourhood", s->neighbourhood, s->neighbourhood != 0);
    add_integer(o, "bank-size", s->bank_size, s->bank_size != 0);
    add_integer(o, "neighbours", s->neighbours, s->neighbours != 0);
    add_number(o, "smoothing", s->smoothing, s->smoothing_given);
    add_number(o, "false-alarm-rate", s->false_alarm_rate, s->false_alarm_rate != 0);
    add_integer(o, "steps", s->steps, s->steps_given);
    add_integer(o, "samples", s->samples, s->samples != 0);
    add_integer(o, "train-memory", s->memory, s->memory != 0);
    add_integer(o, "embedding", s->embedding, s->embedding != 0);
    add_number(o, "learning-rate", s->rate, s->rate != 0);
    json_t *textures = must_have(json_array());
    for (size_t i = 0; i < s->textures.count; i++)
        append(textures, whole_path(s->textures.items[i]));
    json_add(o, "textures", textures);
}

json_t *benchmark_describe(const benchmark *b) {
    json_t *o = must_have(json_object());
    add_text(o, "version", snarm_version());
    json_add(o, "dataset", whole_path(b->dataset));
    add_text(o, "layout", b->layout);
    json_add(o, "unified", must_have(json_boolean(b->unified)));
    /* One model for all depends on which these are; models of their own do not. */
    json_t *categories = must_have(json_array());
    for (size_t i = 0; b->unified && i < b->count; i++)
        append(categories, json_text(benchmark_category(b, i)));
    json_add(o, "category", categories);
    json_add(o, "full-resolution", must_have(json_boolean(b->full_resolution)));
    add_integer(o, "threads", b->common.threads, b->common.threads != 0);
    add_text(o, "precision", precision_name(b->common.precision));
    add_fit(o, b);
    char *text = json_line(o);
    json_decref(o);
    o = must_have(json_loads(text, 0, NULL));
    free(text);
    return o;
}

/* A value as it stands in the sentence. */
static void show(char text[128], const json_t *value) {
    if (value == NULL || json_is_null(value) || (json_is_array(value) && json_array_size(value) == 0)) {
        snprintf(text, 128, "not given");
        return;
    }
    char *whole = json_line(value);
    snprintf(text, 128, strlen(whole) < 120 ? "%s" : "%.117s...", whole);
    free(whole);
}

static int refuse(const char *path, const char *key, const json_t *found, const json_t *wanted) {
    char before[128], now[128];
    show(before, found);
    show(now, wanted);
    bool is_option = strcmp(key, "version") != 0;
    return fail(EXIT_USAGE,
                "%s: %s%s was %s in the run that began there, but is %s now; expected the same, or another --out", path,
                is_option ? "--" : "snarm's ", key, before, now);
}

int benchmark_compare(const benchmark *b, const char *path, const json_t *found) {
    const char *key;
    json_t *value;
    json_object_foreach(b->options, key, value) {
        const json_t *before = json_object_get(found, key);
        if (before == NULL || !json_equal(before, value))
            return refuse(path, key, before, value);
    }
    json_object_foreach((json_t *)(uintptr_t)found, key, value) if (json_object_get(b->options, key) == NULL)
        return refuse(path, key, value, NULL);
    return CONTINUE;
}
