/* What inspect is asked to look at, and where each heat map goes. */
#ifndef TARGETS_H
#define TARGETS_H

#include "cli.h"

typedef struct target {
    char *path;    /* a picture; the path given where there is none to be found */
    char *error;   /* why there is none; else NULL */
    char *heatmap; /* its heat map's path; NULL: none wanted */
} target;

typedef struct target_list {
    target *items;
    size_t count;
} target_list;

/* Lists the pictures of the paths, in their order.
 *   heatmaps  the folder for heat maps, or NULL. FOLDER/a/b.jpg, given as FOLDER, goes to HEATMAPS/a/b.png; a
 * name that was taken already gets -2, -3, ... before its end CONTINUE, or EXIT_USAGE with a line on stderr
 * where a heat map would replace a picture to be inspected. */
int target_list_make(target_list *list, const text_list *paths, const char *heatmaps);
/* Drops what is a depth picture by its name: it belongs to a picture. */
void target_list_drop_depths(target_list *list);
void target_list_free(target_list *list);

/* Makes the folders above path; an exit code, CONTINUE if they are there. */
int make_folders_above(const char *path);

#endif
