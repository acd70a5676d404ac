/* old_sizes STRUCT BYTES [STRUCT BYTES]...: structures of programs that were compiled with the headers of older versions, when they had so
 * many bytes, and of newer ones, are accepted; shorter ones, which no version had, are refused. The pairs come from the ledger
 * (old_sizes.py), so that a structure that grows is tested without anyone thinking of it. */
#include "../unit/make_scorer.h"
#include "../unit/networks.h"
#include "../unit/pictures.h"
#include "support.h"

#include "snarm/snarm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PICTURES = 3, CHANNELS = 16, ROOM = 8192 };

static uint8_t pictures[PICTURES][PICTURE_SIDE * PICTURE_SIDE * 3];
static char network[512], scorer_file[512];
static snarm_detector *detector;
static float map[PICTURE_SIDE * PICTURE_SIDE];
static snarm_image picture;

static snarm_status give(void *user, size_t index, snarm_image *image) {
    (void)user;
    *image = view_picture(pictures[index]);
    return SNARM_OK;
}

static snarm_status give_no_sample(void *user, size_t index, snarm_train_sample *sample) {
    (void)user, (void)index, (void)sample;
    return SNARM_ERROR_IO;
}

static void make_detector(void) {
    sn_rng rng;
    sn_rng_seed(&rng, 11, 0);
    snprintf(network, sizeof network, "%s", scratch_file("resnet.safetensors"));
    snprintf(scorer_file, sizeof scorer_file, "%s", scratch_file("scorer.safetensors"));
    write_resnet(network, &(resnet_shape){false, 16, 16, {1, 1, 1, 0}}, &(file_changes){0});
    sn_scorer_weights sizes = scorer_paper_sizes();
    sizes.channels = CHANNELS;
    sizes.embedding = 16;
    ck_ok(make_scorer(scorer_file, &sizes, 5));
    for (int i = 0; i < PICTURES; i++)
        paint_picture(&rng, pictures[i], false);
    picture = view_picture(pictures[0]);
    snarm_fit_options options;
    snarm_fit_options_init(&options);
    options.width = options.height = PICTURE_SIDE;
    options.bank_size = 100;
    options.threads = 1;
    options.channels = CHANNELS;
    options.scorer_path = scorer_file;
    const snarm_image_source source = {PICTURES, give, NULL, NULL};
    ck_ok(snarm_detector_fit(&detector, network, &source, &options));
}

/* Each calls a function with the structure. Where options are read before the file, it is one that is not there. */
static snarm_status backbone_options(void *s) {
    snarm_backbone *out;
    snarm_status status = snarm_backbone_create(&out, network, s);
    snarm_backbone_destroy(out);
    return status;
}
static snarm_status bank_options(void *s) {
    snarm_bank *out;
    return snarm_bank_load(&out, "absent", s);
}
static snarm_status coreset_options(void *s) {
    size_t selected, chosen;
    return snarm_coreset_select(map, 1, 1, 1, s, &selected, &chosen);
}
static snarm_status dataset_options(void *s) {
    snarm_dataset *out;
    return snarm_dataset_open(&out, "absent", s);
}
static snarm_status detector_options(void *s) {
    snarm_detector *out;
    return snarm_detector_load(&out, "absent", s);
}
static snarm_status fit_options(void *s) {
    snarm_detector *out;
    const snarm_image_source source = {PICTURES, give, NULL, NULL};
    return snarm_detector_fit(&out, "absent", &source, s);
}
static snarm_status heatmap_options(void *s) {
    snarm_image out = {0};
    return snarm_heatmap_render(&out, &picture, map, s);
}
static snarm_status image_options(void *s) {
    snarm_image out;
    return snarm_image_load(&out, "absent", s);
}
static snarm_status pixel_metrics_options(void *s) {
    snarm_pixel_metrics *out;
    snarm_status status = snarm_pixel_metrics_create(&out, s);
    snarm_pixel_metrics_destroy(out);
    return status;
}
static snarm_status give_no_picture(void *user, size_t index, snarm_image *image, snarm_depth *depth) {
    (void)user, (void)index, (void)image, (void)depth;
    return SNARM_OK;
}
static snarm_status take_no_item(void *user, const snarm_pipeline_item *item) {
    (void)user, (void)item;
    return SNARM_ERROR_INTERNAL;
}
static snarm_status pipeline_options(void *s) {
    const snarm_pipeline_source source = {give_no_picture, NULL, NULL};
    return snarm_pipeline_run(detector, &source, take_no_item, NULL, s);
}
static snarm_status relief_options(void *s) {
    float points[] = {0, 0, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1};
    const snarm_depth depth = {points, 2, 2};
    snarm_image out;
    snarm_status status = snarm_depth_relief(&out, &depth, s);
    snarm_image_release(&out);
    return status;
}
static snarm_status report_options(void *s) {
    snarm_report *out;
    snarm_status status = snarm_report_create(&out, s);
    snarm_report_destroy(out);
    return status;
}
static snarm_status report_sample(void *s) {
    snarm_report_options options;
    snarm_report_options_init(&options);
    options.map_threshold = 1;
    snarm_report *report;
    ck_ok(snarm_report_create(&report, &options));
    snarm_status status = snarm_report_add(report, s);
    snarm_report_destroy(report);
    return status;
}
static snarm_status residual_options(void *s) {
    snarm_residual *out;
    return snarm_residual_create(&out, map, 0, s);
}
static snarm_status scorer_options(void *s) {
    snarm_scorer *out;
    snarm_status status = snarm_scorer_create(&out, scorer_file, s);
    snarm_scorer_destroy(out);
    return status;
}
static snarm_status train_options(void *s) {
    const snarm_train_source source = {3, 4, 4, 4, 4, give_no_sample, NULL, NULL};
    return snarm_train_scorer(scratch_file("trained"), snarm_detector_bank(detector), &source, 0, 0, s, NULL);
}
static snarm_status backbone_info(void *s) {
    return snarm_backbone_get_info(snarm_detector_backbone(detector), s);
}
static snarm_status bank_search_info(void *s) {
    return snarm_bank_get_search(snarm_detector_bank(detector), s);
}
static snarm_status detector_info(void *s) {
    return snarm_detector_get_info(detector, s);
}
static snarm_status scorer_info(void *s) {
    return snarm_scorer_get_info(snarm_detector_scorer(detector), s);
}
static snarm_status result(void *s) {
    return snarm_detector_inspect(detector, &picture, s, NULL);
}

typedef struct probe {
    const char *name;
    size_t size;
    snarm_status (*call)(void *structure);
    bool filled; /* by the library; else read by it */
} probe;
#define READ(name) {"snarm_" #name, sizeof(snarm_##name), name, false}
#define FILLED(name) {"snarm_" #name, sizeof(snarm_##name), name, true}
static const probe probes[] = {
    READ(backbone_options), READ(bank_options),          READ(coreset_options), READ(dataset_options),  READ(detector_options),
    READ(fit_options),      READ(heatmap_options),       READ(image_options),   READ(report_options),   READ(report_sample),
    READ(residual_options), READ(pixel_metrics_options), READ(scorer_options),  READ(train_options),    READ(relief_options), FILLED(backbone_info),
    FILLED(detector_info),  FILLED(bank_search_info),    FILLED(scorer_info),   FILLED(result),           READ(pipeline_options),
};

static const probe *find(const char *name) {
    for (size_t i = 0; i < sizeof probes / sizeof *probes; i++)
        if (strcmp(probes[i].name, name) == 0)
            return &probes[i];
    ck_abort_msg("%s: no call is known that takes it; add one to tests/abi/old_sizes.c", name);
    return NULL;
}

/* Calls with a structure of so many bytes, zero but for its size and its last byte; what is behind it must stay as it was. */
static snarm_status call(const probe *what, size_t size, unsigned char last, unsigned char *room) {
    memset(room, 0x5a, ROOM);
    memset(room, 0, size);
    memcpy(room, &size, sizeof size);
    if (last != 0)
        room[size - 1] = last;
    snarm_status status = what->call(room);
    for (size_t i = size; i < ROOM; i++)
        ck_assert_msg(room[i] == 0x5a, "%s of %zu bytes: byte %zu was written", what->name, size, i);
    return status;
}

static bool size_refused(snarm_status status) {
    return status == SNARM_ERROR_ARGUMENT && strstr(snarm_last_error(), "struct_size") != NULL;
}

static char **pairs;
static int pair_count;

START_TEST(structures_of_other_versions) {
    static unsigned char room[ROOM];
    make_detector();
    for (int i = 0; i + 1 < pair_count; i += 2) {
        const probe *what = find(pairs[i]);
        const size_t size = (size_t)strtoul(pairs[i + 1], NULL, 10);
        ck_assert_msg(size <= what->size && what->size + 16 < ROOM, "%s: %zu bytes, now %zu", what->name, size, what->size);
        snarm_status status = call(what, size, 0, room);
        ck_assert_msg(what->filled ? status == SNARM_OK : !size_refused(status), "%s of %zu bytes, as an older version had: %s", what->name,
                      size, snarm_last_error());
        status = call(what, what->size + 16, 0, room);
        ck_assert_msg(what->filled ? status == SNARM_OK : !size_refused(status) && status != SNARM_ERROR_UNSUPPORTED,
                      "%s of a newer version: %s", what->name, snarm_last_error());
        status = call(what, what->size + 16, 1, room);
        if (what->filled)
            ck_assert_msg(status == SNARM_OK && room[what->size + 15] == 0, "%s: what is not known is not zero", what->name);
        else
            ck_assert_msg(status == SNARM_ERROR_UNSUPPORTED, "%s: a field that is not known was passed over", what->name);
        ck_assert_msg(size_refused(call(what, sizeof(size_t), 0, room)), "%s of 8 bytes was accepted", what->name);
    }
    snarm_detector_destroy(detector);
}
END_TEST

int main(int argc, char **argv) {
    if (argc < 3 || argc % 2 != 1) {
        fprintf(stderr, "usage: old_sizes STRUCT BYTES [STRUCT BYTES]...\n");
        return 2;
    }
    pairs = argv + 1;
    pair_count = argc - 1;
    Suite *suite = suite_create("old_sizes");
    TCase *cases = tcase_create("sizes");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, structures_of_other_versions);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
