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

typedef struct timing {
    double *inspect; /* seconds of each inspection, room for all pictures */
    double total;    /* seconds with reading the pictures and masks */
    size_t count;
} timing;

typedef struct evaluator {
    const snarm_detector *detector;
    const snarm_dataset *set;
    bool full_resolution;
    int32_t threads;
    size_t images; /* of all categories, for the progress bar */
    snarm_report *report; /* receives all pictures and pixel metrics; NULL: none */
    progress bar;
    timing times;
} evaluator;

/* CONTINUE, or an exit code with a line on stderr. */
int evaluate_category(evaluator *run, size_t category, evaluation *out);

#endif
