#define _GNU_SOURCE
#include "journal.h"

#include "cli.h"
#include "json.h"
#include "machine.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static const char head[] = "snarm-watch 1\n";
enum {
    LINE_MAX_BYTES = 1 << 18, /* no line of ours is longer: a path has at most 4,096 bytes */
    SLACK = 1000              /* lines too many that are not worth a rewrite */
};

static int fail_file(const journal *j, const char *what) {
    return fail(EXIT_INPUT, "%s: %s: %s", j->path, what, strerror(errno));
}

/* Locks what lies at the path now: a rewrite may have replaced it since it was opened. */
static int lock(journal *j) {
    struct stat opened, there;
    if (flock(j->descriptor, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return fail_file(j, "cannot be locked");
    } else if (fstat(j->descriptor, &opened) != 0) {
        return fail_file(j, "cannot be read");
    } else if (!S_ISREG(opened.st_mode)) {
        return fail(EXIT_INPUT, "%s: is no regular file, expected one to keep what was reported", j->path);
    } else if (stat(j->path, &there) == 0 && there.st_dev == opened.st_dev && there.st_ino == opened.st_ino) {
        return CONTINUE;
    }
    return fail(EXIT_INPUT, "%s: is in use by another watch, expected one watch for each", j->path);
}

int journal_open(journal *j, const char *path, bool is_log) {
    *j = (journal){.path = path, .is_log = is_log};
    /* Without O_NONBLOCK a pipe would be waited for before it can be seen to be one. */
    j->descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0666);
    return j->descriptor < 0 ? fail_file(j, "cannot be opened for writing") : lock(j);
}

void journal_close(journal *j) {
    if (j->descriptor >= 0)
        close(j->descriptor);
    j->descriptor = -1;
}

/* Takes "SIZE SECONDS.NANOSECONDS PATH" apart, in place. */
static bool parse_note(char *line, stamp *when, char **path) {
    char *time = line + strspn(line, "0123456789");
    if (time == line || *time != ' ')
        return false;
    *time++ = '\0';
    errno = 0;
    when->size = strtoll(line, NULL, 10);
    char *space = strchr(time, ' ');
    if (errno != 0 || space == NULL)
        return false;
    *space = '\0';
    *path = space + 1;
    return stamp_parse_time(time, when) && path_decode(*path);
}

/* A line of the log: true with *path NULL for a warning; else *path is the caller's. */
static bool parse_object(const char *line, size_t size, stamp *when, char **path) {
    json_t *object = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
    const json_t *bytes = json_object_get(object, "size");
    const char *time = json_string_value(json_object_get(object, "mtime"));
    const char *name = json_string_value(json_object_get(object, "path"));
    *path = NULL;
    bool good = json_is_string(json_object_get(object, "warning"));
    if (!good && json_is_integer(bytes) && time != NULL && name != NULL) {
        *path = must_have(strdup(name));
        when->size = json_integer_value(bytes);
        good = when->size >= 0 && stamp_parse_time(time, when) && path_decode(*path);
    }
    json_decref(object);
    return good;
}

/* One whole line, ended by a zero byte in place of the line break. */
static bool take_line(journal *j, char *line, size_t size,
                      void (*visit)(void *user, const char *path, const stamp *reported), void *user) {
    if (memchr(line, 0, size) != NULL)
        return false;
    if (!j->is_log && j->size == 0)
        return size == sizeof head - 2 && memcmp(line, head, size) == 0;
    stamp when;
    char *path;
    if (!j->is_log) {
        if (!parse_note(line, &when, &path))
            return false;
        visit(user, path, &when);
    } else {
        bool good = parse_object(line, size, &when, &path);
        if (good && path != NULL)
            visit(user, path, &when);
        free(path);
        if (!good)
            return false;
    }
    j->lines++;
    return true;
}

/* Whether the rest behind the last line break is the beginning of a line of ours, as a program that was
 * stopped leaves it; a file of someone else that was named by mistake is not to be cut. */
static bool is_cut_line(const journal *j, const char *rest, size_t size) {
    static const char *const beginnings[] = {"{\"file\":", "{\"warning\":"};
    if (j->size > 0)
        return true;
    if (!j->is_log)
        return size < sizeof head - 1 && memcmp(rest, head, size) == 0;
    for (size_t i = 0; i < 2; i++) {
        size_t length = strlen(beginnings[i]);
        if (memcmp(rest, beginnings[i], size < length ? size : length) == 0)
            return true;
    }
    return false;
}

static int fail_line(const journal *j) {
    return fail(EXIT_INPUT, "%s: line %zu is not one that snarm inspect --watch writes%s", j->path,
                j->lines + 1 + (!j->is_log && j->size > 0),
                j->is_log ? " into a log" : " into a state file; without the file all pictures are new");
}

int journal_read(journal *j, void (*visit)(void *user, const char *path, const stamp *reported), void *user) {
    char *buffer = must_have(malloc(LINE_MAX_BYTES));
    size_t held = 0;
    int code = CONTINUE;
    if (lseek(j->descriptor, 0, SEEK_SET) != 0)
        code = fail_file(j, "cannot be read");
    while (code == CONTINUE) {
        ssize_t got = read(j->descriptor, buffer + held, LINE_MAX_BYTES - held);
        if (got < 0)
            code = fail_file(j, "cannot be read");
        if (got <= 0)
            break;
        held += (size_t)got;
        char *line = buffer, *end;
        while (code == CONTINUE && (end = memchr(line, '\n', held)) != NULL) {
            size_t size = (size_t)(end - line);
            *end = '\0';
            if (!take_line(j, line, size, visit, user))
                code = fail_line(j);
            j->size += (off_t)size + 1;
            held -= size + 1;
            line = end + 1;
        }
        memmove(buffer, line, held);
        if (code == CONTINUE && held == LINE_MAX_BYTES)
            code = fail_line(j);
    }
    if (code == CONTINUE && held > 0) {
        if (!is_cut_line(j, buffer, held))
            code = fail_line(j);
        else if (ftruncate(j->descriptor, j->size) != 0)
            code = fail_file(j, "its last line, which is incomplete, cannot be cut off");
    }
    free(buffer);
    if (code == CONTINUE && !j->is_log && j->size == 0)
        code = journal_write(j, head);
    return code;
}

int journal_write(journal *j, const char *line) {
    size_t size = strlen(line);
    ssize_t written;
    do
        written = write(j->descriptor, line, size);
    while (written < 0 && errno == EINTR);
    if (written != (ssize_t)size) {
        int cause = written < 0 ? errno : ENOSPC;
        /* A part of a line is no report: it goes, or is cut off at the next start. */
        if (written > 0 && ftruncate(j->descriptor, j->size) != 0)
            cause = errno;
        errno = cause;
        return fail_file(j, "cannot be written");
    }
    j->size += written;
    if (j->unsynced <= 0)
        j->unsynced = seconds_now();
    return CONTINUE;
}

static char *format_note(const char *path, const stamp *reported) {
    char time[STAMP_TIME_SIZE], *encoded = path_encode(path);
    stamp_print_time(reported, time);
    char *line = format_text("%" PRId64 " %s %s\n", reported->size, time, encoded);
    free(encoded);
    return line;
}

int journal_note(journal *j, const char *path, const stamp *reported) {
    char *line = format_note(path, reported);
    int code = journal_write(j, line);
    free(line);
    j->lines++;
    return code;
}

double journal_sync_time(const journal *j) {
    return j->unsynced > 0 ? j->unsynced + 1 : INFINITY;
}

int journal_sync(journal *j, bool all) {
    if (j->unsynced <= 0 || (!all && seconds_now() < journal_sync_time(j)))
        return CONTINUE;
    j->unsynced = 0;
    if (fdatasync(j->descriptor) != 0)
        return fail_file(j, "cannot be put on the disk");
    struct stat opened, there;
    if (fstat(j->descriptor, &opened) != 0 || stat(j->path, &there) != 0 || opened.st_ino != there.st_ino ||
        opened.st_dev != there.st_dev || opened.st_size != j->size)
        return fail(EXIT_INPUT, "%s: was moved, removed or written to by another program while it was in use",
                    j->path);
    return CONTINUE;
}

/* Puts the rename itself on the disk. */
static void sync_folder(const char *path) {
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL ? format_text(".") : format_text("%.*s", (int)(slash - path + 1), path);
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0) {
        fsync(descriptor);
        close(descriptor);
    }
    free(folder);
}

static bool write_notes(FILE *file, const picture_table *pictures, size_t *lines) {
    fputs(head, file);
    for (size_t i = 0; i < pictures->capacity; i++) {
        const picture *p = pictures->slots[i];
        if (p == NULL || !p->reported)
            continue;
        char *line = format_note(p->path, &p->stamp);
        fputs(line, file);
        free(line);
        ++*lines;
    }
    return fflush(file) == 0 && !ferror(file) && fdatasync(fileno(file)) == 0;
}

void journal_compact(journal *j, const picture_table *pictures) {
    if (j->is_log || j->lines < j->rewrite || j->lines <= 2 * pictures->count + SLACK)
        return;
    /* A failure costs nothing but room: the old file goes on, and it is tried again after more lines. */
    j->rewrite = j->lines + SLACK;
    char *temporary = format_text("%s.part", j->path);
    size_t lines = 0;
    /* It is locked before it takes the place: at no moment can another watch have either. */
    int descriptor = open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
    int copy = descriptor < 0 ? -1 : dup(descriptor);
    FILE *file = copy < 0 ? NULL : fdopen(copy, "a");
    bool written =
        file != NULL && flock(descriptor, LOCK_EX | LOCK_NB) == 0 && write_notes(file, pictures, &lines);
    int cause = errno;
    if (file != NULL)
        fclose(file);
    else if (copy >= 0)
        close(copy);
    off_t size = written ? lseek(descriptor, 0, SEEK_END) : -1;
    if (written && size > 0 && rename(temporary, j->path) == 0) {
        close(j->descriptor);
        j->descriptor = descriptor;
        j->size = size;
        j->lines = lines;
        j->rewrite = 0;
        j->unsynced = 0;
        sync_folder(j->path);
    } else {
        errno = written ? errno : cause;
        fail(EXIT_INPUT, "%s: cannot be written, and %s grows: %s", temporary, j->path, strerror(errno));
        if (descriptor >= 0) {
            unlink(temporary);
            close(descriptor);
        }
    }
    free(temporary);
}
