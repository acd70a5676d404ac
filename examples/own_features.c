/* Step 6 of the ladder: bring your own features.
 *
 * What it teaches: bank, residual engine and scorer take features of any network. own_network() stands for
 * yours; here it gives mean and spread of each cell's colours. A scorer is trained on a few real defects with
 * masks and used through the handles: features -> bank -> residual -> scorer -> map -> score.
 *
 *     cc own_features.c -o own_features $(pkg-config --cflags --libs snarm) -lm
 *     ./own_features mvtec/screw screw.scorer        # a category in MVTec AD's layout
 * Of the test pictures a third is trained on, a third chooses the weights, the others are scored. */
#include <snarm/snarm.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { GRID = 16, CELL = 8, SIDE = 16 * 8, PATCHES = 16 * 16, MASK = 4 * 16, CHANNELS = 6, MAPS = 16 };
static const double SMOOTHING = 4; /* pixels of the mask, and of the map */
static const snarm_preprocess picture_size = {SIDE, SIDE, SIDE, SIDE, {0, 0, 0}, {1, 1, 1}};
static const snarm_preprocess mask_size = {MASK, MASK, MASK, MASK, {0, 0, 0}, {1, 1, 1}};

static snarm_dataset *set;
static snarm_bank *bank;
static snarm_scorer *scorer;
static snarm_residual *residual;
static size_t good_count, test_count; /* pictures to learn from, and others */
static float features[PATCHES * CHANNELS];
static uint8_t mask[MASK * MASK];

/* The network: planes (3, SIDE, SIDE) in 0..1 -> out (PATCHES, CHANNELS). Put your own in its place. */
static void own_network(const float *planes, float *out) {
    for (size_t i = 0; i < PATCHES * 3; i++) {
        const size_t patch = i / 3, plane = i % 3;
        const float *cell = planes + (plane * SIDE + patch / GRID * CELL) * SIDE + patch % GRID * CELL;
        float mean = 0, squares = 0;
        for (size_t j = 0; j < CELL * CELL; j++) {
            const float value = cell[j / CELL * SIDE + j % CELL];
            mean += value / (CELL * CELL), squares += value * value / (CELL * CELL);
        }
        out[2 * i] = mean, out[2 * i + 1] = sqrtf(fmaxf(squares - mean * mean, 0));
    }
}

/* A picture of the data set: what is known of it, and its features. */
static snarm_status extract(snarm_split split, size_t index, snarm_sample *sample, float *out) {
    static float planes[3 * SIDE * SIDE];
    snarm_image image;
    snarm_status status = snarm_dataset_sample(set, 0, split, index, sample);
    if (status != SNARM_OK || (status = snarm_image_load(&image, sample->path, NULL)) != SNARM_OK)
        return status;
    status = snarm_image_preprocess(&image, &picture_size, planes, NULL);
    snarm_image_release(&image);
    if (status == SNARM_OK)
        own_network(planes, out);
    return status;
}

/* Every patch of the good pictures: few enough to need no choice (else: snarm_coreset_select). */
static snarm_status make_bank(void) {
    const size_t count = good_count * PATCHES;
    float *vectors = malloc(count * CHANNELS * sizeof *vectors);
    int32_t *images = malloc(count * sizeof *images);
    snarm_status status = vectors && images ? SNARM_OK : SNARM_ERROR_MEMORY;
    snarm_sample sample;
    for (size_t i = 0; status == SNARM_OK && i < count; i++) {
        images[i] = (int32_t)(i / PATCHES);
        if (i % PATCHES == 0)
            status = extract(SNARM_SPLIT_TRAIN, i / PATCHES, &sample, vectors + i * CHANNELS);
    }
    if (status == SNARM_OK)
        status = snarm_bank_create(&bank, vectors, images, count, CHANNELS, NULL);
    free(vectors), free(images);
    return status;
}

/* A snarm_train_source: the good pictures, then the test pictures 0, 1, 3, 4, 6, 7 and so on. */
static snarm_status give(void *user, size_t index, snarm_train_sample *out) {
    const int good = index < good_count;
    const size_t at = good ? index : (index - good_count) / 2 * 3 + (index - good_count) % 2;
    snarm_sample sample;
    snarm_status status = extract(good ? SNARM_SPLIT_TRAIN : SNARM_SPLIT_TEST, at, &sample, user);
    if (status == SNARM_OK && sample.mask != NULL)
        status = snarm_mask_load(sample.mask, &mask_size, mask);
    out->features = user;
    out->mask = status == SNARM_OK && sample.mask != NULL ? mask : NULL; /* NULL: good */
    out->image = good ? (int32_t)index : -1; /* its own vectors in the bank must not match it */
    out->held_out = !good && at % 3 == 1;    /* chooses the weights */
    return status;
}

/* The map and score of a picture that was not trained on, the test pictures 2, 5, 8 and so on. */
static snarm_status inspect(size_t index) {
    static float inter[PATCHES * CHANNELS], hybrid[2 * PATCHES * CHANNELS];
    static float distances[PATCHES], logits[MAPS * PATCHES], map[MASK * MASK];
    static uint8_t reference[PATCHES];
    snarm_sample sample;
    float score;
    snarm_status status = extract(SNARM_SPLIT_TEST, index, &sample, features);
    if (status == SNARM_OK &&
        (status = snarm_bank_search(bank, features, PATCHES, 1, -1, distances, NULL)) == SNARM_OK &&
        (status = snarm_residual_inter(residual, bank, features, -1, inter)) == SNARM_OK &&
        (status = snarm_residual_hybrid(residual, features, inter, hybrid, reference, NULL)) == SNARM_OK &&
        (status = snarm_scorer_logits(scorer, hybrid, reference, logits)) == SNARM_OK &&
        (status = snarm_scorer_add_prior(scorer, distances, logits)) == SNARM_OK &&
        (status = snarm_map_from_logits(logits, MAPS, GRID, GRID, MASK, MASK, 0, map)) == SNARM_OK &&
        (status = snarm_map_smooth(map, MASK, MASK, SMOOTHING, 0)) == SNARM_OK &&
        (status = snarm_map_score(map, MASK, MASK, &score, NULL, NULL)) == SNARM_OK)
        printf("%-8s %.4f %s\n", sample.defect, (double)score, sample.path);
    return status;
}

/* Trains a scorer for the bank, and opens it with the residual engine that it needs. */
static snarm_status train(const char *path) {
    const size_t count = good_count + test_count / 3 * 2;
    const snarm_train_source source = {count, GRID, GRID, MASK, MASK, give, NULL, features};
    /* Not shuffled: the defects are real ones, of the kinds that will be met. */
    const snarm_train_options options = {.struct_size = sizeof options, .steps = 200, .shuffled = -1};
    snarm_train_report report;
    snarm_scorer_info info = {.struct_size = sizeof info};
    const snarm_scorer_options grid = {.struct_size = sizeof grid, .grid_width = GRID, .grid_height = GRID};
    const float *weight;
    float bias;
    snarm_status status;
    if ((status = snarm_train_scorer(path, bank, &source, 1, SMOOTHING, &options, &report)) != SNARM_OK ||
        (status = snarm_scorer_create(&scorer, path, &grid)) != SNARM_OK ||
        (status = snarm_scorer_get_info(scorer, &info)) != SNARM_OK ||
        (status = snarm_scorer_navigator(scorer, &weight, &bias)) != SNARM_OK)
        return status;
    printf("held-out pixel AP %.3f, of distances %.3f\n", report.best_pixel_ap, report.untrained_pixel_ap);
    const snarm_residual_options engine = {
        .struct_size = sizeof engine, .patches = PATCHES, .channels = CHANNELS, .neighbours = info.neighbours,
        .reference_ratio = info.reference_ratio, .scale = info.residual_scale};
    return snarm_residual_create(&residual, weight, bias, &engine);
}

int main(int argc, char **argv) {
    if (argc != 3)
        return fprintf(stderr, "usage: own_features CATEGORY_FOLDER SCORER\n"), 2;
    snarm_status status = snarm_dataset_open(&set, argv[1], NULL);
    good_count = snarm_dataset_sample_count(set, 0, SNARM_SPLIT_TRAIN);
    test_count = snarm_dataset_sample_count(set, 0, SNARM_SPLIT_TEST);
    if (status == SNARM_OK && (status = make_bank()) == SNARM_OK)
        status = train(argv[2]);
    for (size_t i = 2; status == SNARM_OK && i < test_count; i += 3)
        status = inspect(i);
    if (status != SNARM_OK)
        fprintf(stderr, "own_features: %s: %s\n", snarm_status_name(status), snarm_last_error());
    snarm_residual_destroy(residual), snarm_scorer_destroy(scorer);
    snarm_bank_destroy(bank), snarm_dataset_destroy(set);
    return status == SNARM_OK ? 0 : 3;
}
