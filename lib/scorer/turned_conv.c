#include "scorer/turned_conv.h"

#include "core/memory.h"
#include "core/threads.h"
#include "kernel/gemm.h"
#include "kernel/simd.h"
#include "scorer/parts.h"
#include "scorer/scan_order.h"

#include <string.h>

enum { TAPS = SN_TURN_TAPS, SUMS = SN_TURN_SUMS, CHARACTERS = SN_SCANS, ROWS = 512 };

/* The sums of each character lie together, in the order of sn_simd.turn_sums. */
static const size_t first_sum[CHARACTERS] = {0, 4, 6, 8}, sums_of[CHARACTERS] = {4, 2, 2, 1};

/* What each tap counts for in each sum, and what the sum's product with the kernel's counts for. */
static const struct {
    float scale;
    signed char sign[TAPS];
} sums[SUMS] = {
    {1.0f, {0, 0, 0, 0, 1, 0, 0, 0, 0}},    {0.5f, {1, 0, 0, 0, 0, 0, 0, 0, 1}},
    {0.5f, {0, 0, 1, 0, 0, 0, 1, 0, 0}},    {0.25f, {0, 1, 0, 1, 0, 1, 0, 1, 0}},
    {0.5f, {1, 0, 0, 0, 0, 0, 0, 0, -1}},   {0.25f, {0, 1, 0, 1, 0, -1, 0, -1, 0}},
    {0.5f, {0, 0, 1, 0, 0, 0, -1, 0, 0}},   {0.25f, {0, 1, 0, -1, 0, 1, 0, -1, 0}},
    {0.25f, {0, 1, 0, -1, 0, -1, 0, 1, 0}},
};

struct sn_turned_conv {
    sn_turned_conv_shape shape;
    size_t rows;  /* pixels at a time; all pixels are at least as many */
    size_t count; /* B * H * W */
    int threads;
    sn_gemm *forward[CHARACTERS], *data;
    sn_product *weights[CHARACTERS];
    float *kernel;             /* (D, 9, D): out, sum, in */
    void *packed[CHARACTERS], *packed_data;
    float *outside;            /* (D): zeros */
    float *diff_kernel;        /* (9, D, D): sum, in, out */
};

static snarm_status make_forward(sn_turned_conv *conv) {
    const size_t channels = conv->shape.channels;
    for (int c = 0; c < CHARACTERS; c++) {
        const sn_gemm_shape shape = {.rows = conv->rows,
                                     .inner = sums_of[c] * channels,
                                     .columns = channels,
                                     .type = conv->shape.type,
                                     .bias = c == 0}; /* a constant has the trivial character alone */
        SN_TRY(sn_gemm_create(&conv->forward[c], &shape));
        SN_TRY(sn_alloc(&conv->packed[c], 1, sn_gemm_packed_bytes(conv->forward[c]), "packed weights"));
    }
    SN_TRY(sn_alloc(&conv->kernel, SUMS * channels, channels * sizeof *conv->kernel, "convolution"));
    return sn_alloc_zeroed(&conv->outside, channels, sizeof *conv->outside, "convolution");
}

static snarm_status make_backward(sn_turned_conv *conv) {
    const size_t channels = conv->shape.channels;
    const sn_gemm_shape data = {.rows = conv->rows, .inner = SUMS * channels, .columns = channels};
    SN_TRY(sn_gemm_create(&conv->data, &data));
    SN_TRY(sn_alloc(&conv->packed_data, 1, sn_gemm_packed_bytes(conv->data), "packed weights"));
    for (int c = 0; c < CHARACTERS; c++)
        SN_TRY(sn_product_create_adding(&conv->weights[c], 1, sums_of[c] * channels, conv->rows, channels,
                                        (sn_view){0, 1, sums_of[c] * channels}, (sn_view){0, channels, 1},
                                        (sn_view){0, channels, 1}));
    return sn_alloc(&conv->diff_kernel, SUMS * channels, channels * sizeof *conv->diff_kernel, "convolution");
}

snarm_status sn_turned_conv_create(sn_turned_conv **out, const sn_turned_conv_shape *shape) {
    *out = NULL;
    sn_turned_conv *conv;
    SN_TRY(sn_alloc_zeroed(&conv, 1, sizeof *conv, "convolution"));
    conv->shape = *shape, conv->count = shape->batch * shape->height * shape->width;
    conv->rows = conv->count < ROWS ? conv->count : ROWS;
    conv->threads = sn_threads_current();
    snarm_status status = make_forward(conv);
    if (status == SNARM_OK && shape->training)
        status = make_backward(conv);
    if (status != SNARM_OK) {
        sn_turned_conv_destroy(conv);
        return status;
    }
    *out = conv;
    return SNARM_OK;
}

void sn_turned_conv_destroy(sn_turned_conv *conv) {
    if (conv == NULL)
        return;
    for (int c = 0; c < CHARACTERS; c++) {
        sn_gemm_destroy(conv->forward[c]);
        sn_product_destroy(conv->weights[c]);
        sn_free(conv->packed[c]);
    }
    sn_gemm_destroy(conv->data);
    sn_free(conv->packed_data);
    sn_free(conv->kernel);
    sn_free(conv->outside);
    sn_free(conv->diff_kernel);
    sn_free(conv);
}

size_t sn_turned_conv_scratch(const sn_turned_conv *conv) {
    return (conv->rows + (size_t)conv->threads) * SUMS * conv->shape.channels;
}

/* The sums and differences of the kernel's taps, each with its scale. */
static void sum_taps(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const sn_turned_conv *conv = ((void *const *)context)[0];
    const float *kernel = ((void *const *)context)[1];
    const size_t channels = conv->shape.channels;
    for (size_t out = begin; out < end; out++)
        for (size_t s = 0; s < SUMS; s++)
            for (size_t in = 0; in < channels; in++) {
                const float *taps = kernel + (out * channels + in) * TAPS;
                float sum = 0;
                for (int t = 0; t < TAPS; t++)
                    sum += (float)sums[s].sign[t] * taps[t];
                conv->kernel[(out * SUMS + s) * channels + in] = sums[s].scale * sum;
            }
}

snarm_status sn_turned_conv_pack(sn_turned_conv *conv, const float *kernel) {
    const size_t channels = conv->shape.channels, stride = SUMS * channels;
    void *context[] = {conv, (void *)(uintptr_t)kernel};
    sn_parallel(channels, 1, sum_taps, context);
    for (int c = 0; c < CHARACTERS; c++)
        SN_TRY(sn_gemm_pack(conv->forward[c], conv->kernel + first_sum[c] * channels, stride, conv->packed[c]));
    return SNARM_OK;
}

/* Some pixels' sums of neighbours, in scratch: a row of all sums a pixel, or apart for each character, which is how oneDNN's fast
 * products want their factors. */
typedef struct block {
    const sn_turned_conv *conv;
    const float *planes[CHARACTERS]; /* (B, H, W, D): whose neighbours each character's sums are of */
    bool adjoint;                    /* the neighbours lie on the other side of the pixel */
    size_t first, skipped;           /* its first pixel; so many pixels from there on get zeros */
    bool apart;
    float *scratch;                  /* (rows, 9, D) f32; apart: (rows, sums, D) of the type for one character after the other */
} block;

static void *sums_apart(const sn_turned_conv *conv, float *scratch, size_t character) {
    return (char *)scratch + first_sum[character] * conv->rows * conv->shape.channels * sn_type_size(conv->shape.type);
}

static void put_apart(const block *b, size_t row, const float *row_sums) {
    const sn_turned_conv *conv = b->conv;
    for (size_t c = 0; c < CHARACTERS; c++) {
        const size_t count = sums_of[c] * conv->shape.channels;
        const float *from = row_sums + first_sum[c] * conv->shape.channels;
        void *to = sums_apart(conv, b->scratch, c);
        if (conv->shape.type == SN_TYPE_F32)
            memcpy((float *)to + row * count, from, count * sizeof *from);
        else
            sn_simd_table()->scale_bf16(from, 1, count, (uint16_t *)to + row * count);
    }
}

static void sum_neighbours(void *context, size_t begin, size_t end, int thread) {
    const block *b = context;
    const size_t width = b->conv->shape.width, height = b->conv->shape.height, channels = b->conv->shape.channels;
    for (size_t row = begin; row < end; row++) {
        /* Apart, they go through a row of the thread's own. */
        float *dst = b->scratch + (b->apart ? b->conv->rows + (size_t)thread : row) * SUMS * channels;
        if (row < b->skipped) {
            memset(dst, 0, SUMS * channels * sizeof *dst);
            if (b->apart)
                put_apart(b, row, dst);
            continue;
        }
        const size_t pixel = b->first + row, x = pixel % width, y = pixel / width % height;
        const float *taps[CHARACTERS][TAPS];
        for (size_t t = 0; t < TAPS; t++) {
            const size_t place = b->adjoint ? TAPS - 1 - t : t, below = place / 3, right = place % 3;
            const bool inside = y + below >= 1 && y + below <= height && x + right >= 1 && x + right <= width;
            const size_t at = inside ? (pixel + below * width + right - width - 1) * channels : 0;
            for (int c = 0; c < CHARACTERS; c++)
                taps[c][t] = inside ? b->planes[c] + at : b->conv->outside;
        }
        sn_simd_table()->turn_sums((const float *const (*)[TAPS])taps, channels, dst);
        if (b->apart)
            put_apart(b, row, dst);
    }
}

/* Blocks are of one size, so the last one may begin within the one before: those pixels are computed twice, to the same
 * values, or passed over where they would be counted twice. */
static void take_block(block *b, size_t first, bool once) {
    const size_t last = b->conv->count - b->conv->rows;
    b->first = first < last ? first : last;
    b->skipped = once ? first - b->first : 0;
    sn_parallel(b->conv->rows, 16, sum_neighbours, b);
}

/* Four planes and a range of their values, for sn_simd.turn_mix. */
typedef struct mixing {
    float *first;
    size_t plane;
} mixing;

static void mix(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const mixing *m = context;
    float *planes[CHARACTERS];
    for (size_t c = 0; c < CHARACTERS; c++)
        planes[c] = m->first + c * m->plane + begin;
    sn_simd_table()->turn_mix(planes, end - begin);
}

snarm_status sn_turned_conv_run(const sn_turned_conv *conv, sn_stream *stream, const float *src, const float *bias,
                                float *scratch, float *dst) {
    const size_t channels = conv->shape.channels, plane = conv->count * channels;
    block b = {.conv = conv, .planes = {src, src, src, src}, .apart = true, .scratch = scratch};
    for (size_t first = 0; first < conv->count; first += conv->rows) {
        take_block(&b, first, false);
        float *to = dst + b.first * channels;
        for (size_t c = 0; c < CHARACTERS; c++)
            SN_TRY(sn_gemm_run(conv->forward[c], stream, sums_apart(conv, scratch, c), conv->packed[c], c == 0 ? bias : NULL,
                               to + c * plane));
        mixing m = {to, plane};
        sn_parallel(conv->rows * channels, 1024, mix, &m);
    }
    return SNARM_OK;
}

/* From the mixed gradients: diff_src = sum over sums of K^T times the gradient's adjoint sum. */
static snarm_status backward_data(sn_turned_conv *conv, sn_stream *stream, const float *mixed, float *scratch,
                                  float *diff_src) {
    const size_t channels = conv->shape.channels, plane = conv->count * channels;
    for (size_t s = 0; s < SUMS; s++)
        for (size_t out = 0; out < channels; out++)
            memcpy(conv->diff_kernel + (s * channels + out) * channels, conv->kernel + (out * SUMS + s) * channels,
                   channels * sizeof *conv->kernel);
    SN_TRY(sn_gemm_pack_transposed(conv->data, conv->diff_kernel, 0, conv->packed_data));
    block b = {.conv = conv,
               .planes = {mixed, mixed + plane, mixed + 2 * plane, mixed + 3 * plane},
               .adjoint = true,
               .scratch = scratch};
    for (size_t first = 0; first < conv->count; first += conv->rows) {
        take_block(&b, first, false);
        SN_TRY(sn_gemm_run(conv->data, stream, scratch, conv->packed_data, NULL, diff_src + b.first * channels));
    }
    return SNARM_OK;
}

/* diff_kernel (9, D, D) receives the gradients of the kernel's sums, which sum_taps' adjoint brings back to taps. */
static snarm_status backward_kernel(sn_turned_conv *conv, sn_stream *stream, const float *src, const float *mixed,
                                    float *scratch) {
    const size_t channels = conv->shape.channels, plane = conv->count * channels, square = channels * channels;
    memset(conv->diff_kernel, 0, SUMS * square * sizeof *conv->diff_kernel);
    block b = {.conv = conv, .planes = {src, src, src, src}, .apart = true, .scratch = scratch};
    for (size_t first = 0; first < conv->count; first += conv->rows) {
        take_block(&b, first, true);
        for (size_t c = 0; c < CHARACTERS; c++)
            SN_TRY(sn_product_run(conv->weights[c], stream, sums_apart(conv, scratch, c),
                                  mixed + c * plane + b.first * channels, conv->diff_kernel + first_sum[c] * square));
    }
    return SNARM_OK;
}

static void spread_taps(const sn_turned_conv *conv, float *diff_kernel) {
    const size_t channels = conv->shape.channels, square = channels * channels;
    for (size_t out = 0; out < channels; out++)
        for (size_t in = 0; in < channels; in++)
            for (int t = 0; t < TAPS; t++) {
                float sum = 0;
                for (size_t s = 0; s < SUMS; s++)
                    if (sums[s].sign[t] != 0)
                        sum += sums[s].scale * (float)sums[s].sign[t] * conv->diff_kernel[s * square + in * channels + out];
                diff_kernel[(out * channels + in) * TAPS + (size_t)t] = sum;
            }
}

snarm_status sn_turned_conv_backward(sn_turned_conv *conv, sn_stream *stream, const float *src, float *diff_dst,
                                     float *scratch, float *diff_src, float *diff_kernel) {
    mixing m = {diff_dst, conv->count * conv->shape.channels};
    sn_parallel(m.plane, 1024, mix, &m);
    SN_TRY(backward_data(conv, stream, diff_dst, scratch, diff_src));
    SN_TRY(backward_kernel(conv, stream, src, diff_dst, scratch));
    spread_taps(conv, diff_kernel);
    return SNARM_OK;
}
