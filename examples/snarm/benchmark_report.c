/* The numbers of all categories and seeds as tables and as one file of JSON. */
#define _GNU_SOURCE
#include "benchmark.h"
#include "json.h"
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>

/* What goes into the report: results (categories, seeds), and what the tables take of them. */
typedef struct numbers {
    const char **names;
    benchmark_result *results;
    table_summary *summaries;
} numbers;

static int read_all(const benchmark *b, numbers *n) {
    size_t seeds = (size_t)b->seeds;
    double *values = must_have(calloc(b->count * seeds * TABLE_VALUES, sizeof *values));
    n->names = must_have(calloc(b->count, sizeof *n->names));
    n->results = must_have(calloc(b->count * seeds, sizeof *n->results));
    int code = CONTINUE;
    for (size_t i = 0; i < b->count * seeds && code == CONTINUE; i++) {
        bool present;
        int64_t seed = b->fit.seed + (int64_t)(i % seeds);
        n->names[i / seeds] = benchmark_category(b, i / seeds);
        code = benchmark_read_result(b, i / seeds, seed, &n->results[i], &present);
        if (code == CONTINUE && !present)
            code = fail(EXIT_INPUT, "%s: the result of %s, seed %lld is gone", b->out, n->names[i / seeds],
                        (long long)seed);
        for (size_t v = 0; v < TABLE_VALUES; v++)
            values[i * TABLE_VALUES + v] = n->results[i].values[v];
    }
    n->summaries = table_summarise(values, b->count, seeds);
    free(values);
    return code;
}

/* The table as text, the caller's. */
static char *make_table(const benchmark *b, const numbers *n, table_format format) {
    char *text = NULL;
    size_t size;
    FILE *stream = must_have(open_memstream(&text, &size));
    table_write(stream, format, n->names, n->summaries, b->count);
    if (format == TABLE_TEXT && b->seeds > 1)
        fprintf(stream, "mean +- sample standard deviation of seeds %lld to %lld\n", (long long)b->fit.seed,
                (long long)(b->fit.seed + b->seeds - 1));
    if (fclose(stream) != 0)
        must_have(NULL);
    return must_have(text);
}

static int write_tables(const benchmark *b, const numbers *n) {
    static const struct {
        const char *name;
        table_format format;
    } tables[] = {{"table.txt", TABLE_TEXT}, {"table.csv", TABLE_CSV}, {"table.tex", TABLE_LATEX}};
    int code = CONTINUE;
    for (size_t i = 0; i < sizeof tables / sizeof *tables && code == CONTINUE; i++) {
        char *text = make_table(b, n, tables[i].format), *path = format_text("%s/%s", b->out, tables[i].name);
        code = text_write_file(text, path);
        if (code == CONTINUE && tables[i].format == TABLE_TEXT)
            fputs(text, stdout);
        free(path);
        free(text);
    }
    return code;
}

static void add_summary(json_t *object, const table_summary *of) {
    json_t *mean = must_have(json_object()), *spread = must_have(json_object());
    for (size_t v = 0; v < TABLE_VALUES; v++) {
        json_add(mean, table_value_key(v), json_number(of[v].mean));
        json_add(spread, table_value_key(v), json_number(of[v].spread));
    }
    json_add(object, "mean", mean);
    json_add(object, "spread", spread);
}

static json_t *category_json(const benchmark *b, const numbers *n, size_t index) {
    json_t *object = must_have(json_object()), *seeds = must_have(json_object());
    for (int64_t s = 0; s < b->seeds; s++) {
        char *seed = format_text("%lld", (long long)(b->fit.seed + s));
        json_add(seeds, seed, benchmark_result_json(b, index, &n->results[(int64_t)index * b->seeds + s]));
        free(seed);
    }
    json_add(object, "seeds", seeds);
    add_summary(object, n->summaries + index * TABLE_VALUES);
    return object;
}

static int write_json(const benchmark *b, const numbers *n) {
    json_t *root = must_have(json_object()), *categories = must_have(json_object());
    json_add(root, "snarm", json_text(snarm_version()));
    json_add(root, "processor", json_text(processor_name()));
    json_add(root, "backbone", json_text(n->results[0].architecture));
    json_add(root, "backbone_sha256", json_text(b->backbone_hash));
    json_add(root, "options", must_have(json_incref(b->options)));
    for (size_t i = 0; i < b->count; i++) {
        json_t *name = json_text(n->names[i]);
        json_add(categories, json_string_value(name), category_json(b, n, i));
        json_decref(name);
    }
    json_add(root, "categories", categories);
    add_summary(root, n->summaries + b->count * TABLE_VALUES);
    char *path = format_text("%s/results.json", b->out);
    int code = json_write_file(root, path);
    free(path);
    json_decref(root);
    return code;
}

int benchmark_report(const benchmark *b) {
    numbers n = {.names = NULL};
    int code = read_all(b, &n);
    if (code == CONTINUE)
        code = write_json(b, &n);
    if (code == CONTINUE)
        code = write_tables(b, &n);
    free(n.summaries);
    free(n.results);
    free(n.names);
    return code;
}
