/* Writes one small file of every format that this version writes, and what inspecting with the models gives:
 *
 *     build/tests/make_specimens tests/formats
 *
 * Run it when a format comes or changes, before its first release. Files of released formats stay as they are, for good: what
 * tests/unit/test_formats.c proves is that later versions read them. model-1-trained.snarm is of version 0.1.0: trained models of
 * such networks are of format 4 since. */
#define _GNU_SOURCE
#include "networks.h"
#include "snarm/snarm.h"
#include "specimen.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char folder[4096 - 64];
static FILE *scores;

static const char *path_of(const char *name) {
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static snarm_status give(void *user, size_t part, snarm_image *image) {
    static uint8_t pixels[SPECIMEN_PIXELS];
    (void)user;
    *image = specimen_picture((int)part, pixels);
    return SNARM_OK;
}

static snarm_status give_depth(void *user, size_t part, snarm_depth *depth) {
    static float points[SPECIMEN_PIXELS * 3];
    (void)user;
    *depth = specimen_depth((int)part, points);
    return SNARM_OK;
}

static void make_model(const char *name, const char *network, int32_t tile, bool depth, bool trained) {
    const snarm_image_source source = {SPECIMEN_PARTS, give, NULL, NULL};
    const snarm_depth_source depths = {SPECIMEN_PARTS, give_depth, NULL, NULL};
    snarm_train_options training;
    snarm_train_options_init(&training);
    training.steps = 4, training.samples = 24, training.embedding = 8, training.batch = 4;
    snarm_fit_options options;
    snarm_fit_options_init(&options);
    options.width = options.height = SPECIMEN_SIDE;
    options.tile_width = tile;
    options.bank_size = 60;
    options.precision = SNARM_PRECISION_F32; /* as those who read them look at them */
    options.depths = depth ? &depths : NULL;
    options.train = trained ? &training : NULL;
    if (trained) { /* all that format 4 is for */
        options.even_light = 0.5, options.both_lights = 1, options.map_contrast = 0.5;
        options.layer_count = 3, options.layers[0] = 1, options.layers[1] = 2, options.layers[2] = 3;
    }
    snarm_detector *detector;
    ck_ok(snarm_detector_fit(&detector, network, &source, &options));
    ck_ok(snarm_detector_save(detector, path_of(name)));
    fprintf(scores, "%s", name);
    for (int part = 0; part <= SPECIMEN_DEFECT; part += SPECIMEN_DEFECT) {
        uint8_t pixels[SPECIMEN_PIXELS];
        static float points[SPECIMEN_PIXELS * 3];
        const snarm_image image = specimen_picture(part, pixels);
        const snarm_depth relief = specimen_depth(part, points);
        snarm_result result = {.struct_size = sizeof result};
        ck_ok(depth ? snarm_detector_inspect_depth(detector, &image, &relief, &result, NULL)
                    : snarm_detector_inspect(detector, &image, &result, NULL));
        fprintf(scores, " %.9g", (double)result.score);
        if (part == SPECIMEN_DEFECT)
            fprintf(scores, " %.9g\n", (double)result.threshold);
    }
    if (!depth && tile == 0 && !trained)
        ck_ok(snarm_bank_save(snarm_detector_bank(detector), path_of("bank-1.safetensors")));
    snarm_detector_destroy(detector);
}

/* A test, since what writes networks says what went wrong as tests do. */
START_TEST(specimens) {
    scores = fopen(path_of("scores.txt"), "w");
    ck_assert_msg(scores != NULL, "%s cannot be written", path_of("scores.txt"));
    char network[256];
    snprintf(network, sizeof network, "%s", scratch_file("resnet.safetensors"));
    write_resnet(network, &(resnet_shape){false, 8, 8, {1, 1, 1, 0}}, &(file_changes){.half = true});
    fprintf(scores, "# Model, score of the good part 0, score of the defective part, threshold. Written by make_specimens.\n");
    make_model("model-1.snarm", network, 0, false, false);
    make_model("model-2.snarm", network, 32, false, false);
    make_model("model-3.snarm", network, 0, true, false);
    make_model("model-4.snarm", network, 0, false, true);
    ck_assert_int_eq(fclose(scores), 0);
}
END_TEST

int main(int argc, char **argv) {
    if (argc != 2 || strlen(argv[1]) >= sizeof folder) {
        fprintf(stderr, "usage: make_specimens FOLDER\n");
        return 2;
    }
    strcpy(folder, argv[1]);
    Suite *suite = suite_create("specimens");
    TCase *tests = tcase_create("specimens");
    tcase_add_test(tests, specimens);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
