#define _POSIX_C_SOURCE 200809L
#include "image/replace_file.h"

#include "core/memory.h"
#include "core/status.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ATTEMPTS = 100, SUFFIX_MAX = 64 };

/* Bytes of path that name its folder, the last slash included. */
static size_t folder_length(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? (size_t)(slash - path) + 1 : 0;
}

/* mkstemp would make the file private to its owner; this one gets the permissions that any new file gets. */
static int open_temporary(char *name, size_t folder) {
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        /* Time, process and the thread's stack tell concurrent writers apart; O_EXCL settles what they do
         * not. */
        snprintf(name + folder, SUFFIX_MAX, ".snarm-%lx-%lx-%lx.tmp", (unsigned long)getpid(),
                 (unsigned long)(uintptr_t)&now >> 4, (unsigned long)now.tv_nsec + (unsigned long)attempt);
        int descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (descriptor >= 0 || errno != EEXIST)
            return descriptor;
    }
    return -1;
}

snarm_status sn_replace_open(sn_replace_file *file, const char *path) {
    *file = (sn_replace_file){.path = path};
    struct stat facts;
    if (stat(path, &facts) == 0 && !S_ISREG(facts.st_mode))
        return sn_error(SNARM_ERROR_IO, "%s: is not a regular file, which a new one could replace", path);
    size_t folder = folder_length(path);
    SN_TRY(sn_alloc(&file->temporary, folder + SUFFIX_MAX, 1, path));
    memcpy(file->temporary, path, folder);
    int descriptor = open_temporary(file->temporary, folder);
    if (descriptor >= 0) {
        file->stream = fdopen(descriptor, "wb");
        if (file->stream != NULL)
            return SNARM_OK;
    }
    int cause = errno;
    if (descriptor >= 0) {
        close(descriptor);
        unlink(file->temporary);
    }
    sn_free(file->temporary);
    file->temporary = NULL;
    return sn_error(cause == ENOMEM ? SNARM_ERROR_MEMORY : SNARM_ERROR_IO, "%s: cannot be written: %s", path,
                    strerror(cause));
}

/* So that the name, too, outlasts a power cut. Some file systems cannot; the file is whole all the same. */
static void sync_folder(char *name) {
    size_t length = folder_length(name);
    name[length] = '\0';
    int descriptor = open(length != 0 ? name : ".", O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return;
    fsync(descriptor);
    close(descriptor);
}

snarm_status sn_replace_commit(sn_replace_file *file) {
    FILE *stream = file->stream;
    int cause = fflush(stream) != 0 || fsync(fileno(stream)) != 0 ? errno : 0;
    file->stream = NULL;
    if (fclose(stream) != 0 && cause == 0)
        cause = errno;
    if (cause == 0 && rename(file->temporary, file->path) != 0)
        cause = errno;
    if (cause != 0) {
        sn_replace_abort(file);
        return sn_error(SNARM_ERROR_IO, "%s: cannot be written: %s", file->path, strerror(cause));
    }
    sync_folder(file->temporary);
    sn_free(file->temporary);
    file->temporary = NULL;
    return SNARM_OK;
}

void sn_replace_abort(sn_replace_file *file) {
    if (file->stream != NULL)
        fclose(file->stream);
    if (file->temporary != NULL)
        unlink(file->temporary);
    sn_free(file->temporary);
    file->stream = NULL;
    file->temporary = NULL;
}
