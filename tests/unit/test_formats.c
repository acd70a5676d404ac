/* Files of every format that was ever released are read, and mean what they meant: tests/formats. */
#include "../formats/specimen.h"
#include "snarm/snarm.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *path_of(const char *name) {
    static char path[4096];
    const char *folder = getenv("SNARM_FORMATS");
    ck_assert_msg(folder != NULL, "SNARM_FORMATS is not set");
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static snarm_result inspect(const snarm_detector *detector, bool depth, int part) {
    uint8_t pixels[SPECIMEN_PIXELS];
    static float points[SPECIMEN_PIXELS * 3];
    const snarm_image image = specimen_picture(part, pixels);
    const snarm_depth relief = specimen_depth(part, points);
    snarm_result result = {.struct_size = sizeof result};
    if (depth)
        ck_ok(snarm_detector_inspect_depth(detector, &image, &relief, &result, NULL));
    else
        ck_ok(snarm_detector_inspect(detector, &image, &result, NULL));
    return result;
}

/* Other processors round otherwise. */
static void expect_near(const char *name, double found, double expected) {
    ck_assert_msg(fabs(found - expected) <= 1e-4 * fabs(expected) + 1e-6, "%s: %.9g, expected %.9g", name, found, expected);
}

START_TEST(models_mean_what_they_meant) {
    FILE *scores = fopen(path_of("scores.txt"), "r");
    ck_assert_ptr_nonnull(scores);
    char line[256], name[64];
    int models = 0;
    while (fgets(line, sizeof line, scores) != NULL) {
        double good, defective, threshold;
        if (line[0] == '#')
            continue;
        ck_assert_msg(sscanf(line, "%63s %lf %lf %lf", name, &good, &defective, &threshold) == 4, "%s", line);
        snarm_detector *detector;
        snarm_detector_options options;
        snarm_detector_options_init(&options);
        options.precision = SNARM_PRECISION_F32;
        ck_ok(snarm_detector_load(&detector, path_of(name), &options));
        snarm_detector_info info = {.struct_size = sizeof info};
        ck_ok(snarm_detector_get_info(detector, &info));
        ck_assert_int_eq(info.format_version, name[strlen("model-")] - '0');
        expect_near(name, (double)inspect(detector, info.has_depth, 0).score, good);
        const snarm_result result = inspect(detector, info.has_depth, SPECIMEN_DEFECT);
        expect_near(name, (double)result.score, defective);
        expect_near(name, (double)result.threshold, threshold);
        snarm_detector_destroy(detector);
        models++;
    }
    fclose(scores);
    ck_assert_int_ge(models, 5);
}
END_TEST

START_TEST(bank_keeps_its_order) {
    snarm_bank *bank;
    ck_ok(snarm_bank_load(&bank, path_of("bank-1.safetensors"), NULL));
    size_t count;
    int32_t channels, images;
    ck_ok(snarm_bank_get_size(bank, &count, &channels, &images));
    ck_assert(count == 60 && images == SPECIMEN_PARTS);
    const float *vectors;
    ck_ok(snarm_bank_get_vectors(bank, &vectors, NULL));
    float distance;
    int32_t nearest;
    ck_ok(snarm_bank_search(bank, vectors + 7 * channels, 1, 1, -1, &distance, &nearest));
    ck_assert(nearest == 7 && distance < 1e-3f);
    snarm_bank_destroy(bank);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("formats");
    TCase *tests = tcase_create("formats");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, models_mean_what_they_meant);
    tcase_add_test(tests, bank_keeps_its_order);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
