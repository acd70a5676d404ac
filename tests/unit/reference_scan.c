#include "reference_scan.h"

#include "reference.h"

#include <math.h>
#include <string.h>

static float *room(size_t count) {
    return calloc(count + 1, sizeof(float));
}

void reference_phi(const float *residual, size_t channels, double scale, float *dst) {
    for (size_t i = 0; i < channels; i++) {
        double mean = 0;
        for (size_t j = 2 * i; j < 2 * i + 2; j++) {
            double r = scale * residual[j % channels];
            mean += (j < channels ? fabs(r) : r * r) / 2;
        }
        dst[i] = (float)mean;
    }
}

double reference_sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

void reference_rms_norm(const float *src, const float *gain, size_t count, double epsilon, float *dst) {
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)src[i] * src[i];
    for (size_t i = 0; i < count; i++)
        dst[i] = (float)(src[i] / sqrt(sum / (double)count + epsilon) * gain[i]);
}

void reference_mixer(size_t length, const sn_mixer_weights *w, const float *src, float *dst) {
    const size_t d = w->embedding, e = 2 * d, states = w->states, projected = w->rank + 2 * states;
    float *xz = room(length * 2 * e), *x = room(length * e), *bc = room(length * projected), *dt = room(length * e);
    float *y = room(length * e);
    reference_linear(length, d, 2 * e, src, w->in_proj, NULL, xz);
    for (size_t t = 0; t < length; t++)
        for (size_t c = 0; c < e; c++) {
            double sum = w->conv_bias[c];
            for (size_t back = 0; back < w->taps && back <= t; back++)
                sum += (double)w->conv_weight[c * w->taps + w->taps - 1 - back] * xz[(t - back) * 2 * e + c];
            x[t * e + c] = (float)(sum * reference_sigmoid(sum));
        }
    reference_linear(length, e, projected, x, w->x_proj, NULL, bc);
    for (size_t t = 0; t < length; t++)
        reference_linear(1, w->rank, e, bc + t * projected, w->dt_weight, w->dt_bias, dt + t * e);
    for (size_t c = 0; c < e; c++) {
        double *h = calloc(states, sizeof *h);
        for (size_t t = 0; t < length; t++) {
            const float *b = bc + t * projected + w->rank, *mix = b + states;
            double step = log1p(exp(dt[t * e + c])), value = x[t * e + c], out = w->skip[c] * value;
            for (size_t n = 0; n < states; n++) {
                h[n] = exp(-step * exp(w->a_log[c * states + n])) * h[n] + step * b[n] * value;
                out += mix[n] * h[n];
            }
            double z = xz[t * 2 * e + e + c];
            y[t * e + c] = (float)(out * z * reference_sigmoid(z));
        }
        free(h);
    }
    reference_linear(length, e, d, y, w->out_proj, NULL, dst);
    free(xz), free(x), free(bc), free(dt), free(y);
}

/* A row per position to planes, a convolution of 3 x 3 that keeps the size, and back. */
static void conv_rows(size_t d, size_t h, size_t w, size_t rate, const float *src, const float *weights,
                      const float *bias, float *dst) {
    float *planes = room(d * h * w), *result = room(d * h * w);
    for (size_t i = 0; i < h * w; i++)
        for (size_t c = 0; c < d; c++)
            planes[c * h * w + i] = src[i * d + c];
    reference_conv(d, h, w, d, 3, 1, rate, rate, planes, weights, bias, result);
    for (size_t i = 0; i < h * w; i++)
        for (size_t c = 0; c < d; c++)
            dst[i * d + c] = result[c * h * w + i];
    free(planes), free(result);
}

/* Patch that scan visits at step t. */
static size_t visited(int scan, size_t width, size_t height, size_t t) {
    if (scan >= 2)
        t = width * height - 1 - t;
    return scan % 2 == 0 ? t : t % height * width + t / height;
}

static void block(const sn_block_weights *w, size_t d, size_t width, size_t height, int scan, const uint8_t *reference,
                  float *residual, float *x) {
    const size_t n = width * height;
    float *normed = room(n * d), *hard = room(n * d), *mixed = room(n * d);
    for (size_t i = 0; i < n * d; i++)
        residual[i] += x[i];
    for (size_t i = 0; i < n; i++)
        reference_rms_norm(residual + i * d, w->norm, d, 1e-5, normed + i * d);
    conv_rows(d, scan % 2 == 0 ? height : width, scan % 2 == 0 ? width : height, 1, normed, w->conv_weight, w->conv_bias,
              x);
    size_t length = 0;
    for (size_t t = 0; t < n; t++)
        if (reference[visited(scan, width, height, t)] == 0)
            memcpy(hard + length++ * d, x + t * d, d * sizeof *x);
    reference_mixer(length, &w->mixer, hard, mixed);
    length = 0;
    for (size_t t = 0; t < n; t++)
        if (reference[visited(scan, width, height, t)] == 0)
            memcpy(x + t * d, mixed + length++ * d, d * sizeof *x);
    free(normed), free(hard), free(mixed);
}

static void head(const sn_head_weights *w, size_t width, size_t height, const float *src, float *logits) {
    const size_t d = w->embedding, n = width * height;
    float *hidden = room(n * d);
    conv_rows(d, height, width, w->rate, src, w->conv, NULL, hidden);
    for (size_t i = 0; i < n; i++) {
        double logit = w->out_bias[0];
        for (size_t c = 0; c < d; c++) {
            double value = (hidden[i * d + c] - w->mean[c]) / sqrt(w->variance[c] + 1e-5) * w->gain[c] + w->shift[c];
            logit += value > 0 ? value * w->out_weight[c] : 0;
        }
        logits[i] = (float)logit;
    }
    free(hidden);
}

void reference_scorer(const sn_scorer_weights *w, size_t width, size_t height, const float *hybrid,
                      const uint8_t *reference, float *logits) {
    const size_t n = width * height, d = w->embedding;
    float *embedded = room(n * d), *x = room(n * d), *residual = room(n * d), *image = room(n * d);
    for (size_t b = 0; b < w->branches; b++) {
        reference_linear(n, 2 * w->channels, d, hybrid, w->embed_weight[b], w->embed_bias[b], embedded);
        for (int scan = 0; scan < SN_SCANS; scan++) {
            const size_t index = b * SN_SCANS + (size_t)scan;
            for (size_t t = 0; t < n; t++)
                memcpy(x + t * d, embedded + visited(scan, width, height, t) * d, d * sizeof *x);
            memset(residual, 0, n * d * sizeof *residual);
            for (size_t depth = 0; depth < w->depth; depth++)
                block(&w->blocks[b * w->depth + depth], d, width, height, scan, reference, residual, x);
            for (size_t i = 0; i < n * d; i++)
                x[i] += residual[i];
            reference_layer_norm(n, d, 1e-5, w->norm_weight[b], w->norm_bias[b], x, x);
            for (size_t t = 0; t < n; t++)
                memcpy(image + visited(scan, width, height, t) * d, x + t * d, d * sizeof *x);
            head(&w->heads[index], width, height, image, logits + index * n);
        }
    }
    free(embedded), free(x), free(residual), free(image);
}
