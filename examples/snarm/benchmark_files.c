/* The files of a benchmark's folder. Each is written whole or not at all, so a run may end at any moment; none is trusted
 * when it is read again. */
#define _GNU_SOURCE
#include "benchmark.h"
#include "json.h"
#include "targets.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_MAX = 1 << 20, NAME_BYTES_MAX = 200 };

char *benchmark_path(const benchmark *b, const char *folder, const char *name, int64_t seed, const char *end) {
    return format_text("%s/%s/%s-seed%lld%s", b->out, folder, name, (long long)seed, end);
}

size_t benchmark_train_images(const benchmark *b, size_t index) {
    size_t images = 0;
    for (size_t i = 0; i < b->count; i++)
        if (b->unified || i == index)
            images += snarm_dataset_sample_count(b->set, b->chosen[i], SNARM_SPLIT_TRAIN);
    return images;
}

static int broken(const char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int broken(const char *path, const char *format, ...) {
    char *what = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&what, format, arguments);
    va_end(arguments);
    must_have(length < 0 ? NULL : what);
    int code = fail(EXIT_INPUT, "%s: %s; remove this file to have it made again", path, what);
    free(what);
    return code;
}

/* *out is NULL where there is no file. */
static int read_object(const char *path, json_t **out) {
    *out = NULL;
    struct stat status;
    if (lstat(path, &status) != 0 && errno == ENOENT)
        return CONTINUE;
    if (stat(path, &status) != 0)
        return fail(EXIT_INPUT, "%s: cannot be read: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return broken(path, "it is no regular file");
    if (status.st_size > FILE_MAX)
        return broken(path, "it has %lld bytes, expected at most %d", (long long)status.st_size, (int)FILE_MAX);
    json_error_t error;
    json_t *value = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (value == NULL)
        return broken(path, "it is no JSON: %s", error.text);
    if (!json_is_object(value)) {
        json_decref(value);
        return broken(path, "it is JSON, but no object");
    }
    *out = value;
    return CONTINUE;
}

static int wrong_value(const char *path, const char *key, const json_t *value, const char *expected) {
    char *text = value != NULL ? json_line(value) : format_text("missing");
    int code = broken(path, "%s is %.60s, expected %s", key, text, expected);
    free(text);
    return code;
}

static int get_number(const char *path, const json_t *object, const char *key, double most, bool optional, double *out) {
    const json_t *value = json_object_get(object, key);
    if (optional && json_is_null(value)) {
        *out = NAN;
        return CONTINUE;
    }
    *out = json_number_value(value);
    if (json_is_number(value) && *out >= 0 && *out <= most)
        return CONTINUE;
    char expected[64];
    snprintf(expected, sizeof expected, "%sa number from 0 to %g", optional ? "null or " : "", most);
    return wrong_value(path, key, value, expected);
}

static int get_flag(const char *path, const json_t *object, const char *key, bool *out) {
    const json_t *value = json_object_get(object, key);
    *out = json_is_true(value);
    return json_is_boolean(value) ? CONTINUE : wrong_value(path, key, value, "true or false");
}

static int check_count(const char *path, const json_t *object, const char *key, int64_t wanted) {
    const json_t *value = json_object_get(object, key);
    if (json_is_integer(value) && json_integer_value(value) == wanted)
        return CONTINUE;
    char expected[64];
    snprintf(expected, sizeof expected, "%lld", (long long)wanted);
    return wrong_value(path, key, value, expected);
}

static int check_text(const char *path, const json_t *object, const char *key, const char *wanted) {
    const json_t *value = json_object_get(object, key);
    json_t *clean = json_text(wanted);
    int code = CONTINUE;
    if (!json_is_string(value) || !json_equal(value, clean))
        code = wrong_value(path, key, value, json_string_value(clean));
    json_decref(clean);
    return code;
}

static int check_options(const benchmark *b, const char *path, const json_t *object) {
    const json_t *options = json_object_get(object, "options");
    if (!json_is_object(options))
        return wrong_value(path, "options", options, "an object");
    return benchmark_compare(b, path, options);
}

/* Names become parts of file names. */
static int check_names(const benchmark *b) {
    for (size_t i = 0; i < b->count; i++)
        if (strlen(benchmark_category(b, i)) > NAME_BYTES_MAX)
            return fail(EXIT_INPUT, "%s: the category %.40s... has a name of %zu bytes, expected at most %d", b->dataset,
                        benchmark_category(b, i), strlen(benchmark_category(b, i)), (int)NAME_BYTES_MAX);
    return CONTINUE;
}

int benchmark_open(const benchmark *b) {
    static const char *const folders[] = {"results", "models", "checkpoints"};
    const bool needed[] = {true, b->keep_models || b->fit_only || b->unified, fit_settings_train(&b->fit)};
    int code = check_names(b);
    for (size_t i = 0; i < 3 && code == CONTINUE; i++) {
        char *inside = format_text("%s/%s/", b->out, folders[i]);
        code = needed[i] ? make_folders_above(inside) : CONTINUE;
        free(inside);
    }
    if (code != CONTINUE)
        return code;
    char *path = format_text("%s/options.json", b->out);
    json_t *found;
    code = read_object(path, &found);
    if (code == CONTINUE)
        code = found != NULL ? benchmark_compare(b, path, found) : json_write_file(b->options, path);
    json_decref(found);
    free(path);
    return code;
}

static int take_result(const benchmark *b, size_t index, int64_t seed, const char *path, const json_t *object,
                       benchmark_result *out) {
    int code;
    if ((code = check_options(b, path, object)) != CONTINUE ||
        (code = check_text(path, object, "category", benchmark_category(b, index))) != CONTINUE ||
        (code = check_count(path, object, "seed", seed)) != CONTINUE ||
        (code = check_count(path, object, "images",
                            (int64_t)snarm_dataset_sample_count(b->set, b->chosen[index], SNARM_SPLIT_TEST))) != CONTINUE ||
        (code = check_count(path, object, "train_images", (int64_t)benchmark_train_images(b, index))) != CONTINUE ||
        (code = check_text(path, object, "backbone_sha256", b->backbone_hash)) != CONTINUE)
        return code;
    for (size_t v = 0; v < TABLE_VALUES; v++) {
        bool share = v < METRICS;
        if ((code = get_number(path, object, table_value_key(v), share ? 1 : 1e9, share, &out->values[v])) != CONTINUE)
            return code;
    }
    if ((code = get_number(path, object, "seconds_per_image_with_reading", 1e9, false, &out->seconds_with_reading)) !=
            CONTINUE ||
        (code = get_number(path, object, "peak_memory_mib", 1e12, false, &out->peak_memory)) != CONTINUE ||
        (code = get_flag(path, object, "fit_resumed", &out->fit_resumed)) != CONTINUE)
        return code;
    const json_t *architecture = json_object_get(object, "backbone");
    if (!json_is_string(architecture) || json_string_length(architecture) >= sizeof out->architecture)
        return wrong_value(path, "backbone", architecture, "the name of a network");
    snprintf(out->architecture, sizeof out->architecture, "%s", json_string_value(architecture));
    return CONTINUE;
}

int benchmark_read_result(const benchmark *b, size_t index, int64_t seed, benchmark_result *result, bool *present) {
    char *path = benchmark_path(b, "results", benchmark_category(b, index), seed, ".json");
    json_t *object;
    *result = (benchmark_result){.peak_memory = 0};
    int code = read_object(path, &object);
    *present = object != NULL;
    if (code == CONTINUE && object != NULL)
        code = take_result(b, index, seed, path, object, result);
    json_decref(object);
    free(path);
    return code;
}

json_t *benchmark_result_json(const benchmark *b, size_t index, const benchmark_result *result) {
    json_t *object = must_have(json_object());
    size_t images = snarm_dataset_sample_count(b->set, b->chosen[index], SNARM_SPLIT_TEST);
    json_add(object, "images", must_have(json_integer((json_int_t)images)));
    json_add(object, "train_images", must_have(json_integer((json_int_t)benchmark_train_images(b, index))));
    for (size_t v = 0; v < TABLE_VALUES; v++)
        json_add(object, table_value_key(v), json_number(result->values[v]));
    json_add(object, "seconds_per_image_with_reading", json_number(result->seconds_with_reading));
    json_add(object, "fit_resumed", must_have(json_boolean(result->fit_resumed)));
    json_add(object, "peak_memory_mib", json_number(result->peak_memory));
    return object;
}

int benchmark_write_result(const benchmark *b, size_t index, int64_t seed, const benchmark_result *result) {
    json_t *object = benchmark_result_json(b, index, result);
    json_add(object, "category", json_text(benchmark_category(b, index)));
    json_add(object, "seed", must_have(json_integer(seed)));
    json_add(object, "backbone", json_text(result->architecture));
    json_add(object, "backbone_sha256", json_text(b->backbone_hash));
    json_add(object, "options", must_have(json_incref(b->options)));
    char *path = benchmark_path(b, "results", benchmark_category(b, index), seed, ".json");
    int code = json_write_file(object, path);
    free(path);
    json_decref(object);
    return code;
}

int benchmark_read_record(const benchmark *b, const char *name, int64_t seed, fit_record *record, bool *present) {
    char *path = benchmark_path(b, "models", name, seed, ".json");
    json_t *object;
    *record = (fit_record){.kept = false};
    int code = read_object(path, &object);
    *present = object != NULL;
    if (code == CONTINUE && object != NULL &&
        (code = check_options(b, path, object)) == CONTINUE &&
        (code = get_number(path, object, "fit_seconds", 1e9, false, &record->seconds)) == CONTINUE &&
        (code = get_number(path, object, "peak_memory_mib", 1e12, false, &record->peak_memory)) == CONTINUE &&
        (code = get_flag(path, object, "fit_resumed", &record->resumed)) == CONTINUE)
        code = get_flag(path, object, "kept", &record->kept);
    json_decref(object);
    free(path);
    return code;
}

int benchmark_write_record(const benchmark *b, const char *name, int64_t seed, const fit_record *record) {
    json_t *object = must_have(json_object());
    json_add(object, "fit_seconds", json_number(record->seconds));
    json_add(object, "peak_memory_mib", json_number(record->peak_memory));
    json_add(object, "fit_resumed", must_have(json_boolean(record->resumed)));
    json_add(object, "kept", must_have(json_boolean(record->kept)));
    json_add(object, "options", must_have(json_incref(b->options)));
    char *path = benchmark_path(b, "models", name, seed, ".json");
    int code = json_write_file(object, path);
    free(path);
    json_decref(object);
    return code;
}
