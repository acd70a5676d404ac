/* Times one training step, stage by stage: train_step [GRID [EMBEDDING [CHANNELS [RUNS]]]]; 49, 128, 512, 10 by default.
 * Batch 8, one branch, 2 threads; random features, masks and weights. */
#include "core/clock.h"
#include "core/memory.h"
#include "core/rng.h"
#include "core/threads.h"
#include "train/initialise.h"
#include "train/optimiser.h"
#include "train/parameters.h"
#include "train/step.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { BATCH = 8, BANK = 2000, THREADS = 2, SAMPLES = 16 };

static void check(snarm_status status) {
    if (status != SNARM_OK) {
        fprintf(stderr, "%s\n", snarm_last_error());
        exit(1);
    }
}

static float *normals(sn_rng *rng, size_t count) {
    float *values = malloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)sn_rng_normal(rng);
    return values;
}

static sn_samples *make_samples(sn_rng *rng, size_t grid, size_t channels, size_t mask) {
    const sn_samples_shape shape = {grid, grid, channels, 3, mask, mask};
    sn_samples *samples;
    check(sn_samples_create(&samples, &shape, SAMPLES));
    int32_t *nearest = malloc(grid * grid * 3 * sizeof *nearest);
    float *distances = malloc(grid * grid * sizeof *distances);
    uint8_t *labels = malloc(mask * mask);
    for (size_t s = 0; s < SAMPLES; s++) {
        float *features = normals(rng, grid * grid * channels);
        for (size_t i = 0; i < grid * grid * 3; i++)
            nearest[i] = (int32_t)sn_rng_below(rng, BANK);
        for (size_t i = 0; i < grid * grid; i++)
            distances[i] = (float)sn_rng_uniform(rng);
        const size_t left = sn_rng_below(rng, mask / 2), top = sn_rng_below(rng, mask / 2);
        for (size_t y = 0; y < mask; y++)
            for (size_t x = 0; x < mask; x++)
                labels[y * mask + x] = x >= left && y >= top && x < left + mask / 4 && y < top + mask / 4;
        check(sn_samples_add(samples, features, nearest, distances, labels));
        free(features);
    }
    free(nearest), free(distances), free(labels);
    return samples;
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    const size_t grid = argc > 1 ? strtoul(argv[1], NULL, 10) : 49, embedding = argc > 2 ? strtoul(argv[2], NULL, 10) : 128;
    const size_t channels = argc > 3 ? strtoul(argv[3], NULL, 10) : 512, runs = argc > 4 ? strtoul(argv[4], NULL, 10) : 10;
    if (grid < 4 || embedding < 1 || channels < 2 || channels % 2 != 0 || runs < 1) {
        fprintf(stderr, "usage: train_step [GRID [EMBEDDING [CHANNELS [RUNS]]]]\n");
        return 2;
    }
    sn_threads_enter(THREADS);
    sn_rng rng;
    sn_rng_seed(&rng, 1, 0);
    sn_scorer_weights sizes = {.channels = channels, .embedding = embedding, .branches = 4, .depth = 2, .states = 4,
                               .rank = (embedding + 15) / 16, .taps = 4, .rates = {3, 6, 12, 24}, .reference_ratio = 0.75};
    sn_scorer_weights *weights;
    check(sn_scorer_weights_create(&weights, &sizes));
    sn_initialise(weights, &rng);
    float *vectors = normals(&rng, BANK * channels);
    int32_t *images = calloc(BANK, sizeof *images);
    snarm_bank *bank;
    check(snarm_bank_create(&bank, vectors, images, BANK, (int32_t)channels, NULL));
    sn_samples *samples = make_samples(&rng, grid, channels, 8 * grid);
    const sn_step_options options = {.batch = BATCH,
                                     .reference_ratio = 0.75,
                                     .residual_scale = 1,
                                     .map_loss = {.focal_weight = 1, .dice_weight = 1, .alpha = 0.5, .gamma = 2},
                                     .prior = {1, 1},
                                     .navigator_weight = 1,
                                     .navigator_alpha = 0.5,
                                     .navigator_gamma = 2,
                                     .dropout = 0.1};
    sn_step *step;
    check(sn_step_create(&step, weights, samples, bank, &options));
    sn_range *ranges = malloc(weights->count * sizeof *ranges);
    sn_parameter_ranges(weights, ranges);
    const sn_optimiser_options adam = {0.9, 0.999, 1e-8, 0.05, 1, 0.99};
    sn_optimiser *optimiser;
    check(sn_optimiser_create(&optimiser, weights->values, weights->values_count, ranges, weights->count,
                              sn_parameter_groups(weights), &adam));
    float *gradients = calloc(weights->values_count, sizeof *gradients);
    double *seconds = malloc(runs * sizeof *seconds);
    for (size_t run = 0; run <= runs; run++) { /* the first is not counted: memory is touched for the first time */
        size_t picked[BATCH];
        int mirrors[BATCH];
        bool active[1 + SN_BRANCHES_MAX] = {true};
        for (size_t b = 0; b < BATCH; b++)
            picked[b] = sn_rng_below(&rng, SAMPLES), mirrors[b] = (int)sn_rng_below(&rng, 4);
        const sn_draw draw = {picked, mirrors, run % 4, (uint32_t)sn_rng_next(&rng)};
        active[1 + draw.branch] = true;
        sn_step_loss loss;
        sn_step_report report;
        const double began = sn_seconds();
        check(sn_step_run(step, weights, &draw, gradients, &loss));
        sn_optimiser_step(optimiser, weights->values, gradients, active, 1e-3, &report);
        const double took = sn_seconds() - began;
        if (run > 0)
            seconds[run - 1] = took;
    }
    qsort(seconds, runs, sizeof *seconds, by_value);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("libsnarm: grid %zux%zu, D %zu, C %zu, batch %d: median %.3f s, minimum %.3f s, peak %ld MiB\n", grid, grid,
           embedding, channels, BATCH, seconds[runs / 2], seconds[0], usage.ru_maxrss / 1024);
    sn_optimiser_destroy(optimiser);
    sn_step_destroy(step);
    sn_samples_destroy(samples);
    snarm_bank_destroy(bank);
    sn_scorer_weights_destroy(weights);
    free(vectors), free(images), free(ranges), free(gradients), free(seconds);
    return 0;
}
