/* Many pictures through one detector. Threads that load run ahead of those that inspect; the caller's own thread hands the results out.
 * Each picture has a slot, index modulo their number, and goes through it in order: loaded, inspected, delivered. */
#include "detector/pipeline.h"

#include "core/clock.h"
#include "core/memory.h"

#include <signal.h>
#include <string.h>

static double milliseconds(void) {
    return 1e3 * sn_seconds();
}

static sn_slot *slot_of(const sn_pipeline *p, size_t index) {
    return &p->slots[index % p->slot_count];
}

static float *map_of(const sn_pipeline *p, size_t index) {
    return p->maps != NULL ? p->maps[index % (p->workers + 1)] : NULL;
}

/* Takes the calling thread's sentence along. */
static void fail_slot(const sn_pipeline *p, sn_slot *slot, snarm_status status, bool own) {
    if (own && p->paths != NULL)
        sn_error_prefix(status, "%s", p->paths[slot->index]);
    slot->status = status;
    strncpy(slot->error, snarm_last_error(), sizeof slot->error - 1);
}

static void release(const sn_pipeline *p, sn_slot *slot) {
    if (slot->held && p->source.release != NULL)
        p->source.release(p->source.user, slot->index, &slot->image, &slot->depth);
    slot->held = false;
}

static snarm_status check_depth(const sn_pipeline *p, const sn_slot *slot) {
    const bool given = slot->depth.points != NULL;
    if (given == p->detector->recipe.depth)
        return SNARM_OK;
    return sn_error(SNARM_ERROR_ARGUMENT, "snarm_pipeline_run: the detector was fitted with%s depth pictures, but picture %zu has %s",
                    given ? "out" : "", slot->index, given ? "one" : "none");
}

/* False where there is no such picture. */
static bool load(const sn_pipeline *p, sn_slot *slot) {
    const double began = milliseconds();
    sn_error_forget();
    snarm_status status = p->source.load(p->source.user, slot->index, &slot->image, &slot->depth);
    slot->load_ms = milliseconds() - began;
    if (status != SNARM_OK) {
        if (snarm_last_error()[0] == '\0')
            sn_error(status, "picture %zu: the source could not give it: %s", slot->index, snarm_status_name(status));
        fail_slot(p, slot, status, false);
        return true;
    }
    if (slot->image.pixels == NULL)
        return false;
    slot->held = true;
    status = check_depth(p, slot);
    if (status == SNARM_OK)
        status = sn_inspect_prepare(p->detector, &slot->prepared, &slot->image, p->detector->recipe.depth ? &slot->depth : NULL);
    if (status != SNARM_OK)
        fail_slot(p, slot, status, true);
    return true;
}

static void *run_loader(void *user) {
    sn_pipeline *p = user;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->stop && p->next_load < p->total && p->next_load >= p->next_inspect + p->ahead)
            pthread_cond_wait(&p->changed, &p->lock);
        if (p->stop || p->next_load >= p->total)
            break;
        sn_slot *slot = slot_of(p, p->next_load);
        slot->index = p->next_load++;
        pthread_mutex_unlock(&p->lock);
        const bool there = load(p, slot);
        pthread_mutex_lock(&p->lock);
        if (there)
            slot->stage = SN_SLOT_LOADED;
        else if (slot->index < p->total)
            p->total = slot->index;
        pthread_cond_broadcast(&p->changed);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void inspect(const sn_pipeline *p, sn_slot *slot) {
    slot->result = (snarm_result){.struct_size = sizeof slot->result};
    snarm_status status;
    sn_processors former;
    if (p->detector->pin) {
        status = sn_threads_pin(p->detector->threads, "snarm_pipeline_run", &former);
        if (status != SNARM_OK) {
            fail_slot(p, slot, status, true);
            return;
        }
    }
    status = sn_inspect_prepared(p->detector, &slot->prepared, &slot->image, &slot->result, map_of(p, slot->index));
    if (p->detector->pin)
        sn_threads_unpin(p->detector->threads, &former);
    if (status != SNARM_OK)
        fail_slot(p, slot, status, true);
}

/* Its picture is loaded, and there is a map for it. */
static bool can_inspect(const sn_pipeline *p) {
    const sn_slot *slot = slot_of(p, p->next_inspect);
    return slot->stage == SN_SLOT_LOADED && slot->index == p->next_inspect && p->next_inspect <= p->next_deliver + p->workers;
}

static void *run_worker(void *user) {
    const sn_pipeline_worker *self = user;
    sn_pipeline *p = self->pipeline;
    if (p->detector->pin) {
        const int threads = p->detector->threads;
        const sn_processors own = sn_processors_part(&p->processors, (int)self->number * threads, threads);
        sn_processors_set(&own);
    }
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->stop && p->next_inspect < p->total && !can_inspect(p))
            pthread_cond_wait(&p->changed, &p->lock);
        if (p->stop || p->next_inspect >= p->total)
            break;
        sn_slot *slot = slot_of(p, p->next_inspect++);
        pthread_cond_broadcast(&p->changed); /* one less lies ahead */
        pthread_mutex_unlock(&p->lock);
        if (slot->status == SNARM_OK)
            inspect(p, slot);
        pthread_mutex_lock(&p->lock);
        slot->stage = SN_SLOT_DONE;
        pthread_cond_broadcast(&p->changed);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* The sink's status; a sentence is set where that is a failure. */
static snarm_status deliver(const sn_pipeline *p, const sn_slot *slot) {
    const bool good = slot->status == SNARM_OK;
    const snarm_pipeline_item item = {
        .index = slot->index,
        .status = slot->status,
        .error = slot->error,
        .image = slot->held ? &slot->image : NULL,
        .depth = slot->held && slot->depth.points != NULL ? &slot->depth : NULL,
        .result = good ? &slot->result : NULL,
        .map = good ? map_of(p, slot->index) : NULL,
        .load_ms = slot->load_ms,
    };
    char before[SN_SENTENCE_MAX];
    strcpy(before, snarm_last_error());
    const snarm_status status = p->sink(p->user, &item);
    if (status != SNARM_OK && strcmp(before, snarm_last_error()) == 0)
        return sn_error(status, "snarm_pipeline_run: the sink ended the run at picture %zu: %s", slot->index,
                        snarm_status_name(status));
    return status;
}

static void empty(sn_slot *slot) {
    slot->image = (snarm_image){0};
    slot->depth = (snarm_depth){0};
    slot->status = SNARM_OK;
    slot->error[0] = '\0';
    slot->stage = SN_SLOT_EMPTY;
}

/* On the caller's thread, until all are delivered or the sink has enough. */
static snarm_status deliver_all(sn_pipeline *p) {
    snarm_status status = SNARM_OK;
    pthread_mutex_lock(&p->lock);
    while (status == SNARM_OK) {
        sn_slot *slot = slot_of(p, p->next_deliver);
        while (p->next_deliver < p->total && !(slot->stage == SN_SLOT_DONE && slot->index == p->next_deliver))
            pthread_cond_wait(&p->changed, &p->lock);
        if (p->next_deliver >= p->total)
            break;
        pthread_mutex_unlock(&p->lock);
        status = deliver(p, slot);
        release(p, slot);
        pthread_mutex_lock(&p->lock);
        empty(slot);
        p->next_deliver++;
        pthread_cond_broadcast(&p->changed);
    }
    p->stop = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    return status;
}

static void stop(sn_pipeline *p) {
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

static snarm_status start_thread(sn_pipeline *p, void *(*function)(void *), void *argument) {
    /* The program's signals are its own threads' business. */
    sigset_t all, former;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &former);
    const int error = pthread_create(&p->threads[p->thread_count], NULL, function, argument);
    pthread_sigmask(SIG_SETMASK, &former, NULL);
    if (error != 0)
        return sn_error(SNARM_ERROR_MEMORY, "snarm_pipeline_run: thread %zu could not be started: %s", p->thread_count + 1,
                        strerror(error));
    p->thread_count++;
    return SNARM_OK;
}

static snarm_status start(sn_pipeline *p, size_t loaders) {
    for (size_t i = 0; i < loaders; i++)
        SN_TRY(start_thread(p, run_loader, p));
    for (size_t i = 0; i < p->workers; i++) {
        p->worker[i] = (sn_pipeline_worker){p, i};
        SN_TRY(start_thread(p, run_worker, &p->worker[i]));
    }
    return SNARM_OK;
}

static snarm_status make_room(sn_pipeline *p, bool maps) {
    const snarm_preprocess *how = &p->detector->recipe.preprocess;
    SN_TRY(sn_alloc_zeroed(&p->slots, p->slot_count, sizeof *p->slots, "pictures of a pipeline"));
    for (size_t i = 0; i < p->slot_count; i++)
        SN_TRY(sn_prepared_create(p->detector, &p->slots[i].prepared));
    if (!maps)
        return SNARM_OK;
    SN_TRY(sn_alloc_zeroed(&p->maps, p->workers + 1, sizeof *p->maps, "maps of a pipeline"));
    for (size_t i = 0; i <= p->workers; i++)
        SN_TRY(sn_alloc(&p->maps[i], (size_t)how->width * (size_t)how->height, sizeof **p->maps, "map"));
    return SNARM_OK;
}

static void free_room(sn_pipeline *p) {
    for (size_t i = 0; p->slots != NULL && i < p->slot_count; i++) {
        release(p, &p->slots[i]);
        sn_prepared_destroy(&p->slots[i].prepared);
    }
    for (size_t i = 0; p->maps != NULL && i <= p->workers; i++)
        sn_free(p->maps[i]);
    sn_free(p->slots);
    sn_free(p->maps);
}

static snarm_status run(sn_pipeline *p, const snarm_pipeline_options *options) {
    p->workers = (size_t)options->workers;
    p->ahead = (size_t)options->ahead;
    p->slot_count = p->workers + p->ahead + 1;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    snarm_status status = make_room(p, options->no_map == 0);
    if (status == SNARM_OK)
        status = start(p, (size_t)options->loaders);
    if (status == SNARM_OK)
        status = deliver_all(p);
    else
        stop(p);
    for (size_t i = 0; i < p->thread_count; i++)
        pthread_join(p->threads[i], NULL);
    free_room(p);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    return status;
}

static snarm_status check_range(const char *name, int32_t value, int32_t least, int32_t most) {
    if (value >= least && value <= most)
        return SNARM_OK;
    return sn_error(SNARM_ERROR_ARGUMENT, "snarm_pipeline_options: %s is %d, expected %d..%d", name, (int)value, (int)least, (int)most);
}

static snarm_status read_options(snarm_pipeline_options *out, const snarm_pipeline_options *given, bool files) {
    snarm_pipeline_options_init(out);
    SN_TRY(sn_options_read(out, sizeof *out, given, sizeof *out, "snarm_pipeline_options"));
    SN_TRY(check_range("workers", out->workers, 0, SN_THREADS_MAX));
    SN_TRY(check_range("ahead", out->ahead, 0, SN_PIPELINE_AHEAD_MAX));
    SN_TRY(check_range("loaders", out->loaders, 0, SN_THREADS_MAX));
    SN_TRY(check_range("no_map", out->no_map, 0, 1));
    if (out->workers == 0)
        out->workers = 1;
    if (out->ahead == 0)
        out->ahead = 2;
    if (out->loaders == 0)
        out->loaders = files ? (out->workers + 3) / 4 : 1;
    return SNARM_OK;
}

static snarm_status begin(sn_pipeline *p, const snarm_pipeline_options *given) {
    snarm_pipeline_options options;
    SN_TRY(read_options(&options, given, p->paths != NULL));
    if (p->detector->pin) {
        SN_TRY(sn_processors_get(&p->processors));
        const int wanted = options.workers * p->detector->threads;
        if (wanted > p->processors.count)
            return sn_error(SNARM_ERROR_ARGUMENT,
                            "snarm_pipeline_run: pin is set for %d workers of %d threads, but only %d processors may be used",
                            (int)options.workers, (int)p->detector->threads, p->processors.count);
    }
    return run(p, &options);
}

snarm_status snarm_pipeline_run(const snarm_detector *detector, const snarm_pipeline_source *source, snarm_pipeline_sink_fn sink,
                                void *user, const snarm_pipeline_options *options) {
    if (detector == NULL || source == NULL || source->load == NULL || sink == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_pipeline_run: %s is NULL",
                        detector == NULL ? "detector" : source == NULL ? "source" : sink == NULL ? "sink" : "source->load");
    sn_pipeline pipeline = {.detector = detector, .source = *source, .sink = sink, .user = user, .total = SIZE_MAX};
    return begin(&pipeline, options);
}

typedef struct file_list {
    const char *const *paths, *const *depths;
    size_t count;
} file_list;

static snarm_status load_files(void *user, size_t index, snarm_image *image, snarm_depth *depth) {
    const file_list *files = user;
    if (index >= files->count)
        return SNARM_OK;
    SN_TRY(snarm_image_load(image, files->paths[index], NULL));
    if (files->depths == NULL)
        return SNARM_OK;
    snarm_status status = snarm_depth_load(depth, files->depths[index], NULL);
    if (status == SNARM_OK)
        return SNARM_OK;
    snarm_image_release(image);
    return sn_error_prefix(status, "%s", files->paths[index]);
}

static void release_files(void *user, size_t index, snarm_image *image, snarm_depth *depth) {
    (void)user, (void)index;
    snarm_image_release(image);
    snarm_depth_release(depth);
}

snarm_status snarm_pipeline_run_files(const snarm_detector *detector, const char *const *paths, const char *const *depths,
                                      size_t count, snarm_pipeline_sink_fn sink, void *user, const snarm_pipeline_options *options) {
    static const char function[] = "snarm_pipeline_run_files";
    if (detector == NULL || paths == NULL || sink == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: %s is NULL", function,
                        detector == NULL ? "detector" : paths == NULL ? "paths" : "sink");
    if ((depths != NULL) != detector->recipe.depth)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: the detector was fitted with%s depth pictures, but depths is %sNULL", function,
                        depths != NULL ? "out" : "", depths != NULL ? "not " : "");
    for (size_t i = 0; i < count; i++)
        if (paths[i] == NULL || (depths != NULL && depths[i] == NULL))
            return sn_error(SNARM_ERROR_ARGUMENT, "%s: %s[%zu] is NULL", function, paths[i] == NULL ? "paths" : "depths", i);
    file_list files = {paths, depths, count};
    sn_pipeline pipeline = {.detector = detector,
                            .source = {load_files, release_files, &files},
                            .sink = sink,
                            .user = user,
                            .paths = paths,
                            .total = count};
    return begin(&pipeline, options);
}
