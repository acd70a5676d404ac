/* A data set in memory, and the layouts that fill it. */
#ifndef SN_DATASET_DATASET_H
#define SN_DATASET_DATASET_H

#include "core/status.h"
#include "snarm/dataset.h"

enum { SN_SPLITS = 2 };

/* A snarm_sample with strings of its own. */
typedef struct sn_sample {
    char *path, *defect, *mask; /* mask: NULL for none */
    bool anomalous;
} sn_sample;

typedef struct sn_split {
    sn_sample *samples;
    size_t count, capacity;
} sn_split;

typedef struct sn_category {
    char *name;
    sn_split splits[SN_SPLITS];
} sn_category;

struct snarm_dataset {
    snarm_layout layout;
    bool allow_missing_masks;
    sn_category *categories;
    size_t count, capacity;
};

/* *category is valid until the next one is added. */
snarm_status sn_dataset_add_category(snarm_dataset *set, const char *name, sn_category **category);

/* Strings are copied; mask may be NULL. */
snarm_status sn_category_add(sn_category *category, snarm_split split, const char *path, const char *defect,
                             const char *mask, bool anomalous);

/* Which layout a folder has: SNARM_LAYOUT_AUTO for none of them. *single: it is a category's own folder, not
 * that of several. */
snarm_status sn_layout_find(const char *path, snarm_layout *layout, bool *single);
/* Which layout a category's folder has; SNARM_LAYOUT_AUTO for none. */
snarm_layout sn_layout_of_category(const char *path);

/* Fills set with the categories of a folder in MVTec AD's layout.
 * On failure set holds what was read so far. */
snarm_status sn_layout_mvtec_read(snarm_dataset *set, const char *path, bool single);

#endif
