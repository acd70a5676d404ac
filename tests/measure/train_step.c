/* Times training steps: train_step [--given] [--json] [GRID [EMBEDDING [CHANNELS [RUNS]]]]; 49, 128, 512, 10
 * by default. Batch 8, one branch, 2 threads; random features, masks and weights; masks of 8 pixels a patch.
 *
 * A whole step is what a training does: samples fetched, residuals computed, forward, loss, backward,
 * optimiser. With --given the residuals are there already and a step is the rest: what a program that has
 * them as tensors does. --json: an object on one line, with the seconds of every step but the first, which
 * touches the memory for the first time. */
#include "core/clock.h"
#include "core/memory.h"
#include "core/rng.h"
#include "core/threads.h"
#include "residual/navigator.h"
#include "train/focal_loss.h"
#include "train/initialise.h"
#include "train/optimiser.h"
#include "train/parameters.h"
#include "train/step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { BRANCHES = 4, BATCH = 8, BANK = 2000, THREADS = 2, SAMPLES = 16 };

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

static sn_samples *make_samples(sn_rng *rng, size_t grid, size_t channels, size_t mask, const float *vectors) {
    const sn_samples_shape shape = {grid, grid, channels, 3, mask, mask, NULL, {0}, vectors};
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

typedef struct bench {
    size_t grid, channels, hard;
    sn_rng rng;
    sn_scorer_weights *weights;
    float *gradients;
    sn_optimiser *optimiser;
    /* Of a whole step. */
    snarm_bank *bank;
    sn_samples *samples;
    sn_step *step;
    /* With residuals given. */
    sn_scorer_training *training;
    sn_map_loss *loss;
    float *hybrid, *logits, *diff_logits, *navigator, *diff_navigator;
    int32_t *order;
    uint8_t *masks, *labels;
} bench;

static const sn_map_loss_options map_loss = {.focal_weight = 1, .dice_weight = 1, .alpha = 0.5, .gamma = 2};
static const double dropout = 0.1;

/* seen: channels that it sees: all, or 2, those of means. */
static void make_network(bench *b, size_t embedding, size_t seen) {
    const sn_scorer_weights sizes = {.channels = seen,
                                     .embedding = embedding,
                                     .branches = BRANCHES,
                                     .depth = 2,
                                     .states = 4,
                                     .rank = (embedding + 15) / 16,
                                     .taps = 4,
                                     .rates = {3, 6, 12, 24},
                                     .reference_ratio = 0.75};
    check(sn_scorer_weights_create(&b->weights, &sizes));
    sn_initialise(b->weights, &b->rng);
    b->gradients = calloc(b->weights->values_count, sizeof *b->gradients);
    sn_range *ranges = malloc(b->weights->count * sizeof *ranges);
    sn_parameter_ranges(b->weights, ranges);
    const sn_optimiser_options adam = {0.9, 0.999, 1e-8, 0.05, 1, 0.99};
    check(sn_optimiser_create(&b->optimiser, b->weights->values, b->weights->values_count, ranges,
                              b->weights->count, sn_parameter_groups(b->weights), &adam));
    free(ranges);
}

static void make_whole(bench *b) {
    float *vectors = normals(&b->rng, BANK * b->channels);
    check(snarm_bank_create(&b->bank, vectors, NULL, BANK, (int32_t)b->channels, NULL));
    free(vectors);
    const float *kept;
    check(snarm_bank_get_vectors(b->bank, &kept, NULL));
    b->samples = make_samples(&b->rng, b->grid, b->channels, 8 * b->grid, kept);
    const sn_step_options options = {.batch = BATCH,
                                     .reference_ratio = 0.75,
                                     .residual_scale = 1,
                                     .map_loss = map_loss,
                                     .prior = {.slope = 1, .centre = 1},
                                     .navigator_weight = 1,
                                     .navigator_alpha = 0.5,
                                     .navigator_gamma = 2,
                                     .dropout = dropout};
    check(sn_step_create(&b->step, b->weights, b->samples, b->bank, &options));
}

static void make_given(bench *b) {
    const size_t patches = b->grid * b->grid, rows = BATCH * patches, side = 8 * b->grid;
    const sn_scorer_training_shape shape = {BATCH, b->grid, b->grid, b->hard};
    check(sn_scorer_training_create(&b->training, b->weights, &shape));
    check(sn_map_loss_create(&b->loss, BATCH, SN_SCANS, (int32_t)b->grid, (int32_t)b->grid, (int32_t)side,
                             (int32_t)side, &map_loss));
    b->hybrid = malloc(rows * 2 * b->channels * sizeof *b->hybrid);
    for (size_t i = 0; i < rows * 2 * b->channels; i++)
        b->hybrid[i] = (float)sn_rng_uniform(&b->rng);
    b->logits = malloc(SN_SCANS * rows * sizeof *b->logits),
    b->diff_logits = malloc(SN_SCANS * rows * sizeof *b->logits);
    b->navigator = malloc(rows * sizeof *b->navigator),
    b->diff_navigator = malloc(rows * sizeof *b->navigator);
    b->order = malloc(BATCH * SN_SCANS * b->hard * sizeof *b->order);
    b->masks = calloc(BATCH * side, side), b->labels = calloc(rows, 1);
    uint8_t *reference = malloc(patches);
    for (size_t image = 0; image < BATCH; image++) {
        memset(reference, 1, patches);
        for (size_t left = b->hard; left > 0;) {
            const size_t at = sn_rng_below(&b->rng, patches);
            left -= reference[at];
            reference[at] = 0;
        }
        sn_scan_orders(reference, b->grid, b->grid, b->hard, b->order + image * SN_SCANS * b->hard);
        const size_t left = sn_rng_below(&b->rng, b->grid / 2), top = sn_rng_below(&b->rng, b->grid / 2),
                     size = b->grid / 4;
        for (size_t y = 0; y < 8 * size; y++)
            memset(b->masks + (image * side + 8 * top + y) * side + 8 * left, 1, 8 * size);
        for (size_t y = 0; y < size; y++)
            memset(b->labels + image * patches + (top + y) * b->grid + left, 1, size);
    }
    free(reference);
}

static void run_whole(bench *b, size_t branch) {
    size_t picked[BATCH];
    int mirrors[BATCH];
    for (size_t i = 0; i < BATCH; i++)
        picked[i] = sn_rng_below(&b->rng, SAMPLES), mirrors[i] = (int)sn_rng_below(&b->rng, 4);
    const sn_draw draw = {picked, mirrors, branch, 1, (uint32_t)sn_rng_next(&b->rng)};
    sn_step_loss loss;
    check(sn_step_run(b->step, b->weights, &draw, b->gradients, &loss));
}

/* As in a whole step, from the residuals on. */
static void run_given(bench *b, size_t branch) {
    const sn_scorer_batch batch = {branch, b->hybrid, b->order, dropout, (uint32_t)sn_rng_next(&b->rng)};
    check(sn_scorer_training_forward(b->training, b->weights, &batch, b->logits));
    sn_map_loss_result loss;
    sn_map_loss_run(b->loss, b->logits, b->masks, NULL, b->diff_logits, &loss);
    check(sn_scorer_training_backward(b->training, b->weights, &batch, b->diff_logits, b->gradients));
    sn_navigator_training_forward(b->training, b->weights, b->hybrid, b->navigator);
    sn_focal_loss(b->navigator, b->labels, BATCH * b->grid * b->grid, 0.5, 2, 1, b->diff_navigator);
    sn_navigator_training_backward(b->training, b->weights, b->hybrid, b->diff_navigator, b->gradients);
}

static void destroy(bench *b) {
    sn_optimiser_destroy(b->optimiser);
    sn_step_destroy(b->step);
    sn_samples_destroy(b->samples);
    snarm_bank_destroy(b->bank);
    sn_scorer_training_destroy(b->training);
    sn_map_loss_destroy(b->loss);
    sn_scorer_weights_destroy(b->weights);
    free(b->gradients), free(b->hybrid), free(b->logits), free(b->diff_logits), free(b->navigator);
    free(b->diff_navigator), free(b->order), free(b->masks), free(b->labels);
}

/* The first step of each branch is not counted. */
static void time_steps(bench *b, bool given, size_t runs, double *seconds) {
    for (size_t run = 0; run < BRANCHES + runs; run++) {
        bool active[1 + SN_BRANCHES_MAX] = {true};
        active[1 + run % BRANCHES] = true;
        sn_step_report report;
        const double began = sn_seconds();
        (given ? run_given : run_whole)(b, run % BRANCHES);
        sn_optimiser_step(b->optimiser, b->weights->values, b->gradients, active, 1e-3, &report);
        const double took = sn_seconds() - began;
        if (!report.applied)
            fprintf(stderr, "step %zu: gradients are not finite\n", run), exit(1);
        if (run >= BRANCHES)
            seconds[run - BRANCHES] = took;
    }
}

static void print_json(const double *seconds, size_t runs, long peak) {
    printf("{\"seconds\": [");
    for (size_t i = 0; i < runs; i++)
        printf("%s%.6f", i > 0 ? ", " : "", seconds[i]);
    printf("], \"peak_kib\": %ld}\n", peak);
}

int main(int argc, char **argv) {
    size_t numbers[] = {49, 128, 512, 10}, count = 0;
    bool given = false, json = false, usage = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--given") == 0)
            given = true;
        else if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (count < sizeof numbers / sizeof *numbers && argv[i][0] >= '0' && argv[i][0] <= '9')
            numbers[count++] = strtoul(argv[i], NULL, 10);
        else
            usage = true;
    }
    const size_t grid = numbers[0], embedding = numbers[1], channels = numbers[2], runs = numbers[3];
    if (usage || grid < 4 || embedding < 1 || channels < 2 || channels % 2 != 0 || runs < 1) {
        fprintf(stderr, "usage: train_step [--given] [--json] [GRID [EMBEDDING [CHANNELS [RUNS]]]]\n");
        return 2;
    }
    sn_threads_enter(THREADS);
    bench b = {.grid = grid, .channels = channels};
    b.hard = grid * grid - sn_reference_count(0.75, grid * grid);
    sn_rng_seed(&b.rng, 1, 0);
    make_network(&b, embedding, given ? channels : 2);
    (given ? make_given : make_whole)(&b);
    double *seconds = malloc(runs * sizeof *seconds);
    time_steps(&b, given, runs, seconds);
    struct rusage usage_now;
    getrusage(RUSAGE_SELF, &usage_now);
    if (json)
        print_json(seconds, runs, usage_now.ru_maxrss);
    else {
        qsort(seconds, runs, sizeof *seconds, by_value);
        printf("libsnarm: grid %zux%zu, D %zu, C %zu, batch %d, residuals %s: median %.3f s, minimum %.3f s, "
               "peak %ld MiB\n",
               grid, grid, embedding, channels, BATCH, given ? "given" : "computed", seconds[runs / 2],
               seconds[0], usage_now.ru_maxrss / 1024);
    }
    destroy(&b);
    free(seconds);
    return 0;
}
