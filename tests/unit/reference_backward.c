#include "reference_backward.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

static double silu_slope(double x) {
    return sigmoid(x) * (1 + x * (1 - sigmoid(x)));
}

static size_t take(size_t *used, size_t count) {
    const size_t at = *used;
    *used += count;
    return at;
}

scan_block make_scan_block(size_t length, size_t channels, size_t states) {
    scan_block at = {.length = length, .channels = channels, .states = states};
    at.x = take(&at.count, length * channels);
    at.dt = take(&at.count, length * channels);
    at.gate = take(&at.count, length * channels);
    at.b = take(&at.count, length * states);
    at.c = take(&at.count, length * states);
    at.a = take(&at.count, states * channels);
    at.skip = take(&at.count, channels);
    return at;
}

/* The states of a channel after every step, h (length + 1, states), the first row before the first step. */
static void channel_states(const scan_block *at, const double *v, size_t channel, double *h) {
    const size_t states = at->states;
    memset(h, 0, states * sizeof *h);
    for (size_t t = 0; t < at->length; t++) {
        const double dt = log1p(exp(v[at->dt + t * at->channels + channel]));
        for (size_t n = 0; n < states; n++)
            h[(t + 1) * states + n] = exp(dt * v[at->a + n * at->channels + channel]) * h[t * states + n] +
                                      dt * v[at->b + t * states + n] * v[at->x + t * at->channels + channel];
    }
}

/* y before the gate. */
static double open_y(const scan_block *at, const double *v, size_t channel, size_t t, const double *h) {
    double y = v[at->skip + channel] * v[at->x + t * at->channels + channel];
    for (size_t n = 0; n < at->states; n++)
        y += v[at->c + t * at->states + n] * h[(t + 1) * at->states + n];
    return y;
}

void reference_scan(const scan_block *at, const double *values, double *y) {
    double *h = malloc((at->length + 1) * at->states * sizeof *h);
    for (size_t channel = 0; channel < at->channels; channel++) {
        channel_states(at, values, channel, h);
        for (size_t t = 0; t < at->length; t++) {
            const double gate = values[at->gate + t * at->channels + channel];
            y[t * at->channels + channel] = open_y(at, values, channel, t, h) * gate * sigmoid(gate);
        }
    }
    free(h);
}

void reference_scan_backward(const scan_block *at, const double *v, const double *diff_y, double *g) {
    const size_t states = at->states;
    double *h = malloc((at->length + 1) * states * sizeof *h), *dh = malloc(states * sizeof *dh);
    memset(g, 0, at->count * sizeof *g);
    for (size_t channel = 0; channel < at->channels; channel++) {
        channel_states(at, v, channel, h);
        memset(dh, 0, states * sizeof *dh);
        for (size_t t = at->length; t-- > 0;) {
            const size_t i = t * at->channels + channel;
            const double x = v[at->x + i], gate = v[at->gate + i], dt = log1p(exp(v[at->dt + i]));
            const double dy = diff_y[i] * gate * sigmoid(gate);
            g[at->gate + i] = diff_y[i] * open_y(at, v, channel, t, h) * silu_slope(gate);
            g[at->skip + channel] += dy * x;
            g[at->x + i] = dy * v[at->skip + channel];
            double diff_dt = 0;
            for (size_t n = 0; n < states; n++) {
                const double a = v[at->a + n * at->channels + channel], b = v[at->b + t * states + n];
                const double decay = exp(dt * a), before = h[t * states + n];
                dh[n] += dy * v[at->c + t * states + n];
                g[at->c + t * states + n] += dy * h[(t + 1) * states + n];
                g[at->b + t * states + n] += dh[n] * dt * x;
                g[at->x + i] += dh[n] * dt * b;
                diff_dt += dh[n] * (b * x + a * decay * before);
                g[at->a + n * at->channels + channel] += dh[n] * dt * decay * before;
                dh[n] *= decay;
            }
            g[at->dt + i] = diff_dt * sigmoid(v[at->dt + i]);
        }
    }
    free(h), free(dh);
}

conv_block make_conv_block(size_t length, size_t channels, size_t taps) {
    conv_block at = {.length = length, .channels = channels, .taps = taps};
    at.src = take(&at.count, length * channels);
    at.weights = take(&at.count, taps * channels);
    at.bias = take(&at.count, channels);
    return at;
}

/* The sum before the SiLU. */
static double conv_sum(const conv_block *at, const double *v, size_t channel, size_t t) {
    double sum = v[at->bias + channel];
    for (size_t j = 0; j < at->taps; j++)
        if (t + j + 1 >= at->taps)
            sum += v[at->weights + j * at->channels + channel] *
                   v[at->src + (t + j + 1 - at->taps) * at->channels + channel];
    return sum;
}

void reference_causal_conv(const conv_block *at, const double *values, double *dst) {
    for (size_t channel = 0; channel < at->channels; channel++)
        for (size_t t = 0; t < at->length; t++) {
            const double sum = conv_sum(at, values, channel, t);
            dst[t * at->channels + channel] = sum * sigmoid(sum);
        }
}

void reference_causal_conv_backward(const conv_block *at, const double *v, const double *diff_dst,
                                    double *g) {
    memset(g, 0, at->count * sizeof *g);
    for (size_t channel = 0; channel < at->channels; channel++)
        for (size_t t = 0; t < at->length; t++) {
            const double diff =
                diff_dst[t * at->channels + channel] * silu_slope(conv_sum(at, v, channel, t));
            g[at->bias + channel] += diff;
            for (size_t j = 0; j < at->taps; j++)
                if (t + j + 1 >= at->taps) {
                    const size_t met = (t + j + 1 - at->taps) * at->channels + channel;
                    g[at->weights + j * at->channels + channel] += diff * v[at->src + met];
                    g[at->src + met] += diff * v[at->weights + j * at->channels + channel];
                }
        }
}

mixer_block make_mixer_block(size_t batch, size_t length, size_t embedding, size_t states, size_t rank,
                             size_t taps) {
    const size_t d = embedding, e = 2 * d;
    mixer_block at = {
        .batch = batch, .length = length, .embedding = d, .states = states, .rank = rank, .taps = taps};
    at.src = take(&at.count, batch * length * d);
    at.in_proj = take(&at.count, 2 * e * d);
    at.conv_weight = take(&at.count, e * taps);
    at.conv_bias = take(&at.count, e);
    at.x_proj = take(&at.count, (rank + 2 * states) * e);
    at.dt_weight = take(&at.count, e * rank);
    at.dt_bias = take(&at.count, e);
    at.a_log = take(&at.count, e * states);
    at.skip = take(&at.count, e);
    at.out_proj = take(&at.count, d * e);
    return at;
}

/* Sum over i of weights[row, i] * values[i]. */
static double row_times(const double *weights, size_t row, size_t count, const double *values) {
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += weights[row * count + i] * values[i];
    return sum;
}

static void mixer_sequence(const mixer_block *at, const double *v, const double *src, double *dst) {
    const size_t length = at->length, d = at->embedding, e = 2 * d, states = at->states, rank = at->rank;
    const conv_block conv = make_conv_block(length, e, at->taps);
    const scan_block scan = make_scan_block(length, e, states);
    double *c = malloc(conv.count * sizeof *c), *s = malloc(scan.count * sizeof *s);
    double *y = malloc(length * e * sizeof *y), *low = malloc(rank * sizeof *low);
    for (size_t t = 0; t < length; t++)
        for (size_t i = 0; i < e; i++) {
            c[conv.src + t * e + i] = row_times(v + at->in_proj, i, d, src + t * d);
            s[scan.gate + t * e + i] = row_times(v + at->in_proj, e + i, d, src + t * d);
        }
    for (size_t i = 0; i < e; i++) {
        for (size_t j = 0; j < at->taps; j++)
            c[conv.weights + j * e + i] = v[at->conv_weight + i * at->taps + j];
        c[conv.bias + i] = v[at->conv_bias + i];
        s[scan.skip + i] = v[at->skip + i];
        for (size_t n = 0; n < states; n++)
            s[scan.a + n * e + i] = -exp(v[at->a_log + i * states + n]);
    }
    reference_causal_conv(&conv, c, s + scan.x);
    for (size_t t = 0; t < length; t++) {
        const double *x = s + scan.x + t * e;
        for (size_t r = 0; r < rank; r++)
            low[r] = row_times(v + at->x_proj, r, e, x);
        for (size_t n = 0; n < states; n++) {
            s[scan.b + t * states + n] = row_times(v + at->x_proj, rank + n, e, x);
            s[scan.c + t * states + n] = row_times(v + at->x_proj, rank + states + n, e, x);
        }
        for (size_t i = 0; i < e; i++)
            s[scan.dt + t * e + i] = v[at->dt_bias + i] + row_times(v + at->dt_weight, i, rank, low);
    }
    reference_scan(&scan, s, y);
    for (size_t t = 0; t < length; t++)
        for (size_t i = 0; i < d; i++)
            dst[t * d + i] = row_times(v + at->out_proj, i, e, y + t * e);
    free(c), free(s), free(y), free(low);
}

void reference_double_mixer(const mixer_block *at, const double *values, double *dst) {
    const size_t sequence = at->length * at->embedding;
    for (size_t i = 0; i < at->batch; i++)
        mixer_sequence(at, values, values + at->src + i * sequence, dst + i * sequence);
}

double *random_doubles(sn_rng *rng, size_t count) {
    double *values = malloc((count + 1) * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(2 * sn_rng_uniform(rng) - 1); /* floats, which the kernels then get exactly */
    return values;
}

static double weighted(block_operation run, const void *block, const double *values, const double *seed,
                       double *results, size_t count) {
    run(block, values, results);
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += seed[i] * results[i];
    return sum;
}

double *differences(block_operation run, const void *block, double *values, size_t value_count,
                    const double *seed, size_t result_count) {
    double *gradients = malloc(value_count * sizeof *gradients),
           *results = malloc(result_count * sizeof *results);
    const double step = 1e-3;
    for (size_t i = 0; i < value_count; i++) {
        const double value = values[i];
        double at[4];
        for (int k = 0; k < 4; k++) {
            values[i] = value + step * (k < 2 ? k - 2 : k - 1);
            at[k] = weighted(run, block, values, seed, results, result_count);
        }
        values[i] = value;
        gradients[i] = (at[0] - 8 * at[1] + 8 * at[2] - at[3]) / (12 * step);
    }
    free(results);
    return gradients;
}
