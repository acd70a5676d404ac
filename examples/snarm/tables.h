/* The table in which papers of the field report: a row for each category, then the mean of all. */
#ifndef TABLES_H
#define TABLES_H

#include "evaluate.h"

#include <stdio.h>

/* What is known of one category in one run: the metrics in their order, then two times. Shares of 1 and
 * seconds; NaN: nothing to tell. */
enum { TABLE_SECONDS_PER_IMAGE = METRICS, TABLE_FIT_SECONDS, TABLE_VALUES };
/* Its name in JSON. */
const char *table_value_key(size_t value);

typedef struct table_summary {
    double mean;
    double spread; /* sample standard deviation over the seeds; NaN for fewer than two */
} table_summary;

/* Mean and spread over the seeds of every category, and of the means over the categories behind them. Values
 * that are NaN are left out of both.
 *   values  (categories, seeds, TABLE_VALUES)
 * Gives (categories + 1, TABLE_VALUES), the caller's to free. */
table_summary *table_summarise(const double *values, size_t categories, size_t seeds);

typedef enum table_format { TABLE_TEXT, TABLE_CSV, TABLE_LATEX } table_format;
/* The option's value, text|csv|latex. */
table_format table_format_of(const char *name);

/* Writes the table: percent with one decimal, but seconds; the spread beside the mean where there is one.
 *   names      of the categories, any bytes
 *   summaries  (categories + 1, TABLE_VALUES) */
void table_write(FILE *stream, table_format format, const char *const *names, const table_summary *summaries,
                 size_t categories);

#endif
