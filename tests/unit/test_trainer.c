/* Whole trainings on a toy problem. */
#define _GNU_SOURCE
#include "core/threads.h"
#include "make_scorer.h"
#include "support.h"
#include "toy.h"
#include "train/initialise.h"
#include "train/seen.h"
#include "train/step.h"
#include "train/trainer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static sn_train_plan toy_plan(int64_t steps) {
    return (sn_train_plan){.steps = steps,
                           .warmup = steps / 10,
                           .checks = 6,
                           .batch = 4,
                           .rate = 5e-3,
                           .final_rate = 0,
                           .decay = 0.05,
                           .clip = 1,
                           .average = 0.95,
                           .dropout = 0.1,
                           .focal_weight = 1,
                           .dice_weight = 1,
                           .focal_alpha = 0.5,
                           .focal_gamma = 2,
                           .navigator_weight = 1,
                           .shrinkage = 1,
                           .reference_ratio = 0.75,
                           .smoothing = 2,
                           .score_window = 16,
                           .mirror_x = true,
                           .mirror_y = true,
                           .seed = 1,
                           .calibration = toy.calibration,
                           .embedding = 8,
                           .depth = 1,
                           .branches = 2,
                           .states = 4,
                           .taps = 4,
                           .rates = {1, 2},
                           .identity = "toy"};
}

/* One thread as a rule: on a busy machine, threads of so small a network wait for each other most of the
 * time. */
static sn_scorer_weights *train_on(int threads, const sn_train_plan *plan, snarm_train_report *report) {
    sn_trained trained;
    const int former = sn_threads_enter(threads);
    ck_ok(sn_train(&trained, toy.samples, toy.held_out, toy.bank, plan, report));
    sn_threads_leave(former);
    ck_assert(trained.score.share >= 0 && trained.score.share <= 1 && trained.score.full > 0);
    return trained.weights;
}

static sn_scorer_weights *train(const sn_train_plan *plan, snarm_train_report *report) {
    return train_on(1, plan, report);
}

static double ap_of(const sn_scorer_weights *weights) {
    sn_validation *validation = toy_validation(toy.held_out);
    sn_validation_result result;
    const int former = sn_threads_enter(1);
    ck_ok(sn_validation_run(validation, weights, &result));
    sn_threads_leave(former);
    sn_validation_destroy(validation);
    return result.pixel_ap;
}

static bool same(const sn_scorer_weights *a, const sn_scorer_weights *b) {
    return a->values_count == b->values_count &&
           memcmp(a->values, b->values, a->values_count * sizeof(float)) == 0;
}

typedef struct watch {
    int64_t last, cancel_at;
    int calls;
    bool slow; /* so that the next step is reported too, which does not happen before a quarter of a second
                  has passed */
} watch;

static int look_on(void *user, const snarm_train_report *report) {
    watch *w = user;
    ck_assert_int_ge(report->step, w->last);
    ck_assert(report->seconds >= 0);
    w->last = report->step, w->calls++;
    if (w->slow)
        nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    return w->cancel_at > 0 && report->step >= w->cancel_at;
}

/* A step of several branches is a step of each, on the same samples: gradients, running statistics and losses. Of shuffled channels, and
 * of their means. */
START_TEST(branches_together) {
    sn_scorer_weights sizes = toy_sizes();
    sn_samples *means = _i == 1 ? toy_means(toy.samples, &(sn_stages){0}) : NULL;
    const sn_samples *samples = means != NULL ? means : toy.samples;
    sizes.channels = sn_seen_channels(samples);
    ck_assert_uint_eq(sizes.channels, _i == 1 ? 2 : CHANNELS);
    const sn_step_options options = {.batch = 3,
                                     .reference_ratio = 0.75,
                                     .residual_scale = toy.calibration.residual_scale,
                                     .prior = toy.calibration.prior,
                                     .map_loss = {1, 1, 0.5, 2, false},
                                     .navigator_weight = 1,
                                     .navigator_alpha = 0.5,
                                     .navigator_gamma = 2,
                                     .dropout = 0.1,
                                     .shuffled = 1};
    const size_t picked[3] = {1, 4, 9};
    const int mirrors[3] = {0, SN_MIRROR_X, SN_MIRROR_Y};
    const int former = sn_threads_enter(1);
    sn_scorer_weights *weights[2];
    float *gradients[2];
    sn_step_loss both, each[2];
    for (int apart = 0; apart < 2; apart++) {
        ck_ok(random_scorer_weights(&weights[apart], &sizes, 6));
        gradients[apart] = calloc(weights[apart]->values_count, sizeof(float));
        sn_step *step;
        ck_ok(sn_step_create(&step, weights[apart], samples, toy.bank, &options));
        for (size_t b = 0; b < 2 && apart; b++)
            ck_ok(sn_step_run(step, weights[1], &(sn_draw){picked, mirrors, b, 1, 77}, gradients[1], &each[b]));
        if (!apart)
            ck_ok(sn_step_run(step, weights[0], &(sn_draw){picked, mirrors, 0, 2, 77}, gradients[0], &both));
        sn_step_destroy(step);
    }
    sn_threads_leave(former);
    ck_assert(same(weights[0], weights[1]));
    size_t moved = 0;
    for (size_t i = 0; i < weights[0]->values_count; i++) {
        ck_assert(gradients[0][i] == gradients[1][i]);
        moved += gradients[0][i] != 0;
    }
    ck_assert_uint_gt(moved, weights[0]->values_count / 2);
    ck_assert(each[0].focal != each[1].focal && each[0].navigator == both.navigator);
    ck_assert_double_eq_tol(both.focal, (each[0].focal + each[1].focal) / 2, 1e-12);
    ck_assert_double_eq_tol(both.dice, (each[0].dice + each[1].dice) / 2, 1e-12);
    ck_assert_double_eq_tol(both.total, (each[0].total + each[1].total) / 2, 1e-9);
    for (int i = 0; i < 2; i++) {
        sn_scorer_weights_destroy(weights[i]);
        free(gradients[i]);
    }
    sn_samples_destroy(means);
}
END_TEST

/* A network that has seen means alone is one for all channels: on samples with their features it does what its report says. Its prior is of
 * distances, or of the residuals' sizes by stages. */
START_TEST(learns_from_means) {
    const sn_stages stages = _i == 0 ? (sn_stages){0} : (sn_stages){2, {QUIET, CHANNELS - QUIET}};
    sn_samples *samples = toy_means(toy.samples, &stages), *held_out = toy_means(toy.held_out, &stages);
    const float stage_weights[] = {2, 1};
    sn_train_plan plan = toy_plan(60);
    ck_ok(sn_calibrate(&plan.calibration, samples, toy.bank));
    plan.stage_weights = _i == 0 ? NULL : stage_weights;
    ck_assert_double_eq_tol(plan.calibration.residual_scale, toy.calibration.residual_scale, 1e-3 * toy.calibration.residual_scale);
    sn_trained trained;
    snarm_train_report report;
    const int former = sn_threads_enter(1);
    ck_ok(sn_train(&trained, samples, held_out, toy.bank, &plan, &report));
    sn_threads_leave(former);
    ck_assert(report.best_step > 0 && report.best_pixel_ap > report.untrained_pixel_ap);
    ck_assert_uint_eq(trained.weights->channels, CHANNELS);
    ck_assert_int_eq(trained.weights->prior.stages.count, stages.count);
    ck_assert_double_eq_tol(ap_of(trained.weights), report.best_pixel_ap, 5e-3);
    sn_trained refused;
    plan.reference_ratio = 0.02;
    ck_fails(sn_train(&refused, samples, held_out, toy.bank, &plan, &report), SNARM_ERROR_ARGUMENT,
             "reference_ratio is 0.02, expected at least 2 of the 48 patches");
    sn_scorer_weights_destroy(trained.weights);
    sn_samples_destroy(samples);
    sn_samples_destroy(held_out);
}
END_TEST

START_TEST(learns) {
    watch w = {0};
    sn_train_plan plan = toy_plan(120);
    plan.progress = look_on, plan.user = &w;
    snarm_train_report report;
    sn_scorer_weights *weights = train(&plan, &report);
    printf("toy: pixel AP %.3f of the distances, %.3f trained (step %d)\n", report.untrained_pixel_ap,
           report.best_pixel_ap, (int)report.best_step);
    ck_assert(report.best_pixel_ap > report.untrained_pixel_ap + 0.25);
    ck_assert(report.image_auroc > report.untrained_image_auroc + 0.05);
    ck_assert_double_eq_tol(ap_of(weights), report.best_pixel_ap,
                            1e-12); /* what is reported is what is kept */
    ck_assert(report.best_step > 0 && report.best_step <= 120 && report.step == 120 && report.steps == 120);
    ck_assert(report.best_step % 20 == 0 && !report.cancelled && isfinite(report.loss));
    ck_assert(w.last == 120 && w.calls >= 7); /* at the start, and at each check */
    ck_assert(weights->branches == 2 && weights->rates[1] == 2 && weights->reference_ratio == 0.75);
    sn_scorer_weights_destroy(weights);
}
END_TEST

/* The kept network speaks softer by the factor that the plan asks for, and is otherwise what training made of it. */
START_TEST(shrunk) {
    sn_train_plan plan = toy_plan(60);
    plan.checks = 1;
    snarm_train_report whole_report, half_report;
    sn_scorer_weights *whole = train(&plan, &whole_report);
    plan.shrinkage = 0.5;
    sn_scorer_weights *half = train(&plan, &half_report);
    ck_assert(whole_report.best_step == 60 && half_report.best_step == 60);
    ck_assert_double_ne(whole_report.best_pixel_ap, half_report.best_pixel_ap);
    size_t halved = 0;
    for (size_t h = 0; h < half->branches * SN_SCANS; h++) {
        for (size_t i = 0; i < half->embedding; i++)
            ck_assert(half->heads[h].out_weight[i] == 0.5f * whole->heads[h].out_weight[i]);
        ck_assert(half->heads[h].out_bias[0] == 0.5f * whole->heads[h].out_bias[0]);
        halved += half->embedding + 1;
    }
    size_t other = 0;
    for (size_t i = 0; i < half->values_count; i++)
        other += half->values[i] != whole->values[i];
    ck_assert_uint_le(other, halved);
    sn_scorer_weights_destroy(half);
    plan.calibration.prior.slope = 0; /* nothing to shrink to */
    half = train(&plan, &half_report);
    plan.shrinkage = 1;
    sn_scorer_weights *without = train(&plan, &whole_report);
    ck_assert(same(half, without));
    sn_scorer_weights_destroy(whole);
    sn_scorer_weights_destroy(half);
    sn_scorer_weights_destroy(without);
}
END_TEST

START_TEST(seeds) {
    sn_train_plan plan = toy_plan(12);
    snarm_train_report report;
    sn_scorer_weights *first = train_on(2, &plan, &report), *again = train_on(2, &plan, &report);
    ck_assert(same(first, again));
    plan.seed = 2;
    sn_scorer_weights *other = train_on(2, &plan, &report);
    ck_assert(!same(first, other));
    sn_scorer_weights_destroy(first);
    sn_scorer_weights_destroy(again);
    sn_scorer_weights_destroy(other);
}
END_TEST

/* Cancelled after the fourth check, the best of what was looked at comes back. */
START_TEST(cancel) {
    watch w = {.cancel_at = 40};
    sn_train_plan plan = toy_plan(60);
    plan.progress = look_on, plan.user = &w;
    snarm_train_report report;
    sn_scorer_weights *weights = train(&plan, &report);
    ck_assert(report.cancelled && report.step == 40 && report.best_step > 0 && report.best_step <= 40);
    ck_assert_double_eq_tol(ap_of(weights), report.best_pixel_ap, 1e-12);
    sn_scorer_weights_destroy(weights);
}
END_TEST

static int stop_at_once(void *user, const snarm_train_report *report) {
    (void)user, (void)report;
    return 1;
}

START_TEST(cancel_at_once) {
    sn_train_plan plan = toy_plan(120);
    plan.progress = stop_at_once;
    snarm_train_report report;
    sn_scorer_weights *weights = train(&plan, &report);
    ck_assert(report.cancelled && report.step == 0 && report.best_step == 0);
    ck_assert_double_eq_tol(ap_of(weights), report.best_pixel_ap, 1e-12);
    sn_scorer_weights_destroy(weights);
}
END_TEST

/* A run that is cancelled between two checks goes on from the last one, and ends as if it had never stopped.
 */
START_TEST(resume) {
    sn_train_plan plan = toy_plan(36);
    char whole[512], broken[512];
    snprintf(whole, sizeof whole, "%s", scratch_file("whole.checkpoint"));
    snprintf(broken, sizeof broken, "%s", scratch_file("broken.checkpoint"));
    snarm_train_report report, resumed;
    plan.checkpoint = whole;
    sn_scorer_weights *expected = train(&plan, &report);

    watch w = {.cancel_at = 13, .slow = true};
    plan.checkpoint = broken, plan.progress = look_on, plan.user = &w;
    sn_scorer_weights *cancelled = train(&plan, &resumed);
    ck_assert(resumed.cancelled && resumed.step == 13);
    ck_assert_int_eq(access(broken, F_OK), 0);
    sn_scorer_weights_destroy(cancelled);
    w = (watch){.cancel_at = 24, .last = 12}; /* at a check */
    cancelled = train(&plan, &resumed);
    ck_assert(resumed.cancelled && resumed.step == 24);
    sn_scorer_weights_destroy(cancelled);
    w = (watch){.last = 24};
    sn_scorer_weights *found = train(&plan, &resumed);
    ck_assert(!resumed.cancelled && resumed.step == 36);
    ck_assert(same(expected, found));
    ck_assert_double_eq(resumed.best_pixel_ap, report.best_pixel_ap);
    ck_assert_double_eq(resumed.image_auroc, report.image_auroc);
    ck_assert_int_eq(resumed.best_step, report.best_step);
    ck_assert_double_eq(resumed.untrained_pixel_ap, report.untrained_pixel_ap);
    sn_scorer_weights_destroy(found);
    w = (watch){.last = 36}; /* a run that had ended has nothing left to do */
    found = train(&plan, &resumed);
    ck_assert(!resumed.cancelled && resumed.step == 36 && same(expected, found));
    ck_assert_int_eq(resumed.best_step, report.best_step);
    sn_scorer_weights_destroy(expected);
    sn_scorer_weights_destroy(found);

    sn_trained refused;
    plan.identity = "another toy", plan.progress = NULL;
    ck_fails(sn_train(&refused, toy.samples, toy.held_out, toy.bank, &plan, &report),
             SNARM_ERROR_MISMATCH, broken);
    ck_assert_ptr_null(refused.weights);
    plan.identity = "toy", plan.embedding = 9;
    ck_fails(sn_train(&refused, toy.samples, toy.held_out, toy.bank, &plan, &report),
             SNARM_ERROR_MISMATCH, broken);
}
END_TEST

/* samples with a coverage, or with distances as a coverage makes them. */
static sn_samples *bordered(const sn_samples *samples, const float *coverage, bool made) {
    sn_samples_shape shape = *sn_samples_get_shape(samples);
    shape.coverage = made ? NULL : coverage;
    sn_samples *out;
    const size_t count = sn_samples_count(samples);
    ck_ok(sn_samples_create(&out, &shape, count));
    float gain[PATCHES];
    sn_prior_gain(coverage, PATCHES, SN_PRIOR_BORDER, gain);
    for (size_t s = 0; s < count; s++) {
        static float features[PATCHES * CHANNELS], distances[PATCHES];
        static int32_t nearest[PATCHES * NEIGHBOURS];
        static uint8_t mask[PIXELS];
        sn_samples_get(samples, s, 0, features, nearest, distances, mask);
        for (size_t i = 0; i < PATCHES && made; i++)
            distances[i] *= gain[i];
        ck_ok(sn_samples_add(out, features, nearest, distances, mask));
    }
    return out;
}

/* A coverage is a factor of the distances, for the prior and its learning, wherever they are used; the map of distances alone is
 * without it. */
START_TEST(borders) {
    float coverage[PATCHES];
    for (size_t i = 0; i < PATCHES; i++) {
        const bool side = i % WIDTH % (WIDTH - 1) == 0, end = i / WIDTH % (HEIGHT - 1) == 0;
        coverage[i] = (side ? 2.0f / 3 : 1) * (end ? 2.0f / 3 : 1);
    }
    sn_trained trained[2];
    snarm_train_report reports[2], plain;
    const sn_train_plan simple = toy_plan(12);
    sn_scorer_weights *without = train(&simple, &plain);
    for (int made = 0; made < 2; made++) {
        sn_samples *samples = bordered(toy.samples, coverage, made), *held_out = bordered(toy.held_out, coverage, made);
        sn_train_plan plan = toy_plan(12);
        ck_ok(sn_calibrate(&plan.calibration, samples, toy.bank));
        ck_assert_double_eq(plan.calibration.prior.border, made ? 0 : SN_PRIOR_BORDER);
        const int former = sn_threads_enter(1);
        ck_ok(sn_train(&trained[made], samples, held_out, toy.bank, &plan, &reports[made]));
        sn_threads_leave(former);
        sn_samples_destroy(samples);
        sn_samples_destroy(held_out);
    }
    ck_assert(same(trained[0].weights, trained[1].weights) && !same(trained[0].weights, without));
    ck_assert_double_eq(reports[0].best_pixel_ap, reports[1].best_pixel_ap);
    ck_assert_double_eq(reports[0].untrained_pixel_ap, plain.untrained_pixel_ap);
    ck_assert_double_ne(reports[1].untrained_pixel_ap, plain.untrained_pixel_ap);
    sn_scorer_weights_destroy(trained[0].weights);
    sn_scorer_weights_destroy(trained[1].weights);
    sn_scorer_weights_destroy(without);
}
END_TEST

/* How much of the image score is the map's: more where it tells the samples apart, less where it does not. */
START_TEST(score_shares) {
    static const float distances[] = {1, 2, 3, 1.7f, 3.4f};
    static const uint8_t labels[] = {0, 0, 0, 1, 1};
    static const struct {
        float maps[5];
        double share;
    } cases[] = {
        {{0, 0, 0, 1, 1}, 0.1}, /* puts 1.7 above 2, which 0.05 does not */
        {{0, 0, 0, 0, 0}, 0.1}, /* of equals the larger */
        {{1, 1, 0.95f, 0, 0}, 0.05},
    };
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        sn_score_share score;
        ck_ok(sn_score_share_choose(&score, cases[n].maps, distances, labels, 5));
        ck_assert_double_eq(score.full, 4);
        ck_assert_double_eq(score.share, cases[n].share);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("trainer");
    TCase *cases = tcase_create("trainer");
    tcase_set_timeout(cases, 240);
    tcase_add_unchecked_fixture(cases, toy_set_up, toy_tear_down);
    tcase_add_loop_test(cases, branches_together, 0, 2);
    tcase_add_loop_test(cases, learns_from_means, 0, 2);
    tcase_add_test(cases, learns);
    tcase_add_test(cases, shrunk);
    tcase_add_test(cases, seeds);
    tcase_add_test(cases, cancel);
    tcase_add_test(cases, cancel_at_once);
    tcase_add_test(cases, resume);
    tcase_add_test(cases, borders);
    tcase_add_test(cases, score_shares);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}