/* The inside of a report. */
#ifndef SN_REPORT_REPORT_H
#define SN_REPORT_REPORT_H

#include "report/sink.h"
#include "report/thumbnail.h"
#include "snarm/report.h"

typedef struct sn_report_item {
    char *name, *defect;
    size_t category;
    float score, normalized;
    bool anomalous;
    int32_t width, height;     /* of the picture that was inspected */
    sn_bytes image, map, mask; /* encoded; mask is empty where there is none */
} sn_report_item;

typedef struct sn_report_category {
    char *name;
    bool has_pixels;
    snarm_pixel_metrics_result pixels;
    snarm_curve pixel_curve;
} sn_report_category;

typedef struct sn_report_fact {
    char *name, *value;
} sn_report_fact;

struct snarm_report {
    char *title;
    float threshold, map_threshold;
    uint64_t max_bytes;
    int32_t picture_side;
    int level;              /* how often all pictures were made smaller */
    uint64_t picture_bytes; /* of all pictures in the file */
    sn_report_item *items;
    size_t item_count, item_capacity;
    sn_report_category *categories;
    size_t category_count, category_capacity;
    sn_report_fact *facts;
    size_t fact_count, fact_capacity;
};

/* The category of that name, a new one where there is none. */
snarm_status sn_report_find_category(snarm_report *report, const char *name, size_t *out);
/* Makes room for one more of count items of that size. block is a pointer to any object pointer. */
snarm_status sn_report_reserve(void *block, size_t count, size_t *capacity, size_t size);

void sn_report_item_release(sn_report_item *item);
/* Makes all pictures smaller by one step; false where they are as small as they get. On failure all are as
 * they were. */
snarm_status sn_report_degrade(snarm_report *report, bool *smaller);

/* What the image scores of a category give at the report's threshold; shares, NaN where there is nothing to
 * compare. */
typedef struct sn_report_numbers {
    uint64_t images, defective;
    snarm_score_metrics image;
    snarm_curve image_curve;
    double values[9]; /* in the order of sn_report_columns */
} sn_report_numbers;

enum { SN_REPORT_COLUMNS = 9 };
typedef struct sn_report_column {
    const char *key, *title, *help;
} sn_report_column;
extern const sn_report_column sn_report_columns[SN_REPORT_COLUMNS];

/* One of each category, and behind them their mean; released with sn_report_numbers_free. */
snarm_status sn_report_numbers_create(const snarm_report *report, sn_report_numbers **out);
void sn_report_numbers_free(const snarm_report *report, sn_report_numbers *numbers);

/* The whole page. */
void sn_report_page_write(const snarm_report *report, const sn_report_numbers *numbers, sn_sink *sink);

#endif
