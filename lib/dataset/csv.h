/* Tables from outside: text files of fields between commas, the first line naming the columns. */
#ifndef SN_DATASET_CSV_H
#define SN_DATASET_CSV_H

#include "core/status.h"

enum { SN_CSV_COLUMNS_MAX = 8 };

/* The columns that were asked for, in the order asked for. */
typedef struct sn_csv {
    char *path;
    const char *names[SN_CSV_COLUMNS_MAX]; /* the caller's */
    size_t columns, rows, capacity;
    char *text;          /* the file, cut into its fields */
    const char **fields; /* rows * columns */
    size_t *lines;       /* of each row, the first line's number being 1 */
} sn_csv;

/* Reads a whole file: fields are plain or in quotes (in which a quote is written twice, and a comma is part
 * of the field); lines end in LF or CRLF; empty lines and a UTF-8 mark at the beginning are passed over;
 * other columns may stand between those asked for. SNARM_ERROR_FORMAT, naming line and column, where a column
 * is missing or there twice, a line has more or fewer fields than the first, quotes are not closed, or a
 * control character is in the file. Released with sn_csv_release, also after a failure. */
snarm_status sn_csv_read(sn_csv *out, const char *path, const char *const *names, size_t columns);
void sn_csv_release(sn_csv *csv);

const char *sn_csv_field(const sn_csv *csv, size_t row, size_t column);

/* "PATH: line LINE: COLUMN is 'FIELD', expected ..." */
snarm_status sn_csv_error(const sn_csv *csv, size_t row, size_t column, const char *expected, ...)
    SN_PRINTF(4, 5);

#endif
