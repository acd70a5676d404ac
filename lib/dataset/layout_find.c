#include "dataset/dataset.h"
#include "dataset/folder.h"

#include "core/memory.h"

snarm_layout sn_layout_of_category(const char *path) {
    /* Half of one is enough, so that reading it can say what is missing. */
    if (sn_has_folder(path, "train/ok") || sn_has_folder(path, "test/ok"))
        return SNARM_LAYOUT_BTAD;
    if (sn_has_folder(path, "train/good/rgb") || sn_has_folder(path, "test/good/rgb"))
        return SNARM_LAYOUT_MVTEC3D;
    if (sn_has_folder(path, "Data/Images"))
        return SNARM_LAYOUT_VISA;
    if (sn_has_folder(path, "train/good") || sn_has_folder(path, "test/good"))
        return SNARM_LAYOUT_MVTEC;
    if (sn_has_folder(path, SN_NORMAL))
        return SNARM_LAYOUT_FOLDERS;
    return SNARM_LAYOUT_AUTO;
}

snarm_status sn_layout_find(const char *path, snarm_layout wanted, snarm_layout *layout, bool *single) {
    *layout = sn_layout_of_category(path);
    *single = *layout != SNARM_LAYOUT_AUTO;
    if (*single)
        return SNARM_OK;
    sn_names folders = {NULL, 0, 0};
    snarm_status status = sn_folder_read(path, &folders, NULL, NULL);
    for (size_t i = 0; status == SNARM_OK && i < folders.count; i++) {
        char *folder;
        status = sn_path_join(&folder, path, folders.items[i]);
        const snarm_layout found = status == SNARM_OK ? sn_layout_of_category(folder) : SNARM_LAYOUT_AUTO;
        sn_free(folder);
        if (*layout == SNARM_LAYOUT_AUTO || found == wanted)
            *layout = found;
        if (*layout != SNARM_LAYOUT_AUTO && (wanted == SNARM_LAYOUT_AUTO || *layout == wanted))
            break;
    }
    sn_names_release(&folders);
    return status;
}
