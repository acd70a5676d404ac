/* The look-out for drift of snarm inspect --watch: sums worked out by hand, how often it is wrong, how soon it is right. */
#include "drift.h"

#include "core/rng.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIT_MAX = 200 };

/* Skewed, as scores are. */
static double draw(sn_rng *rng) {
    return exp(0.3 * sn_rng_normal(rng));
}

static drift *make(sn_rng *rng, size_t count, size_t window) {
    float fit[FIT_MAX];
    for (size_t i = 0; i < count; i++)
        fit[i] = (float)draw(rng);
    drift *d = drift_create(fit, count, window, 0);
    ck_assert_ptr_nonnull(d);
    return d;
}

START_TEST(rank_sums_by_hand) {
    const double low[] = {1, 2, 3}, high[] = {4, 5, 6}, tied_fit[] = {1, 1, 2}, tied[] = {1, 2, 2}, same[] = {7, 7, 7};
    /* U is 9, its mean 4.5, its variance 9 * 7 / 12. */
    ck_assert_double_eq_tol(drift_rank_sum(low, 3, high, 3), 4.5 / sqrt(5.25), 1e-12);
    ck_assert_double_eq_tol(drift_rank_sum(high, 3, low, 3), -4.5 / sqrt(5.25), 1e-12);
    /* U is 1 + 2.5 + 2.5; two groups of three: 9 / 12 * (7 - 48 / 30). */
    ck_assert_double_eq_tol(drift_rank_sum(tied_fit, 3, tied, 3), 1.5 / sqrt(4.05), 1e-12);
    ck_assert_double_eq(drift_rank_sum(same, 3, same, 3), 0);
    ck_assert_double_eq_tol(drift_rank_sum(low, 3, high, 1), 1.5 / sqrt(3 * 5 / 12.0), 1e-12);
}
END_TEST

START_TEST(limits) {
    /* The most unlikely of 3 against 50 has the chance 2 / (53 over 3), 8.5e-5; of 2 against 50 it has 1.5e-3. */
    ck_assert_double_eq_tol(drift_limit(3, 50), 75 / sqrt(150 * 54 / 12.0), 1e-12);
    ck_assert_double_eq(drift_limit(50, 3), drift_limit(3, 50));
    ck_assert(isinf(drift_limit(2, 50)) && isinf(drift_limit(1, 10000)) && isinf(drift_limit(3, 3)));
    /* 4 against 20: (24 over 4) is 10,626: not even the one most unlikely order, on either side. 5 against 20: 53,130 orders, of
     * which 2 have U at most 1 on each side. */
    ck_assert(isinf(drift_limit(4, 20)));
    ck_assert_double_eq_tol(drift_limit(5, 20), (50 - 1) / sqrt(100 * 26 / 12.0), 1e-12);
    /* It nears the normal distribution's from below. */
    double hundred = drift_limit(100, 100);
    ck_assert_double_lt(drift_limit(10, 50), hundred);
    ck_assert_double_lt(hundred, 3.8906);
    ck_assert_double_gt(hundred, 3.8);
    ck_assert_double_eq_tol(drift_limit(1000, 50), 3.8906, 1e-4);
}
END_TEST

/* Many models, for the limit holds on average over the good pictures that a model happened to get. */
START_TEST(false_alarms_are_rare) {
    const size_t counts[] = {5, 20, 60, 200}, windows[] = {50, 20};
    for (size_t w = 0; w < 2; w++) {
        for (size_t c = 0; c < 4; c++) {
            sn_rng rng;
            sn_rng_seed(&rng, 11, w * 4 + c);
            size_t begins = 0, inside = 0, total = 0;
            for (int model = 0; model < 200; model++) {
                drift *d = make(&rng, counts[c], windows[w]);
                drift_figures figures;
                for (size_t i = 0; i < windows[w] + 1000; i++) {
                    begins += drift_add(d, draw(&rng), &figures) == DRIFT_BEGINS;
                    if (i + 1 < windows[w])
                        continue;
                    total++;
                    inside += fabs(figures.z) * (1 + 1e-9) >= drift_limit_of(d);
                }
                drift_destroy(d);
            }
            printf("fit %zu, window %zu: %zu alarms, %zu windows beyond the limit, of %zu\n", counts[c], windows[w],
                   begins, inside, total);
            ck_assert_double_le((double)begins, DRIFT_RATE * (double)total);
        }
    }
}
END_TEST

START_TEST(a_hundred_thousand_without_drift) {
    sn_rng rng;
    sn_rng_seed(&rng, 3, 0);
    drift *d = make(&rng, 60, 50);
    drift_figures figures;
    size_t begins = 0;
    for (int i = 0; i < 100000; i++)
        begins += drift_add(d, draw(&rng), &figures) == DRIFT_BEGINS;
    printf("%zu alarms of one model in 100,000 parts\n", begins);
    ck_assert_uint_le(begins, 10);
    drift_destroy(d);
}
END_TEST

START_TEST(an_occasional_defect_is_no_drift) {
    sn_rng rng;
    sn_rng_seed(&rng, 4, 0);
    drift *d = make(&rng, 60, 50);
    drift_figures figures;
    size_t begins = 0;
    for (int i = 0; i < 20000; i++)
        begins += drift_add(d, draw(&rng) * (i % 33 == 0 ? 1e6 : 1), &figures) == DRIFT_BEGINS;
    ck_assert_uint_le(begins, 2);
    drift_destroy(d);
}
END_TEST

START_TEST(drift_is_found_and_ends) {
    size_t found_after = 0;
    for (int side = -1; side <= 1; side += 2) {
        for (uint64_t stream = 0; stream < 50; stream++) {
            sn_rng rng;
            sn_rng_seed(&rng, 5, stream);
            drift *d = make(&rng, 60, 50);
            drift_figures figures;
            for (int i = 0; i < 100; i++)
                ck_assert_int_eq(drift_add(d, draw(&rng), &figures), DRIFT_SAME);
            /* One and a half standard deviations. */
            double shift = exp(side * 0.45);
            int begun = -1, ended = -1;
            for (int i = 0; i < 200; i++) {
                drift_change change = drift_add(d, draw(&rng) * shift, &figures);
                ck_assert_int_ne(change, DRIFT_ENDS);
                if (change == DRIFT_BEGINS) {
                    ck_assert_int_eq(begun, -1); /* once */
                    begun = i;
                    ck_assert((figures.z > 0) == (side > 0) && (figures.median > figures.fit_median) == (side > 0));
                    ck_assert_uint_eq(figures.window, 50);
                }
            }
            ck_assert(begun >= 0 && begun < 50);
            found_after += (size_t)begun;
            for (int i = 0; i < 100; i++) {
                drift_change change = drift_add(d, draw(&rng), &figures);
                ck_assert_int_ne(change, DRIFT_BEGINS);
                if (change == DRIFT_ENDS) {
                    ck_assert_int_eq(ended, -1);
                    ended = i;
                }
            }
            ck_assert_int_ge(ended, 0);
            drift_destroy(d);
        }
    }
    printf("a shift of 1.5 deviations is found after %.1f parts (mean)\n", (double)found_after / 100 + 1);
}
END_TEST

START_TEST(equal_scores_and_own_limits) {
    const float fit[] = {2, 2, 2, 2, 2};
    drift *d = drift_create(fit, 5, 4, 1.5);
    ck_assert_ptr_nonnull(d);
    ck_assert_double_eq(drift_limit_of(d), 1.5);
    drift_figures figures;
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(drift_add(d, 2, &figures), DRIFT_SAME);
    ck_assert_double_eq(figures.z, 0);
    drift_change change = DRIFT_SAME;
    for (int i = 0; i < 4 && change == DRIFT_SAME; i++)
        change = drift_add(d, 3, &figures);
    ck_assert_int_eq(change, DRIFT_BEGINS);
    drift_destroy(d);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("drift");
    TCase *cases = tcase_create("drift");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, rank_sums_by_hand);
    tcase_add_test(cases, limits);
    tcase_add_test(cases, false_alarms_are_rare);
    tcase_add_test(cases, a_hundred_thousand_without_drift);
    tcase_add_test(cases, an_occasional_defect_is_no_drift);
    tcase_add_test(cases, drift_is_found_and_ends);
    tcase_add_test(cases, equal_scores_and_own_limits);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
