/* Pictures by their paths through a detector: the next ones are read while one is inspected. */
#ifndef PARTS_H
#define PARTS_H

#include "options.h"

#include "snarm/pipeline.h"

/* The entries --workers and --pin of a command's table. *workers is 1 before parsing; given may be NULL. */
option workers_option(int64_t *workers, bool *given);
option pin_option(bool *pin);

/* The threads of each worker: those in all shared out, at least 1. threads: 0 is the library's default. */
int32_t threads_of_worker(int32_t threads, int64_t workers);

typedef struct part {
    const char *path;
    const char *depth; /* its depth picture, if the detector takes them; NULL: depth_path_of(path) */
    bool absent;       /* there is no such picture: it is not looked for, and its item has failed */
    bool unread;       /* set by parts_run: the picture could not be read. The item's sentence names it; that of a later failure
                          does not */
} part;

/* snarm_pipeline_run of these parts. */
snarm_status parts_run(const snarm_detector *detector, part *parts, size_t count, int64_t workers,
                       snarm_pipeline_sink_fn sink, void *user);

/* Milliseconds of an item's inspection, without reading. */
double item_ms(const snarm_pipeline_item *item);

#endif
