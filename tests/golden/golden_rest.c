/* Preprocessing, the bank, metrics. */
#include "golden.h"

#include "snarm/bank.h"
#include "snarm/image.h"
#include "snarm/metrics.h"
#include "snarm/residual.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void run_preprocess(report *r, const char *folder, const char *name) {
    sn_safetensors *file = open_vectors(r, folder, name);
    if (file == NULL)
        return;
    const sn_tensor *source = sn_safetensors_find(file, "source_rgb");
    const sn_tensor *cropped = sn_safetensors_find(file, "resized_cropped_rgb");
    float *expected = read_floats(r, file, "normalised", NULL);
    const char *recipe = sn_safetensors_metadata(file, "recipe");
    int width = 0, height = 0;
    if (source == NULL || cropped == NULL || expected == NULL || recipe == NULL ||
        sscanf(recipe, "resize to %dx%d", &width, &height) != 2) {
        fail(r, "source_rgb, resized_cropped_rgb, normalised or the recipe is missing");
    } else {
        const snarm_image image = {.pixels = source->data, .width = (int32_t)source->shape[1],
                                   .height = (int32_t)source->shape[0], .format = SNARM_RGB8};
        const snarm_preprocess how = {.resize_width = width, .resize_height = height,
                                      .width = (int32_t)cropped->shape[1], .height = (int32_t)cropped->shape[0],
                                      .mean = {0.485f, 0.456f, 0.406f}, .std = {0.229f, 0.224f, 0.225f}};
        float *planes = malloc(cropped->count * sizeof *planes);
        uint8_t *rgb = malloc(cropped->count);
        if (succeeds(r, "preprocess", snarm_image_preprocess(&image, &how, planes, rgb))) {
            compare(r, "normalised", planes, expected, cropped->count, TENSOR_TOLERANCE);
            for (size_t i = 0; i < cropped->count && !r->failed; i++)
                if (rgb[i] != ((const uint8_t *)cropped->data)[i])
                    fail(r, "resized_cropped_rgb[%zu] is %d, expected %d", i, rgb[i], ((const uint8_t *)cropped->data)[i]);
        }
        free(planes);
        free(rgb);
    }
    free(expected);
    sn_safetensors_close(file);
}

static void compare_neighbours(report *r, const sn_safetensors *file, const float *distances, const float *expected,
                               const int32_t *indices, size_t rows, int32_t k) {
    const sn_tensor *tensor = sn_safetensors_find(file, "index");
    int32_t *nearest = malloc(rows * (size_t)k * sizeof *nearest);
    if (tensor == NULL || tensor->count != rows * (size_t)k) {
        fail(r, "index is missing or of another size");
    } else if (succeeds(r, "index", sn_tensor_to_i32(file, tensor, nearest))) {
        for (size_t i = 0; i < rows * (size_t)k; i++) {
            /* Another index is right only where another of the row, or the one beyond, is as near. */
            const size_t row = i / (size_t)k * (size_t)k;
            bool tie = indices[i] == nearest[i] || i % (size_t)k == (size_t)k - 1;
            for (size_t j = row; j < row + (size_t)k && !tie; j++)
                tie = j != i && fabsf(expected[j] - expected[i]) < 1e-4f;
            if (!tie || fabsf(distances[i] - expected[i]) > 1e-4f * fmaxf(1, expected[i]))
                fail(r, "index[%zu] is %d, expected %d", i, (int)indices[i], (int)nearest[i]);
        }
    }
    free(nearest);
}

static void run_search(report *r, const sn_safetensors *file, const float *vectors, const sn_tensor *bank_shape,
                       const float *queries, const sn_tensor *query_shape) {
    const size_t rows = (size_t)query_shape->shape[0];
    const int32_t channels = (int32_t)bank_shape->shape[1];
    int64_t k;
    snarm_bank *bank;
    if (!succeeds(r, "topk", sn_safetensors_metadata_int(file, "topk", 1, SNARM_NEIGHBOURS_MAX, &k)) ||
        !succeeds(r, "bank", snarm_bank_create(&bank, vectors, NULL, (size_t)bank_shape->shape[0], channels, NULL)))
        return;
    float *distances = malloc(rows * (size_t)k * sizeof *distances), *inter = malloc(query_shape->count * sizeof *inter);
    int32_t *indices = malloc(rows * (size_t)k * sizeof *indices);
    float *expected = read_floats(r, file, "distance", NULL), *residual = read_floats(r, file, "residual", NULL);
    float *weight = calloc((size_t)channels, sizeof *weight);
    snarm_residual_options options;
    snarm_residual_options_init(&options);
    options.patches = (int32_t)rows, options.channels = channels, options.neighbours = (int32_t)k;
    snarm_residual *engine = NULL;
    if (expected != NULL && residual != NULL &&
        succeeds(r, "search", snarm_bank_search(bank, queries, rows, (int32_t)k, -1, distances, indices)) &&
        succeeds(r, "engine", snarm_residual_create(&engine, weight, 0, &options)) &&
        succeeds(r, "inter", snarm_residual_inter(engine, bank, queries, -1, inter))) {
        compare(r, "distance", distances, expected, rows * (size_t)k, TENSOR_TOLERANCE);
        compare(r, "residual", inter, residual, query_shape->count, TENSOR_TOLERANCE);
        compare_neighbours(r, file, distances, expected, indices, rows, (int32_t)k);
    }
    snarm_residual_destroy(engine);
    snarm_bank_destroy(bank);
    free(distances), free(indices), free(inter), free(expected), free(residual), free(weight);
}

void run_bank(report *r, const char *folder, const char *name) {
    sn_safetensors *file = open_vectors(r, folder, name);
    if (file == NULL)
        return;
    const sn_tensor *bank_shape, *query_shape;
    float *vectors = read_floats(r, file, "bank", &bank_shape), *queries = read_floats(r, file, "queries", &query_shape);
    if (vectors != NULL && queries != NULL)
        run_search(r, file, vectors, bank_shape, queries, query_shape);
    free(vectors);
    free(queries);
    sn_safetensors_close(file);
}

static void compare_metric(report *r, const sn_safetensors *file, const char *key, double value) {
    double expected;
    if (!succeeds(r, key, sn_safetensors_metadata_double(file, key, 0, 1, &expected)))
        return;
    const double difference = fabs(value - expected);
    r->absolute = fmax(r->absolute, difference);
    r->relative = fmax(r->relative, difference / expected);
    if (!(difference <= 1e-6))
        fail(r, "%s is %.9g, expected %.9g", key, value, expected);
}

static void run_pixels(report *r, const sn_safetensors *file, const float *maps, const sn_tensor *shape,
                       const uint8_t *masks) {
    snarm_pixel_metrics *metrics;
    snarm_pixel_metrics_options options;
    snarm_pixel_metrics_options_init(&options);
    const char *pro = sn_safetensors_metadata(file, "pro");
    const char *limit = pro != NULL ? strstr(pro, "limit ") : NULL;
    options.fpr_limit = limit != NULL ? atof(limit + strlen("limit ")) : 0.3;
    if (!succeeds(r, "pixel metrics", snarm_pixel_metrics_create(&metrics, &options)))
        return;
    const int32_t height = (int32_t)shape->shape[1], width = (int32_t)shape->shape[2];
    const size_t pixels = (size_t)width * (size_t)height;
    for (int64_t i = 0; i < shape->shape[0]; i++)
        succeeds(r, "add", snarm_pixel_metrics_add(metrics, maps + (size_t)i * pixels, masks + (size_t)i * pixels, width, height));
    snarm_pixel_metrics_result result;
    if (succeeds(r, "finish", snarm_pixel_metrics_finish(metrics, &result))) {
        compare_metric(r, file, "pixel_auroc", result.pixels.auroc);
        compare_metric(r, file, "pixel_ap", result.pixels.average_precision);
        compare_metric(r, file, "pixel_f1max", result.pixels.f1_max);
        char key[32];
        snprintf(key, sizeof key, "aupro_%g", options.fpr_limit);
        compare_metric(r, file, key, result.aupro);
    }
    snarm_pixel_metrics_destroy(metrics);
}

void run_metrics(report *r, const char *folder, const char *name) {
    sn_safetensors *file = open_vectors(r, folder, name);
    if (file == NULL)
        return;
    const sn_tensor *scores_shape, *maps_shape;
    float *scores = read_floats(r, file, "image_scores", &scores_shape), *maps = read_floats(r, file, "maps", &maps_shape);
    const sn_tensor *labels = sn_safetensors_find(file, "image_labels"), *masks = sn_safetensors_find(file, "masks");
    if (scores != NULL && maps != NULL && labels != NULL && masks != NULL && labels->count == scores_shape->count &&
        masks->count == maps_shape->count && maps_shape->dims == 3) {
        snarm_score_metrics images;
        if (succeeds(r, "scores", snarm_metrics_scores(scores, labels->data, labels->count, &images))) {
            compare_metric(r, file, "image_auroc", images.auroc);
            compare_metric(r, file, "image_ap", images.average_precision);
            compare_metric(r, file, "image_f1max", images.f1_max);
        }
        run_pixels(r, file, maps, maps_shape, masks->data);
    } else {
        fail(r, "image_scores, image_labels, maps or masks are missing or of different sizes");
    }
    free(scores);
    free(maps);
    sn_safetensors_close(file);
}
