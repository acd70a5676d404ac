/* The training of a fit: samples with synthetic defects, calibration, the trainer. */
#include "core/threads.h"
#include "fit/pool.h"
#include "train/plan.h"
#include "train/trainer.h"

static snarm_status train(snarm_detector *d, const sn_fit_pool *pool, const snarm_fit_options *options,
                          sn_trained *trained) {
    sn_train_plan plan;
    sn_train_plan_make(&plan, options->train);
    SN_TRY(sn_calibrate(&plan.calibration, pool->training, d->bank));
    const sn_samples_shape *shape = sn_samples_get_shape(pool->training);
    plan.smoothing = d->recipe.smoothing * (double)shape->mask_width / (double)d->shape.width;
    char identity[512];
    sn_train_identify(&plan, pool->training, d->bank, identity, sizeof identity);
    plan.identity = identity;
    const int former = sn_threads_enter(d->threads);
    snarm_status status = sn_train(trained, pool->training, pool->held_out, d->bank, &plan, &d->training);
    sn_threads_leave(former);
    return status;
}

snarm_status sn_fit_train(snarm_detector *d, sn_feature_source *source, const snarm_fit_options *options) {
    sn_fit_pool pool;
    SN_TRY(sn_fit_pool_create(&pool, d, source, options));
    sn_trained trained;
    snarm_status status = train(d, &pool, options, &trained);
    sn_fit_pool_destroy(&pool);
    if (status != SNARM_OK)
        return status;
    d->recipe.score_share = trained.score.share, d->recipe.distance_full = trained.score.full;
    return sn_detector_take_scorer(d, trained.weights);
}
