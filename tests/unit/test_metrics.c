/* Score and pixel metrics: cases worked out by hand, and random ones against the definitions spelled out
 * slowly. */
#include "snarm/metrics.h"

#include "core/keys.h"
#include "core/radix_sort.h"
#include "core/rng.h"
#include "core/threads.h"
#include "metrics/pixel_store.h"
#include "metrics/regions.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ck_near(value, expected) ck_assert_double_eq_tol(value, expected, 1e-12)

START_TEST(keys_keep_the_order) {
    const float rising[] = {-INFINITY, -3.5f, -1e-40f, 0.0f, 1e-40f, 0.1f, 0.5f, 1e30f, INFINITY};
    for (size_t i = 0; i < sizeof rising / sizeof *rising; i++) {
        ck_assert(sn_key_score(sn_score_key(rising[i])) == rising[i]);
        if (i > 0)
            ck_assert_uint_lt(sn_score_key(rising[i - 1]), sn_score_key(rising[i]));
    }
    ck_assert_uint_eq(sn_score_key(-0.0f), sn_score_key(0.0f));
}
END_TEST

START_TEST(sorts_on_any_number_of_threads) {
    enum { COUNT = 200001 };
    uint64_t *items = malloc(COUNT * sizeof *items), *scratch = malloc(COUNT * sizeof *scratch);
    uint32_t *keys = malloc(COUNT * sizeof *keys), *key_scratch = malloc(COUNT * sizeof *key_scratch);
    for (int threads = 1; threads <= 5; threads += 2) {
        sn_rng rng;
        sn_rng_seed(&rng, 7, 0);
        uint64_t key_sum = 0;
        for (uint32_t i = 0; i < COUNT; i++) {
            keys[i] = (uint32_t)sn_rng_next(&rng);
            key_sum += keys[i];
            items[i] = (uint64_t)sn_rng_below(&rng, 1000) * 0x00400007u << 32 | i;
        }
        int former = sn_threads_enter(threads);
        sn_radix_sort_keys(keys, key_scratch, COUNT, threads);
        sn_radix_sort_items(items, scratch, COUNT, threads);
        sn_threads_leave(former);
        /* Items were numbered as they came, so a stable sort by key leaves whole items ascending. */
        key_sum -= keys[0];
        for (uint32_t i = 1; i < COUNT; i++) {
            ck_assert(keys[i - 1] <= keys[i] && items[i - 1] < items[i]);
            key_sum -= keys[i];
        }
        ck_assert_uint_eq(key_sum, 0);
    }
    free(items), free(scratch), free(keys), free(key_scratch);
}
END_TEST

START_TEST(scores_by_hand) {
    /* The classic four. */
    const float scores[] = {0.1f, 0.4f, 0.35f, 0.8f};
    const uint8_t labels[] = {0, 0, 1, 255};
    snarm_score_metrics got;
    ck_ok(snarm_metrics_scores(scores, labels, 4, &got));
    ck_near(got.auroc, 0.75);
    ck_near(got.average_precision, 0.5 * 1.0 + 0.5 * (2.0 / 3.0));
    ck_near(got.f1_max, 0.8);
    ck_near(got.f1_max_threshold, 0.35f);
    ck_assert_uint_eq(got.positives, 2);
    ck_assert_uint_eq(got.negatives, 2);
    /* One value for all: a coin. */
    const float same[] = {2.0f, 2.0f, 2.0f, 2.0f, 2.0f};
    const uint8_t some[] = {1, 0, 0, 1, 0};
    ck_ok(snarm_metrics_scores(same, some, 5, &got));
    ck_near(got.auroc, 0.5);
    ck_near(got.average_precision, 0.4);
    ck_near(got.f1_max, 2 * 0.4 / 1.4);
    ck_near(got.f1_max_threshold, 2.0);
    /* Zero has two signs but is one score; infinities are ordered. */
    const float signs[] = {-0.0f, 0.0f, INFINITY, -INFINITY};
    const uint8_t signed_labels[] = {1, 0, 1, 0};
    ck_ok(snarm_metrics_scores(signs, signed_labels, 4, &got));
    ck_near(got.auroc, (0.5 + 1 + 1 + 1) / 4);
    /* F1 is 2/3 at 3 (1 of 1 found, 1 of 2) and at 1 (2 of 4): the higher threshold is named. */
    const float twice[] = {3.0f, 2.0f, 1.5f, 1.0f};
    const uint8_t twice_labels[] = {1, 0, 0, 1};
    ck_ok(snarm_metrics_scores(twice, twice_labels, 4, &got));
    ck_near(got.f1_max, 2.0 / 3.0);
    ck_near(got.f1_max_threshold, 3.0);
}
END_TEST

START_TEST(scores_without_both_kinds) {
    const float scores[] = {1.0f, 2.0f};
    for (uint8_t label = 0; label < 2; label++) {
        const uint8_t labels[] = {label, label};
        snarm_score_metrics got;
        ck_ok(snarm_metrics_scores(scores, labels, 2, &got));
        ck_assert(isnan(got.auroc) && isnan(got.average_precision));
        ck_assert(isnan(got.f1_max) && isnan(got.f1_max_threshold));
        ck_assert_uint_eq(got.positives, label * 2u);
        ck_assert_uint_eq(got.negatives, 2u - label * 2u);
    }
    snarm_score_metrics none;
    ck_ok(snarm_metrics_scores(NULL, NULL, 0, &none));
    ck_assert(isnan(none.auroc) && none.positives == 0 && none.negatives == 0);
}
END_TEST

START_TEST(scores_refused) {
    const float scores[] = {1.0f, NAN};
    const uint8_t labels[] = {0, 1};
    snarm_score_metrics got = {.auroc = 5.0};
    ck_fails(snarm_metrics_scores(scores, labels, 2, &got), SNARM_ERROR_ARGUMENT, "scores[1] is NaN");
    ck_assert(got.auroc == 5.0);
    ck_fails(snarm_metrics_scores(NULL, labels, 2, &got), SNARM_ERROR_ARGUMENT, "scores is NULL");
    ck_fails(snarm_metrics_scores(scores, NULL, 2, &got), SNARM_ERROR_ARGUMENT, "labels is NULL");
    ck_fails(snarm_metrics_scores(scores, labels, 2, NULL), SNARM_ERROR_ARGUMENT, "out is NULL");
}
END_TEST

/* The definitions, spelled out: every score is tried as a threshold, every pixel is looked at for each. */

static snarm_score_metrics slow_scores(const float *scores, const uint8_t *labels, size_t count) {
    snarm_score_metrics out = {NAN, NAN, NAN, NAN, 0, 0};
    for (size_t i = 0; i < count; i++)
        labels[i] != 0 ? out.positives++ : out.negatives++;
    if (out.positives == 0 || out.negatives == 0)
        return out;
    double pairs = 0, precision_sum = 0;
    out.f1_max = -1;
    for (size_t i = 0; i < count; i++) {
        uint64_t hits = 0, alarms = 0;
        for (size_t j = 0; j < count; j++) {
            if (labels[i] != 0 && labels[j] == 0)
                pairs += scores[i] > scores[j] ? 1.0 : scores[i] == scores[j] ? 0.5 : 0.0;
            if (scores[j] >= scores[i])
                labels[j] != 0 ? hits++ : alarms++;
        }
        double precision = (double)hits / (double)(hits + alarms),
               recall = (double)hits / (double)out.positives;
        /* Each positive brings its share of the recall at the precision of its own threshold. */
        precision_sum += labels[i] != 0 ? precision : 0.0;
        double f1 = hits == 0 ? 0.0 : 2 * precision * recall / (precision + recall);
        if (f1 > out.f1_max + 1e-13 || (f1 > out.f1_max - 1e-13 && scores[i] > out.f1_max_threshold)) {
            out.f1_max = f1;
            out.f1_max_threshold = scores[i];
        }
    }
    out.auroc = pairs / ((double)out.positives * (double)out.negatives);
    out.average_precision = precision_sum / (double)out.positives;
    return out;
}

typedef struct picture {
    int width, height;
    bool masked;
    float map[400];
    uint8_t mask[400];
} picture;

/* Floods the region of a pixel, corner to corner. */
static void flood(const picture *image, int *regions, int x, int y, int number) {
    if (x < 0 || x >= image->width || y < 0 || y >= image->height)
        return;
    int here = y * image->width + x;
    if (!image->masked || image->mask[here] == 0 || regions[here] != 0)
        return;
    regions[here] = number;
    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++)
            flood(image, regions, x + dx, y + dy, number);
}

static int by_falling_score(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

enum { SLOW_PIXELS = 4000, SLOW_PICTURES = 10 };

static double slow_aupro(const picture *images, int count, double limit, uint64_t *region_count) {
    static float thresholds[SLOW_PIXELS];
    static int regions[SLOW_PICTURES][400];
    size_t pixels = 0;
    int numbers = 0, normals = 0;
    memset(regions, 0, sizeof regions);
    for (int i = 0; i < count; i++)
        for (int y = 0; y < images[i].height; y++)
            for (int x = 0; x < images[i].width; x++) {
                int here = y * images[i].width + x;
                if (images[i].masked && images[i].mask[here] != 0 && regions[i][here] == 0)
                    flood(&images[i], regions[i], x, y, ++numbers);
                normals += regions[i][here] == 0;
                thresholds[pixels++] = images[i].map[here];
            }
    *region_count = (uint64_t)numbers;
    if (numbers == 0 || normals == 0)
        return NAN;
    qsort(thresholds, pixels, sizeof *thresholds, by_falling_score);
    double area = 0, rate = 0, overlap = 0;
    for (size_t t = 0; t < pixels; t++) {
        if (t > 0 && thresholds[t] == thresholds[t - 1])
            continue;
        static int sizes[SLOW_PIXELS + 1], found[SLOW_PIXELS + 1];
        memset(sizes, 0, sizeof sizes);
        memset(found, 0, sizeof found);
        for (int i = 0; i < count; i++)
            for (int p = 0; p < images[i].width * images[i].height; p++) {
                sizes[regions[i][p]]++;
                found[regions[i][p]] += images[i].map[p] >= thresholds[t];
            }
        double next_rate = (double)found[0] / normals, next_overlap = 0;
        for (int r = 1; r <= numbers; r++)
            next_overlap += (double)found[r] / sizes[r] / numbers;
        if (next_rate > limit) {
            double middle = overlap + (next_overlap - overlap) * (limit - rate) / (next_rate - rate);
            return (area + (limit - rate) * (overlap + middle) / 2) / limit;
        }
        area += (next_rate - rate) * (overlap + next_overlap) / 2;
        rate = next_rate, overlap = next_overlap;
    }
    return area / limit;
}

static void add_picture(snarm_pixel_metrics *handle, const picture *image) {
    ck_ok(snarm_pixel_metrics_add(handle, image->map, image->masked ? image->mask : NULL, image->width,
                                  image->height));
}

static void check_same(double got, double expected) {
    ck_assert_msg(isnan(expected) ? isnan(got) : fabs(got - expected) <= 1e-12, "%.15g, expected %.15g", got,
                  expected);
}

static void check_result(const snarm_pixel_metrics_result *got, const picture *images, int count,
                         double limit) {
    static float scores[SLOW_PIXELS];
    static uint8_t labels[SLOW_PIXELS];
    size_t pixels = 0;
    for (int i = 0; i < count; i++)
        for (int p = 0; p < images[i].width * images[i].height; p++) {
            scores[pixels] = images[i].map[p];
            labels[pixels++] = images[i].masked && images[i].mask[p] != 0;
        }
    snarm_score_metrics slow = slow_scores(scores, labels, pixels), fast;
    ck_ok(snarm_metrics_scores(scores, labels, pixels, &fast));
    for (int which = 0; which < 2; which++) {
        const snarm_score_metrics *metrics = which == 0 ? &fast : &got->pixels;
        check_same(metrics->auroc, slow.auroc);
        check_same(metrics->average_precision, slow.average_precision);
        check_same(metrics->f1_max, slow.f1_max);
        check_same(metrics->f1_max_threshold, slow.f1_max_threshold);
        ck_assert_uint_eq(metrics->positives, slow.positives);
        ck_assert_uint_eq(metrics->negatives, slow.negatives);
    }
    uint64_t regions;
    check_same(got->aupro, slow_aupro(images, count, limit, &regions));
    ck_assert_uint_eq(got->regions, regions);
    ck_assert_uint_eq(got->images, (uint64_t)count);
}

static void make_picture(picture *image, sn_rng *rng) {
    image->width = 1 + (int)sn_rng_below(rng, 20);
    image->height = 1 + (int)sn_rng_below(rng, 20);
    image->masked = sn_rng_below(rng, 4) != 0;
    double share = sn_rng_uniform(rng) * sn_rng_uniform(rng);
    uint64_t levels = 1 + sn_rng_below(rng, 12);
    for (int p = 0; p < 400; p++) {
        image->mask[p] = sn_rng_uniform(rng) < share ? (uint8_t)(1 + sn_rng_below(rng, 255)) : 0;
        image->map[p] =
            ((float)sn_rng_below(rng, levels) - 3.0f + (image->mask[p] != 0 ? 1.0f : 0.0f)) / 7.0f;
    }
}

START_TEST(agrees_with_the_definitions) {
    const double limits[] = {0.3, 1.0, 0.05};
    sn_rng rng;
    sn_rng_seed(&rng, 11, 0);
    static picture images[SLOW_PICTURES];
    for (int round = 0; round < 60; round++) {
        snarm_pixel_metrics_options options;
        snarm_pixel_metrics_options_init(&options);
        options.fpr_limit = limits[round % 3];
        options.threads = 1 + round % 4;
        snarm_pixel_metrics *handle;
        ck_ok(snarm_pixel_metrics_create(&handle, &options));
        int count = 1 + (int)sn_rng_below(&rng, 4);
        for (int i = 0; i < count; i++) {
            make_picture(&images[i], &rng);
            add_picture(handle, &images[i]);
        }
        snarm_pixel_metrics_result got;
        ck_ok(snarm_pixel_metrics_finish(handle, &got));
        check_result(&got, images, count, options.fpr_limit);
        snarm_pixel_metrics_destroy(handle);
    }
}
END_TEST

START_TEST(order_and_interruptions_do_not_matter) {
    static picture images[SLOW_PICTURES];
    sn_rng rng;
    sn_rng_seed(&rng, 12, 0);
    for (int i = 0; i < SLOW_PICTURES; i++)
        make_picture(&images[i], &rng);
    snarm_pixel_metrics *forward, *backward;
    ck_ok(snarm_pixel_metrics_create(&forward, NULL));
    ck_ok(snarm_pixel_metrics_create(&backward, NULL));
    snarm_pixel_metrics_result a, b;
    for (int i = 0; i < SLOW_PICTURES; i++) {
        add_picture(forward, &images[i]);
        ck_ok(snarm_pixel_metrics_finish(forward, &a));
        check_result(&a, images, i + 1, 0.3);
        add_picture(backward, &images[SLOW_PICTURES - 1 - i]);
    }
    ck_ok(snarm_pixel_metrics_finish(backward, &b));
    ck_assert(a.pixels.auroc == b.pixels.auroc && a.pixels.average_precision == b.pixels.average_precision);
    ck_assert(a.pixels.f1_max == b.pixels.f1_max && a.regions == b.regions);
    ck_near(a.aupro, b.aupro);
    snarm_pixel_metrics_destroy(forward);
    snarm_pixel_metrics_destroy(backward);
}
END_TEST

START_TEST(overlap_by_hand) {
    /* A region of one pixel found at 4, one of four pixels found half at 3 and wholly at 1; ten normal
     * pixels, one at 3, five at 2, four at 0. The curve's points: (0, 0.5), (0.1, 0.75), (0.6, 0.75),
     * (0.6, 1), (1, 1). */
    const float map[] = {4, 0, 2, 3, 3, 0, 2, 2, 1, 1, 0, 0, 2, 2, 3};
    const uint8_t mask[] = {1, 0, 0, 9, 9, 0, 0, 0, 9, 9, 0, 0, 0, 0, 0};
    const double limits[] = {0.05, 0.1, 0.3, 0.6, 1.0};
    const double expected[] = {0.5625, 0.625, (0.0625 + 0.15) / 0.3, (0.0625 + 0.375) / 0.6,
                               0.0625 + 0.375 + 0.4};
    for (int i = 0; i < 5; i++) {
        snarm_pixel_metrics_options options;
        snarm_pixel_metrics_options_init(&options);
        options.fpr_limit = limits[i];
        snarm_pixel_metrics *handle;
        ck_ok(snarm_pixel_metrics_create(&handle, &options));
        ck_ok(snarm_pixel_metrics_add(handle, map, mask, 5, 3));
        snarm_pixel_metrics_result got;
        ck_ok(snarm_pixel_metrics_finish(handle, &got));
        ck_near(got.aupro, expected[i]);
        ck_assert_uint_eq(got.regions, 2);
        snarm_pixel_metrics_destroy(handle);
    }
}
END_TEST

START_TEST(regions_touch_by_corners) {
    const uint8_t mask[] = {1, 0, 0, 0, 1, 0, 1, /* a V, whose left arm and foot meet at corners, */
                            0, 1, 0, 1, 0, 0, 0, /* its right arm too; beside it two single pixels, */
                            0, 0, 1, 0, 0, 0, 1, /* both two columns away; below, */
                            0, 0, 0, 0, 0, 0, 0, /* after an empty row, */
                            1, 0, 1, 0, 1, 0, 1, /* a comb, whose teeth join last */
                            1, 1, 1, 1, 1, 1, 1};
    uint32_t labels[42];
    ck_assert_uint_eq(sn_label_regions(mask, labels, 7, 6), 4);
    const uint32_t expected[] = {1, 0, 0, 0, 1, 0, 2, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3,
                                 0, 0, 0, 0, 0, 0, 0, 4, 0, 4, 0, 4, 0, 4, 4, 4, 4, 4, 4, 4, 4};
    for (int i = 0; i < 42; i++)
        ck_assert_uint_eq(labels[i], expected[i]);
}
END_TEST

START_TEST(pixels_without_both_kinds) {
    const float map[] = {1, 2, 3, 4};
    const uint8_t empty[] = {0, 0, 0, 0}, full[] = {1, 1, 1, 1};
    snarm_pixel_metrics_result got;
    snarm_pixel_metrics *handle;
    ck_ok(snarm_pixel_metrics_create(&handle, NULL));
    ck_ok(snarm_pixel_metrics_finish(handle, &got));
    ck_assert(isnan(got.aupro) && isnan(got.pixels.auroc) && got.images == 0);
    ck_ok(snarm_pixel_metrics_add(handle, map, empty, 2, 2));
    ck_ok(snarm_pixel_metrics_finish(handle, &got));
    ck_assert(isnan(got.aupro) && isnan(got.pixels.f1_max) && got.regions == 0 && got.pixels.negatives == 4);
    /* An empty mask adds no region, but its pixels are normal ones. */
    ck_ok(snarm_pixel_metrics_add(handle, map, full, 4, 1));
    ck_ok(snarm_pixel_metrics_finish(handle, &got));
    ck_near(got.pixels.auroc, 0.5);
    ck_assert(got.regions == 1 && got.images == 2 && got.pixels.positives == 4 && got.pixels.negatives == 4);
    snarm_pixel_metrics_destroy(handle);
    ck_ok(snarm_pixel_metrics_create(&handle, NULL));
    ck_ok(snarm_pixel_metrics_add(handle, map, full, 2, 2));
    ck_ok(snarm_pixel_metrics_finish(handle, &got));
    ck_assert(isnan(got.aupro) && isnan(got.pixels.auroc) && got.regions == 1);
    snarm_pixel_metrics_destroy(handle);
    snarm_pixel_metrics_destroy(NULL);
}
END_TEST

START_TEST(pixels_refused) {
    snarm_pixel_metrics *handle = (snarm_pixel_metrics *)1;
    snarm_pixel_metrics_options options;
    snarm_pixel_metrics_options_init(&options);
    options.fpr_limit = 1.5;
    ck_fails(snarm_pixel_metrics_create(&handle, &options), SNARM_ERROR_ARGUMENT, "fpr_limit is 1.5");
    ck_assert_ptr_null(handle);
    options.fpr_limit = NAN;
    ck_fails(snarm_pixel_metrics_create(&handle, &options), SNARM_ERROR_ARGUMENT, "fpr_limit is");
    options.fpr_limit = 0.0;
    options.threads = 65;
    ck_fails(snarm_pixel_metrics_create(&handle, &options), SNARM_ERROR_ARGUMENT, "threads is 65");
    options.threads = 0;
    ck_ok(snarm_pixel_metrics_create(&handle, &options));
    const float map[] = {1, 2, 3, 4}, broken[] = {1, 2, 3, NAN, 5, 6};
    const uint8_t mask[] = {1, 0, 0, 0, 0, 1};
    ck_ok(snarm_pixel_metrics_add(handle, map, mask, 2, 2));
    snarm_pixel_metrics_result before, after;
    ck_ok(snarm_pixel_metrics_finish(handle, &before));
    ck_fails(snarm_pixel_metrics_add(handle, broken, mask, 2, 3), SNARM_ERROR_ARGUMENT, "NaN at x 1, y 1");
    ck_fails(snarm_pixel_metrics_add(handle, NULL, mask, 2, 3), SNARM_ERROR_ARGUMENT, "map is NULL");
    ck_fails(snarm_pixel_metrics_add(handle, map, mask, 0, 3), SNARM_ERROR_ARGUMENT, "0 x 3");
    ck_fails(snarm_pixel_metrics_add(handle, map, mask, 3, 65501), SNARM_ERROR_ARGUMENT, "3 x 65501");
    ck_fails(snarm_pixel_metrics_finish(handle, NULL), SNARM_ERROR_ARGUMENT, "out is NULL");
    ck_fails(snarm_pixel_metrics_finish(NULL, &after), SNARM_ERROR_ARGUMENT, "handle is NULL");
    ck_ok(snarm_pixel_metrics_finish(handle, &after));
    ck_assert_mem_eq(&before, &after, sizeof before);
    /* The largest map's 4,290,250,000 pixels fit in the counters, but not beside these 4,781,500; the map,
     * which is not that large here, is not looked at before this is known. */
    static float strip[65500 * 73];
    ck_ok(snarm_pixel_metrics_add(handle, strip, NULL, 65500, 73));
    ck_fails(snarm_pixel_metrics_add(handle, strip, NULL, 65500, 65500), SNARM_ERROR_UNSUPPORTED,
             "4294967295");
    snarm_pixel_metrics_destroy(handle);
}
END_TEST

START_TEST(store_spans_chunks) {
    /* Three megapixel maps fill more than three chunks; every value occurs in each of them. */
    enum { SIDE = 1200, PIXELS = SIDE * SIDE };
    float *map = malloc(PIXELS * sizeof *map);
    uint8_t *mask = calloc(PIXELS, 1);
    sn_rng rng;
    sn_rng_seed(&rng, 13, 0);
    uint64_t normal[64] = {0}, defect[64] = {0};
    snarm_pixel_metrics *handle;
    ck_ok(snarm_pixel_metrics_create(&handle, NULL));
    for (int image = 0; image < 3; image++) {
        for (int i = 0; i < PIXELS; i++) {
            mask[i] = i / SIDE < 100 * image && i % SIDE > 500;
            unsigned level = (unsigned)sn_rng_below(&rng, mask[i] ? 64 : 56);
            map[i] = (float)level * 0.01f - 0.2f;
            (mask[i] ? defect : normal)[level]++;
        }
        ck_ok(snarm_pixel_metrics_add(handle, map, mask, SIDE, SIDE));
    }
    double positives = 0, negatives = 0, pairs = 0, precision_sum = 0, hits = 0, alarms = 0;
    for (int level = 0; level < 64; level++) {
        pairs += (double)defect[level] * (negatives + 0.5 * (double)normal[level]);
        positives += (double)defect[level];
        negatives += (double)normal[level];
    }
    for (int level = 63; level >= 0; level--) {
        hits += (double)defect[level];
        alarms += (double)normal[level];
        precision_sum += (double)defect[level] * hits / (hits + alarms);
    }
    snarm_pixel_metrics_result got;
    ck_ok(snarm_pixel_metrics_finish(handle, &got));
    ck_near(got.pixels.auroc, pairs / positives / negatives);
    ck_near(got.pixels.average_precision, precision_sum / positives);
    ck_assert_uint_eq(got.regions, 2);
    ck_assert_double_eq(negatives, (double)got.pixels.negatives);
    snarm_pixel_metrics_destroy(handle);
    free(map), free(mask);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("metrics");
    TCase *cases = tcase_create("metrics");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, keys_keep_the_order);
    tcase_add_test(cases, sorts_on_any_number_of_threads);
    tcase_add_test(cases, scores_by_hand);
    tcase_add_test(cases, scores_without_both_kinds);
    tcase_add_test(cases, scores_refused);
    tcase_add_test(cases, agrees_with_the_definitions);
    tcase_add_test(cases, order_and_interruptions_do_not_matter);
    tcase_add_test(cases, overlap_by_hand);
    tcase_add_test(cases, regions_touch_by_corners);
    tcase_add_test(cases, pixels_without_both_kinds);
    tcase_add_test(cases, pixels_refused);
    tcase_add_test(cases, store_spans_chunks);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
