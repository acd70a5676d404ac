/* The network in training: logits and every kind of gradient against the same network in double precision. */
#include "core/threads.h"
#include "reference_training.h"
#include "support.h"
#include "train/widen.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const float untouched = 12345.0f;
static const double tolerance = 2e-5;

static training_sizes small(size_t embedding, size_t depth, size_t hard, double dropout) {
    return (training_sizes){.batch = 3,
                            .width = 5,
                            .height = 7,
                            .hard = hard,
                            .channels = 6,
                            .embedding = embedding,
                            .depth = depth,
                            .states = 4,
                            .rank = 1,
                            .taps = 4,
                            .branches = 2,
                            .rates = {1, 2},
                            .dropout = dropout,
                            .seed = embedding * 100 + depth * 10 + hard};
}

static float *filled(size_t count, float value) {
    float *values = malloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = value;
    return values;
}

static double check_logits(const training_case *c, const float *logits) {
    double difference = 0, largest = 0;
    for (size_t i = 0; i < c->results; i++) {
        const double d = fabs((double)logits[i] - c->logits[i]);
        difference = d <= difference ? difference : isnan(d) ? INFINITY : d;
        largest = fmax(largest, fabs(c->logits[i]));
    }
    ck_assert_msg(difference <= 1e-5 * largest, "logits differ by %g of %g", difference, largest);
    return difference / largest;
}

/* The running statistics of the branch's heads go a tenth of the way to the batch's; no other value changes.
 */
static void check_statistics(const training_case *c) {
    const size_t d = c->sizes.embedding;
    const float *values = c->weights->values;
    for (size_t i = 0; i < c->weights->values_count; i++) {
        double expected = c->values[i];
        for (size_t scan = 0; scan < SN_SCANS; scan++) {
            const sn_head_weights *head = &c->weights->heads[c->sizes.branch * SN_SCANS + scan];
            const size_t mean = i - sn_weight_offset(c->weights, head->mean);
            const size_t variance = i - sn_weight_offset(c->weights, head->variance);
            if (mean < d)
                expected += 0.1 * (c->mean[scan * d + mean] - expected);
            if (variance < d)
                expected += 0.1 * (c->variance[scan * d + variance] - expected);
        }
        if (expected == c->values[i])
            ck_assert_msg((double)values[i] == expected, "value %zu moved to %g from %g", i,
                          (double)values[i], expected);
        else
            ck_assert_double_eq_tol((double)values[i], expected, 2e-6);
    }
}

/* Returns the largest error of a gradient. */
static double check_gradients(training_case *c, const float *gradients) {
    double largest = 0;
    for (size_t i = 0; i < c->weights->count; i++) {
        const sn_weight *weight = &c->weights->table[i];
        const float *found = gradients + (weight->data - c->weights->values);
        if (!has_gradient(c, weight)) {
            for (size_t j = 0; j < weight->count; j++)
                ck_assert_msg(found[j] == untouched, "the gradient of %s[%zu] was written", weight->name, j);
            continue;
        }
        if (c->sizes.hard == 0 && strstr(weight->name, ".mixer.") != NULL) {
            for (size_t j = 0; j < weight->count; j++)
                ck_assert_msg(found[j] == 0, "%s[%zu] has a gradient without a hard patch", weight->name, j);
            continue;
        }
        const double error = training_error(c, weight, gradients, 4);
        ck_assert_msg(error <= tolerance, "the gradient of %s differs by %g of its largest value",
                      weight->name, error);
        largest = fmax(largest, error);
    }
    return largest;
}

static void check_case(const training_sizes *sizes, const char *what) {
    training_case *c = make_training_case(sizes);
    float *logits = filled(c->results, NAN), *gradients = filled(c->weights->values_count, untouched);
    run_training(c, 2, logits, gradients);
    reference_training(c, false);
    const double forward = check_logits(c, logits);
    check_statistics(c);
    printf("%-40s logits %.1e gradients %.1e\n", what, forward, check_gradients(c, gradients));
    free(logits), free(gradients);
    free_training_case(c);
}

START_TEST(depths) {
    const training_sizes one = small(16, 1, 9, 0), two = small(16, 2, 9, 0), three = small(10, 3, 9, 0);
    check_case(&one, "D 16, depth 1");
    check_case(&two, "D 16, depth 2");
    check_case(&three, "D 10, depth 3");
}
END_TEST

START_TEST(hard_patches) {
    const training_sizes none = small(10, 2, 0, 0), single = small(16, 1, 1, 0), all = small(10, 2, 35, 0);
    check_case(&none, "no hard patch");
    check_case(&all, "all patches hard");
    /* With one step from a state of 0, nothing decays: A_log has no gradient. */
    check_case(&single, "one hard patch");
}
END_TEST

START_TEST(dropout) {
    const training_sizes some = small(10, 1, 9, 0.1), much = small(16, 2, 9, 0.6);
    check_case(&some, "D 10, depth 1, dropout 0.1");
    check_case(&much, "D 16, depth 2, dropout 0.6");
}
END_TEST

/* The other branch; a rate at which all but the kernels' centres lie outside the grid, so that the batch norm
 * takes the last norm's shift away again; other sizes of the mixer. */
START_TEST(branches) {
    training_sizes sizes = small(10, 2, 9, 0.1);
    sizes.branch = 1;
    check_case(&sizes, "branch 1 of 2");
    sizes.rates[0] = 3, sizes.rates[1] = 12, sizes.batch = 1, sizes.states = 3, sizes.rank = 2,
    sizes.taps = 3;
    check_case(&sizes, "rate 12, batch 1, other mixers");
    sizes.width = 7, sizes.height = 5, sizes.branch = 0;
    check_case(&sizes, "7x5, rate 3");
}
END_TEST

/* The dropout follows its key. */
START_TEST(keys) {
    const training_sizes sizes = small(16, 1, 9, 0.3);
    training_case *c = make_training_case(&sizes);
    float *first = filled(c->results, 0), *second = filled(c->results, 0);
    float *gradients = filled(c->weights->values_count, 0);
    run_training(c, 1, first, gradients);
    c->batch.key++;
    run_training(c, 1, second, gradients);
    ck_assert_int_ne(memcmp(first, second, c->results * sizeof *first), 0);
    c->batch.key--;
    run_training(c, 1, second, gradients);
    ck_assert_int_eq(memcmp(first, second, c->results * sizeof *first), 0);
    free(first), free(second), free(gradients);
    free_training_case(c);
}
END_TEST

typedef struct outcome {
    float *logits, *gradients, *values;
} outcome;

/* A fresh network each time, so that running statistics start alike. */
static outcome run_once(const training_sizes *sizes, int threads) {
    training_case *c = make_training_case(sizes);
    const size_t bytes = c->weights->values_count * sizeof(float);
    outcome o = {filled(c->results, 0), filled(c->weights->values_count, 0), malloc(bytes)};
    run_training(c, threads, o.logits, o.gradients);
    memcpy(o.values, c->weights->values, bytes);
    free_training_case(c);
    return o;
}

static void free_outcome(outcome *o) {
    free(o->logits), free(o->gradients), free(o->values);
}

START_TEST(deterministic) {
    training_sizes sizes = small(16, 2, 9, 0.1);
    sizes.width = 11, sizes.height = 13, sizes.hard = 40;
    training_case *c = make_training_case(&sizes);
    const size_t results = c->results * sizeof(float), values = c->weights->values_count * sizeof(float);
    free_training_case(c);
    for (int threads = 1; threads <= 3; threads++) {
        outcome first = run_once(&sizes, threads);
        for (int again = 0; again < 3; again++) {
            outcome o = run_once(&sizes, threads);
            ck_assert_int_eq(memcmp(first.logits, o.logits, results), 0);
            ck_assert_int_eq(memcmp(first.gradients, o.gradients, values), 0);
            ck_assert_int_eq(memcmp(first.values, o.values, values), 0);
            free_outcome(&o);
        }
        free_outcome(&first);
    }
}
END_TEST

/* Nothing of a batch is left over for the next one, of the same branch or another. */
START_TEST(in_turn) {
    const training_sizes sizes = small(10, 2, 9, 0.1);
    training_case *c = make_training_case(&sizes);
    const size_t count = c->weights->values_count;
    float *logits = filled(c->results, 0), *gradients = filled(count, 0), *again = filled(count, 0);
    const int former = sn_threads_enter(2);
    const sn_scorer_training_shape shape = {c->sizes.batch, c->sizes.width, c->sizes.height, c->sizes.hard};
    sn_scorer_training *training;
    ck_ok(sn_scorer_training_create(&training, c->weights, &shape));
    float *const targets[] = {gradients, again, again};
    for (size_t run = 0; run < 3; run++) {
        sn_scorer_batch batch = c->batch;
        batch.branch = run % 2, batch.key += (uint32_t)(run % 2);
        ck_ok(sn_scorer_training_forward(training, c->weights, &batch, logits));
        ck_ok(sn_scorer_training_backward(training, c->weights, &batch, c->diff_logits, targets[run]));
    }
    sn_scorer_training_destroy(training);
    sn_threads_leave(former);
    for (size_t i = 0; i < c->weights->count; i++) {
        const sn_weight *weight = &c->weights->table[i];
        const size_t begin = (size_t)(weight->data - c->weights->values);
        if (has_gradient(c, weight))
            ck_assert_msg(memcmp(gradients + begin, again + begin, weight->count * sizeof(float)) == 0, "%s",
                          weight->name);
    }
    free(logits), free(gradients), free(again);
    free_training_case(c);
}
END_TEST

START_TEST(navigator) {
    const training_sizes sizes = small(10, 1, 9, 0);
    training_case *c = make_training_case(&sizes);
    const sn_scorer_training_shape shape = {c->sizes.batch, c->sizes.width, c->sizes.height, c->sizes.hard};
    sn_scorer_training *training;
    ck_ok(sn_scorer_training_create(&training, c->weights, &shape));
    float *values = filled(c->rows, NAN);
    sn_navigator_training_forward(training, c->weights, c->hybrid, values);
    for (size_t row = 0; row < c->rows; row++) {
        double expected = (double)c->weights->navigator_bias[0];
        for (size_t i = 0; i < c->sizes.channels; i++)
            expected +=
                (double)c->weights->navigator_weight[i] * (double)c->hybrid[row * 2 * c->sizes.channels + i];
        ck_assert_double_eq_tol((double)values[row], expected, 1e-6);
    }
    sn_scorer_training_destroy(training);
    free(values);
    free_training_case(c);
}
END_TEST

/* A network of means, widened: of residuals it gives what the former gives of their quarters' means times sqrt(C / 2), and a mean's gradient is
 * that of its channels' equal weights, together. */
START_TEST(widened) {
    enum { CHANNELS = 10, PAIRS = CHANNELS / 2 };
    training_sizes sizes = small(10, 2, 9, 0.1);
    sizes.channels = 2;
    training_case *narrow = make_training_case(&sizes);
    training_case wide = *narrow;
    const sn_prior prior = {.slope = 2, .centre = 1, .stages = {1, {CHANNELS}}};
    ck_ok(sn_widen(&wide.weights, narrow->weights, CHANNELS, &prior));
    ck_assert(wide.weights->channels == CHANNELS && wide.weights->prior.slope == 2 && wide.weights->prior.stages.count == 1);
    wide.sizes.channels = CHANNELS;
    wide.batch.hybrid = wide.hybrid = filled(narrow->rows * 2 * CHANNELS, 0);
    for (size_t q = 0; q < 4 * narrow->rows; q++) /* values around their mean, on both sides as far */
        for (size_t k = 0; k < PAIRS; k++)
            wide.hybrid[q * PAIRS + k] = narrow->hybrid[q] / sqrtf(PAIRS) + 0.25f * ((float)k - (PAIRS - 1) / 2.0f);
    training_case *const cases[] = {narrow, &wide};
    float *logits[2], *values[2], *gradients[2];
    for (int i = 0; i < 2; i++) {
        training_case *c = cases[i];
        logits[i] = filled(c->results, NAN), values[i] = filled(c->rows, NAN), gradients[i] = filled(c->weights->values_count, 0);
        run_training(c, 2, logits[i], gradients[i]);
        const sn_scorer_training_shape shape = {c->sizes.batch, c->sizes.width, c->sizes.height, c->sizes.hard};
        sn_scorer_training *training;
        const int former = sn_threads_enter(2);
        ck_ok(sn_scorer_training_create(&training, c->weights, &shape));
        sn_navigator_training_forward(training, c->weights, c->hybrid, values[i]);
        sn_scorer_training_destroy(training);
        sn_threads_leave(former);
    }
    for (size_t i = 0; i < narrow->results; i++)
        ck_assert_double_eq_tol((double)logits[1][i], (double)logits[0][i], 1e-5);
    for (size_t row = 0; row < narrow->rows; row++)
        ck_assert_double_eq_tol((double)values[1][row], (double)values[0][row], 1e-5);
    size_t joined = 0;
    for (size_t i = 0; i < narrow->weights->count; i++) {
        const sn_weight *of = &narrow->weights->table[i], *from = &wide.weights->table[i];
        const float *first = gradients[0] + (of->data - narrow->weights->values), *second = gradients[1] + (from->data - wide.weights->values);
        const size_t times = from->count / of->count;
        ck_assert(times == 1 || times == PAIRS);
        joined += times == PAIRS;
        double largest = 0;
        for (size_t j = 0; j < of->count; j++)
            largest = fmax(largest, fabs((double)first[j]));
        for (size_t j = 0; j < of->count; j++) {
            double sum = 0;
            for (size_t k = 0; k < times; k++)
                sum += (double)second[j * times + k] / sqrt((double)times);
            ck_assert_msg(fabs(sum - (double)first[j]) <= tolerance * largest, "%s %zu: %g, %g", of->name, j, sum, (double)first[j]);
        }
    }
    ck_assert_uint_eq(joined, 1 + sizes.branches);
    for (int i = 0; i < 2; i++)
        free(logits[i]), free(values[i]), free(gradients[i]);
    free(wide.hybrid);
    sn_scorer_weights_destroy(wide.weights);
    free_training_case(narrow);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("training");
    TCase *cases = tcase_create("training");
    tcase_set_timeout(cases, 240);
    tcase_add_test(cases, depths);
    tcase_add_test(cases, hard_patches);
    tcase_add_test(cases, dropout);
    tcase_add_test(cases, branches);
    tcase_add_test(cases, keys);
    tcase_add_test(cases, deterministic);
    tcase_add_test(cases, in_turn);
    tcase_add_test(cases, navigator);
    tcase_add_test(cases, widened);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
