#define _GNU_SOURCE
#include "evaluate.h"

#include "eval_report.h"
#include "machine.h"
#include "parts.h"

#include "snarm/map.h"
#include "snarm/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const evaluation_metric evaluation_metrics[METRICS] = {
    [METRIC_IMAGE_AUROC] = {"image_auroc", "AUROC", offsetof(evaluation, image_auroc)},
    [METRIC_IMAGE_AP] = {"image_ap", "AP", offsetof(evaluation, image_ap)},
    [METRIC_IMAGE_F1MAX] = {"image_f1max", "F1max", offsetof(evaluation, image_f1max)},
    [METRIC_PIXEL_AUROC] = {"pixel_auroc", "pxAUROC", offsetof(evaluation, pixel_auroc)},
    [METRIC_PIXEL_AP] = {"pixel_ap", "pxAP", offsetof(evaluation, pixel_ap)},
    [METRIC_PIXEL_F1MAX] = {"pixel_f1max", "pxF1max", offsetof(evaluation, pixel_f1max)},
    [METRIC_AUPRO] = {"aupro", "AUPRO", offsetof(evaluation, aupro)},
    [METRIC_FALSE_ALARM_RATE] = {"false_alarm_rate", "alarms", offsetof(evaluation, false_alarm_rate)},
    [METRIC_DETECTION_RATE] = {"detection_rate", "found", offsetof(evaluation, detection_rate)},
};

double *evaluation_value(const evaluation *of, size_t which) {
    return (double *)((char *)(uintptr_t)of + evaluation_metrics[which].offset);
}

/* Adds the picture's pixels at the map's own size. */
static snarm_status add_small(snarm_pixel_metrics *metrics, const snarm_sample *sample, const float *map,
                              const snarm_preprocess *how) {
    uint8_t *mask = NULL;
    snarm_status status = SNARM_OK;
    if (sample->mask != NULL) {
        mask = must_have(malloc((size_t)how->width * (size_t)how->height));
        status = snarm_mask_load(sample->mask, how, mask);
    }
    if (status == SNARM_OK)
        status = snarm_pixel_metrics_add(metrics, map, mask, how->width, how->height);
    free(mask);
    return status;
}

/* Adds them at the mask's size, or at the picture's where it has none. */
static snarm_status add_full(const evaluator *run, snarm_pixel_metrics *metrics, const snarm_sample *sample,
                             const float *map, const snarm_image *image) {
    snarm_image mask = {0};
    int32_t width = image->width, height = image->height;
    if (sample->mask != NULL) {
        snarm_status status = snarm_mask_load_full(&mask, sample->mask);
        if (status != SNARM_OK)
            return status;
        width = mask.width, height = mask.height;
    }
    float *large = must_have(malloc((size_t)width * (size_t)height * sizeof *large));
    snarm_status status = snarm_detector_map_to_image(run->detector, map, width, height, large);
    if (status == SNARM_OK)
        status = snarm_pixel_metrics_add(metrics, large, mask.pixels, width, height);
    free(large);
    snarm_image_release(&mask);
    return status;
}

/* Without the truth about some defective picture's pixels there is none about the category's. */
static bool has_masks(const evaluator *run, size_t category, size_t images) {
    for (size_t i = 0; i < images; i++) {
        snarm_sample sample;
        if (snarm_dataset_sample(run->set, category, SNARM_SPLIT_TEST, i, &sample) != SNARM_OK ||
            (sample.anomalous && sample.mask == NULL))
            return false;
    }
    return true;
}

static snarm_status finish(evaluation *out, snarm_pixel_metrics *metrics, const float *scores,
                           const uint8_t *labels) {
    snarm_score_metrics image;
    snarm_pixel_metrics_result pixel = {.pixels = {.auroc = NAN, .average_precision = NAN, .f1_max = NAN},
                                        .aupro = NAN};
    snarm_status status = snarm_metrics_scores(scores, labels, out->images, &image);
    if (status == SNARM_OK && metrics != NULL)
        status = snarm_pixel_metrics_finish(metrics, &pixel);
    if (status != SNARM_OK)
        return status;
    out->image_auroc = image.auroc;
    out->image_ap = image.average_precision;
    out->image_f1max = image.f1_max;
    out->pixel_auroc = pixel.pixels.auroc;
    out->pixel_ap = pixel.pixels.average_precision;
    out->pixel_f1max = pixel.pixels.f1_max;
    out->aupro = pixel.aupro;
    return SNARM_OK;
}

/* A category while its pictures come in. */
typedef struct category_run {
    evaluator *run;
    evaluation *out;
    snarm_pixel_metrics *metrics; /* NULL: none */
    snarm_preprocess how;         /* the map's */
    const snarm_sample *samples;
    const part *parts;
    float *scores;
    uint8_t *labels;
    size_t counts[2], alarms[2];
    char *error; /* of the picture that ended it */
} category_run;

/* One picture that was inspected. */
static snarm_status add_item(category_run *c, const snarm_pipeline_item *item) {
    evaluator *run = c->run;
    const snarm_sample *sample = &c->samples[item->index];
    snarm_result result = *item->result;
    run->times.inspect[run->times.count++] = item_ms(item) * 1e-3;
    snarm_status status = SNARM_OK;
    if (run->map_score)
        status = snarm_map_score(item->map, c->how.width, c->how.height, &result.score, NULL, NULL);
    if (status == SNARM_OK && c->metrics != NULL)
        status = run->full_resolution ? add_full(run, c->metrics, sample, item->map, item->image)
                                      : add_small(c->metrics, sample, item->map, &c->how);
    if (status == SNARM_OK && run->report != NULL)
        status = eval_report_add(run->report, run->detector, c->out->name, sample, item->image, &result, item->map);
    c->scores[item->index] = result.score;
    const uint8_t label = c->labels[item->index] = sample->anomalous != 0;
    c->counts[label]++;
    c->alarms[label] += result.anomalous != 0;
    return status;
}

static snarm_status take_item(void *user, const snarm_pipeline_item *item) {
    category_run *c = user;
    if (is_interrupted())
        return SNARM_ERROR_CANCELLED;
    snarm_status status = item->status;
    if (status != SNARM_OK)
        c->error = c->parts[item->index].unread ? format_text("%s", item->error)
                                                : format_text("%s: %s", c->samples[item->index].path, item->error);
    else if ((status = add_item(c, item)) != SNARM_OK)
        c->error = format_text("%s", snarm_last_error());
    if (status == SNARM_OK)
        progress_update(&c->run->bar, c->out->name, c->run->times.count, c->run->images);
    /* CANCELLED is an interrupt's alone. */
    return status == SNARM_ERROR_CANCELLED ? SNARM_ERROR_INTERNAL : status;
}

static snarm_status run_samples(category_run *c, snarm_sample *samples, part *parts, size_t category) {
    for (size_t i = 0; i < c->out->images; i++) {
        snarm_status status = snarm_dataset_sample(c->run->set, category, SNARM_SPLIT_TEST, i, &samples[i]);
        if (status != SNARM_OK)
            return status;
        parts[i] = (part){.path = samples[i].path, .depth = samples[i].depth};
    }
    return parts_run(c->run->detector, parts, c->out->images, c->run->workers, take_item, c);
}

static snarm_status evaluate_samples(category_run *c, size_t category) {
    evaluation *out = c->out;
    snarm_detector_info info = {.struct_size = sizeof info};
    snarm_status status = snarm_detector_get_info(c->run->detector, &info);
    if (status != SNARM_OK)
        return status;
    c->how = info.preprocess;
    snarm_sample *samples = must_have(calloc(out->images + 1, sizeof *samples));
    part *parts = must_have(calloc(out->images + 1, sizeof *parts));
    c->samples = samples, c->parts = parts;
    const double began = seconds_now();
    status = run_samples(c, samples, parts, category);
    c->run->times.total += seconds_now() - began;
    free(parts);
    free(samples);
    if (status == SNARM_OK)
        status = finish(out, c->metrics, c->scores, c->labels);
    out->false_alarm_rate = c->counts[0] > 0 ? (double)c->alarms[0] / (double)c->counts[0] : NAN;
    out->detection_rate = c->counts[1] > 0 ? (double)c->alarms[1] / (double)c->counts[1] : NAN;
    return status;
}

int evaluate_category(evaluator *run, size_t category, evaluation *out) {
    out->name = snarm_dataset_category_name(run->set, category);
    out->images = snarm_dataset_sample_count(run->set, category, SNARM_SPLIT_TEST);
    snarm_pixel_metrics_options options;
    snarm_pixel_metrics_options_init(&options);
    options.threads = run->threads;
    options.fpr_limit = run->fpr_limit;
    category_run c = {.run = run, .out = out};
    c.scores = must_have(calloc(out->images + 1, sizeof *c.scores));
    c.labels = must_have(calloc(out->images + 1, sizeof *c.labels));
    snarm_status status = SNARM_OK;
    if (has_masks(run, category, out->images))
        status = snarm_pixel_metrics_create(&c.metrics, &options);
    if (status == SNARM_OK)
        status = evaluate_samples(&c, category);
    if (status == SNARM_OK && run->report != NULL && c.metrics != NULL)
        status = snarm_report_set_pixels(run->report, out->name, c.metrics);
    snarm_pixel_metrics_destroy(c.metrics);
    free(c.labels);
    free(c.scores);
    progress_end(&run->bar);
    int code = status == SNARM_OK                   ? CONTINUE
               : status == SNARM_ERROR_CANCELLED ? EXIT_CANCELLED
               : c.error != NULL                 ? fail(EXIT_INPUT, "%s", c.error)
                                                 : fail_library(EXIT_INPUT);
    free(c.error);
    return code;
}
