/* The HTML report of an evaluation. */
#ifndef EVAL_REPORT_H
#define EVAL_REPORT_H

#include "cli.h"

#include "snarm/dataset.h"
#include "snarm/detector.h"
#include "snarm/report.h"

/* A report with the model's card; precision: asked for. All three: CONTINUE or SNARM_OK, or a failure; eval_report_start has then
 * written its line to stderr. */
int eval_report_start(snarm_report **out, const snarm_detector *detector, const char *model,
                      int32_t precision, const char *dataset, bool full_resolution);

/* One inspected picture: its path is shown from the category's folder on.
 *   map  as snarm_detector_inspect gave it */
snarm_status eval_report_add(snarm_report *report, const snarm_detector *detector, const char *category,
                             const snarm_sample *sample, const snarm_image *image, const snarm_result *result,
                             const float *map);

int eval_report_finish(snarm_report *report, const char *path);

#endif
