/* One model after the other: fit it, or take it from where an earlier run left it, and evaluate it on its categories. */
#define _GNU_SOURCE
#include "benchmark.h"
#include "machine.h"
#include "protocol.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A model, and the categories first..first+count-1 of the chosen ones that it is for. */
typedef struct job {
    const char *name;
    size_t first, count;
    int64_t seed;
} job;

/* A line on stderr of how far it is. */
static void tell(const benchmark *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tell(const benchmark *b, const char *format, ...) {
    if (b->common.quiet)
        return;
    char *line = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&line, format, arguments);
    va_end(arguments);
    must_have(length < 0 ? NULL : line);
    for (char *c = line; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    fprintf(stderr, "%s\n", line);
    free(line);
}

static int list_training(const benchmark *b, const job *j, text_list *pictures) {
    for (size_t i = j->first; i < j->first + j->count; i++) {
        size_t count = snarm_dataset_sample_count(b->set, b->chosen[i], SNARM_SPLIT_TRAIN);
        for (size_t k = 0; k < count; k++) {
            snarm_sample sample;
            if (snarm_dataset_sample(b->set, b->chosen[i], SNARM_SPLIT_TRAIN, k, &sample) != SNARM_OK)
                return fail_library(EXIT_INPUT);
            text_list_add(pictures, sample.path);
        }
    }
    return CONTINUE;
}

/* The weights may have been replaced since their hash was taken, or the model by another. */
static int check_model(const benchmark *b, const job *j, const snarm_detector *detector, const char *path) {
    snarm_detector_info info = {.struct_size = sizeof info};
    if (snarm_detector_get_info(detector, &info) != SNARM_OK)
        return fail_library(EXIT_INPUT);
    if (strcmp(info.backbone->hash, b->backbone_hash) != 0)
        return fail(EXIT_INPUT, "%s: the weights' SHA-256 is %s, expected %s", path, info.backbone->hash, b->backbone_hash);
    if (info.seed != (uint64_t)j->seed)
        return fail(EXIT_INPUT, "%s: seed is %llu, expected %lld", path, (unsigned long long)info.seed,
                    (long long)j->seed);
    if ((size_t)info.image_count != benchmark_train_images(b, j->first))
        return fail(EXIT_INPUT, "%s: it learnt from %d pictures, expected %zu", path, (int)info.image_count,
                    benchmark_train_images(b, j->first));
    return CONTINUE;
}

static int load_model(const benchmark *b, const job *j, const char *path, fit_record *record, snarm_detector **out) {
    snarm_detector_options options;
    snarm_detector_options_init(&options);
    options.threads = b->common.threads;
    options.precision = b->common.precision;
    if (snarm_detector_load(out, path, &options) != SNARM_OK)
        return fail_library(EXIT_INPUT);
    int code = check_model(b, j, *out, path);
    if (code != CONTINUE)
        return code;
    tell(b, "%s, seed %lld: fitted before", j->name, (long long)j->seed);
    if (!b->keep_models || record->kept)
        return CONTINUE;
    record->kept = true;
    return benchmark_write_record(b, j->name, j->seed, record);
}

static int save_model(const benchmark *b, const job *j, const char *path, const fit_record *record,
                      const snarm_detector *detector) {
    if (snarm_detector_save(detector, path) != SNARM_OK)
        return fail_library(EXIT_INPUT);
    return benchmark_write_record(b, j->name, j->seed, record);
}

static int fit_model(const benchmark *b, const job *j, const char *path, fit_record *record, snarm_detector **out) {
    progress bar;
    progress_start(&bar, b->common.quiet);
    char *checkpoint =
        fit_settings_train(&b->fit) ? benchmark_path(b, "checkpoints", j->name, j->seed, "") : NULL;
    text_list pictures = {0};
    int code = list_training(b, j, &pictures);
    if (code == CONTINUE) {
        const fit_request request = {.settings = &b->fit,
                                     .pictures = &pictures,
                                     .textures = &b->textures,
                                     .seed = (uint64_t)j->seed,
                                     .threads = b->common.threads,
                                     .precision = b->common.precision,
                                     .checkpoint = checkpoint,
                                     .bar = &bar};
        record->resumed = checkpoint != NULL && access(checkpoint, F_OK) == 0;
        record->kept = b->keep_models || b->fit_only;
        forget_peak_memory();
        double began = seconds_now();
        code = fit_detector(out, &request);
        record->seconds = seconds_now() - began;
        record->peak_memory = peak_memory_mib();
    }
    if (code == CONTINUE)
        code = check_model(b, j, *out, b->fit.backbone);
    /* A model for all categories outlasts an interrupt between them. */
    if (code == CONTINUE && (record->kept || b->unified))
        code = save_model(b, j, path, record, *out);
    if (code == CONTINUE)
        tell(b, "%s, seed %lld: fitted on %zu pictures in %.1f s", j->name, (long long)j->seed, pictures.count,
             record->seconds);
    text_list_free(&pictures);
    free(checkpoint);
    return code;
}

static int evaluate(const benchmark *b, const job *j, size_t index, const fit_record *record,
                    const snarm_detector *detector) {
    size_t images = snarm_dataset_sample_count(b->set, b->chosen[index], SNARM_SPLIT_TEST);
    evaluator run = {.detector = detector,
                     .set = b->set,
                     .full_resolution = b->full_resolution,
                     .map_score = b->fit.protocol != NULL,
                     .fpr_limit = b->fit.protocol != NULL ? PROTOCOL_FPR_LIMIT : 0,
                     .workers = 1,
                     .threads = b->common.threads,
                     .images = images};
    run.times.inspect = must_have(calloc(images, sizeof *run.times.inspect));
    progress_start(&run.bar, b->common.quiet);
    forget_peak_memory();
    evaluation numbers;
    int code = evaluate_category(&run, b->chosen[index], &numbers);
    snarm_detector_info info = {.struct_size = sizeof info};
    if (code == CONTINUE && snarm_detector_get_info(detector, &info) != SNARM_OK)
        code = fail_library(EXIT_INPUT);
    if (code == CONTINUE) {
        double peak = peak_memory_mib();
        benchmark_result result = {.seconds_with_reading = run.times.total / (double)run.times.count,
                                   .peak_memory = peak > record->peak_memory ? peak : record->peak_memory,
                                   .fit_resumed = record->resumed};
        for (size_t metric = 0; metric < METRICS; metric++)
            result.values[metric] = *evaluation_value(&numbers, metric);
        result.values[TABLE_SECONDS_PER_IMAGE] = median(run.times.inspect, run.times.count);
        result.values[TABLE_FIT_SECONDS] = record->seconds;
        snprintf(result.architecture, sizeof result.architecture, "%s", info.backbone->architecture);
        code = benchmark_write_result(b, index, j->seed, &result);
        if (code == CONTINUE)
            tell(b, "%s, seed %lld: %zu pictures inspected, %.3f s each", numbers.name, (long long)j->seed, images,
                 result.values[TABLE_SECONDS_PER_IMAGE]);
    }
    free(run.times.inspect);
    return code;
}

/* Which of the job's categories have no result yet: done[0..count-1], and how many that are. */
static int look(const benchmark *b, const job *j, bool *done, size_t *missing) {
    *missing = 0;
    for (size_t i = 0; i < j->count; i++) {
        benchmark_result result;
        int code = benchmark_read_result(b, j->first + i, j->seed, &result, &done[i]);
        if (code != CONTINUE)
            return code;
        *missing += !done[i];
    }
    return CONTINUE;
}

static void remove_file(char *path) {
    unlink(path);
    free(path);
}

/* What only served to go on after an interrupt. */
static void clean_up(const benchmark *b, const job *j, bool fitted, bool kept) {
    if (fitted && !kept) {
        remove_file(benchmark_path(b, "models", j->name, j->seed, ".json"));
        remove_file(benchmark_path(b, "models", j->name, j->seed, ".snarm"));
    }
    if (fit_settings_train(&b->fit))
        remove_file(benchmark_path(b, "checkpoints", j->name, j->seed, ""));
}

static int work(const benchmark *b, const job *j, const bool *done, bool fitted, fit_record *record) {
    char *path = benchmark_path(b, "models", j->name, j->seed, ".snarm");
    snarm_detector *detector = NULL;
    struct stat status;
    bool there = fitted && stat(path, &status) == 0;
    int code = there ? load_model(b, j, path, record, &detector) : fit_model(b, j, path, record, &detector);
    for (size_t i = 0; i < j->count && code == CONTINUE && !b->fit_only; i++)
        if (!done[i])
            code = is_interrupted() ? EXIT_CANCELLED : evaluate(b, j, j->first + i, record, detector);
    snarm_detector_destroy(detector);
    free(path);
    return code;
}

/* Checks everything there is, and counts what is finished: results, or models with --fit-only. */
static int look_at_job(const benchmark *b, const job *j, size_t *finished) {
    fit_record record;
    bool fitted, *done = must_have(calloc(j->count, sizeof *done));
    size_t missing;
    int code = look(b, j, done, &missing);
    if (code == CONTINUE)
        code = benchmark_read_record(b, j->name, j->seed, &record, &fitted);
    if (code == CONTINUE)
        *finished += b->fit_only ? fitted : j->count - missing;
    free(done);
    return code;
}

static int run_job(const benchmark *b, const job *j, const bool *done, size_t missing) {
    fit_record record;
    bool fitted;
    int code = benchmark_read_record(b, j->name, j->seed, &record, &fitted);
    if (code != CONTINUE)
        return code;
    bool pending = b->fit_only ? !fitted : missing > 0;
    for (size_t i = 0; i < j->count && !b->fit_only; i++)
        if (done[i])
            tell(b, "%s, seed %lld: finished before, skipped", benchmark_category(b, j->first + i), (long long)j->seed);
    if (b->fit_only && fitted)
        tell(b, "%s, seed %lld: fitted before, skipped", j->name, (long long)j->seed);
    if (pending) {
        code = is_interrupted() ? EXIT_CANCELLED : work(b, j, done, fitted, &record);
    } else if (fitted && b->keep_models && !record.kept) {
        record.kept = true;
        code = benchmark_write_record(b, j->name, j->seed, &record);
    }
    if (code == CONTINUE)
        clean_up(b, j, fitted || (pending && b->unified), record.kept);
    return code;
}

static int start_job(const benchmark *b, const job *j, size_t *finished) {
    if (finished != NULL)
        return look_at_job(b, j, finished);
    bool *done = must_have(calloc(j->count, sizeof *done));
    size_t missing;
    int code = look(b, j, done, &missing);
    if (code == CONTINUE)
        code = run_job(b, j, done, missing);
    free(done);
    return code;
}

/* With finished, only looks and adds to it. */
static int run_all(const benchmark *b, size_t *finished) {
    int code = CONTINUE;
    for (int64_t s = 0; s < b->seeds && code == CONTINUE; s++) {
        int64_t seed = b->fit.seed + s;
        if (b->unified)
            code = start_job(b, &(job){"unified", 0, b->count, seed}, finished);
        for (size_t i = 0; i < b->count && !b->unified && code == CONTINUE; i++)
            code = start_job(b, &(job){benchmark_category(b, i), i, 1, seed}, finished);
    }
    return code;
}

int benchmark_run(const benchmark *b) {
    size_t finished = 0;
    int code = run_all(b, &finished); /* nothing is begun that a wrong file would end later */
    if (code == CONTINUE)
        code = run_all(b, NULL);
    if (code == EXIT_CANCELLED) {
        finished = 0;
        if (run_all(b, &finished) != CONTINUE)
            return EXIT_CANCELLED;
        return fail(EXIT_CANCELLED, "cancelled; %zu of %zu are finished, and the same command goes on from there",
                    finished, (size_t)b->seeds * (b->fit_only && b->unified ? 1 : b->count));
    }
    static const char *const folders[] = {"models", "checkpoints"};
    for (size_t i = 0; i < 2 && code == CONTINUE; i++) {
        char *path = format_text("%s/%s", b->out, folders[i]);
        rmdir(path); /* stays if anything is in it */
        free(path);
    }
    return code;
}
