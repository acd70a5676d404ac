#include "train/seen.h"

#include "core/memory.h"
#include "core/threads.h"
#include "residual/engine.h"
#include "residual/navigator.h"
#include "residual/ranks.h"

#include <string.h>

struct sn_seen {
    sn_seen_options options;
    const sn_samples *samples;
    sn_samples_shape shape;
    size_t patches, references, last; /* last: the sample read last */
    int last_mirror;
    /* Of samples with features. */
    const float *vectors; /* the bank's */
    snarm_residual *engine;
    sn_ranking *ranking; /* NULL: too many patches for it */
    uint16_t **ranks;    /* (samples): (N, SN_RANKS) of each, NULL before it is first read */
    uint16_t *mirrored_ranks;
    float *features, *inter; /* (N, C) */
    int32_t *nearest;        /* (N, k) */
    /* Of samples with means, before they are mirrored. */
    float *hybrid, *distances, *scratch; /* (N, 4), (N), (2 N) */
    uint8_t *reference;                  /* (N) */
};

size_t sn_seen_channels(const sn_samples *samples) {
    const sn_samples_shape *shape = sn_samples_get_shape(samples);
    return shape->vectors != NULL ? SN_QUARTERS / 2 : shape->channels;
}

static snarm_status prepare_features(sn_seen *s, const snarm_bank *bank) {
    const size_t channels = s->shape.channels;
    SN_TRY(snarm_bank_get_vectors(bank, &s->vectors, NULL));
    SN_TRY(sn_alloc_zeroed(&s->inter, s->patches, channels * sizeof *s->inter, "sample"));
    SN_TRY(sn_alloc(&s->features, s->patches, channels * sizeof *s->features, "sample"));
    SN_TRY(sn_alloc(&s->nearest, s->patches, s->shape.neighbours * sizeof *s->nearest, "sample"));
    snarm_residual_options residual;
    snarm_residual_options_init(&residual);
    residual.patches = (int32_t)s->patches, residual.channels = (int32_t)channels;
    residual.neighbours = (int32_t)s->shape.neighbours;
    residual.reference_ratio = s->options.reference_ratio, residual.scale = s->options.residual_scale;
    residual.threads = sn_threads_current();
    SN_TRY(snarm_residual_create(&s->engine, s->inter, 0, &residual)); /* zeros: each call brings a navigator of its own */
    if (s->patches > SN_RANKS_PATCHES_MAX)
        return SNARM_OK;
    SN_TRY(sn_ranking_create(&s->ranking, s->patches, channels));
    SN_TRY(sn_alloc_zeroed(&s->ranks, sn_samples_count(s->samples), sizeof *s->ranks, "ranks of samples"));
    return sn_alloc(&s->mirrored_ranks, s->patches, SN_RANKS * sizeof *s->mirrored_ranks, "sample");
}

static snarm_status prepare_means(sn_seen *s) {
    if (s->references < 2) /* as the residual engine of those with features says */
        return sn_error(SNARM_ERROR_ARGUMENT, "training: reference_ratio is %g, expected at least 2 of the %zu patches in the reference set",
                        s->options.reference_ratio, s->patches);
    SN_TRY(sn_alloc(&s->hybrid, s->patches, SN_QUARTERS * sizeof *s->hybrid, "sample"));
    SN_TRY(sn_alloc(&s->distances, s->patches, sizeof *s->distances, "sample"));
    SN_TRY(sn_alloc(&s->scratch, s->patches, 2 * sizeof *s->scratch, "sample"));
    return sn_alloc(&s->reference, s->patches, 1, "sample");
}

snarm_status sn_seen_create(sn_seen **out, const sn_samples *samples, const snarm_bank *bank, const sn_seen_options *options) {
    *out = NULL;
    sn_seen *s;
    SN_TRY(sn_alloc_zeroed(&s, 1, sizeof *s, "samples as they are seen"));
    s->options = *options, s->samples = samples, s->shape = *sn_samples_get_shape(samples);
    s->patches = s->shape.grid_width * s->shape.grid_height;
    s->references = sn_reference_count(options->reference_ratio, s->patches);
    const snarm_status status = s->shape.vectors != NULL ? prepare_means(s) : prepare_features(s, bank);
    if (status != SNARM_OK) {
        sn_seen_destroy(s);
        return status;
    }
    *out = s;
    return SNARM_OK;
}

void sn_seen_destroy(sn_seen *s) {
    if (s == NULL)
        return;
    snarm_residual_destroy(s->engine);
    sn_ranking_destroy(s->ranking);
    for (size_t i = 0; s->ranks != NULL && i < sn_samples_count(s->samples); i++)
        sn_free(s->ranks[i]);
    void *const blocks[] = {s->ranks,  s->mirrored_ranks, s->features, s->inter,    s->nearest,
                            s->hybrid, s->distances,      s->scratch,  s->reference};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        sn_free(blocks[i]);
    sn_free(s);
}

size_t sn_seen_references(const sn_seen *s) {
    return s->references;
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

/* Ranks of the sample whose features, mirrored so, are at hand; found when it is first read, and kept. */
static snarm_status rank(sn_seen *s, size_t sample, int mirror, const uint16_t **ranks) {
    *ranks = NULL;
    if (s->ranking == NULL)
        return SNARM_OK;
    ranks_work work = {s->mirrored_ranks, &s->shape, mirror, NULL};
    if (s->ranks[sample] == NULL) {
        SN_TRY(sn_ranking_run(s->ranking, s->features, s->mirrored_ranks, NULL));
        SN_TRY(sn_alloc(&s->ranks[sample], s->patches, SN_RANKS * sizeof *work.to, "ranks of a sample's patches"));
        work.to = s->ranks[sample];
    } else
        work.from = s->ranks[sample], work.to = s->mirrored_ranks;
    sn_parallel(s->patches, 16, mirror_ranks, &work);
    *ranks = s->mirrored_ranks;
    return SNARM_OK;
}

static snarm_status read_features(sn_seen *s, size_t index, int mirror, const float *navigator, float bias, float *hybrid,
                                  uint8_t *reference, float *distances, uint8_t *mask) {
    sn_samples_get(s->samples, index, mirror, s->features, s->nearest, distances, mask);
    const uint16_t *ranks;
    SN_TRY(rank(s, index, mirror, &ranks));
    sn_residual_inter_of(s->engine, s->vectors, s->nearest, s->features, s->inter);
    SN_TRY(sn_residual_hybrid_with(s->engine, navigator, bias, s->features, ranks, s->inter, hybrid, reference, NULL));
    if (s->options.stages.count > 0)
        sn_residual_sizes(&s->options.stages, hybrid, 2 * s->shape.channels, s->patches, s->shape.channels, distances);
    return SNARM_OK;
}

static void read_means(sn_seen *s, size_t index, int mirror, const float *navigator, float bias, float *hybrid, uint8_t *reference,
                       float *distances, uint8_t *mask) {
    sn_channel_means_hybrid(sn_samples_means(s->samples, index), s->options.residual_scale, navigator, bias, s->references, s->scratch,
                            s->hybrid, s->reference);
    sn_samples_mirror(&s->shape, s->hybrid, SN_QUARTERS * sizeof *hybrid, mirror, hybrid);
    sn_samples_mirror(&s->shape, s->reference, 1, mirror, reference);
    sn_samples_get(s->samples, index, mirror, NULL, NULL, distances, mask);
    const size_t stages = (size_t)s->options.stages.count;
    if (stages == 0)
        return;
    const float *squares = sn_samples_squares(s->samples, index);
    for (size_t i = 0; i < s->patches; i++)
        s->distances[i] = sn_stage_size(squares + i * stages, stages, s->options.residual_scale);
    sn_samples_mirror(&s->shape, s->distances, sizeof *distances, mirror, distances);
}

snarm_status sn_seen_read(sn_seen *s, size_t index, int mirror, const float *navigator, float bias, float *hybrid, uint8_t *reference,
                          float *distances, uint8_t *mask) {
    s->last = index, s->last_mirror = mirror;
    if (s->shape.vectors == NULL)
        return read_features(s, index, mirror, navigator, bias, hybrid, reference, distances, mask);
    read_means(s, index, mirror, navigator, bias, hybrid, reference, distances, mask);
    return SNARM_OK;
}

void sn_seen_weighted_distances(const sn_seen *s, const float *weights, float *distances) {
    const sn_stages stages = sn_samples_stages(&s->shape);
    if (s->shape.vectors == NULL) {
        sn_stage_distances(&stages, weights, s->inter, s->patches, s->shape.channels, distances);
        return;
    }
    sn_stage_distances_of_squares(&stages, weights, sn_samples_squares(s->samples, s->last), s->patches, s->distances);
    sn_samples_mirror(&s->shape, s->distances, sizeof *distances, s->last_mirror, distances);
}
