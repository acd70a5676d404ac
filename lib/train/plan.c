#include "train/plan.h"

#include "core/threads.h"
#include "map/score.h"
#include "snarm/bank.h"

#include <stdio.h>
#include <string.h>

static const int64_t STEPS = 4000, STEPS_LEAST = 1000, STEPS_MAX = 10000000, MEMORY = (int64_t)2 << 30;
enum { GRID = 40 * 40, BATCH = 8, SAMPLES = 3200, SAMPLES_LEAST = 400, SAMPLES_MIN = 16, SAMPLES_MAX = 1000000 };
enum { EMBEDDING = 32, EMBEDDING_MAX = 512, DEPTH = 2, DEPTH_MAX = 8 };

/* A network that has been trained for long on synthetic defects has learnt to pass over what none of them looks like, small real ones
 * among it. Part of its logits beside the whole prior finds those better, for little of its precision (docs/training.md). */
static const double SHRINKAGE = 0.7;

static snarm_status check_whole(const char *field, int64_t value, int64_t least, int64_t most) {
    return value >= least && value <= most
               ? SNARM_OK
               : sn_error(SNARM_ERROR_ARGUMENT, "snarm_train_options: %s is %lld, expected %lld..%lld", field,
                          (long long)value, (long long)least, (long long)most);
}

static snarm_status check(const snarm_train_options *o) {
    SN_TRY(check_whole("steps", o->steps, 0, STEPS_MAX));
    SN_TRY(check_whole("batch", o->batch, 1, SNARM_TRAIN_BATCH_MAX));
    SN_TRY(check_whole("samples", o->samples, o->samples == 0 ? 0 : SAMPLES_MIN, SAMPLES_MAX));
    SN_TRY(check_whole("memory", o->memory, 1, INT64_MAX));
    SN_TRY(check_whole("embedding", o->embedding, 8, EMBEDDING_MAX));
    SN_TRY(check_whole("depth", o->depth, 1, DEPTH_MAX));
    SN_TRY(check_whole("threads", o->threads, 0, SN_THREADS_MAX));
    if (!(o->reference_ratio > 0 && o->reference_ratio < 1))
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_train_options: reference_ratio is %g, expected above 0 and below 1",
                        o->reference_ratio);
    if (!(o->learning_rate > 0 && o->learning_rate <= 1))
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_train_options: learning_rate is %g, expected above 0, at most 1",
                        o->learning_rate);
    if (!(o->weight_decay >= 0 && o->weight_decay <= 1))
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_train_options: weight_decay is %g, expected -1 or 0..1",
                        o->weight_decay);
    if (!(o->dropout >= 0 && o->dropout < 1))
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_train_options: dropout is %g, expected -1 or 0 up, below 1", o->dropout);
    if (!(o->shuffled >= 0 && o->shuffled <= 1))
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_train_options: shuffled is %g, expected -1 or 0..1", o->shuffled);
    return SNARM_OK;
}

/* Zero means default, -1 none. */
static void choose(double *value, double standard) {
    *value = *value == 0 ? standard : *value == -1 ? 0 : *value;
}

snarm_status sn_train_options_read(snarm_train_options *o, const snarm_train_options *given) {
    snarm_train_options_init(o);
    SN_TRY(sn_options_read(o, sizeof *o, given, offsetof(snarm_train_options, coverage), "snarm_train_options"));
    o->batch = o->batch == 0 ? BATCH : o->batch;
    o->memory = o->memory == 0 ? MEMORY : o->memory;
    o->embedding = o->embedding == 0 ? EMBEDDING : o->embedding;
    o->depth = o->depth == 0 ? DEPTH : o->depth;
    choose(&o->reference_ratio, 0.75);
    choose(&o->learning_rate, 1e-3);
    choose(&o->weight_decay, 0.05);
    choose(&o->dropout, 0.1);
    choose(&o->shuffled, 1);
    return check(o);
}

/* standard for grids of up to GRID patches, in proportion fewer for larger ones. */
static int64_t fewer(int64_t standard, int64_t least, size_t patches) {
    if (patches <= GRID)
        return standard;
    const int64_t value = standard * GRID / (int64_t)patches;
    return value > least ? value : least;
}

void sn_train_options_settle(snarm_train_options *o, size_t patches) {
    if (o->steps == 0)
        o->steps = fewer(STEPS, STEPS_LEAST, patches);
    if (o->samples == 0)
        o->samples = (int32_t)fewer(SAMPLES, SAMPLES_LEAST, patches);
}

bool sn_train_sees_means(const snarm_train_options *o) {
    return o->shuffled == 1;
}

void sn_train_plan_make(sn_train_plan *plan, const snarm_train_options *o) {
    *plan = (sn_train_plan){.steps = o->steps,
                            .warmup = o->steps / 20,
                            .checks = o->steps < 6 ? o->steps : 6,
                            .batch = (size_t)o->batch,
                            .rate = o->learning_rate,
                            .final_rate = 0,
                            .decay = o->weight_decay,
                            .clip = 1,
                            .average = 0.99,
                            .dropout = o->dropout,
                            .shuffled = o->shuffled,
                            .focal_weight = 1,
                            .dice_weight = 1,
                            .focal_alpha = 0.5,
                            .focal_gamma = 2,
                            .navigator_weight = 1,
                            .shrinkage = SHRINKAGE,
                            .score_window = SN_SCORE_WINDOW,
                            .reference_ratio = o->reference_ratio,
                            .mirror_x = true,
                            .mirror_y = true,
                            .seed = o->seed,
                            .embedding = (size_t)o->embedding,
                            .depth = (size_t)o->depth,
                            .branches = 4,
                            .states = 4,
                            .taps = 4,
                            .rates = {3, 6, 12, 24},
                            .checkpoint = o->checkpoint,
                            .identity = "",
                            .progress = o->progress,
                            .user = o->progress_user};
}

void sn_train_identify(const sn_train_plan *plan, const sn_samples *samples, const snarm_bank *bank, char *text,
                       size_t size) {
    const sn_samples_shape *shape = sn_samples_get_shape(samples);
    size_t vectors = 0;
    if (snarm_bank_get_size(bank, &vectors, NULL, NULL) != SNARM_OK)
        vectors = 0;
    /* Scale and prior are measured on all samples with the bank: other data give other numbers. */
    snprintf(text, size,
             "%zux%zu of %zu, bank %zu, k %zu, samples %zu, scale %.17g, prior %.17g at %.17g; steps %lld of %zu, rate %g, "
             "decay %g, dropout %g, shuffled %g%s, D %zu, depth %zu, ratio %g, seed %llu",
             shape->grid_width, shape->grid_height, shape->channels, vectors, shape->neighbours,
             sn_samples_count(samples), plan->calibration.residual_scale, plan->calibration.prior.slope,
             plan->calibration.prior.centre, (long long)plan->steps, plan->batch, plan->rate, plan->decay, plan->dropout, plan->shuffled,
             shape->vectors != NULL ? " (means)" : "",
             plan->embedding, plan->depth, plan->reference_ratio, (unsigned long long)plan->seed);
}
