#define _GNU_SOURCE
#include "arrivals.h"

#include "depths.h"

#include "cli.h"
#include "machine.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { DEPTH_MAX = 64 };
/* Programs that copy set the old time right after they closed: seen as one change. */
#define CLOSED_DELAY 0.05
/* Seconds between looks at whether the folder is still the one that was opened. */
#define CHECK_INTERVAL 5.0
#define WAIT_MAX 3600.0

static bool has_suffix(const char *name, const char *const *suffixes) {
    size_t length = strlen(name);
    for (; *suffixes != NULL; suffixes++) {
        size_t tail = strlen(*suffixes);
        if (length > tail && strcasecmp(name + length - tail, *suffixes) == 0)
            return true;
    }
    return false;
}

static bool is_passed_over(const char *name) {
    static const char *const unfinished[] = {".tmp", ".part", NULL};
    return name[0] == '.' || has_suffix(name, unfinished);
}

static bool is_picture(const arrivals *a, const char *name) {
    static const char *const suffixes[] = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", NULL};
    return has_suffix(name, suffixes) && !(a->without_depths && is_depth_path(name));
}

static char *full_path(const arrivals *a, const char *path) {
    return path[0] == '\0' ? format_text("%s", a->folder)
                           : format_text("%s%s%s", a->folder, strcmp(a->folder, "/") == 0 ? "" : "/", path);
}

char *arrivals_path(const arrivals *a, const picture *which) {
    return full_path(a, which->path);
}

void arrivals_done(arrivals *a, picture *which) {
    queue_remove(&a->queue, which);
}

void arrivals_gone(arrivals *a, picture *which) {
    queue_remove(&a->queue, which);
    picture_remove(&a->pictures, which);
}

void arrivals_again(arrivals *a, picture *which, double due) {
    queue_move(&a->queue, which->arrival, due);
}

/* A picture that the listing found. */
static void found(arrivals *a, const char *path, const struct stat *status) {
    picture *p = picture_add(&a->pictures, path);
    stamp here = stamp_of(status);
    p->look = a->look;
    if (a->starting) {
        p->stamp = here;
        return;
    }
    if (p->reported && stamp_equal(&p->stamp, &here)) {
        queue_remove(&a->queue, p);
        return;
    }
    if (a->poll <= 0) {
        queue_add(&a->queue, p, a->now);
        return;
    }
    arrival *w = queue_add(&a->queue, p, INFINITY);
    if (!w->seen || !stamp_equal(&w->last, &here)) {
        w->last = here;
        w->since = a->now;
        w->seen = true;
        w->tried = false;
        queue_move(&a->queue, w, INFINITY);
    } else if (isinf(w->due)) {
        queue_move(&a->queue, w, a->now);
    }
}

bool arrivals_is_ready(arrivals *a, picture *which, const stamp *here, double now) {
    arrival *w = which->arrival;
    if (!w->seen || !stamp_equal(&w->last, here)) {
        w->last = *here;
        w->since = now;
        w->seen = true;
        w->tried = false;
        if (a->poll > 0) {
            queue_move(&a->queue, w, INFINITY);
            return false;
        }
    }
    if (w->tried && !arrivals_is_settled(a, which, now)) {
        arrivals_try_again(a, which, now);
        return false;
    }
    w->tried = true;
    return true;
}

bool arrivals_is_settled(const arrivals *a, const picture *which, double now) {
    return now - which->arrival->since >= a->settle;
}

void arrivals_try_again(arrivals *a, picture *which, double now) {
    double step = fmin(fmax(a->settle / 4, 0.02), 0.5);
    queue_move(&a->queue, which->arrival, fmin(now + step, fmax(which->arrival->since + a->settle, now)));
}

/* Where something cannot be read, nothing is known of what is below: nothing is taken for gone then. */
static void complain(arrivals *a, const char *full) {
    if (!a->complained)
        fail(EXIT_INPUT, "%s: cannot be read, and is passed over: %s", full, strerror(errno));
    a->incomplete = a->complained = true;
}

static int list_folder(arrivals *a, const char *path, int depth);

static int list_entry(arrivals *a, const char *folder, const struct dirent *entry, int depth) {
    bool wanted = is_picture(a, entry->d_name);
    if (entry->d_type == DT_REG && !wanted)
        return CONTINUE;
    char *path = path_join(folder, entry->d_name), *full = full_path(a, path);
    struct stat status;
    int code = CONTINUE;
    if (lstat(full, &status) != 0) {
        if (errno != ENOENT)
            complain(a, full);
    } else if (S_ISDIR(status.st_mode)) {
        code = list_folder(a, path, depth + 1);
    } else if (wanted) {
        bool there = !S_ISLNK(status.st_mode) || stat(full, &status) == 0;
        if (there && S_ISREG(status.st_mode))
            found(a, path, &status);
    }
    free(path);
    free(full);
    return code;
}

static int is_wanted_name(const struct dirent *entry) {
    return !is_passed_over(entry->d_name);
}

static int compare_names(const struct dirent **x, const struct dirent **y) {
    return strcmp((*x)->d_name, (*y)->d_name);
}

/* Asks for notices first: what comes while it lists is then told of, or listed, or both. */
static int list_folder(arrivals *a, const char *path, int depth) {
    char *full = full_path(a, path);
    int code = a->poll > 0 ? CONTINUE : notices_add(&a->notices, full, path);
    struct dirent **entries = NULL;
    int count = 0;
    if (code == CONTINUE && depth > DEPTH_MAX) {
        errno = ELOOP;
        complain(a, full);
    } else if (code == CONTINUE && (count = scandir(full, &entries, is_wanted_name, compare_names)) < 0) {
        if (path[0] == '\0')
            code = fail(EXIT_INPUT, "%s: the watched folder cannot be read: %s", full, strerror(errno));
        else if (errno != ENOENT && errno != ENOTDIR)
            complain(a, full);
    }
    for (int i = 0; i < count; i++) {
        if (code == CONTINUE)
            code = list_entry(a, path, entries[i], depth);
        free(entries[i]);
    }
    free(entries);
    free(full);
    return code;
}

/* It may have been removed, renamed, or lie on a drive that was taken away: what is listed then says nothing
 * of the pictures. */
static int check_folder(const arrivals *a) {
    struct stat status;
    if (stat(a->folder, &status) != 0)
        return fail(EXIT_INPUT, "%s: the watched folder is gone: %s", a->folder, strerror(errno));
    if (!S_ISDIR(status.st_mode) || status.st_dev != a->device || status.st_ino != a->file)
        return fail(EXIT_INPUT, "%s: the watched folder is gone: another is in its place", a->folder);
    return CONTINUE;
}

static bool keep_found(void *user, picture *which) {
    arrivals *a = user;
    if (which->look == a->look)
        return true;
    queue_remove(&a->queue, which);
    return false;
}

/* Lists all again, and forgets what is no longer there. */
static int look_again(arrivals *a) {
    int code = check_folder(a);
    if (code != CONTINUE)
        return code;
    a->look++;
    a->incomplete = false;
    a->now = seconds_now();
    code = list_folder(a, "", 0);
    if (code == CONTINUE)
        code = check_folder(a);
    if (code == CONTINUE && !a->incomplete) {
        a->complained = false;
        picture_filter(&a->pictures, keep_found, a);
    }
    a->next_look = seconds_now() + a->poll;
    return code;
}

typedef struct below {
    arrivals *a;
    const char *folder;
} below;

static bool is_there(const arrivals *a, const char *path) {
    char *full = full_path(a, path);
    struct stat status;
    bool there = lstat(full, &status) == 0 || (errno != ENOENT && errno != ENOTDIR);
    free(full);
    return there;
}

static bool keep_there(void *user, picture *which) {
    const below *b = user;
    if (!path_is_below(which->path, b->folder) || is_there(b->a, which->path))
        return true;
    queue_remove(&b->a->queue, which);
    return false;
}

static int depth_of(const char *path) {
    int depth = 1;
    for (; *path != '\0'; path++)
        depth += *path == '/';
    return depth;
}

static int take_notice(void *user, notice_kind kind, const char *path) {
    arrivals *a = user;
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    if (kind == NOTICE_ALL_GONE)
        return fail(EXIT_INPUT, "%s: the watched folder is gone: it was removed or renamed", a->folder);
    if (kind == NOTICE_OVERFLOW)
        return look_again(a);
    if (is_passed_over(name))
        return CONTINUE;
    a->now = seconds_now();
    if (kind == NOTICE_FOLDER_GONE) {
        notices_drop(&a->notices, path);
        picture_filter(&a->pictures, keep_there, &(below){a, path});
    }
    if (kind == NOTICE_FOLDER || kind == NOTICE_FOLDER_GONE) /* which may be there again */
        return list_folder(a, path, depth_of(path));
    if (!is_picture(a, name))
        return CONTINUE;
    if (kind == NOTICE_GONE) {
        /* A new file may have its name by now, and may have been reported. */
        picture *p = picture_find(&a->pictures, path);
        if (p != NULL && !is_there(a, path))
            arrivals_gone(a, p);
        return CONTINUE;
    }
    picture *p = picture_add(&a->pictures, path);
    p->look = a->look;
    /* Of a link no more is told than that it was made; of a file that is written, that it was closed. */
    if (kind != NOTICE_CREATED)
        queue_add(&a->queue, p, kind == NOTICE_MOVED ? a->now : a->now + CLOSED_DELAY);
    else if (p->arrival == NULL)
        queue_add(&a->queue, p, a->now + fmax(a->settle, CLOSED_DELAY));
    return CONTINUE;
}

int arrivals_open(arrivals *a, const char *folder, bool without_depths, double poll, double settle) {
    *a = (arrivals){.folder = folder, .without_depths = without_depths, .poll = poll, .settle = settle, .notices = {.descriptor = -1}};
    struct stat status;
    if (stat(folder, &status) != 0)
        return fail(EXIT_INPUT, "%s: the folder cannot be opened: %s", folder, strerror(errno));
    if (!S_ISDIR(status.st_mode))
        return fail(EXIT_INPUT, "%s: is no folder, expected one to watch", folder);
    a->device = status.st_dev;
    a->file = status.st_ino;
    return poll > 0 ? CONTINUE : notices_open(&a->notices);
}

int arrivals_list(arrivals *a) {
    a->starting = true;
    a->look = 1;
    a->now = seconds_now();
    int code = list_folder(a, "", 0);
    a->starting = false;
    a->next_look = seconds_now() + a->poll;
    a->next_check = seconds_now() + CHECK_INTERVAL;
    return code;
}

static int compare_ages(const void *x, const void *y) {
    const picture *a = *(picture *const *)x, *b = *(picture *const *)y;
    if (a->stamp.seconds != b->stamp.seconds)
        return a->stamp.seconds < b->stamp.seconds ? -1 : 1;
    if (a->stamp.nanoseconds != b->stamp.nanoseconds)
        return a->stamp.nanoseconds < b->stamp.nanoseconds ? -1 : 1;
    return strcmp(a->path, b->path);
}

void arrivals_start(arrivals *a) {
    picture **fresh = must_have(malloc((a->pictures.count + 1) * sizeof *fresh));
    size_t count = 0;
    for (size_t i = 0; i < a->pictures.capacity; i++)
        if (a->pictures.slots[i] != NULL && !a->pictures.slots[i]->reported)
            fresh[count++] = a->pictures.slots[i];
    qsort(fresh, count, sizeof *fresh, compare_ages);
    for (size_t i = 0; i < count; i++) {
        arrival *w = queue_add(&a->queue, fresh[i], a->poll > 0 ? INFINITY : a->now);
        w->last = fresh[i]->stamp;
        w->since = a->now;
        w->seen = true;
    }
    free(fresh);
}

void arrivals_close(arrivals *a) {
    notices_close(&a->notices);
    queue_free(&a->queue);
    picture_table_free(&a->pictures);
}

/* Signals are let through in the wait alone, so that none is missed between the question and the wait. */
static void sleep_until(const arrivals *a, double wake) {
    sigset_t ends, before;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, &before);
    double seconds = fmin(fmax(wake - seconds_now(), 0), WAIT_MAX);
    struct timespec time = {(time_t)seconds, (long)((seconds - floor(seconds)) * 1e9)};
    struct pollfd waited = {.fd = a->notices.descriptor, .events = POLLIN};
    if (!is_interrupted())
        ppoll(&waited, 1, &time, &before);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

int arrivals_wait(arrivals *a, double until) {
    double wake = fmin(until, a->poll > 0 ? a->next_look : a->next_check);
    sleep_until(a, a->queue.count > 0 ? fmin(wake, a->queue.heap[0]->due) : wake);
    if (is_interrupted())
        return CONTINUE;
    int code = a->poll > 0 ? CONTINUE : notices_take(&a->notices, take_notice, a);
    if (code != CONTINUE)
        return code;
    double now = seconds_now();
    if (a->poll > 0)
        return now >= a->next_look ? look_again(a) : CONTINUE;
    if (now < a->next_check)
        return CONTINUE;
    a->next_check = now + CHECK_INTERVAL;
    return check_folder(a);
}

picture *arrivals_due(const arrivals *a) {
    return a->queue.count > 0 && a->queue.heap[0]->due <= seconds_now() ? a->queue.heap[0]->what : NULL;
}
