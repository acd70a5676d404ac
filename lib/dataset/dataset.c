#define _XOPEN_SOURCE 700
#include "dataset/dataset.h"

#include "core/memory.h"
#include "dataset/folder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const layout_names[] = {"auto", "mvtec", "visa", "mvtec3d", "btad", "folders"};
enum { LAYOUTS = sizeof layout_names / sizeof *layout_names };

snarm_status sn_dataset_add_category(snarm_dataset *set, const char *name, sn_category **category) {
    if (set->count == set->capacity) {
        size_t capacity = set->capacity == 0 ? 16 : 2 * set->capacity;
        SN_TRY(sn_resize(&set->categories, set->count * sizeof *set->categories, capacity,
                         sizeof *set->categories, "list of categories"));
        set->capacity = capacity;
    }
    sn_category *added = &set->categories[set->count];
    memset(added, 0, sizeof *added);
    SN_TRY(sn_copy_string(&added->name, name));
    set->count++;
    *category = added;
    return SNARM_OK;
}

static void release_sample(sn_sample *sample) {
    sn_free(sample->path);
    sn_free(sample->defect);
    sn_free(sample->mask);
    sn_free(sample->depth);
}

static snarm_status copy_sample(sn_sample *to, const snarm_sample *from) {
    SN_TRY(sn_copy_string(&to->path, from->path));
    SN_TRY(sn_copy_string(&to->defect, from->defect));
    if (from->mask != NULL)
        SN_TRY(sn_copy_string(&to->mask, from->mask));
    if (from->depth != NULL)
        SN_TRY(sn_copy_string(&to->depth, from->depth));
    return SNARM_OK;
}

snarm_status sn_category_add(sn_category *category, snarm_split which, const snarm_sample *sample) {
    sn_split *split = &category->splits[which];
    if (split->count == split->capacity) {
        size_t capacity = split->capacity == 0 ? 64 : 2 * split->capacity;
        SN_TRY(sn_resize(&split->samples, split->count * sizeof *split->samples, capacity,
                         sizeof *split->samples, "list of samples"));
        split->capacity = capacity;
    }
    sn_sample copy = {.anomalous = sample->anomalous != 0};
    snarm_status status = copy_sample(&copy, sample);
    if (status == SNARM_OK)
        split->samples[split->count++] = copy;
    else
        release_sample(&copy);
    return status;
}

static int compare_samples(const void *a, const void *b) {
    const sn_sample *left = a, *right = b;
    int order = strcmp(left->defect, right->defect);
    return order != 0 ? order : strcmp(left->path, right->path);
}

void sn_category_sort(sn_category *category) {
    for (int s = 0; s < SN_SPLITS; s++)
        if (category->splits[s].count > 0)
            qsort(category->splits[s].samples, category->splits[s].count, sizeof(sn_sample), compare_samples);
}

snarm_split sn_fixed_split(size_t index) {
    return index % 3 == 2 ? SNARM_SPLIT_TEST : SNARM_SPLIT_TRAIN;
}

static snarm_status check_options(const snarm_dataset_options *options) {
    if (options->layout < 0 || options->layout >= LAYOUTS)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_dataset_open: layout is %d, expected 0..%d",
                        (int)options->layout, LAYOUTS - 1);
    if (options->allow_missing_masks != 0 && options->allow_missing_masks != 1)
        return sn_error(SNARM_ERROR_ARGUMENT,
                        "snarm_dataset_open: allow_missing_masks is %d, expected 0 or 1",
                        (int)options->allow_missing_masks);
    return SNARM_OK;
}

static snarm_status check_path(const char *path) {
    if (path == NULL || path[0] == '\0')
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_dataset_open: path is %s, a folder expected",
                        path == NULL ? "NULL" : "empty");
    struct stat status;
    if (stat(path, &status) != 0)
        return sn_error(SNARM_ERROR_IO, "%s: the data set cannot be opened: %s", path, strerror(errno));
    if (!S_ISDIR(status.st_mode))
        return sn_error(SNARM_ERROR_IO, "%s: the data set is a file, a folder expected", path);
    return SNARM_OK;
}

/* Which layout to read: the one asked for, or the one found. */
static snarm_status choose_layout(const char *path, snarm_layout *layout, bool *single) {
    snarm_layout found;
    SN_TRY(sn_layout_find(path, *layout, &found, single));
    if (*layout == SNARM_LAYOUT_AUTO)
        *layout = found;
    if (found == SNARM_LAYOUT_AUTO)
        return sn_error(SNARM_ERROR_FORMAT,
                        "%s: no category in this folder, expected CATEGORY/train/good and CATEGORY/test, or "
                        "another layout of docs/datasets.md",
                        path);
    if (found != *layout)
        return sn_error(SNARM_ERROR_FORMAT, "%s: the layout is %s, expected %s", path, layout_names[found],
                        layout_names[*layout]);
    return SNARM_OK;
}

snarm_status snarm_dataset_open(snarm_dataset **out, const char *path, const snarm_dataset_options *options) {
    if (out == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_dataset_open: out is NULL");
    *out = NULL;
    snarm_dataset_options own;
    snarm_dataset_options_init(&own);
    SN_TRY(sn_options_read(&own, sizeof own, options, sizeof own, "snarm_dataset_options"));
    SN_TRY(check_options(&own));
    SN_TRY(check_path(path));
    snarm_layout layout = (snarm_layout)own.layout;
    bool single;
    SN_TRY(choose_layout(path, &layout, &single));
    snarm_dataset *set;
    SN_TRY(sn_alloc_zeroed(&set, 1, sizeof *set, "snarm_dataset"));
    set->layout = layout;
    set->allow_missing_masks = own.allow_missing_masks != 0;
    snarm_status status = sn_layout_read(set, path, single);
    if (status == SNARM_OK)
        *out = set;
    else
        snarm_dataset_destroy(set);
    return status;
}

snarm_layout snarm_dataset_layout(const snarm_dataset *set) {
    return set != NULL ? set->layout : SNARM_LAYOUT_AUTO;
}

size_t snarm_dataset_category_count(const snarm_dataset *set) {
    return set != NULL ? set->count : 0;
}

const char *snarm_dataset_category_name(const snarm_dataset *set, size_t category) {
    return set != NULL && category < set->count ? set->categories[category].name : NULL;
}

size_t snarm_dataset_sample_count(const snarm_dataset *set, size_t category, snarm_split split) {
    bool known = set != NULL && category < set->count && (unsigned)split < SN_SPLITS;
    return known ? set->categories[category].splits[split].count : 0;
}

snarm_status snarm_dataset_sample(const snarm_dataset *set, size_t category, snarm_split split, size_t index,
                                  snarm_sample *out) {
    if (set == NULL || out == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_dataset_sample: %s is NULL",
                        set == NULL ? "set" : "out");
    size_t count = snarm_dataset_sample_count(set, category, split);
    if (index >= count)
        return sn_error(SNARM_ERROR_ARGUMENT,
                        "snarm_dataset_sample: index is %zu, but category %zu has %zu samples in split %d",
                        index, category, count, (int)split);
    const sn_sample *sample = &set->categories[category].splits[split].samples[index];
    *out = (snarm_sample){sample->path, sample->defect, sample->mask, sample->depth, sample->anomalous};
    return SNARM_OK;
}

void snarm_dataset_destroy(snarm_dataset *set) {
    if (set == NULL)
        return;
    for (size_t c = 0; c < set->count; c++) {
        for (int s = 0; s < SN_SPLITS; s++) {
            sn_split *split = &set->categories[c].splits[s];
            for (size_t i = 0; i < split->count; i++)
                release_sample(&split->samples[i]);
            sn_free(split->samples);
        }
        sn_free(set->categories[c].name);
    }
    sn_free(set->categories);
    sn_free(set);
}
