#include "reference_training.h"

#include "core/rng.h"
#include "core/threads.h"
#include "kernel/simd.h"
#include "make_scorer.h"
#include "reference.h"
#include "reference_backward.h"
#include "support.h"
#include "train/parameters.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double epsilon = 1e-5; /* of all norms */

/* Dropout's factors, from the one place that defines them: the kernel's hash of key and place. */
static void take_factors(training_case *c) {
    const size_t d = c->sizes.embedding, rows = SN_SCANS * c->rows;
    const double rate = c->sizes.dropout;
    const sn_dropout dropout = {(uint32_t)(rate * 4294967296.0), (float)(1 / (1 - rate))};
    float *ones = malloc(2 * d * sizeof *ones), *kept = ones + d;
    for (size_t i = 0; i < d; i++)
        ones[i] = 1;
    for (size_t row = 0; row < rows; row++) {
        sn_simd_table()->dropout(ones, &dropout, c->batch.key + (uint32_t)row, d, kept);
        for (size_t i = 0; i < d; i++)
            c->factors[row * d + i] = kept[i];
    }
    free(ones);
}

static void choose_hard(training_case *c, sn_rng *rng) {
    memset(c->reference, 1, c->rows);
    for (size_t b = 0; b < c->sizes.batch; b++) {
        uint8_t *reference = c->reference + b * c->patches;
        for (size_t left = c->sizes.hard; left > 0;) {
            const size_t at = sn_rng_below(rng, c->patches);
            left -= reference[at];
            reference[at] = 0;
        }
        ck_assert_uint_eq(sn_scan_orders(reference, c->sizes.width, c->sizes.height, c->sizes.hard,
                                         c->order + b * SN_SCANS * c->sizes.hard),
                          c->sizes.hard);
    }
}

training_case *make_training_case(const training_sizes *sizes) {
    training_case *c = calloc(1, sizeof *c);
    c->sizes = *sizes;
    c->patches = sizes->width * sizes->height, c->rows = sizes->batch * c->patches,
    c->results = SN_SCANS * c->rows;
    sn_scorer_weights shape = {.channels = sizes->channels,
                               .embedding = sizes->embedding,
                               .branches = sizes->branches,
                               .depth = sizes->depth,
                               .states = sizes->states,
                               .rank = sizes->rank,
                               .taps = sizes->taps,
                               .reference_ratio = 0.75};
    memcpy(shape.rates, sizes->rates, sizeof shape.rates);
    ck_ok(random_scorer_weights(&c->weights, &shape, sizes->seed));
    sn_rng rng;
    sn_rng_seed(&rng, sizes->seed, 1);
    const size_t all = SN_SCANS * c->rows * sizes->embedding;
    c->hybrid = random_floats(&rng, c->rows * 2 * sizes->channels);
    c->diff_logits = random_floats(&rng, c->results);
    c->diff_values = random_floats(&rng, c->rows);
    c->reference = malloc(c->rows);
    c->order = malloc((sizes->batch * SN_SCANS * sizes->hard + 1) * sizeof *c->order);
    choose_hard(c, &rng);
    c->batch =
        (sn_scorer_batch){sizes->branch, c->hybrid, c->order, sizes->dropout, (uint32_t)sn_rng_next(&rng)};
    c->values = malloc(c->weights->values_count * sizeof *c->values);
    for (size_t i = 0; i < c->weights->values_count; i++)
        c->values[i] = (double)c->weights->values[i];
    c->factors = malloc(all * sizeof *c->factors);
    c->open = malloc(all * sizeof *c->open);
    c->logits = malloc(c->results * sizeof *c->logits);
    c->mean = malloc(SN_SCANS * sizes->embedding * sizeof *c->mean);
    c->variance = malloc(SN_SCANS * sizes->embedding * sizeof *c->variance);
    take_factors(c);
    return c;
}

void free_training_case(training_case *c) {
    sn_scorer_weights_destroy(c->weights);
    free(c->hybrid), free(c->reference), free(c->order), free(c->diff_logits), free(c->diff_values);
    free(c->values), free(c->factors), free(c->open), free(c->logits), free(c->mean), free(c->variance);
    free(c);
}

/* A parameter of the reference, by its place among the library's. */
static const double *at(const training_case *c, const float *parameter) {
    return c->values + sn_weight_offset(c->weights, parameter);
}

/* Patch that scan visits at step t. */
static size_t visited(const training_case *c, size_t scan, size_t t) {
    if (scan >= 2)
        t = c->patches - 1 - t;
    return scan % 2 == 0 ? t : t % c->sizes.height * c->sizes.width + t / c->sizes.height;
}

/* Adds a convolution of 3 x 3 that keeps the size; src and dst (h, w, d), weights (d, d, 3, 3). */
static void add_conv(size_t d, size_t h, size_t w, size_t rate, const double *src, const double *weights,
                     double *dst) {
    double *turned = malloc(d * d * sizeof *turned); /* (in, out) of one tap */
    for (size_t tap = 0; tap < 9; tap++) {
        for (size_t out = 0; out < d; out++)
            for (size_t in = 0; in < d; in++)
                turned[in * d + out] = weights[(out * d + in) * 9 + tap];
        for (size_t y = 0; y < h; y++)
            for (size_t x = 0; x < w; x++) {
                const size_t from_y = y + tap / 3 * rate, from_x = x + tap % 3 * rate; /* by rate too far */
                if (from_y < rate || from_y - rate >= h || from_x < rate || from_x - rate >= w)
                    continue;
                const double *from = src + ((from_y - rate) * w + from_x - rate) * d;
                double *to = dst + (y * w + x) * d;
                for (size_t in = 0; in < d; in++)
                    for (size_t out = 0; out < d; out++)
                        to[out] += from[in] * turned[in * d + out];
            }
    }
    free(turned);
}

/* The hard patches of x (N, D), in scan order, through the mixer. */
static void mix(const training_case *c, const sn_mixer_weights *mixer, const uint8_t *reference, size_t scan,
                double *x) {
    const size_t d = c->sizes.embedding;
    const mixer_block block =
        make_mixer_block(1, c->sizes.hard, d, c->sizes.states, c->sizes.rank, c->sizes.taps);
    double *values = malloc(block.count * sizeof *values), *mixed = malloc(c->sizes.hard * d * sizeof *mixed);
    memcpy(values + block.in_proj, at(c, mixer->in_proj), (block.count - block.in_proj) * sizeof *values);
    size_t length = 0;
    for (size_t t = 0; t < c->patches; t++)
        if (reference[visited(c, scan, t)] == 0)
            memcpy(values + block.src + length++ * d, x + t * d, d * sizeof *x);
    reference_double_mixer(&block, values, mixed);
    length = 0;
    for (size_t t = 0; t < c->patches; t++)
        if (reference[visited(c, scan, t)] == 0)
            memcpy(x + t * d, mixed + length++ * d, d * sizeof *x);
    free(values), free(mixed);
}

/* One block on one image and scan: x and residual (N, D) in scan order. */
static void run_block(const training_case *c, const sn_block_weights *block, const uint8_t *reference,
                      size_t scan, double *residual, double *x) {
    const size_t n = c->patches, d = c->sizes.embedding;
    const size_t h = scan % 2 == 0 ? c->sizes.height : c->sizes.width;
    double *normed = malloc(n * d * sizeof *normed);
    for (size_t t = 0; t < n; t++) {
        double squares = 0;
        for (size_t i = t * d; i < (t + 1) * d; i++) {
            residual[i] += x[i];
            squares += residual[i] * residual[i];
        }
        for (size_t i = 0; i < d; i++) {
            normed[t * d + i] =
                residual[t * d + i] / sqrt(squares / (double)d + epsilon) * at(c, block->norm)[i];
            x[t * d + i] = at(c, block->conv_bias)[i];
        }
    }
    add_conv(d, h, n / h, 1, normed, at(c, block->conv_weight), x);
    free(normed);
    if (c->sizes.hard > 0)
        mix(c, &block->mixer, reference, scan, x);
}

/* The last norm of the sum of what dropout leaves of x, and the residual; image (N, D) in image order. */
static void finish(const training_case *c, size_t b, size_t scan, const double *residual, const double *x,
                   double *image) {
    const size_t d = c->sizes.embedding, branch = c->sizes.branch;
    double *sum = malloc(d * sizeof *sum);
    for (size_t t = 0; t < c->patches; t++) {
        const size_t patch = visited(c, scan, t);
        const double *factors = c->factors + ((scan * c->sizes.batch + b) * c->patches + patch) * d;
        double mean = 0, variance = 0;
        for (size_t i = 0; i < d; i++) {
            sum[i] = factors[i] * x[t * d + i] + residual[t * d + i];
            mean += sum[i] / (double)d;
        }
        for (size_t i = 0; i < d; i++)
            variance += (sum[i] - mean) * (sum[i] - mean) / (double)d;
        for (size_t i = 0; i < d; i++)
            image[patch * d + i] =
                (sum[i] - mean) / sqrt(variance + epsilon) * at(c, c->weights->norm_weight[branch])[i] +
                at(c, c->weights->norm_bias[branch])[i];
    }
    free(sum);
}

/* From the embedded patches (N, D) of image b to what the head of a scan takes. */
static void run_scan(const training_case *c, size_t b, size_t scan, const double *embedded, double *image) {
    const size_t n = c->patches, d = c->sizes.embedding;
    double *x = malloc(n * d * sizeof *x), *residual = calloc(n * d, sizeof *residual);
    for (size_t t = 0; t < n; t++)
        memcpy(x + t * d, embedded + visited(c, scan, t) * d, d * sizeof *x);
    for (size_t depth = 0; depth < c->sizes.depth; depth++)
        run_block(c, &c->weights->blocks[c->sizes.branch * c->sizes.depth + depth], c->reference + b * n,
                  scan, residual, x);
    finish(c, b, scan, residual, x, image);
    free(x), free(residual);
}

/* One channel of a head: normed by its own mean and variance over the batch, and added to the logits. */
static void head_channel(training_case *c, size_t scan, size_t i, const double *hidden, bool open_stays) {
    const sn_head_weights *head = &c->weights->heads[c->sizes.branch * SN_SCANS + scan];
    const size_t d = c->sizes.embedding, n = c->patches;
    const double rows = (double)c->rows;
    double mean = 0, squares = 0;
    for (size_t row = 0; row < c->rows; row++)
        mean += hidden[row * d + i] / rows;
    for (size_t row = 0; row < c->rows; row++)
        squares += (hidden[row * d + i] - mean) * (hidden[row * d + i] - mean);
    c->mean[scan * d + i] = mean, c->variance[scan * d + i] = squares / (rows - 1);
    for (size_t row = 0; row < c->rows; row++) {
        const double value =
            (hidden[row * d + i] - mean) / sqrt(squares / rows + epsilon) * at(c, head->gain)[i] +
            at(c, head->shift)[i];
        bool *open = &c->open[(scan * c->rows + row) * d + i];
        if (!open_stays)
            *open = value > 0;
        if (*open)
            c->logits[(row / n * SN_SCANS + scan) * n + row % n] += value * at(c, head->out_weight)[i];
    }
}

static void run_head(training_case *c, size_t scan, const double *images, bool open_stays) {
    const sn_head_weights *head = &c->weights->heads[c->sizes.branch * SN_SCANS + scan];
    const size_t d = c->sizes.embedding, n = c->patches;
    double *hidden = calloc(c->rows * d, sizeof *hidden);
    for (size_t b = 0; b < c->sizes.batch; b++)
        add_conv(d, c->sizes.height, c->sizes.width, head->rate, images + b * n * d, at(c, head->conv),
                 hidden + b * n * d);
    for (size_t row = 0; row < c->rows; row++)
        c->logits[(row / n * SN_SCANS + scan) * n + row % n] = at(c, head->out_bias)[0];
    for (size_t i = 0; i < d; i++)
        head_channel(c, scan, i, hidden, open_stays);
    free(hidden);
}

void reference_training(training_case *c, bool open_stays) {
    const size_t d = c->sizes.embedding, inner = 2 * c->sizes.channels, n = c->patches,
                 branch = c->sizes.branch;
    double *embedded = malloc(c->rows * d * sizeof *embedded), *images = malloc(c->rows * d * sizeof *images);
    const double *weight = at(c, c->weights->embed_weight[branch]);
    for (size_t row = 0; row < c->rows; row++)
        for (size_t i = 0; i < d; i++) {
            double sum = at(c, c->weights->embed_bias[branch])[i];
            for (size_t j = 0; j < inner; j++)
                sum += (double)c->hybrid[row * inner + j] * weight[i * inner + j];
            embedded[row * d + i] = sum;
        }
    for (size_t scan = 0; scan < SN_SCANS; scan++) {
        for (size_t b = 0; b < c->sizes.batch; b++)
            run_scan(c, b, scan, embedded + b * n * d, images + b * n * d);
        run_head(c, scan, images, open_stays);
    }
    free(embedded), free(images);
}

void run_training(training_case *c, int threads, float *logits, float *gradients) {
    const int former = sn_threads_enter(threads);
    const sn_scorer_training_shape shape = {c->sizes.batch, c->sizes.width, c->sizes.height, c->sizes.hard};
    sn_scorer_training *training;
    ck_ok(sn_scorer_training_create(&training, c->weights, &shape));
    ck_ok(sn_scorer_training_forward(training, c->weights, &c->batch, logits));
    ck_ok(sn_scorer_training_backward(training, c->weights, &c->batch, c->diff_logits, gradients));
    sn_navigator_training_backward(training, c->weights, c->hybrid, c->diff_values, gradients);
    sn_scorer_training_destroy(training);
    sn_threads_leave(former);
}

static bool is_navigator(const sn_weight *weight) {
    return strncmp(weight->name, "simple_predictor.", strlen("simple_predictor.")) == 0;
}

bool has_gradient(const training_case *c, const sn_weight *weight) {
    sn_range *ranges = malloc(c->weights->count * sizeof *ranges);
    sn_parameter_ranges(c->weights, ranges);
    const sn_range range = ranges[weight - c->weights->table];
    free(ranges);
    return range.kind != SN_RANGE_STATISTIC && (range.group == 0 || range.group == 1 + c->sizes.branch);
}

/* The linear function of the results that diff_logits or, for the navigator, diff_values stands for. */
static double functional(training_case *c, bool navigator) {
    double sum = 0;
    if (!navigator) {
        reference_training(c, true);
        for (size_t i = 0; i < c->results; i++)
            sum += (double)c->diff_logits[i] * c->logits[i];
        return sum;
    }
    const double *weight = at(c, c->weights->navigator_weight), bias = at(c, c->weights->navigator_bias)[0];
    for (size_t row = 0; row < c->rows; row++) {
        double value = bias;
        for (size_t i = 0; i < c->sizes.channels; i++)
            value += weight[i] * (double)c->hybrid[row * 2 * c->sizes.channels + i];
        sum += (double)c->diff_values[row] * value;
    }
    return sum;
}

/* The slope of the function where values count from begin on move together, each in the direction of its
 * sign. */
static double slope(training_case *c, size_t begin, size_t count, const double *signs, bool navigator) {
    const double step = 1e-5 / sqrt((double)count);
    double *kept = malloc(count * sizeof *kept), sides[2];
    memcpy(kept, c->values + begin, count * sizeof *kept);
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < count; i++)
            c->values[begin + i] = kept[i] + (side == 0 ? step : -step) * signs[i];
        sides[side] = functional(c, navigator);
    }
    memcpy(c->values + begin, kept, count * sizeof *kept);
    free(kept);
    return (sides[0] - sides[1]) / (2 * step);
}

/* Of the branch. Where a gradient is 0 but for rounding, this is what its error is measured by. */
static double largest_gradient(const training_case *c, const float *gradients) {
    double largest = 0;
    for (size_t i = 0; i < c->weights->count; i++) {
        const sn_weight *weight = &c->weights->table[i];
        const float *found = gradients + (weight->data - c->weights->values);
        if (has_gradient(c, weight) && !is_navigator(weight))
            for (size_t j = 0; j < weight->count; j++)
                largest = fmax(largest, fabs((double)found[j]));
    }
    return largest;
}

double training_error(training_case *c, const sn_weight *weight, const float *gradients, size_t singles) {
    const size_t begin = (size_t)(weight->data - c->weights->values);
    const float *found = gradients + begin;
    const bool navigator = is_navigator(weight);
    sn_rng rng;
    sn_rng_seed(&rng, c->sizes.seed, 2 + begin);
    size_t largest = 0;
    double *signs = malloc(weight->count * sizeof *signs), sum = 0;
    for (size_t i = 0; i < weight->count; i++) {
        largest = fabsf(found[i]) > fabsf(found[largest]) ? i : largest;
        signs[i] = sn_rng_below(&rng, 2) == 0 ? -1 : 1;
        sum += signs[i] * (double)found[i];
    }
    double error = fabs(sum - slope(c, begin, weight->count, signs, navigator)) / sqrt((double)weight->count);
    for (size_t single = 0; single < singles && single < weight->count; single++) {
        const size_t next =
            weight->count <= singles ? single - (single <= largest) : sn_rng_below(&rng, weight->count);
        const size_t i = single == 0 ? largest : next;
        const double difference =
            fabs((double)found[i] - slope(c, begin + i, 1, (const double[]){1}, navigator));
        if (!(difference <= error)) /* a NaN too */
            error = isnan(difference) ? INFINITY : difference;
    }
    free(signs);
    return error / fmax(fabs((double)found[largest]), 0.01 * largest_gradient(c, gradients));
}
