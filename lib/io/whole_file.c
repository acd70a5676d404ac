#define _GNU_SOURCE
#include "io/whole_file.h"

#include "core/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct sn_whole_file {
    char *path, *temporary;
    int descriptor;
    int error; /* errno of the first failed write */
};

static snarm_status failed(const char *path, const char *what, int error) {
    return sn_error(SNARM_ERROR_IO, "%s: cannot be %s: %s", path, what, strerror(error));
}

static snarm_status open_temporary(sn_whole_file *file, const char *path) {
    struct stat old;
    if (stat(path, &old) == 0 && !S_ISREG(old.st_mode))
        return sn_error(SNARM_ERROR_IO, "%s: is not a regular file, which a new one could replace", path);
    SN_TRY(sn_copy_string(&file->path, path));
    /* In the same folder, for rename; not the path with a suffix, which could be too long a name. */
    const char *slash = strrchr(path, '/');
    const int folder = slash != NULL ? (int)(slash - path) + 1 : 0;
    const size_t length = (size_t)folder + 64;
    SN_TRY(sn_alloc(&file->temporary, length, 1, "temporary name"));
    /* Not mkstemp: its files are private whatever the umask, and reading the umask would change it for a moment. */
    static atomic_uint serial;
    do {
        snprintf(file->temporary, length, "%.*s.snarm-%lx-%x.part", folder, path, (unsigned long)getpid(),
                 atomic_fetch_add(&serial, 1));
        file->descriptor = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (file->descriptor < 0 && errno == EEXIST);
    if (file->descriptor < 0)
        return failed(path, "written", errno);
    return SNARM_OK;
}

static void release(sn_whole_file *file) {
    if (file->descriptor >= 0)
        close(file->descriptor);
    sn_free(file->temporary);
    sn_free(file->path);
    sn_free(file);
}

snarm_status sn_whole_file_create(sn_whole_file **out, const char *path) {
    *out = NULL;
    sn_whole_file *file;
    SN_TRY(sn_alloc_zeroed(&file, 1, sizeof *file, "file"));
    file->descriptor = -1;
    snarm_status status = open_temporary(file, path);
    if (status != SNARM_OK) {
        release(file);
        return status;
    }
    *out = file;
    return SNARM_OK;
}

void sn_whole_file_write(sn_whole_file *file, const void *bytes, size_t count) {
    const char *from = bytes;
    while (count > 0 && file->error == 0) {
        ssize_t written = write(file->descriptor, from, count < (1u << 30) ? count : (1u << 30));
        if (written < 0 && errno != EINTR)
            file->error = errno;
        else if (written > 0)
            from += written, count -= (size_t)written;
    }
}

void sn_whole_file_abandon(sn_whole_file *file) {
    if (file == NULL)
        return;
    unlink(file->temporary);
    release(file);
}

/* So that the name, too, outlasts a power cut. Some file systems cannot; the file is whole all the same. */
static void sync_folder(char *path) {
    char *slash = strrchr(path, '/');
    if (slash != NULL)
        slash[1] = '\0';
    int descriptor = open(slash != NULL ? path : ".", O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return;
    fsync(descriptor);
    close(descriptor);
}

snarm_status sn_whole_file_finish(sn_whole_file *file, sn_durability durability) {
    int error = file->error;
    if (error == 0 && durability == SN_WHOLE_FILE_DURABLE && fsync(file->descriptor) != 0)
        error = errno;
    if (close(file->descriptor) != 0 && error == 0)
        error = errno;
    file->descriptor = -1;
    if (error == 0 && rename(file->temporary, file->path) != 0)
        error = errno;
    if (error != 0) {
        snarm_status status = failed(file->path, "written", error);
        sn_whole_file_abandon(file);
        return status;
    }
    if (durability == SN_WHOLE_FILE_DURABLE)
        sync_folder(file->path);
    release(file);
    return SNARM_OK;
}
