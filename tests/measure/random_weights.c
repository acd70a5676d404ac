/* random_weights KIND FILE: a file of random weights at full size, for measurements of speed.
 * KIND: vit (ViT-B/14 with four registers, Meta's names), small_vit (the same of 64 channels), resnet18,
 * half_resnet18 (the same in F16, to layer3), wide_resnet (WideResNet-50-2), small_wide_resnet (its blocks, a
 * quarter as wide), scorer (the paper's sizes, C = 512). */
#include "make_scorer.h"
#include "networks.h"
#include "support.h"

#include <stdio.h>
#include <string.h>

static const char *path;

START_TEST(vit) {
    static const vit_shape shape = {.names = META_NAMES, .dim = 768, .depth = 12, .patch = 14, .registers = 4,
                                    .mlp = 3072, .side = 37, .layer_scale = true};
    write_vit(path, &shape, &(file_changes){0});
}
END_TEST

START_TEST(small_vit) {
    static const vit_shape shape = {.names = META_NAMES, .dim = 64, .depth = 12, .patch = 14, .registers = 4,
                                    .mlp = 256, .side = 37, .layer_scale = true};
    write_vit(path, &shape, &(file_changes){0});
}
END_TEST

START_TEST(resnet18) {
    static const resnet_shape shape = {false, 64, 64, {2, 2, 2, 2}};
    write_resnet(path, &shape, &(file_changes){0});
}
END_TEST

START_TEST(half_resnet18) {
    static const resnet_shape shape = {false, 64, 64, {2, 2, 2, 0}};
    write_resnet(path, &shape, &(file_changes){.half = true});
}
END_TEST

START_TEST(small_wide_resnet) {
    static const resnet_shape shape = {true, 16, 32, {2, 2, 2, 0}};
    write_resnet(path, &shape, &(file_changes){0});
}
END_TEST

START_TEST(wide_resnet) {
    static const resnet_shape shape = {true, 64, 128, {3, 4, 6, 3}};
    write_resnet(path, &shape, &(file_changes){0});
}
END_TEST

START_TEST(scorer) {
    const sn_scorer_weights sizes = scorer_paper_sizes();
    ck_ok(make_scorer(path, &sizes, 1));
}
END_TEST

/* The generators are the tests' and report failures to Check: they run as a test of one case. */
int main(int argc, char **argv) {
    static const struct {
        const char *kind;
        const TTest *const *test;
    } kinds[] = {{"vit", &vit},
                 {"small_vit", &small_vit},
                 {"resnet18", &resnet18},
                 {"half_resnet18", &half_resnet18},
                 {"wide_resnet", &wide_resnet},
                 {"small_wide_resnet", &small_wide_resnet},
                 {"scorer", &scorer}};
    for (size_t i = 0; argc == 3 && i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(argv[1], kinds[i].kind) != 0)
            continue;
        path = argv[2];
        Suite *suite = suite_create(kinds[i].kind);
        TCase *one = tcase_create("write");
        tcase_set_timeout(one, 600);
        tcase_add_test(one, *kinds[i].test);
        suite_add_tcase(suite, one);
        return run_suite(suite);
    }
    fprintf(stderr, "usage: random_weights vit|small_vit|resnet18|half_resnet18|wide_resnet|small_wide_resnet|scorer"
                    " FILE\n");
    return 2;
}
