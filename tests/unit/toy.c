#include "toy.h"

#include "support.h"

toy_problem toy;

static void random_feature(sn_rng *rng, float *feature) {
    for (size_t c = 0; c < CHANNELS; c++)
        feature[c] = (c < QUIET ? 0.1f : 1.0f) * (float)sn_rng_normal(rng);
}

/* Every second sample has a rectangle of 2 or 3 patches a side where the quiet channels are shifted. */
static sn_samples *make_samples(sn_rng *rng, const snarm_bank *bank, size_t count) {
    const sn_samples_shape shape = {WIDTH, HEIGHT, CHANNELS, NEIGHBOURS, MASK_WIDTH, MASK_HEIGHT, NULL, {0}, NULL};
    sn_samples *samples;
    ck_ok(sn_samples_create(&samples, &shape, count));
    for (size_t s = 0; s < count; s++) {
        float features[PATCHES * CHANNELS], distances[PATCHES * NEIGHBOURS];
        int32_t nearest[PATCHES * NEIGHBOURS];
        uint8_t mask[PIXELS] = {0};
        const size_t width = 2 + sn_rng_below(rng, 2), height = 2 + sn_rng_below(rng, 2);
        const size_t left = sn_rng_below(rng, WIDTH - width + 1),
                     top = sn_rng_below(rng, HEIGHT - height + 1);
        for (size_t i = 0; i < PATCHES; i++) {
            const size_t x = i % WIDTH, y = i / WIDTH;
            const bool inside = x >= left && x < left + width && y >= top && y < top + height;
            random_feature(rng, features + i * CHANNELS);
            for (size_t c = 0; c < QUIET && inside && s % 2 == 1; c++)
                features[i * CHANNELS + c] += 0.6f;
            for (size_t p = 0; p < SIDE * SIDE && inside && s % 2 == 1; p++)
                mask[(y * SIDE + p / SIDE) * MASK_WIDTH + x * SIDE + p % SIDE] = 1;
        }
        ck_ok(snarm_bank_search(bank, features, PATCHES, NEIGHBOURS, -1, distances, nearest));
        for (size_t i = 0; i < PATCHES; i++) /* of the nearest */
            distances[i] = distances[i * NEIGHBOURS];
        ck_ok(sn_samples_add(samples, features, nearest, distances, mask));
    }
    return samples;
}

void toy_set_up(void) {
    sn_rng rng;
    sn_rng_seed(&rng, 5, 0);
    static float vectors[BANK * CHANNELS];
    for (size_t i = 0; i < BANK; i++)
        random_feature(&rng, vectors + i * CHANNELS);
    ck_ok(snarm_bank_create(&toy.bank, vectors, NULL, BANK, CHANNELS, NULL));
    toy.samples = make_samples(&rng, toy.bank, TRAINED);
    toy.held_out = make_samples(&rng, toy.bank, HELD_OUT);
    ck_ok(sn_calibrate(&toy.calibration, toy.samples, toy.bank));
}

void toy_tear_down(void) {
    sn_samples_destroy(toy.samples);
    sn_samples_destroy(toy.held_out);
    snarm_bank_destroy(toy.bank);
}

sn_scorer_weights toy_sizes(void) {
    return (sn_scorer_weights){.channels = CHANNELS,
                               .embedding = 8,
                               .branches = 2,
                               .depth = 1,
                               .states = 4,
                               .rank = 1,
                               .taps = 4,
                               .rates = {1, 2},
                               .reference_ratio = 0.75,
                               .residual_scale = toy.calibration.residual_scale,
                               .prior = toy.calibration.prior};
}

sn_validation *toy_validation(const sn_samples *samples) {
    const sn_validation_options options = {0.75, toy.calibration.residual_scale, 2, 16, NULL, toy.calibration.prior.stages};
    sn_validation *validation;
    ck_ok(sn_validation_create(&validation, samples, toy.bank, &options));
    return validation;
}

sn_samples *toy_means(const sn_samples *samples, const sn_stages *stages) {
    sn_samples_shape shape = *sn_samples_get_shape(samples);
    shape.stages = *stages;
    ck_ok(snarm_bank_get_vectors(toy.bank, &shape.vectors, NULL));
    sn_samples *out;
    ck_ok(sn_samples_create(&out, &shape, sn_samples_count(samples)));
    for (size_t s = 0; s < sn_samples_count(samples); s++) {
        float features[PATCHES * CHANNELS], distances[PATCHES];
        int32_t nearest[PATCHES * NEIGHBOURS];
        uint8_t mask[PIXELS];
        sn_samples_get(samples, s, 0, features, nearest, distances, mask);
        ck_ok(sn_samples_add(out, features, nearest, distances, mask));
    }
    return out;
}
