/* The images under a folder. */
#define _XOPEN_SOURCE 700
#include "snarm/dataset.h"

#include "core/memory.h"
#include "dataset/folder.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { DEPTH_MAX = 64 };

struct snarm_image_list {
    sn_names paths;
};

/* The folders from the first one down to that being read. */
typedef struct descent {
    const struct descent *above;
    dev_t device;
    ino_t file;
    int depth;
} descent;

static snarm_status enter(descent *here, const char *path, const descent *above) {
    struct stat status;
    if (stat(path, &status) != 0)
        return sn_error(SNARM_ERROR_IO, "%s: the folder cannot be opened: %s", path, strerror(errno));
    *here = (descent){above, status.st_dev, status.st_ino, above == NULL ? 0 : above->depth + 1};
    if (here->depth > DEPTH_MAX)
        return sn_error(SNARM_ERROR_IO, "%s: the folder lies %d deep, at most %d expected", path, here->depth,
                        DEPTH_MAX);
    return SNARM_OK;
}

/* Whether a link has led back to a folder further up. */
static bool is_loop(const descent *here) {
    for (const descent *above = here->above; above != NULL; above = above->above)
        if (above->device == here->device && above->file == here->file)
            return true;
    return false;
}

static snarm_status list_folder(sn_names *paths, const char *path, const descent *above) {
    descent here;
    SN_TRY(enter(&here, path, above));
    if (is_loop(&here))
        return SNARM_OK;
    sn_names folders = {NULL, 0, 0}, files = {NULL, 0, 0};
    snarm_status status = sn_folder_read(path, &folders, &files, sn_image_suffixes);
    for (size_t i = 0; status == SNARM_OK && i < files.count + folders.count; i++) {
        char *entry;
        status =
            sn_path_join(&entry, path, i < files.count ? files.items[i] : folders.items[i - files.count]);
        if (status == SNARM_OK)
            status = i < files.count ? sn_names_add(paths, entry) : list_folder(paths, entry, &here);
        sn_free(entry);
    }
    sn_names_release(&folders);
    sn_names_release(&files);
    return status;
}

snarm_status snarm_image_list_open(snarm_image_list **out, const char *path) {
    if (out == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_image_list_open: out is NULL");
    *out = NULL;
    if (path == NULL || path[0] == '\0')
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_image_list_open: path is %s, a file or folder expected",
                        path == NULL ? "NULL" : "empty");
    struct stat found;
    if (stat(path, &found) != 0)
        return sn_error(SNARM_ERROR_IO, "%s: the file or folder cannot be opened: %s", path, strerror(errno));
    snarm_image_list *list;
    SN_TRY(sn_alloc_zeroed(&list, 1, sizeof *list, "snarm_image_list"));
    snarm_status status =
        S_ISDIR(found.st_mode) ? list_folder(&list->paths, path, NULL) : sn_names_add(&list->paths, path);
    if (status != SNARM_OK) {
        snarm_image_list_destroy(list);
        return status;
    }
    sn_names_sort(&list->paths);
    *out = list;
    return SNARM_OK;
}

size_t snarm_image_list_count(const snarm_image_list *list) {
    return list != NULL ? list->paths.count : 0;
}

const char *snarm_image_list_get(const snarm_image_list *list, size_t index) {
    return list != NULL && index < list->paths.count ? list->paths.items[index] : NULL;
}

void snarm_image_list_destroy(snarm_image_list *list) {
    if (list == NULL)
        return;
    sn_names_release(&list->paths);
    sn_free(list);
}
