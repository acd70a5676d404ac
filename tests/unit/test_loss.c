/* Losses and their gradients: against loops in double, finite differences, and PyTorch's. */
#include "core/threads.h"
#include "kernel/simd.h"
#include "reference.h"
#include "support.h"
#include "train/focal_loss.h"
#include "train/map_loss.h"

#include <math.h>
#include <string.h>

static sn_rng rng;

enum { BATCH_MAX = 4 };

typedef struct problem {
    int batch, maps, gw, gh, w, h;
    sn_map_loss_options options;
    const float *weights;
} problem;

static double focal_reference(double z, bool anomalous, double alpha, double gamma) {
    const double t = anomalous ? z : -z, weight = anomalous ? alpha : 1 - alpha;
    const double c = fmax(-t, 0) + log1p(exp(-fabs(t))),
                 q = t > 0 ? exp(-t) / (1 + exp(-t)) : 1 / (1 + exp(t));
    return weight * pow(q, gamma) * c;
}

/* The logit at a pixel: its four neighbours on the grid and their weights. */
static void corners(const problem *p, int x, int y, int at[4], double weight[4]) {
    const double u = p->w > 1 ? x * (p->gw - 1.0) / (p->w - 1) : 0,
                 v = p->h > 1 ? y * (p->gh - 1.0) / (p->h - 1) : 0;
    const int left = (int)u, top = (int)v;
    for (int i = 0; i < 4; i++) {
        const int column = left + i % 2 < p->gw ? left + i % 2 : left,
                  row = top + i / 2 < p->gh ? top + i / 2 : top;
        at[i] = row * p->gw + column;
        weight[i] = (i % 2 ? u - left : 1 - (u - left)) * (i / 2 ? v - top : 1 - (v - top));
    }
}

static double logit(const problem *p, const double *grid, int x, int y) {
    int at[4];
    double weight[4], z = 0;
    corners(p, x, y, at, weight);
    for (int i = 0; i < 4; i++)
        z += weight[i] * grid[at[i]];
    return z;
}

static sn_map_loss_result reference(const problem *p, const double *logits, const uint8_t *masks) {
    sn_map_loss_result result = {0, 0, 0};
    for (int m = 0; m < p->maps; m++) {
        double focal = 0, pixels = 0, sum_p = 0, sum_py = 0, sum_y = 0, dice = 0, weights = 0;
        for (int b = 0; b < p->batch; b++) {
            const double weight = p->weights != NULL ? (double)p->weights[b] : 1;
            double own_p = 0, own_py = 0, own_y = 0;
            for (int i = 0; i < p->w * p->h; i++) {
                const uint8_t label = masks[b * p->w * p->h + i];
                if (label == 255)
                    continue;
                const double z = logit(p, logits + (b * p->maps + m) * p->gw * p->gh, i % p->w, i / p->w);
                const double probability = 1 / (1 + exp(-z));
                focal += weight * focal_reference(z, label != 0, p->options.alpha, p->options.gamma);
                pixels += weight;
                own_p += probability, own_y += label != 0, own_py += label != 0 ? probability : 0;
            }
            dice += weight * (1 - (2 * own_py + 1) / (own_p + own_y + 1));
            weights += weight;
            sum_p += weight * own_p, sum_py += weight * own_py, sum_y += weight * own_y;
        }
        result.focal += pixels > 0 ? focal / pixels / p->maps : 0;
        if (p->options.dice_per_image)
            result.dice += weights > 0 ? dice / weights / p->maps : 0;
        else
            result.dice += (1 - (2 * sum_py + 1) / (sum_p + sum_y + 1)) / p->maps;
    }
    result.total = p->options.focal_weight * result.focal + p->options.dice_weight * result.dice;
    return result;
}

static sn_map_loss *create(const problem *p) {
    sn_map_loss *loss;
    ck_ok(sn_map_loss_create(&loss, p->batch, p->maps, p->gw, p->gh, p->w, p->h, &p->options));
    return loss;
}

static const float image_weights[BATCH_MAX] = {0.5f, 3, 0, 1.25f};

START_TEST(map_loss_is_the_reference) {
    sn_simd_override((sn_simd_level)_i);
    static const problem problems[] = {
        {1, 1, 1, 1, 1, 1, {1, 1, 0.25, 2, false}, NULL},
        {2, 3, 7, 5, 37, 50, {1, 0.5, 0.75, 2, false}, NULL},
        {4, 2, 6, 7, 13, 11, {0.3, 2, 0.9, 1.3, true}, image_weights},
        {4, 1, 9, 8, 3, 2, {1, 1, 0.5, 0, false}, image_weights}, /* rows of the grid that no pixel needs */
        {2, 2, 1, 6, 33, 1, {1, 1, 0.5, 3.7, true}, NULL},
        {1, 2, 5, 1, 1, 40, {0, 1, 0.5, 2, false}, image_weights},
        {3, 1, 8, 8, 8, 8, {1, 0, 1, 2, true}, NULL},
        {2, 1, 4, 4, 19, 5, {1, 1, 0.25, 0.5, false}, image_weights},
    };
    for (size_t k = 0; k < sizeof problems / sizeof *problems; k++) {
        const problem *p = &problems[k];
        const int count = p->batch * p->maps * p->gw * p->gh, pixels = p->batch * p->w * p->h;
        double *exact = malloc((size_t)count * sizeof *exact);
        float *logits = random_floats(&rng, (size_t)count), *gradient = random_floats(&rng, (size_t)count);
        uint8_t *masks = malloc((size_t)pixels);
        for (int i = 0; i < count; i++)
            logits[i] *= 4, exact[i] = (double)logits[i];
        for (int i = 0; i < pixels; i++)
            masks[i] = sn_rng_below(&rng, 5) == 0 ? 255 : (uint8_t)(sn_rng_below(&rng, 3) == 0);
        sn_map_loss *loss = create(p);
        sn_map_loss_result got, alone;
        sn_map_loss_run(loss, logits, masks, p->weights, gradient, &got);
        const sn_map_loss_result expected = reference(p, exact, masks);
        ck_assert_double_lt(fabs(got.focal - expected.focal), 2e-6);
        ck_assert_double_lt(fabs(got.dice - expected.dice), 2e-6);
        ck_assert_double_lt(fabs(got.total - expected.total), 5e-6);
        /* The reference is in double, so that its differences are exact to 1e-8. */
        double largest = 1e-4;
        for (int i = 0; i < count; i++)
            largest = fmax(largest, fabs((double)gradient[i]));
        for (int i = 0; i < count; i++) {
            const double step = 1e-5, value = exact[i];
            exact[i] = value + step;
            double difference = reference(p, exact, masks).total;
            exact[i] = value - step;
            difference = (difference - reference(p, exact, masks).total) / (2 * step);
            exact[i] = value;
            ck_assert_msg(fabs((double)gradient[i] - difference) < 3e-6 * largest + 1e-9,
                          "problem %zu: gradient %d is %g, differences give %g", k, i, (double)gradient[i],
                          difference);
        }
        sn_map_loss_run(loss, logits, masks, p->weights, NULL, &alone);
        ck_assert_int_eq(memcmp(&alone, &got, sizeof got), 0);
        sn_map_loss_destroy(loss);
        free(exact), free(logits), free(gradient), free(masks);
    }
    sn_simd_override(sn_simd_best());
}
END_TEST

START_TEST(threads_change_no_bit) {
    const problem p = {3, 4, 11, 13, 50, 41, {1, 1, 0.25, 2, false}, NULL};
    enum { COUNT = 3 * 4 * 11 * 13, PIXELS = 3 * 50 * 41, LOGITS = 200001 };
    static float gradients[4][COUNT];
    static uint8_t masks[PIXELS], labels[LOGITS];
    float *logits = random_floats(&rng, COUNT), *plain = random_floats(&rng, LOGITS);
    float *first = random_floats(&rng, LOGITS), *again = random_floats(&rng, LOGITS);
    for (int i = 0; i < PIXELS; i++)
        masks[i] = (uint8_t)sn_rng_below(&rng, 2);
    for (int i = 0; i < LOGITS; i++)
        labels[i] = (uint8_t)sn_rng_below(&rng, 2);
    sn_map_loss_result results[4];
    double focal = 0;
    sn_map_loss *loss = create(&p);
    for (int t = 0; t < 4; t++) {
        const int former = sn_threads_enter(t + 1);
        sn_map_loss_run(loss, logits, masks, NULL, gradients[t], &results[t]);
        ck_assert_int_eq(memcmp(gradients[t], gradients[0], sizeof gradients[0]), 0);
        ck_assert_int_eq(memcmp(&results[t], &results[0], sizeof results[0]), 0);
        const double value = sn_focal_loss(plain, labels, LOGITS, 0.25, 2, 1, t == 0 ? first : again);
        ck_assert(t == 0 || (value == focal && memcmp(first, again, LOGITS * sizeof *first) == 0));
        focal = value;
        sn_threads_leave(former);
    }
    sn_map_loss_destroy(loss);
    free(logits), free(plain), free(first), free(again);
}
END_TEST

START_TEST(extreme_logits_and_masks) {
    sn_simd_override((sn_simd_level)_i);
    problem p = {2, 1, 5, 5, 21, 17, {1, 1, 0.25, 2, false}, NULL};
    enum { COUNT = 2 * 5 * 5, PIXELS = 2 * 21 * 17 };
    float logits[COUNT], gradient[COUNT];
    double exact[COUNT];
    uint8_t masks[PIXELS];
    static const double gammas[] = {0, 1, 2, 2.5, 100};
    for (size_t g = 0; g < sizeof gammas / sizeof *gammas; g++)
        for (int pattern = 0; pattern < 4; pattern++)
            for (int label = 0; label < 3; label++) {
                p.options.gamma = gammas[g], p.options.dice_per_image = label == 1;
                sn_map_loss *loss = create(&p);
                memset(masks, label == 2 ? 255 : label, sizeof masks);
                for (int i = 0; i < COUNT; i++) {
                    logits[i] = pattern == 0 ? 100 : pattern == 1 ? -100 : pattern == 2 && i % 2 ? 100 : -100;
                    if (pattern == 3)
                        logits[i] = i % 3 ? 1e30f : -1e30f;
                    exact[i] = (double)logits[i];
                }
                sn_map_loss_result got;
                sn_map_loss_run(loss, logits, masks, NULL, gradient, &got);
                const sn_map_loss_result expected = reference(&p, exact, masks);
                ck_assert(isfinite(got.total));
                ck_assert_double_lt(fabs(got.focal - expected.focal), 1e-6 * (1 + expected.focal));
                /* Between huge logits of both signs a pixel's sign is a matter of rounding. */
                ck_assert_double_lt(fabs(got.dice - expected.dice), (pattern < 2 ? 1e-6 : 1e-2));
                for (int i = 0; i < COUNT; i++)
                    ck_assert(isfinite(gradient[i]) && (label != 2 || gradient[i] == 0));
                ck_assert(label != 2 || got.total == 0);
                sn_map_loss_destroy(loss);
            }
    p.options.gamma = 2;
    sn_map_loss *loss = create(&p);
    sn_map_loss_result got;
    memset(masks, 1, sizeof masks);
    sn_map_loss_run(loss, logits, masks, (const float[2]){0, 0}, gradient, &got);
    ck_assert(got.total == 0 && gradient[0] == 0 && gradient[COUNT - 1] == 0);
    logits[3] = NAN;
    sn_map_loss_run(loss, logits, masks, NULL, gradient, &got);
    ck_assert(isnan(got.total));
    sn_map_loss_destroy(loss);
    sn_simd_override(sn_simd_best());
}
END_TEST

/* By torch 2.13 in double: interpolate(bilinear, align_corners=True), binary_cross_entropy_with_logits times
 * a (1 - p_t)^gamma, and the Dice term written out; gradients by autograd. */
START_TEST(map_loss_is_pytorchs) {
    static const float torch_weights[2] = {0.5f, 2};
    static const struct {
        problem p;
        bool ignored;
        double total, focal, dice;
        float gradient[24];
    } cases[] = {
        {{2, 2, 3, 2, 7, 5, {0.7, 0.4, 0.3, 2, false}, NULL},
         false,
         0.560394617,
         0.492950340,
         0.538323448,
         {5.517658e-03f,  1.472768e-02f,  2.575585e-03f,  -4.221241e-04f, 1.465673e-02f,  9.908434e-03f,
          -3.127680e-03f, -2.840932e-03f, 7.038092e-03f,  -2.490372e-03f, -4.378004e-03f, 4.419437e-03f,
          1.062092e-02f,  2.560318e-03f,  -3.668037e-03f, 1.082284e-02f,  1.091423e-02f,  -2.214264e-03f,
          -7.376018e-04f, 1.240543e-02f,  9.139691e-03f,  -3.238782e-03f, 7.908930e-03f,  1.148946e-02f}},
        {{2, 2, 3, 2, 7, 5, {0.7, 0.4, 0.3, 1.5, true}, torch_weights},
         true,
         0.595043551,
         0.550204281,
         0.524751384,
         {2.367537e-03f,  6.480338e-03f,  1.169029e-03f,  -1.902321e-04f, 6.453656e-03f,  4.371753e-03f,
          -1.416654e-03f, -2.825907e-05f, 3.224267e-03f,  -1.190957e-03f, -1.448307e-03f, 2.290156e-03f,
          1.413694e-02f,  2.439110e-03f,  -6.531988e-03f, 1.885289e-02f,  1.936267e-02f,  -4.098696e-03f,
          -1.978787e-03f, 2.035239e-02f,  1.301197e-02f,  -4.456709e-03f, 1.629898e-02f,  1.240491e-02f}},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        float logits[24], gradient[24];
        uint8_t masks[70];
        for (int i = 0; i < 24; i++)
            logits[i] = (float)(4 * sin(1.7 * i + 0.3));
        for (int i = 0; i < 70; i++)
            masks[i] = cases[k].ignored && i % 11 == 3 ? 255 : i * 7 % 5 < 2;
        sn_map_loss *loss = create(&cases[k].p);
        sn_map_loss_result got;
        sn_map_loss_run(loss, logits, masks, cases[k].p.weights, gradient, &got);
        ck_assert_double_lt(fabs(got.total - cases[k].total), 1e-6);
        ck_assert_double_lt(fabs(got.focal - cases[k].focal), 1e-6);
        ck_assert_double_lt(fabs(got.dice - cases[k].dice), 1e-6);
        ck_assert_double_lt(largest_relative_error(gradient, cases[k].gradient, 24), 2e-6);
        sn_map_loss_destroy(loss);
    }
}
END_TEST

START_TEST(plain_focal_loss) {
    sn_simd_override((sn_simd_level)_i);
    /* By torch 2.13 as above, alpha 0.25, gamma 2; the last is ignored. */
    static const float logits[8] = {-100, -3, -0.5f, 0, 0.25f, 2, 100, 1};
    static const uint8_t labels[8] = {1, 0, 1, 0, 0, 7, 1, 255};
    static const float expected[8] = {
        -3.571429e-02f, 3.373627e-05f, -1.879114e-02f, 3.195930e-02f, 4.352608e-02f, -1.739621e-04f, 0, 0};
    float gradient[8];
    ck_assert_double_lt(fabs(sn_focal_loss(logits, labels, 8, 0.25, 2, 1, gradient) - 3.631517824), 1e-6);
    ck_assert_double_lt(largest_relative_error(gradient, expected, 8), 1e-6);
    ck_assert(sn_focal_loss(logits, labels, 8, 0.25, 2, 1, NULL) ==
              sn_focal_loss(logits, labels, 8, 0.25, 2, 3, gradient));
    ck_assert_double_lt(fabs((double)gradient[3] / 3 - (double)expected[3]), 1e-7);
    ck_assert(sn_focal_loss(logits, labels + 7, 1, 0.25, 2, 1, gradient) == 0 && gradient[0] == 0);
    ck_assert(sn_focal_loss(logits, labels, 0, 0.25, 2, 1, gradient) == 0);
    /* Many, with several gammas, element by element. */
    enum { COUNT = 70003 };
    float *many = random_floats(&rng, COUNT), *slopes = random_floats(&rng, COUNT);
    uint8_t *all = malloc(COUNT);
    for (int i = 0; i < COUNT; i++)
        many[i] *= i % 3 == 0 ? 90 : 6, all[i] = (uint8_t)(i % 5 == 0 ? 255 : i % 2);
    static const double gammas[] = {0, 0.5, 2, 4.25};
    for (size_t g = 0; g < sizeof gammas / sizeof *gammas; g++) {
        double sum = 0, counted = 0;
        for (int i = 0; i < COUNT; i++)
            if (all[i] != 255)
                sum += focal_reference((double)many[i], all[i] != 0, 0.8, gammas[g]), counted++;
        const double got = sn_focal_loss(many, all, COUNT, 0.8, gammas[g], 2 * counted, slopes);
        ck_assert_double_lt(fabs(got - sum / counted), 1e-5 * sum / counted);
        for (int i = 0; i < COUNT; i++) {
            const double z = (double)many[i], step = 1e-4;
            const double slope = all[i] == 255 ? 0
                                               : (focal_reference(z + step, all[i] != 0, 0.8, gammas[g]) -
                                                  focal_reference(z - step, all[i] != 0, 0.8, gammas[g])) /
                                                     step;
            ck_assert_msg(fabs((double)slopes[i] - slope) < 1e-5 * (1 + fabs(slope)),
                          "gamma %g logit %g: %g, differences %g", gammas[g], z, (double)slopes[i], slope);
        }
    }
    free(many), free(slopes), free(all);
    sn_simd_override(sn_simd_best());
}
END_TEST

START_TEST(wrong_options) {
    sn_map_loss *loss;
    const sn_map_loss_options good = {1, 1, 0.25, 2, false};
    sn_map_loss_options bad = good;
    ck_fails(sn_map_loss_create(&loss, 0, 1, 2, 2, 4, 4, &good), SNARM_ERROR_ARGUMENT, "batch is 0");
    ck_fails(sn_map_loss_create(&loss, 1, 0, 2, 2, 4, 4, &good), SNARM_ERROR_ARGUMENT, "maps is 0");
    ck_fails(sn_map_loss_create(&loss, 1, 1, 0, 2, 4, 4, &good), SNARM_ERROR_ARGUMENT, "grid is 0 x 2");
    ck_fails(sn_map_loss_create(&loss, 1, 1, 2, 2, 4, 70000, &good), SNARM_ERROR_ARGUMENT,
             "mask is 4 x 70000");
    bad.gamma = -1;
    ck_fails(sn_map_loss_create(&loss, 1, 1, 2, 2, 4, 4, &bad), SNARM_ERROR_ARGUMENT, "gamma is -1");
    bad = good, bad.alpha = 1.5;
    ck_fails(sn_map_loss_create(&loss, 1, 1, 2, 2, 4, 4, &bad), SNARM_ERROR_ARGUMENT, "alpha is 1.5");
    bad = good, bad.dice_weight = NAN;
    ck_fails(sn_map_loss_create(&loss, 1, 1, 2, 2, 4, 4, &bad), SNARM_ERROR_ARGUMENT, "dice_weight is");
    bad = good, bad.focal_weight = INFINITY;
    ck_fails(sn_map_loss_create(&loss, 1, 1, 2, 2, 4, 4, &bad), SNARM_ERROR_ARGUMENT, "focal_weight is inf");
    ck_assert_ptr_null(loss);
    sn_map_loss_destroy(NULL);
}
END_TEST

int main(void) {
    sn_rng_seed(&rng, 11, 0);
    Suite *suite = suite_create("loss");
    TCase *cases = tcase_create("loss");
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, map_loss_is_the_reference, SN_SIMD_PLAIN, SN_SIMD_AVX512 + 1);
    tcase_add_test(cases, threads_change_no_bit);
    tcase_add_loop_test(cases, extreme_logits_and_masks, SN_SIMD_PLAIN, SN_SIMD_AVX512 + 1);
    tcase_add_test(cases, map_loss_is_pytorchs);
    tcase_add_loop_test(cases, plain_focal_loss, SN_SIMD_PLAIN, SN_SIMD_AVX512 + 1);
    tcase_add_test(cases, wrong_options);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
