#include "train/step.h"

#include "core/memory.h"
#include "train/focal_loss.h"
#include "train/labels.h"
#include "train/seen.h"
#include "train/shuffle.h"

struct sn_step {
    sn_step_options options;
    const sn_samples *samples;
    size_t patches, channels, pixels, hard; /* channels: that the network sees */
    float *gain; /* (N) of distances; NULL: 1 */
    sn_seen *seen;
    sn_scorer_training *training;
    sn_map_loss *loss;

    /* Of a batch. */
    float *hybrid;                     /* (B, N, 2C) */
    int32_t *order;                    /* (B, 4, hard) */
    uint8_t *masks, *labels;           /* (B, pixels), (B, N) */
    float *logits, *diff_logits;       /* (B, 4, N) */
    float *navigator, *diff_navigator; /* (B, N) */
    float *distances;                  /* (B, N): what the prior is of */
    uint8_t *reference;                /* (N) of one sample */
};

static snarm_status make_parts(sn_step *s, const sn_scorer_weights *sizes, const snarm_bank *bank) {
    const sn_samples_shape *shape = sn_samples_get_shape(s->samples);
    const sn_seen_options options = {s->options.reference_ratio, s->options.residual_scale, s->options.prior.stages};
    SN_TRY(sn_seen_create(&s->seen, s->samples, bank, &options));
    s->hard = s->patches - sn_seen_references(s->seen);
    const sn_scorer_training_shape training = {s->options.batch, shape->grid_width, shape->grid_height, s->hard};
    SN_TRY(sn_scorer_training_create(&s->training, sizes, &training));
    return sn_map_loss_create(&s->loss, (int32_t)s->options.batch, SN_SCANS, (int32_t)shape->grid_width,
                              (int32_t)shape->grid_height, (int32_t)shape->mask_width, (int32_t)shape->mask_height,
                              &s->options.map_loss);
}

static snarm_status make_room(sn_step *s) {
    const size_t batch = s->options.batch, rows = batch * s->patches;
    SN_TRY(sn_alloc(&s->hybrid, rows, 2 * s->channels * sizeof(float), "batch"));
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
    SN_TRY(sn_alloc(&s->distances, rows, sizeof(float), "batch"));
    return sn_alloc(&s->reference, s->patches, 1, "sample");
}

snarm_status sn_step_create(sn_step **out, const sn_scorer_weights *sizes, const sn_samples *samples,
                            const snarm_bank *bank, const sn_step_options *options) {
    *out = NULL;
    sn_step *s;
    SN_TRY(sn_alloc_zeroed(&s, 1, sizeof *s, "training step"));
    const sn_samples_shape *shape = sn_samples_get_shape(samples);
    s->options = *options, s->samples = samples, s->channels = sn_seen_channels(samples);
    s->patches = shape->grid_width * shape->grid_height, s->pixels = shape->mask_width * shape->mask_height;
    snarm_status status = make_parts(s, sizes, bank);
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
    sn_seen_destroy(s->seen);
    sn_scorer_training_destroy(s->training);
    sn_map_loss_destroy(s->loss);
    void *const blocks[] = {s->hybrid,    s->order,          s->masks,     s->labels,    s->logits, s->diff_logits,
                            s->navigator, s->diff_navigator, s->distances, s->reference, s->gain};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        sn_free(blocks[i]);
    sn_free(s);
}

static void shuffle(const sn_step *s, uint32_t key, size_t b, float *hybrid) {
    sn_rng rng;
    sn_rng_seed(&rng, key, b);
    if (sn_rng_uniform(&rng) < s->options.shuffled)
        sn_shuffle_channels(hybrid, s->patches, s->channels, &rng);
}

/* Sample b of the batch: its residuals with the navigator as it is now, its order, masks and prior. */
static snarm_status take_sample(sn_step *s, const sn_scorer_weights *weights, const sn_draw *draw, size_t b) {
    const sn_samples_shape *shape = sn_samples_get_shape(s->samples);
    uint8_t *mask = s->masks + b * s->pixels;
    float *hybrid = s->hybrid + b * s->patches * 2 * s->channels;
    SN_TRY(sn_seen_read(s->seen, draw->samples[b], draw->mirrors[b], weights->navigator_weight, weights->navigator_bias[0], hybrid,
                        s->reference, s->distances + b * s->patches, mask));
    if (shape->vectors == NULL)
        shuffle(s, draw->key, b, hybrid);
    sn_scan_orders(s->reference, shape->grid_width, shape->grid_height, s->hard, s->order + b * SN_SCANS * s->hard);
    sn_label_patches(shape, mask, s->labels + b * s->patches);
    return SNARM_OK;
}

/* The batch's residuals through one branch and back. Dropout leaves out other values in each. */
static snarm_status run_branch(sn_step *s, sn_scorer_weights *weights, size_t branch, uint32_t key, float *gradients,
                               sn_map_loss_result *loss) {
    const sn_scorer_batch batch = {branch, s->hybrid, s->order, s->options.dropout, key + (uint32_t)branch};
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
    sn_navigator_training_forward(s->training, weights, s->hybrid, s->navigator);
    const double navigator = sn_focal_loss(s->navigator, s->labels, s->options.batch * s->patches, s->options.navigator_alpha,
                                           s->options.navigator_gamma, s->options.navigator_weight, s->diff_navigator);
    sn_navigator_training_backward(s->training, weights, s->hybrid, s->diff_navigator, gradients);
    *loss = (sn_step_loss){mean.total + s->options.navigator_weight * navigator, mean.focal, mean.dice, navigator};
    return SNARM_OK;
}
