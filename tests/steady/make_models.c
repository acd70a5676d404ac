/* make_models FOLDER: small models of every kind that inspects in its own way, with networks of random weights, for steady_state. */
#define _GNU_SOURCE
#include "../unit/make_scorer.h"
#include "../unit/networks.h"
#include "../unit/pictures.h"
#include "support.h"

#include "snarm/snarm.h"

#include <stdio.h>

enum { PICTURES = 10, CHANNELS = 32, FILTERED = 4096 };

static uint8_t pictures[PICTURES][PICTURE_SIDE * PICTURE_SIDE * 3];
static const char *folder;
static char resnet[512], vit[512], scorer[512];

static snarm_status give(void *user, size_t index, snarm_image *image) {
    (void)user;
    *image = view_picture(pictures[index]);
    return SNARM_OK;
}

static snarm_fit_options usual(void) {
    snarm_fit_options options;
    snarm_fit_options_init(&options);
    options.width = options.height = PICTURE_SIDE;
    options.bank_size = 200;
    options.threads = 2;
    return options;
}

static void make(const char *name, const char *network, const snarm_fit_options *options) {
    const snarm_image_source source = {PICTURES, give, NULL, NULL};
    char path[512];
    snprintf(path, sizeof path, "%s/%s.snarm", folder, name);
    snarm_detector *detector;
    ck_ok(snarm_detector_fit(&detector, network, &source, options));
    ck_ok(snarm_detector_save(detector, path));
    snarm_detector_destroy(detector);
}

START_TEST(make_all) {
    sn_rng rng;
    sn_rng_seed(&rng, 41, 0);
    snprintf(resnet, sizeof resnet, "%s/resnet.safetensors", folder);
    snprintf(vit, sizeof vit, "%s/vit.safetensors", folder);
    snprintf(scorer, sizeof scorer, "%s/scorer.safetensors", folder);
    write_resnet(resnet, &(resnet_shape){false, 16, 16, {1, 1, 1, 0}}, &(file_changes){0});
    write_vit(vit, &(vit_shape){.names = TIMM_NAMES, .dim = 64, .depth = 3, .patch = 16, .mlp = 128, .side = 4}, &(file_changes){0});
    sn_scorer_weights sizes = scorer_paper_sizes();
    sizes.channels = CHANNELS;
    sizes.embedding = 16;
    ck_ok(make_scorer(scorer, &sizes, 5));
    for (int i = 0; i < PICTURES; i++)
        paint_picture(&rng, pictures[i], false);

    snarm_fit_options options = usual();
    make("plain", resnet, &options);
    options.resize_width = 80, options.smoothing = -1;
    make("cropped", resnet, &options);
    options = usual();
    options.layers[0] = 1, options.layers[1] = 2, options.layer_count = 2;
    make("vit", vit, &options);
    options = usual();
    options.width = options.height = 192, options.bank_size = FILTERED;
    make("filtered", resnet, &options);
    options = usual();
    options.channels = CHANNELS, options.scorer_path = scorer;
    make("scorer", resnet, &options);
    options.width = 100, options.height = 96, options.tile_width = 64;
    make("tiled-scorer", resnet, &options);
    options.channels = 0, options.scorer_path = NULL;
    make("tiled", resnet, &options);
    options = usual();
    snarm_train_options train;
    snarm_train_options_init(&train);
    train.steps = 20;
    options.train = &train;
    make("trained", resnet, &options);
    options.width = 100, options.height = 96, options.tile_width = 64;
    make("tiled-trained", resnet, &options);
}
END_TEST

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: make_models FOLDER\n");
        return 2;
    }
    folder = argv[1];
    Suite *suite = suite_create("models");
    TCase *cases = tcase_create("models");
    tcase_set_timeout(cases, 240);
    tcase_add_test(cases, make_all);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
