/* The training of a fit: samples with synthetic defects, calibration, the trainer. */
#include "core/memory.h"
#include "core/threads.h"
#include "fit/pool.h"
#include "train/plan.h"
#include "train/trainer.h"

#include <stdio.h>
#include <string.h>

/* What must be the same for a checkpoint to be gone on from. */
static void identify(char *text, size_t size, const snarm_detector *d, const snarm_fit_options *options,
                     const sn_train_plan *plan, size_t samples) {
    size_t bank;
    if (snarm_bank_get_size(d->bank, &bank, NULL, NULL) != SNARM_OK)
        bank = 0;
    snprintf(text, size, "fit %s: %dx%d, %d pictures, bank %zu of %d, scale %.9g, prior %.9g %.9g, samples %zu, steps %lld, batch %zu, seed %llu %llu",
             snarm_version(), (int)d->shape.width, (int)d->shape.height, (int)d->image_count, bank, (int)d->recipe.neighbours,
             plan->calibration.residual_scale, plan->calibration.prior.slope, plan->calibration.prior.centre, samples,
             (long long)plan->steps, plan->batch, (unsigned long long)options->seed, (unsigned long long)plan->seed);
}

static snarm_status train(snarm_detector *d, const sn_fit_pool *pool, const snarm_fit_options *options,
                          sn_scorer_weights **weights) {
    sn_train_plan plan;
    sn_train_plan_make(&plan, options->train);
    SN_TRY(sn_calibrate(&plan.calibration, pool->training, d->bank));
    const sn_samples_shape *shape = sn_samples_get_shape(pool->training);
    plan.smoothing = d->recipe.smoothing * (double)shape->mask_width / (double)d->shape.width;
    char identity[512];
    identify(identity, sizeof identity, d, options, &plan, sn_samples_count(pool->training));
    plan.identity = identity;
    const int former = sn_threads_enter(d->threads);
    snarm_status status = sn_train(weights, pool->training, pool->held_out, d->bank, &plan, &d->training);
    sn_threads_leave(former);
    return status;
}

snarm_status sn_fit_train(snarm_detector *d, sn_feature_source *source, const snarm_fit_options *options) {
    sn_fit_pool pool;
    SN_TRY(sn_fit_pool_create(&pool, d, source, options));
    sn_scorer_weights *weights = NULL;
    snarm_status status = train(d, &pool, options, &weights);
    sn_fit_pool_destroy(&pool);
    return status == SNARM_OK ? sn_detector_take_scorer(d, weights) : status;
}
