/* The inside of a pipeline's run. */
#ifndef SN_DETECTOR_PIPELINE_H
#define SN_DETECTOR_PIPELINE_H

#include "core/threads.h"
#include "detector/detector.h"
#include "snarm/pipeline.h"

#include <pthread.h>

enum { SN_PIPELINE_AHEAD_MAX = 1024 };

typedef enum sn_slot_stage {
    SN_SLOT_EMPTY,  /* or being loaded */
    SN_SLOT_LOADED, /* or being inspected */
    SN_SLOT_DONE    /* to be delivered */
} sn_slot_stage;

/* One picture on its way. Between two stages it belongs to the thread that took it up, and only stage and index are read by others,
 * under the lock. */
typedef struct sn_slot {
    size_t index;
    sn_slot_stage stage;
    bool held; /* image and depth are the source's to release */
    snarm_image image;
    snarm_depth depth;
    sn_prepared prepared;
    snarm_result result;
    double load_ms;
    snarm_status status;
    char error[SN_SENTENCE_MAX];
} sn_slot;

typedef struct sn_pipeline sn_pipeline;

typedef struct sn_pipeline_worker {
    sn_pipeline *pipeline;
    size_t number;
} sn_pipeline_worker;

struct sn_pipeline {
    const snarm_detector *detector;
    snarm_pipeline_source source;
    snarm_pipeline_sink_fn sink;
    void *user;
    const char *const *paths; /* named in errors; NULL: unknown */
    size_t workers, ahead;
    sn_processors processors; /* with pin: of the thread that made the call */

    pthread_mutex_t lock; /* of all below, and of slots' stage and index */
    pthread_cond_t changed;
    bool stop;
    size_t total; /* pictures, once known */
    size_t next_load, next_inspect, next_deliver;

    /* next_load <= next_inspect + ahead and next_inspect <= next_deliver + workers + 1: so no slot and no map is wanted twice. */
    sn_slot *slots;
    size_t slot_count; /* workers + ahead + 1 */
    float **maps;      /* workers + 1; NULL: none */

    sn_pipeline_worker worker[SN_THREADS_MAX];
    pthread_t threads[2 * SN_THREADS_MAX];
    size_t thread_count;
};

#endif
