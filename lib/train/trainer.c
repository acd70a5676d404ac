#include "train/trainer.h"

#include "core/clock.h"
#include "core/memory.h"
#include "scorer/training.h"
#include "train/checkpoint.h"
#include "train/initialise.h"
#include "train/optimiser.h"
#include "train/parameters.h"
#include "train/schedule.h"
#include "train/seen.h"
#include "train/step.h"
#include "train/validation.h"
#include "train/widen.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

typedef struct trainer {
    const sn_train_plan *plan;
    const sn_samples *samples;
    sn_schedule schedule;
    sn_scorer_weights *weights, *averaged; /* averaged: to look at; its values are copied from the optimiser's */
    float *best, *gradients;
    float *distance_scores, *best_scores; /* of the held-out samples: of the distances, of the best weights' maps */
    size_t held_out;
    sn_optimiser *optimiser;
    sn_step *step;
    sn_validation *validation;
    sn_rng random;
    size_t *deck, drawn; /* samples in the order of this round; drawn: how many of it are used up */
    double loss_sum, reported; /* since the last report; when that was */
    int64_t loss_count;
    double started; /* seconds */
    int64_t first_step; /* steps of an earlier run take none of this one's time */
    snarm_train_report *report;
} trainer;

static bool sees_means(const trainer *t) {
    return sn_samples_get_shape(t->samples)->vectors != NULL;
}

static snarm_status make_network(trainer *t, const snarm_bank *bank) {
    const sn_train_plan *plan = t->plan;
    const sn_samples_shape *shape = sn_samples_get_shape(t->samples);
    sn_scorer_weights sizes = {.channels = sn_seen_channels(t->samples),
                               .embedding = plan->embedding,
                               .branches = plan->branches,
                               .depth = plan->depth,
                               .states = plan->states,
                               .rank = (plan->embedding + 15) / 16,
                               .taps = plan->taps,
                               .reference_ratio = plan->reference_ratio,
                               .residual_scale = plan->calibration.residual_scale,
                               .prior = plan->calibration.prior,
                               .neighbours = (int32_t)shape->neighbours};
    memcpy(sizes.rates, plan->rates, sizeof sizes.rates);
    if (sees_means(t))
        sizes.prior.stages.count = 0; /* it has no channels to tell them by: sizes are given to it as distances */
    SN_TRY(sn_scorer_weights_create(&t->weights, &sizes));
    SN_TRY(sn_scorer_weights_create(&t->averaged, &sizes));
    sn_initialise(t->weights, &t->random);
    if (sees_means(t))
        sn_narrow_start(t->weights, shape->channels);
    const sn_step_options step = {
        .batch = plan->batch,
        .reference_ratio = plan->reference_ratio,
        .residual_scale = plan->calibration.residual_scale,
        .prior = plan->calibration.prior,
        .map_loss = {plan->focal_weight, plan->dice_weight, plan->focal_alpha, plan->focal_gamma, false},
        .navigator_weight = plan->navigator_weight,
        .navigator_alpha = plan->focal_alpha,
        .navigator_gamma = plan->focal_gamma,
        .dropout = plan->dropout,
        .shuffled = plan->shuffled};
    return sn_step_create(&t->step, t->weights, t->samples, bank, &step);
}

static snarm_status make_optimiser(trainer *t) {
    const sn_optimiser_options options = {.beta1 = 0.9,
                                          .beta2 = 0.999,
                                          .epsilon = 1e-8,
                                          .decay = t->plan->decay,
                                          .clip = t->plan->clip,
                                          .average = t->plan->average};
    sn_range *ranges;
    SN_TRY(sn_alloc(&ranges, t->weights->count, sizeof *ranges, "parameters"));
    sn_parameter_ranges(t->weights, ranges);
    snarm_status status = sn_optimiser_create(&t->optimiser, t->weights->values, t->weights->values_count, ranges,
                                              t->weights->count, sn_parameter_groups(t->weights), &options);
    sn_free(ranges);
    return status;
}

static snarm_status make_rest(trainer *t, const sn_samples *held_out, const snarm_bank *bank) {
    const sn_train_plan *plan = t->plan;
    const sn_validation_options options = {.reference_ratio = plan->reference_ratio,
                                           .residual_scale = plan->calibration.residual_scale,
                                           .smoothing = plan->smoothing,
                                           .score_window = plan->score_window,
                                           .stage_weights = plan->stage_weights,
                                           .stages = plan->calibration.prior.stages};
    SN_TRY(sn_validation_create(&t->validation, held_out, bank, &options));
    t->held_out = sn_samples_count(held_out);
    SN_TRY(sn_alloc(&t->distance_scores, t->held_out, sizeof(float), "held-out scores"));
    SN_TRY(sn_alloc(&t->best_scores, t->held_out, sizeof(float), "held-out scores"));
    SN_TRY(sn_alloc(&t->best, t->weights->values_count, sizeof *t->best, "best weights"));
    SN_TRY(sn_alloc_zeroed(&t->gradients, t->weights->values_count, sizeof *t->gradients, "gradients"));
    const size_t count = sn_samples_count(t->samples);
    SN_TRY(sn_alloc(&t->deck, count, sizeof *t->deck, "order of samples"));
    t->drawn = count;
    for (size_t i = 0; i < count; i++)
        t->deck[i] = i;
    t->schedule = (sn_schedule){plan->steps, plan->warmup, plan->rate, plan->final_rate};
    return sn_schedule_check(&t->schedule);
}

static void release(trainer *t) {
    sn_scorer_weights_destroy(t->weights);
    sn_scorer_weights_destroy(t->averaged);
    sn_free(t->best);
    sn_free(t->distance_scores);
    sn_free(t->best_scores);
    sn_free(t->gradients);
    sn_optimiser_destroy(t->optimiser);
    sn_step_destroy(t->step);
    sn_validation_destroy(t->validation);
    sn_free(t->deck);
}

/* The next sample: all are drawn once before any is drawn again. The order goes on from the last one's, so a checkpoint needs
 * only the generator: it is written where a round has just been shuffled anew. */
static size_t draw_sample(trainer *t) {
    const size_t count = sn_samples_count(t->samples);
    if (t->drawn == count) {
        for (size_t i = 0; i < count; i++)
            t->deck[i] = i;
        for (size_t i = count - 1; i > 0; i--) {
            const size_t j = sn_rng_below(&t->random, i + 1), kept = t->deck[i];
            t->deck[i] = t->deck[j], t->deck[j] = kept;
        }
        t->drawn = 0;
    }
    return t->deck[t->drawn++];
}

static snarm_status train_step(trainer *t, int64_t step) {
    const sn_train_plan *plan = t->plan;
    size_t samples[SNARM_TRAIN_BATCH_MAX];
    int mirrors[SNARM_TRAIN_BATCH_MAX];
    for (size_t b = 0; b < plan->batch; b++) {
        samples[b] = draw_sample(t);
        const uint64_t bits = sn_rng_next(&t->random);
        mirrors[b] = (plan->mirror_x && bits >> 62 & 1 ? SN_MIRROR_X : 0) | (plan->mirror_y && bits >> 63 ? SN_MIRROR_Y : 0);
    }
    const sn_draw draw = {samples, mirrors, 0, plan->branches, (uint32_t)(sn_rng_next(&t->random) >> 32)};
    sn_step_loss loss;
    SN_TRY(sn_step_run(t->step, t->weights, &draw, t->gradients, &loss));
    bool active[1 + SN_BRANCHES_MAX];
    for (size_t group = 0; group <= plan->branches; group++)
        active[group] = true;
    sn_step_report report;
    sn_optimiser_step(t->optimiser, t->weights->values, t->gradients, active, sn_schedule_rate(&t->schedule, step), &report);
    if (isfinite(loss.total)) {
        t->loss_sum += loss.total;
        t->loss_count++;
    }
    return SNARM_OK;
}

/* Multiplies the network's logits: the heads' last layer, which is linear. */
static void shrink(const sn_scorer_weights *weights, double factor) {
    for (size_t h = 0; h < weights->branches * SN_SCANS; h++) {
        float *out = weights->values + sn_weight_offset(weights, weights->heads[h].out_weight);
        for (size_t i = 0; i < weights->embedding; i++)
            out[i] *= (float)factor;
        weights->values[sn_weight_offset(weights, weights->heads[h].out_bias)] *= (float)factor;
    }
}

/* Looks at the averaged weights, shrunk as they would be used, and keeps them if none were better. */
static snarm_status look(trainer *t, int64_t step) {
    sn_validation_result result;
    const size_t bytes = t->weights->values_count * sizeof(float);
    memcpy(t->averaged->values, t->optimiser->averages, bytes);
    if (t->plan->calibration.prior.slope > 0)
        shrink(t->averaged, t->plan->shrinkage);
    SN_TRY(sn_validation_run(t->validation, t->averaged, &result));
    t->report->pixel_ap = result.pixel_ap;
    if (step == 0 || result.pixel_ap > t->report->best_pixel_ap) {
        memcpy(t->best, t->averaged->values, bytes);
        memcpy(t->best_scores, sn_validation_scores(t->validation), t->held_out * sizeof(float));
        t->report->best_pixel_ap = result.pixel_ap;
        t->report->image_auroc = result.image_auroc;
        t->report->best_step = step;
    }
    return SNARM_OK;
}

static void fill_state(trainer *t, sn_training_state *state, int64_t step) {
    *state = (sn_training_state){.values = t->weights->values_count,
                                 .groups = t->optimiser->groups,
                                 .rngs = 1,
                                 .weights = t->weights->values,
                                 .first = t->optimiser->first,
                                 .second = t->optimiser->second,
                                 .averages = t->optimiser->averages,
                                 .best = t->best,
                                 .best_metric = t->report->best_pixel_ap,
                                 .group_steps = t->optimiser->steps,
                                 .random = &t->random,
                                 .step = step,
                                 .skipped = t->optimiser->skipped,
                                 .best_step = t->report->best_step};
}

static snarm_status save(trainer *t, int64_t step) {
    if (t->plan->checkpoint == NULL)
        return SNARM_OK;
    t->drawn = sn_samples_count(t->samples); /* whether it is interrupted here or not, the run goes on with a new round */
    sn_training_state state;
    fill_state(t, &state, step);
    return sn_checkpoint_write(t->plan->checkpoint, t->plan->identity, &state);
}

/* Goes on from a checkpoint, if there is one; *step: the first step to do. */
static snarm_status resume(trainer *t, int64_t *step) {
    if (t->plan->checkpoint == NULL || access(t->plan->checkpoint, F_OK) != 0)
        return SNARM_OK;
    sn_training_state state;
    fill_state(t, &state, 0);
    SN_TRY(sn_checkpoint_read(t->plan->checkpoint, t->plan->identity, &state));
    t->report->best_step = state.best_step;
    t->optimiser->skipped = state.skipped;
    sn_validation_result best; /* the file has one of its figures */
    memcpy(t->averaged->values, t->best, t->weights->values_count * sizeof(float));
    SN_TRY(sn_validation_run(t->validation, t->averaged, &best));
    memcpy(t->best_scores, sn_validation_scores(t->validation), t->held_out * sizeof(float));
    t->report->best_pixel_ap = best.pixel_ap, t->report->image_auroc = best.image_auroc;
    *step = state.step < t->plan->steps ? state.step : t->plan->steps;
    return SNARM_OK;
}

/* Tells progress, at most a few times a second unless now. */
static bool report_stops(trainer *t, int64_t step, bool now) {
    snarm_train_report *r = t->report;
    const double time = sn_seconds();
    r->step = step;
    r->seconds = time - t->started;
    const int64_t done = step - t->first_step;
    r->seconds_left = done > 0 ? r->seconds / (double)done * (double)(t->plan->steps - step) : NAN;
    if (!now && time - t->reported < 0.25)
        return false;
    if (t->loss_count > 0)
        r->loss = t->loss_sum / (double)t->loss_count;
    t->reported = time, t->loss_sum = 0, t->loss_count = 0;
    return t->plan->progress != NULL && t->plan->progress(t->plan->user, r) != 0;
}

static snarm_status run(trainer *t) {
    const int64_t steps = t->plan->steps, checks = t->plan->checks;
    int64_t step = 0;
    sn_validation_result untrained;
    SN_TRY(sn_validation_run(t->validation, NULL, &untrained));
    t->report->untrained_pixel_ap = untrained.pixel_ap;
    t->report->untrained_image_auroc = untrained.image_auroc;
    SN_TRY(resume(t, &step));
    if (step == 0) {
        SN_TRY(look(t, 0));
        SN_TRY(save(t, 0));
    }
    t->started = sn_seconds(), t->first_step = step;
    memcpy(t->distance_scores, sn_validation_distance_scores(t->validation), t->held_out * sizeof(float));
    bool stopped = report_stops(t, step, true);
    for (int64_t check = step * checks / steps; step < steps && !stopped;) {
        SN_TRY(train_step(t, step));
        step++;
        const bool due = step * checks / steps > check;
        if (due) {
            check = step * checks / steps;
            SN_TRY(look(t, step));
            SN_TRY(save(t, step));
        }
        stopped = report_stops(t, step, due);
    }
    t->report->cancelled = step < steps;
    return SNARM_OK;
}

/* The best weights, and how their map and the distance make the image score. */
static snarm_status finish(trainer *t, sn_trained *out) {
    memcpy(t->weights->values, t->best, t->weights->values_count * sizeof(float));
    SN_TRY(sn_score_share_choose(&out->score, t->best_scores, t->distance_scores,
                                 sn_validation_labels(t->validation), t->held_out));
    if (sees_means(t))
        return sn_widen(&out->weights, t->weights, sn_samples_get_shape(t->samples)->channels, &t->plan->calibration.prior);
    out->weights = t->weights;
    t->weights = NULL;
    return SNARM_OK;
}

snarm_status sn_train(sn_trained *out, const sn_samples *samples, const sn_samples *held_out, const snarm_bank *bank,
                      const sn_train_plan *plan, snarm_train_report *report) {
    *out = (sn_trained){NULL, {1, 1}};
    *report = (snarm_train_report){.steps = plan->steps, .loss = NAN, .pixel_ap = NAN, .best_pixel_ap = NAN,
                                   .untrained_pixel_ap = NAN, .image_auroc = NAN, .untrained_image_auroc = NAN,
                                   .seconds_left = NAN};
    trainer t = {.plan = plan, .samples = samples, .report = report};
    sn_rng_seed(&t.random, plan->seed, 0x747261696e);
    snarm_status status = make_network(&t, bank);
    if (status == SNARM_OK)
        status = make_optimiser(&t);
    if (status == SNARM_OK)
        status = make_rest(&t, held_out, bank);
    if (status == SNARM_OK)
        status = run(&t);
    if (status == SNARM_OK)
        status = finish(&t, out);
    release(&t);
    return status;
}
