#include "snarm/metrics.h"

#include "core/memory.h"
#include "core/threads.h"
#include "metrics/curve.h"
#include "metrics/pixel_curve.h"
#include "metrics/pixel_store.h"
#include "metrics/points.h"
#include "metrics/regions.h"

#include <math.h>

enum { SIDE_MAX = 65500 };
static const double DEFAULT_FPR_LIMIT = 0.3;

struct snarm_pixel_metrics {
    double fpr_limit;
    int threads;
    uint64_t images;
    uint32_t *labels; /* of the map being added */
    size_t label_capacity;
    sn_pixel_store store;
};

snarm_status snarm_pixel_metrics_create(snarm_pixel_metrics **out,
                                        const snarm_pixel_metrics_options *options) {
    if (out == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_pixel_metrics_create: out is NULL");
    *out = NULL;
    snarm_pixel_metrics_options own;
    snarm_pixel_metrics_options_init(&own);
    SN_TRY(sn_options_read(&own, sizeof own, options, sizeof own, "snarm_pixel_metrics_options"));
    if (own.fpr_limit == 0.0)
        own.fpr_limit = DEFAULT_FPR_LIMIT;
    if (!(own.fpr_limit > 0.0 && own.fpr_limit <= 1.0))
        return sn_error(SNARM_ERROR_ARGUMENT,
                        "snarm_pixel_metrics_create: fpr_limit is %g, expected above 0 and at most 1",
                        own.fpr_limit);
    if (own.threads < 0 || own.threads > SN_THREADS_MAX)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_pixel_metrics_create: threads is %d, expected 0..%d",
                        (int)own.threads, SN_THREADS_MAX);
    SN_TRY(sn_alloc_zeroed(out, 1, sizeof **out, "snarm_pixel_metrics"));
    (*out)->fpr_limit = own.fpr_limit;
    (*out)->threads = sn_threads_resolve(own.threads);
    return SNARM_OK;
}

static snarm_status check_scores(const float *map, int32_t width, int32_t height) {
    size_t count = (size_t)width * (size_t)height;
    int bad = 0;
    for (size_t i = 0; i < count; i++)
        bad |= isnan(map[i]) != 0;
    for (size_t i = 0; bad && i < count; i++)
        if (isnan(map[i]))
            return sn_error(SNARM_ERROR_ARGUMENT,
                            "snarm_pixel_metrics_add: the map is NaN at x %zu, y %zu, a number expected",
                            i % (size_t)width, i / (size_t)width);
    return SNARM_OK;
}

/* Leaves the regions' numbers in handle->labels. */
static snarm_status label(snarm_pixel_metrics *handle, const uint8_t *mask, int32_t width, int32_t height,
                          uint32_t *regions, size_t *defects) {
    size_t count = (size_t)width * (size_t)height;
    if (count > handle->label_capacity) {
        SN_TRY(
            sn_resize(&handle->labels, 0, count, sizeof *handle->labels, "snarm_pixel_metrics_add: regions"));
        handle->label_capacity = count;
    }
    *regions = sn_label_regions(mask, handle->labels, width, height);
    *defects = 0;
    for (size_t i = 0; i < count; i++)
        *defects += handle->labels[i] != 0;
    return SNARM_OK;
}

snarm_status snarm_pixel_metrics_add(snarm_pixel_metrics *handle, const float *map, const uint8_t *mask,
                                     int32_t width, int32_t height) {
    if (handle == NULL || map == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_pixel_metrics_add: %s is NULL",
                        handle == NULL ? "handle" : "map");
    if (width < 1 || width > SIDE_MAX || height < 1 || height > SIDE_MAX)
        return sn_error(SNARM_ERROR_ARGUMENT,
                        "snarm_pixel_metrics_add: the map is %d x %d, expected sides of 1..%d", (int)width,
                        (int)height, SIDE_MAX);
    size_t count = (size_t)width * (size_t)height;
    uint64_t held = (uint64_t)handle->store.normal_count + handle->store.defect_count;
    if (count > UINT32_MAX - held)
        return sn_error(
            SNARM_ERROR_UNSUPPORTED,
            "snarm_pixel_metrics_add: %zu more pixels would make %llu, at most 4294967295 are supported",
            count, (unsigned long long)(held + count));
    SN_TRY(check_scores(map, width, height));
    uint32_t regions = 0;
    size_t defects = 0;
    if (mask != NULL)
        SN_TRY(label(handle, mask, width, height, &regions, &defects));
    SN_TRY(sn_pixel_store_reserve(&handle->store, count - defects, defects, regions));
    sn_pixel_store_append(&handle->store, map, defects > 0 ? handle->labels : NULL, count, regions);
    handle->images++;
    return SNARM_OK;
}

/* The per-region overlap as a function of the false positive rate, integrated while the threshold moves
 * down. The abscissa is in false positives rather than rates, so that its steps are exact. */
typedef struct overlap_area {
    double limit; /* in false positives */
    double false_positives;
    double overlap; /* sum over the regions, not yet their mean */
    double area;
} overlap_area;

/* A straight line from where the curve is, so many false positives further and up to the given overlap. */
static void draw(overlap_area *curve, double false_positives, double overlap) {
    if (curve->false_positives < curve->limit && false_positives > 0.0) {
        double width = fmin(false_positives, curve->limit - curve->false_positives);
        double rise = (overlap - curve->overlap) * (width / false_positives);
        curve->area += width * (curve->overlap + 0.5 * rise);
    }
    curve->false_positives += false_positives;
    curve->overlap = overlap;
}

static void sweep(const sn_pixel_store *store, const sn_pixel_gap *gaps, double fpr_limit,
                  snarm_pixel_metrics_result *out) {
    double normals = (double)store->normal_count, regions = (double)store->region_count;
    overlap_area overlap = {.limit = fpr_limit * normals};
    sn_curve curve;
    sn_curve_begin(&curve, store->defect_count, store->normal_count);
    for (size_t end = store->defect_count; end > 0;) {
        uint32_t key = sn_defect_key(store->defects[end - 1]);
        size_t begin = end;
        double found = overlap.overlap;
        for (; begin > 0 && sn_defect_key(store->defects[begin - 1]) == key; begin--)
            found += store->weights[sn_defect_region(store->defects[begin - 1])];
        sn_curve_step(&curve, key, gaps[begin].above, gaps[begin].equal, end - begin);
        /* Flat over the normal pixels between two defective scores; rounding must not find more than there
         * is. */
        draw(&overlap, gaps[begin].above, overlap.overlap);
        draw(&overlap, gaps[begin].equal, fmin(found, regions));
        end = begin;
    }
    draw(&overlap, normals - overlap.false_positives, overlap.overlap);
    sn_curve_end(&curve, &out->pixels);
    out->aupro =
        store->region_count > 0 && store->normal_count > 0 ? overlap.area / (overlap.limit * regions) : NAN;
}

snarm_status snarm_pixel_metrics_finish(snarm_pixel_metrics *handle, snarm_pixel_metrics_result *out) {
    if (handle == NULL || out == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_pixel_metrics_finish: %s is NULL",
                        handle == NULL ? "handle" : "out");
    sn_pixel_gap *gaps;
    int former = sn_threads_enter(handle->threads);
    snarm_status status = sn_pixel_store_arrange(&handle->store, handle->threads, &gaps);
    sn_threads_leave(former);
    if (status != SNARM_OK)
        return status;
    sweep(&handle->store, gaps, handle->fpr_limit, out);
    out->regions = handle->store.region_count;
    out->images = handle->images;
    sn_free(gaps);
    return SNARM_OK;
}

snarm_status snarm_pixel_metrics_curve(snarm_pixel_metrics *handle, size_t limit, snarm_curve *out) {
    if (handle == NULL || out == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_pixel_metrics_curve: %s is NULL",
                        handle == NULL ? "handle" : "out");
    SN_TRY(sn_points_check_limit(limit, "snarm_pixel_metrics_curve"));
    sn_pixel_gap *gaps;
    int former = sn_threads_enter(handle->threads);
    snarm_status status = sn_pixel_store_arrange(&handle->store, handle->threads, &gaps);
    sn_threads_leave(former);
    if (status != SNARM_OK)
        return status;
    status = sn_pixel_curve(&handle->store, gaps, limit, out);
    sn_free(gaps);
    return status;
}

void snarm_pixel_metrics_destroy(snarm_pixel_metrics *handle) {
    if (handle == NULL)
        return;
    sn_pixel_store_release(&handle->store);
    sn_free(handle->labels);
    sn_free(handle);
}
