/* The Mamba mixer, and everything from the inter-residual to the image score. */
#include "golden.h"

#include "scorer/mixer_backward.h"
#include "snarm/map.h"
#include "snarm/residual.h"
#include "snarm/scorer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MIXER_TENSORS = 9 };

/* After their w. and g. */
static const char *const mixer_names[MIXER_TENSORS] = {"in_proj.weight", "conv1d.weight", "conv1d.bias",
                                                       "x_proj.weight",  "dt_proj.weight", "dt_proj.bias",
                                                       "A_log",          "D",             "out_proj.weight"};

/* A file's tensors, its weights and what follows from them. */
typedef struct mixer_vectors {
    sn_mixer_weights weights;
    const sn_tensor *shapes[MIXER_TENSORS];
    float *values[MIXER_TENSORS];
    size_t batch, length, count; /* of input */
    float *input, *output;
} mixer_vectors;

static void run_mixer(report *r, const mixer_vectors *v, sn_stream *stream) {
    sn_mixer *mixer;
    if (!succeeds(r, "mixer", sn_mixer_create(&mixer, &v->weights, v->batch, v->length, SN_TYPE_F32)))
        return;
    float *scratch = aligned_alloc(64, (sn_mixer_scratch(mixer) * sizeof *scratch + 63) / 64 * 64);
    float *result = malloc(v->count * sizeof *result);
    if (succeeds(r, "run", sn_mixer_run(mixer, stream, v->input, scratch, result)))
        compare(r, "output", result, v->output, v->count, TENSOR_TOLERANCE);
    free(scratch), free(result);
    sn_mixer_destroy(mixer);
}

/* Forward for training, and the gradients by the input and every weight. */
static void train_mixer(report *r, const sn_safetensors *file, const mixer_vectors *v, sn_stream *stream) {
    sn_mixer_training *mixer;
    if (!succeeds(r, "mixer", sn_mixer_training_create(&mixer, &v->weights, v->batch, v->length)))
        return;
    float *kept = aligned_alloc(64, (sn_mixer_training_kept(mixer) * sizeof *kept + 63) / 64 * 64);
    float *scratch = aligned_alloc(64, (sn_mixer_training_scratch(mixer) * sizeof *scratch + 63) / 64 * 64);
    float *result = malloc(v->count * sizeof *result), *diff_src = malloc(v->count * sizeof *diff_src);
    float *diff_dst = read_floats(r, file, "grad_output", NULL), *expected = read_floats(r, file, "grad_input", NULL);
    float *sums[MIXER_TENSORS];
    for (int i = 0; i < MIXER_TENSORS; i++)
        sums[i] = calloc(v->shapes[i]->count + 1, sizeof *sums[i]);
    const sn_mixer_gradients gradients = {sums[0], sums[1], sums[2], sums[3], sums[4], sums[5], sums[6], sums[7], sums[8]};
    if (diff_dst != NULL && expected != NULL &&
        succeeds(r, "forward",
                 sn_mixer_training_forward(mixer, stream, &v->weights, v->input, kept, scratch, result)) &&
        succeeds(r, "backward", sn_mixer_training_backward(mixer, stream, &v->weights, v->input, kept, diff_dst, scratch,
                                                           diff_src, &gradients))) {
        compare(r, "output of training", result, v->output, v->count, TENSOR_TOLERANCE);
        compare(r, "grad_input", diff_src, expected, v->count, TENSOR_TOLERANCE);
        for (int i = 0; i < MIXER_TENSORS; i++) {
            char name[32];
            snprintf(name, sizeof name, "g.%s", mixer_names[i]);
            float *gradient = read_floats(r, file, name, NULL);
            if (gradient != NULL)
                compare(r, name, sums[i], gradient, v->shapes[i]->count, TENSOR_TOLERANCE);
            free(gradient);
        }
    }
    for (int i = 0; i < MIXER_TENSORS; i++)
        free(sums[i]);
    free(kept), free(scratch), free(result), free(diff_src), free(diff_dst), free(expected);
    sn_mixer_training_destroy(mixer);
}

void run_mamba(report *r, const char *folder, const char *name) {
    sn_safetensors *file = open_vectors(r, folder, name);
    if (file == NULL)
        return;
    mixer_vectors v = {0};
    for (int i = 0; i < MIXER_TENSORS; i++) {
        char full[32];
        snprintf(full, sizeof full, "w.%s", mixer_names[i]);
        v.values[i] = read_floats(r, file, full, &v.shapes[i]);
    }
    const sn_tensor *shape;
    v.input = read_floats(r, file, "input", &shape);
    v.output = read_floats(r, file, "output", NULL);
    sn_stream *stream = NULL;
    if (!r->failed && succeeds(r, "stream", sn_stream_create(&stream))) {
        float *const *w = v.values;
        v.weights = (sn_mixer_weights){
            .embedding = (size_t)v.shapes[0]->shape[1], .states = (size_t)v.shapes[6]->shape[1],
            .rank = (size_t)v.shapes[4]->shape[1], .taps = (size_t)v.shapes[1]->shape[2],
            .in_proj = w[0], .conv_weight = w[1], .conv_bias = w[2], .x_proj = w[3], .dt_weight = w[4], .dt_bias = w[5],
            .a_log = w[6], .skip = w[7], .out_proj = w[8]};
        v.batch = (size_t)shape->shape[0], v.length = (size_t)shape->shape[1], v.count = shape->count;
        run_mixer(r, &v, stream);
        if (sn_safetensors_find(file, "grad_output") != NULL)
            train_mixer(r, file, &v, stream);
        else
            snprintf(r->note, sizeof r->note, "output only: the file has no gradients");
    }
    sn_stream_destroy(stream);
    for (int i = 0; i < MIXER_TENSORS; i++)
        free(v.values[i]);
    free(v.input), free(v.output);
    sn_safetensors_close(file);
}

/* The parts for one set of vectors. */
typedef struct parts {
    snarm_scorer *scorer;
    snarm_residual *engine;
    snarm_scorer_info info;
    size_t patches, channels;
} parts;

static bool open_parts(report *r, parts *p, const char *folder, const char *name, size_t height, size_t width) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.safetensors", folder, name);
    snarm_scorer_options options;
    snarm_scorer_options_init(&options);
    options.grid_width = (int32_t)width;
    options.precision = SNARM_PRECISION_F32;
    options.grid_height = (int32_t)height;
    const float *weight;
    float bias;
    p->info.struct_size = sizeof p->info;
    if (!succeeds(r, "scorer", snarm_scorer_create(&p->scorer, path, &options)) ||
        !succeeds(r, "info", snarm_scorer_get_info(p->scorer, &p->info)) ||
        !succeeds(r, "navigator", snarm_scorer_navigator(p->scorer, &weight, &bias)))
        return false;
    p->patches = width * height;
    p->channels = (size_t)p->info.channels;
    snarm_residual_options residual;
    snarm_residual_options_init(&residual);
    residual.patches = (int32_t)p->patches;
    residual.channels = p->info.channels;
    residual.reference_ratio = p->info.reference_ratio;
    return succeeds(r, "engine", snarm_residual_create(&p->engine, weight, bias, &residual));
}

static void close_parts(parts *p) {
    snarm_residual_destroy(p->engine);
    snarm_scorer_destroy(p->scorer);
}

static void to_planes(const float *rows, size_t channels, size_t patches, float *planes) {
    for (size_t i = 0; i < patches; i++)
        for (size_t c = 0; c < channels; c++)
            planes[c * patches + i] = rows[i * channels + c];
}

/* Masks may differ only where the waypoint lies within 1e-5 of the cut. hybrid (patches, 2 channels) begins with phi(r). */
static void compare_mask(report *r, const parts *p, const uint8_t *mask, const float *expected, const float *hybrid,
                         const float *navigator) {
    float *waypoint = malloc(p->patches * sizeof *waypoint);
    float cut = -INFINITY;
    for (size_t i = 0; i < p->patches; i++) {
        double sum = 0;
        for (size_t c = 0; c < p->channels; c++)
            sum += hybrid[i * 2 * p->channels + c];
        waypoint[i] = navigator[i] + (float)(sum / (double)p->channels);
        if (mask[i] && waypoint[i] > cut)
            cut = waypoint[i];
    }
    for (size_t i = 0; i < p->patches; i++)
        if (mask[i] != (expected[i] != 0) && fabsf(waypoint[i] - cut) >= 1e-5f)
            fail(r, "reference_mask[%zu] is %d, expected %g", i, mask[i], expected[i]);
    free(waypoint);
}

/* One file's expected tensors; absent ones are NULL and not compared. */
typedef struct vectors {
    float *features, *inter, *hybrid, *logits, *navigator, *mask, *map, *smoothed, *score;
    const sn_tensor *shape, *map_shape;
} vectors;

static float *optional(report *r, const sn_safetensors *file, const char *name, const sn_tensor **tensor) {
    return sn_safetensors_find(file, name) != NULL ? read_floats(r, file, name, tensor) : NULL;
}

static void compare_map(report *r, const parts *p, const vectors *v, const sn_safetensors *io, size_t image,
                        const float *logits, size_t grid_height, size_t grid_width) {
    if (v->map == NULL)
        return;
    const int32_t height = (int32_t)v->map_shape->shape[1], width = (int32_t)v->map_shape->shape[2];
    const size_t pixels = (size_t)width * (size_t)height;
    float *map = malloc(pixels * sizeof *map), score;
    const char *smooth = sn_safetensors_metadata(io, "smooth");
    double sigma = 4;
    if (smooth != NULL && sscanf(smooth, "gaussian sigma %lf", &sigma) != 1)
        fail(r, "metadata smooth is '%s'", smooth);
    if (succeeds(r, "map", snarm_map_from_logits(logits, p->info.maps, (int32_t)grid_width, (int32_t)grid_height, width, height, 0, map)))
        compare(r, "map", map, v->map + image * pixels, pixels, TENSOR_TOLERANCE);
    if (v->smoothed != NULL && succeeds(r, "smooth", snarm_map_smooth(map, width, height, sigma, 0)))
        compare(r, "map_smoothed", map, v->smoothed + image * pixels, pixels, TENSOR_TOLERANCE);
    if (v->score != NULL && succeeds(r, "score", snarm_map_score(map, width, height, &score, NULL, NULL)))
        compare(r, "score", &score, v->score + image, 1, TENSOR_TOLERANCE);
    free(map);
}

static void run_picture(report *r, const parts *p, const vectors *v, const sn_safetensors *io, size_t image) {
    const size_t n = p->patches, c = p->channels, height = (size_t)v->shape->shape[2], width = (size_t)v->shape->shape[3];
    float *features = malloc(n * c * sizeof *features), *inter = malloc(n * c * sizeof *inter);
    float *hybrid = malloc(2 * n * c * sizeof *hybrid), *planes = malloc(2 * n * c * sizeof *planes);
    float *navigator = malloc(n * sizeof *navigator), *logits = malloc((size_t)p->info.maps * n * sizeof *logits);
    uint8_t *mask = malloc(n);
    to_rows(v->features + image * n * c, c, n, features);
    to_rows(v->inter + image * n * c, c, n, inter);
    if (succeeds(r, "hybrid", snarm_residual_hybrid(p->engine, features, inter, hybrid, mask, navigator))) {
        if (v->navigator != NULL)
            compare(r, "navigator", navigator, v->navigator + image * n, n, TENSOR_TOLERANCE);
        if (v->mask != NULL)
            compare_mask(r, p, mask, v->mask + image * n, hybrid, navigator);
        to_planes(hybrid, 2 * c, n, planes);
        if (v->hybrid != NULL)
            compare(r, "hybrid", planes, v->hybrid + image * 2 * n * c, 2 * n * c, TENSOR_TOLERANCE);
        if (succeeds(r, "logits", snarm_scorer_logits(p->scorer, hybrid, mask, logits))) {
            const size_t count = (size_t)p->info.maps * n;
            compare(r, "logits", logits, v->logits + image * count, count, TENSOR_TOLERANCE);
            compare_map(r, p, v, io, image, logits, height, width);
        }
    }
    free(features), free(inter), free(hybrid), free(planes), free(navigator), free(logits), free(mask);
}

static void run_files(report *r, const char *folder, const char *weights, const sn_safetensors *io) {
    vectors v = {0};
    v.features = read_floats(r, io, "features", &v.shape);
    v.inter = read_floats(r, io, "inter_residual", NULL);
    v.navigator = read_floats(r, io, "navigator", NULL);
    v.hybrid = optional(r, io, "hybrid", NULL);
    v.logits = optional(r, io, "logits", NULL);
    v.mask = optional(r, io, "reference_mask", NULL);
    v.map = optional(r, io, "map", &v.map_shape);
    v.smoothed = optional(r, io, "map_smoothed", NULL);
    v.score = optional(r, io, "score", NULL);
    parts p = {0};
    if (!r->failed && v.shape->dims != 4)
        fail(r, "features have %d dimensions, expected 4", v.shape->dims);
    if (!r->failed && open_parts(r, &p, folder, weights, (size_t)v.shape->shape[2], (size_t)v.shape->shape[3])) {
        if ((size_t)v.shape->shape[1] != p.channels || v.logits == NULL)
            fail(r, "features have %lld channels, the scorer %zu; or logits are missing", (long long)v.shape->shape[1], p.channels);
        for (size_t image = 0; image < (size_t)v.shape->shape[0] && !r->failed; image++)
            run_picture(r, &p, &v, io, image);
    }
    close_parts(&p);
    free(v.features), free(v.inter), free(v.navigator), free(v.hybrid), free(v.logits), free(v.mask), free(v.map);
    free(v.smoothed), free(v.score);
}

static void run_named(report *r, const char *folder, const char *weights) {
    char name[256];
    snprintf(name, sizeof name, "%s_io", weights);
    sn_safetensors *io = open_vectors(r, folder, name);
    if (io != NULL)
        run_files(r, folder, weights, io);
    sn_safetensors_close(io);
}

void run_scorer(report *r, const char *folder, const char *name) {
    run_named(r, folder, name);
}

void run_scorer_io(report *r, const char *folder, const char *name) {
    char weights[256];
    snprintf(weights, sizeof weights, "%.*s", (int)(strlen(name) - strlen("_io")), name);
    run_named(r, folder, weights);
}
