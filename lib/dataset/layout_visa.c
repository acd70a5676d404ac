/* VisA as it is distributed: CATEGORY/Data, with tables beside it. */
#include "core/memory.h"
#include "dataset/dataset.h"
#include "dataset/folder.h"
#include "dataset/image_folder.h"
#include "dataset/visa_tables.h"

static snarm_status check_file(const char *path, const sn_csv *table, size_t row, size_t column) {
    if (sn_is_file(path))
        return SNARM_OK;
    return sn_csv_error(table, row, column, "a file, but %s is none", path);
}

/* NULL in *out where the mask is missing and may be. */
static snarm_status find_mask(char **out, const snarm_dataset *set, const char *path,
                              const sn_visa_entry *entry, const sn_csv *table) {
    *out = NULL;
    if (entry->mask == NULL)
        return set->allow_missing_masks
                   ? SNARM_OK
                   : sn_csv_error(table, entry->row, SN_VISA_MASK, "the path of the defective image's mask");
    SN_TRY(sn_path_join(out, path, entry->mask));
    snarm_status status = check_file(*out, table, entry->row, SN_VISA_MASK);
    if (status == SNARM_OK)
        return SNARM_OK;
    sn_free(*out);
    *out = NULL;
    return set->allow_missing_masks ? SNARM_OK : status;
}

static snarm_status add_entry(const snarm_dataset *set, sn_category *category, const char *path,
                              const sn_visa_entry *entry, const char *defect, const sn_csv *table) {
    char *image, *mask = NULL;
    SN_TRY(sn_path_join(&image, path, entry->image));
    snarm_status status = check_file(image, table, entry->row, SN_VISA_IMAGE);
    if (status == SNARM_OK && entry->anomalous)
        status = find_mask(&mask, set, path, entry, table);
    if (status == SNARM_OK)
        status = sn_category_add(category, entry->split,
                                 &(snarm_sample){image, defect, mask, NULL, entry->anomalous});
    sn_free(image);
    sn_free(mask);
    return status;
}

/* The table of splits says what an image is used for, the annotations what is wrong with it. */
static snarm_status find_defect(const char **defect, const sn_visa_entry *entry, const sn_csv *table,
                                const sn_visa_entries *annotations) {
    *defect = entry->defect;
    const sn_visa_entry *annotation = sn_visa_entries_find(annotations, entry->image);
    if (annotation == NULL)
        return SNARM_OK;
    if (annotation->anomalous != entry->anomalous)
        return sn_csv_error(table, entry->row, SN_VISA_LABEL, "%s, as in line %zu of %s",
                            annotation->anomalous ? "anomaly" : "normal",
                            annotations->table.lines[annotation->row], annotations->table.path);
    *defect = annotation->defect;
    return SNARM_OK;
}

static snarm_status add_entries(const snarm_dataset *set, sn_category *category, const char *path,
                                const sn_visa_entries *entries, const sn_csv *table,
                                const sn_visa_entries *annotations) {
    for (size_t i = 0; i < entries->count; i++) {
        const char *defect;
        SN_TRY(find_defect(&defect, &entries->items[i], table, annotations));
        SN_TRY(add_entry(set, category, path, &entries->items[i], defect, table));
    }
    return SNARM_OK;
}

/* Without tables: what is in the folders. */
static snarm_status add_folders(const snarm_dataset *set, sn_category *category, const char *path) {
    char *normal = NULL, *anomaly = NULL, *masks = NULL;
    snarm_status status;
    SN_GOTO(status, sn_path_join(&normal, path, "Data/Images/Normal"), done);
    SN_GOTO(status, sn_path_join(&anomaly, path, "Data/Images/Anomaly"), done);
    SN_GOTO(status, sn_path_join(&masks, path, "Data/Masks/Anomaly"), done);
    sn_image_folder good = {.folder = normal, .defect = SN_NORMAL, .fixed_split = true};
    sn_image_folder bad = {.folder = anomaly, .defect = "anomaly", .masks = masks, .anomalous = true};
    SN_GOTO(status, sn_image_folder_add(set, category, SNARM_SPLIT_TRAIN, &good), done);
    SN_GOTO(status, sn_image_folder_add(set, category, SNARM_SPLIT_TEST, &bad), done);
done:
    sn_free(normal);
    sn_free(anomaly);
    sn_free(masks);
    return status;
}

snarm_status sn_layout_visa_read(const snarm_dataset *set, sn_category *category, const char *path,
                                 const sn_visa_split *split) {
    sn_visa_entries annotations, entries = {.items = NULL};
    bool annotated = false;
    snarm_status status = sn_visa_annotations(&annotations, &annotated, path, category->name);
    if (status == SNARM_OK && split != NULL)
        status = sn_visa_split_entries(&entries, split, category->name);
    if (status == SNARM_OK && split != NULL)
        status = add_entries(set, category, path, &entries, sn_visa_split_table(split), &annotations);
    else if (status == SNARM_OK && annotated)
        status = add_entries(set, category, path, &annotations, &annotations.table, &annotations);
    else if (status == SNARM_OK)
        status = add_folders(set, category, path);
    sn_visa_entries_release(&annotations);
    sn_visa_entries_release(&entries);
    return status;
}
