/* The page: our own HTML, style and script, with the numbers as tables (they can be read without the script)
 * and everything else as one JSON object in a script element that is not run. */
#include "report/assets.h"
#include "report/heat_scale.h"
#include "report/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Digits that tell any two floats apart, and that measured shares need. */
enum { FLOAT_DIGITS = 9, SHARE_DIGITS = 9 };

typedef struct page {
    const snarm_report *report;
    const sn_report_numbers *numbers;
    sn_sink *sink;
} page;

static void put_share(sn_sink *sink, double value) {
    char text[32];
    if (isnan(value)) {
        sn_sink_raw(sink, "&ndash;");
        return;
    }
    /* Four digits behind the point, whatever the locale's is. */
    const int rounded = (int)lround(value * 10000);
    snprintf(text, sizeof text, "%d.%04d", rounded / 10000, rounded % 10000);
    sn_sink_raw(sink, text);
}

static void put_title(const page *p) {
    sn_sink_html(p->sink, p->report->title);
}

static void put_style(const page *p) {
    sn_sink_bytes(p->sink, sn_report_style, sn_report_style_size);
}

static void put_script(const page *p) {
    sn_sink_bytes(p->sink, sn_report_script, sn_report_script_size);
}

static void put_summary(const page *p) {
    const sn_report_numbers *all = &p->numbers[p->report->category_count];
    sn_sink_integer(p->sink, all->images);
    sn_sink_raw(p->sink, all->images == 1 ? " picture, " : " pictures, ");
    sn_sink_integer(p->sink, all->defective);
    sn_sink_raw(p->sink, " of them defective");
    if (p->report->category_count > 1) {
        sn_sink_raw(p->sink, ", in ");
        sn_sink_integer(p->sink, p->report->category_count);
        sn_sink_raw(p->sink, " categories; values are means over the categories");
    }
}

static void put_headline(const page *p) {
    const sn_report_numbers *all = &p->numbers[p->report->category_count];
    for (int i = 0; i < SN_REPORT_COLUMNS; i++) {
        sn_sink_raw(p->sink, "<div><dt>");
        sn_sink_raw(p->sink, sn_report_columns[i].title);
        sn_sink_raw(p->sink, "</dt><dd id=\"headline-");
        sn_sink_raw(p->sink, sn_report_columns[i].key);
        sn_sink_raw(p->sink, "\">");
        put_share(p->sink, all->values[i]);
        sn_sink_raw(p->sink, "</dd><dd class=\"help\">");
        sn_sink_raw(p->sink, sn_report_columns[i].help);
        sn_sink_raw(p->sink, "</dd></div>\n");
    }
}

static void put_row(const page *p, const char *name, const sn_report_numbers *of) {
    sn_sink_raw(p->sink, "<tr><th scope=\"row\">");
    sn_sink_html(p->sink, name);
    sn_sink_raw(p->sink, "</th><td>");
    sn_sink_integer(p->sink, of->images);
    sn_sink_raw(p->sink, "</td><td>");
    sn_sink_integer(p->sink, of->defective);
    for (int i = 0; i < SN_REPORT_COLUMNS; i++) {
        sn_sink_raw(p->sink, "</td><td>");
        put_share(p->sink, of->values[i]);
    }
    sn_sink_raw(p->sink, "</td></tr>\n");
}

static void put_categories(const page *p) {
    sn_sink_raw(p->sink, "<thead><tr><th scope=\"col\">Category</th><th scope=\"col\">Pictures</th>"
                         "<th scope=\"col\">Defective</th>");
    for (int i = 0; i < SN_REPORT_COLUMNS; i++) {
        sn_sink_raw(p->sink, "<th scope=\"col\">");
        sn_sink_raw(p->sink, sn_report_columns[i].title);
        sn_sink_raw(p->sink, "</th>");
    }
    sn_sink_raw(p->sink, "</tr></thead>\n<tbody>\n");
    const size_t count = p->report->category_count;
    for (size_t i = 0; i < count; i++)
        put_row(p, p->report->categories[i].name, &p->numbers[i]);
    sn_sink_raw(p->sink, "</tbody>\n");
    if (count > 1) {
        sn_sink_raw(p->sink, "<tfoot>\n");
        put_row(p, "Mean", &p->numbers[count]);
        sn_sink_raw(p->sink, "</tfoot>\n");
    }
}

static void put_model(const page *p) {
    for (size_t i = 0; i < p->report->fact_count; i++) {
        sn_sink_raw(p->sink, "<div><dt>");
        sn_sink_html(p->sink, p->report->facts[i].name);
        sn_sink_raw(p->sink, "</dt><dd>");
        sn_sink_html(p->sink, p->report->facts[i].value);
        sn_sink_raw(p->sink, "</dd></div>\n");
    }
}

static double point_value(const snarm_curve *curve, size_t i, int which) {
    const snarm_curve_point *point = &curve->points[i];
    const double hits = (double)point->true_positives, alarms = (double)point->false_positives;
    switch (which) {
    case 0:
        return (double)point->threshold; /* infinity becomes null */
    case 1:
        return alarms / (double)curve->negatives;
    case 2:
        return hits / (double)curve->positives;
    default:
        return hits + alarms > 0 ? hits / (hits + alarms) : 1;
    }
}

static void put_curve(sn_sink *sink, const char *key, const snarm_curve *curve) {
    static const char *const names[] = {"threshold", "fpr", "tpr", "precision"};
    sn_sink_json(sink, key);
    sn_sink_raw(sink, ":{\"positives\":");
    sn_sink_integer(sink, curve->positives);
    sn_sink_raw(sink, ",\"negatives\":");
    sn_sink_integer(sink, curve->negatives);
    for (int which = 0; which < 4; which++) {
        sn_sink_raw(sink, ",");
        sn_sink_json(sink, names[which]);
        sn_sink_raw(sink, ":[");
        for (size_t i = 0; i < curve->count; i++) {
            sn_sink_raw(sink, i > 0 ? "," : "");
            sn_sink_number(sink, point_value(curve, i, which), which == 0 ? FLOAT_DIGITS : SHARE_DIGITS);
        }
        sn_sink_raw(sink, "]");
    }
    sn_sink_raw(sink, "}");
}

static void put_category(const page *p, size_t i) {
    const sn_report_category *category = &p->report->categories[i];
    sn_sink_raw(p->sink, i > 0 ? ",\n{\"name\":" : "{\"name\":");
    sn_sink_json(p->sink, category->name);
    for (int column = 0; column < SN_REPORT_COLUMNS; column++) {
        sn_sink_raw(p->sink, ",");
        sn_sink_json(p->sink, sn_report_columns[column].key);
        sn_sink_raw(p->sink, ":");
        sn_sink_number(p->sink, p->numbers[i].values[column], 12);
    }
    sn_sink_raw(p->sink, ",");
    put_curve(p->sink, "image_curve", &p->numbers[i].image_curve);
    sn_sink_raw(p->sink, ",");
    put_curve(p->sink, "pixel_curve", &category->pixel_curve);
    sn_sink_raw(p->sink, "}");
}

static void put_picture(sn_sink *sink, const char *key, const sn_bytes *bytes) {
    sn_sink_raw(sink, ",");
    sn_sink_json(sink, key);
    sn_sink_raw(sink, ":\"");
    sn_sink_base64(sink, bytes->data, bytes->size);
    sn_sink_raw(sink, "\"");
}

static void put_item(const page *p, size_t i) {
    const sn_report_item *item = &p->report->items[i];
    sn_sink_raw(p->sink, i > 0 ? ",\n{\"name\":" : "{\"name\":");
    sn_sink_json(p->sink, item->name);
    sn_sink_raw(p->sink, ",\"category\":");
    sn_sink_integer(p->sink, item->category);
    sn_sink_raw(p->sink, ",\"defect\":");
    sn_sink_json(p->sink, item->defect);
    sn_sink_raw(p->sink, ",\"anomalous\":");
    sn_sink_raw(p->sink, item->anomalous ? "true" : "false");
    sn_sink_raw(p->sink, ",\"score\":");
    sn_sink_number(p->sink, (double)item->score, FLOAT_DIGITS);
    sn_sink_raw(p->sink, ",\"normalized\":");
    sn_sink_number(p->sink, (double)item->normalized, FLOAT_DIGITS);
    sn_sink_raw(p->sink, ",\"width\":");
    sn_sink_integer(p->sink, (uint64_t)item->width);
    sn_sink_raw(p->sink, ",\"height\":");
    sn_sink_integer(p->sink, (uint64_t)item->height);
    put_picture(p->sink, "image", &item->image);
    put_picture(p->sink, "map", &item->map);
    put_picture(p->sink, "mask", &item->mask);
    sn_sink_raw(p->sink, "}");
}

/* Some colours of the maps' scale, for its legend. */
static void put_scale(sn_sink *sink) {
    enum { STOPS = 9 };
    uint8_t scale[SN_HEAT_STEPS][3];
    sn_heat_scale(scale);
    for (int i = 0; i < STOPS; i++) {
        const uint8_t *colour = scale[i * (SN_HEAT_STEPS - 1) / (STOPS - 1)];
        char text[16];
        snprintf(text, sizeof text, "%s\"#%02x%02x%02x\"", i > 0 ? "," : "", (unsigned)colour[0],
                 (unsigned)colour[1], (unsigned)colour[2]);
        sn_sink_raw(sink, text);
    }
}

static void put_data(const page *p) {
    const snarm_report *report = p->report;
    sn_sink_raw(p->sink, "{\"version\":1,\"title\":");
    sn_sink_json(p->sink, report->title);
    sn_sink_raw(p->sink, ",\"threshold\":");
    sn_sink_number(p->sink, (double)report->threshold, FLOAT_DIGITS);
    sn_sink_raw(p->sink, ",\"map_threshold\":");
    sn_sink_number(p->sink, (double)report->map_threshold, FLOAT_DIGITS);
    sn_sink_raw(p->sink, ",\"scale\":[");
    put_scale(p->sink);
    sn_sink_raw(p->sink, "],\n\"categories\":[");
    for (size_t i = 0; i < report->category_count; i++)
        put_category(p, i);
    sn_sink_raw(p->sink, "],\n\"items\":[");
    for (size_t i = 0; i < report->item_count; i++)
        put_item(p, i);
    sn_sink_raw(p->sink, "]}");
}

static const struct {
    const char *mark;
    void (*put)(const page *p);
} parts[] = {{"{{TITLE}}", put_title},           {"{{STYLE}}", put_style},  {"{{SUMMARY}}", put_summary},
             {"{{HEADLINE}}", put_headline},     {"{{MODEL}}", put_model},  {"{{DATA}}", put_data},
             {"{{CATEGORIES}}", put_categories}, {"{{SCRIPT}}", put_script}};

void sn_report_page_write(const snarm_report *report, const sn_report_numbers *numbers, sn_sink *sink) {
    const page p = {report, numbers, sink};
    const char *text = sn_report_page, *const end = sn_report_page + sn_report_page_size;
    while (text < end) {
        const char *mark = text;
        while (mark < end && *mark != '{')
            mark++;
        sn_sink_bytes(sink, text, (size_t)(mark - text));
        text = mark;
        for (size_t i = 0; i < sizeof parts / sizeof *parts && text == mark && mark < end; i++) {
            const size_t length = strlen(parts[i].mark);
            if ((size_t)(end - mark) >= length && memcmp(mark, parts[i].mark, length) == 0) {
                parts[i].put(&p);
                text = mark + length;
            }
        }
        if (text == mark && mark < end)
            sn_sink_bytes(sink, text++, 1);
    }
}
