#include "scorer/head.h"

#include "core/memory.h"
#include "core/threads.h"
#include "kernel/conv.h"
#include "kernel/simd.h"

#include <math.h>
#include <string.h>

struct sn_head {
    size_t patches, embedding;
    sn_conv *conv;
    float *out_weight; /* (D) */
    float out_bias;
};

/* gain * (conv(x) - mean) / sqrt(variance + epsilon) + shift is a convolution with scaled weights and a bias.
 */
static void fold(const sn_head_weights *weights, float *conv, float *bias) {
    const size_t row = weights->embedding * 9;
    for (size_t o = 0; o < weights->embedding; o++) {
        double factor = (double)weights->gain[o] / sqrt((double)weights->variance[o] + 1e-5);
        for (size_t i = 0; i < row; i++)
            conv[o * row + i] = (float)(factor * (double)weights->conv[o * row + i]);
        bias[o] = (float)((double)weights->shift[o] - factor * (double)weights->mean[o]);
    }
}

static snarm_status make_conv(sn_head *head, const sn_head_weights *weights, size_t width, size_t height, sn_type type) {
    const size_t embedding = weights->embedding;
    float *conv = NULL, *bias = NULL;
    sn_layout *layout = NULL;
    snarm_status status = sn_alloc(&conv, embedding * embedding, 9 * sizeof *conv, "head weights");
    if (status == SNARM_OK)
        status = sn_alloc(&bias, embedding, sizeof *bias, "head weights");
    if (status == SNARM_OK)
        status = sn_layout_create(&layout, type, 1, embedding, height, width, SN_CHANNELS_LAST);
    if (status == SNARM_OK) {
        fold(weights, conv, bias);
        sn_conv_options options = {.src = layout,
                                   .weights = conv,
                                   .bias = bias,
                                   .channels_out = embedding,
                                   .kernel = 3,
                                   .stride = 1,
                                   .padding = weights->rate,
                                   .dilation = weights->rate,
                                   .dst_order = SN_CHANNELS_LAST,
                                   .relu = true};
        status = sn_conv_create(&head->conv, &options);
    }
    sn_layout_destroy(layout);
    sn_free(conv);
    sn_free(bias);
    return status;
}

snarm_status sn_head_create(sn_head **out, const sn_head_weights *weights, size_t grid_width,
                            size_t grid_height, sn_type type) {
    *out = NULL;
    sn_head *head;
    SN_TRY(sn_alloc_zeroed(&head, 1, sizeof *head, "head"));
    head->patches = grid_width * grid_height, head->embedding = weights->embedding;
    head->out_bias = weights->out_bias[0];
    snarm_status status = make_conv(head, weights, grid_width, grid_height, type);
    if (status == SNARM_OK)
        status = sn_alloc(&head->out_weight, head->embedding, sizeof(float), "head weights");
    if (status != SNARM_OK) {
        sn_head_destroy(head);
        return status;
    }
    memcpy(head->out_weight, weights->out_weight, head->embedding * sizeof(float));
    *out = head;
    return SNARM_OK;
}

void sn_head_destroy(sn_head *head) {
    if (head == NULL)
        return;
    sn_conv_destroy(head->conv);
    sn_free(head->out_weight);
    sn_free(head);
}

typedef struct head_work {
    const sn_head *head;
    const float *hidden;
    float *logits;
} head_work;

static void logit_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const head_work *work = context;
    const sn_head *head = work->head;
    const sn_simd *simd = sn_simd_table();
    for (size_t i = begin; i < end; i++)
        work->logits[i] =
            simd->dot(work->hidden + i * head->embedding, head->out_weight, head->embedding) + head->out_bias;
}

snarm_status sn_head_run(const sn_head *head, sn_stream *stream, const void *src, float *scratch, float *logits) {
    SN_TRY(sn_conv_run(head->conv, stream, src, scratch));
    head_work work = {head, scratch, logits};
    sn_parallel(head->patches, 16, logit_rows, &work);
    return SNARM_OK;
}
