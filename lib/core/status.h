/* Setting the calling thread's error sentence, and checking option structures. */
#ifndef SN_CORE_STATUS_H
#define SN_CORE_STATUS_H

#include "snarm/status.h"

#include <stdbool.h>
#include <stddef.h>

#define SN_PRINTF(sentence, first) __attribute__((format(printf, sentence, first)))

/* Records the sentence for snarm_last_error() and returns status, so that `return sn_error(...)` reads well.
 * Line breaks and control characters in it (they may come from a file name) become '?': errors are one line. */
snarm_status sn_error(snarm_status status, const char *format, ...) SN_PRINTF(2, 3);

/* Puts "PREFIX: " before the sentence already recorded: callers add the file or step they know of. */
snarm_status sn_error_prefix(snarm_status status, const char *format, ...) SN_PRINTF(2, 3);

/* Bytes that any sentence fits into, its end included. */
enum { SN_SENTENCE_MAX = 1024 };

/* As before any failure: for a thread of the library's own, to tell whether what it calls sets a sentence. */
void sn_error_forget(void);

/* The status for a failed allocation of so many bytes. */
snarm_status sn_error_memory(const char *what, size_t bytes);

/* Leaves the enclosing function with the status of a failed call. */
#define SN_TRY(call)                                                                                                   \
    do {                                                                                                               \
        snarm_status sn_try_status = (call);                                                                           \
        if (sn_try_status != SNARM_OK)                                                                                 \
            return sn_try_status;                                                                                      \
    } while (0)

/* The same for functions that release what they hold at the label. */
#define SN_GOTO(status, call, label)                                                                                   \
    do {                                                                                                               \
        (status) = (call);                                                                                             \
        if ((status) != SNARM_OK)                                                                                      \
            goto label;                                                                                                \
    } while (0)

/* Copies a caller's option structure (first field: size_t struct_size) over defaults of this version's size.
 * An older, shorter structure leaves the later fields at their defaults; a newer, longer one is accepted only if
 * what this version does not know is zero. options may be NULL: all defaults.
 *   name     the structure's name, for the error
 *   minimum  the size of the structure in the first release */
snarm_status sn_options_read(void *copy, size_t size, const void *options, size_t minimum, const char *name);

/* For structures that the library fills (first field: size_t struct_size, set by the caller): check before the work, write
 * after it. A shorter structure of an older caller receives the fields it has, a longer one of a newer caller zeros in those that this
 * version does not know; its struct_size stays. */
snarm_status sn_options_check(size_t given, size_t minimum, const char *name);
void sn_options_write(void *caller, const void *filled, size_t size);

/* Calls progress unless it is NULL; SNARM_ERROR_CANCELLED when it asks to stop. */
snarm_status sn_progress(snarm_progress_fn progress, void *user, const char *stage, uint64_t done, uint64_t total);

#endif
