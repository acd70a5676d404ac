/* The scorer against a plain reference and the published vectors, its files, and its use by several threads.
 */
#include "core/memory.h"
#include "kernel/simd.h"
#include "make_scorer.h"
#include "reference.h"
#include "reference_scan.h"
#include "scorer/scorer.h"
#include "support.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static sn_stream *stream;
static sn_rng rng;

static uint8_t *random_mask(size_t patches, size_t hard) {
    uint8_t *mask = malloc(patches);
    memset(mask, 1, patches);
    while (hard > 0) {
        size_t at = (size_t)sn_rng_below(&rng, patches);
        hard -= mask[at];
        mask[at] = 0;
    }
    return mask;
}

/* A vector's values, the caller's to free. */
static float *values_of(const sn_safetensors *file, const char *name) {
    const sn_tensor *tensor = sn_safetensors_find(file, name);
    ck_assert_msg(tensor != NULL, "no %s", name);
    float *values = malloc(tensor->count * sizeof *values);
    ck_ok(sn_tensor_to_f32(file, tensor, values));
    return values;
}

START_TEST(mixers) {
    sn_simd_override((sn_simd_level)_i);
    /* D, states, rank, taps, batch, length */
    static const size_t shapes[][6] = {{1, 1, 1, 1, 1, 1},   {5, 3, 2, 4, 2, 7},   {8, 4, 1, 4, 1, 3},
                                       {33, 4, 3, 2, 3, 17}, {16, 16, 1, 7, 2, 5}, {20, 64, 5, 4, 1, 9}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const size_t *v = shapes[s], d = v[0], batch = v[4], length = v[5];
        sn_scorer_weights sizes = {.channels = 2,
                                   .embedding = d,
                                   .branches = 1,
                                   .depth = 1,
                                   .states = v[1],
                                   .rank = v[2],
                                   .taps = v[3],
                                   .rates = {1}};
        sn_scorer_weights *weights;
        ck_ok(random_scorer_weights(&weights, &sizes, s));
        const sn_mixer_weights *mixer_weights = &weights->blocks[0].mixer;
        sn_mixer *mixer;
        ck_ok(sn_mixer_create(&mixer, mixer_weights, batch, length, SN_TYPE_F32));
        float *src = random_floats(&rng, batch * length * d), *dst = random_floats(&rng, batch * length * d);
        float *expected = random_floats(&rng, batch * length * d), *scratch;
        ck_ok(sn_alloc(&scratch, sn_mixer_scratch(mixer), sizeof *scratch, "scratch"));
        ck_ok(sn_mixer_run(mixer, stream, src, scratch, dst));
        for (size_t b = 0; b < batch; b++)
            reference_mixer(length, mixer_weights, src + b * length * d, expected + b * length * d);
        ck_assert_double_lt(largest_relative_error(dst, expected, batch * length * d), 1e-5);
        sn_free(scratch);
        sn_mixer_destroy(mixer), sn_scorer_weights_destroy(weights);
        free(src), free(dst), free(expected);
    }
    sn_simd_override(sn_simd_best());
}
END_TEST

START_TEST(whole_scorer) {
    sn_simd_override((sn_simd_level)_i);
    /* C, D, branches, depth, states, rank, taps; width, height; hard share */
    static const size_t shapes[][9] = {{10, 12, 4, 2, 4, 1, 4, 7, 5},
                                       {6, 16, 2, 1, 3, 2, 2, 5, 9},
                                       {2, 5, 1, 3, 5, 1, 4, 2, 3},
                                       {16, 32, 4, 2, 4, 2, 4, 11, 11}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const size_t *v = shapes[s], width = v[7], height = v[8], patches = width * height;
        sn_scorer_weights sizes = {.channels = v[0],
                                   .embedding = v[1],
                                   .branches = v[2],
                                   .depth = v[3],
                                   .states = v[4],
                                   .rank = v[5],
                                   .taps = v[6],
                                   .rates = {3, 1, 12, 2}};
        sn_scorer_weights *weights;
        ck_ok(random_scorer_weights(&weights, &sizes, 100 + s));
        snarm_scorer_options options;
        snarm_scorer_options_init(&options);
        options.grid_width = (int32_t)width, options.grid_height = (int32_t)height;
        options.precision = SNARM_PRECISION_F32; /* test_precision has the others */
        snarm_scorer *scorer;
        ck_ok(sn_scorer_create_from_weights(&scorer, weights, &options));
        size_t maps = sizes.branches * 4, count = maps * patches;
        uint8_t *mask = random_mask(patches, patches - (size_t)rint(0.75 * (double)patches));
        float *hybrid = random_floats(&rng, patches * 2 * sizes.channels);
        float *logits = random_floats(&rng, count), *expected = random_floats(&rng, count);
        reference_scorer(weights, width, height, hybrid, mask, expected);
        for (int turn = 0; turn < 2; turn++) { /* the second on used memory */
            ck_ok(snarm_scorer_logits(scorer, hybrid, mask, logits));
            ck_assert_double_lt(largest_relative_error(logits, expected, count), 2e-5);
        }
        snarm_scorer_destroy(scorer), sn_scorer_weights_destroy(weights);
        free(mask), free(hybrid), free(logits), free(expected);
    }
    sn_simd_override(sn_simd_best());
}
END_TEST

START_TEST(ratios_and_info) {
    const char *path = scratch_file("small.safetensors");
    sn_scorer_weights sizes = {.channels = 4,
                               .embedding = 8,
                               .branches = 4,
                               .depth = 1,
                               .states = 4,
                               .rank = 1,
                               .taps = 4,
                               .rates = {3, 6, 12, 24},
                               .reference_ratio = 0.5};
    ck_ok(make_scorer(path, &sizes, 5));
    snarm_scorer_options options;
    snarm_scorer_options_init(&options);
    options.grid_width = 3, options.grid_height = 2, options.precision = SNARM_PRECISION_F32;
    snarm_scorer *scorer;
    ck_ok(snarm_scorer_create(&scorer, path, &options));
    snarm_scorer_info info = {.struct_size = sizeof info};
    ck_ok(snarm_scorer_get_info(scorer, &info));
    ck_assert(info.grid_width == 3 && info.grid_height == 2 && info.channels == 4 && info.embedding == 8);
    ck_assert(info.branches == 4 && info.scans == 4 && info.depth == 1 && info.maps == 16);
    ck_assert(info.reference_ratio == 0.5);
    info.struct_size = 8;
    ck_fails(snarm_scorer_get_info(scorer, &info), SNARM_ERROR_ARGUMENT, "struct_size is 8");
    const float *weight;
    float bias;
    ck_ok(snarm_scorer_navigator(scorer, &weight, &bias));
    ck_assert(isfinite(weight[3]) && isfinite(bias));
    float hybrid[6 * 8] = {0}, logits[16 * 6];
    uint8_t mask[6] = {1, 0, 1, 0, 1, 0};
    ck_ok(snarm_scorer_logits(scorer, hybrid, mask, logits));
    mask[1] = 1;
    ck_fails(snarm_scorer_logits(scorer, hybrid, mask, logits), SNARM_ERROR_ARGUMENT, "2 zeros, expected 3");
    mask[1] = 7;
    ck_fails(snarm_scorer_logits(scorer, hybrid, mask, logits), SNARM_ERROR_ARGUMENT, "reference[1] is 7");
    mask[1] = 0, hybrid[17] = INFINITY;
    ck_fails(snarm_scorer_logits(scorer, hybrid, mask, logits), SNARM_ERROR_ARGUMENT, "hybrid[2, 1] is inf");
    hybrid[17] = 0;
    ck_fails(snarm_scorer_logits(scorer, hybrid, NULL, logits), SNARM_ERROR_ARGUMENT, "reference is NULL");
    snarm_scorer_destroy(scorer);
    /* A share so large that no patch is hard: the mixers have nothing to do. */
    options.reference_ratio = 0.99;
    ck_ok(snarm_scorer_create(&scorer, path, &options));
    memset(mask, 1, sizeof mask);
    ck_ok(snarm_scorer_logits(scorer, hybrid, mask, logits));
    sn_scorer_weights *weights;
    sn_safetensors *file;
    float expected[16 * 6];
    ck_ok(sn_safetensors_open(&file, path));
    ck_ok(sn_scorer_weights_load(&weights, file, ""));
    reference_scorer(weights, 3, 2, hybrid, mask, expected);
    ck_assert_double_lt(largest_relative_error(logits, expected, 16 * 6), 2e-5);
    sn_scorer_weights_destroy(weights), sn_safetensors_close(file);
    snarm_scorer_destroy(scorer);
    options.grid_width = 1;
    ck_fails(snarm_scorer_create(&scorer, path, &options), SNARM_ERROR_ARGUMENT, "1 x 2");
    options.grid_width = 3, options.reference_ratio = 1;
    ck_fails(snarm_scorer_create(&scorer, path, &options), SNARM_ERROR_ARGUMENT, "reference_ratio is 1");
    options.reference_ratio = NAN;
    ck_fails(snarm_scorer_create(&scorer, path, &options), SNARM_ERROR_ARGUMENT, "reference_ratio is nan");
    options.reference_ratio = 0, options.threads = 65;
    ck_fails(snarm_scorer_create(&scorer, path, &options), SNARM_ERROR_ARGUMENT, "threads is 65");
    const float coverage[6] = {0.5f, 1, 1, 1, 1.25f, 1};
    options.threads = 0, options.coverage = coverage;
    ck_fails(snarm_scorer_create(&scorer, path, &options), SNARM_ERROR_ARGUMENT, "coverage[4] is 1.25");
    ck_assert_ptr_null(scorer);
    snarm_scorer_destroy(NULL);
}
END_TEST

static snarm_status open_scorer(const char *path) {
    snarm_scorer_options options;
    snarm_scorer_options_init(&options);
    options.grid_width = 3, options.grid_height = 2, options.precision = SNARM_PRECISION_F32;
    snarm_scorer *scorer;
    snarm_status status = snarm_scorer_create(&scorer, path, &options);
    ck_assert((scorer != NULL) == (status == SNARM_OK));
    snarm_scorer_destroy(scorer);
    return status;
}

/* Each tensor left out, and each of a wrong shape or with a value that is none, is one error that names it.
 */
START_TEST(wrong_files) {
    const char *path = scratch_file("wrong.safetensors");
    sn_scorer_weights sizes = {.channels = 4,
                               .embedding = 3,
                               .branches = 2,
                               .depth = 2,
                               .states = 4,
                               .rank = 1,
                               .taps = 4,
                               .rates = {3, 6}};
    sn_scorer_weights *weights;
    ck_ok(random_scorer_weights(&weights, &sizes, 6));
    ck_ok(write_scorer(path, weights, NULL));
    ck_ok(open_scorer(path));
    for (size_t i = 0; i < weights->count; i++) {
        sn_weight *weight = &weights->table[i];
        /* These tell how many branches and blocks there are: without them, there are fewer. */
        bool counts = strcmp(weight->name, "conv_list.1.weight") == 0 ||
                      strcmp(weight->name, "mamba_list.0.1.norm.weight") == 0;
        ck_ok(write_scorer(path, weights, weight->name));
        if (strcmp(weight->name, "conv_list.1.weight") == 0)
            ck_fails(open_scorer(path), SNARM_ERROR_FORMAT, "scales is '3,6', expected 1 numbers");
        else if (!counts)
            ck_fails(open_scorer(path), SNARM_ERROR_FORMAT, weight->name);
        if (weight->dims < 4) { /* one dimension more */
            weight->shape[weight->dims++] = 1;
            ck_ok(write_scorer(path, weights, NULL));
            ck_fails(open_scorer(path), SNARM_ERROR_FORMAT, weight->name);
            weight->dims--;
        }
        float kept = weight->data[weight->count - 1];
        weight->data[weight->count - 1] = NAN;
        ck_ok(write_scorer(path, weights, NULL));
        ck_fails(open_scorer(path), SNARM_ERROR_FORMAT, weight->name);
        weight->data[weight->count - 1] = kept;
    }
    for (size_t i = 0; i < weights->count; i++)
        if (strcmp(weights->table[i].name, "head_list.7.0.norm.running_var") == 0)
            weights->table[i].data[0] = -1;
    ck_ok(write_scorer(path, weights, NULL));
    ck_fails(open_scorer(path), SNARM_ERROR_FORMAT, "running_var has the value -1 at 0");
    sn_scorer_weights_destroy(weights);
    ck_fails(open_scorer(scratch_file("absent")), SNARM_ERROR_IO, "absent");
}
END_TEST

static void write_with_scales(const char *path, const char *scales, const char *ratio) {
    sn_scorer_weights sizes = {.channels = 4,
                               .embedding = 2,
                               .branches = 2,
                               .depth = 1,
                               .states = 1,
                               .rank = 1,
                               .taps = 1,
                               .rates = {1, 2}};
    sn_scorer_weights *weights;
    ck_ok(random_scorer_weights(&weights, &sizes, 7));
    sn_writer *writer;
    ck_ok(sn_writer_create(&writer, path));
    if (scales != NULL)
        ck_ok(sn_writer_metadata(writer, "detector.scales", scales));
    if (ratio != NULL)
        ck_ok(sn_writer_metadata(writer, "detector.self_ratio", ratio));
    for (size_t i = 0; i < weights->count; i++) {
        char name[128];
        snprintf(name, sizeof name, "detector.%s", weights->table[i].name);
        ck_ok(sn_writer_tensor(writer, name, SN_F32, weights->table[i].dims, weights->table[i].shape,
                               weights->table[i].data));
    }
    ck_ok(sn_writer_finish(writer));
    sn_writer_destroy(writer);
    sn_scorer_weights_destroy(weights);
}

static snarm_status open_part(const char *path, size_t *first_rate, double *ratio) {
    sn_safetensors *file;
    ck_ok(sn_safetensors_open(&file, path));
    snarm_scorer_options options;
    snarm_scorer_options_init(&options);
    options.grid_width = 3, options.grid_height = 2, options.precision = SNARM_PRECISION_F32;
    snarm_scorer *scorer;
    snarm_status status = sn_scorer_create_from(&scorer, file, "detector.", &options);
    if (status == SNARM_OK) {
        sn_scorer_weights *weights;
        ck_ok(sn_scorer_weights_load(&weights, file, "detector."));
        *first_rate = weights->rates[0], *ratio = weights->reference_ratio;
        sn_scorer_weights_destroy(weights);
    }
    snarm_scorer_destroy(scorer);
    sn_safetensors_close(file);
    return status;
}

START_TEST(part_of_a_file) {
    const char *path = scratch_file("part.safetensors");
    size_t rate;
    double ratio;
    write_with_scales(path, "7,2", "0.5");
    ck_ok(open_part(path, &rate, &ratio));
    ck_assert(rate == 7 && ratio == 0.5);
    static const char *const wrong[] = {"7",   "7,",    "7,2,", "7,2,3", "7,-2", "7, 2",
                                        "0,2", "7,513", "7;2",  "",      "x,2"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        write_with_scales(path, wrong[i], NULL);
        ck_fails(open_part(path, &rate, &ratio), SNARM_ERROR_FORMAT, "detector.scales");
    }
    write_with_scales(path, NULL, NULL);
    ck_fails(open_part(path, &rate, &ratio), SNARM_ERROR_FORMAT, "detector.scales is absent");
    write_with_scales(path, "7,2", "1.5");
    ck_fails(open_part(path, &rate, &ratio), SNARM_ERROR_FORMAT, "self_ratio");
}
END_TEST

typedef struct job {
    const snarm_scorer *scorer;
    const float *hybrid;
    const uint8_t *mask;
    float *logits;
    snarm_status status;
} job;

static void *work(void *data) {
    job *own = data;
    for (int i = 0; i < 3 && own->status == SNARM_OK; i++)
        own->status = snarm_scorer_logits(own->scorer, own->hybrid, own->mask, own->logits);
    return NULL;
}

START_TEST(many_threads) {
    enum { WIDTH = 13, HEIGHT = 10, N = WIDTH * HEIGHT, THREADS = 4 };
    const char *path = scratch_file("threads.safetensors");
    sn_scorer_weights sizes = scorer_paper_sizes();
    sizes.channels = 32, sizes.embedding = 32;
    ck_ok(make_scorer(path, &sizes, 8));
    snarm_scorer_options options;
    snarm_scorer_options_init(&options);
    options.grid_width = WIDTH, options.grid_height = HEIGHT, options.threads = 2;
    snarm_scorer *scorer;
    ck_ok(snarm_scorer_create(&scorer, path, &options));
    float *hybrid = random_floats(&rng, N * 64), *alone = random_floats(&rng, 16 * N);
    uint8_t *mask = random_mask(N, N - (size_t)rint(0.75 * N));
    ck_ok(snarm_scorer_logits(scorer, hybrid, mask, alone));
    job jobs[THREADS];
    pthread_t threads[THREADS];
    for (int t = 0; t < THREADS; t++) {
        jobs[t] = (job){scorer, hybrid, mask, random_floats(&rng, 16 * N), SNARM_OK};
        ck_assert_int_eq(pthread_create(&threads[t], NULL, work, &jobs[t]), 0);
    }
    for (int t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
        ck_assert_int_eq(jobs[t].status, SNARM_OK);
        ck_assert_int_eq(memcmp(jobs[t].logits, alone, 16 * N * sizeof *alone), 0);
        free(jobs[t].logits);
    }
    snarm_scorer_destroy(scorer);
    free(hybrid), free(alone), free(mask);
}
END_TEST

START_TEST(golden_mixer) {
    sn_safetensors *file;
    const char *path = shared_file("golden/mamba.safetensors");
    if (path == NULL)
        return;
    ck_ok(sn_safetensors_open(&file, path));
    float *in = values_of(file, "w.in_proj.weight"), *conv = values_of(file, "w.conv1d.weight");
    float *conv_bias = values_of(file, "w.conv1d.bias"), *x = values_of(file, "w.x_proj.weight");
    float *dt = values_of(file, "w.dt_proj.weight"), *dt_bias = values_of(file, "w.dt_proj.bias");
    float *a_log = values_of(file, "w.A_log"), *skip = values_of(file, "w.D"),
          *out = values_of(file, "w.out_proj.weight");
    float *src = values_of(file, "input"), *expected = values_of(file, "output"), *scratch;
    const sn_tensor *shape = sn_safetensors_find(file, "input");
    size_t batch = (size_t)shape->shape[0], length = (size_t)shape->shape[1], d = (size_t)shape->shape[2];
    sn_mixer_weights weights = {.embedding = d,
                                .states = 4,
                                .rank = (d + 15) / 16,
                                .taps = 4,
                                .in_proj = in,
                                .conv_weight = conv,
                                .conv_bias = conv_bias,
                                .x_proj = x,
                                .dt_weight = dt,
                                .dt_bias = dt_bias,
                                .a_log = a_log,
                                .skip = skip,
                                .out_proj = out};
    sn_mixer *mixer;
    ck_ok(sn_mixer_create(&mixer, &weights, batch, length, SN_TYPE_F32));
    ck_ok(sn_alloc(&scratch, sn_mixer_scratch(mixer), sizeof *scratch, "scratch"));
    float *dst = random_floats(&rng, shape->count);
    ck_ok(sn_mixer_run(mixer, stream, src, scratch, dst));
    ck_assert_double_lt(largest_relative_error(dst, expected, shape->count), 1e-5);
    sn_mixer_destroy(mixer), sn_safetensors_close(file), sn_free(scratch);
    free(in), free(conv), free(conv_bias), free(x), free(dt), free(dt_bias), free(a_log), free(skip),
        free(out);
    free(src), free(expected), free(dst);
}
END_TEST

/* dst (N, channels) from planes (channels, N). */
static void to_rows(const float *planes, size_t channels, size_t patches, float *dst) {
    for (size_t c = 0; c < channels; c++)
        for (size_t i = 0; i < patches; i++)
            dst[i * channels + c] = planes[c * patches + i];
}

START_TEST(golden_scorer) {
    const char *path = shared_file("golden/scorer_small.safetensors");
    if (path == NULL)
        return;
    snarm_scorer_options options;
    snarm_scorer_options_init(&options);
    options.grid_width = 14, options.grid_height = 14, options.precision = SNARM_PRECISION_F32;
    snarm_scorer *scorer;
    ck_ok(snarm_scorer_create(&scorer, path, &options));
    sn_safetensors *file;
    ck_ok(sn_safetensors_open(&file, shared_file("golden/scorer_small_io.safetensors")));
    float *hybrid = values_of(file, "hybrid"), *reference = values_of(file, "reference_mask");
    float *expected = values_of(file, "logits"), rows[196 * 64], logits[16 * 196];
    for (size_t image = 0; image < 2; image++) {
        uint8_t mask[196];
        for (size_t i = 0; i < 196; i++)
            mask[i] = reference[image * 196 + i] != 0;
        to_rows(hybrid + image * 64 * 196, 64, 196, rows);
        ck_ok(snarm_scorer_logits(scorer, rows, mask, logits));
        ck_assert_double_lt(largest_relative_error(logits, expected + image * 16 * 196, 16 * 196), 2e-5);
    }
    snarm_scorer_destroy(scorer), sn_safetensors_close(file);
    free(hybrid), free(reference), free(expected);
}
END_TEST

int main(void) {
    sn_rng_seed(&rng, 3, 0);
    if (sn_stream_create(&stream) != SNARM_OK)
        return 1;
    Suite *suite = suite_create("scorer");
    TCase *cases = tcase_create("scorer");
    tcase_set_timeout(cases, 240);
    tcase_add_loop_test(cases, mixers, SN_SIMD_PLAIN, SN_SIMD_AVX512 + 1);
    tcase_add_loop_test(cases, whole_scorer, SN_SIMD_PLAIN, SN_SIMD_AVX512 + 1);
    tcase_add_test(cases, ratios_and_info);
    tcase_add_test(cases, wrong_files);
    tcase_add_test(cases, part_of_a_file);
    tcase_add_test(cases, many_threads);
    tcase_add_test(cases, golden_mixer);
    tcase_add_test(cases, golden_scorer);
    suite_add_tcase(suite, cases);
    int status = run_suite(suite);
    sn_stream_destroy(stream);
    return status;
}
