#include "train/samples.h"

#include "core/memory.h"
#include "core/threads.h"
#include "io/half.h"
#include "residual/inter.h"
#include "residual/phi.h"
#include "residual/ranks.h"

#include <string.h>

typedef struct sample {
    uint16_t *features;
    int32_t *nearest;
    sn_channel_means *means; /* instead of these */
    float *squares;
    float *distances;
    uint8_t *mask;
    bool defective;
} sample;

struct sn_samples {
    sn_samples_shape shape;
    size_t patches, pixels, count, capacity;
    sample *all;
    sn_channel_means_maker *maker; /* with means, as the next two */
    float *inter, *phi;            /* (N, C) */
};

sn_stages sn_samples_stages(const sn_samples_shape *shape) {
    return shape->stages.count > 0 ? shape->stages : (sn_stages){1, {(int32_t)shape->channels}};
}

size_t sn_samples_bytes(const sn_samples_shape *s) {
    const size_t patches = s->grid_width * s->grid_height;
    const size_t always = sizeof(sample) + patches * sizeof(float) + s->mask_width * s->mask_height;
    if (s->vectors != NULL)
        return always + sn_channel_means_bytes(patches) + patches * (size_t)sn_samples_stages(s).count * sizeof(float);
    return always + patches * ((s->channels + SN_RANKS) * sizeof(uint16_t) + s->neighbours * sizeof(int32_t));
}

static snarm_status prepare_means(sn_samples *s) {
    if (s->patches > SN_RANKS_PATCHES_MAX)
        return sn_error(SNARM_ERROR_ARGUMENT, "training: a grid of %zu x %zu has %zu patches, expected at most %d: learn from tiles of the pictures",
                        s->shape.grid_width, s->shape.grid_height, s->patches, (int)SN_RANKS_PATCHES_MAX);
    SN_TRY(sn_channel_means_maker_create(&s->maker, s->patches, s->shape.channels));
    SN_TRY(sn_alloc(&s->inter, s->patches, s->shape.channels * sizeof *s->inter, "sample"));
    return sn_alloc(&s->phi, s->patches, s->shape.channels * sizeof *s->phi, "sample");
}

snarm_status sn_samples_create(sn_samples **out, const sn_samples_shape *shape, size_t capacity) {
    *out = NULL;
    sn_samples *samples;
    SN_TRY(sn_alloc_zeroed(&samples, 1, sizeof *samples, "samples"));
    samples->shape = *shape, samples->capacity = capacity;
    samples->patches = shape->grid_width * shape->grid_height;
    samples->pixels = shape->mask_width * shape->mask_height;
    snarm_status status = sn_alloc_zeroed(&samples->all, capacity, sizeof *samples->all, "samples");
    if (status == SNARM_OK && shape->vectors != NULL)
        status = prepare_means(samples);
    if (status != SNARM_OK) {
        sn_samples_destroy(samples);
        return status;
    }
    *out = samples;
    return SNARM_OK;
}

static void release(sample *s) {
    sn_free(s->features);
    sn_free(s->nearest);
    sn_channel_means_destroy(s->means);
    sn_free(s->squares);
    sn_free(s->distances);
    sn_free(s->mask);
    memset(s, 0, sizeof *s);
}

void sn_samples_destroy(sn_samples *samples) {
    if (samples == NULL)
        return;
    for (size_t i = 0; i < samples->count; i++)
        release(&samples->all[i]);
    sn_free(samples->all);
    sn_channel_means_maker_destroy(samples->maker);
    sn_free(samples->inter);
    sn_free(samples->phi);
    sn_free(samples);
}

size_t sn_samples_count(const sn_samples *samples) {
    return samples->count;
}

const sn_samples_shape *sn_samples_get_shape(const sn_samples *samples) {
    return &samples->shape;
}

static snarm_status keep_features(const sn_samples *samples, const float *features, const int32_t *nearest, sample *s) {
    const size_t channels = samples->shape.channels, neighbours = samples->shape.neighbours;
    SN_TRY(sn_alloc(&s->features, samples->patches, channels * sizeof *s->features, "a sample's features"));
    SN_TRY(sn_alloc(&s->nearest, samples->patches, neighbours * sizeof *s->nearest, "a sample's neighbours"));
    for (size_t i = 0; i < samples->patches * channels; i++)
        s->features[i] = sn_f32_to_f16(features[i]);
    memcpy(s->nearest, nearest, samples->patches * neighbours * sizeof *nearest);
    return SNARM_OK;
}

void sn_samples_residuals(const sn_samples_shape *shape, const float *vectors, const float *features, const int32_t *nearest, float *inter,
                          float *phi, float *squares) {
    const size_t patches = shape->grid_width * shape->grid_height, channels = shape->channels;
    const sn_stages stages = sn_samples_stages(shape);
    sn_inter_residuals(vectors, nearest, shape->neighbours, features, patches, channels, inter);
    sn_phi(inter, patches, channels, 1, phi, channels);
    sn_stage_squares(&stages, phi, channels, patches, channels, squares);
}

static snarm_status keep_means(const sn_samples *samples, const float *features, const int32_t *nearest, sample *s) {
    SN_TRY(sn_alloc(&s->squares, samples->patches, (size_t)sn_samples_stages(&samples->shape).count * sizeof *s->squares, "a sample's residuals"));
    sn_samples_residuals(&samples->shape, samples->shape.vectors, features, nearest, samples->inter, samples->phi, s->squares);
    return sn_channel_means_make(&s->means, samples->maker, features, samples->inter);
}

static snarm_status keep(const sn_samples *samples, const float *features, const int32_t *nearest, const float *distances,
                         const uint8_t *mask, sample *s) {
    SN_TRY(sn_alloc(&s->distances, samples->patches, sizeof *s->distances, "a sample's distances"));
    SN_TRY(sn_alloc_zeroed(&s->mask, samples->pixels, 1, "a sample's mask"));
    memcpy(s->distances, distances, samples->patches * sizeof *distances);
    if (mask != NULL) {
        memcpy(s->mask, mask, samples->pixels);
        s->defective = memchr(mask, 1, samples->pixels) != NULL;
    }
    return samples->shape.vectors != NULL ? keep_means(samples, features, nearest, s) : keep_features(samples, features, nearest, s);
}

snarm_status sn_samples_add(sn_samples *samples, const float *features, const int32_t *nearest, const float *distances,
                            const uint8_t *mask) {
    if (samples->count == samples->capacity)
        return sn_error(SNARM_ERROR_INTERNAL, "training: more than %zu samples", samples->capacity);
    sample *s = &samples->all[samples->count];
    const snarm_status status = keep(samples, features, nearest, distances, mask, s);
    if (status != SNARM_OK) {
        release(s);
        return status;
    }
    samples->count++;
    return SNARM_OK;
}

/* dst = src (height, width) of elements of that many bytes, mirrored. */
static void mirrored(const void *src, size_t width, size_t height, size_t bytes, int mirror, void *dst) {
    for (size_t y = 0; y < height; y++) {
        const char *from = (const char *)src + (mirror & SN_MIRROR_Y ? height - 1 - y : y) * width * bytes;
        char *to = (char *)dst + y * width * bytes;
        if (!(mirror & SN_MIRROR_X))
            memcpy(to, from, width * bytes);
        else
            for (size_t x = 0; x < width; x++)
                memcpy(to + x * bytes, from + (width - 1 - x) * bytes, bytes);
    }
}

void sn_samples_mirror(const sn_samples_shape *shape, const void *src, size_t bytes, int mirror, void *dst) {
    mirrored(src, shape->grid_width, shape->grid_height, bytes, mirror, dst);
}

typedef struct widen_work {
    const sn_samples *samples;
    const uint16_t *from;
    int mirror;
    float *to;
} widen_work;

static void widen_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const widen_work *work = context;
    const sn_samples_shape *s = &work->samples->shape;
    for (size_t i = begin; i < end; i++) {
        const uint16_t *half = work->from + sn_mirrored_place(s, work->mirror, i) * s->channels;
        float *to = work->to + i * s->channels;
        for (size_t c = 0; c < s->channels; c++)
            to[c] = sn_f16_to_f32(half[c]);
    }
}

void sn_samples_get(const sn_samples *samples, size_t index, int mirror, float *features, int32_t *nearest,
                    float *distances, uint8_t *mask) {
    const sample *s = &samples->all[index];
    const sn_samples_shape *shape = &samples->shape;
    if (features != NULL) {
        widen_work work = {samples, s->features, mirror, features};
        sn_parallel(samples->patches, 16, widen_rows, &work);
    }
    if (nearest != NULL)
        sn_samples_mirror(shape, s->nearest, shape->neighbours * sizeof *nearest, mirror, nearest);
    if (distances != NULL)
        sn_samples_mirror(shape, s->distances, sizeof *distances, mirror, distances);
    if (mask != NULL)
        mirrored(s->mask, shape->mask_width, shape->mask_height, 1, mirror, mask);
}

bool sn_samples_defective(const sn_samples *samples, size_t index) {
    return samples->all[index].defective;
}

const sn_channel_means *sn_samples_means(const sn_samples *samples, size_t index) {
    return samples->all[index].means;
}

const float *sn_samples_squares(const sn_samples *samples, size_t index) {
    return samples->all[index].squares;
}
