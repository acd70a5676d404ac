/* Means over the channels of hybrid residuals, against these residuals. */
#include "core/threads.h"
#include "reference.h"
#include "residual/channel_means.h"
#include "residual/engine.h"
#include "residual/navigator.h"
#include "residual/ranks.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static sn_rng rng;

/* Patches nearer to patch i than the nearest of the set. */
static size_t nearer(const float *features, size_t patches, size_t channels, const uint8_t *reference, size_t i) {
    double best = INFINITY;
    size_t count = 0;
    for (size_t j = 0; j < patches; j++)
        if (j != i && reference[j] != 0)
            best = fmin(best, reference_distance(features, channels, i, j));
    for (size_t j = 0; j < patches; j++)
        count += j != i && reference_distance(features, channels, i, j) < best;
    return count;
}

/* Patches of an image, some of which are alike and unlike all others, as those of a large defect. */
typedef struct picture {
    size_t patches, channels, defect;
    float *features, *inter;
} picture;

static picture make_picture(size_t patches, size_t channels, size_t defect) {
    picture p = {patches, channels, defect, random_floats(&rng, patches * channels), random_floats(&rng, patches * channels)};
    for (size_t i = 0; i < patches * channels; i++) {
        const bool inside = i / channels < defect;
        p.features[i] = (inside ? 0.1f : 1) * p.features[i] + (inside ? 3 : 0);
        p.inter[i] *= inside ? 3 : 0.5f;
    }
    return p;
}

static void check_picture(const picture *p, double scale) {
    const size_t patches = p->patches, channels = p->channels, pairs = channels / 2;
    const float factor = sqrtf((float)pairs), narrow[2] = {0.3f, -0.1f}, bias = 0.2f;
    float *wide = malloc(channels * sizeof *wide);
    for (size_t c = 0; c < channels; c++)
        wide[c] = narrow[c / pairs] / factor;
    snarm_residual_options options;
    snarm_residual_options_init(&options);
    options.patches = (int32_t)patches, options.channels = (int32_t)channels, options.scale = scale;
    snarm_residual *engine;
    ck_ok(snarm_residual_create(&engine, wide, bias, &options));
    float *hybrid = malloc(patches * 2 * channels * sizeof *hybrid), *means = malloc(patches * SN_QUARTERS * sizeof *means);
    float *scratch = malloc(2 * patches * sizeof *scratch);
    uint8_t *reference = malloc(patches), *found = malloc(patches);
    ck_ok(snarm_residual_hybrid(engine, p->features, p->inter, hybrid, reference, NULL));
    sn_channel_means_maker *maker;
    sn_channel_means *kept;
    ck_ok(sn_channel_means_maker_create(&maker, patches, channels));
    ck_ok(sn_channel_means_make(&kept, maker, p->features, p->inter));
    sn_channel_means_hybrid(kept, scale, narrow, bias, sn_reference_count(0.75, patches), scratch, means, found);
    ck_assert_int_eq(memcmp(found, reference, patches), 0);
    size_t beyond = 0;
    for (size_t i = 0; i < patches; i++) {
        const size_t before = nearer(p->features, patches, channels, reference, i);
        beyond += before >= SN_RANKS;
        for (size_t q = 0; q < SN_QUARTERS; q++) {
            double mean = 0;
            for (size_t k = 0; k < pairs; k++)
                mean += (double)hybrid[(SN_QUARTERS * i + q) * pairs + k] / (double)pairs;
            const double got = (double)means[SN_QUARTERS * i + q] / (double)factor;
            if (q < 2 || before < SN_RANKS)
                ck_assert_double_eq_tol(got, mean, 2e-3 * mean + 1e-6);
            else /* as large as that of one somewhat farther, never smaller */
                ck_assert_msg(q == 2 || (got > mean * (1 - 2e-3) && got < 1.5 * mean), "patch %zu: %g, expected about %g", i, got, mean);
        }
    }
    ck_assert((beyond > 0) == (p->defect > SN_RANKS + 1));
    sn_channel_means_destroy(kept);
    sn_channel_means_maker_destroy(maker);
    snarm_residual_destroy(engine);
    free(wide), free(hybrid), free(means), free(scratch), free(reference), free(found);
}

START_TEST(as_the_residuals_are) {
    static const struct {
        size_t patches, channels, defect;
        double scale;
    } cases[] = {{2, 2, 0, 1}, {5, 6, 1, 0.5}, {35, 10, 3, 2}, {60, 34, 0, 1}, {200, 48, 20, 3}, {400, 30, 60, 1}, {700, 18, 100, 0.1}};
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++)
        for (int threads = 1; threads <= 2; threads++) {
            const int former = sn_threads_enter(threads);
            picture p = make_picture(cases[n].patches, cases[n].channels, cases[n].defect);
            check_picture(&p, cases[n].scale);
            free(p.features), free(p.inter);
            sn_threads_leave(former);
        }
}
END_TEST

/* A picture of one colour: all patches are alike, none surely the nearest. */
START_TEST(all_alike) {
    enum { N = 100, C = 6 };
    float features[N * C], inter[N * C] = {0}, hybrid[N * SN_QUARTERS], scratch[2 * N];
    uint8_t reference[N];
    for (size_t i = 0; i < N * C; i++)
        features[i] = 0.25f;
    sn_channel_means_maker *maker;
    sn_channel_means *means;
    ck_ok(sn_channel_means_maker_create(&maker, N, C));
    ck_ok(sn_channel_means_make(&means, maker, features, inter));
    sn_channel_means_hybrid(means, 4, (float[]){1, 1}, 0, 75, scratch, hybrid, reference);
    for (size_t i = 0; i < N; i++)
        ck_assert_int_eq(reference[i], i < 75);
    for (size_t i = 0; i < N * SN_QUARTERS; i++)
        ck_assert(hybrid[i] == 0);
    ck_assert_uint_le(sn_channel_means_bytes(N), N * 400);
    sn_channel_means_destroy(means);
    sn_channel_means_destroy(NULL);
    sn_channel_means_maker_destroy(maker);
    sn_channel_means_maker_destroy(NULL);
}
END_TEST

/* What halves cannot hold is refused, not made infinite. */
START_TEST(too_large) {
    enum { N = 6, C = 4 };
    float features[N * C] = {0}, inter[N * C] = {0};
    sn_channel_means_maker *maker;
    sn_channel_means *means;
    ck_ok(sn_channel_means_maker_create(&maker, N, C));
    for (size_t c = 0; c < C; c++)
        features[3 * C + c] = 65000;
    ck_ok(sn_channel_means_make(&means, maker, features, inter));
    sn_channel_means_destroy(means);
    for (size_t c = 0; c < C; c++)
        features[3 * C + c] = 70000;
    ck_fails(sn_channel_means_make(&means, maker, features, inter), SNARM_ERROR_ARGUMENT, "features of patch 0 differ from others by 65,520");
    ck_assert_ptr_null(means);
    features[3 * C] = 0, inter[2 * C + 1] = INFINITY;
    ck_fails(sn_channel_means_make(&means, maker, features, inter), SNARM_ERROR_ARGUMENT, "residuals of patch 2 are not finite");
    sn_channel_means_maker_destroy(maker);
}
END_TEST

int main(void) {
    sn_rng_seed(&rng, 31, 0);
    Suite *suite = suite_create("channel_means");
    TCase *cases = tcase_create("channel_means");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, as_the_residuals_are);
    tcase_add_test(cases, all_alike);
    tcase_add_test(cases, too_large);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
