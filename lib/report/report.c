#include "report/report.h"

#include "core/memory.h"

#include <math.h>
#include <string.h>

enum { PICTURE_SIDE = 320, PICTURE_SIDE_MINIMUM = 16, PICTURE_SIDE_MAX = 2048, PIXEL_POINTS = 2000 };
static const int64_t BYTES = 30000000, BYTES_MINIMUM = 100000, BYTES_MAX = 2000000000;

static snarm_status read_options(snarm_report_options *how, const snarm_report_options *options) {
    snarm_report_options_init(how);
    SN_TRY(sn_options_read(how, sizeof *how, options, sizeof *how, "snarm_report_options"));
    if (how->title == NULL)
        how->title = "SNARM report";
    if (how->map_threshold == 0)
        how->map_threshold = how->threshold;
    if (how->max_bytes == 0)
        how->max_bytes = BYTES;
    if (how->picture_side == 0)
        how->picture_side = PICTURE_SIDE;
    if (!isfinite(how->threshold))
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_report_create: threshold is %g, expected a finite value",
                        (double)how->threshold);
    if (!(how->map_threshold > 0) || !isfinite(how->map_threshold * 2))
        return sn_error(
            SNARM_ERROR_ARGUMENT,
            "snarm_report_create: map_threshold is %g, expected above 0 (by default it is threshold)",
            (double)how->map_threshold);
    if (how->max_bytes < BYTES_MINIMUM || how->max_bytes > BYTES_MAX)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_report_create: max_bytes is %lld, expected %lld..%lld",
                        (long long)how->max_bytes, (long long)BYTES_MINIMUM, (long long)BYTES_MAX);
    if (how->picture_side < PICTURE_SIDE_MINIMUM || how->picture_side > PICTURE_SIDE_MAX)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_report_create: picture_side is %d, expected %d..%d",
                        (int)how->picture_side, (int)PICTURE_SIDE_MINIMUM, (int)PICTURE_SIDE_MAX);
    return SNARM_OK;
}

snarm_status snarm_report_create(snarm_report **out, const snarm_report_options *options) {
    if (out == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_report_create: out is NULL");
    *out = NULL;
    snarm_report_options how;
    SN_TRY(read_options(&how, options));
    snarm_report *report;
    SN_TRY(sn_alloc_zeroed(&report, 1, sizeof *report, "report"));
    snarm_status status = sn_copy_string(&report->title, how.title);
    if (status != SNARM_OK) {
        sn_free(report);
        return status;
    }
    report->threshold = how.threshold;
    report->map_threshold = how.map_threshold;
    report->max_bytes = (uint64_t)how.max_bytes;
    report->picture_side = how.picture_side;
    *out = report;
    return SNARM_OK;
}

snarm_status sn_report_reserve(void *block, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity)
        return SNARM_OK;
    const size_t grown = count < 16 ? 16 : count + count / 2;
    SN_TRY(sn_resize(block, count * size, grown, size, "report"));
    *capacity = grown;
    return SNARM_OK;
}

snarm_status sn_report_find_category(snarm_report *report, const char *name, size_t *out) {
    for (size_t i = 0; i < report->category_count; i++)
        if (strcmp(report->categories[i].name, name) == 0) {
            *out = i;
            return SNARM_OK;
        }
    SN_TRY(sn_report_reserve(&report->categories, report->category_count, &report->category_capacity,
                             sizeof *report->categories));
    sn_report_category category = {.has_pixels = false};
    SN_TRY(sn_copy_string(&category.name, name));
    *out = report->category_count;
    report->categories[report->category_count++] = category;
    return SNARM_OK;
}

snarm_status snarm_report_set_pixels(snarm_report *report, const char *category,
                                     snarm_pixel_metrics *pixels) {
    if (report == NULL || category == NULL || pixels == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_report_set_pixels: %s is NULL",
                        report == NULL     ? "report"
                        : category == NULL ? "category"
                                           : "pixels");
    snarm_pixel_metrics_result result;
    snarm_curve curve;
    SN_TRY(snarm_pixel_metrics_finish(pixels, &result));
    SN_TRY(snarm_pixel_metrics_curve(pixels, PIXEL_POINTS, &curve));
    size_t index;
    snarm_status status = sn_report_find_category(report, category, &index);
    if (status != SNARM_OK) {
        snarm_curve_release(&curve);
        return status;
    }
    sn_report_category *to = &report->categories[index];
    snarm_curve_release(&to->pixel_curve);
    to->has_pixels = true;
    to->pixels = result;
    to->pixel_curve = curve;
    return SNARM_OK;
}

snarm_status snarm_report_add_fact(snarm_report *report, const char *name, const char *value) {
    if (report == NULL || name == NULL || value == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_report_add_fact: %s is NULL",
                        report == NULL ? "report"
                        : name == NULL ? "name"
                                       : "value");
    SN_TRY(
        sn_report_reserve(&report->facts, report->fact_count, &report->fact_capacity, sizeof *report->facts));
    sn_report_fact fact;
    SN_TRY(sn_copy_string(&fact.name, name));
    snarm_status status = sn_copy_string(&fact.value, value);
    if (status != SNARM_OK) {
        sn_free(fact.name);
        return status;
    }
    report->facts[report->fact_count++] = fact;
    return SNARM_OK;
}

static snarm_status fit_size(snarm_report *report, const sn_report_numbers *numbers, sn_sink *sink,
                             const char *path) {
    for (;;) {
        sn_sink_begin(sink, NULL);
        sn_report_page_write(report, numbers, sink);
        if (sink->total <= report->max_bytes)
            return SNARM_OK;
        bool smaller;
        SN_TRY(sn_report_degrade(report, &smaller));
        if (!smaller)
            return sn_error(
                SNARM_ERROR_UNSUPPORTED,
                "%s: the report of %zu pictures would be %llu bytes with the smallest pictures, and "
                "max_bytes is %llu",
                path, report->item_count, (unsigned long long)sink->total,
                (unsigned long long)report->max_bytes);
    }
}

static snarm_status write_page(snarm_report *report, const sn_report_numbers *numbers, const char *path) {
    sn_sink *sink;
    SN_TRY(sn_alloc(&sink, 1, sizeof *sink, path));
    sn_whole_file *file = NULL;
    snarm_status status = fit_size(report, numbers, sink, path);
    if (status == SNARM_OK)
        status = sn_whole_file_create(&file, path);
    if (status == SNARM_OK) {
        sn_sink_begin(sink, file);
        sn_report_page_write(report, numbers, sink);
        sn_sink_end(sink);
        status = sn_whole_file_finish(file, SN_WHOLE_FILE_FAST);
    }
    sn_free(sink);
    return status;
}

snarm_status snarm_report_write(snarm_report *report, const char *path) {
    if (report == NULL || path == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_report_write: %s is NULL",
                        report == NULL ? "report" : "path");
    sn_report_numbers *numbers;
    SN_TRY(sn_report_numbers_create(report, &numbers));
    snarm_status status = write_page(report, numbers, path);
    sn_report_numbers_free(report, numbers);
    return status;
}

void snarm_report_destroy(snarm_report *report) {
    if (report == NULL)
        return;
    for (size_t i = 0; i < report->item_count; i++)
        sn_report_item_release(&report->items[i]);
    for (size_t i = 0; i < report->category_count; i++) {
        sn_free(report->categories[i].name);
        snarm_curve_release(&report->categories[i].pixel_curve);
    }
    for (size_t i = 0; i < report->fact_count; i++) {
        sn_free(report->facts[i].name);
        sn_free(report->facts[i].value);
    }
    sn_free(report->items);
    sn_free(report->categories);
    sn_free(report->facts);
    sn_free(report->title);
    sn_free(report);
}
