/* The evaluation of one category: inspecting its test pictures and comparing with their masks. */
#ifndef EVALUATE_H
#define EVALUATE_H

#include "cli.h"
#include "progress.h"

#include "snarm/dataset.h"
#include "snarm/detector.h"
#include "snarm/report.h"

/* Shares of 1; NaN where there is nothing to compare (a category without defects, say). */
typedef struct evaluation {
    const char *name; /* the data set's */
    size_t images;
    double image_auroc, image_ap, image_f1max;
    double pixel_auroc, pixel_ap, pixel_f1max, aupro;
    double false_alarm_rate; /* good pictures called anomalous */
    double detection_rate;   /* defective pictures called anomalous */
} evaluation;

/* The shares in the order of tables and of JSON. */
enum {
    METRIC_IMAGE_AUROC,
    METRIC_IMAGE_AP,
    METRIC_IMAGE_F1MAX,
    METRIC_PIXEL_AUROC,
    METRIC_PIXEL_AP,
    METRIC_PIXEL_F1MAX,
    METRIC_AUPRO,
    METRIC_FALSE_ALARM_RATE,
    METRIC_DETECTION_RATE,
    METRICS
};
typedef struct evaluation_metric {
    const char *key, *title; /* in JSON; in the table of eval */
    size_t offset;           /* in an evaluation */
} evaluation_metric;
extern const evaluation_metric evaluation_metrics[METRICS];
double *evaluation_value(const evaluation *of, size_t which);

typedef struct timing {
    double *inspect; /* seconds of each inspection, room for all pictures */
    double total;    /* seconds of all in all: with reading what was not read beside an inspection, and comparing with masks */
    size_t count;
} timing;

typedef struct evaluator {
    const snarm_detector *detector;
    const snarm_dataset *set;
    bool full_resolution;
    bool map_score; /* the image score is the map's largest window alone, as the published protocol has it, also where the
                       model would mix in that of the distances */
    double fpr_limit; /* of AUPRO; 0: the library's default */
    int64_t workers; /* inspections at the same time, each on the detector's threads */
    int32_t threads; /* of the metrics */
    size_t images; /* of all categories, for the progress bar */
    snarm_report *report; /* receives all pictures and pixel metrics; NULL: none */
    progress bar;
    timing times;
} evaluator;

/* CONTINUE, or an exit code with a line on stderr; EXIT_CANCELLED without one after an interrupt, where they are caught. */
int evaluate_category(evaluator *run, size_t category, evaluation *out);

#endif
