/* libsnarm: many pictures through one detector: the next are read and brought to the network's size while one is inspected, and several
 * may be inspected at the same time.
 *
 *     snarm_pipeline_options options;
 *     snarm_pipeline_options_init(&options);
 *     options.workers = 4;
 *     if (snarm_pipeline_run_files(detector, paths, NULL, count, show, NULL, &options) != SNARM_OK) ...
 *
 * where show receives each picture's result as a snarm_pipeline_item.
 *
 * Results are those of snarm_detector_inspect, to the byte, and come in the order of the pictures.
 */
#ifndef SNARM_PIPELINE_H
#define SNARM_PIPELINE_H

#include "snarm/depth.h"
#include "snarm/detector.h"
#include "snarm/image.h"
#include "snarm/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where a run gets its pictures from. Both functions are called on threads of the run, not on the caller's. */
typedef struct snarm_pipeline_source {
    /* Gives picture index in *image, and in *depth its depth picture if the detector takes them; both come zeroed and stay valid until
     * release. Each index is asked for once, 0 first; by one thread at a time and in order unless snarm_pipeline_options.loaders is
     * more than 1.
     * Returns SNARM_OK. With image->pixels left NULL it says that there is no such picture, nor any of a higher index. Any other status
     * says that this one cannot be had: the sink is told, with this thread's snarm_last_error() if the function made a call of the library
     * that failed, and the others go on. */
    snarm_status (*load)(void *user, size_t index, snarm_image *image, snarm_depth *depth);
    /* Ends the use of what a successful load gave, once for each. NULL: nothing to release. */
    void (*release)(void *user, size_t index, snarm_image *image, snarm_depth *depth);
    void *user;
} snarm_pipeline_source;

/* What the sink receives of a picture; all of it is valid until the sink returns. */
typedef struct snarm_pipeline_item {
    size_t index;               /* of the picture, 0 up */
    snarm_status status;        /* SNARM_OK, or why it could not be had or inspected */
    const char *error;          /* the sentence of the failure; "" on success */
    const snarm_image *image;   /* as the source gave it; NULL where it could not be had */
    const snarm_depth *depth;   /* the same; NULL without depth */
    const snarm_result *result; /* NULL on failure. The times are those of the picture's own work, wherever it was done */
    const float *map;           /* (height, width) floats of snarm_detector_info; NULL on failure and with no_map */
    double load_ms;             /* milliseconds in the source's load */
} snarm_pipeline_item;

/* Receives a picture's result, on the thread that made the call and in the order of index. Any status but SNARM_OK ends the run with it:
 * SNARM_ERROR_CANCELLED, say, for who has seen enough. It may call the library, also with the detector. */
typedef snarm_status (*snarm_pipeline_sink_fn)(void *user, const snarm_pipeline_item *item);

/* Initialise with snarm_pipeline_options_init; zero means default. */
typedef struct snarm_pipeline_options {
    size_t struct_size;
    int32_t workers; /* inspections at the same time, each on as many threads as the detector has; default 1; 1..64. The most pictures a
                        second: a detector with threads = 1, and as many workers as processors */
    int32_t ahead;   /* pictures that are read and brought to size before an inspection is free for them; default 2; 1..1024 */
    int32_t loaders; /* threads that call the source's load, at the same time if more than one; default 1; 1..64 */
    int32_t no_map;  /* 1: items have no map; default 0; 0..1 */
} snarm_pipeline_options;
static inline void snarm_pipeline_options_init(snarm_pipeline_options *options) {
    snarm_options_clear(options, sizeof *options);
}

/* Inspects all pictures of a source. At most workers + ahead + 1 of them are in memory at the same time, and workers + 1 maps: where the sink
 * is slow, the rest waits for it.
 *   detector  its pin (snarm_detector_options) gives each worker processors of its own: SNARM_ERROR_ARGUMENT if there are fewer than
 *             workers times threads
 *   source    what it gives is checked: a picture that the detector does not take is a failure of that item
 *   sink      gets every item, and user
 *   options   NULL for defaults
 * SNARM_OK once the sink has had every picture, failed ones included; else the sink's status, or why the run could not begin. Whatever it
 * returns, all threads have ended and everything is released. Any number of threads may have runs of one detector at the same time. */
SNARM_API snarm_status snarm_pipeline_run(const snarm_detector *detector, const snarm_pipeline_source *source,
                                          snarm_pipeline_sink_fn sink, void *user, const snarm_pipeline_options *options);

/* The same from PNG, JPEG and BMP files. Sentences of failures name the file.
 *   paths   count of them; valid until the call returns
 *   depths  the depth pictures' files, as many, if the detector takes them; else NULL
 * loaders defaults to a quarter of the workers here, at least 1. */
SNARM_API snarm_status snarm_pipeline_run_files(const snarm_detector *detector, const char *const *paths,
                                                const char *const *depths, size_t count, snarm_pipeline_sink_fn sink, void *user,
                                                const snarm_pipeline_options *options);

#ifdef __cplusplus
}
#endif
#endif
