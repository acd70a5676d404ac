/* snarm inspect --watch: pictures are inspected as they arrive in a folder, each once. */
#ifndef WATCH_H
#define WATCH_H

#include "inspect_lines.h"

#include <stdbool.h>

typedef struct watch_options {
    const char *folder;
    const char *state, *log; /* at most one; neither: a state file in the folder */
    const char *heatmaps;    /* NULL: none */
    const char *reference;   /* lines with the scores that drift is measured against; NULL: the fit's */
    double poll, settle;     /* seconds; poll 0: the system's notices */
    int64_t drift_window;    /* 0: none */
    double drift_limit;      /* 0: drift_limit() */
    bool quiet;
} watch_options;

#define WATCH_DEFAULTS                                                                                       \
    { .settle = 2, .drift_window = 50 }

/* Goes on until SIGINT or SIGTERM, which the caller has caught: EXIT_OK; or until it cannot, with a line on
 * stderr. */
int watch_folder(const inspector *run, const watch_options *options);

#endif
