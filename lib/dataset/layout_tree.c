/* Layouts with folders for training and testing: MVTec AD, MVTec 3D-AD, BTAD. */
#include "core/memory.h"
#include "dataset/dataset.h"
#include "dataset/folder.h"
#include "dataset/image_folder.h"

#include <string.h>

/* Paths within a folder of one kind of defect: NULL where the files lie in it, or in a tree of their own. */
typedef struct tree {
    const char *normal;         /* the folder of normal images, in train and in test */
    const char *images, *depth; /* in the folder of a kind */
    const char *masks;          /* in the folder of a kind; NULL: in ground_truth */
} tree;

static const tree mvtec = {"good", NULL, NULL, NULL};
static const tree mvtec3d = {"good", "rgb", "xyz", "gt"};
static const tree btad = {"ok", NULL, NULL, NULL};

/* FOLDER/NAME, and /INNER if there is one. */
static snarm_status join(char **out, const char *folder, const char *name, const char *inner) {
    SN_TRY(sn_path_join(out, folder, name));
    if (inner == NULL)
        return SNARM_OK;
    char *outer = *out;
    snarm_status status = sn_path_join(out, outer, inner);
    sn_free(outer);
    return status;
}

/* The images of one kind, of a split's folder. */
static snarm_status read_kind(const snarm_dataset *set, sn_category *category, snarm_split split,
                              const tree *form, const char *path, const char *split_folder,
                              const char *kind) {
    bool normal = strcmp(kind, form->normal) == 0;
    char *images = NULL, *masks = NULL, *depths = NULL;
    snarm_status status;
    SN_GOTO(status, join(&images, split_folder, kind, form->images), done);
    if (!normal) {
        if (form->masks == NULL) {
            char *ground_truth;
            SN_GOTO(status, sn_path_join(&ground_truth, path, "ground_truth"), done);
            status = sn_path_join(&masks, ground_truth, kind);
            sn_free(ground_truth);
        } else {
            status = join(&masks, split_folder, kind, form->masks);
        }
        if (status != SNARM_OK)
            goto done;
    }
    if (form->depth != NULL)
        SN_GOTO(status, join(&depths, split_folder, kind, form->depth), done);
    sn_image_folder from = {.folder = images,
                            .defect = normal ? SN_NORMAL : kind,
                            .masks = masks,
                            .depths = depths != NULL && sn_is_folder(depths) ? depths : NULL,
                            .anomalous = !normal};
    status = sn_image_folder_add(set, category, split, &from);
done:
    sn_free(images);
    sn_free(masks);
    sn_free(depths);
    return status;
}

static snarm_status read_test(const snarm_dataset *set, sn_category *category, const tree *form,
                              const char *path, const char *test) {
    sn_names kinds = {NULL, 0, 0};
    snarm_status status = sn_folder_read(test, &kinds, NULL, NULL);
    for (size_t i = 0; status == SNARM_OK && i < kinds.count; i++)
        status = read_kind(set, category, SNARM_SPLIT_TEST, form, path, test, kinds.items[i]);
    sn_names_release(&kinds);
    return status;
}

snarm_status sn_layout_tree_read(const snarm_dataset *set, sn_category *category, const char *path) {
    const tree *form = set->layout == SNARM_LAYOUT_BTAD      ? &btad
                       : set->layout == SNARM_LAYOUT_MVTEC3D ? &mvtec3d
                                                             : &mvtec;
    char *train = NULL, *test = NULL;
    snarm_status status = sn_path_join(&train, path, "train");
    if (status == SNARM_OK)
        status = sn_path_join(&test, path, "test");
    if (status == SNARM_OK)
        status = read_kind(set, category, SNARM_SPLIT_TRAIN, form, path, train, form->normal);
    if (status == SNARM_OK)
        status = read_test(set, category, form, path, test);
    sn_free(train);
    sn_free(test);
    return status;
}
