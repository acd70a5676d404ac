/* A data set in memory, and the layouts that fill it. */
#ifndef SN_DATASET_DATASET_H
#define SN_DATASET_DATASET_H

#include "core/status.h"
#include "snarm/dataset.h"

enum { SN_SPLITS = 2 };

/* A snarm_sample with strings of its own. */
typedef struct sn_sample {
    char *path, *defect, *mask, *depth; /* mask, depth: NULL for none */
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

/* What is in the sample is copied. */
snarm_status sn_category_add(sn_category *category, snarm_split split, const snarm_sample *sample);
/* By defect, then by path, as the header promises. */
void sn_category_sort(sn_category *category);

/* The kind of defect of a normal image. */
#define SN_NORMAL "good"

/* Of normal images in byte order, in sets that do not say which are to train with: every third one tests. */
snarm_split sn_fixed_split(size_t index);

/* Which layout a folder has: SNARM_LAYOUT_AUTO for none of them. *single: it is a category's own folder, not
 * that of several. Of several layouts beside each other it is the wanted one if that is there, else the
 * first. */
snarm_status sn_layout_find(const char *path, snarm_layout wanted, snarm_layout *layout, bool *single);
/* Which layout a category's folder has; SNARM_LAYOUT_AUTO for none. */
snarm_layout sn_layout_of_category(const char *path);

/* Fills set with the categories of a folder, or with the category that it is, in the layout of set.
 * On failure set holds what was read so far. */
snarm_status sn_layout_read(snarm_dataset *set, const char *path, bool single);

/* One category each, of the folder's path; its splits are checked and sorted afterwards. */
typedef struct sn_visa_split sn_visa_split;
snarm_status sn_layout_tree_read(const snarm_dataset *set, sn_category *category, const char *path);
snarm_status sn_layout_folders_read(const snarm_dataset *set, sn_category *category, const char *path);
snarm_status sn_layout_visa_read(const snarm_dataset *set, sn_category *category, const char *path,
                                 const sn_visa_split *split);
/* The table split_csv/1cls.csv in the folder of the categories; *out is NULL where there is none. */
snarm_status sn_visa_split_open(sn_visa_split **out, const char *folder);
void sn_visa_split_free(sn_visa_split *split);

#endif
