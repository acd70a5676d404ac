/* ROC and precision-recall points: vectors of scikit-learn, random lists against the definition, and what thinning leaves out. */
#include "snarm/metrics.h"

#include "core/rng.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ck_near(value, expected) ck_assert_double_eq_tol(value, expected, 1e-12)

static double precision(const snarm_curve_point *point) {
    double found = (double)(point->true_positives + point->false_positives);
    return found > 0 ? (double)point->true_positives / found : 1;
}

START_TEST(agrees_with_scikit_learn) {
    /* roc_curve(drop_intermediate=False) and precision_recall_curve of scikit-learn 1.9.1. */
    static const float scores[] = {0.1f, 0.4f, 0.35f, 0.8f, 0.4f, -2, 0.4f, 3, 0.8f};
    static const uint8_t labels[] = {0, 0, 1, 1, 1, 0, 0, 1, 0};
    static const double thresholds[] = {INFINITY, 3, 0.8f, 0.4f, 0.35f, 0.1f, -2};
    static const double fpr[] = {0, 0, 0.2, 0.6, 0.6, 0.8, 1}, tpr[] = {0, 0.25, 0.5, 0.75, 1, 1, 1};
    static const double precisions[] = {1, 1, 2 / 3.0, 0.5, 4 / 7.0, 0.5, 4 / 9.0};
    snarm_curve curve;
    ck_ok(snarm_metrics_curve(scores, labels, 9, 0, &curve));
    ck_assert_uint_eq(curve.count, 7);
    ck_assert(curve.positives == 4 && curve.negatives == 5);
    for (size_t i = 0; i < 7; i++) {
        ck_assert((double)curve.points[i].threshold == thresholds[i]);
        ck_near((double)curve.points[i].false_positives / 5, fpr[i]);
        ck_near((double)curve.points[i].true_positives / 4, tpr[i]);
        ck_near(precision(&curve.points[i]), precisions[i]);
    }
    snarm_curve_release(&curve);
    ck_assert(curve.points == NULL && curve.count == 0);
}
END_TEST

enum { COUNT = 6000, SIDE = 50, MAPS = 4 };

/* With ties, and with infinities. */
static void draw(sn_rng *rng, float *scores, uint8_t *labels, size_t count, double share) {
    for (size_t i = 0; i < count; i++) {
        labels[i] = sn_rng_uniform(rng) < share ? 255 : 0;
        scores[i] = (float)(sn_rng_normal(rng) + (labels[i] != 0 ? 1.5 : 0));
        if (sn_rng_below(rng, 3) == 0)
            scores[i] = roundf(scores[i] * 8) / 8;
        if (sn_rng_below(rng, 2000) == 0)
            scores[i] = sn_rng_below(rng, 2) ? INFINITY : -INFINITY;
    }
}

static void check_counts(const snarm_curve_point *point, const float *scores, const uint8_t *labels, size_t count) {
    uint64_t found[2] = {0, 0};
    bool occurs = false;
    for (size_t i = 0; i < count; i++) {
        found[labels[i] != 0] += scores[i] >= point->threshold;
        occurs |= scores[i] == point->threshold;
    }
    ck_assert(occurs);
    ck_assert_uint_eq(found[0], point->false_positives);
    ck_assert_uint_eq(found[1], point->true_positives);
}

static double distance(const snarm_curve *of, const snarm_curve_point *a, const snarm_curve_point *b) {
    double x = fabs((double)a->false_positives - (double)b->false_positives) / (double)of->negatives;
    double y = fabs((double)a->true_positives - (double)b->true_positives) / (double)of->positives;
    return fmax(fmax(x, y), fabs(precision(a) - precision(b)));
}

/* How far any point of all lies from the nearest of some. */
static double largest_gap(const snarm_curve *all, const snarm_curve *some) {
    double gap = 0;
    for (size_t i = 0, near = 0; i < all->count; i++) {
        while (near + 1 < some->count && some->points[near + 1].true_positives + some->points[near + 1].false_positives <=
                                             all->points[i].true_positives + all->points[i].false_positives)
            near++;
        double nearest = distance(all, &all->points[i], &some->points[near]);
        if (near + 1 < some->count)
            nearest = fmin(nearest, distance(all, &all->points[i], &some->points[near + 1]));
        gap = fmax(gap, nearest);
    }
    return gap;
}

START_TEST(scores_exact_and_thinned) {
    static float scores[COUNT];
    static uint8_t labels[COUNT];
    sn_rng rng;
    sn_rng_seed(&rng, 3, 0);
    for (int turn = 0; turn < 4; turn++) {
        draw(&rng, scores, labels, COUNT, turn == 3 ? 0.002 : 0.3);
        labels[7] = 1;
        snarm_curve all;
        ck_ok(snarm_metrics_curve(scores, labels, COUNT, 0, &all));
        ck_assert(isinf(all.points[0].threshold) && all.points[0].true_positives + all.points[0].false_positives == 0);
        for (size_t i = 1; i < all.count; i++) {
            ck_assert(i == 1 || all.points[i].threshold < all.points[i - 1].threshold);
            if (i % 37 == 0 || i < 5 || i + 3 > all.count)
                check_counts(&all.points[i], scores, labels, COUNT);
        }
        ck_assert_uint_eq(all.points[all.count - 1].true_positives, all.positives);
        ck_assert_uint_eq(all.points[all.count - 1].false_positives, all.negatives);
        static const size_t limits[] = {16, 100, 1000, 100000};
        for (int l = 0; l < 4; l++) {
            snarm_curve some;
            ck_ok(snarm_metrics_curve(scores, labels, COUNT, limits[l], &some));
            ck_assert_uint_le(some.count, limits[l]);
            ck_assert(limits[l] < all.count || some.count == all.count);
            ck_assert(distance(&all, &some.points[0], &all.points[0]) == 0);
            ck_assert(distance(&all, &some.points[some.count - 1], &all.points[all.count - 1]) == 0);
            for (size_t i = 1; i < some.count; i++) {
                ck_assert(i == 1 || some.points[i].threshold < some.points[i - 1].threshold);
                if (i % 17 == 0)
                    check_counts(&some.points[i], scores, labels, COUNT);
            }
            ck_assert_double_le(largest_gap(&all, &some), 6.0 / (double)limits[l]);
            snarm_curve_release(&some);
        }
        snarm_curve_release(&all);
    }
}
END_TEST

START_TEST(pixels_are_those_of_one_list) {
    static float scores[MAPS * SIDE * SIDE];
    static uint8_t labels[MAPS * SIDE * SIDE];
    sn_rng rng;
    sn_rng_seed(&rng, 4, 0);
    static const double shares[] = {0.5, 0.05, 0.0008};
    for (int turn = 0; turn < 3; turn++) {
        draw(&rng, scores, labels, MAPS * SIDE * SIDE, shares[turn]);
        labels[0] = 1;
        snarm_pixel_metrics *pixels;
        ck_ok(snarm_pixel_metrics_create(&pixels, NULL));
        for (int i = 0; i < MAPS; i++)
            ck_ok(snarm_pixel_metrics_add(pixels, scores + i * SIDE * SIDE, labels + i * SIDE * SIDE, SIDE, SIDE));
        snarm_curve all, straight, some;
        ck_ok(snarm_metrics_curve(scores, labels, MAPS * SIDE * SIDE, 0, &all));
        ck_ok(snarm_pixel_metrics_curve(pixels, 0, &straight));
        ck_ok(snarm_pixel_metrics_curve(pixels, 200, &some));
        ck_assert(straight.positives == all.positives && straight.negatives == all.negatives);
        ck_assert_uint_le(some.count, 200);
        const snarm_curve *curves[] = {&straight, &some};
        for (int c = 0; c < 2; c++) {
            /* Each is one of all. */
            for (size_t i = 0, j = 0; i < curves[c]->count; i++, j++) {
                while (j < all.count && all.points[j].true_positives + all.points[j].false_positives <
                                            curves[c]->points[i].true_positives + curves[c]->points[i].false_positives)
                    j++;
                ck_assert_uint_lt(j, all.count);
                ck_assert(all.points[j].threshold == curves[c]->points[i].threshold);
                ck_assert(all.points[j].true_positives == curves[c]->points[i].true_positives);
                ck_assert(all.points[j].false_positives == curves[c]->points[i].false_positives);
            }
            const snarm_curve_point *last = &curves[c]->points[curves[c]->count - 1];
            ck_assert(last->true_positives == all.positives && last->false_positives == all.negatives);
        }
        /* What is missing of the straight ones lies between two with as many true positives. */
        for (size_t i = 0, j = 0; i < all.count; i++) {
            while (straight.points[j].true_positives + straight.points[j].false_positives <
                   all.points[i].true_positives + all.points[i].false_positives)
                j++;
            if (straight.points[j].false_positives != all.points[i].false_positives ||
                straight.points[j].true_positives != all.points[i].true_positives)
                ck_assert(straight.points[j].true_positives == all.points[i].true_positives &&
                          straight.points[j - 1].true_positives == all.points[i].true_positives);
        }
        ck_assert_double_le(largest_gap(&straight, &some), 6.0 / 200);
        snarm_curve_release(&all), snarm_curve_release(&straight), snarm_curve_release(&some);
        snarm_pixel_metrics_destroy(pixels);
    }
}
END_TEST

START_TEST(no_curve_and_bad_arguments) {
    const float scores[] = {1, 2, NAN};
    const uint8_t labels[] = {1, 1, 1}, some[] = {0, 1, 1};
    snarm_curve curve = {.count = 5};
    ck_ok(snarm_metrics_curve(scores, labels, 2, 0, &curve));
    ck_assert(curve.points == NULL && curve.count == 0 && curve.positives == 2 && curve.negatives == 0);
    ck_ok(snarm_metrics_curve(NULL, NULL, 0, 0, &curve));
    ck_assert(curve.count == 0 && curve.positives == 0);
    curve.count = 5;
    ck_fails(snarm_metrics_curve(scores, some, 3, 0, &curve), SNARM_ERROR_ARGUMENT, "scores[2] is NaN");
    ck_fails(snarm_metrics_curve(scores, some, 2, 15, &curve), SNARM_ERROR_ARGUMENT, "limit is 15");
    ck_fails(snarm_metrics_curve(NULL, some, 2, 0, &curve), SNARM_ERROR_ARGUMENT, "scores is NULL");
    ck_fails(snarm_metrics_curve(scores, NULL, 2, 0, &curve), SNARM_ERROR_ARGUMENT, "labels is NULL");
    ck_fails(snarm_metrics_curve(scores, some, 2, 0, NULL), SNARM_ERROR_ARGUMENT, "out is NULL");
    ck_fails(snarm_pixel_metrics_curve(NULL, 0, &curve), SNARM_ERROR_ARGUMENT, "handle is NULL");
    ck_assert_uint_eq(curve.count, 5);
    snarm_pixel_metrics *pixels;
    ck_ok(snarm_pixel_metrics_create(&pixels, NULL));
    ck_fails(snarm_pixel_metrics_curve(pixels, 1, &curve), SNARM_ERROR_ARGUMENT, "limit is 1");
    ck_ok(snarm_pixel_metrics_curve(pixels, 0, &curve));
    ck_assert(curve.points == NULL && curve.count == 0);
    snarm_pixel_metrics_destroy(pixels);
    snarm_curve_release(NULL);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("curves");
    TCase *cases = tcase_create("curves");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, agrees_with_scikit_learn);
    tcase_add_test(cases, scores_exact_and_thinned);
    tcase_add_test(cases, pixels_are_those_of_one_list);
    tcase_add_test(cases, no_curve_and_bad_arguments);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
