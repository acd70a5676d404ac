#include "train/calibrate.h"

#include "core/memory.h"
#include "train/labels.h"

#include <math.h>

typedef struct memory {
    float *features, *distances;
    int32_t *nearest;
    uint8_t *mask, *labels; /* labels (samples, N) */
    float *all;             /* (samples, N): distances */
    float *gain;            /* (N) of distances, or NULL */
} memory;

static void release(memory *m) {
    void *const blocks[] = {m->features, m->distances, m->nearest, m->mask, m->labels, m->all, m->gain};
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
    SN_TRY(sn_alloc(&m->nearest, patches, shape->neighbours * sizeof(int32_t), "sample"));
    SN_TRY(sn_alloc(&m->mask, shape->mask_width, shape->mask_height, "sample"));
    if (has_borders(shape)) {
        SN_TRY(sn_alloc(&m->gain, patches, sizeof *m->gain, "sample"));
        sn_prior_gain(shape->coverage, patches, SN_PRIOR_BORDER, m->gain);
    }
    SN_TRY(sn_alloc(&m->labels, samples, patches, "labels of patches"));
    return sn_alloc(&m->all, samples, patches * sizeof(float), "distances of patches");
}

/* Sum of the squares of the inter-residual of one patch. */
static double residual_squares(const float *feature, const float *vectors, const int32_t *nearest, size_t neighbours,
                               size_t channels) {
    double squares = 0;
    for (size_t c = 0; c < channels; c++) {
        float mean = 0;
        for (size_t k = 0; k < neighbours; k++)
            mean += vectors[(size_t)nearest[k] * channels + c];
        const double residual = (double)(mean / (float)neighbours - feature[c]);
        squares += residual * residual;
    }
    return squares;
}

static snarm_status measure(sn_calibration *out, const sn_samples *samples, const float *vectors, memory *m) {
    const sn_samples_shape *shape = sn_samples_get_shape(samples);
    const size_t count = sn_samples_count(samples), patches = shape->grid_width * shape->grid_height;
    size_t good = 0;
    for (size_t s = 0; s < count; s++)
        good += !sn_samples_defective(samples, s);
    double squares = 0, values = 0;
    for (size_t s = 0; s < count; s++) {
        uint8_t *labels = m->labels + s * patches;
        sn_samples_get(samples, s, 0, m->features, m->nearest, m->all + s * patches, m->mask);
        for (size_t i = 0; m->gain != NULL && i < patches; i++)
            m->all[s * patches + i] *= m->gain[i];
        sn_label_patches(shape, m->mask, labels);
        if (good > 0 && sn_samples_defective(samples, s))
            continue;
        for (size_t i = 0; i < patches; i++)
            if (labels[i] == 0) {
                squares += residual_squares(m->features + i * shape->channels, vectors, m->nearest + i * shape->neighbours,
                                            shape->neighbours, shape->channels);
                values += (double)shape->channels;
            }
    }
    const double scale = squares > 0 ? sqrt(values / squares) : 1;
    out->residual_scale = fmin(fmax(scale, 1e-6), 1e6);
    out->prior = sn_prior_fit(m->all, m->labels, count * patches);
    out->prior.border = m->gain != NULL ? SN_PRIOR_BORDER : 0;
    return SNARM_OK;
}

snarm_status sn_calibrate(sn_calibration *out, const sn_samples *samples, const snarm_bank *bank) {
    const float *vectors;
    SN_TRY(snarm_bank_get_vectors(bank, &vectors, NULL));
    memory m = {0};
    snarm_status status = allocate(&m, sn_samples_get_shape(samples), sn_samples_count(samples));
    if (status == SNARM_OK)
        status = measure(out, samples, vectors, &m);
    release(&m);
    return status;
}
