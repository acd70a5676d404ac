#include "scorer/head_training.h"

#include "core/memory.h"
#include "core/threads.h"
#include "kernel/conv_training.h"
#include "kernel/simd.h"

#include <math.h>

struct sn_head_training {
    size_t batch, patches, embedding;
    sn_conv_training *conv;
    float *mean, *deviation; /* (D) of the batch; deviation is 1 / sqrt(variance + epsilon) */
    float *scale, *shift;    /* (D): the norm as x * scale + shift */
    float *factors;          /* (3, D): of the backward */
    float *sums;             /* (2, D) */
};

snarm_status sn_head_training_create(sn_head_training **out, size_t batch, size_t grid_width, size_t grid_height,
                                     size_t embedding, size_t rate) {
    *out = NULL;
    sn_head_training *head;
    SN_TRY(sn_alloc_zeroed(&head, 1, sizeof *head, "head"));
    head->batch = batch, head->patches = grid_width * grid_height, head->embedding = embedding;
    const sn_conv_training_shape shape = {batch, grid_height, grid_width, embedding, embedding, 3, rate};
    snarm_status status = sn_conv_training_create(&head->conv, &shape);
    float **const rows[] = {&head->mean, &head->deviation, &head->scale, &head->shift};
    for (size_t i = 0; i < sizeof rows / sizeof *rows && status == SNARM_OK; i++)
        status = sn_alloc(rows[i], embedding, sizeof(float), "head statistics");
    if (status == SNARM_OK)
        status = sn_alloc(&head->factors, 3 * embedding, sizeof(float), "head statistics");
    if (status == SNARM_OK)
        status = sn_alloc(&head->sums, 2 * embedding, sizeof(float), "head statistics");
    if (status != SNARM_OK) {
        sn_head_training_destroy(head);
        return status;
    }
    *out = head;
    return SNARM_OK;
}

void sn_head_training_destroy(sn_head_training *head) {
    if (head == NULL)
        return;
    sn_conv_training_destroy(head->conv);
    sn_free(head->mean);
    sn_free(head->deviation);
    sn_free(head->scale);
    sn_free(head->shift);
    sn_free(head->factors);
    sn_free(head->sums);
    sn_free(head);
}

typedef struct head_work {
    const sn_head_training *head;
    const sn_head_weights *weights;
    float *conv;
    float *logits;
    const float *diff_logits;
    size_t logits_stride;
} head_work;

static float *row_of(const head_work *work, size_t row) {
    return work->conv + row * work->head->embedding;
}

/* Deviations from the first row: its distance from the mean costs few digits, and one pass does. */
static void deviation_row(void *context, size_t row, float *sums) {
    const head_work *work = context;
    const size_t embedding = work->head->embedding;
    sn_simd_table()->add_deviations(row_of(work, row), work->conv, embedding, sums, sums + embedding);
}

static void logit_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const head_work *work = context;
    const sn_head_training *head = work->head;
    const sn_simd *simd = sn_simd_table();
    for (size_t i = begin; i < end; i++)
        work->logits[i / head->patches * work->logits_stride + i % head->patches] =
            simd->relu_dot(row_of(work, i), head->scale, head->shift, work->weights->out_weight, head->embedding) +
            work->weights->out_bias[0];
}

/* The batch's mean and variance, and the running ones a tenth of the way towards them (the variance as of a sample). */
static void take_statistics(sn_head_training *head, const head_work *work, const sn_head_gradients *statistics) {
    const size_t embedding = head->embedding;
    const double rows = (double)(head->batch * head->patches);
    for (size_t c = 0; c < embedding; c++) {
        const double shift = (double)head->sums[c] / rows;
        double variance = (double)head->sums[embedding + c] / rows - shift * shift;
        variance = variance > 0 ? variance : 0;
        const double mean = (double)work->conv[c] + shift, deviation = 1 / sqrt(variance + 1e-5);
        const double scale = (double)work->weights->gain[c] * deviation;
        head->mean[c] = (float)mean;
        head->deviation[c] = (float)deviation;
        head->scale[c] = (float)scale;
        head->shift[c] = (float)((double)work->weights->shift[c] - mean * scale);
        const double sample = rows > 1 ? variance * rows / (rows - 1) : variance;
        statistics->running_mean[c] += 0.1f * ((float)mean - statistics->running_mean[c]);
        statistics->running_variance[c] += 0.1f * ((float)sample - statistics->running_variance[c]);
    }
}

snarm_status sn_head_training_forward(sn_head_training *head, sn_stream *stream, sn_column_sums *sums,
                                      const sn_head_weights *weights, const sn_head_gradients *statistics,
                                      const float *src, float *conv, float *logits, size_t logits_stride) {
    SN_TRY(sn_conv_training_forward(head->conv, stream, src, weights->conv, NULL, conv));
    head_work work = {head, weights, conv, logits, NULL, logits_stride};
    const size_t rows = head->batch * head->patches;
    sn_column_sums_run(sums, rows, 2 * head->embedding, deviation_row, &work, head->sums);
    take_statistics(head, &work, statistics);
    sn_parallel(rows, 16, logit_rows, &work);
    return SNARM_OK;
}

static float diff_of(const head_work *work, size_t row) {
    return work->diff_logits[row / work->head->patches * work->logits_stride + row % work->head->patches];
}


static void active_row(void *context, size_t row, float *sums) {
    const head_work *work = context;
    const sn_head_training *head = work->head;
    sn_simd_table()->relu_dot_sums(row_of(work, row), diff_of(work, row), head->scale, head->shift, head->embedding,
                                   sums, sums + head->embedding);
}

static void backward_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const head_work *work = context;
    const sn_head_training *head = work->head;
    const sn_simd *simd = sn_simd_table();
    const float *factors = head->factors;
    for (size_t i = begin; i < end; i++)
        simd->relu_dot_backward(row_of(work, i), diff_of(work, i), head->scale, head->shift, factors,
                                factors + head->embedding, factors + 2 * head->embedding, head->embedding,
                                row_of(work, i));
}

/* From the sums of a(x) = diff where the ReLU is open, and of a(x) x: all gradients but the convolution's, and
 * the terms of dx = scale (a w - mean of dh - xhat (mean of dh xhat)), dh = a w, xhat = (x - mean) deviation. */
static void take_gradients(sn_head_training *head, const head_work *work, const sn_head_gradients *gradients) {
    const size_t embedding = head->embedding;
    const double rows = (double)(head->batch * head->patches);
    for (size_t c = 0; c < embedding; c++) {
        const double active = (double)head->sums[c], active_x = (double)head->sums[embedding + c];
        const double mean = (double)head->mean[c], deviation = (double)head->deviation[c];
        const double scale = (double)head->scale[c], weight = (double)work->weights->out_weight[c];
        const double diff_shift = weight * active, diff_gain = weight * deviation * (active_x - mean * active);
        gradients->out_weight[c] = (float)(active_x * scale + active * (double)head->shift[c]);
        gradients->shift[c] = (float)diff_shift;
        gradients->gain[c] = (float)diff_gain;
        head->factors[c] = (float)(scale * weight);
        head->factors[embedding + c] = (float)(-scale * deviation * diff_gain / rows);
        head->factors[2 * embedding + c] = (float)(-scale * (diff_shift - mean * deviation * diff_gain) / rows);
    }
    double bias = 0;
    for (size_t b = 0; b < head->batch; b++)
        for (size_t i = 0; i < head->patches; i++)
            bias += (double)work->diff_logits[b * work->logits_stride + i];
    gradients->out_bias[0] = (float)bias;
}

snarm_status sn_head_training_backward(sn_head_training *head, sn_stream *stream, sn_column_sums *sums,
                                       const sn_head_weights *weights, const float *diff_logits, size_t logits_stride,
                                       float *conv, float *src, const sn_head_gradients *gradients) {
    head_work work = {head, weights, conv, NULL, diff_logits, logits_stride};
    const size_t rows = head->batch * head->patches;
    sn_column_sums_run(sums, rows, 2 * head->embedding, active_row, &work, head->sums);
    take_gradients(head, &work, gradients);
    sn_parallel(rows, 16, backward_rows, &work);
    SN_TRY(sn_conv_training_backward_weights(head->conv, stream, src, conv, gradients->conv, NULL));
    return sn_conv_training_backward_data(head->conv, stream, weights->conv, conv, src);
}
