#include "report/report.h"

#include "core/memory.h"

#include <math.h>

/* Beyond so many points an image curve is thinned. */
enum { IMAGE_POINTS = 20000 };

const sn_report_column sn_report_columns[SN_REPORT_COLUMNS] = {
    {"image_auroc", "Image AUROC", "area under the ROC curve of the image scores"},
    {"image_ap", "Image AP", "average precision of the image scores"},
    {"image_f1max", "Image F1max", "best F1 of all thresholds"},
    {"pixel_auroc", "Pixel AUROC", "area under the ROC curve of all pixels"},
    {"pixel_ap", "Pixel AP", "average precision of all pixels"},
    {"pixel_f1max", "Pixel F1max", "best F1 of all thresholds"},
    {"aupro", "AUPRO", "area under the per-region overlap"},
    {"false_alarm_rate", "False alarms", "good pictures called anomalous, at the model's threshold"},
    {"detection_rate", "Defects found", "defective pictures called anomalous, at the model's threshold"},
};

typedef struct score_list {
    float *scores;
    uint8_t *labels;
} score_list;

static double share(uint64_t part, uint64_t all) {
    return all > 0 ? (double)part / (double)all : NAN;
}

static snarm_status compute(sn_report_numbers *out, const snarm_report *report, size_t category,
                            const score_list *list) {
    uint64_t alarms[2] = {0, 0};
    size_t count = 0;
    for (size_t i = 0; i < report->item_count; i++) {
        const sn_report_item *item = &report->items[i];
        if (item->category != category)
            continue;
        list->scores[count] = item->score;
        list->labels[count++] = item->anomalous;
        out->defective += item->anomalous;
        alarms[item->anomalous] += item->score >= report->threshold;
    }
    out->images = count;
    SN_TRY(snarm_metrics_scores(list->scores, list->labels, count, &out->image));
    SN_TRY(snarm_metrics_curve(list->scores, list->labels, count, IMAGE_POINTS, &out->image_curve));
    const sn_report_category *of = &report->categories[category];
    const snarm_score_metrics *pixels = &of->pixels.pixels;
    const bool has = of->has_pixels;
    const double values[SN_REPORT_COLUMNS] = {out->image.auroc,
                                              out->image.average_precision,
                                              out->image.f1_max,
                                              has ? pixels->auroc : NAN,
                                              has ? pixels->average_precision : NAN,
                                              has ? pixels->f1_max : NAN,
                                              has ? of->pixels.aupro : NAN,
                                              share(alarms[0], out->images - out->defective),
                                              share(alarms[1], out->defective)};
    for (int i = 0; i < SN_REPORT_COLUMNS; i++)
        out->values[i] = values[i];
    return SNARM_OK;
}

/* Of the categories that have the value. */
static void take_mean(sn_report_numbers *numbers, size_t count) {
    sn_report_numbers *mean = &numbers[count];
    for (size_t i = 0; i < count; i++) {
        mean->images += numbers[i].images;
        mean->defective += numbers[i].defective;
    }
    for (int column = 0; column < SN_REPORT_COLUMNS; column++) {
        double sum = 0;
        size_t present = 0;
        for (size_t i = 0; i < count; i++)
            if (!isnan(numbers[i].values[column]))
                sum += numbers[i].values[column], present++;
        mean->values[column] = present > 0 ? sum / (double)present : NAN;
    }
}

snarm_status sn_report_numbers_create(const snarm_report *report, sn_report_numbers **out) {
    score_list list = {NULL, NULL};
    sn_report_numbers *numbers = NULL;
    snarm_status status;
    SN_GOTO(status, sn_alloc_zeroed(&numbers, report->category_count + 1, sizeof *numbers, "report"), end);
    SN_GOTO(status, sn_alloc(&list.scores, report->item_count, sizeof *list.scores, "report"), end);
    SN_GOTO(status, sn_alloc(&list.labels, report->item_count, sizeof *list.labels, "report"), end);
    for (size_t i = 0; i < report->category_count; i++)
        SN_GOTO(status, compute(&numbers[i], report, i, &list), end);
    take_mean(numbers, report->category_count);
    *out = numbers;
end:
    sn_free(list.labels);
    sn_free(list.scores);
    if (status != SNARM_OK)
        sn_report_numbers_free(report, numbers);
    return status;
}

void sn_report_numbers_free(const snarm_report *report, sn_report_numbers *numbers) {
    if (numbers == NULL)
        return;
    for (size_t i = 0; i < report->category_count; i++)
        snarm_curve_release(&numbers[i].image_curve);
    sn_free(numbers);
}
