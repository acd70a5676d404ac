#define _GNU_SOURCE
#include "targets.h"

#include "depths.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void add(target_list *list, const char *path, const char *error, char *heatmap) {
    if ((list->count & (list->count - 1)) == 0) {
        size_t capacity = list->count == 0 ? 1 : list->count * 2;
        list->items = must_have(realloc(list->items, capacity * sizeof *list->items));
    }
    list->items[list->count++] = (target){
        .path = must_have(strdup(path)),
        .error = error != NULL ? must_have(strdup(error)) : NULL,
        .heatmap = heatmap,
    };
}

static int compare_names(const void *a, const void *b) {
    return strcmp(a, b);
}

/* The picture's path below the folder given, or its last part where the picture itself was given. */
static const char *relative(const char *path, const char *given) {
    size_t length = strlen(given);
    if (strcmp(path, given) != 0 && strncmp(path, given, length) == 0) {
        const char *rest = path + length;
        return rest + strspn(rest, "/");
    }
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* taken: a tree of the names given so far, which it owns. */
static char *name_heatmap(const char *folder, const char *name, void **taken) {
    const char *dot = strrchr(name, '.'), *slash = strrchr(name, '/');
    int stem = dot != NULL && dot != name && (slash == NULL || dot > slash + 1) ? (int)(dot - name)
                                                                                : (int)strlen(name);
    for (int number = 1;; number++) {
        char *path = number == 1 ? format_text("%s/%.*s.png", folder, stem, name)
                                 : format_text("%s/%.*s-%d.png", folder, stem, name, number);
        char **entry = must_have(tsearch(path, taken, compare_names));
        if (*entry == path)
            return must_have(strdup(path));
        free(path);
    }
}

typedef struct identity {
    dev_t device;
    ino_t inode;
} identity;

static int compare_identities(const void *a, const void *b) {
    const identity *x = a, *y = b;
    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    return (x->inode > y->inode) - (x->inode < y->inode);
}

/* No heat map may be written over a picture that is still to be inspected, or any given at all. */
static int check_overwriting(const target_list *list) {
    void *pictures = NULL;
    struct stat status;
    int code = CONTINUE;
    for (size_t i = 0; i < list->count; i++) {
        if (stat(list->items[i].path, &status) != 0)
            continue;
        identity *key = must_have(malloc(sizeof *key));
        *key = (identity){status.st_dev, status.st_ino};
        identity **entry = must_have(tsearch(key, &pictures, compare_identities));
        if (*entry != key)
            free(key);
    }
    for (size_t i = 0; i < list->count && code == CONTINUE; i++) {
        const char *path = list->items[i].heatmap;
        if (path == NULL || stat(path, &status) != 0)
            continue;
        identity key = {status.st_dev, status.st_ino};
        if (tfind(&key, &pictures, compare_identities) != NULL)
            code = fail(EXIT_USAGE,
                        "inspect: --heatmaps: %s would replace a picture to be inspected, expected a folder "
                        "apart from the pictures",
                        path);
    }
    tdestroy(pictures, free);
    return code;
}

int target_list_make(target_list *list, const text_list *paths, const char *heatmaps) {
    void *taken = NULL;
    for (size_t i = 0; i < paths->count; i++) {
        const char *given = paths->items[i];
        snarm_image_list *found;
        if (snarm_image_list_open(&found, given) != SNARM_OK) {
            add(list, given, snarm_last_error(), NULL);
            continue;
        }
        size_t count = snarm_image_list_count(found);
        if (count == 0) {
            char *error = format_text("%s: the folder holds no pictures, expected .png or .jpg files", given);
            add(list, given, error, NULL);
            free(error);
        }
        for (size_t k = 0; k < count; k++) {
            const char *path = snarm_image_list_get(found, k);
            add(list, path, NULL,
                heatmaps != NULL ? name_heatmap(heatmaps, relative(path, given), &taken) : NULL);
        }
        snarm_image_list_destroy(found);
    }
    tdestroy(taken, free);
    return check_overwriting(list);
}

static void free_target(target *which) {
    free(which->path);
    free(which->error);
    free(which->heatmap);
}

void target_list_drop_depths(target_list *list) {
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].error == NULL && is_depth_path(list->items[i].path))
            free_target(&list->items[i]);
        else
            list->items[kept++] = list->items[i];
    }
    list->count = kept;
}

void target_list_free(target_list *list) {
    for (size_t i = 0; i < list->count; i++)
        free_target(&list->items[i]);
    free(list->items);
    *list = (target_list){0};
}

int make_folders_above(const char *path) {
    char *copy = must_have(strdup(path));
    int code = CONTINUE;
    for (char *slash = strchr(copy + 1, '/'); slash != NULL && code == CONTINUE;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            code = fail(EXIT_INPUT, "%s: the folder cannot be made: %s", copy, strerror(errno));
        *slash = '/';
    }
    free(copy);
    return code;
}
