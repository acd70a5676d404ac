#define _POSIX_C_SOURCE 200809L
#include "io/input_file.h"

#include "core/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static snarm_status look_at(sn_input_file *file, const char *expected) {
    struct stat facts;
    if (fstat(file->descriptor, &facts) != 0)
        return sn_error(SNARM_ERROR_IO, "%s: cannot be read: %s", file->path, strerror(errno));
    if (S_ISDIR(facts.st_mode))
        return sn_error(SNARM_ERROR_IO, "%s: is a folder, expected %s", file->path, expected);
    if (!S_ISREG(facts.st_mode))
        return sn_error(SNARM_ERROR_IO, "%s: is not a regular file (mode 0%o)", file->path,
                        (unsigned)facts.st_mode);
    file->size = (int64_t)facts.st_size;
    return SNARM_OK;
}

snarm_status sn_input_file_open(sn_input_file *out, const char *path, const char *expected) {
    /* Without O_NONBLOCK a pipe would be waited for before it can be seen to be one. */
    sn_input_file file = {.path = path, .descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
    if (file.descriptor < 0)
        return sn_error(SNARM_ERROR_IO, "%s: cannot be opened: %s", path, strerror(errno));
    snarm_status status = look_at(&file, expected);
    if (status == SNARM_OK)
        *out = file;
    else
        close(file.descriptor);
    return status;
}

snarm_status sn_input_file_read(sn_input_file *file, void *to, size_t count) {
    size_t done = 0;
    while (done < count) {
        ssize_t got = read(file->descriptor, (char *)to + done, count - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sn_error(SNARM_ERROR_IO, "%s: cannot be read: %s", file->path, strerror(errno));
        if (got == 0)
            return sn_error(SNARM_ERROR_IO, "%s: ended after %zu of %zu bytes while it was read", file->path,
                            done, count);
        done += (size_t)got;
    }
    return SNARM_OK;
}

void sn_input_file_close(sn_input_file *file) {
    close(file->descriptor);
}

static snarm_status read_whole(uint8_t **bytes, sn_input_file *file, int64_t limit) {
    if (file->size > limit)
        return sn_error(SNARM_ERROR_UNSUPPORTED, "%s: is %lld bytes long, up to %lld are read", file->path,
                        (long long)file->size, (long long)limit);
    size_t size = (size_t)file->size;
    SN_TRY(sn_alloc(bytes, size + 1, 1, file->path));
    (*bytes)[size] = 0;
    snarm_status status = sn_input_file_read(file, *bytes, size);
    if (status != SNARM_OK) {
        sn_free(*bytes);
        *bytes = NULL;
    }
    return status;
}

snarm_status sn_input_file_whole(uint8_t **bytes, size_t *size, const char *path, const char *expected,
                                 int64_t limit) {
    *bytes = NULL;
    sn_input_file file;
    SN_TRY(sn_input_file_open(&file, path, expected));
    snarm_status status = read_whole(bytes, &file, limit);
    sn_input_file_close(&file);
    if (status == SNARM_OK)
        *size = (size_t)file.size;
    return status;
}
