#define _GNU_SOURCE
#include "depths.h"

#include "cli.h"

#include "snarm/depth.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

bool is_depth_path(const char *path) {
    const char *dot = strrchr(path, '.');
    return dot != NULL && (strcasecmp(dot, ".tif") == 0 || strcasecmp(dot, ".tiff") == 0);
}

/* FOLDER/NAME.tiff or .tif: the first that is there, NULL if none is. stem is not ended by a zero. */
static char *find(const char *folder, int folder_length, const char *sub, const char *stem, int stem_length) {
    static const char *const ends[] = {".tiff", ".tif"};
    for (int i = 0; i < 2; i++) {
        char *path = format_text("%.*s%s%.*s%s", folder_length, folder, sub, stem_length, stem, ends[i]);
        if (access(path, F_OK) == 0)
            return path;
        free(path);
    }
    return NULL;
}

char *depth_path_of(const char *picture) {
    const char *slash = strrchr(picture, '/'), *name = slash != NULL ? slash + 1 : picture, *dot = strrchr(name, '.');
    const int stem = dot != NULL && dot != name ? (int)(dot - name) : (int)strlen(name);
    const int folder = (int)(name - picture);
    const bool apart = folder >= 4 && strncmp(name - 4, "rgb/", 4) == 0 && (folder == 4 || name[-5] == '/');
    char *found = apart ? find(picture, folder - 4, "xyz/", name, stem) : NULL;
    if (found == NULL)
        found = find(picture, folder, "", name, stem);
    if (found != NULL)
        return found;
    return apart ? format_text("%.*sxyz/%.*s.tiff", folder - 4, picture, stem, name)
                 : format_text("%.*s%.*s.tiff", folder, picture, stem, name);
}

snarm_status inspect_part(const snarm_detector *detector, bool has_depth, const snarm_image *image, const char *picture,
                          const char *depth, snarm_result *result, float *map) {
    if (!has_depth)
        return snarm_detector_inspect(detector, image, result, map);
    char *path = depth != NULL ? format_text("%s", depth) : depth_path_of(picture);
    snarm_depth points;
    snarm_status status = snarm_depth_load(&points, path, NULL);
    if (status == SNARM_OK)
        status = snarm_detector_inspect_depth(detector, image, &points, result, map);
    snarm_depth_release(&points);
    free(path);
    return status;
}
