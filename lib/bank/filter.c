#include "bank/filter.h"

#include "core/memory.h"
#include "core/rng.h"

#include <math.h>
#include <string.h>

enum {
    SAMPLE = 20000, /* vectors that the covariance is taken of: a coreset's first are its most different */
    ITERATIONS = 10
};

typedef struct axes_work {
    size_t count, channels, axes;
    float *centred;    /* (count, C) */
    float *covariance; /* (C, C), not divided */
    float *rotation;   /* (axes, C) */
    float *turned;     /* (axes, C) */
    sn_stream *stream;
} axes_work;

static snarm_status centre(axes_work *w, const float *vectors) {
    double *mean;
    SN_TRY(sn_alloc_zeroed(&mean, w->channels, sizeof *mean, "bank mean"));
    for (size_t i = 0; i < w->count; i++)
        for (size_t c = 0; c < w->channels; c++)
            mean[c] += (double)vectors[i * w->channels + c];
    for (size_t i = 0; i < w->count; i++)
        for (size_t c = 0; c < w->channels; c++)
            w->centred[i * w->channels + c] = (float)((double)vectors[i * w->channels + c] - mean[c] / (double)w->count);
    sn_free(mean);
    return SNARM_OK;
}

static snarm_status multiply(axes_work *w, size_t rows, size_t inner, sn_view a, const float *left, const float *right,
                             float *dst) {
    sn_product *product;
    SN_TRY(sn_product_create(&product, 1, rows, inner, w->channels, a, (sn_view){0, w->channels, 1},
                             (sn_view){0, w->channels, 1}, 1.0f));
    snarm_status status = sn_product_run(product, w->stream, left, right, dst);
    sn_product_destroy(product);
    return status;
}

/* Makes the rows orthonormal, one after the other; one that the former leave nothing of becomes zero and does no harm. */
static void orthonormalise(axes_work *w) {
    for (size_t i = 0; i < w->axes; i++) {
        float *row = w->rotation + i * w->channels;
        for (int pass = 0; pass < 2; pass++) /* once is not enough for nearly parallel rows */
            for (size_t j = 0; j < i; j++) {
                const float *former = w->rotation + j * w->channels;
                double dot = 0;
                for (size_t c = 0; c < w->channels; c++)
                    dot += (double)former[c] * (double)row[c];
                for (size_t c = 0; c < w->channels; c++)
                    row[c] -= (float)dot * former[c];
            }
        double square = 0;
        for (size_t c = 0; c < w->channels; c++)
            square += (double)row[c] * (double)row[c];
        const double factor = square > 1e-30 ? 1 / sqrt(square) : 0;
        for (size_t c = 0; c < w->channels; c++)
            row[c] = (float)(factor * (double)row[c]);
    }
}

static snarm_status iterate(axes_work *w, const float *vectors) {
    SN_TRY(sn_stream_create(&w->stream));
    SN_TRY(sn_alloc(&w->centred, w->count, w->channels * sizeof(float), "bank vectors"));
    SN_TRY(sn_alloc(&w->covariance, w->channels, w->channels * sizeof(float), "covariance"));
    SN_TRY(sn_alloc(&w->rotation, w->axes, w->channels * sizeof(float), "principal axes"));
    SN_TRY(sn_alloc(&w->turned, w->axes, w->channels * sizeof(float), "principal axes"));
    SN_TRY(centre(w, vectors));
    SN_TRY(multiply(w, w->channels, w->count, (sn_view){0, 1, w->channels}, w->centred, w->centred, w->covariance));
    sn_rng rng;
    sn_rng_seed(&rng, 0, w->channels);
    for (size_t i = 0; i < w->axes * w->channels; i++)
        w->rotation[i] = (float)(sn_rng_uniform(&rng) - 0.5);
    orthonormalise(w);
    for (int i = 0; i < ITERATIONS; i++) {
        SN_TRY(multiply(w, w->axes, w->channels, (sn_view){0, w->channels, 1}, w->rotation, w->covariance, w->turned));
        memcpy(w->rotation, w->turned, w->axes * w->channels * sizeof(float));
        orthonormalise(w);
    }
    return SNARM_OK;
}

snarm_status sn_principal_axes(const float *vectors, size_t count, size_t channels, size_t most, size_t *axes,
                               float **rotation) {
    axes_work w = {.count = count < SAMPLE ? count : SAMPLE, .channels = channels, .axes = most};
    w.axes = w.axes > channels ? channels : w.axes;
    w.axes = w.axes > w.count ? w.count : w.axes;
    snarm_status status = iterate(&w, vectors);
    sn_stream_destroy(w.stream);
    sn_free(w.centred);
    sn_free(w.covariance);
    sn_free(w.turned);
    if (status != SNARM_OK) {
        sn_free(w.rotation);
        return status;
    }
    *axes = w.axes, *rotation = w.rotation;
    return SNARM_OK;
}

static snarm_status fill(sn_filter *filter, const float *rotation) {
    SN_TRY(sn_alloc(&filter->rotation, filter->axes, filter->channels * sizeof(float), "filter"));
    memcpy(filter->rotation, rotation, filter->axes * filter->channels * sizeof(float));
    SN_TRY(sn_alloc_zeroed(&filter->origin, filter->axes, sizeof(float), "filter"));
    SN_TRY(sn_row_tiles_create(&filter->tiles, SN_TYPE_F32, filter->channels, filter->axes));
    SN_TRY(sn_alloc(&filter->packed, 1, sn_gemm_packed_bytes(filter->tiles.sizes[0].gemm), "filter"));
    return sn_gemm_pack(filter->tiles.sizes[0].gemm, filter->rotation, 0, filter->packed);
}

snarm_status sn_filter_create(sn_filter **out, const float *rotation, size_t axes, size_t channels, double recall) {
    *out = NULL;
    sn_filter *filter;
    SN_TRY(sn_alloc_zeroed(&filter, 1, sizeof *filter, "filter"));
    filter->axes = axes, filter->channels = channels, filter->recall = recall;
    snarm_status status = fill(filter, rotation);
    if (status != SNARM_OK) {
        sn_filter_destroy(filter);
        return status;
    }
    *out = filter;
    return SNARM_OK;
}

void sn_filter_destroy(sn_filter *filter) {
    if (filter == NULL)
        return;
    sn_row_tiles_release(&filter->tiles);
    sn_cells_destroy(filter->cells);
    sn_free(filter->rotation);
    sn_free(filter->origin);
    sn_free(filter->packed);
    sn_free(filter);
}

snarm_status sn_filter_run(const sn_filter *filter, sn_stream *stream, const float *src, size_t count, float *padded,
                           float *dst) {
    for (size_t first = 0, rows; first < count; first += rows)
        SN_TRY(sn_row_tiles_run(&filter->tiles, stream, src + first * filter->channels, count - first, filter->packed,
                                filter->origin, padded, dst + first * filter->axes, &rows));
    return SNARM_OK;
}
