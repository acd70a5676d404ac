#include "train/calibrate.h"

#include "core/memory.h"
#include "residual/phi.h"
#include "train/labels.h"

#include <math.h>

typedef struct memory {
    float *features;
    float *inter, *phi; /* of a sample's patch */
    int32_t *nearest;
    uint8_t *mask, *labels; /* labels (samples, N) */
    float *all;             /* (samples, N): distances, or sizes of residuals */
    float *gain;            /* (N) of these, or NULL */
} memory;

static void release(memory *m) {
    void *const blocks[] = {m->features, m->inter, m->phi, m->nearest, m->mask, m->labels, m->all, m->gain};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        sn_free(blocks[i]);
}

static bool has_borders(const sn_samples_shape *shape) {
    for (size_t i = 0; shape->coverage != NULL && i < shape->grid_width * shape->grid_height; i++)
        if (shape->coverage[i] < 1)
            return true;
    return false;
}

static snarm_status allocate(memory *m, const sn_samples_shape *shape, size_t samples) {
    const size_t patches = shape->grid_width * shape->grid_height;
    SN_TRY(sn_alloc(&m->features, patches, shape->channels * sizeof(float), "sample"));
    SN_TRY(sn_alloc(&m->inter, shape->channels, sizeof(float), "sample"));
    SN_TRY(sn_alloc(&m->phi, shape->channels, sizeof(float), "sample"));
    SN_TRY(sn_alloc(&m->nearest, patches, shape->neighbours * sizeof(int32_t), "sample"));
    SN_TRY(sn_alloc(&m->mask, shape->mask_width, shape->mask_height, "sample"));
    SN_TRY(sn_alloc(&m->labels, samples, patches, "labels of patches"));
    return sn_alloc(&m->all, samples, patches * sizeof(float), "distances of patches");
}

/* The inter-residual of patch i of the sample in memory. */
static void find_residual(const memory *m, const sn_samples_shape *shape, const float *vectors, size_t i) {
    const int32_t *nearest = m->nearest + i * shape->neighbours;
    for (size_t c = 0; c < shape->channels; c++) {
        float mean = 0;
        for (size_t k = 0; k < shape->neighbours; k++)
            mean += vectors[(size_t)nearest[k] * shape->channels + c];
        m->inter[c] = mean / (float)shape->neighbours - m->features[i * shape->channels + c];
    }
}

/* Labels, distances and the scale. */
static void measure_distances(sn_calibration *out, const sn_samples *samples, const float *vectors, memory *m) {
    const sn_samples_shape *shape = sn_samples_get_shape(samples);
    const size_t count = sn_samples_count(samples), patches = shape->grid_width * shape->grid_height;
    size_t good = 0;
    for (size_t s = 0; s < count; s++)
        good += !sn_samples_defective(samples, s);
    double squares = 0, values = 0;
    for (size_t s = 0; s < count; s++) {
        uint8_t *labels = m->labels + s * patches;
        sn_samples_get(samples, s, 0, m->features, m->nearest, m->all + s * patches, m->mask);
        sn_label_patches(shape, m->mask, labels);
        if (good > 0 && sn_samples_defective(samples, s))
            continue;
        for (size_t i = 0; i < patches; i++) {
            if (labels[i] != 0)
                continue;
            find_residual(m, shape, vectors, i);
            for (size_t c = 0; c < shape->channels; c++)
                squares += (double)m->inter[c] * (double)m->inter[c];
            values += (double)shape->channels;
        }
    }
    const double scale = squares > 0 ? sqrt(values / squares) : 1;
    out->residual_scale = fmin(fmax(scale, 1e-6), 1e6);
}

/* Sizes of the scaled residuals in place of distances. */
static void measure_sizes(const sn_calibration *found, const sn_samples *samples, const float *vectors, memory *m) {
    const sn_samples_shape *shape = sn_samples_get_shape(samples);
    const size_t patches = shape->grid_width * shape->grid_height;
    for (size_t s = 0; s < sn_samples_count(samples); s++) {
        sn_samples_get(samples, s, 0, m->features, m->nearest, NULL, NULL);
        for (size_t i = 0; i < patches; i++) {
            find_residual(m, shape, vectors, i);
            sn_phi(m->inter, 1, shape->channels, (float)found->residual_scale, m->phi, shape->channels);
            sn_residual_sizes(&found->prior.stages, m->phi, shape->channels, 1, shape->channels, &m->all[s * patches + i]);
        }
    }
}

static snarm_status fit_prior(sn_prior *prior, const sn_samples *samples, memory *m) {
    const sn_samples_shape *shape = sn_samples_get_shape(samples);
    const size_t count = sn_samples_count(samples), patches = shape->grid_width * shape->grid_height;
    if (has_borders(shape)) {
        prior->border = SN_PRIOR_BORDER;
        SN_TRY(sn_alloc(&m->gain, patches, sizeof *m->gain, "sample"));
        sn_prior_gain(shape->coverage, patches, prior->border, m->gain);
        for (size_t i = 0; i < count * patches; i++)
            m->all[i] *= m->gain[i % patches];
    }
    const sn_prior found = sn_prior_fit(m->all, m->labels, count * patches);
    if (found.slope == 0)
        *prior = found;
    prior->slope = found.slope, prior->centre = found.centre;
    return SNARM_OK;
}

static snarm_status calibrate(sn_calibration *out, const sn_samples *samples, const float *vectors, memory *m) {
    const sn_samples_shape *shape = sn_samples_get_shape(samples);
    SN_TRY(allocate(m, shape, sn_samples_count(samples)));
    measure_distances(out, samples, vectors, m);
    out->prior = (sn_prior){.centre = 1, .stages = shape->stages};
    if (shape->stages.count > 0)
        measure_sizes(out, samples, vectors, m);
    return fit_prior(&out->prior, samples, m);
}

snarm_status sn_calibrate(sn_calibration *out, const sn_samples *samples, const snarm_bank *bank) {
    const float *vectors;
    SN_TRY(snarm_bank_get_vectors(bank, &vectors, NULL));
    memory m = {0};
    snarm_status status = calibrate(out, samples, vectors, &m);
    release(&m);
    return status;
}
