/* From a folder to its categories, whatever the layout. */
#define _XOPEN_SOURCE 700
#include "core/memory.h"
#include "dataset/dataset.h"
#include "dataset/folder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static snarm_status check_splits(const sn_category *category, const char *path) {
    static const char *const uses[SN_SPLITS] = {"train", "test"};
    for (int s = 0; s < SN_SPLITS; s++)
        if (category->splits[s].count == 0)
            return sn_error(SNARM_ERROR_FORMAT,
                            "%s: no image (.png, .jpg, .jpeg, .bmp) to %s with, at least one expected", path,
                            uses[s]);
    return SNARM_OK;
}

static snarm_status read_category(snarm_dataset *set, const char *path, const char *name,
                                  const sn_visa_split *split) {
    sn_category *category;
    SN_TRY(sn_dataset_add_category(set, name, &category));
    switch (set->layout) {
    case SNARM_LAYOUT_VISA:
        SN_TRY(sn_layout_visa_read(set, category, path, split));
        break;
    case SNARM_LAYOUT_FOLDERS:
        SN_TRY(sn_layout_folders_read(set, category, path));
        break;
    default:
        SN_TRY(sn_layout_tree_read(set, category, path));
    }
    sn_category_sort(category);
    return check_splits(category, path);
}

/* A category's name is its folder's, also when the path says it in another way (".", "cable/", "screw/."). */
static snarm_status find_name(char **name, const char *path) {
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    size_t begin = length;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    SN_TRY(sn_alloc(name, length - begin + 1, 1, "category's name"));
    memcpy(*name, path + begin, length - begin);
    (*name)[length - begin] = '\0';
    if ((*name)[0] != '\0' && strcmp(*name, ".") != 0 && strcmp(*name, "..") != 0)
        return SNARM_OK;
    sn_free(*name);
    *name = NULL;
    char *whole = realpath(path, NULL);
    if (whole == NULL)
        return sn_error(SNARM_ERROR_IO, "%s: the folder cannot be opened: %s", path, strerror(errno));
    snarm_status status = sn_copy_string(name, strrchr(whole, '/') + 1);
    free(whole);
    return status;
}

static snarm_status read_single(snarm_dataset *set, const char *path, const sn_visa_split *split) {
    char *name;
    snarm_status status = find_name(&name, path);
    if (status == SNARM_OK)
        status = read_category(set, path, name, split);
    sn_free(name);
    return status;
}

static snarm_status read_several(snarm_dataset *set, const char *path, const sn_visa_split *split) {
    sn_names folders = {NULL, 0, 0};
    snarm_status status = sn_folder_read(path, &folders, NULL, NULL);
    for (size_t i = 0; status == SNARM_OK && i < folders.count; i++) {
        char *folder;
        status = sn_path_join(&folder, path, folders.items[i]);
        if (status == SNARM_OK && sn_layout_of_category(folder) == set->layout)
            status = read_category(set, folder, folders.items[i], split);
        sn_free(folder);
    }
    sn_names_release(&folders);
    return status;
}

/* A category of VisA opened alone is split as it is among the others. */
static snarm_status open_split(sn_visa_split **split, const char *path, bool single) {
    if (!single)
        return sn_visa_split_open(split, path);
    char *above;
    SN_TRY(sn_path_join(&above, path, ".."));
    snarm_status status = sn_visa_split_open(split, above);
    sn_free(above);
    return status;
}

snarm_status sn_layout_read(snarm_dataset *set, const char *path, bool single) {
    sn_visa_split *split = NULL;
    if (set->layout == SNARM_LAYOUT_VISA)
        SN_TRY(open_split(&split, path, single));
    snarm_status status = single ? read_single(set, path, split) : read_several(set, path, split);
    sn_visa_split_free(split);
    return status;
}
