/* Gradients of the recurrent kernels and of the whole mixer: against differences of the same operations in
 * double precision, against plain C, and against the published code's. */
#include "core/memory.h"
#include "core/threads.h"
#include "io/safetensors.h"
#include "kernel/simd.h"
#include "reference.h"
#include "reference_backward.h"
#include "scorer/mixer_backward.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static sn_rng rng;

static double *random_doubles(size_t count) {
    double *values = malloc((count + 1) * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(2 * sn_rng_uniform(&rng) - 1); /* floats, which the kernels then get exactly */
    return values;
}

/* What is differentiated: the sum of seed times an operation's results. */
typedef void (*operation)(const void *block, const double *values, double *results);

static double weighted(operation run, const void *block, const double *values, const double *seed,
                       double *results, size_t count) {
    run(block, values, results);
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += seed[i] * results[i];
    return sum;
}

/* Central differences of the fourth order by every value: their error is some 1e-11 where values are near 1.
 */
static double *differences(operation run, const void *block, double *values, size_t value_count,
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

static void run_scan(const void *block, const double *values, double *results) {
    reference_scan(block, values, results);
}

static void run_conv(const void *block, const double *values, double *results) {
    reference_causal_conv(block, values, results);
}

static void run_mixer(const void *block, const double *values, double *results) {
    reference_double_mixer(block, values, results);
}

static void check_doubles(const double *values, const double *expected, size_t count) {
    for (size_t i = 0; i < count; i++)
        ck_assert_double_le(fabs(values[i] - expected[i]), 1e-8 * (1 + fabs(expected[i])));
}

static double *random_scan(const scan_block *at) {
    double *values = random_doubles(at->count);
    for (size_t i = 0; i < at->states * at->channels; i++)
        values[at->a + i] = (float)(-1 - values[at->a + i] * values[at->a + i]);
    for (size_t i = 0; i < at->length * at->channels; i++) {
        values[at->dt + i] *= 4;
        values[at->gate + i] *= 4;
    }
    return values;
}

START_TEST(references) {
    const size_t lengths[] = {1, 2, 9};
    for (size_t i = 0; i < 3; i++)
        for (size_t states = 1; states < 6; states += 2) {
            const scan_block scan = make_scan_block(lengths[i], 3, states);
            double *values = random_scan(&scan), *seed = random_doubles(lengths[i] * 3);
            double *expected = differences(run_scan, &scan, values, scan.count, seed, lengths[i] * 3);
            double *gradients = malloc(scan.count * sizeof *gradients);
            reference_scan_backward(&scan, values, seed, gradients);
            check_doubles(gradients, expected, scan.count);
            free(values), free(expected), free(gradients);
            const conv_block conv = make_conv_block(lengths[i], 3, states);
            values = random_doubles(conv.count);
            expected = differences(run_conv, &conv, values, conv.count, seed, lengths[i] * 3);
            gradients = malloc(conv.count * sizeof *gradients);
            reference_causal_conv_backward(&conv, values, seed, gradients);
            check_doubles(gradients, expected, conv.count);
            free(values), free(expected), free(gradients), free(seed);
        }
}
END_TEST

/* Rows of columns values in rows of stride floats, what lies between them 7. */
static float *strided(const double *values, size_t rows, size_t columns, size_t stride) {
    float *spread = malloc(rows * stride * sizeof *spread);
    for (size_t i = 0; i < rows * stride; i++)
        spread[i] =
            i % stride < columns && values != NULL ? (float)values[i / stride * columns + i % stride] : 7;
    return spread;
}

/* The columns begin..end - 1 are as expected, to a part of their largest value; the others hold what they
 * held. */
static void check_strided(const char *name, const float *values, const double *expected, size_t rows,
                          size_t columns, size_t stride, size_t begin, size_t end, double before) {
    double largest = 1e-30;
    for (size_t i = 0; i < rows * columns; i++)
        largest = fmax(largest, fabs(expected[i]));
    for (size_t i = 0; i < rows * stride; i++) {
        const size_t column = i % stride;
        if (column >= begin && column < end) {
            const double exact = expected[i / stride * columns + column] + before;
            ck_assert_msg(fabs(values[i] - exact) <= 1e-5 * (largest + fabs(before)),
                          "%s[%zu, %zu] is %g, expected %g", name, i / stride, column, values[i], exact);
        } else {
            ck_assert_msg(values[i] == 7, "%s[%zu, %zu] was written", name, i / stride, column);
        }
    }
}

/* The sums over channels are of those in begin..end - 1 alone: without a gradient, the others add nothing. */
static void mute(double *seed, size_t length, size_t channels, size_t begin) {
    for (size_t i = 0; i < length * channels; i++)
        if (i % channels < begin)
            seed[i] = 0;
}

static void scan_case(size_t length, size_t channels, size_t states, bool in_place) {
    const scan_block at = make_scan_block(length, channels, states);
    const size_t stride = channels + 2, pairs = 2 * states + 1, begin = channels / 4;
    double *values = random_scan(&at), *seed = random_doubles(length * channels);
    double *expected = malloc(at.count * sizeof *expected), *y = malloc(length * channels * sizeof *y);
    mute(seed, length, channels, begin);
    reference_scan(&at, values, y);
    reference_scan_backward(&at, values, seed, expected);
    float *x = strided(values + at.x, length, channels, stride),
          *dt = strided(values + at.dt, length, channels, stride);
    float *gate = strided(values + at.gate, length, channels, stride);
    float *b = strided(values + at.b, length, states, pairs),
          *c = strided(values + at.c, length, states, pairs);
    float *a = strided(values + at.a, states, channels, channels),
          *skip = strided(values + at.skip, 1, channels, channels);
    float *diff_y = strided(seed, length, channels, stride + 1);
    float *dx = strided(NULL, length, channels, stride), *ddt = strided(NULL, length, channels, stride);
    float *dgate = strided(NULL, length, channels, stride), *db = strided(NULL, length, states, pairs);
    float *dc = strided(NULL, length, states, pairs), *da = strided(NULL, states, channels, channels);
    float *dskip = strided(NULL, 1, channels, channels), *dt_sum = strided(NULL, 1, channels, channels);
    float *out = strided(NULL, length, channels, stride + 1);
    float *scratch = malloc(sn_scan_backward_scratch(length, states) * sizeof *scratch);
    const sn_scan scan = {.length = length,
                          .channels = channels,
                          .states = states,
                          .x = x,
                          .dt = dt,
                          .gate = gate,
                          .b = b,
                          .c = c,
                          .a = a,
                          .skip = skip,
                          .y = in_place ? diff_y : out,
                          .x_stride = stride,
                          .dt_stride = stride,
                          .gate_stride = stride,
                          .bc_stride = pairs,
                          .y_stride = stride + 1};
    const sn_scan_gradients g = {.diff_y = diff_y,
                                 .x = dx,
                                 .dt = in_place ? dt : ddt,
                                 .gate = dgate,
                                 .b = db,
                                 .c = dc,
                                 .a = da,
                                 .skip = dskip,
                                 .dt_sum = dt_sum,
                                 .diff_y_stride = stride + 1,
                                 .x_stride = stride,
                                 .dt_stride = stride,
                                 .gate_stride = stride,
                                 .bc_stride = pairs};
    sn_simd_table()->selective_scan_backward(&scan, &g, begin, channels, scratch);
    check_strided("x", dx, expected + at.x, length, channels, stride, begin, channels, 0);
    check_strided("gate", dgate, expected + at.gate, length, channels, stride, begin, channels, 0);
    if (!in_place) {
        check_strided("dt", ddt, expected + at.dt, length, channels, stride, begin, channels, 0);
        check_strided("y", out, y, length, channels, stride + 1, begin, channels, 0);
    } else { /* the other columns hold what was read there */
        for (size_t t = 0; t < length; t++)
            for (size_t i = 0; i < begin; i++) {
                ck_assert(diff_y[t * (stride + 1) + i] == 0);
                ck_assert(dt[t * stride + i] == (float)values[at.dt + t * channels + i]);
                diff_y[t * (stride + 1) + i] = dt[t * stride + i] = 7;
            }
        check_strided("dt", dt, expected + at.dt, length, channels, stride, begin, channels, 0);
        check_strided("y", diff_y, y, length, channels, stride + 1, begin, channels, 0);
    }
    check_strided("b", db, expected + at.b, length, states, pairs, 0, states, 0);
    check_strided("c", dc, expected + at.c, length, states, pairs, 0, states, 0);
    check_strided("a", da, expected + at.a, states, channels, channels, begin, channels, 7);
    check_strided("skip", dskip, expected + at.skip, 1, channels, channels, begin, channels, 7);
    double *sum = calloc(channels, sizeof *sum);
    for (size_t i = 0; i < length * channels; i++)
        sum[i % channels] += expected[at.dt + i];
    check_strided("dt_sum", dt_sum, sum, 1, channels, channels, begin, channels, 7);
    free(values), free(seed), free(expected), free(y), free(x), free(dt), free(gate), free(b), free(c),
        free(a);
    free(skip), free(diff_y), free(dx), free(ddt), free(dgate), free(db), free(dc), free(da), free(dskip),
        free(dt_sum);
    free(out), free(scratch), free(sum);
}

START_TEST(scans) {
    sn_simd_override((sn_simd_level)_i);
    for (size_t channels = 1; channels < 40; channels += 3)
        for (size_t states = 1; states <= SN_SCAN_STATES_MAX; states += states < 5 ? 1 : 59)
            scan_case(1 + channels % 6, channels, states, channels % 2 == 0);
    scan_case(300, 33, 4, false);
    scan_case(300, 33, 7, true);
    sn_simd_override(sn_simd_best());
}
END_TEST

static void conv_case(size_t length, size_t channels, size_t taps, bool in_place) {
    const conv_block at = make_conv_block(length, channels, taps);
    const size_t stride = channels + 3, begin = channels / 4;
    double *values = random_doubles(at.count), *seed = random_doubles(length * channels);
    double *expected = malloc(at.count * sizeof *expected);
    reference_causal_conv_backward(&at, values, seed, expected);
    float *src = strided(values + at.src, length, channels, stride);
    float *weights = strided(values + at.weights, taps, channels, channels);
    float *bias = strided(values + at.bias, 1, channels, channels);
    float *diff_dst = strided(seed, length, channels, stride),
          *diff_src = strided(NULL, length, channels, stride);
    float *diff_weights = strided(NULL, taps, channels, channels),
          *diff_bias = strided(NULL, 1, channels, channels);
    const sn_conv_gradients g = {.length = length,
                                 .taps = taps,
                                 .src = src,
                                 .diff_dst = diff_dst,
                                 .weights = weights,
                                 .bias = bias,
                                 .diff_src = in_place ? diff_dst : diff_src,
                                 .diff_weights = diff_weights,
                                 .diff_bias = diff_bias,
                                 .src_stride = stride,
                                 .diff_dst_stride = stride,
                                 .weights_stride = channels,
                                 .diff_src_stride = stride};
    sn_simd_table()->causal_conv_silu_backward(&g, begin, channels);
    for (size_t i = 0; i < length * stride && in_place; i++)
        if (i % stride < begin)
            diff_dst[i] = 7;
    check_strided("src", g.diff_src, expected + at.src, length, channels, stride, begin, channels, 0);
    check_strided("weights", diff_weights, expected + at.weights, taps, channels, channels, begin, channels,
                  7);
    check_strided("bias", diff_bias, expected + at.bias, 1, channels, channels, begin, channels, 7);
    free(values), free(seed), free(expected), free(src), free(weights), free(bias), free(diff_dst),
        free(diff_src);
    free(diff_weights), free(diff_bias);
}

START_TEST(convolutions) {
    sn_simd_override((sn_simd_level)_i);
    for (size_t channels = 1; channels < 40; channels += 3)
        for (size_t taps = 1; taps <= SN_CONV_TAPS_MAX; taps += taps < 6 ? 1 : 58)
            for (size_t length = 1; length < 12; length += 2)
                conv_case(length, channels, taps, length % 4 == 1);
    sn_simd_override(sn_simd_best());
}
END_TEST

/* A mixer with its input and its gradients as floats. */
typedef struct floats {
    float *values, *gradients; /* blocks */
    float *diff_dst, *dst;
} floats;

static sn_mixer_weights weights_of(const mixer_block *at, const float *v) {
    return (sn_mixer_weights){.embedding = at->embedding,
                              .states = at->states,
                              .rank = at->rank,
                              .taps = at->taps,
                              .in_proj = v + at->in_proj,
                              .conv_weight = v + at->conv_weight,
                              .conv_bias = v + at->conv_bias,
                              .x_proj = v + at->x_proj,
                              .dt_weight = v + at->dt_weight,
                              .dt_bias = v + at->dt_bias,
                              .a_log = v + at->a_log,
                              .skip = v + at->skip,
                              .out_proj = v + at->out_proj};
}

static sn_mixer_gradients gradients_of(const mixer_block *at, float *g) {
    return (sn_mixer_gradients){.in_proj = g + at->in_proj,
                                .conv_weight = g + at->conv_weight,
                                .conv_bias = g + at->conv_bias,
                                .x_proj = g + at->x_proj,
                                .dt_weight = g + at->dt_weight,
                                .dt_bias = g + at->dt_bias,
                                .a_log = g + at->a_log,
                                .skip = g + at->skip,
                                .out_proj = g + at->out_proj};
}

static void train(const mixer_block *at, int threads, floats *f) {
    const int former = sn_threads_enter(threads);
    const sn_mixer_weights weights = weights_of(at, f->values);
    const sn_mixer_gradients gradients = gradients_of(at, f->gradients);
    sn_mixer_training *mixer;
    sn_stream *stream;
    ck_ok(sn_stream_create(&stream));
    ck_ok(sn_mixer_training_create(&mixer, &weights, at->batch, at->length));
    float *kept, *scratch;
    ck_ok(sn_alloc(&kept, sn_mixer_training_kept(mixer), sizeof *kept, "kept"));
    ck_ok(sn_alloc(&scratch, sn_mixer_training_scratch(mixer), sizeof *scratch, "scratch"));
    ck_ok(sn_mixer_training_forward(mixer, stream, &weights, f->values + at->src, kept, scratch, f->dst));
    memset(scratch, 0xff,
           sn_mixer_training_scratch(mixer) * sizeof *scratch); /* backward needs nothing of it */
    ck_ok(sn_mixer_training_backward(mixer, stream, &weights, f->values + at->src, kept, f->diff_dst, scratch,
                                     f->gradients + at->src, &gradients));
    sn_free(kept), sn_free(scratch);
    sn_mixer_training_destroy(mixer);
    sn_stream_destroy(stream);
    sn_threads_leave(former);
}

static double *random_mixer(const mixer_block *at) {
    double *values = random_doubles(at->count);
    for (size_t i = 0; i < 2 * at->embedding; i++)
        values[at->dt_bias + i] -= 1;
    return values;
}

static float *to_floats(const double *values, size_t count, double more) {
    float *out = malloc(count * sizeof *out);
    for (size_t i = 0; i < count; i++)
        out[i] = (float)((values != NULL ? values[i] : 0) + more);
    return out;
}

static double check_part(const char *name, const float *values, const double *expected, size_t begin,
                         size_t end, double tolerance) {
    double largest = 1e-6,
           difference = 0; /* differences of what does not depend on a value are not quite 0 */
    for (size_t i = begin; i < end; i++) {
        largest = fmax(largest, fabs(expected[i]));
        const double d = fabs(values[i] - expected[i]);
        if (!(d <= difference)) /* a NaN too */
            difference = isnan(d) ? INFINITY : d;
    }
    ck_assert_msg(difference <= tolerance * largest, "%s differs by %g of %g", name, difference, largest);
    return difference / largest;
}

/* Every tensor, each relative to its largest value; returns the largest error. */
static double check_mixer(const mixer_block *at, const float *gradients, const double *expected,
                          double tolerance) {
    const struct {
        const char *name;
        size_t begin;
    } parts[] = {{"input", at->src},           {"in_proj", at->in_proj}, {"conv_weight", at->conv_weight},
                 {"conv_bias", at->conv_bias}, {"x_proj", at->x_proj},   {"dt_weight", at->dt_weight},
                 {"dt_bias", at->dt_bias},     {"a_log", at->a_log},     {"skip", at->skip},
                 {"out_proj", at->out_proj},   {"", at->count}};
    double largest = 0;
    for (size_t i = 0; i + 1 < sizeof parts / sizeof *parts; i++)
        largest = fmax(largest, check_part(parts[i].name, gradients, expected, parts[i].begin,
                                           parts[i + 1].begin, tolerance));
    return largest;
}

static void mixer_case(size_t batch, size_t length, size_t embedding, size_t states, size_t rank,
                       size_t taps) {
    const mixer_block at = make_mixer_block(batch, length, embedding, states, rank, taps);
    const size_t results = batch * length * embedding;
    double *values = random_mixer(&at), *seed = random_doubles(results);
    for (size_t i = 0; i < at.count; i++)
        values[i] = (float)values[i];
    double *expected = differences(run_mixer, &at, values, at.count, seed, results);
    double *dst = malloc(results * sizeof *dst);
    reference_double_mixer(&at, values, dst);
    for (int level = SN_SIMD_PLAIN; level <= SN_SIMD_AVX512; level++)
        for (int threads = 1; threads <= 3; threads++) {
            sn_simd_override((sn_simd_level)level);
            floats f = {to_floats(values, at.count, 0), to_floats(NULL, at.count, 0),
                        to_floats(seed, results, 0), to_floats(NULL, results, 0)};
            train(&at, threads, &f);
            check_part("dst", f.dst, dst, 0, results, 1e-5);
            /* Length 1 leaves a_log without a gradient: the state before is zero. */
            check_mixer(&at, f.gradients, expected, 2e-5);
            if (level == SN_SIMD_PLAIN && threads == 1) { /* added to, except the input's */
                float *once = f.gradients;
                f.gradients = to_floats(NULL, at.count, 0.5);
                train(&at, threads, &f);
                ck_assert_int_eq(
                    memcmp(once + at.src, f.gradients + at.src, (at.in_proj - at.src) * sizeof *once), 0);
                for (size_t i = at.in_proj; i < at.count; i++)
                    ck_assert(f.gradients[i] == once[i] + 0.5f);
                free(once);
            }
            free(f.values), free(f.gradients), free(f.diff_dst), free(f.dst);
        }
    sn_simd_override(sn_simd_best());
    free(values), free(seed), free(expected), free(dst);
}

START_TEST(mixers) {
    const size_t lengths[] = {1, 2, 37};
    for (size_t batch = 1; batch <= 3; batch++)
        for (int i = 0; i < 3; i++)
            mixer_case(batch, lengths[i], i == 2 ? 3 : 5, 1 + (batch + (size_t)i) % 4, 1 + batch % 2,
                       2 + batch);
    mixer_case(1, 7, 11, 4, 3, 4);
}
END_TEST

/* Twice the same with 1, 2 and 3 threads, to the byte. */
START_TEST(deterministic) {
    const mixer_block at = make_mixer_block(5, 61, 24, 4, 2, 4);
    const size_t results = 5 * 61 * 24;
    double *values = random_mixer(&at);
    float *first = NULL;
    for (int threads = 1; threads <= 3; threads++) {
        for (int again = 0; again < 2; again++) {
            floats f = {to_floats(values, at.count, 0), to_floats(NULL, at.count, 0),
                        to_floats(NULL, results, 0.25), to_floats(NULL, results, 0)};
            train(&at, threads, &f);
            if (again)
                ck_assert_int_eq(memcmp(f.gradients, first, at.count * sizeof *first), 0);
            free(first);
            first = f.gradients;
            free(f.values), free(f.diff_dst), free(f.dst);
        }
    }
    free(first), free(values);
}
END_TEST

static void read_tensor(const sn_safetensors *file, const char *prefix, const char *name, float *to,
                        size_t count) {
    char full[64];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    const sn_tensor *tensor = sn_safetensors_find(file, full);
    ck_assert_msg(tensor != NULL && tensor->count == count, "%s", full);
    ck_ok(sn_tensor_to_f32(file, tensor, to));
}

static void read_block(const sn_safetensors *file, const mixer_block *at, const char *prefix,
                       const char *input, float *to) {
    const size_t d = at->embedding, e = 2 * d;
    read_tensor(file, "", input, to + at->src, at->batch * at->length * d);
    read_tensor(file, prefix, "in_proj.weight", to + at->in_proj, 2 * e * d);
    read_tensor(file, prefix, "conv1d.weight", to + at->conv_weight, e * at->taps);
    read_tensor(file, prefix, "conv1d.bias", to + at->conv_bias, e);
    read_tensor(file, prefix, "x_proj.weight", to + at->x_proj, (at->rank + 2 * at->states) * e);
    read_tensor(file, prefix, "dt_proj.weight", to + at->dt_weight, e * at->rank);
    read_tensor(file, prefix, "dt_proj.bias", to + at->dt_bias, e);
    read_tensor(file, prefix, "A_log", to + at->a_log, e * at->states);
    read_tensor(file, prefix, "D", to + at->skip, e);
    read_tensor(file, prefix, "out_proj.weight", to + at->out_proj, d * e);
}

START_TEST(published) {
    const char *path = shared_file("golden/mamba.safetensors");
    if (path == NULL)
        return;
    sn_safetensors *file;
    ck_ok(sn_safetensors_open(&file, path));
    const sn_tensor *input = sn_safetensors_find(file, "input"),
                    *a_log = sn_safetensors_find(file, "w.A_log");
    const sn_tensor *low = sn_safetensors_find(file, "w.dt_proj.weight"),
                    *conv = sn_safetensors_find(file, "w.conv1d.weight");
    ck_assert(input != NULL && a_log != NULL && low != NULL && conv != NULL);
    const mixer_block at =
        make_mixer_block((size_t)input->shape[0], (size_t)input->shape[1], (size_t)input->shape[2],
                         (size_t)a_log->shape[1], (size_t)low->shape[1], (size_t)conv->shape[2]);
    const size_t results = input->count;
    floats f = {to_floats(NULL, at.count, 0), to_floats(NULL, at.count, 0), to_floats(NULL, results, 0),
                to_floats(NULL, results, 0)};
    float *expected = to_floats(NULL, at.count, 0), *output = to_floats(NULL, results, 0);
    read_block(file, &at, "w.", "input", f.values);
    read_block(file, &at, "g.", "grad_input", expected);
    read_tensor(file, "", "grad_output", f.diff_dst, results);
    read_tensor(file, "", "output", output, results);
    double *exact = malloc(at.count * sizeof *exact);
    for (size_t i = 0; i < at.count; i++)
        exact[i] = expected[i];
    train(&at, 2, &f);
    ck_assert_double_lt(largest_relative_error(f.dst, output, results), 1e-4);
    printf("mixer: largest error of gradients, relative to a tensor's largest value: %.2g\n",
           check_mixer(&at, f.gradients, exact, 1e-4));
    free(f.values), free(f.gradients), free(f.diff_dst), free(f.dst), free(expected), free(output),
        free(exact);
    sn_safetensors_close(file);
}
END_TEST

START_TEST(refused) {
    sn_mixer_weights sizes = {.embedding = 4, .states = 65, .rank = 1, .taps = 4};
    sn_mixer_training *mixer;
    ck_fails(sn_mixer_training_create(&mixer, &sizes, 1, 5), SNARM_ERROR_UNSUPPORTED, "d_state is 65");
    ck_assert_ptr_null(mixer);
    sizes.states = 4, sizes.taps = 65;
    ck_fails(sn_mixer_training_create(&mixer, &sizes, 1, 5), SNARM_ERROR_UNSUPPORTED, "d_conv is 65");
    sn_mixer_training_destroy(NULL);
}
END_TEST

int main(void) {
    sn_rng_seed(&rng, 9, 0);
    Suite *suite = suite_create("mixer_backward");
    TCase *cases = tcase_create("mixer_backward");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, references);
    tcase_add_loop_test(cases, scans, SN_SIMD_PLAIN, SN_SIMD_AVX512 + 1);
    tcase_add_loop_test(cases, convolutions, SN_SIMD_PLAIN, SN_SIMD_AVX512 + 1);
    tcase_add_test(cases, mixers);
    tcase_add_test(cases, deterministic);
    tcase_add_test(cases, published);
    tcase_add_test(cases, refused);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
