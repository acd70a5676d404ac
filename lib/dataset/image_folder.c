#include "dataset/image_folder.h"

#include "core/memory.h"
#include "dataset/folder.h"

#include <stdio.h>
#include <string.h>

/* The ways in which data sets name what belongs to an image: its name without its suffix, and this. */
static const char *const mask_endings[] = {"_mask.png", ".png",      "_mask.PNG", ".PNG", "_mask.bmp",
                                           ".bmp",      "_mask.BMP", ".BMP",      NULL};
static const char *const depth_endings[] = {".tiff", ".tif", ".TIFF", ".TIF", NULL};
enum { ENDING_MAX = sizeof "_mask.png" };

/* The first that is a file; NULL for none. */
static snarm_status find_beside(char **out, const char *name, const char *folder,
                                const char *const *endings) {
    size_t stem = (size_t)(strrchr(name, '.') - name);
    size_t size = strlen(folder) + 1 + stem + ENDING_MAX;
    SN_TRY(sn_alloc(out, size, 1, "path"));
    for (; *endings != NULL; endings++) {
        snprintf(*out, size, "%s/%.*s%s", folder, (int)stem, name, *endings);
        if (sn_is_file(*out))
            return SNARM_OK;
    }
    sn_free(*out);
    *out = NULL;
    return SNARM_OK;
}

snarm_status sn_find_mask(char **mask, const snarm_dataset *set, const char *image, const char *name,
                          const char *masks) {
    SN_TRY(find_beside(mask, name, masks, mask_endings));
    if (*mask != NULL || set->allow_missing_masks)
        return SNARM_OK;
    return sn_error(SNARM_ERROR_FORMAT, "%s: the defective image has no mask, expected %s/%.*s_mask.png",
                    image, masks, (int)(strrchr(name, '.') - name), name);
}

static snarm_status find_depth(char **depth, const char *image, const char *name, const char *depths) {
    SN_TRY(find_beside(depth, name, depths, depth_endings));
    if (*depth != NULL)
        return SNARM_OK;
    return sn_error(SNARM_ERROR_FORMAT, "%s: the image has no depth picture, expected %s/%.*s.tiff", image,
                    depths, (int)(strrchr(name, '.') - name), name);
}

static snarm_status add_image(const snarm_dataset *set, sn_category *category, snarm_split split,
                              const sn_image_folder *from, const char *name) {
    char *image = NULL, *mask = NULL, *depth = NULL;
    snarm_status status = sn_path_join(&image, from->folder, name);
    if (status == SNARM_OK && from->anomalous && from->masks != NULL)
        status = sn_find_mask(&mask, set, image, name, from->masks);
    if (status == SNARM_OK && from->depths != NULL)
        status = find_depth(&depth, image, name, from->depths);
    if (status == SNARM_OK)
        status = sn_category_add(category, split,
                                 &(snarm_sample){image, from->defect, mask, depth, from->anomalous});
    sn_free(image);
    sn_free(mask);
    sn_free(depth);
    return status;
}

snarm_status sn_image_folder_add(const snarm_dataset *set, sn_category *category, snarm_split split,
                                 const sn_image_folder *from) {
    sn_names files = {NULL, 0, 0};
    snarm_status status = sn_folder_read(from->folder, NULL, &files, sn_loadable_suffixes);
    for (size_t i = 0; status == SNARM_OK && i < files.count; i++)
        status =
            add_image(set, category, from->fixed_split ? sn_fixed_split(i) : split, from, files.items[i]);
    sn_names_release(&files);
    return status;
}
