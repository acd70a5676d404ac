/* Gradients of the whole mixer: against differences of the same operations in double precision, and against
 * the published code's. */
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

static void run_mixer(const void *block, const double *values, double *results) {
    reference_double_mixer(block, values, results);
}

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
    double *values = random_doubles(&rng, at->count);
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
    double *values = random_mixer(&at), *seed = random_doubles(&rng, results);
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
    tcase_add_test(cases, mixers);
    tcase_add_test(cases, deterministic);
    tcase_add_test(cases, published);
    tcase_add_test(cases, refused);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
