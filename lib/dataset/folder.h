/* Names and what lies in a folder. */
#ifndef SN_DATASET_FOLDER_H
#define SN_DATASET_FOLDER_H

#include "core/status.h"

/* A growing list of strings of its own; all zero when empty. */
typedef struct sn_names {
    char **items;
    size_t count, capacity;
} sn_names;

snarm_status sn_names_add(sn_names *names, const char *text);
/* Byte order. */
void sn_names_sort(sn_names *names);
void sn_names_release(sn_names *names);

/* FOLDER/NAME, released with sn_free. */
snarm_status sn_path_join(char **out, const char *folder, const char *name);

/* Links are followed. */
bool sn_is_folder(const char *path);
bool sn_is_file(const char *path);
/* Whether FOLDER/NAME is a folder; false too when memory for the path could not be had. */
bool sn_has_folder(const char *folder, const char *name);

/* Whether a name ends in one of the suffixes (such as ".png"; NULL ends their list), in any case. */
bool sn_has_suffix(const char *name, const char *const *suffixes);
/* What the library loads, and what is likely an image. */
extern const char *const sn_loadable_suffixes[];
extern const char *const sn_image_suffixes[];

/* Adds the names of what lies in a folder, sorted, but for names that begin with a dot: folders to folders,
 * regular files and links that lead nowhere to files, if named with one of the suffixes. Devices and the like
 * are left out.
 * folders or files may be NULL. On failure both lists hold what was added so far. */
snarm_status sn_folder_read(const char *path, sn_names *folders, sn_names *files,
                            const char *const *suffixes);

#endif
