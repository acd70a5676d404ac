#include "dataset/csv.h"

#include "core/memory.h"
#include "io/input_file.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Far more than a table of a data set needs. */
static const int64_t file_size_max = INT64_C(1) << 26;

enum { FIELDS_MAX = 64 };

/* Where the reading is; fields are cut in place, so that what is before at may be overwritten. */
typedef struct csv_cursor {
    const char *path;
    char *at, *end; /* *end is 0 */
    size_t line;
} csv_cursor;

typedef struct csv_line {
    char *fields[FIELDS_MAX];
    size_t count, line;
} csv_line;

static snarm_status check_characters(const char *path, const char *text, size_t size) {
    size_t line = 1;
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)text[i];
        bool line_end = byte == '\n' || (byte == '\r' && i + 1 < size && text[i + 1] == '\n');
        if ((byte < ' ' && !line_end) || byte == 0x7f)
            return sn_error(SNARM_ERROR_FORMAT, "%s: line %zu: holds the control character %d, expected text",
                            path, line, (int)byte);
        line += byte == '\n';
    }
    return SNARM_OK;
}

static bool ends_field(const csv_cursor *cursor) {
    return cursor->at == cursor->end || *cursor->at == ',' || *cursor->at == '\n' || *cursor->at == '\r';
}

/* Leaves the cursor at the field's end, which is not yet cut off; *cut is where to. */
static snarm_status read_quoted(csv_cursor *cursor, char **cut) {
    char *to = cursor->at;
    for (cursor->at++; cursor->at < cursor->end && *cursor->at != '\n'; cursor->at++) {
        if (*cursor->at == '"') {
            cursor->at++;
            if (*cursor->at != '"') {
                *cut = to;
                if (ends_field(cursor))
                    return SNARM_OK;
                return sn_error(
                    SNARM_ERROR_FORMAT,
                    "%s: line %zu: '%c' follows closing quotes, expected a comma or the line's end",
                    cursor->path, cursor->line, *cursor->at);
            }
        }
        *to++ = *cursor->at;
    }
    return sn_error(SNARM_ERROR_FORMAT, "%s: line %zu: quotes are opened and not closed in the line",
                    cursor->path, cursor->line);
}

static snarm_status read_plain(csv_cursor *cursor, char **cut) {
    while (!ends_field(cursor)) {
        if (*cursor->at == '"')
            return sn_error(SNARM_ERROR_FORMAT,
                            "%s: line %zu: quotes in the middle of a field, expected around the whole of it",
                            cursor->path, cursor->line);
        cursor->at++;
    }
    *cut = cursor->at;
    return SNARM_OK;
}

/* Reads one line that is not empty; a count of 0 at the file's end. */
static snarm_status read_line(csv_cursor *cursor, csv_line *line) {
    while (*cursor->at == '\n' || *cursor->at == '\r')
        cursor->line += *cursor->at++ == '\n';
    line->count = 0;
    line->line = cursor->line;
    if (cursor->at == cursor->end)
        return SNARM_OK;
    for (bool more = true; more;) {
        if (line->count == FIELDS_MAX)
            return sn_error(SNARM_ERROR_FORMAT, "%s: line %zu: more than %d fields", cursor->path,
                            cursor->line, (int)FIELDS_MAX);
        char *cut = NULL;
        line->fields[line->count++] = cursor->at;
        SN_TRY(*cursor->at == '"' ? read_quoted(cursor, &cut) : read_plain(cursor, &cut));
        more = *cursor->at == ',';
        if (*cursor->at == '\r')
            cursor->at++;
        cursor->line += *cursor->at == '\n';
        bool last = cursor->at == cursor->end;
        *cut = '\0'; /* perhaps over the comma or line's end */
        cursor->at += last ? 0 : 1;
    }
    return SNARM_OK;
}

/* Which of the file's columns are those asked for. */
static snarm_status find_columns(const sn_csv *csv, const csv_line *header, size_t *places) {
    for (size_t c = 0; c < csv->columns; c++) {
        size_t found = 0;
        for (size_t i = 0; i < header->count; i++)
            if (strcmp(header->fields[i], csv->names[c]) == 0) {
                places[c] = i;
                found++;
            }
        if (found != 1)
            return sn_error(SNARM_ERROR_FORMAT, "%s: line %zu: column '%s' is there %zu times, expected once",
                            csv->path, header->line, csv->names[c], found);
    }
    return SNARM_OK;
}

static snarm_status add_row(sn_csv *csv, const csv_line *line, const size_t *places) {
    if (csv->rows == csv->capacity) {
        size_t capacity = csv->capacity == 0 ? 256 : 2 * csv->capacity,
               row = csv->columns * sizeof *csv->fields;
        SN_TRY(sn_resize(&csv->fields, csv->rows * row, capacity, row, csv->path));
        SN_TRY(
            sn_resize(&csv->lines, csv->rows * sizeof *csv->lines, capacity, sizeof *csv->lines, csv->path));
        csv->capacity = capacity;
    }
    for (size_t c = 0; c < csv->columns; c++)
        csv->fields[csv->rows * csv->columns + c] = line->fields[places[c]];
    csv->lines[csv->rows++] = line->line;
    return SNARM_OK;
}

static snarm_status read_rows(sn_csv *csv, csv_cursor *cursor) {
    csv_line header, line;
    size_t places[SN_CSV_COLUMNS_MAX] = {0};
    SN_TRY(read_line(cursor, &header));
    SN_TRY(find_columns(csv, &header, places));
    for (;;) {
        SN_TRY(read_line(cursor, &line));
        if (line.count == 0)
            return SNARM_OK;
        if (line.count != header.count)
            return sn_error(SNARM_ERROR_FORMAT, "%s: line %zu: %zu fields, expected %zu as in the first line",
                            csv->path, line.line, line.count, header.count);
        SN_TRY(add_row(csv, &line, places));
    }
}

snarm_status sn_csv_read(sn_csv *out, const char *path, const char *const *names, size_t columns) {
    *out = (sn_csv){.columns = columns};
    memcpy(out->names, names, columns * sizeof *names);
    SN_TRY(sn_copy_string(&out->path, path));
    uint8_t *bytes;
    size_t size;
    SN_TRY(sn_input_file_whole(&bytes, &size, path, "a table (CSV)", file_size_max));
    out->text = (char *)bytes;
    SN_TRY(check_characters(path, out->text, size));
    size_t mark = size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    csv_cursor cursor = {path, out->text + mark, out->text + size, 1};
    return read_rows(out, &cursor);
}

void sn_csv_release(sn_csv *csv) {
    sn_free(csv->path);
    sn_free(csv->text);
    sn_free(csv->fields);
    sn_free(csv->lines);
    *csv = (sn_csv){.path = NULL};
}

const char *sn_csv_field(const sn_csv *csv, size_t row, size_t column) {
    return csv->fields[row * csv->columns + column];
}

snarm_status sn_csv_error(const sn_csv *csv, size_t row, size_t column, const char *expected, ...) {
    char text[1024];
    va_list values;
    va_start(values, expected);
    vsnprintf(text, sizeof text, expected, values);
    va_end(values);
    return sn_error(SNARM_ERROR_FORMAT, "%s: line %zu: %s is '%.200s', expected %s", csv->path,
                    csv->lines[row], csv->names[column], sn_csv_field(csv, row, column), text);
}
