/* The network in training: logits, every gradient by its parameter's name, and the batch norms' statistics afterwards. */
#include "golden.h"

#include "core/memory.h"
#include "core/threads.h"
#include "residual/navigator.h"
#include "scorer/training.h"
#include "snarm/residual.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One batch and what came of it. */
typedef struct step {
    sn_scorer_weights *weights;
    size_t batch, width, height, patches, hard;
    float *hybrid, *logits, *gradients, *navigator;
    int32_t *order;
} step;

static bool make_batch(report *r, step *s, const sn_safetensors *io) {
    const sn_tensor *shape;
    float *features = read_floats(r, io, "features", &shape), *inter = read_floats(r, io, "inter_residual", NULL);
    snarm_residual *engine = NULL;
    bool made = features != NULL && inter != NULL;
    if (made) {
        s->batch = (size_t)shape->shape[0], s->height = (size_t)shape->shape[2], s->width = (size_t)shape->shape[3];
        s->patches = s->width * s->height;
        s->hard = s->patches - sn_reference_count(s->weights->reference_ratio, s->patches);
        const size_t c = s->weights->channels, row = s->patches * c;
        s->hybrid = malloc(s->batch * 2 * row * sizeof *s->hybrid);
        s->order = malloc(s->batch * SN_SCANS * s->hard * sizeof *s->order);
        s->navigator = malloc(s->batch * s->patches * sizeof *s->navigator);
        snarm_residual_options options;
        snarm_residual_options_init(&options);
        options.patches = (int32_t)s->patches, options.channels = (int32_t)c;
        options.reference_ratio = s->weights->reference_ratio;
        made = succeeds(r, "engine", snarm_residual_create(&engine, s->weights->navigator_weight,
                                                           s->weights->navigator_bias[0], &options));
        float *rows = malloc(2 * row * sizeof *rows);
        uint8_t *reference = malloc(s->patches);
        for (size_t b = 0; b < s->batch && made; b++) {
            to_rows(features + b * row, c, s->patches, rows);
            to_rows(inter + b * row, c, s->patches, rows + row);
            made = succeeds(r, "hybrid", snarm_residual_hybrid(engine, rows, rows + row, s->hybrid + b * 2 * row, reference,
                                                               s->navigator + b * s->patches));
            sn_scan_orders(reference, s->width, s->height, s->hard, s->order + b * SN_SCANS * s->hard);
        }
        free(rows), free(reference);
    }
    snarm_residual_destroy(engine);
    free(features), free(inter);
    return made;
}

static bool run_step(report *r, step *s, const sn_safetensors *expected, size_t branch) {
    float *grad_logits = read_floats(r, expected, "grad_logits", NULL);
    float *grad_navigator = read_floats(r, expected, "grad_navigator", NULL);
    float *values = malloc(s->batch * s->patches * sizeof *values);
    s->logits = malloc(s->batch * SN_SCANS * s->patches * sizeof *s->logits);
    s->gradients = calloc(s->weights->values_count, sizeof *s->gradients);
    const sn_scorer_training_shape shape = {s->batch, s->width, s->height, s->hard};
    const sn_scorer_batch batch = {.branch = branch, .hybrid = s->hybrid, .order = s->order};
    sn_scorer_training *training = NULL;
    bool ran = grad_logits != NULL && grad_navigator != NULL &&
               succeeds(r, "create", sn_scorer_training_create(&training, s->weights, &shape)) &&
               succeeds(r, "forward", sn_scorer_training_forward(training, s->weights, &batch, s->logits)) &&
               succeeds(r, "backward",
                        sn_scorer_training_backward(training, s->weights, &batch, grad_logits, s->gradients));
    for (size_t i = 0; ran && i < s->batch * s->patches; i++) {
        const float u = s->navigator[i];
        values[i] = grad_navigator[i] * u * (1 - u);
    }
    if (ran)
        sn_navigator_training_backward(training, s->weights, s->hybrid, values, s->gradients);
    sn_scorer_training_destroy(training);
    free(grad_logits), free(grad_navigator), free(values);
    return ran;
}

/* Tensors PREFIXname against values of the same layout as the weights'. */
static size_t compare_named(report *r, const step *s, const sn_safetensors *expected, const char *prefix,
                            const float *values, gradient_fn each, void *user) {
    size_t compared = 0;
    for (size_t i = 0; i < s->weights->count; i++) {
        const sn_weight *weight = &s->weights->table[i];
        char name[SN_WEIGHT_NAME_MAX + 16];
        snprintf(name, sizeof name, "%s%s", prefix, weight->name);
        const sn_tensor *tensor;
        if (sn_safetensors_find(expected, name) == NULL)
            continue;
        float *wanted = read_floats(r, expected, name, &tensor);
        const float *found = values + (weight->data - s->weights->values);
        if (wanted != NULL && tensor->count == weight->count) {
            compare(r, name, found, wanted, weight->count, TENSOR_TOLERANCE);
            if (each != NULL)
                each(user, name + strlen(prefix), found, wanted, weight->count);
        } else
            fail(r, "%s has another size", name);
        free(wanted);
        compared++;
    }
    return compared;
}

void compare_gradients(report *r, const char *folder, const char *weights, gradient_fn each, void *user) {
    char name[256];
    step s = {0};
    sn_safetensors *file = open_vectors(r, folder, weights), *io = NULL, *expected = NULL;
    snprintf(name, sizeof name, "%s_io", weights);
    io = open_vectors(r, folder, name);
    snprintf(name, sizeof name, "%s_grad", weights);
    expected = open_vectors(r, folder, name);
    const int former = sn_threads_enter(2);
    if (file != NULL && io != NULL && expected != NULL &&
        succeeds(r, "weights", sn_scorer_weights_load(&s.weights, file, "")) && make_batch(r, &s, io)) {
        const char *branch = sn_safetensors_metadata(expected, "branch");
        float *logits = read_floats(r, expected, "logits", NULL);
        float *navigator = read_floats(r, expected, "navigator", NULL);
        if (navigator != NULL)
            compare(r, "navigator", s.navigator, navigator, s.batch * s.patches, TENSOR_TOLERANCE);
        free(navigator);
        if (run_step(r, &s, expected, branch != NULL ? strtoul(branch, NULL, 10) : 0) && logits != NULL) {
            compare(r, "logits", s.logits, logits, s.batch * SN_SCANS * s.patches, TENSOR_TOLERANCE);
            const size_t gradients = compare_named(r, &s, expected, "g.", s.gradients, each, user);
            const size_t after = compare_named(r, &s, expected, "after.", s.weights->values, NULL, NULL);
            snprintf(r->note, sizeof r->note, "%zu gradients, %zu statistics", gradients, after);
            if (gradients == 0 || after == 0)
                fail(r, "no gradients or statistics to compare");
        }
        free(logits);
    }
    sn_threads_leave(former);
    sn_scorer_weights_destroy(s.weights);
    free(s.hybrid), free(s.logits), free(s.gradients), free(s.navigator), free(s.order);
    sn_safetensors_close(file);
    sn_safetensors_close(io);
    sn_safetensors_close(expected);
}

void run_scorer_grad(report *r, const char *folder, const char *name) {
    char weights[256];
    snprintf(weights, sizeof weights, "%.*s", (int)(strlen(name) - strlen("_grad")), name);
    compare_gradients(r, folder, weights, NULL, NULL);
}
