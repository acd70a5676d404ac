/* A progress bar on stderr: only if that is a terminal, and not with --quiet. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct progress {
    bool shown; /* draw at all */
    bool drawn; /* something is on the line */
    char stage[32];
    double began; /* of the stage */
    double last;  /* when it was last drawn */
} progress;

void progress_start(progress *bar, bool quiet);
/* Draws "stage [=====    ]  42%  1:23 left", at most ten times a second. */
void progress_update(progress *bar, const char *stage, uint64_t done, uint64_t total);
/* Clears the line, so that what follows starts at its beginning. */
void progress_end(progress *bar);

#endif
