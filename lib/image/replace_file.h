/* Writing a file so that its name always stands for something whole: a temporary name beside it, renamed at
 * the end. */
#ifndef SN_IMAGE_REPLACE_FILE_H
#define SN_IMAGE_REPLACE_FILE_H

#include "snarm/status.h"

#include <stdio.h>

typedef struct sn_replace_file {
    FILE *stream;    /* to write to */
    char *temporary; /* the name it has meanwhile */
    const char *path;
} sn_replace_file;

/* Opens a new file in path's folder. path must stay valid until commit or abort; it may name a regular file,
 * which is replaced, or nothing, but no folder and no device. */
snarm_status sn_replace_open(sn_replace_file *file, const char *path);

/* Puts the content on the disk and gives it its name. On failure nothing is left of it, and what path named
 * before stays. */
snarm_status sn_replace_commit(sn_replace_file *file);

/* Removes the new file; what path named before stays. Harmless after a commit or a failed open. */
void sn_replace_abort(sn_replace_file *file);

#endif
