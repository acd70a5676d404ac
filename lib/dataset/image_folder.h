/* A folder of images, with the files that belong to them in folders beside it. */
#ifndef SN_DATASET_IMAGE_FOLDER_H
#define SN_DATASET_IMAGE_FOLDER_H

#include "dataset/dataset.h"

typedef struct sn_image_folder {
    const char *folder;
    const char *defect; /* SN_NORMAL for normal images */
    const char *masks;  /* the folder of the masks; NULL: there are none */
    const char *depths; /* the folder of the depth pictures; NULL: there are none */
    bool anomalous;
    bool fixed_split; /* split as sn_fixed_split says, else all of them to the split given */
} sn_image_folder;

/* Adds the images to the category. A mask or depth picture that is missing in its folder is an error, but for
 * masks that may be missing. */
snarm_status sn_image_folder_add(const snarm_dataset *set, sn_category *category, snarm_split split,
                                 const sn_image_folder *from);

/* The mask of an image of that file name, released with sn_free: NULL where it is missing and may be. */
snarm_status sn_find_mask(char **mask, const snarm_dataset *set, const char *image, const char *name,
                          const char *masks);

#endif
