/* libsnarm: how good are the scores and maps, once the truth is known.
 *
 * Exact: every distinct score is a threshold, nothing is binned, and equal scores change sides together.
 * Higher means more anomalous; a threshold t calls anomalous what is >= t. The values agree with
 * scikit-learn's roc_auc_score, average_precision_score and precision_recall_curve.
 *
 *     snarm_pixel_metrics *pixels;
 *     snarm_pixel_metrics_create(&pixels, NULL);
 *     for each test image:
 *         snarm_pixel_metrics_add(pixels, map, mask, width, height);
 *     snarm_pixel_metrics_finish(pixels, &result);
 *     snarm_pixel_metrics_destroy(pixels);
 */
#ifndef SNARM_METRICS_H
#define SNARM_METRICS_H

#include "snarm/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a set of scores and its labels give. The layout is fixed: later values will come in structures of
 * their own. With only one kind of label present, or no scores at all, nothing can be told apart: the first
 * four values are then NaN. */
typedef struct snarm_score_metrics {
    double auroc;             /* area under the ROC curve, 0..1: the share of (anomalous, normal) pairs in
                                 which the anomalous one has the higher score; equal scores count half */
    double average_precision; /* precision at each threshold times the recall it adds, summed, 0..1 */
    double f1_max;            /* highest F1 = 2 precision recall / (precision + recall) of all thresholds */
    double f1_max_threshold;  /* the score at which F1 is highest; of several, the highest */
    uint64_t positives;       /* scores labelled anomalous */
    uint64_t negatives;       /* scores labelled normal */
} snarm_score_metrics;

/* Image metrics, or those of any list of scores.
 *   scores  count values; infinities are ordered like numbers, a NaN is an error
 *   labels  count values: 0 normal, anything else anomalous
 *   count   0..4,294,967,295; with 0 the two pointers may be NULL
 *   out     filled on success, untouched on failure
 * SNARM_OK also where the values are undefined and NaN (see above); SNARM_ERROR_ARGUMENT for a NaN score (the
 * sentence has its index) or a NULL pointer; SNARM_ERROR_MEMORY (8 bytes a score are needed).
 * Any number of threads may call it at the same time. */
SNARM_API snarm_status snarm_metrics_scores(const float *scores, const uint8_t *labels, size_t count,
                                            snarm_score_metrics *out);

/* What a threshold calls anomalous. */
typedef struct snarm_curve_point {
    float threshold;          /* a score that occurs; of the first point: infinity, nothing is called
                                 anomalous */
    uint64_t true_positives;  /* anomalous scores at or above it */
    uint64_t false_positives; /* normal scores at or above it */
} snarm_curve_point;

/* The points of the ROC curve and of the precision-recall curve, which are the same thresholds: with t and f
 * the point's true and false positives, the ROC curve is f / negatives (false positive rate) to t / positives
 * (true positive rate, recall), the other one t / positives (recall) to t / (t + f) (precision, 1 for the
 * first point by definition). The points agree with scikit-learn's roc_curve (drop_intermediate=False) and
 * precision_recall_curve. The layout is fixed. */
typedef struct snarm_curve {
    snarm_curve_point *points; /* thresholds falling, from infinity to the lowest score; the library's */
    size_t count;              /* 0 where there is only one kind of label, and no curve */
    uint64_t positives, negatives; /* scores labelled anomalous, and normal */
} snarm_curve;

/* The curves of a list of scores.
 *   scores, labels, count  as in snarm_metrics_scores
 *   limit  0: a point for each distinct score. Else: no more points than this, 16 or more. Where there would
 *          be more, points are left out, never moved: those which lie nearest, in all of the false positive
 *          rate, recall and precision, to one that stays
 *   out    released with snarm_curve_release; untouched on failure
 * SNARM_ERROR_ARGUMENT as snarm_metrics_scores, and for a limit of 1..15; SNARM_ERROR_MEMORY. Any number of
 * threads. */
SNARM_API snarm_status snarm_metrics_curve(const float *scores, const uint8_t *labels, size_t count,
                                           size_t limit, snarm_curve *out);

/* Frees what the library holds in *curve and zeroes the structure. Harmless with NULL. */
SNARM_API void snarm_curve_release(snarm_curve *curve);

/* Collects the anomaly maps of a test set, one after the other, and gives the metrics of all their pixels.
 * One thread at a time may use a handle; different handles are independent.
 * Memory: about 5 bytes a normal pixel and 8 to 12 a defective one while maps are added;
 * snarm_pixel_metrics_finish takes about 1 byte a normal pixel and 8 a defective one more while it runs. */
typedef struct snarm_pixel_metrics snarm_pixel_metrics;

/* Initialise with snarm_pixel_metrics_options_init; zero means default. */
typedef struct snarm_pixel_metrics_options {
    size_t struct_size;
    double fpr_limit; /* false positive rate where AUPRO's integral ends; default 0.3; above 0, at most 1 */
    int32_t threads;  /* of snarm_pixel_metrics_finish; default 0: snarm_default_threads(); 0..64 */
} snarm_pixel_metrics_options;
static inline void snarm_pixel_metrics_options_init(snarm_pixel_metrics_options *options) {
    snarm_options_clear(options, sizeof *options);
}

/* What the maps give. The layout is fixed: later values will come in structures of their own.
 *
 * AUPRO, the area under the per-region overlap: at each threshold, the overlap is the share of a region's
 * pixels that is found, averaged over all regions; the false positive rate is the share of all normal pixels
 * (those of defective images too) that is called anomalous. Integrated from rate 0 to fpr_limit with
 * straight lines from (0, 0) through the points of the thresholds, and divided by fpr_limit. */
typedef struct snarm_pixel_metrics_result {
    snarm_score_metrics pixels; /* of all pixels of all maps as one list of scores; NaN as described there */
    double aupro;               /* 0..1; NaN without regions or without normal pixels */
    uint64_t regions;           /* defective pixels that touch by side or corner belong to one region */
    uint64_t images;            /* maps added */
} snarm_pixel_metrics_result;

/*   out      the handle on success, NULL on failure; destroyed with snarm_pixel_metrics_destroy
 *   options  NULL for defaults
 * SNARM_ERROR_ARGUMENT for an option out of its range, SNARM_ERROR_MEMORY. */
SNARM_API snarm_status snarm_pixel_metrics_create(snarm_pixel_metrics **out,
                                                  const snarm_pixel_metrics_options *options);

/* Adds one image's map. The order of the images does not matter, and their sizes may differ.
 *   map     height * width scores, rows from the top without gaps; infinities are ordered like numbers, a
 *           NaN is an error
 *   mask    height * width bytes in the same order: 0 normal, anything else defective; NULL: all normal (a
 *           good image). A mask without a defective pixel (a defect too small, or not marked) adds no region.
 *   width   1..65,500 pixels
 *   height  1..65,500 pixels
 * Both arrays stay the caller's and are not kept. On failure the handle is as before the call.
 * SNARM_ERROR_ARGUMENT (the sentence has the place of a NaN); SNARM_ERROR_MEMORY; SNARM_ERROR_UNSUPPORTED
 * when the handle would hold more than 4,294,967,295 pixels. */
SNARM_API snarm_status snarm_pixel_metrics_add(snarm_pixel_metrics *handle, const float *map,
                                               const uint8_t *mask, int32_t width, int32_t height);

/* The metrics of what was added so far. More may be added afterwards, and finish called again.
 *   out  filled on success, untouched on failure
 * SNARM_OK also where values are undefined and NaN; SNARM_ERROR_ARGUMENT for a NULL pointer;
 * SNARM_ERROR_MEMORY. */
SNARM_API snarm_status snarm_pixel_metrics_finish(snarm_pixel_metrics *handle,
                                                  snarm_pixel_metrics_result *out);

/* The curves of all pixels that were added so far. More may be added afterwards.
 *   limit  as in snarm_metrics_curve, but 0 gives only the points between which the curves are straight:
 *          those of scores that defective pixels have, those of the lowest normal score above each of them,
 *          and the last. A limit of 2,000 leaves nothing out that could be seen
 *   out    released with snarm_curve_release; untouched on failure
 * SNARM_ERROR_ARGUMENT for a NULL pointer or a limit of 1..15; SNARM_ERROR_MEMORY. */
SNARM_API snarm_status snarm_pixel_metrics_curve(snarm_pixel_metrics *handle, size_t limit, snarm_curve *out);

/* Harmless with NULL. */
SNARM_API void snarm_pixel_metrics_destroy(snarm_pixel_metrics *handle);

#ifdef __cplusplus
}
#endif
#endif
