/* The tables that come with VisA: which images there are, what is wrong with them, and which are to train
 * with. */
#ifndef SN_DATASET_VISA_TABLES_H
#define SN_DATASET_VISA_TABLES_H

#include "dataset/csv.h"
#include "dataset/dataset.h"

/* A row, checked. The strings are the table's. */
typedef struct sn_visa_entry {
    size_t row;
    const char *image;  /* a path below the category's folder */
    const char *mask;   /* the same; NULL where the field is empty */
    const char *defect; /* its kind; SN_NORMAL for a normal image */
    snarm_split split;
    bool anomalous;
} sn_visa_entry;

typedef struct sn_visa_entries {
    sn_csv table; /* image_anno.csv's own; empty where the rows are those of the split's table */
    sn_visa_entry *items;
    size_t count, capacity;
} sn_visa_entries;

/* What CATEGORY/image_anno.csv says of each image; *found is false, and nothing added, where there is none.
 * The split is the fixed one of sn_fixed_split. Sorted by image, none of them twice. Released also after a
 * failure. */
snarm_status sn_visa_annotations(sn_visa_entries *out, bool *found, const char *path, const char *name);
/* The rows of one category in the table of splits, in the same way; every kind of defect is "anomaly". */
snarm_status sn_visa_split_entries(sn_visa_entries *out, const sn_visa_split *split, const char *name);
const sn_csv *sn_visa_split_table(const sn_visa_split *split);
void sn_visa_entries_release(sn_visa_entries *entries);

/* NULL where there is none of that image. */
const sn_visa_entry *sn_visa_entries_find(const sn_visa_entries *entries, const char *image);

/* The columns of both tables have the same names; these are their places for sn_csv_error. */
enum { SN_VISA_IMAGE, SN_VISA_LABEL, SN_VISA_MASK, SN_VISA_SPLIT, SN_VISA_OBJECT };

#endif
