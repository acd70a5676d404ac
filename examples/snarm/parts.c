#define _GNU_SOURCE
#include "parts.h"

#include "depths.h"

#include <stdlib.h>

option workers_option(int64_t *workers, bool *given) {
    return (option){.name = "workers",
                    .kind = OPTION_INTEGER,
                    .target = workers,
                    .value = "N",
                    .help = "inspect so many pictures at the same time; --threads are shared out; default 1",
                    .minimum = 1,
                    .maximum = 64,
                    .given = given};
}

option pin_option(bool *pin) {
    return (option){.name = "pin",
                    .kind = OPTION_FLAG,
                    .target = pin,
                    .help = "keep each thread on a processor of its own while it inspects"};
}

int32_t threads_of_worker(int32_t threads, int64_t workers) {
    if (workers == 1)
        return threads;
    const int64_t all = threads > 0 ? threads : snarm_default_threads();
    return all / workers < 1 ? 1 : (int32_t)(all / workers);
}

typedef struct part_list {
    part *items;
    size_t count;
    bool has_depth;
} part_list;

/* On a thread of the pipeline; each part is one thread's, and the sink sees it later. */
static snarm_status load(void *user, size_t index, snarm_image *image, snarm_depth *depth) {
    const part_list *list = user;
    if (index >= list->count)
        return SNARM_OK;
    part *p = &list->items[index];
    if (p->absent)
        return SNARM_ERROR_IO;
    snarm_status status = snarm_image_load(image, p->path, NULL);
    if (status != SNARM_OK) {
        p->unread = true;
        return status;
    }
    if (!list->has_depth)
        return SNARM_OK;
    char *path = p->depth != NULL ? format_text("%s", p->depth) : depth_path_of(p->path);
    status = snarm_depth_load(depth, path, NULL);
    free(path);
    if (status != SNARM_OK)
        snarm_image_release(image);
    return status;
}

static void release(void *user, size_t index, snarm_image *image, snarm_depth *depth) {
    (void)user, (void)index;
    snarm_image_release(image);
    snarm_depth_release(depth);
}

snarm_status parts_run(const snarm_detector *detector, part *parts, size_t count, int64_t workers,
                       snarm_pipeline_sink_fn sink, void *user) {
    snarm_detector_info info = {.struct_size = sizeof info};
    snarm_status status = snarm_detector_get_info(detector, &info);
    if (status != SNARM_OK)
        return status;
    part_list list = {parts, count, info.has_depth != 0};
    const snarm_pipeline_source source = {load, release, &list};
    snarm_pipeline_options options;
    snarm_pipeline_options_init(&options);
    options.workers = (int32_t)workers;
    options.loaders = (int32_t)((workers + 3) / 4);
    return snarm_pipeline_run(detector, &source, sink, user, &options);
}

double item_ms(const snarm_pipeline_item *item) {
    const snarm_result *r = item->result;
    return r->preprocess_ms + r->backbone_ms + r->match_ms + r->scorer_ms + r->map_ms;
}
