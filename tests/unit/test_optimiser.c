/* AdamW, clipping, averages, the learning rate, and which weights are trained how. */
#include "core/threads.h"
#include "make_scorer.h"
#include "reference.h"
#include "support.h"
#include "train/optimiser.h"
#include "train/parameters.h"
#include "train/schedule.h"

#include <math.h>
#include <string.h>

static sn_rng rng;

static const sn_optimiser_options usual = {0.9, 0.999, 1e-8, 0.05, 5, 0.9};
static const sn_range small_ranges[] = {
    {0, 3, 0, SN_RANGE_DECAYED}, {3, 2, 0, SN_RANGE_UNDECAYED}, {5, 2, 1, SN_RANGE_DECAYED}};

/* By torch 2.13: parameters p_i = 0.5 sin(0.9 i + 0.2), i = 0..6, split as small_ranges; AdamW
 * (foreach=False) with a parameter group without decay for the second; six steps of gradients 2 (1 + t)
 * sin(1.3 i + 0.7 t), clip_grad_norm_, lr 0.01 (1 + t / 2); group 0 has grad None at t = 2 and 5, group 1
 * where t is odd. Averages: e = 0.9 e + 0.1 p from 0 after each step that a parameter had a gradient in,
 * divided by 1 - 0.9^n in the end. */
START_TEST(steps_are_pytorchs) {
    static const struct {
        sn_optimiser_options options;
        struct {
            float norm, values[7];
        } steps[6];
        float averages[7], first[7], second[7];
    } cases[] = {
        {{0.9, 0.999, 1e-8, 0.05, 5, 0.9},
         {
             {3.736879f,
              {0.099284992f, 0.43538088f, 0.44442138f, 0.12962466f, -0.29592896f, -0.50971162f,
               -0.32547548f}},
             {6.188929f,
              {0.08804848f, 0.42020905f, 0.44002846f, 0.14384168f, -0.28133103f, -0.50971162f, -0.32547548f}},
             {6.141034f,
              {0.08804848f, 0.42020905f, 0.44002846f, 0.14384168f, -0.28133103f, -0.52520359f, -0.34404168f}},
             {12.92834f,
              {0.066502154f, 0.40453288f, 0.45262831f, 0.1654596f, -0.28186157f, -0.52520359f, -0.34404168f}},
             {18.40841f,
              {0.041527148f, 0.40041831f, 0.47221401f, 0.18068056f, -0.29310191f, -0.5442456f, -0.3440423f}},
             {0,
              {0.041527148f, 0.40041831f, 0.47221401f, 0.18068056f, -0.29310191f, -0.5442456f, -0.3440423f}},
         },
         {0.071264066f, 0.41356784f, 0.45361608f, 0.15719755f, -0.28798708f, -0.52759975f, -0.3384926f},
         {0.49998426f, 0.085088633f, -0.45446202f, -0.32822475f, 0.27886254f, 0.50785303f, 0.0091213603f},
         {0.012279041f, 0.017884228f, 0.015286345f, 0.014133353f, 0.01870721f, 0.02408958f, 0.011446824f}},
        {{0.8, 0.95, 1e-3, 0.5, 0, 0.9},
         {
             {3.736879f,
              {0.098837994f, 0.43338084f, 0.44238517f, 0.12961741f, -0.29593462f, -0.5074386f, -0.32405016f}},
             {6.188929f,
              {0.086466148f, 0.41541335f, 0.43716869f, 0.14369194f, -0.28110203f, -0.5074386f, -0.32405016f}},
             {6.141034f,
              {0.086466148f, 0.41541335f, 0.43716869f, 0.14369194f, -0.28110203f, -0.51872724f,
               -0.34008098f}},
             {12.92834f,
              {0.06427303f, 0.40212259f, 0.44849518f, 0.16706273f, -0.29192173f, -0.51872724f, -0.34008098f}},
             {18.40841f,
              {0.037263013f, 0.40981153f, 0.46660188f, 0.17023994f, -0.31370568f, -0.53284293f,
               -0.31996095f}},
             {0,
              {0.037263013f, 0.40981153f, 0.46660188f, 0.17023994f, -0.31370568f, -0.53284293f,
               -0.31996095f}},
         },
         {0.06897331f, 0.41411492f, 0.4497973f, 0.15454432f, -0.29655838f, -0.52056187f, -0.32786512f},
         {2.1047237f, -1.3007499f, -2.800622f, -0.19757631f, 2.6949189f, 1.2629633f, -1.3759495f},
         {3.1259236f, 4.3025727f, 6.0888925f, 1.8508892f, 7.3275642f, 1.7921789f, 4.5225f}}};
    for (size_t k = 0; k < 2; k++) {
        float values[7], gradients[7];
        for (int i = 0; i < 7; i++)
            values[i] = (float)(0.5 * sin(0.9 * i + 0.2));
        sn_optimiser *optimiser;
        ck_ok(sn_optimiser_create(&optimiser, values, 7, small_ranges, 3, 2, &cases[k].options));
        for (int t = 0; t < 6; t++) {
            for (int i = 0; i < 7; i++)
                gradients[i] = (float)(2 * sin(1.3 * i + 0.7 * t) * (1 + t));
            const bool active[2] = {t != 2 && t != 5, t % 2 == 0};
            sn_step_report report;
            sn_optimiser_step(optimiser, values, gradients, active, 0.01 * (1 + 0.5 * t), &report);
            ck_assert(report.applied);
            ck_assert_double_lt(fabs(report.norm - (double)cases[k].steps[t].norm),
                                1e-5 * report.norm + 1e-12);
            ck_assert_double_lt(largest_relative_error(values, cases[k].steps[t].values, 7), 1e-6);
        }
        ck_assert_double_lt(largest_relative_error(optimiser->averages, cases[k].averages, 7), 1e-6);
        ck_assert_double_lt(largest_relative_error(optimiser->first, cases[k].first, 7), 1e-6);
        ck_assert_double_lt(largest_relative_error(optimiser->second, cases[k].second, 7), 1e-6);
        ck_assert(optimiser->steps[0] == 4 && optimiser->steps[1] == 3 && optimiser->skipped == 0);
        sn_optimiser_destroy(optimiser);
    }
}
END_TEST

START_TEST(others_are_left_alone) {
    /* The statistic lies in group 0, and its "gradient" is no number: nobody may look at it. */
    static const sn_range ranges[] = {{0, 2, 1, SN_RANGE_DECAYED},
                                      {2, 0, 0, SN_RANGE_DECAYED},
                                      {2, 2, 0, SN_RANGE_STATISTIC},
                                      {4, 1, 0, SN_RANGE_UNDECAYED}};
    float values[5] = {1, -2, 3, 4, 5};
    const float gradients[5] = {NAN, INFINITY, NAN, INFINITY, 0.5f};
    sn_optimiser *optimiser;
    ck_ok(sn_optimiser_create(&optimiser, values, 5, ranges, 4, 2, &usual));
    ck_assert_int_eq(memcmp(optimiser->averages, values, sizeof values), 0);
    sn_step_report report;
    sn_optimiser_step(optimiser, values, gradients, (const bool[2]){true, false}, 0.1, &report);
    ck_assert(report.applied && report.norm == 0.5 && report.scale == 1);
    ck_assert(values[0] == 1 && values[1] == -2 && values[2] == 3 && values[3] == 4);
    ck_assert_double_lt(fabs((double)values[4] - 4.9), 1e-6);
    /* After the first step the averages are the values. */
    ck_assert_int_eq(memcmp(optimiser->averages, values, sizeof values), 0);
    values[2] = 13;
    sn_optimiser_step(optimiser, values, gradients, (const bool[2]){true, false}, 0.1, &report);
    ck_assert_double_lt(fabs((double)optimiser->averages[2] - (0.9 * 3 + 13) / 1.9), 1e-5);
    ck_assert(optimiser->averages[0] == 1 && optimiser->averages[3] == 4 && optimiser->first[2] == 0);
    /* Not a number, then infinite by its square: nothing changes but the count. */
    float before[5], averages[5];
    memcpy(before, values, sizeof values), memcpy(averages, optimiser->averages, sizeof averages);
    sn_optimiser_step(optimiser, values, gradients, (const bool[2]){true, true}, 0.1, &report);
    ck_assert(!report.applied && !isfinite(report.norm) && optimiser->skipped == 1);
    const float huge[5] = {1e30f, 0, 0, 0, 0};
    sn_optimiser_step(optimiser, values, huge, (const bool[2]){false, true}, 0.1, &report);
    ck_assert(!report.applied && isinf(report.norm) && optimiser->skipped == 2);
    ck_assert_int_eq(memcmp(before, values, sizeof values), 0);
    ck_assert_int_eq(memcmp(averages, optimiser->averages, sizeof averages), 0);
    ck_assert(optimiser->steps[0] == 2 && optimiser->steps[1] == 0);
    sn_optimiser_step(optimiser, values, gradients, (const bool[2]){false, false}, 0.1, &report);
    ck_assert(report.applied && report.norm == 0);
    sn_optimiser_destroy(optimiser);
}
END_TEST

START_TEST(threads_change_no_bit) {
    enum { COUNT = 100003 };
    const sn_range ranges[] = {{0, 50000, 0, SN_RANGE_DECAYED},
                               {50000, 3, 1, SN_RANGE_STATISTIC},
                               {50003, 50000, 1, SN_RANGE_UNDECAYED}};
    float *start = random_floats(&rng, COUNT), *values[3], *averages[3];
    double norm = 0;
    for (int t = 0; t < 3; t++) {
        const int former = sn_threads_enter(t + 1);
        sn_rng own;
        sn_rng_seed(&own, 3, 0);
        values[t] = malloc(COUNT * sizeof *start), averages[t] = malloc(COUNT * sizeof *start);
        memcpy(values[t], start, COUNT * sizeof *start);
        sn_optimiser *optimiser;
        ck_ok(sn_optimiser_create(&optimiser, start, COUNT, ranges, 3, 2, &usual));
        for (int s = 0; s < 4; s++) {
            float *gradients = random_floats(&own, COUNT);
            sn_step_report report;
            sn_optimiser_step(optimiser, values[t], gradients, (const bool[2]){true, s != 1}, 1e-3, &report);
            if (s == 0) {
                double exact = 0;
                for (int i = 0; i < COUNT; i++)
                    exact += i < 50000 || i >= 50003 ? (double)gradients[i] * (double)gradients[i] : 0;
                ck_assert_double_lt(fabs(report.norm / sqrt(exact) - 1), 1e-6);
                ck_assert_double_lt(fabs(report.scale * report.norm - 5), 1e-4);
                ck_assert(t == 0 || report.norm == norm);
                norm = report.norm;
            }
            free(gradients);
        }
        memcpy(averages[t], optimiser->averages, COUNT * sizeof *start);
        sn_optimiser_destroy(optimiser);
        ck_assert_int_eq(memcmp(values[t], values[0], COUNT * sizeof *start), 0);
        ck_assert_int_eq(memcmp(averages[t], averages[0], COUNT * sizeof *start), 0);
        sn_threads_leave(former);
    }
    ck_assert_int_ne(memcmp(values[0], start, COUNT * sizeof *start), 0);
    for (int t = 0; t < 3; t++)
        free(values[t]), free(averages[t]);
    free(start);
}
END_TEST

START_TEST(wrong_optimisers) {
    const float values[7] = {0};
    sn_optimiser *optimiser;
    sn_range bad[3];
    sn_optimiser_options options = usual;
    memcpy(bad, small_ranges, sizeof bad);
    ck_fails(sn_optimiser_create(&optimiser, values, 6, bad, 3, 2, &usual), SNARM_ERROR_ARGUMENT,
             "range 2 is 2 values from 5");
    ck_fails(sn_optimiser_create(&optimiser, values, 7, bad, 2, 2, &usual), SNARM_ERROR_ARGUMENT,
             "end at 5, expected 7");
    ck_fails(sn_optimiser_create(&optimiser, values, 7, bad, 3, 1, &usual), SNARM_ERROR_ARGUMENT,
             "group 1, expected 0..0");
    bad[1].begin = 4;
    ck_fails(sn_optimiser_create(&optimiser, values, 7, bad, 3, 2, &usual), SNARM_ERROR_ARGUMENT,
             "range 1 is 2 values from 4");
    options.beta1 = 1;
    ck_fails(sn_optimiser_create(&optimiser, values, 7, small_ranges, 3, 2, &options), SNARM_ERROR_ARGUMENT,
             "beta1 is 1");
    options = usual, options.epsilon = 0;
    ck_fails(sn_optimiser_create(&optimiser, values, 7, small_ranges, 3, 2, &options), SNARM_ERROR_ARGUMENT,
             "epsilon is 0");
    options = usual, options.clip = NAN;
    ck_fails(sn_optimiser_create(&optimiser, values, 7, small_ranges, 3, 2, &options), SNARM_ERROR_ARGUMENT,
             "clip is");
    options = usual, options.average = -0.5;
    ck_fails(sn_optimiser_create(&optimiser, values, 7, small_ranges, 3, 2, &options), SNARM_ERROR_ARGUMENT,
             "average is -0.5");
    ck_assert_ptr_null(optimiser);
    sn_optimiser_destroy(NULL);
}
END_TEST

START_TEST(learning_rates) {
    const sn_schedule s = {110, 10, 1e-3, 0.1};
    ck_ok(sn_schedule_check(&s));
    ck_assert_double_lt(fabs(sn_schedule_rate(&s, 0) - 1e-4), 1e-15);
    ck_assert_double_lt(fabs(sn_schedule_rate(&s, 4) - 5e-4), 1e-15);
    ck_assert_double_lt(fabs(sn_schedule_rate(&s, 9) - 1e-3), 1e-15);
    ck_assert_double_lt(fabs(sn_schedule_rate(&s, 10) - 1e-3), 1e-15);
    ck_assert_double_lt(fabs(sn_schedule_rate(&s, 35) - 1e-3 * (0.1 + 0.9 * (1 + sqrt(0.5)) / 2)), 1e-15);
    ck_assert_double_lt(fabs(sn_schedule_rate(&s, 60) - 5.5e-4), 1e-15);
    ck_assert_double_lt(fabs(sn_schedule_rate(&s, 110) - 1e-4), 1e-15);
    ck_assert_double_lt(fabs(sn_schedule_rate(&s, 9999) - 1e-4), 1e-15);
    for (int64_t i = 10; i < 110; i++)
        ck_assert_double_gt(sn_schedule_rate(&s, i), sn_schedule_rate(&s, i + 1));
    const sn_schedule all_warm = {5, 5, 2, 0}, none_warm = {5, 0, 2, 0};
    ck_ok(sn_schedule_check(&all_warm));
    ck_ok(sn_schedule_check(&none_warm));
    ck_assert(sn_schedule_rate(&all_warm, 4) == 2 && sn_schedule_rate(&all_warm, 5) == 0);
    ck_assert(sn_schedule_rate(&none_warm, 0) == 2 && sn_schedule_rate(&none_warm, 4) > 0);
    ck_fails(sn_schedule_check(&(sn_schedule){0, 0, 1, 0}), SNARM_ERROR_ARGUMENT, "steps is 0");
    ck_fails(sn_schedule_check(&(sn_schedule){5, 6, 1, 0}), SNARM_ERROR_ARGUMENT, "warmup is 6");
    ck_fails(sn_schedule_check(&(sn_schedule){5, 1, NAN, 0}), SNARM_ERROR_ARGUMENT, "peak is");
    ck_fails(sn_schedule_check(&(sn_schedule){5, 1, 1, 1.5}), SNARM_ERROR_ARGUMENT, "final is 1.5");
}
END_TEST

START_TEST(ranges_of_a_scorer) {
    sn_scorer_weights sizes = scorer_paper_sizes(), *weights;
    sizes.channels = 8, sizes.embedding = 4, sizes.branches = 12, sizes.depth = 11;
    for (size_t b = 4; b < 12; b++)
        sizes.rates[b] = b;
    ck_ok(sn_scorer_weights_create(&weights, &sizes));
    sn_range *ranges = malloc(weights->count * sizeof *ranges);
    sn_parameter_ranges(weights, ranges);
    static const struct {
        const char *name;
        size_t group;
        sn_range_kind kind;
    } some[] = {{"simple_predictor.weight", 0, SN_RANGE_DECAYED},
                {"simple_predictor.bias", 0, SN_RANGE_UNDECAYED},
                {"conv_list.11.weight", 12, SN_RANGE_DECAYED},
                {"conv_list.3.bias", 4, SN_RANGE_UNDECAYED},
                {"mamba_list.2.10.norm.weight", 3, SN_RANGE_UNDECAYED},
                {"mamba_list.10.2.conv.weight", 11, SN_RANGE_DECAYED},
                {"mamba_list.0.1.mixer.conv1d.weight", 1, SN_RANGE_DECAYED},
                {"mamba_list.0.1.mixer.A_log", 1, SN_RANGE_UNDECAYED},
                {"mamba_list.0.1.mixer.D", 1, SN_RANGE_UNDECAYED},
                {"mamba_list.0.1.mixer.dt_proj.bias", 1, SN_RANGE_UNDECAYED},
                {"mamba_list.0.1.mixer.dt_proj.weight", 1, SN_RANGE_DECAYED},
                {"norm_list.5.bias", 6, SN_RANGE_UNDECAYED},
                {"head_list.3.0.conv.weight", 1, SN_RANGE_DECAYED},
                {"head_list.4.0.norm.weight", 2, SN_RANGE_UNDECAYED},
                {"head_list.47.0.norm.running_mean", 12, SN_RANGE_STATISTIC},
                {"head_list.46.0.norm.running_var", 12, SN_RANGE_STATISTIC},
                {"head_list.0.1.weight", 1, SN_RANGE_DECAYED},
                {"head_list.0.1.bias", 1, SN_RANGE_UNDECAYED}};
    for (size_t k = 0; k < sizeof some / sizeof *some; k++) {
        size_t i = 0;
        while (i < weights->count && strcmp(weights->table[i].name, some[k].name) != 0)
            i++;
        ck_assert_msg(i < weights->count, "%s is in no table", some[k].name);
        ck_assert_msg(ranges[i].group == some[k].group && ranges[i].kind == some[k].kind,
                      "%s: group %zu, kind %d", some[k].name, ranges[i].group, (int)ranges[i].kind);
        ck_assert(ranges[i].begin == (size_t)(weights->table[i].data - weights->values));
    }
    sn_optimiser *optimiser;
    ck_ok(sn_optimiser_create(&optimiser, weights->values, weights->values_count, ranges, weights->count,
                              sn_parameter_groups(weights), &usual));
    sn_optimiser_destroy(optimiser);
    free(ranges);
    sn_scorer_weights_destroy(weights);
}
END_TEST

int main(void) {
    sn_rng_seed(&rng, 12, 0);
    Suite *suite = suite_create("optimiser");
    TCase *cases = tcase_create("optimiser");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, steps_are_pytorchs);
    tcase_add_test(cases, others_are_left_alone);
    tcase_add_test(cases, threads_change_no_bit);
    tcase_add_test(cases, wrong_optimisers);
    tcase_add_test(cases, learning_rates);
    tcase_add_test(cases, ranges_of_a_scorer);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
