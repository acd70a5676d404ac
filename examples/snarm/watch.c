#define _GNU_SOURCE
#include "watch.h"

#include "arrivals.h"
#include "drift.h"
#include "journal.h"
#include "machine.h"
#include "reference.h"
#include "targets.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* Seconds until a file is looked at again that changed while it was read, or that cannot be looked at. */
#define CHANGED_DELAY 0.05
#define HIDDEN_DELAY 1.0

typedef struct watcher {
    const inspector *inspector;
    const watch_options *options;
    arrivals arrivals;
    journal journal;
    drift *drift; /* NULL: not looked for */
    size_t normal, anomalous, unreadable;
    double ms; /* of all that were inspected */
} watcher;

static json_t *time_text(void) {
    struct timespec now;
    struct tm parts;
    char day[64], text[80];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text, sizeof text, "%s.%03dZ", day, (int)(now.tv_nsec / 1000000));
    return json_text(text);
}

/* Takes the object over. Stdout first: what is in the log, or noted, was printed. */
static int print_object(watcher *w, json_t *object) {
    char *text = json_line(object), *line = format_text("%s\n", text);
    free(text);
    json_decref(object);
    fputs(line, stdout);
    int code = finish_output(CONTINUE);
    if (code == CONTINUE && w->journal.is_log)
        code = journal_write(&w->journal, line);
    free(line);
    return code;
}

static int print_line(watcher *w, const picture *p, const stamp *here, const inspect_line *l) {
    char time[STAMP_TIME_SIZE], *path = path_encode(p->path);
    stamp_print_time(here, time);
    json_t *object = inspect_line_json(l);
    json_add(object, "time", time_text());
    json_add(object, "path", json_text(path));
    json_add(object, "size", must_have(json_integer(here->size)));
    json_add(object, "mtime", json_text(time));
    free(path);
    int code = print_object(w, object);
    if (code == CONTINUE && !w->journal.is_log)
        code = journal_note(&w->journal, p->path, here);
    return code;
}

static int follow_drift(watcher *w, double score) {
    drift_figures now;
    drift_change change = w->drift == NULL ? DRIFT_SAME : drift_add(w->drift, score, &now);
    if (change == DRIFT_SAME)
        return CONTINUE;
    json_t *object = must_have(json_object());
    json_add(object, "warning", json_text(change == DRIFT_BEGINS ? "drift" : "drift over"));
    json_add(object, "z", json_number(now.z));
    json_add(object, "limit", json_number(drift_limit_of(w->drift)));
    json_add(object, "window", must_have(json_integer((json_int_t)now.window)));
    json_add(object, "median", json_number(now.median));
    json_add(object, "fit_median", json_number(now.fit_median));
    json_add(object, "time", time_text());
    return print_object(w, object);
}

static int report(watcher *w, picture *p, const stamp *here, const inspect_line *l) {
    if (l->error != NULL) {
        w->unreadable++;
        fail(EXIT_INPUT, "%s", l->error);
    } else {
        w->ms += l->ms;
        w->normal += !l->result.anomalous;
        w->anomalous += l->result.anomalous != 0;
    }
    int code = print_line(w, p, here, l);
    p->stamp = *here;
    p->reported = true;
    arrivals_done(&w->arrivals, p);
    if (code == CONTINUE)
        journal_compact(&w->journal, &w->arrivals.pictures);
    if (code == CONTINUE && l->error == NULL)
        code = follow_drift(w, (double)l->result.score);
    return code;
}

/* PATH/NAME.jpg goes to HEATMAPS/PATH/NAME.jpg.png, PATH/NAME.png to HEATMAPS/PATH/NAME.png: without a list
 * of the names taken. */
static char *heatmap_path(const watcher *w, const picture *p) {
    if (w->options->heatmaps == NULL)
        return NULL;
    const char *dot = strrchr(p->path, '.');
    bool png = dot != NULL && strcasecmp(dot, ".png") == 0;
    int stem = png ? (int)(dot - p->path) : (int)strlen(p->path);
    return format_text("%s/%.*s.png", w->options->heatmaps, stem, p->path);
}

static int read_picture(watcher *w, picture *p, const char *path, const stamp *here) {
    inspect_line l = {.file = path};
    snarm_image image = {0};
    if (snarm_image_load(&image, path, NULL) != SNARM_OK)
        l.error = format_text("%s", snarm_last_error());
    struct stat status;
    stamp after = stat(path, &status) == 0 ? stamp_of(&status) : (stamp){.size = -1};
    double now = seconds_now();
    int code = CONTINUE;
    bool same = stamp_equal(&after, here);
    if (same && l.error == NULL) {
        char *heatmap = heatmap_path(w, p);
        /* A heat map that cannot be written has its line on stderr, and ends nothing. */
        inspector_run(w->inspector, &image, heatmap, &l);
        free(heatmap);
    }
    if (!same)
        arrivals_again(&w->arrivals, p, now + CHANGED_DELAY);
    else if (l.error != NULL && !arrivals_is_settled(&w->arrivals, p, now)) /* its depth picture may be to come, too */
        arrivals_try_again(&w->arrivals, p, now);
    else
        code = report(w, p, here, &l);
    snarm_image_release(&image);
    free(l.error);
    return code;
}

static int look_at(watcher *w, picture *p) {
    char *path = arrivals_path(&w->arrivals, p);
    struct stat status;
    int code = CONTINUE;
    double now = seconds_now();
    if (stat(path, &status) != 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            arrivals_gone(&w->arrivals, p);
        else
            arrivals_again(&w->arrivals, p, now + HIDDEN_DELAY);
    } else if (!S_ISREG(status.st_mode)) {
        arrivals_gone(&w->arrivals, p);
    } else {
        stamp here = stamp_of(&status);
        if (p->reported && stamp_equal(&p->stamp, &here))
            arrivals_done(&w->arrivals, p);
        else if (arrivals_is_ready(&w->arrivals, p, &here, now))
            code = read_picture(w, p, path, &here);
    }
    free(path);
    return code;
}

static int go_on(watcher *w) {
    int code = CONTINUE;
    while (code == CONTINUE && !is_interrupted()) {
        code = arrivals_wait(&w->arrivals, journal_sync_time(&w->journal));
        picture *p = code == CONTINUE && !is_interrupted() ? arrivals_due(&w->arrivals) : NULL;
        if (p != NULL)
            code = look_at(w, p);
        if (code == CONTINUE)
            code = journal_sync(&w->journal, false);
    }
    int last = journal_sync(&w->journal, true);
    return code == CONTINUE ? last : code;
}

/* The journal's last word on a picture counts: it may have been reported as it was before. */
static void mark(void *user, const char *path, const stamp *reported) {
    watcher *w = user;
    picture *p = picture_find(&w->arrivals.pictures, path);
    if (p != NULL)
        p->reported = stamp_equal(&p->stamp, reported);
}

/* Heat maps in the watched folder would be parts themselves. */
static int check_heatmaps(const watch_options *o) {
    if (o->heatmaps == NULL)
        return CONTINUE;
    char *inside = format_text("%s/x", o->heatmaps);
    int code = make_folders_above(inside);
    free(inside);
    char *maps = realpath(o->heatmaps, NULL), *watched = realpath(o->folder, NULL);
    if (code == CONTINUE && (maps == NULL || watched == NULL))
        code = fail(EXIT_INPUT, "%s: the folder cannot be opened: %s", maps == NULL ? o->heatmaps : o->folder,
                    strerror(errno));
    else if (code == CONTINUE && path_is_below(maps, watched))
        code =
            fail(EXIT_USAGE, "inspect: --heatmaps: %s lies in the watched folder, expected one apart from it",
                 o->heatmaps);
    free(maps);
    free(watched);
    return code;
}

static int start_drift(watcher *w) {
    const watch_options *o = w->options;
    const float *scores;
    float *own = NULL;
    size_t count;
    if (o->drift_window == 0)
        return CONTINUE;
    if (o->reference != NULL) {
        int code = reference_read(o->reference, &own, &count);
        if (code != CONTINUE)
            return code;
        scores = own;
    } else if (snarm_detector_get_scores(w->inspector->detector, &scores, &count) != SNARM_OK) {
        return fail_library(EXIT_INPUT);
    }
    w->drift = must_have(drift_create(scores, count, (size_t)o->drift_window, o->drift_limit));
    free(own);
    if (isinf(drift_limit_of(w->drift)) && !o->quiet)
        fprintf(stderr,
                "snarm: drift cannot be seen: %s knows %zu scores, too few for any %lld others to be "
                "unlikely\n",
                o->reference != NULL ? o->reference : "the model", count, (long long)o->drift_window);
    return CONTINUE;
}

static int start(watcher *w, const char *journal_path) {
    const watch_options *o = w->options;
    int code = check_heatmaps(o);
    /* Locked, then listed, then compared: nothing is reported by another in between. */
    if (code == CONTINUE)
        code = journal_open(&w->journal, journal_path, o->log != NULL);
    if (code == CONTINUE)
        code = arrivals_list(&w->arrivals);
    if (code == CONTINUE)
        code = journal_read(&w->journal, mark, w);
    if (code == CONTINUE)
        code = start_drift(w);
    if (code != CONTINUE)
        return code;
    arrivals_start(&w->arrivals);
    if (!o->quiet)
        fprintf(stderr, "%s: %zu pictures, %zu of them new\n", o->folder, w->arrivals.pictures.count,
                w->arrivals.queue.count);
    return CONTINUE;
}

static void print_summary(const watcher *w) {
    size_t good = w->normal + w->anomalous;
    fprintf(stderr, "%zu images: %zu normal, %zu anomalous, %zu unreadable", good + w->unreadable, w->normal,
            w->anomalous, w->unreadable);
    if (good > 0)
        fprintf(stderr, "; %.1f ms an image (mean), %.0f MiB", w->ms / (double)good, peak_memory_mib());
    fputc('\n', stderr);
}

int watch_folder(const inspector *run, const watch_options *options) {
    watcher w = {.inspector = run, .options = options, .journal = {.descriptor = -1}};
    char *folder = must_have(strdup(options->folder));
    for (size_t length = strlen(folder); length > 1 && folder[length - 1] == '/'; length--)
        folder[length - 1] = '\0';
    char *state = options->log != NULL     ? format_text("%s", options->log)
                  : options->state != NULL ? format_text("%s", options->state)
                                           : format_text("%s/.snarm-watch", folder);
    signal(SIGPIPE, SIG_IGN); /* a reader that went away is a failed write, and the part is not noted */
    int code = arrivals_open(&w.arrivals, folder, run->info.has_depth, options->poll, options->settle);
    if (code == CONTINUE)
        code = start(&w, state);
    if (code == CONTINUE) {
        code = go_on(&w);
        if (!options->quiet)
            print_summary(&w);
    }
    drift_destroy(w.drift);
    journal_close(&w.journal);
    arrivals_close(&w.arrivals);
    free(state);
    free(folder);
    return code == CONTINUE ? EXIT_OK : code;
}
