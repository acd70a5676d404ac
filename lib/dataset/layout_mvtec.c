/* CATEGORY/train/good, CATEGORY/test/DEFECT, CATEGORY/ground_truth/DEFECT. */
#define _XOPEN_SOURCE 700
#include "core/memory.h"
#include "dataset/dataset.h"
#include "dataset/folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const normal = "good";

/* The ways in which data sets name an image's mask: the image's name without its suffix, and this. */
static const char *const mask_endings[] = {"_mask.png", ".png", "_mask.PNG", ".PNG"};

/* The mask's path; NULL in *mask where it is missing and may be. */
static snarm_status find_mask(const snarm_dataset *set, const char *image, const char *name,
                              const char *masks, char **mask) {
    size_t stem = (size_t)(strrchr(name, '.') - name);
    size_t folder = strlen(masks), size = folder + 1 + stem + sizeof "_mask.png";
    SN_TRY(sn_alloc(mask, size, 1, "path"));
    for (size_t i = 0; i < sizeof mask_endings / sizeof *mask_endings; i++) {
        snprintf(*mask, size, "%s/%.*s%s", masks, (int)stem, name, mask_endings[i]);
        if (sn_is_file(*mask))
            return SNARM_OK;
    }
    snarm_status status = SNARM_OK;
    if (!set->allow_missing_masks)
        status =
            sn_error(SNARM_ERROR_FORMAT, "%s: the defective image has no mask, expected %s/%.*s_mask.png",
                     image, masks, (int)stem, name);
    sn_free(*mask);
    *mask = NULL;
    return status;
}

/* Adds one folder's images; masks is the folder with their masks, NULL for normal images. */
static snarm_status read_images(const snarm_dataset *set, sn_category *category, snarm_split split,
                                const char *folder, const char *defect, const char *masks) {
    sn_names files = {NULL, 0, 0};
    snarm_status status = sn_folder_read(folder, NULL, &files, sn_loadable_suffixes);
    for (size_t i = 0; status == SNARM_OK && i < files.count; i++) {
        char *image = NULL, *mask = NULL;
        status = sn_path_join(&image, folder, files.items[i]);
        if (status == SNARM_OK && masks != NULL)
            status = find_mask(set, image, files.items[i], masks, &mask);
        if (status == SNARM_OK)
            status = sn_category_add(category, split, image, defect, mask, masks != NULL);
        sn_free(image);
        sn_free(mask);
    }
    sn_names_release(&files);
    return status;
}

static snarm_status read_defect(const snarm_dataset *set, sn_category *category, const char *test,
                                const char *ground_truth, const char *defect) {
    char *folder = NULL, *masks = NULL;
    snarm_status status = sn_path_join(&folder, test, defect);
    if (status == SNARM_OK && strcmp(defect, normal) != 0)
        status = sn_path_join(&masks, ground_truth, defect);
    if (status == SNARM_OK)
        status = read_images(set, category, SNARM_SPLIT_TEST, folder, defect, masks);
    sn_free(folder);
    sn_free(masks);
    return status;
}

static snarm_status read_test(const snarm_dataset *set, sn_category *category, const char *test,
                              const char *ground_truth) {
    sn_names defects = {NULL, 0, 0};
    snarm_status status = sn_folder_read(test, &defects, NULL, NULL);
    for (size_t i = 0; status == SNARM_OK && i < defects.count; i++)
        status = read_defect(set, category, test, ground_truth, defects.items[i]);
    sn_names_release(&defects);
    return status;
}

static snarm_status check_split(const sn_category *category, snarm_split split, const char *folder) {
    if (category->splits[split].count > 0)
        return SNARM_OK;
    return sn_error(SNARM_ERROR_FORMAT, "%s: no image (.png, .jpg, .jpeg) %s, at least one expected", folder,
                    split == SNARM_SPLIT_TRAIN ? "in this folder" : "in the folders in it");
}

static snarm_status read_category(snarm_dataset *set, const char *path, const char *name) {
    sn_category *category;
    SN_TRY(sn_dataset_add_category(set, name, &category));
    char *train = NULL, *test = NULL, *ground_truth = NULL;
    snarm_status status;
    SN_GOTO(status, sn_path_join(&train, path, "train/good"), done);
    SN_GOTO(status, sn_path_join(&test, path, "test"), done);
    SN_GOTO(status, sn_path_join(&ground_truth, path, "ground_truth"), done);
    SN_GOTO(status, read_images(set, category, SNARM_SPLIT_TRAIN, train, normal, NULL), done);
    SN_GOTO(status, check_split(category, SNARM_SPLIT_TRAIN, train), done);
    SN_GOTO(status, read_test(set, category, test, ground_truth), done);
    SN_GOTO(status, check_split(category, SNARM_SPLIT_TEST, test), done);
done:
    sn_free(train);
    sn_free(test);
    sn_free(ground_truth);
    return status;
}

/* A category's name is its folder's, also when the path says it in another way (".", "cable/", "screw/."). */
static snarm_status read_single(snarm_dataset *set, const char *path) {
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    size_t begin = length;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    char *name;
    SN_TRY(sn_alloc(&name, length - begin + 1, 1, "category's name"));
    memcpy(name, path + begin, length - begin);
    name[length - begin] = '\0';
    snarm_status status = SNARM_OK;
    if (name[0] != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
        status = read_category(set, path, name);
    } else {
        char *whole = realpath(path, NULL);
        if (whole == NULL)
            status = sn_error(SNARM_ERROR_IO, "%s: the folder cannot be opened: %s", path, strerror(errno));
        else
            status = read_category(set, path, strrchr(whole, '/') + 1);
        free(whole);
    }
    sn_free(name);
    return status;
}

snarm_status sn_layout_mvtec_read(snarm_dataset *set, const char *path, bool single) {
    if (single)
        return read_single(set, path);
    sn_names folders = {NULL, 0, 0};
    snarm_status status = sn_folder_read(path, &folders, NULL, NULL);
    for (size_t i = 0; status == SNARM_OK && i < folders.count; i++) {
        char *folder;
        status = sn_path_join(&folder, path, folders.items[i]);
        if (status == SNARM_OK && sn_layout_of_category(folder) == SNARM_LAYOUT_MVTEC)
            status = read_category(set, folder, folders.items[i]);
        sn_free(folder);
    }
    sn_names_release(&folders);
    return status;
}
