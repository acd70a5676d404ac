#include "train/validation.h"

#include "core/memory.h"
#include "core/threads.h"
#include "map/score.h"
#include "scorer/scorer.h"
#include "snarm/map.h"
#include "snarm/metrics.h"
#include "train/seen.h"

#include <string.h>

struct sn_validation {
    const sn_samples *samples;
    sn_seen *seen;
    sn_validation_options options;
    size_t patches, channels, pixels;
    float *distances, *hybrid, *logits, *map;
    uint8_t *mask, *reference;
    double *score_scratch;
    float *scores, *distance_scores; /* (samples) */
    bool distances_scored;           /* the same for all weights: once is enough */
    uint8_t *labels; /* (samples) */
};

static snarm_status make_room(sn_validation *v) {
    const size_t count = sn_samples_count(v->samples);
    SN_TRY(sn_alloc(&v->distances, v->patches, sizeof(float), "held-out sample"));
    SN_TRY(sn_alloc(&v->hybrid, v->patches, 2 * v->channels * sizeof(float), "held-out sample"));
    SN_TRY(sn_alloc(&v->logits, v->patches, SN_BRANCHES_MAX * SN_SCANS * sizeof(float), "held-out sample"));
    SN_TRY(sn_alloc(&v->map, v->pixels, sizeof(float), "held-out sample"));
    SN_TRY(sn_alloc(&v->mask, v->pixels, 1, "held-out sample"));
    SN_TRY(sn_alloc(&v->reference, v->patches, 1, "held-out sample"));
    SN_TRY(sn_alloc(&v->score_scratch, sn_map_score_scratch((int32_t)sn_samples_get_shape(v->samples)->mask_width), sizeof(double),
                    "held-out scores"));
    SN_TRY(sn_alloc(&v->scores, count, sizeof(float), "held-out scores"));
    SN_TRY(sn_alloc(&v->distance_scores, count, sizeof(float), "held-out scores"));
    return sn_alloc(&v->labels, count, 1, "held-out scores");
}

snarm_status sn_validation_create(sn_validation **out, const sn_samples *samples, const snarm_bank *bank,
                                  const sn_validation_options *options) {
    *out = NULL;
    sn_validation *v;
    SN_TRY(sn_alloc_zeroed(&v, 1, sizeof *v, "validation"));
    const sn_samples_shape *shape = sn_samples_get_shape(samples);
    v->samples = samples, v->options = *options;
    v->patches = shape->grid_width * shape->grid_height, v->channels = sn_seen_channels(samples);
    v->pixels = shape->mask_width * shape->mask_height;
    const sn_seen_options seen = {options->reference_ratio, options->residual_scale, options->stages};
    snarm_status status = sn_seen_create(&v->seen, samples, bank, &seen);
    if (status == SNARM_OK)
        status = make_room(v);
    if (status != SNARM_OK) {
        sn_validation_destroy(v);
        return status;
    }
    *out = v;
    return SNARM_OK;
}

void sn_validation_destroy(sn_validation *v) {
    if (v == NULL)
        return;
    sn_seen_destroy(v->seen);
    void *const blocks[] = {v->distances, v->hybrid, v->logits, v->map,           v->mask,
                            v->reference, v->scores, v->labels, v->distance_scores, v->score_scratch};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        sn_free(blocks[i]);
    sn_free(v);
}

/* The network for these weights. */
typedef struct network {
    snarm_scorer *scorer;
    const sn_scorer_weights *weights;
} network;

static snarm_status open_network(const sn_validation *v, const sn_scorer_weights *weights, network *n) {
    const sn_samples_shape *shape = sn_samples_get_shape(v->samples);
    snarm_scorer_options options;
    snarm_scorer_options_init(&options);
    options.precision = SNARM_PRECISION_F32; /* which weights are kept must not depend on the processor */
    options.grid_width = (int32_t)shape->grid_width, options.grid_height = (int32_t)shape->grid_height;
    options.reference_ratio = v->options.reference_ratio;
    options.threads = sn_threads_current();
    options.coverage = shape->coverage;
    n->weights = weights;
    return sn_scorer_create_from_weights(&n->scorer, weights, &options);
}

static snarm_status smooth(sn_validation *v) {
    const sn_samples_shape *shape = sn_samples_get_shape(v->samples);
    return snarm_map_smooth(v->map, (int32_t)shape->mask_width, (int32_t)shape->mask_height, v->options.smoothing, sn_threads_current());
}

static snarm_status score(const sn_validation *v, float *to) {
    const sn_samples_shape *shape = sn_samples_get_shape(v->samples);
    return sn_map_score(v->map, (int32_t)shape->mask_width, (int32_t)shape->mask_height, v->options.score_window, v->score_scratch, to, NULL, NULL);
}

static snarm_status map_of_distances(sn_validation *v) {
    const sn_samples_shape *shape = sn_samples_get_shape(v->samples);
    SN_TRY(snarm_map_from_patches(v->distances, (int32_t)shape->grid_width, (int32_t)shape->grid_height, (int32_t)shape->mask_width,
                                  (int32_t)shape->mask_height, sn_threads_current(), v->map));
    return smooth(v);
}

static snarm_status map_of_network(sn_validation *v, size_t sample, const network *n) {
    const sn_samples_shape *shape = sn_samples_get_shape(v->samples);
    const int32_t grid_width = (int32_t)shape->grid_width, grid_height = (int32_t)shape->grid_height;
    const int32_t width = (int32_t)shape->mask_width, height = (int32_t)shape->mask_height;
    const int32_t threads = sn_threads_current(), maps = (int32_t)(n->weights->branches * SN_SCANS);
    SN_TRY(sn_seen_read(v->seen, sample, 0, n->weights->navigator_weight, n->weights->navigator_bias[0], v->hybrid, v->reference,
                        v->distances, v->mask));
    SN_TRY(snarm_scorer_logits(n->scorer, v->hybrid, v->reference, v->logits));
    SN_TRY(snarm_scorer_add_prior(n->scorer, v->distances, v->logits));
    SN_TRY(snarm_map_from_logits(v->logits, maps, grid_width, grid_height, width, height, threads, v->map));
    return smooth(v);
}

/* After the network's map, of whose sample it is, and in its place. */
static snarm_status score_distances(sn_validation *v, size_t sample) {
    if (v->options.stage_weights != NULL)
        sn_seen_weighted_distances(v->seen, v->options.stage_weights, v->distances);
    else
        sn_samples_get(v->samples, sample, 0, NULL, NULL, v->distances, NULL);
    SN_TRY(map_of_distances(v));
    return score(v, &v->distance_scores[sample]);
}

static snarm_status collect(sn_validation *v, const network *n, snarm_pixel_metrics *pixels) {
    const sn_samples_shape *shape = sn_samples_get_shape(v->samples);
    const int32_t width = (int32_t)shape->mask_width, height = (int32_t)shape->mask_height;
    for (size_t s = 0; s < sn_samples_count(v->samples); s++) {
        if (n == NULL)
            sn_samples_get(v->samples, s, 0, NULL, NULL, v->distances, v->mask);
        SN_TRY(n != NULL ? map_of_network(v, s, n) : map_of_distances(v));
        SN_TRY(snarm_pixel_metrics_add(pixels, v->map, v->mask, width, height));
        SN_TRY(score(v, &v->scores[s]));
        if (n != NULL && !v->distances_scored)
            SN_TRY(score_distances(v, s));
        v->labels[s] = sn_samples_defective(v->samples, s);
    }
    v->distances_scored |= n != NULL;
    return SNARM_OK;
}

static snarm_status measure(sn_validation *v, const network *n, sn_validation_result *result) {
    snarm_pixel_metrics *pixels;
    SN_TRY(snarm_pixel_metrics_create(&pixels, NULL));
    snarm_pixel_metrics_result all = {0};
    snarm_score_metrics images = {0};
    snarm_status status = collect(v, n, pixels);
    if (status == SNARM_OK)
        status = snarm_pixel_metrics_finish(pixels, &all);
    if (status == SNARM_OK)
        status = snarm_metrics_scores(v->scores, v->labels, sn_samples_count(v->samples), &images);
    snarm_pixel_metrics_destroy(pixels);
    *result = (sn_validation_result){all.pixels.average_precision, all.pixels.auroc, images.auroc};
    return status;
}

snarm_status sn_validation_run(sn_validation *v, const sn_scorer_weights *weights, sn_validation_result *result) {
    if (weights == NULL)
        return measure(v, NULL, result);
    network n = {0};
    snarm_status status = open_network(v, weights, &n);
    if (status == SNARM_OK)
        status = measure(v, &n, result);
    snarm_scorer_destroy(n.scorer);
    return status;
}

const float *sn_validation_scores(const sn_validation *v) {
    return v->scores;
}

const float *sn_validation_distance_scores(const sn_validation *v) {
    return v->distance_scores;
}

const uint8_t *sn_validation_labels(const sn_validation *v) {
    return v->labels;
}
