/* The system's notices (inotify) of what happens in a tree of folders. */
#ifndef NOTICES_H
#define NOTICES_H

#include <stddef.h>

typedef struct watched_folder {
    int number;
    char *path; /* from the watched folder on; "" for itself */
} watched_folder;

typedef struct notices {
    int descriptor; /* readable when there are notices; -1: not in use */
    watched_folder *folders;
    size_t count, capacity; /* of folders, ascending by number */
} notices;

typedef enum notice_kind {
    NOTICE_CREATED,     /* a file that is being written, or a link */
    NOTICE_CLOSED,      /* a file that was written */
    NOTICE_MOVED,       /* a file that was renamed into place */
    NOTICE_GONE,        /* a file */
    NOTICE_FOLDER,      /* a new folder */
    NOTICE_FOLDER_GONE, /* a folder that was removed or renamed */
    NOTICE_OVERFLOW,    /* notices were lost */
    NOTICE_ALL_GONE     /* the watched folder itself */
} notice_kind;

/* An exit code with a line on stderr, CONTINUE if it went well. notices_close is needed in both cases. */
int notices_open(notices *n);
void notices_close(notices *n);

/* Asks for notices of a folder's files.
 *   full      the folder's path; path: from the watched folder on
 * CONTINUE also where it is gone meanwhile. */
int notices_add(notices *n, const char *full, const char *path);
/* Asks for no more of a folder and those below. */
void notices_drop(notices *n, const char *path);

/* Hands on all that waits, without waiting for more; ends early where take returns an exit code, which it
 * gives then. path: of the file or folder, from the watched folder on; "" where there is none. */
int notices_take(notices *n, int (*take)(void *user, notice_kind kind, const char *path), void *user);

/* "FOLDER/NAME", "NAME" for the folder ""; the caller's. */
char *path_join(const char *folder, const char *name);
/* Whether path lies below folder, or is it. */
int path_is_below(const char *path, const char *folder);

#endif
