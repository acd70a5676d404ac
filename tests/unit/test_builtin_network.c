/* The built-in network: what its file is, wherever it is opened. SNARM_BUILTIN_FILE names the file that was linked in. */
#include "backbone/backbone.h"
#include "backbone/builtin/network.h"
#include "core/rng.h"
#include "networks.h"
#include "pictures.h"
#include "support.h"

#include "snarm/detector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PICTURES = 4, SIDE = 64 };

static uint8_t pictures[PICTURES][PICTURE_SIDE * PICTURE_SIDE * 3];

static snarm_status give(void *user, size_t index, snarm_image *image) {
    (void)user;
    *image = view_picture(pictures[index]);
    return SNARM_OK;
}

static snarm_status fit(snarm_detector **out, const char *backbone, int32_t precision) {
    sn_rng rng;
    sn_rng_seed(&rng, 7, 0);
    for (int i = 0; i < PICTURES; i++)
        paint_picture(&rng, pictures[i], i == PICTURES - 1);
    snarm_fit_options options;
    snarm_fit_options_init(&options);
    options.width = options.height = SIDE;
    options.bank_size = 50;
    options.threads = 1;
    options.precision = precision;
    const snarm_image_source source = {PICTURES - 1, give, NULL, NULL};
    return snarm_detector_fit(out, backbone, &source, &options);
}

static snarm_backbone *open_network(const char *path, int32_t precision) {
    snarm_backbone_options options;
    snarm_backbone_options_init(&options);
    options.width = options.height = SIDE;
    options.precision = precision;
    snarm_backbone *backbone;
    ck_ok(snarm_backbone_create(&backbone, path, &options));
    return backbone;
}

/* A path is a file, even one of that name; only the word alone is the network. */
START_TEST(files_named_so) {
    const char *path = scratch_file("builtin");
    write_resnet(path, &(resnet_shape){true, 16, 16, {1, 1, 1, 0}}, &(file_changes){.metadata = {{"name", "of a file"}}});
    snarm_backbone *backbone = open_network(path, SNARM_PRECISION_AUTO);
    snarm_backbone_info info = {.struct_size = sizeof info};
    ck_ok(snarm_backbone_get_info(backbone, &info));
    ck_assert_str_eq(info.name, "of a file");
    snarm_backbone_destroy(backbone);
    write_resnet(path, &(resnet_shape){true, 16, 16, {1, 1, 1, 0}}, &(file_changes){0});
    backbone = open_network(path, SNARM_PRECISION_AUTO);
    ck_ok(snarm_backbone_get_info(backbone, &info));
    ck_assert_str_eq(info.name, "");
    snarm_backbone_destroy(backbone);
    ck_fails(snarm_backbone_create(&backbone, "", NULL), SNARM_ERROR_IO, "cannot be opened");
    snarm_detector *detector;
    ck_fails(fit(&detector, "", SNARM_PRECISION_AUTO), SNARM_ERROR_IO, "cannot be opened");
}
END_TEST

#ifdef SN_HAVE_BUILTIN_NETWORK
extern const unsigned char sn_builtin_network[], sn_builtin_network_end[];

static const char *file_path(void) {
    const char *path = getenv("SNARM_BUILTIN_FILE");
    ck_assert_msg(path != NULL, "SNARM_BUILTIN_FILE is not set");
    return path;
}

START_TEST(what_it_is) {
    sn_safetensors *file;
    ck_ok(sn_safetensors_open(&file, file_path()));
    char hash[SN_HASH_TEXT];
    ck_ok(sn_hash_file(file_path(), hash));
    const char *const paths[] = {NULL, "builtin", SNARM_BUILTIN_BACKBONE, file_path()};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        snarm_backbone *backbone = open_network(paths[i], SNARM_PRECISION_AUTO);
        snarm_backbone_info info = {.struct_size = sizeof info};
        ck_ok(snarm_backbone_get_info(backbone, &info));
        ck_assert_str_eq(info.hash, hash);
        ck_assert_str_eq(info.name, sn_safetensors_metadata(file, "name"));
        ck_assert_str_eq(info.licence, sn_safetensors_metadata(file, "licence"));
        ck_assert_str_ne(info.name, "");
        ck_assert_str_ne(info.licence, "");
        ck_assert_str_eq(info.architecture, "resnet18");
        ck_assert_int_eq(info.layer_count, 2);
        ck_assert_int_eq(info.layers[0], 2);
        ck_assert_int_eq(info.layers[1], 3);
        float mean[3], std[3];
        ck_assert_int_eq(sscanf(sn_safetensors_metadata(file, "image_mean"), "%f,%f,%f", &mean[0], &mean[1], &mean[2]), 3);
        ck_assert_int_eq(sscanf(sn_safetensors_metadata(file, "image_std"), "%f,%f,%f", &std[0], &std[1], &std[2]), 3);
        for (int c = 0; c < 3; c++)
            ck_assert(info.mean[c] == mean[c] && info.std[c] == std[c]);
        snarm_backbone_destroy(backbone);
    }
    sn_safetensors_close(file);
}
END_TEST

START_TEST(bytes_are_the_file_s_and_not_copied) {
    sn_safetensors *inside, *file;
    ck_ok(sn_builtin_network_open(&inside));
    ck_ok(sn_safetensors_open(&file, file_path()));
    ck_assert_str_eq(sn_safetensors_path(inside), "the built-in network");
    ck_assert_uint_eq(sn_safetensors_count(inside), sn_safetensors_count(file));
    for (size_t i = 0; i < sn_safetensors_count(inside); i++) {
        const sn_tensor *a = sn_safetensors_at(inside, i), *b = sn_safetensors_at(file, i);
        ck_assert_str_eq(a->name, b->name);
        ck_assert_uint_eq(a->bytes, b->bytes);
        ck_assert_int_eq(memcmp(a->data, b->data, a->bytes), 0);
        const unsigned char *data = a->data;
        ck_assert(data > sn_builtin_network && data + a->bytes <= sn_builtin_network_end);
    }
    sn_safetensors_close(file);
    sn_safetensors_close(inside);
}
END_TEST

START_TEST(features_are_the_file_s) {
    static float planes[3 * SIDE * SIDE];
    sn_rng rng;
    sn_rng_seed(&rng, 3, 0);
    for (size_t i = 0; i < sizeof planes / sizeof *planes; i++)
        planes[i] = (float)(sn_rng_uniform(&rng) * 4 - 2);
    for (int32_t precision = SNARM_PRECISION_AUTO; precision <= SNARM_PRECISION_F32; precision++) {
        snarm_backbone *pair[] = {open_network(NULL, precision), open_network(file_path(), precision)};
        snarm_backbone_info info = {.struct_size = sizeof info};
        ck_ok(snarm_backbone_get_info(pair[0], &info));
        const size_t count = (size_t)(info.grid_width * info.grid_height * info.channels);
        float *features[2];
        for (int i = 0; i < 2; i++) {
            features[i] = calloc(count, sizeof **features);
            ck_ok(snarm_backbone_features(pair[i], planes, features[i]));
        }
        double energy = 0;
        for (size_t i = 0; i < count; i++)
            energy += (double)features[0][i] * (double)features[0][i];
        ck_assert(energy > 0);
        ck_assert_int_eq(memcmp(features[0], features[1], count * sizeof **features), 0);
        for (int i = 0; i < 2; i++) {
            free(features[i]);
            snarm_backbone_destroy(pair[i]);
        }
    }
}
END_TEST

/* A model holds the weights: what it says does not depend on the library that opens it, nor on where they came from. */
START_TEST(lives_in_a_model) {
    static float maps[3][SIDE * SIDE];
    snarm_result results[3];
    snarm_detector *detectors[3];
    ck_ok(fit(&detectors[0], NULL, SNARM_PRECISION_F32));
    ck_ok(fit(&detectors[1], file_path(), SNARM_PRECISION_F32));
    ck_ok(snarm_detector_save(detectors[0], scratch_file("builtin.snarm")));
    ck_ok(snarm_detector_save(detectors[1], scratch_file("file.snarm")));
    snarm_detector_options options;
    snarm_detector_options_init(&options);
    options.threads = 1;
    options.precision = SNARM_PRECISION_F32;
    ck_ok(snarm_detector_load(&detectors[2], scratch_file("builtin.snarm"), &options));
    const snarm_image image = view_picture(pictures[PICTURES - 1]);
    char hash[SN_HASH_TEXT], models[2][SN_HASH_TEXT];
    ck_ok(sn_hash_file(file_path(), hash));
    for (int i = 0; i < 3; i++) {
        snarm_detector_info info = {.struct_size = sizeof info};
        ck_ok(snarm_detector_get_info(detectors[i], &info));
        ck_assert_str_eq(info.backbone->hash, hash);
        ck_assert_str_ne(info.backbone->name, "");
        ck_assert_str_ne(info.backbone->licence, "");
        results[i].struct_size = sizeof results[i];
        ck_ok(snarm_detector_inspect(detectors[i], &image, &results[i], maps[i]));
        ck_assert(results[i].score == results[0].score && results[i].threshold == results[0].threshold);
        ck_assert_int_eq(memcmp(maps[i], maps[0], sizeof *maps), 0);
    }
    ck_ok(snarm_detector_save(detectors[2], scratch_file("again.snarm")));
    ck_ok(sn_hash_file(scratch_file("builtin.snarm"), models[0]));
    ck_ok(sn_hash_file(scratch_file("file.snarm"), models[1]));
    ck_assert_str_eq(models[0], models[1]);
    ck_ok(sn_hash_file(scratch_file("again.snarm"), models[1]));
    ck_assert_str_eq(models[0], models[1]);
    for (int i = 0; i < 3; i++)
        snarm_detector_destroy(detectors[i]);
}
END_TEST
#else
START_TEST(is_missed_by_its_option) {
    snarm_backbone *backbone;
    ck_fails(snarm_backbone_create(&backbone, NULL, NULL), SNARM_ERROR_UNSUPPORTED, "builtin_network");
    ck_assert_ptr_null(backbone);
    ck_fails(snarm_backbone_create(&backbone, SNARM_BUILTIN_BACKBONE, NULL), SNARM_ERROR_UNSUPPORTED, "builtin_network");
    snarm_detector *detector;
    ck_fails(fit(&detector, NULL, SNARM_PRECISION_AUTO), SNARM_ERROR_UNSUPPORTED, "builtin_network");
    ck_assert_ptr_null(detector);
    sn_safetensors *file;
    ck_fails(sn_builtin_network_open(&file), SNARM_ERROR_UNSUPPORTED, "the built-in network");
    ck_assert_ptr_null(file);
}
END_TEST
#endif

int main(void) {
    Suite *suite = suite_create("builtin_network");
    TCase *cases = tcase_create("builtin_network");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, files_named_so);
#ifdef SN_HAVE_BUILTIN_NETWORK
    tcase_add_test(cases, what_it_is);
    tcase_add_test(cases, bytes_are_the_file_s_and_not_copied);
    tcase_add_test(cases, features_are_the_file_s);
    tcase_add_test(cases, lives_in_a_model);
#else
    tcase_add_test(cases, is_missed_by_its_option);
#endif
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
