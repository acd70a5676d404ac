#include "train/calibrate.h"

#include "core/memory.h"
#include "train/labels.h"

#include <math.h>

typedef struct memory {
    float *features, *inter, *phi, *squares; /* of a sample whose features are kept */
    int32_t *nearest;
    uint8_t *mask, *labels; /* labels (samples, N) */
    float *all;             /* (samples, N): distances, or sizes of residuals */
    float *gain;            /* (N) of these, or NULL */
} memory;

static void release(memory *m) {
    void *const blocks[] = {m->features, m->inter, m->phi, m->squares, m->nearest, m->mask, m->labels, m->all, m->gain};
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
    if (shape->vectors == NULL) {
        SN_TRY(sn_alloc(&m->features, patches, shape->channels * sizeof(float), "sample"));
        SN_TRY(sn_alloc(&m->inter, patches, shape->channels * sizeof(float), "sample"));
        SN_TRY(sn_alloc(&m->phi, patches, shape->channels * sizeof(float), "sample"));
        SN_TRY(sn_alloc(&m->squares, patches, (size_t)sn_samples_stages(shape).count * sizeof(float), "sample"));
        SN_TRY(sn_alloc(&m->nearest, patches, shape->neighbours * sizeof(int32_t), "sample"));
    }
    SN_TRY(sn_alloc(&m->mask, shape->mask_width, shape->mask_height, "sample"));
    SN_TRY(sn_alloc(&m->labels, samples, patches, "labels of patches"));
    return sn_alloc(&m->all, samples, patches * sizeof(float), "distances of patches");
}

/* The mean squares (N, stages) of a sample's inter-residuals. */
static const float *squares_of(const memory *m, const sn_samples *samples, const float *vectors, size_t s) {
    if (sn_samples_squares(samples, s) != NULL)
        return sn_samples_squares(samples, s);
    sn_samples_get(samples, s, 0, m->features, m->nearest, NULL, NULL);
    sn_samples_residuals(sn_samples_get_shape(samples), vectors, m->features, m->nearest, m->inter, m->phi, m->squares);
    return m->squares;
}

/* Labels, distances and the scale. */
static void measure_distances(sn_calibration *out, const sn_samples *samples, const float *vectors, memory *m) {
    const sn_samples_shape *shape = sn_samples_get_shape(samples);
    const size_t count = sn_samples_count(samples), patches = shape->grid_width * shape->grid_height;
    const sn_stages stages = sn_samples_stages(shape);
    size_t good = 0;
    for (size_t s = 0; s < count; s++)
        good += !sn_samples_defective(samples, s);
    double sum = 0, summed = 0;
    for (size_t s = 0; s < count; s++) {
        uint8_t *labels = m->labels + s * patches;
        sn_samples_get(samples, s, 0, NULL, NULL, m->all + s * patches, m->mask);
        sn_label_patches(shape, m->mask, labels);
        if (good > 0 && sn_samples_defective(samples, s))
            continue;
        const float *squares = squares_of(m, samples, vectors, s);
        for (size_t i = 0; i < patches; i++) {
            if (labels[i] != 0)
                continue;
            sum += (double)sn_stage_mean_square(&stages, squares + i * (size_t)stages.count);
            summed++;
        }
    }
    const double scale = sum > 0 ? sqrt(summed / sum) : 1;
    out->residual_scale = fmin(fmax(scale, 1e-6), 1e6);
}

/* Sizes of the scaled residuals in place of distances. */
static void measure_sizes(const sn_calibration *found, const sn_samples *samples, const float *vectors, memory *m) {
    const sn_samples_shape *shape = sn_samples_get_shape(samples);
    const size_t patches = shape->grid_width * shape->grid_height, stages = (size_t)shape->stages.count;
    for (size_t s = 0; s < sn_samples_count(samples); s++) {
        const float *squares = squares_of(m, samples, vectors, s);
        for (size_t i = 0; i < patches; i++)
            m->all[s * patches + i] = sn_stage_size(squares + i * stages, stages, found->residual_scale);
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
