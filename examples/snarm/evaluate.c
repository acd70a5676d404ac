#define _GNU_SOURCE
#include "evaluate.h"

#include "depths.h"
#include "eval_report.h"
#include "machine.h"

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

/* One picture; its score and verdict go to the pointers. */
static snarm_status evaluate_sample(evaluator *run, const char *category, const snarm_sample *sample,
                                    const snarm_preprocess *how, float *map, snarm_pixel_metrics *metrics,
                                    float *score, bool *alarm) {
    snarm_image image = {0};
    double began = seconds_now();
    snarm_status status = snarm_image_load(&image, sample->path, NULL);
    if (status != SNARM_OK)
        return status;
    snarm_result result = {.struct_size = sizeof result};
    double loaded = seconds_now();
    status = inspect_part(run->detector, run->has_depth, &image, sample->path, sample->depth, &result, map);
    run->times.inspect[run->times.count] = seconds_now() - loaded;
    if (status == SNARM_OK && run->map_score)
        status = snarm_map_score(map, how->width, how->height, &result.score, NULL, NULL);
    if (status == SNARM_OK && metrics != NULL)
        status = run->full_resolution ? add_full(run, metrics, sample, map, &image)
                                      : add_small(metrics, sample, map, how);
    run->times.total += seconds_now() - began;
    run->times.count++;
    if (status == SNARM_OK && run->report != NULL)
        status = eval_report_add(run->report, run->detector, category, sample, &image, &result, map);
    snarm_image_release(&image);
    *score = result.score;
    *alarm = result.anomalous != 0;
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

static snarm_status evaluate_samples(evaluator *run, size_t category, evaluation *out,
                                     snarm_pixel_metrics *metrics, float *scores, uint8_t *labels) {
    snarm_detector_info info = {.struct_size = sizeof info};
    snarm_status status = snarm_detector_get_info(run->detector, &info);
    if (status != SNARM_OK)
        return status;
    run->has_depth = info.has_depth != 0;
    float *map =
        must_have(malloc((size_t)info.preprocess.width * (size_t)info.preprocess.height * sizeof *map));
    size_t counts[2] = {0, 0}, alarms[2] = {0, 0};
    for (size_t i = 0; i < out->images && status == SNARM_OK; i++) {
        snarm_sample sample;
        bool alarm = false;
        if (is_interrupted()) {
            status = SNARM_ERROR_CANCELLED;
            break;
        }
        status = snarm_dataset_sample(run->set, category, SNARM_SPLIT_TEST, i, &sample);
        if (status == SNARM_OK)
            status = evaluate_sample(run, out->name, &sample, &info.preprocess, map, metrics, &scores[i],
                                     &alarm);
        if (status != SNARM_OK)
            break;
        labels[i] = sample.anomalous != 0;
        counts[labels[i]]++;
        alarms[labels[i]] += alarm;
        progress_update(&run->bar, out->name, run->times.count, run->images);
    }
    free(map);
    if (status == SNARM_OK)
        status = finish(out, metrics, scores, labels);
    out->false_alarm_rate = counts[0] > 0 ? (double)alarms[0] / (double)counts[0] : NAN;
    out->detection_rate = counts[1] > 0 ? (double)alarms[1] / (double)counts[1] : NAN;
    return status;
}

int evaluate_category(evaluator *run, size_t category, evaluation *out) {
    out->name = snarm_dataset_category_name(run->set, category);
    out->images = snarm_dataset_sample_count(run->set, category, SNARM_SPLIT_TEST);
    snarm_pixel_metrics_options options;
    snarm_pixel_metrics_options_init(&options);
    options.threads = run->threads;
    options.fpr_limit = run->fpr_limit;
    snarm_pixel_metrics *metrics = NULL;
    float *scores = must_have(calloc(out->images, sizeof *scores));
    uint8_t *labels = must_have(calloc(out->images, sizeof *labels));
    snarm_status status = SNARM_OK;
    if (has_masks(run, category, out->images))
        status = snarm_pixel_metrics_create(&metrics, &options);
    if (status == SNARM_OK)
        status = evaluate_samples(run, category, out, metrics, scores, labels);
    if (status == SNARM_OK && run->report != NULL && metrics != NULL)
        status = snarm_report_set_pixels(run->report, out->name, metrics);
    snarm_pixel_metrics_destroy(metrics);
    free(labels);
    free(scores);
    progress_end(&run->bar);
    if (status == SNARM_ERROR_CANCELLED)
        return EXIT_CANCELLED;
    return status == SNARM_OK ? CONTINUE : fail_library(EXIT_INPUT);
}
