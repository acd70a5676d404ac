/* Training on features that the caller brings. */
#include "bank/bank.h"
#include "core/memory.h"
#include "core/threads.h"
#include "io/safetensors.h"
#include "kernel/finite.h"
#include "train/plan.h"
#include "train/trainer.h"

#include <stdio.h>
#include <string.h>

static const char function[] = "snarm_train_scorer";

typedef struct training {
    const char *path;
    const snarm_bank *bank;
    const snarm_train_source *source;
    sn_samples_shape shape;
    size_t patches, defective, good; /* defective, good: held-out samples */
    snarm_train_options options;
    double smoothing;
    sn_samples *samples, *held_out;
    float *all_distances, *distances;
    int32_t *nearest;
    uint8_t *mask;
} training;

static snarm_status check_source(const snarm_train_source *s) {
    const struct {
        const char *name;
        int32_t value, least, most;
    } sizes[] = {{"grid_width", s->grid_width, 4, 512},
                 {"grid_height", s->grid_height, 4, 512},
                 {"mask_width", s->mask_width, s->grid_width, 16384},
                 {"mask_height", s->mask_height, s->grid_height, 16384}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i].value < sizes[i].least || sizes[i].value > sizes[i].most)
            return sn_error(SNARM_ERROR_ARGUMENT, "%s: source->%s is %d, expected %d..%d", function, sizes[i].name,
                            (int)sizes[i].value, (int)sizes[i].least, (int)sizes[i].most);
    return SNARM_OK;
}

static snarm_status take_stages(sn_stages *stages, const snarm_train_options *o, int32_t channels) {
    static const char where[] = "snarm_train_options";
    stages->count = o->stage_count;
    if (o->stage_count > 0 && o->stage_channels == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: stage_channels is NULL, expected those of %d stages", where, (int)o->stage_count);
    for (int32_t s = 0; s < o->stage_count && s < SN_STAGES_MAX; s++)
        stages->channels[s] = o->stage_channels[s];
    return sn_check_stages(stages, channels, where);
}

static snarm_status allocate(training *t) {
    const size_t neighbours = t->shape.neighbours, count = t->source->count;
    SN_TRY(sn_alloc(&t->all_distances, t->patches, neighbours * sizeof(float), "distances"));
    SN_TRY(sn_alloc(&t->distances, t->patches, sizeof(float), "distances"));
    SN_TRY(sn_alloc(&t->nearest, t->patches, neighbours * sizeof(int32_t), "nearest bank vectors"));
    SN_TRY(sn_alloc(&t->mask, t->shape.mask_width, t->shape.mask_height, "mask"));
    SN_TRY(sn_samples_create(&t->samples, &t->shape, count));
    return sn_samples_create(&t->held_out, &t->shape, count);
}

static void release(training *t) {
    sn_free(t->all_distances);
    sn_free(t->distances);
    sn_free(t->nearest);
    sn_free(t->mask);
    sn_samples_destroy(t->samples);
    sn_samples_destroy(t->held_out);
}

static snarm_status take(training *t, size_t index, const snarm_train_sample *sample) {
    if (sample->features == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: features of sample %zu are NULL", function, index);
    char name[48];
    snprintf(name, sizeof name, "features of sample %zu", index);
    SN_TRY(sn_check_finite(sample->features, t->patches, t->shape.channels, function, name));
    const size_t neighbours = t->shape.neighbours;
    SN_TRY(snarm_bank_search(t->bank, sample->features, t->patches, (int32_t)neighbours, sample->image, t->all_distances,
                             t->nearest));
    sn_mean_distances(t->all_distances, t->patches, neighbours, t->distances);
    for (size_t i = 0; sample->mask != NULL && i < t->shape.mask_width * t->shape.mask_height; i++)
        t->mask[i] = sample->mask[i] != 0;
    sn_samples *to = sample->held_out ? t->held_out : t->samples;
    SN_TRY(sn_samples_add(to, sample->features, t->nearest, t->distances, sample->mask != NULL ? t->mask : NULL));
    if (sample->held_out && sn_samples_defective(to, sn_samples_count(to) - 1))
        t->defective++;
    else if (sample->held_out)
        t->good++;
    return SNARM_OK;
}

static snarm_status take_all(training *t) {
    for (size_t i = 0; i < t->source->count; i++) {
        snarm_train_sample sample = {0};
        SN_TRY(t->source->load(t->source->user, i, &sample));
        snarm_status status = take(t, i, &sample);
        if (t->source->release != NULL)
            t->source->release(t->source->user, &sample);
        SN_TRY(status);
    }
    if (sn_samples_count(t->samples) == 0 || t->defective == 0 || t->good == 0)
        return sn_error(SNARM_ERROR_ARGUMENT,
                        "%s: source has %zu samples to train on, %zu defective and %zu good ones held out, expected at "
                        "least one of each",
                        function, sn_samples_count(t->samples), t->defective, t->good);
    return SNARM_OK;
}

static snarm_status run(training *t, snarm_train_report *report) {
    SN_TRY(allocate(t));
    SN_TRY(take_all(t));
    sn_train_plan plan;
    sn_train_plan_make(&plan, &t->options);
    plan.smoothing = t->smoothing;
    SN_TRY(sn_calibrate(&plan.calibration, t->samples, t->bank));
    char identity[512];
    sn_train_identify(&plan, t->samples, t->bank, identity, sizeof identity);
    plan.identity = identity;
    sn_trained trained;
    SN_TRY(sn_train(&trained, t->samples, t->held_out, t->bank, &plan, report));
    snarm_status status = sn_scorer_weights_save(trained.weights, t->path);
    sn_scorer_weights_destroy(trained.weights);
    return status;
}

snarm_status snarm_train_scorer(const char *path, const snarm_bank *bank, const snarm_train_source *source,
                                int32_t neighbours, double smoothing, const snarm_train_options *options,
                                snarm_train_report *report) {
    if (path == NULL || bank == NULL || source == NULL || source->load == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: %s is NULL", function,
                        path == NULL     ? "path"
                        : bank == NULL   ? "bank"
                        : source == NULL ? "source"
                                         : "source->load");
    SN_TRY(check_source(source));
    if (neighbours < 0 || neighbours > SNARM_NEIGHBOURS_MAX)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: neighbours is %d, expected 1..%d", function, (int)neighbours,
                        SNARM_NEIGHBOURS_MAX);
    if (!(smoothing >= 0 && smoothing <= 64))
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: smoothing is %g, expected 0..64", function, smoothing);
    training t = {.path = path, .bank = bank, .source = source, .smoothing = smoothing};
    SN_TRY(sn_train_options_read(&t.options, options));
    int32_t channels;
    SN_TRY(snarm_bank_get_size(bank, NULL, &channels, NULL));
    if (channels % 2 != 0)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: the bank has %d channels, expected an even number", function,
                        (int)channels);
    t.shape = (sn_samples_shape){.grid_width = (size_t)source->grid_width,
                                 .grid_height = (size_t)source->grid_height,
                                 .channels = (size_t)channels,
                                 .neighbours = neighbours != 0 ? (size_t)neighbours : 3,
                                 .mask_width = (size_t)source->mask_width,
                                 .mask_height = (size_t)source->mask_height,
                                 .coverage = t.options.coverage};
    if (sn_train_sees_means(&t.options))
        SN_TRY(snarm_bank_get_vectors(bank, &t.shape.vectors, NULL));
    t.patches = t.shape.grid_width * t.shape.grid_height;
    SN_TRY(sn_check_coverage(t.options.coverage, t.patches, "snarm_train_options"));
    SN_TRY(take_stages(&t.shape.stages, &t.options, channels));
    sn_train_options_settle(&t.options, t.patches);
    const size_t fits = (size_t)t.options.memory / sn_samples_bytes(&t.shape);
    if (source->count > fits)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: source->count is %zu, but options->memory, %lld bytes, holds %zu samples",
                        function, source->count, (long long)t.options.memory, fits);
    snarm_train_report unwanted;
    const int former = sn_threads_enter(sn_threads_resolve(t.options.threads));
    snarm_status status = run(&t, report != NULL ? report : &unwanted);
    sn_threads_leave(former);
    release(&t);
    return status;
}
