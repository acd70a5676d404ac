/* Validation on held-out samples of a toy toy. */
#include "make_scorer.h"
#include "snarm/map.h"
#include "snarm/metrics.h"
#include "support.h"
#include "toy.h"
#include "train/initialise.h"
#include "train/validation.h"

#include <math.h>
#include <string.h>

/* Distances drawn as maps of the masks' size, smoothed, all pixels in one measure: as a user of the public
 * functions would. */
START_TEST(validation_distances) {
    sn_validation *validation = toy_validation(toy.held_out);
    sn_validation_result result;
    ck_ok(sn_validation_run(validation, NULL, &result));
    snarm_pixel_metrics *pixels;
    ck_ok(snarm_pixel_metrics_create(&pixels, NULL));
    float scores[HELD_OUT];
    uint8_t labels[HELD_OUT];
    for (size_t s = 0; s < HELD_OUT; s++) {
        float distances[PATCHES], map[PIXELS];
        uint8_t mask[PIXELS];
        sn_samples_get(toy.held_out, s, 0, NULL, NULL, distances, mask);
        ck_ok(snarm_map_from_patches(distances, WIDTH, HEIGHT, MASK_WIDTH, MASK_HEIGHT, 1, map));
        ck_ok(snarm_map_smooth(map, MASK_WIDTH, MASK_HEIGHT, 2, 1));
        ck_ok(snarm_pixel_metrics_add(pixels, map, mask, MASK_WIDTH, MASK_HEIGHT));
        ck_ok(snarm_map_score(map, MASK_WIDTH, MASK_HEIGHT, &scores[s], NULL, NULL));
        labels[s] = s % 2;
    }
    snarm_pixel_metrics_result all;
    snarm_score_metrics images;
    ck_ok(snarm_pixel_metrics_finish(pixels, &all));
    ck_ok(snarm_metrics_scores(scores, labels, HELD_OUT, &images));
    ck_assert_double_eq_tol(result.pixel_ap, all.pixels.average_precision, 1e-12);
    ck_assert_double_eq_tol(result.pixel_auroc, all.pixels.auroc, 1e-12);
    ck_assert_double_eq_tol(result.image_auroc, images.auroc, 1e-12);
    ck_assert_int_eq(memcmp(sn_validation_scores(validation), scores, sizeof scores), 0);
    ck_assert_int_eq(memcmp(sn_validation_labels(validation), labels, sizeof labels), 0);
    ck_assert(result.pixel_ap > 0.1 && result.pixel_ap < 0.7);
    snarm_pixel_metrics_destroy(pixels);
    sn_validation_destroy(validation);
    sn_validation_destroy(NULL);
}
END_TEST
/* A network that says nothing leaves the prior, which ranks as the distances do but for what lies between
 * patches. */
START_TEST(validation_silent) {
    const sn_scorer_weights sizes = toy_sizes();
    sn_scorer_weights *weights;
    ck_ok(sn_scorer_weights_create(&weights, &sizes));
    sn_rng rng;
    sn_rng_seed(&rng, 3, 0);
    sn_initialise(weights, &rng);
    sn_validation *validation = toy_validation(toy.held_out);
    sn_validation_result distances, silent, noisy;
    ck_ok(sn_validation_run(validation, NULL, &distances));
    ck_ok(sn_validation_run(validation, weights, &silent));
    ck_assert_double_eq_tol(silent.pixel_ap, distances.pixel_ap, 0.05);
    ck_assert_double_eq_tol(silent.pixel_auroc, distances.pixel_auroc, 0.02);
    sn_scorer_weights_destroy(weights);
    ck_ok(random_scorer_weights(&weights, &sizes, 4));
    ck_ok(sn_validation_run(validation, weights, &noisy));
    ck_assert(noisy.pixel_ap != silent.pixel_ap);
    sn_scorer_weights_destroy(weights);
    sn_validation_destroy(validation);
}
END_TEST

/* The distances that image scores are made of: those of the samples, or the residuals' norms with stages weighted. */
START_TEST(validation_of_scores) {
    const float weights[] = {0.25f, 1};
    sn_samples_shape shape = *sn_samples_get_shape(toy.held_out);
    shape.stages = (sn_stages){2, {QUIET, CHANNELS - QUIET}};
    sn_samples *samples;
    ck_ok(sn_samples_create(&samples, &shape, HELD_OUT));
    static float features[PATCHES * CHANNELS], distances[PATCHES];
    static int32_t nearest[PATCHES * NEIGHBOURS];
    static uint8_t mask[PIXELS];
    const sn_scorer_weights sizes = toy_sizes();
    sn_scorer_weights *network;
    ck_ok(random_scorer_weights(&network, &sizes, 4));
    const float *vectors;
    ck_ok(snarm_bank_get_vectors(toy.bank, &vectors, NULL));
    float expected[2][HELD_OUT];
    for (size_t s = 0; s < HELD_OUT; s++) {
        sn_samples_get(toy.held_out, s, 0, features, nearest, distances, mask);
        ck_ok(sn_samples_add(samples, features, nearest, distances, mask));
        for (int weighted = 0; weighted < 2; weighted++) {
            float map[PIXELS];
            for (size_t i = 0; i < PATCHES && weighted; i++) {
                double sum = 0;
                for (size_t c = 0; c < CHANNELS; c++) {
                    double mean = 0;
                    for (size_t k = 0; k < NEIGHBOURS; k++)
                        mean += (double)vectors[nearest[i * NEIGHBOURS + k] * CHANNELS + (int32_t)c] / NEIGHBOURS;
                    sum += pow((mean - (double)features[i * CHANNELS + c]) * (c < QUIET ? 0.25 : 1), 2);
                }
                distances[i] = (float)sqrt(sum);
            }
            ck_ok(snarm_map_from_patches(distances, WIDTH, HEIGHT, MASK_WIDTH, MASK_HEIGHT, 1, map));
            ck_ok(snarm_map_smooth(map, MASK_WIDTH, MASK_HEIGHT, 2, 1));
            ck_ok(snarm_map_score(map, MASK_WIDTH, MASK_HEIGHT, &expected[weighted][s], NULL, NULL));
        }
    }
    for (int weighted = 0; weighted < 2; weighted++) {
        const sn_validation_options options = {0.75, toy.calibration.residual_scale, 2, 16, weighted ? weights : NULL, {0}};
        sn_validation *validation;
        sn_validation_result result;
        ck_ok(sn_validation_create(&validation, samples, toy.bank, &options));
        ck_ok(sn_validation_run(validation, network, &result));
        const float *scores = sn_validation_distance_scores(validation);
        for (size_t s = 0; s < HELD_OUT; s++)
            ck_assert_float_eq_tol(scores[s], expected[weighted][s], 2e-3f * expected[weighted][s]);
        sn_validation_destroy(validation);
    }
    sn_scorer_weights_destroy(network);
    sn_samples_destroy(samples);
}
END_TEST

START_TEST(validation_one_kind) {
    const sn_samples_shape *shape = sn_samples_get_shape(toy.held_out);
    sn_samples *good;
    ck_ok(sn_samples_create(&good, shape, 2));
    static const float features[PATCHES * CHANNELS], distances[PATCHES];
    static const int32_t nearest[PATCHES * NEIGHBOURS];
    for (int i = 0; i < 2; i++)
        ck_ok(sn_samples_add(good, features, nearest, distances, NULL));
    sn_validation *validation = toy_validation(good);
    sn_validation_result result;
    ck_ok(sn_validation_run(validation, NULL, &result));
    ck_assert(isnan(result.pixel_ap) && isnan(result.pixel_auroc) && isnan(result.image_auroc));
    sn_validation_destroy(validation);
    sn_samples_destroy(good);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("validation");
    TCase *cases = tcase_create("validation");
    tcase_set_timeout(cases, 60);
    tcase_add_unchecked_fixture(cases, toy_set_up, toy_tear_down);
    tcase_add_test(cases, validation_distances);
    tcase_add_test(cases, validation_silent);
    tcase_add_test(cases, validation_of_scores);
    tcase_add_test(cases, validation_one_kind);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
