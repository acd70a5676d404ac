/* The inside of snarm benchmark: what was asked for, the files of its folder, the run and the report. */
#ifndef BENCHMARK_H
#define BENCHMARK_H

#include "fit_options.h"
#include "tables.h"

#include "snarm/dataset.h"

#include <jansson.h>

enum { HASH_TEXT = 65 };

typedef struct benchmark {
    common_options common;
    fit_settings fit;
    const char *dataset, *layout, *out;
    text_list categories; /* asked for; none: all */
    int64_t seeds;        /* fit.seed is the first */
    bool unified, keep_models, fit_only, full_resolution;
    /* What the names above lead to. */
    snarm_dataset *set;
    size_t *chosen, count; /* the set's numbers of the categories */
    text_list textures;
    char backbone_hash[HASH_TEXT], scorer_hash[HASH_TEXT]; /* "" without a scorer */
    json_t *options;                                       /* all that decides the numbers, but the seed */
} benchmark;

static inline const char *benchmark_category(const benchmark *b, size_t index) {
    return snarm_dataset_category_name(b->set, b->chosen[index]);
}

/* --- benchmark_options.c --- */

/* SHA-256 of a file's bytes as text; CONTINUE, or EXIT_INPUT with a line on stderr. */
int benchmark_hash(const char *path, char text[HASH_TEXT]);
/* The same of a backbone's weights, which may be the built-in network. */
int benchmark_backbone_hash(const char *path, char text[HASH_TEXT]);
/* The options as JSON, in the numbers that a file of JSON would give back; the caller's. */
json_t *benchmark_describe(const benchmark *b);
/* CONTINUE if the options found in the file at path are this run's, else EXIT_USAGE with a line that names the first that differs. */
int benchmark_compare(const benchmark *b, const char *path, const json_t *found);

/* --- benchmark_files.c: all return CONTINUE, or an exit code with a line on stderr --- */

/* Makes the folders, and writes OUT/options.json or compares with what an earlier run left there. */
int benchmark_open(const benchmark *b);

/* What a file of OUT/results says of a category and seed. */
typedef struct benchmark_result {
    double values[TABLE_VALUES];
    double seconds_with_reading; /* an image */
    double peak_memory;          /* MiB */
    bool fit_resumed;            /* the training went on from a checkpoint: the fit's seconds are of its last part */
    char architecture[128];      /* of the backbone */
} benchmark_result;
/* *present is false where there is no file yet. A file that is broken or of another run is refused. */
int benchmark_read_result(const benchmark *b, size_t index, int64_t seed, benchmark_result *result, bool *present);
int benchmark_write_result(const benchmark *b, size_t index, int64_t seed, const benchmark_result *result);
/* The numbers as they stand in the file and in results.json. */
json_t *benchmark_result_json(const benchmark *b, size_t index, const benchmark_result *result);

/* Beside a model of OUT/models, written after it: the model is whole. */
typedef struct fit_record {
    double seconds, peak_memory;
    bool resumed;
    bool kept; /* the user wants the model; else it goes when it is no longer needed */
} fit_record;
int benchmark_read_record(const benchmark *b, const char *name, int64_t seed, fit_record *record, bool *present);
int benchmark_write_record(const benchmark *b, const char *name, int64_t seed, const fit_record *record);

/* OUT/FOLDER/NAME-seedSEED.END; the caller's to free. */
char *benchmark_path(const benchmark *b, const char *folder, const char *name, int64_t seed, const char *end);

/* Pictures that category index's model learns from. */
size_t benchmark_train_images(const benchmark *b, size_t index);

/* --- benchmark_run.c --- */

/* Fits and evaluates what is not finished. EXIT_CANCELLED with a line after an interrupt. */
int benchmark_run(const benchmark *b);

/* --- benchmark_report.c --- */

/* Tables and results.json from the files of OUT/results, which are all there; the table on stdout too. */
int benchmark_report(const benchmark *b);

#endif
