#define _GNU_SOURCE
#include "tables.h"

#include "json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *table_value_key(size_t value) {
    return value < METRICS                    ? evaluation_metrics[value].key
           : value == TABLE_SECONDS_PER_IMAGE ? "seconds_per_image"
                                              : "fit_seconds";
}

static double mean_of(const double *values, size_t count, size_t stride) {
    double sum = 0;
    size_t number = 0;
    for (size_t i = 0; i < count; i++)
        if (!isnan(values[i * stride]))
            sum += values[i * stride], number++;
    return number > 0 ? sum / (double)number : NAN;
}

static table_summary summarise(const double *values, size_t count, size_t stride) {
    double mean = mean_of(values, count, stride), sum = 0;
    size_t number = 0;
    for (size_t i = 0; i < count; i++) {
        double value = values[i * stride];
        if (!isnan(value))
            sum += (value - mean) * (value - mean), number++;
    }
    return (table_summary){mean, number > 1 ? sqrt(sum / (double)(number - 1)) : NAN};
}

table_summary *table_summarise(const double *values, size_t categories, size_t seeds) {
    table_summary *out = must_have(calloc((categories + 1) * TABLE_VALUES, sizeof *out));
    double *means = must_have(calloc(seeds, sizeof *means));
    for (size_t v = 0; v < TABLE_VALUES; v++) {
        for (size_t c = 0; c < categories; c++)
            out[c * TABLE_VALUES + v] = summarise(values + c * seeds * TABLE_VALUES + v, seeds, TABLE_VALUES);
        for (size_t s = 0; s < seeds; s++)
            means[s] = mean_of(values + s * TABLE_VALUES + v, categories, seeds * TABLE_VALUES);
        out[categories * TABLE_VALUES + v] = summarise(means, seeds, 1);
    }
    free(means);
    return out;
}

static const struct {
    const char *title;
    size_t value;
    int percent, decimals;
} columns[] = {
    {"image AUROC", METRIC_IMAGE_AUROC, 1, 1},
    {"pixel AUROC", METRIC_PIXEL_AUROC, 1, 1},
    {"PRO", METRIC_AUPRO, 1, 1},
    {"AP", METRIC_PIXEL_AP, 1, 1},
    {"s/image", TABLE_SECONDS_PER_IMAGE, 0, 3},
    {"fit s", TABLE_FIT_SECONDS, 0, 1},
};
enum { COLUMNS = sizeof columns / sizeof *columns, CELL_MAX = 64 };

static void format_number(char text[CELL_MAX], size_t column, double value, const char *none) {
    if (isnan(value))
        snprintf(text, CELL_MAX, "%s", none);
    else
        snprintf(text, CELL_MAX, "%.*f", columns[column].decimals,
                 columns[column].percent ? 100 * value : value);
}

/* A name as one line of valid UTF-8; the caller's to free. */
static char *clean_name(const char *name) {
    json_t *valid = json_text(name);
    char *clean = must_have(strdup(json_string_value(valid)));
    json_decref(valid);
    for (char *c = clean; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    return clean;
}

/* Characters of valid UTF-8, each taken to be one column wide. */
static int width_of(const char *text) {
    int width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void format_text_cell(char cell[CELL_MAX], size_t column, table_summary of) {
    char mean[CELL_MAX], spread[CELL_MAX];
    format_number(mean, column, of.mean, "-");
    format_number(spread, column, of.spread, "");
    snprintf(cell, CELL_MAX, "%.28s%s%.28s", mean, spread[0] != '\0' ? " +- " : "", spread);
}

static void write_text_row(FILE *stream, const char *name, int width, const int widths[COLUMNS],
                           const table_summary *of) {
    char *clean = clean_name(name), cell[CELL_MAX];
    fprintf(stream, "%s%*s", clean, width - width_of(clean), "");
    for (size_t i = 0; i < COLUMNS; i++) {
        format_text_cell(cell, i, of[columns[i].value]);
        fprintf(stream, "  %*s", widths[i], cell);
    }
    fputc('\n', stream);
    free(clean);
}

static void write_text(FILE *stream, const char *const *names, const table_summary *of, size_t categories) {
    int width = width_of("category"), widths[COLUMNS];
    for (size_t c = 0; c < categories; c++) {
        char *clean = clean_name(names[c]);
        width = width_of(clean) > width ? width_of(clean) : width;
        free(clean);
    }
    fprintf(stream, "%-*s", width, "category");
    for (size_t i = 0; i < COLUMNS; i++) {
        widths[i] = (int)strlen(columns[i].title);
        for (size_t c = 0; c <= categories; c++) {
            char cell[CELL_MAX];
            format_text_cell(cell, i, of[c * TABLE_VALUES + columns[i].value]);
            widths[i] = (int)strlen(cell) > widths[i] ? (int)strlen(cell) : widths[i];
        }
        fprintf(stream, "  %*s", widths[i], columns[i].title);
    }
    fputc('\n', stream);
    for (size_t c = 0; c <= categories; c++)
        write_text_row(stream, c < categories ? names[c] : "mean", width, widths, of + c * TABLE_VALUES);
}

/* In quotes where needed, as RFC 4180 has it. */
static void write_csv_text(FILE *stream, const char *text) {
    if (strpbrk(text, ",\"\r\n") == NULL) {
        fputs(text, stream);
        return;
    }
    fputc('"', stream);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            fputc('"', stream);
        fputc(*text, stream);
    }
    fputc('"', stream);
}

static void write_csv(FILE *stream, const char *const *names, const table_summary *of, size_t categories) {
    fputs("category", stream);
    for (size_t i = 0; i < COLUMNS; i++) {
        const char *key = table_value_key(columns[i].value);
        fprintf(stream, ",%s,%s_spread", key, key);
    }
    fputc('\n', stream);
    for (size_t c = 0; c <= categories; c++) {
        write_csv_text(stream, c < categories ? names[c] : "mean");
        for (size_t i = 0; i < COLUMNS; i++) {
            table_summary cell = of[c * TABLE_VALUES + columns[i].value];
            char mean[CELL_MAX], spread[CELL_MAX];
            format_number(mean, i, cell.mean, "");
            format_number(spread, i, cell.spread, "");
            fprintf(stream, ",%s,%s", mean, spread);
        }
        fputc('\n', stream);
    }
}

static void write_latex_character(FILE *stream, const char *c, bool first) {
    if (strchr("#$%&_{}", *c) != NULL)
        fprintf(stream, "\\%c", *c);
    else if (*c == '\\')
        fputs("\\textbackslash{}", stream);
    else if (*c == '~')
        fputs("\\textasciitilde{}", stream);
    else if (*c == '^')
        fputs("\\textasciicircum{}", stream);
    else if (*c == '<')
        fputs("\\textless{}", stream);
    else if (*c == '>')
        fputs("\\textgreater{}", stream);
    else if (*c == '|')
        fputs("\\textbar{}", stream);
    else if (*c == '-' && c[1] == '-') /* no dash of two */
        fputs("-{}", stream);
    else if (first && (*c == '[' || *c == '*')) /* no argument of the \\ or \hline before */
        fprintf(stream, "{%c}", *c);
    else
        fputc(*c, stream);
}

static void write_latex_row(FILE *stream, const char *name, const table_summary *of) {
    char *clean = clean_name(name);
    for (const char *c = clean; *c != '\0'; c++)
        write_latex_character(stream, c, c == clean);
    free(clean);
    for (size_t i = 0; i < COLUMNS; i++) {
        table_summary cell = of[columns[i].value];
        char mean[CELL_MAX], spread[CELL_MAX];
        format_number(mean, i, cell.mean, "--");
        format_number(spread, i, cell.spread, "");
        if (spread[0] != '\0')
            fprintf(stream, " & $%s \\pm %s$", mean, spread);
        else
            fprintf(stream, " & %s", mean);
    }
    fputs(" \\\\\n", stream);
}

static void write_latex(FILE *stream, const char *const *names, const table_summary *of, size_t categories) {
    fputs("\\begin{tabular}{l", stream);
    for (size_t i = 0; i < COLUMNS; i++)
        fputc('r', stream);
    fputs("}\n\\hline\ncategory", stream);
    for (size_t i = 0; i < COLUMNS; i++)
        fprintf(stream, " & %s", columns[i].title);
    fputs(" \\\\\n\\hline\n", stream);
    for (size_t c = 0; c < categories; c++)
        write_latex_row(stream, names[c], of + c * TABLE_VALUES);
    fputs("\\hline\n", stream);
    write_latex_row(stream, "mean", of + categories * TABLE_VALUES);
    fputs("\\hline\n\\end{tabular}\n", stream);
}

table_format table_format_of(const char *name) {
    return strcmp(name, "csv") == 0 ? TABLE_CSV : strcmp(name, "latex") == 0 ? TABLE_LATEX : TABLE_TEXT;
}

void table_write(FILE *stream, table_format format, const char *const *names, const table_summary *summaries,
                 size_t categories) {
    if (format == TABLE_CSV)
        write_csv(stream, names, summaries, categories);
    else if (format == TABLE_LATEX)
        write_latex(stream, names, summaries, categories);
    else
        write_text(stream, names, summaries, categories);
}
