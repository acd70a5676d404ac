#define _XOPEN_SOURCE 700
#include "dataset/folder.h"

#include "core/memory.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

const char *const sn_loadable_suffixes[] = {".png", ".jpg", ".jpeg", ".bmp", NULL};
const char *const sn_image_suffixes[] = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", NULL};

snarm_status sn_names_add(sn_names *names, const char *text) {
    if (names->count == names->capacity) {
        size_t capacity = names->capacity == 0 ? 16 : 2 * names->capacity;
        SN_TRY(sn_resize(&names->items, names->count * sizeof *names->items, capacity, sizeof *names->items,
                         "list of names"));
        names->capacity = capacity;
    }
    SN_TRY(sn_copy_string(&names->items[names->count], text));
    names->count++;
    return SNARM_OK;
}

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void sn_names_sort(sn_names *names) {
    if (names->count > 0)
        qsort(names->items, names->count, sizeof *names->items, compare);
}

void sn_names_release(sn_names *names) {
    for (size_t i = 0; i < names->count; i++)
        sn_free(names->items[i]);
    sn_free(names->items);
    *names = (sn_names){NULL, 0, 0};
}

snarm_status sn_path_join(char **out, const char *folder, const char *name) {
    size_t length = strlen(folder), more = strlen(name) + 1;
    bool slash = length > 0 && folder[length - 1] != '/';
    SN_TRY(sn_alloc(out, length + slash + more, 1, "path"));
    memcpy(*out, folder, length);
    if (slash)
        (*out)[length] = '/';
    memcpy(*out + length + slash, name, more);
    return SNARM_OK;
}

bool sn_is_folder(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

bool sn_is_file(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

bool sn_has_folder(const char *folder, const char *name) {
    char *path;
    bool is = sn_path_join(&path, folder, name) == SNARM_OK && sn_is_folder(path);
    sn_free(path);
    return is;
}

bool sn_has_suffix(const char *name, const char *const *suffixes) {
    size_t length = strlen(name);
    for (; *suffixes != NULL; suffixes++) {
        size_t tail = strlen(*suffixes);
        if (length > tail && strcasecmp(name + length - tail, *suffixes) == 0)
            return true;
    }
    return false;
}

static snarm_status add_entry(const char *folder, const char *name, sn_names *folders, sn_names *files,
                              const char *const *suffixes) {
    char *path;
    SN_TRY(sn_path_join(&path, folder, name));
    struct stat status;
    bool known = stat(path, &status) == 0;
    sn_free(path);
    if (known && S_ISDIR(status.st_mode))
        return folders != NULL ? sn_names_add(folders, name) : SNARM_OK;
    bool wanted = files != NULL && (!known || S_ISREG(status.st_mode)) && sn_has_suffix(name, suffixes);
    return wanted ? sn_names_add(files, name) : SNARM_OK;
}

snarm_status sn_folder_read(const char *path, sn_names *folders, sn_names *files,
                            const char *const *suffixes) {
    DIR *folder = opendir(path);
    if (folder == NULL)
        return sn_error(SNARM_ERROR_IO, "%s: the folder cannot be opened: %s", path, strerror(errno));
    snarm_status status = SNARM_OK;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (entry == NULL) {
            if (errno != 0)
                status = sn_error(SNARM_ERROR_IO, "%s: the folder cannot be read: %s", path, strerror(errno));
            break;
        }
        if (entry->d_name[0] == '.')
            continue;
        SN_GOTO(status, add_entry(path, entry->d_name, folders, files, suffixes), done);
    }
    if (folders != NULL)
        sn_names_sort(folders);
    if (files != NULL)
        sn_names_sort(files);
done:
    closedir(folder);
    return status;
}
