/* The pictures of a report: encoded when they are added, and all made smaller when they do not fit. How many
 * will come is not known, so the sizes step down while they come; each step takes a third off, so that all
 * steps together cost less than three encodings a picture. */
#include "report/report.h"

#include "core/memory.h"

#include <math.h>
#include <string.h>

enum { QUALITY = 80, QUALITY_SMALLER = 70, SIDE_MINIMUM = 16 };

static sn_thumbnail_size size_at(const snarm_report *report, int level) {
    double side = report->picture_side * pow(0.8, level);
    return (sn_thumbnail_size){side > SIDE_MINIMUM ? (int32_t)lround(side) : SIDE_MINIMUM,
                               level == 0 ? QUALITY : QUALITY_SMALLER};
}

static sn_thumbnail_size map_size(sn_thumbnail_size size) {
    size.side = size.side > 2 * SIDE_MINIMUM ? size.side / 2 : SIDE_MINIMUM;
    return size;
}

/* In the page, as base64. */
static uint64_t bytes_of(const sn_report_item *item) {
    return ((uint64_t)item->image.size + item->map.size + item->mask.size) * 4 / 3;
}

void sn_report_item_release(sn_report_item *item) {
    sn_free(item->name);
    sn_free(item->defect);
    sn_bytes_release(&item->image);
    sn_bytes_release(&item->map);
    sn_bytes_release(&item->mask);
}

static snarm_status check_size(const char *what, const void *values, int32_t width, int32_t height) {
    if (values == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_report_add: %s is NULL", what);
    if (width < 1 || width > SN_IMAGE_SIDE_MAX || height < 1 || height > SN_IMAGE_SIDE_MAX)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_report_add: the %s is %d x %d, expected sides of 1..%d",
                        what, (int)width, (int)height, (int)SN_IMAGE_SIDE_MAX);
    return SNARM_OK;
}

static snarm_status check_sample(const snarm_report_sample *sample) {
    if (sample->name == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_report_add: name is NULL");
    SN_TRY(sn_image_check(sample->image, "snarm_report_add"));
    SN_TRY(check_size("map", sample->map, sample->map_width, sample->map_height));
    if (sample->mask != NULL)
        SN_TRY(check_size("mask", sample->mask, sample->mask_width, sample->mask_height));
    if (!isfinite(sample->score) || !isfinite(sample->normalized))
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_report_add: %s is %g, expected a finite value",
                        !isfinite(sample->score) ? "score" : "normalized",
                        (double)(!isfinite(sample->score) ? sample->score : sample->normalized));
    const size_t count = (size_t)sample->map_width * (size_t)sample->map_height;
    for (size_t i = 0; i < count; i++)
        if (isnan(sample->map[i]))
            return sn_error(SNARM_ERROR_ARGUMENT, "snarm_report_add: the map is NaN at x %zu, y %zu",
                            i % (size_t)sample->map_width, i / (size_t)sample->map_width);
    return SNARM_OK;
}

static snarm_status encode(sn_report_item *item, const snarm_report *report,
                           const snarm_report_sample *sample) {
    const sn_thumbnail_size size = size_at(report, report->level);
    SN_TRY(sn_copy_string(&item->name, sample->name));
    SN_TRY(sn_copy_string(&item->defect, sample->defect != NULL ? sample->defect : ""));
    SN_TRY(sn_thumbnail_picture(&item->image, sample->image, size, sample->name));
    SN_TRY(sn_thumbnail_map(&item->map, sample->map, sample->map_width, sample->map_height,
                            2 * report->map_threshold, map_size(size), sample->name));
    if (sample->mask != NULL)
        SN_TRY(sn_thumbnail_mask(&item->mask, sample->mask, sample->mask_width, sample->mask_height,
                                 size.side, sample->name));
    return SNARM_OK;
}

/* What was encoded is kept in blocks of its own size, if there is memory for the move. */
static void trim(sn_bytes *bytes) {
    if (bytes->size > 0 && sn_resize(&bytes->data, bytes->size, bytes->size, 1, "picture") == SNARM_OK)
        bytes->capacity = bytes->size;
}

snarm_status snarm_report_add(snarm_report *report, const snarm_report_sample *sample) {
    if (report == NULL || sample == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_report_add: %s is NULL",
                        report == NULL ? "report" : "sample");
    snarm_report_sample own = {.struct_size = sizeof own};
    SN_TRY(sn_options_read(&own, sizeof own, sample, sizeof own, "snarm_report_sample"));
    SN_TRY(check_sample(&own));
    sn_report_item item = {.score = own.score,
                           .normalized = own.normalized,
                           .anomalous = own.anomalous != 0,
                           .width = own.image->width,
                           .height = own.image->height};
    const size_t categories = report->category_count;
    snarm_status status;
    SN_GOTO(status, encode(&item, report, &own), failed);
    SN_GOTO(
        status,
        sn_report_reserve(&report->items, report->item_count, &report->item_capacity, sizeof *report->items),
        failed);
    SN_GOTO(status, sn_report_find_category(report, own.category != NULL ? own.category : "", &item.category),
            failed);
    trim(&item.image), trim(&item.map), trim(&item.mask);
    report->items[report->item_count++] = item;
    report->picture_bytes += bytes_of(&item);
    /* The rest of the page takes some, too; writing counts it exactly. */
    for (bool smaller = true; smaller && report->picture_bytes > report->max_bytes / 10 * 9;) {
        status = sn_report_degrade(report, &smaller);
        if (status == SNARM_OK)
            continue;
        item = report->items[--report->item_count]; /* perhaps smaller than it was */
        report->picture_bytes -= bytes_of(&item);
        if (report->category_count > categories)
            sn_free(report->categories[--report->category_count].name);
        goto failed;
    }
    return SNARM_OK;
failed:
    sn_report_item_release(&item);
    return status;
}

static snarm_status shrink_picture(sn_bytes *out, const sn_bytes *from, sn_thumbnail_size size,
                                   const char *name) {
    snarm_image image;
    SN_TRY(snarm_image_decode(&image, from->data, from->size, name, NULL));
    snarm_status status = sn_thumbnail_picture(out, &image, size, name);
    snarm_image_release(&image);
    return status;
}

static snarm_status shrink_mask(sn_bytes *out, const sn_bytes *from, int32_t side, const char *name) {
    snarm_image mask;
    SN_TRY(snarm_image_decode(&mask, from->data, from->size, name, NULL));
    snarm_status status = sn_thumbnail_mask(out, mask.pixels, mask.width, mask.height, side, name);
    snarm_image_release(&mask);
    return status;
}

typedef struct pictures {
    sn_bytes image, map, mask;
} pictures;

static void release(pictures *all, size_t count) {
    for (size_t i = 0; i < count; i++) {
        sn_bytes_release(&all[i].image);
        sn_bytes_release(&all[i].map);
        sn_bytes_release(&all[i].mask);
    }
    sn_free(all);
}

static snarm_status shrink_item(pictures *out, const sn_report_item *item, sn_thumbnail_size size) {
    SN_TRY(shrink_picture(&out->image, &item->image, size, item->name));
    SN_TRY(shrink_picture(&out->map, &item->map, map_size(size), item->name));
    if (item->mask.size > 0)
        SN_TRY(shrink_mask(&out->mask, &item->mask, size.side, item->name));
    trim(&out->image), trim(&out->map), trim(&out->mask);
    return SNARM_OK;
}

snarm_status sn_report_degrade(snarm_report *report, bool *smaller) {
    *smaller = report->item_count > 0 && size_at(report, report->level).side > SIDE_MINIMUM;
    if (!*smaller)
        return SNARM_OK;
    pictures *all;
    SN_TRY(sn_alloc_zeroed(&all, report->item_count, sizeof *all, "smaller pictures"));
    for (size_t i = 0; i < report->item_count; i++) {
        snarm_status status = shrink_item(&all[i], &report->items[i], size_at(report, report->level + 1));
        if (status != SNARM_OK) {
            release(all, report->item_count);
            return status;
        }
    }
    report->level++;
    report->picture_bytes = 0;
    for (size_t i = 0; i < report->item_count; i++) {
        sn_report_item *item = &report->items[i];
        const pictures former = {item->image, item->map, item->mask};
        item->image = all[i].image;
        item->map = all[i].map;
        item->mask = all[i].mask;
        all[i] = former;
        report->picture_bytes += bytes_of(item);
    }
    release(all, report->item_count);
    return SNARM_OK;
}
