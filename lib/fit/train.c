/* The training of a fit: samples with synthetic defects, calibration, the trainer. */
#include "core/threads.h"
#include "fit/pool.h"
#include "train/plan.h"
#include "train/trainer.h"

/* The first of three stages or more tells where something differs, and much of it of no consequence: it counts half in the distances that
 * image scores are made of (docs/training.md). */
enum { FINE_STAGES = 3 };
static const double first_stage = 0.5;

static snarm_status train(snarm_detector *d, const sn_fit_pool *pool, const snarm_fit_options *options,
                          sn_trained *trained) {
    sn_train_plan plan;
    sn_train_plan_make(&plan, options->train);
    SN_TRY(sn_calibrate(&plan.calibration, pool->training, d->bank));
    const sn_samples_shape *shape = sn_samples_get_shape(pool->training);
    float weights[SN_STAGES_MAX];
    if (sn_detector_stage_weights(d, weights))
        plan.stage_weights = weights;
    plan.score_window = sn_score_window((int32_t)shape->mask_width, (int32_t)shape->mask_height, d->image_count);
    plan.smoothing = d->recipe.smoothing * (double)shape->mask_width / (double)d->shape.width;
    char identity[512];
    sn_train_identify(&plan, pool->training, d->bank, identity, sizeof identity);
    plan.identity = identity;
    return sn_train(trained, pool->training, pool->held_out, d->bank, &plan, &d->training);
}

snarm_status sn_fit_train(snarm_detector *d, sn_feature_source *source, const snarm_fit_options *options) {
    sn_fit_pool pool;
    if ((size_t)sn_detector_stages(d).count / sn_view_count(&d->recipe) >= FINE_STAGES)
        d->recipe.score_first_stage = first_stage;
    d->recipe.score_window = sn_score_window(d->shape.width, d->shape.height, d->image_count);
    d->recipe.score_floor = sn_score_floor(d->image_count);
    sn_trained trained;
    const int former = sn_threads_enter(d->threads);
    snarm_status status = sn_fit_pool_create(&pool, d, source, options);
    if (status == SNARM_OK) {
        status = train(d, &pool, options, &trained);
        sn_fit_pool_destroy(&pool);
    }
    sn_threads_leave(former);
    if (status != SNARM_OK)
        return status;
    d->recipe.score_share = trained.score.share, d->recipe.distance_full = trained.score.full;
    return sn_detector_take_scorer(d, trained.weights);
}
