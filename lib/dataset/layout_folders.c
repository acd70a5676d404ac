/* CATEGORY/good, CATEGORY/DEFECT, and perhaps CATEGORY/ground_truth/DEFECT: no split of its own. */
#include "core/memory.h"
#include "dataset/dataset.h"
#include "dataset/folder.h"
#include "dataset/image_folder.h"

#include <string.h>

static const char *const truth = "ground_truth";

static snarm_status read_kind(const snarm_dataset *set, sn_category *category, const char *path,
                              const char *ground_truth, const char *kind) {
    bool normal = strcmp(kind, SN_NORMAL) == 0;
    char *images = NULL, *masks = NULL;
    snarm_status status = sn_path_join(&images, path, kind);
    if (status == SNARM_OK && !normal && ground_truth != NULL)
        status = sn_path_join(&masks, ground_truth, kind);
    sn_image_folder from = {
        .folder = images, .defect = kind, .masks = masks, .anomalous = !normal, .fixed_split = normal};
    if (status == SNARM_OK)
        status = sn_image_folder_add(set, category, SNARM_SPLIT_TEST, &from);
    sn_free(images);
    sn_free(masks);
    return status;
}

static snarm_status check_defects(const sn_category *category, const char *path) {
    const sn_split *test = &category->splits[SNARM_SPLIT_TEST];
    for (size_t i = 0; i < test->count; i++)
        if (test->samples[i].anomalous)
            return SNARM_OK;
    return sn_error(
        SNARM_ERROR_FORMAT,
        "%s: no defective image (.png, .jpg, .jpeg, .bmp) in the folders beside good, at least one "
        "expected",
        path);
}

snarm_status sn_layout_folders_read(const snarm_dataset *set, sn_category *category, const char *path) {
    sn_names kinds = {NULL, 0, 0};
    char *ground_truth;
    SN_TRY(sn_path_join(&ground_truth, path, truth));
    bool masks = sn_is_folder(ground_truth);
    snarm_status status = sn_folder_read(path, &kinds, NULL, NULL);
    for (size_t i = 0; status == SNARM_OK && i < kinds.count; i++)
        if (strcmp(kinds.items[i], truth) != 0)
            status = read_kind(set, category, path, masks ? ground_truth : NULL, kinds.items[i]);
    if (status == SNARM_OK)
        status = check_defects(category, path);
    sn_names_release(&kinds);
    sn_free(ground_truth);
    return status;
}
