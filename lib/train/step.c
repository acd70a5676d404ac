#include "train/step.h"

#include "core/memory.h"
#include "core/threads.h"
#include "residual/engine.h"
#include "residual/ranks.h"
#include "scorer/quarter_means.h"
#include "train/focal_loss.h"
#include "train/labels.h"
#include "train/shuffle.h"

struct sn_step {
    sn_step_options options;
    const sn_samples *samples;
    const float *vectors; /* the bank's */
    size_t patches, channels, pixels, hard;
    float *gain; /* (N) of distances; NULL: 1 */
    snarm_residual *engine;
    sn_ranking *ranking; /* NULL: too many patches for it */
    uint16_t **ranks;    /* (samples): (N, SN_RANKS) of each, NULL before its first step */
    sn_scorer_training *training;
    sn_map_loss *loss;

    /* Of a batch. */
    float *hybrid;                           /* (B, N, 2C); with means (N, 2C) of one sample */
    float *means;                            /* (B, N, 4), or NULL */
    int32_t *order;                          /* (B, 4, hard) */
    uint8_t *masks, *labels;                 /* (B, pixels), (B, N) */
    float *logits, *diff_logits;             /* (B, 4, N) */
    float *navigator, *diff_navigator;       /* (B, N) */
    float *distances;                        /* (B, N): what the prior is of */
    /* Of one sample. */
    float *features, *inter;
    int32_t *nearest;
    uint8_t *reference;
    uint16_t *mirrored_ranks;
};

static snarm_status make_parts(sn_step *s, const sn_scorer_weights *sizes) {
    const sn_samples_shape *shape = sn_samples_get_shape(s->samples);
    snarm_residual_options residual;
    snarm_residual_options_init(&residual);
    residual.patches = (int32_t)s->patches, residual.channels = (int32_t)s->channels;
    residual.neighbours = (int32_t)shape->neighbours;
    residual.reference_ratio = s->options.reference_ratio, residual.scale = s->options.residual_scale;
    residual.threads = sn_threads_current();
    SN_TRY(snarm_residual_create(&s->engine, sizes->navigator_weight, sizes->navigator_bias[0], &residual));
    s->hard = s->patches - s->engine->references;
    if (s->patches <= SN_RANKS_PATCHES_MAX) {
        SN_TRY(sn_ranking_create(&s->ranking, s->patches, s->channels));
        SN_TRY(sn_alloc_zeroed(&s->ranks, sn_samples_count(s->samples), sizeof *s->ranks, "training step"));
        SN_TRY(sn_alloc(&s->mirrored_ranks, s->patches, SN_RANKS * sizeof *s->mirrored_ranks, "sample"));
    }
    const sn_scorer_training_shape training = {s->options.batch, shape->grid_width, shape->grid_height, s->hard, s->options.means};
    SN_TRY(sn_scorer_training_create(&s->training, sizes, &training));
    return sn_map_loss_create(&s->loss, (int32_t)s->options.batch, SN_SCANS, (int32_t)shape->grid_width,
                              (int32_t)shape->grid_height, (int32_t)shape->mask_width, (int32_t)shape->mask_height,
                              &s->options.map_loss);
}

static snarm_status make_room(sn_step *s) {
    const size_t batch = s->options.batch, rows = batch * s->patches;
    const size_t neighbours = sn_samples_get_shape(s->samples)->neighbours;
    SN_TRY(sn_alloc(&s->hybrid, s->options.means ? s->patches : rows, 2 * s->channels * sizeof(float), "batch"));
    if (s->options.means)
        SN_TRY(sn_alloc(&s->means, rows, SN_QUARTERS * sizeof(float), "batch"));
    SN_TRY(sn_alloc(&s->order, batch * SN_SCANS * s->hard, sizeof *s->order, "batch"));
    SN_TRY(sn_alloc(&s->masks, batch, s->pixels, "batch"));
    SN_TRY(sn_alloc(&s->labels, rows, 1, "batch"));
    SN_TRY(sn_alloc(&s->logits, SN_SCANS * rows, sizeof(float), "batch"));
    SN_TRY(sn_alloc(&s->diff_logits, SN_SCANS * rows, sizeof(float), "batch"));
    SN_TRY(sn_alloc(&s->navigator, rows, sizeof(float), "batch"));
    SN_TRY(sn_alloc(&s->diff_navigator, rows, sizeof(float), "batch"));
    const float *coverage = sn_samples_get_shape(s->samples)->coverage;
    if (coverage != NULL) {
        SN_TRY(sn_alloc(&s->gain, s->patches, sizeof *s->gain, "training step"));
        sn_prior_gain(coverage, s->patches, s->options.prior.border, s->gain);
    }
    SN_TRY(sn_alloc(&s->features, s->patches, s->channels * sizeof(float), "sample"));
    SN_TRY(sn_alloc(&s->inter, s->patches, s->channels * sizeof(float), "sample"));
    SN_TRY(sn_alloc(&s->distances, rows, sizeof(float), "batch"));
    SN_TRY(sn_alloc(&s->nearest, s->patches, neighbours * sizeof *s->nearest, "sample"));
    return sn_alloc(&s->reference, s->patches, 1, "sample");
}

snarm_status sn_step_create(sn_step **out, const sn_scorer_weights *sizes, const sn_samples *samples,
                            const snarm_bank *bank, const sn_step_options *options) {
    *out = NULL;
    sn_step *s;
    SN_TRY(sn_alloc_zeroed(&s, 1, sizeof *s, "training step"));
    const sn_samples_shape *shape = sn_samples_get_shape(samples);
    s->options = *options, s->samples = samples, s->channels = shape->channels;
    s->patches = shape->grid_width * shape->grid_height, s->pixels = shape->mask_width * shape->mask_height;
    snarm_status status = snarm_bank_get_vectors(bank, &s->vectors, NULL);
    if (status == SNARM_OK)
        status = make_parts(s, sizes);
    if (status == SNARM_OK)
        status = make_room(s);
    if (status != SNARM_OK) {
        sn_step_destroy(s);
        return status;
    }
    *out = s;
    return SNARM_OK;
}

void sn_step_destroy(sn_step *s) {
    if (s == NULL)
        return;
    snarm_residual_destroy(s->engine);
    sn_ranking_destroy(s->ranking);
    for (size_t i = 0; s->ranks != NULL && i < sn_samples_count(s->samples); i++)
        sn_free(s->ranks[i]);
    sn_scorer_training_destroy(s->training);
    sn_map_loss_destroy(s->loss);
    void *const blocks[] = {s->hybrid,     s->order,          s->masks,    s->labels, s->logits,    s->diff_logits,
                            s->navigator,  s->diff_navigator, s->features, s->inter,  s->distances, s->nearest,
                            s->reference,  s->gain,           s->means,   s->ranks,  s->mirrored_ranks};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        sn_free(blocks[i]);
    sn_free(s);
}

typedef struct ranks_work {
    const uint16_t *from;
    const sn_samples_shape *shape;
    int mirror;
    uint16_t *to;
} ranks_work;

static void mirror_ranks(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const ranks_work *w = context;
    for (size_t i = begin; i < end; i++) {
        const uint16_t *from = w->from + sn_mirrored_place(w->shape, w->mirror, i) * SN_RANKS;
        for (size_t k = 0; k < SN_RANKS; k++)
            w->to[i * SN_RANKS + k] = from[k] == SN_RANKS_NONE ? SN_RANKS_NONE : (uint16_t)sn_mirrored_place(w->shape, w->mirror, from[k]);
    }
}

/* Ranks of the sample whose features, mirrored so, are at hand; found at its first step, and kept. */
static snarm_status rank(sn_step *s, size_t sample, int mirror, const uint16_t **ranks) {
    *ranks = NULL;
    if (s->ranking == NULL)
        return SNARM_OK;
    ranks_work work = {s->mirrored_ranks, sn_samples_get_shape(s->samples), mirror, NULL};
    if (s->ranks[sample] == NULL) {
        SN_TRY(sn_ranking_run(s->ranking, s->features, s->mirrored_ranks));
        SN_TRY(sn_alloc(&s->ranks[sample], s->patches, SN_RANKS * sizeof *work.to, "ranks of a sample's patches"));
        work.to = s->ranks[sample];
    } else
        work.from = s->ranks[sample], work.to = s->mirrored_ranks;
    sn_parallel(s->patches, 16, mirror_ranks, &work);
    *ranks = s->mirrored_ranks;
    return SNARM_OK;
}

static void shuffle(const sn_step *s, uint32_t key, size_t b, float *hybrid) {
    sn_rng rng;
    sn_rng_seed(&rng, key, b);
    if (sn_rng_uniform(&rng) < s->options.shuffled)
        sn_shuffle_channels(hybrid, s->patches, s->channels, &rng);
}

/* What the network sees of the batch. */
static const float *seen(const sn_step *s) {
    return s->means != NULL ? s->means : s->hybrid;
}

/* Sample b of the batch: its residuals with the navigator as it is now, its order, masks and prior. */
static snarm_status take_sample(sn_step *s, const sn_scorer_weights *weights, const sn_draw *draw, size_t b) {
    const sn_samples_shape *shape = sn_samples_get_shape(s->samples);
    uint8_t *mask = s->masks + b * s->pixels;
    float *hybrid = s->hybrid + (s->means != NULL ? 0 : b) * s->patches * 2 * s->channels, *distances = s->distances + b * s->patches;
    const sn_prior *prior = &s->options.prior;
    sn_samples_get(s->samples, draw->samples[b], draw->mirrors[b], s->features, s->nearest, distances, mask);
    const uint16_t *ranks;
    SN_TRY(rank(s, draw->samples[b], draw->mirrors[b], &ranks));
    sn_residual_inter_of(s->engine, s->vectors, s->nearest, s->features, s->inter);
    SN_TRY(sn_residual_hybrid_with(s->engine, weights->navigator_weight, weights->navigator_bias[0], s->features, ranks, s->inter,
                                   hybrid, s->reference, NULL));
    if (prior->stages.count > 0)
        sn_residual_sizes(&prior->stages, hybrid, 2 * s->channels, s->patches, s->channels, distances);
    if (s->means != NULL)
        sn_quarter_means(hybrid, s->patches, s->channels, s->means + b * s->patches * SN_QUARTERS);
    else
        shuffle(s, draw->key, b, hybrid);
    sn_scan_orders(s->reference, shape->grid_width, shape->grid_height, s->hard, s->order + b * SN_SCANS * s->hard);
    sn_label_patches(shape, mask, s->labels + b * s->patches);
    return SNARM_OK;
}

/* The batch's residuals through one branch and back. Dropout leaves out other values in each. */
static snarm_status run_branch(sn_step *s, sn_scorer_weights *weights, size_t branch, uint32_t key, float *gradients,
                               sn_map_loss_result *loss) {
    const sn_scorer_batch batch = {branch, seen(s), s->order, s->options.dropout, key + (uint32_t)branch};
    SN_TRY(sn_scorer_training_forward(s->training, weights, &batch, s->logits));
    for (size_t b = 0; b < s->options.batch; b++)
        sn_prior_add(&s->options.prior, s->distances + b * s->patches, s->gain, s->patches, SN_SCANS,
                     s->logits + b * SN_SCANS * s->patches);
    sn_map_loss_run(s->loss, s->logits, s->masks, NULL, s->diff_logits, loss);
    return sn_scorer_training_backward(s->training, weights, &batch, s->diff_logits, gradients);
}

snarm_status sn_step_run(sn_step *s, sn_scorer_weights *weights, const sn_draw *draw, float *gradients,
                         sn_step_loss *loss) {
    for (size_t b = 0; b < s->options.batch; b++)
        SN_TRY(take_sample(s, weights, draw, b));
    sn_map_loss_result mean = {0};
    for (size_t i = 0; i < draw->branch_count; i++) {
        sn_map_loss_result map;
        SN_TRY(run_branch(s, weights, draw->first_branch + i, draw->key, gradients, &map));
        mean.total += map.total / (double)draw->branch_count;
        mean.focal += map.focal / (double)draw->branch_count;
        mean.dice += map.dice / (double)draw->branch_count;
    }
    sn_navigator_training_forward(s->training, weights, seen(s), s->navigator);
    const double navigator = sn_focal_loss(s->navigator, s->labels, s->options.batch * s->patches, s->options.navigator_alpha,
                                           s->options.navigator_gamma, s->options.navigator_weight, s->diff_navigator);
    sn_navigator_training_backward(s->training, weights, seen(s), s->diff_navigator, gradients);
    *loss = (sn_step_loss){mean.total + s->options.navigator_weight * navigator, mean.focal, mean.dice, navigator};
    return SNARM_OK;
}
