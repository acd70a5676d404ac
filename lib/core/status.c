#include "core/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char last_error[SN_SENTENCE_MAX];

static void make_one_line(char *text) {
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

snarm_status sn_error(snarm_status status, const char *format, ...) {
    /* Formatted aside first: an argument may point into last_error. */
    char text[SN_SENTENCE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    make_one_line(text);
    memcpy(last_error, text, sizeof text);
    return status;
}

snarm_status sn_error_prefix(snarm_status status, const char *format, ...) {
    char prefix[SN_SENTENCE_MAX / 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(prefix, sizeof prefix, format, arguments);
    va_end(arguments);
    return sn_error(status, "%s: %s", prefix, last_error);
}

void sn_error_forget(void) {
    last_error[0] = '\0';
}

snarm_status sn_error_memory(const char *what, size_t bytes) {
    return sn_error(SNARM_ERROR_MEMORY, "%s: %zu bytes of memory could not be had", what, bytes);
}

const char *snarm_last_error(void) {
    return last_error;
}

const char *snarm_status_name(snarm_status status) {
    switch (status) {
    case SNARM_OK:
        return "ok";
    case SNARM_ERROR_ARGUMENT:
        return "bad argument";
    case SNARM_ERROR_MEMORY:
        return "out of memory";
    case SNARM_ERROR_IO:
        return "file cannot be read or written";
    case SNARM_ERROR_FORMAT:
        return "bad file content";
    case SNARM_ERROR_UNSUPPORTED:
        return "not supported";
    case SNARM_ERROR_MISMATCH:
        return "parts do not fit each other";
    case SNARM_ERROR_CANCELLED:
        return "cancelled";
    case SNARM_ERROR_INTERNAL:
        return "internal failure";
    }
    return "unknown status";
}

#define SN_TEXT(number) #number
#define SN_VERSION_TEXT(major, minor, patch) SN_TEXT(major) "." SN_TEXT(minor) "." SN_TEXT(patch)

const char *snarm_version(void) {
    return SN_VERSION_TEXT(SNARM_VERSION_MAJOR, SNARM_VERSION_MINOR, SNARM_VERSION_PATCH);
}

/* No structure will come near it; what lies above was never set, and must not be believed. */
enum { SIZE_LARGEST = 65536 };

snarm_status sn_options_check(size_t given, size_t minimum, const char *name) {
    if (given < minimum)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: struct_size is %zu, at least %zu expected; was it initialised?",
                        name, given, minimum);
    if (given > SIZE_LARGEST)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: struct_size is %zu, at most %d expected; was it initialised?", name, given,
                        SIZE_LARGEST);
    return SNARM_OK;
}

void sn_options_write(void *caller, const void *filled, size_t size) {
    size_t given;
    memcpy(&given, caller, sizeof given);
    memcpy(caller, filled, given < size ? given : size);
    if (given > size)
        memset((unsigned char *)caller + size, 0, given - size);
    memcpy(caller, &given, sizeof given);
}

snarm_status sn_options_read(void *copy, size_t size, const void *options, size_t minimum, const char *name) {
    if (options == NULL)
        return SNARM_OK;
    size_t given;
    memcpy(&given, options, sizeof given);
    SN_TRY(sn_options_check(given, minimum, name));
    for (size_t i = size; i < given; i++)
        if (((const unsigned char *)options)[i] != 0)
            return sn_error(SNARM_ERROR_UNSUPPORTED, "%s: byte %zu is set, but this version knows %zu bytes only", name,
                            i, size);
    memcpy(copy, options, given < size ? given : size);
    memcpy(copy, &size, sizeof size);
    return SNARM_OK;
}

snarm_status sn_progress(snarm_progress_fn progress, void *user, const char *stage, uint64_t done, uint64_t total) {
    if (progress != NULL && progress(user, stage, done, total) != 0)
        return sn_error(SNARM_ERROR_CANCELLED, "cancelled during %s at %llu of %llu", stage, (unsigned long long)done,
                        (unsigned long long)total);
    return SNARM_OK;
}
