#include "dataset/visa_tables.h"

#include "core/memory.h"
#include "dataset/folder.h"

#include <stdlib.h>
#include <string.h>

static const char *const columns[] = {"image", "label", "mask", "split", "object"};
enum { ANNOTATION_COLUMNS = SN_VISA_MASK + 1, SPLIT_COLUMNS = SN_VISA_OBJECT + 1 };

struct sn_visa_split {
    sn_csv table;
};

snarm_status sn_visa_split_open(sn_visa_split **out, const char *folder) {
    *out = NULL;
    char *path;
    SN_TRY(sn_path_join(&path, folder, "split_csv/1cls.csv"));
    snarm_status status = SNARM_OK;
    if (sn_is_file(path)) {
        status = sn_alloc_zeroed(out, 1, sizeof **out, path);
        if (status == SNARM_OK)
            status = sn_csv_read(&(*out)->table, path, columns, SPLIT_COLUMNS);
    }
    sn_free(path);
    if (status != SNARM_OK) {
        sn_visa_split_free(*out);
        *out = NULL;
    }
    return status;
}

void sn_visa_split_free(sn_visa_split *split) {
    if (split == NULL)
        return;
    sn_csv_release(&split->table);
    sn_free(split);
}

const sn_csv *sn_visa_split_table(const sn_visa_split *split) {
    return &split->table;
}

/* Whether a path stays below the folder that it starts from. */
static bool stays_below(const char *path) {
    for (;;) {
        size_t length = strcspn(path, "/");
        if (length == 0 || (length == 1 && path[0] == '.') || (length == 2 && memcmp(path, "..", 2) == 0))
            return false;
        if (path[length] == '\0')
            return true;
        path += length + 1;
    }
}

/* The tables' paths begin with the category's name; what follows is the path below its folder. */
static snarm_status read_path(const char **out, const sn_csv *table, size_t row, size_t column,
                              const char *name) {
    const char *field = sn_csv_field(table, row, column);
    if (!stays_below(field))
        return sn_csv_error(table, row, column, "a path below the data set's folder, without '..'");
    size_t length = strlen(name);
    if (strncmp(field, name, length) != 0 || field[length] != '/')
        return sn_csv_error(table, row, column, "a path that begins with '%s/'", name);
    *out = field + length + 1;
    return SNARM_OK;
}

static snarm_status read_files(sn_visa_entry *entry, const sn_csv *table, const char *name) {
    SN_TRY(read_path(&entry->image, table, entry->row, SN_VISA_IMAGE, name));
    if (!sn_has_suffix(entry->image, sn_loadable_suffixes))
        return sn_csv_error(table, entry->row, SN_VISA_IMAGE, "an image (.png, .jpg, .jpeg, .bmp)");
    if (sn_csv_field(table, entry->row, SN_VISA_MASK)[0] == '\0')
        return SNARM_OK;
    if (!entry->anomalous)
        return sn_csv_error(table, entry->row, SN_VISA_MASK, "nothing for a normal image");
    return read_path(&entry->mask, table, entry->row, SN_VISA_MASK, name);
}

static snarm_status add(sn_visa_entries *entries, const sn_visa_entry *entry) {
    if (entries->count == entries->capacity) {
        size_t capacity = entries->capacity == 0 ? 256 : 2 * entries->capacity;
        SN_TRY(sn_resize(&entries->items, entries->count * sizeof *entries->items, capacity,
                         sizeof *entries->items, "list of VisA's images"));
        entries->capacity = capacity;
    }
    entries->items[entries->count++] = *entry;
    return SNARM_OK;
}

static int compare(const void *a, const void *b) {
    const sn_visa_entry *left = a, *right = b;
    int order = strcmp(left->image, right->image);
    return order != 0 ? order : (left->row > right->row) - (left->row < right->row);
}

static snarm_status sort(sn_visa_entries *entries, const sn_csv *table) {
    if (entries->count == 0)
        return SNARM_OK;
    qsort(entries->items, entries->count, sizeof *entries->items, compare);
    for (size_t i = 1; i < entries->count; i++) {
        const sn_visa_entry *one = &entries->items[i - 1], *other = &entries->items[i];
        if (strcmp(one->image, other->image) == 0)
            return sn_csv_error(table, other->row, SN_VISA_IMAGE, "each image once; line %zu has it too",
                                table->lines[one->row]);
    }
    return SNARM_OK;
}

static snarm_status read_annotations(sn_visa_entries *out, const char *file, const char *name) {
    sn_csv *table = &out->table;
    SN_TRY(sn_csv_read(table, file, columns, ANNOTATION_COLUMNS));
    for (size_t row = 0; row < table->rows; row++) {
        const char *label = sn_csv_field(table, row, SN_VISA_LABEL);
        bool anomalous = strcmp(label, "normal") != 0;
        sn_visa_entry entry = {.row = row, .defect = anomalous ? label : SN_NORMAL, .anomalous = anomalous};
        if (label[0] == '\0' || strcmp(label, SN_NORMAL) == 0)
            return sn_csv_error(table, row, SN_VISA_LABEL, "normal or a kind of defect");
        SN_TRY(read_files(&entry, table, name));
        SN_TRY(add(out, &entry));
    }
    SN_TRY(sort(out, table));
    size_t normal = 0;
    for (size_t i = 0; i < out->count; i++)
        out->items[i].split = out->items[i].anomalous ? SNARM_SPLIT_TEST : sn_fixed_split(normal++);
    return SNARM_OK;
}

snarm_status sn_visa_annotations(sn_visa_entries *out, bool *found, const char *path, const char *name) {
    *out = (sn_visa_entries){.items = NULL};
    char *file;
    SN_TRY(sn_path_join(&file, path, "image_anno.csv"));
    *found = sn_is_file(file);
    snarm_status status = *found ? read_annotations(out, file, name) : SNARM_OK;
    sn_free(file);
    return status;
}

/* One of two words; *second tells which. */
static snarm_status read_word(bool *second, const sn_csv *table, size_t row, size_t column, const char *a,
                              const char *b) {
    const char *field = sn_csv_field(table, row, column);
    *second = strcmp(field, b) == 0;
    if (!*second && strcmp(field, a) != 0)
        return sn_csv_error(table, row, column, "%s or %s", a, b);
    return SNARM_OK;
}

snarm_status sn_visa_split_entries(sn_visa_entries *out, const sn_visa_split *split, const char *name) {
    *out = (sn_visa_entries){.items = NULL};
    const sn_csv *table = &split->table;
    for (size_t row = 0; row < table->rows; row++) {
        if (strcmp(sn_csv_field(table, row, SN_VISA_OBJECT), name) != 0)
            continue;
        bool test, anomalous;
        SN_TRY(read_word(&test, table, row, SN_VISA_SPLIT, "train", "test"));
        SN_TRY(read_word(&anomalous, table, row, SN_VISA_LABEL, "normal", "anomaly"));
        if (anomalous && !test)
            return sn_csv_error(table, row, SN_VISA_LABEL, "normal in an image to train with");
        sn_visa_entry entry = {.row = row,
                               .defect = anomalous ? "anomaly" : SN_NORMAL,
                               .split = test ? SNARM_SPLIT_TEST : SNARM_SPLIT_TRAIN,
                               .anomalous = anomalous};
        SN_TRY(read_files(&entry, table, name));
        SN_TRY(add(out, &entry));
    }
    if (out->count == 0)
        return sn_error(SNARM_ERROR_FORMAT,
                        "%s: no line whose object is '%s', as the category's folder is named", table->path,
                        name);
    return sort(out, table);
}

void sn_visa_entries_release(sn_visa_entries *entries) {
    sn_csv_release(&entries->table);
    sn_free(entries->items);
    *entries = (sn_visa_entries){.items = NULL};
}

const sn_visa_entry *sn_visa_entries_find(const sn_visa_entries *entries, const char *image) {
    size_t low = 0, high = entries->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(entries->items[middle].image, image);
        if (order == 0)
            return &entries->items[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
