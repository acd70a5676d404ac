/* gradients [DIR]: the errors of every kind of parameter's gradient, as a table in Markdown: against the
 * published code's (DIR/scorer_small_grad; $SNARM_SHARED/golden or ../shared/golden by default), and against
 * differences of the network in double precision. Exit status 1 where they disagree or a kind is missing. */
#include "golden.h"
#include "reference_training.h"
#include "support.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SINGLES = 12 };

static const double tolerance = 2e-5;

typedef struct kind {
    const char *name, *pattern;
    size_t tensors, values; /* compared with the published code's */
    size_t own_tensors;     /* compared with differences */
    double published, differences;
} kind;

static kind kinds[] = {{.name = "navigator", .pattern = "simple_predictor.*"},
                       {.name = "1x1 embedding", .pattern = "conv_list.*"},
                       {.name = "RMS norm", .pattern = "mamba_list.*.norm.weight"},
                       {.name = "3x3 convolution", .pattern = "mamba_list.*.conv.*"},
                       {.name = "in_proj", .pattern = "*.mixer.in_proj.weight"},
                       {.name = "conv1d", .pattern = "*.mixer.conv1d.*"},
                       {.name = "x_proj", .pattern = "*.mixer.x_proj.weight"},
                       {.name = "dt_proj", .pattern = "*.mixer.dt_proj.*"},
                       {.name = "A_log", .pattern = "*.mixer.A_log"},
                       {.name = "D", .pattern = "*.mixer.D"},
                       {.name = "out_proj", .pattern = "*.mixer.out_proj.weight"},
                       {.name = "layer norm", .pattern = "norm_list.*"},
                       {.name = "dilated head convolution", .pattern = "head_list.*.0.conv.weight"},
                       {.name = "batch norm", .pattern = "head_list.*.0.norm.*"},
                       {.name = "output 1x1", .pattern = "head_list.*.1.*"}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static int failures;

static kind *kind_of(const char *name) {
    for (size_t i = 0; i < KINDS; i++)
        if (fnmatch(kinds[i].pattern, name, 0) == 0)
            return &kinds[i];
    fprintf(stderr, "%s: of no kind\n", name);
    failures++;
    return NULL;
}

static void raise_to(double *largest, double error) {
    if (!(error <= *largest)) /* a NaN too */
        *largest = isnan(error) ? INFINITY : error;
}

static void compare_published(void *user, const char *name, const float *found, const float *expected,
                              size_t count) {
    (void)user;
    kind *k = kind_of(name);
    if (k == NULL)
        return;
    double largest = 0, difference = 0;
    for (size_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs((double)expected[i]));
        raise_to(&difference, fabs((double)found[i] - (double)expected[i]));
    }
    k->tensors++, k->values += count;
    raise_to(&k->published, difference / largest);
}

/* As the published vectors' network, smaller. */
static const training_sizes cases[] = {{.batch = 3,
                                        .width = 5,
                                        .height = 7,
                                        .hard = 9,
                                        .channels = 6,
                                        .embedding = 16,
                                        .depth = 2,
                                        .states = 4,
                                        .rank = 1,
                                        .taps = 4,
                                        .branches = 2,
                                        .rates = {1, 2},
                                        .seed = 1},
                                       {.batch = 3,
                                        .width = 7,
                                        .height = 5,
                                        .hard = 9,
                                        .channels = 6,
                                        .embedding = 10,
                                        .depth = 3,
                                        .states = 4,
                                        .rank = 2,
                                        .taps = 4,
                                        .branches = 2,
                                        .rates = {2, 3},
                                        .branch = 1,
                                        .dropout = 0.1,
                                        .seed = 2}};

static void compare_differences(const training_sizes *sizes) {
    training_case *c = make_training_case(sizes);
    float *logits = malloc(c->results * sizeof *logits),
          *gradients = calloc(c->weights->values_count, sizeof *gradients);
    run_training(c, 2, logits, gradients);
    reference_training(c, false);
    for (size_t i = 0; i < c->weights->count; i++) {
        const sn_weight *weight = &c->weights->table[i];
        kind *k = has_gradient(c, weight) ? kind_of(weight->name) : NULL;
        if (k == NULL)
            continue;
        k->own_tensors++;
        raise_to(&k->differences, training_error(c, weight, gradients, SINGLES));
    }
    free(logits), free(gradients);
    free_training_case(c);
}

static void print_table(void) {
    printf("| parameter kind | tensors | values | largest relative error against golden | largest relative "
           "error against finite "
           "differences |\n| --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < KINDS; i++) {
        const kind *k = &kinds[i];
        printf("| %s | %zu | %zu | %.1e | %.1e |\n", k->name, k->tensors, k->values, k->published,
               k->differences);
        if (k->tensors == 0 || k->own_tensors == 0 || !(k->published <= tolerance) ||
            !(k->differences <= tolerance)) {
            fprintf(stderr, "%s: errors above %g, or nothing compared\n", k->name, tolerance);
            failures++;
        }
    }
}

START_TEST(tables) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        compare_differences(&cases[i]);
}
END_TEST

int main(int argc, char **argv) {
    char folder[4096];
    const char *shared = getenv("SNARM_SHARED");
    if (argc > 2) {
        fprintf(stderr, "usage: gradients [DIR]\n");
        return 2;
    }
    if (argc > 1)
        snprintf(folder, sizeof folder, "%s", argv[1]);
    else
        snprintf(folder, sizeof folder, "%s/golden", shared != NULL ? shared : "../shared");
    report r = {0};
    compare_gradients(&r, folder, "scorer_small", compare_published, NULL);
    if (r.failed) {
        fprintf(stderr, "%s\n", r.note);
        return 1;
    }
    /* The reference reports failures to Check: it runs as a test of one case. */
    Suite *suite = suite_create("gradients");
    TCase *one = tcase_create("differences");
    tcase_set_timeout(one, 600);
    tcase_add_test(one, tables);
    suite_add_tcase(suite, one);
    const int status = run_suite(suite);
    print_table();
    return status != 0 || failures > 0;
}
