#define _GNU_SOURCE
#include "notices.h"

#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

/* Writing itself is not asked for: a file is looked at when it was closed. */
#define EVENTS                                                                                               \
    (IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF |  \
     IN_ONLYDIR | IN_EXCL_UNLINK)

char *path_join(const char *folder, const char *name) {
    return folder[0] == '\0' ? format_text("%s", name) : format_text("%s/%s", folder, name);
}

int path_is_below(const char *path, const char *folder) {
    size_t length = strlen(folder);
    return length == 0 ||
           (strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0'));
}

int notices_open(notices *n) {
    *n = (notices){.descriptor = inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
    if (n->descriptor >= 0)
        return CONTINUE;
    return fail(EXIT_INPUT, "inspect: --watch: the system gives no notices of files: %s; --poll does without",
                strerror(errno));
}

void notices_close(notices *n) {
    if (n->descriptor >= 0)
        close(n->descriptor);
    for (size_t i = 0; i < n->count; i++)
        free(n->folders[i].path);
    free(n->folders);
    *n = (notices){.descriptor = -1};
}

/* The first folder of at least this number. */
static size_t find(const notices *n, int number) {
    size_t low = 0, high = n->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (n->folders[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void drop_at(notices *n, size_t at) {
    free(n->folders[at].path);
    n->count--;
    memmove(n->folders + at, n->folders + at + 1, (n->count - at) * sizeof *n->folders);
}

int notices_add(notices *n, const char *full, const char *path) {
    int number = inotify_add_watch(n->descriptor, full, EVENTS);
    if (number < 0) {
        if (errno == ENOENT || errno == ENOTDIR || errno == EACCES)
            return CONTINUE;
        if (errno == ENOSPC)
            return fail(EXIT_INPUT,
                        "%s: cannot be watched: the system's limit fs.inotify.max_user_watches is reached; "
                        "raise it, or use --poll",
                        full);
        return fail(EXIT_INPUT, "%s: cannot be watched: %s; --poll does without the system's notices", full,
                    strerror(errno));
    }
    size_t at = find(n, number);
    if (at < n->count && n->folders[at].number == number) {
        /* The same folder under another name. */
        free(n->folders[at].path);
        n->folders[at].path = must_have(strdup(path));
        return CONTINUE;
    }
    if (n->count == n->capacity) {
        n->capacity = n->capacity == 0 ? 16 : 2 * n->capacity;
        n->folders = must_have(realloc(n->folders, n->capacity * sizeof *n->folders));
    }
    memmove(n->folders + at + 1, n->folders + at, (n->count - at) * sizeof *n->folders);
    n->folders[at] = (watched_folder){number, must_have(strdup(path))};
    n->count++;
    return CONTINUE;
}

void notices_drop(notices *n, const char *path) {
    for (size_t i = n->count; i-- > 0;) {
        if (path_is_below(n->folders[i].path, path)) {
            inotify_rm_watch(n->descriptor, n->folders[i].number);
            drop_at(n, i);
        }
    }
}

/* The kind of a notice of something in a folder; false for those that say nothing new. */
static bool kind_of(uint32_t mask, notice_kind *kind) {
    bool folder = (mask & IN_ISDIR) != 0;
    if (mask & (IN_MOVED_FROM | IN_DELETE))
        *kind = folder ? NOTICE_FOLDER_GONE : NOTICE_GONE;
    else if (folder && mask & (IN_CREATE | IN_MOVED_TO))
        *kind = NOTICE_FOLDER;
    else if (mask & IN_MOVED_TO)
        *kind = NOTICE_MOVED;
    else if (mask & IN_CLOSE_WRITE)
        *kind = NOTICE_CLOSED;
    else if (mask & IN_CREATE)
        *kind = NOTICE_CREATED;
    else
        return false;
    return true;
}

static int take_one(notices *n, const struct inotify_event *event,
                    int (*take)(void *user, notice_kind kind, const char *path), void *user) {
    if (event->mask & IN_Q_OVERFLOW)
        return take(user, NOTICE_OVERFLOW, "");
    size_t at = find(n, event->wd);
    if (at == n->count || n->folders[at].number != event->wd)
        return CONTINUE; /* of a folder that was dropped */
    if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT) && n->folders[at].path[0] == '\0')
        return take(user, NOTICE_ALL_GONE, "");
    if (event->mask & IN_IGNORED) {
        drop_at(n, at);
        return CONTINUE;
    }
    notice_kind kind;
    if (event->len == 0 || !kind_of(event->mask, &kind))
        return CONTINUE;
    char *path = path_join(n->folders[at].path, event->name);
    int code = take(user, kind, path);
    free(path);
    return code;
}

int notices_take(notices *n, int (*take)(void *user, notice_kind kind, const char *path), void *user) {
    _Alignas(struct inotify_event) char buffer[1 << 16];
    for (;;) {
        ssize_t got = read(n->descriptor, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno != EAGAIN)
            return fail(EXIT_INPUT, "inspect: --watch: the system's notices cannot be read: %s",
                        strerror(errno));
        if (got <= 0)
            return CONTINUE;
        for (char *at = buffer; at < buffer + got;) {
            const struct inotify_event *event = (const struct inotify_event *)(void *)at;
            int code = take_one(n, event, take, user);
            if (code != CONTINUE)
                return code;
            at += sizeof *event + event->len;
        }
    }
}
