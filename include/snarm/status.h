/* libsnarm: what every call has in common: status codes, error sentences, progress, versions.
 *
 * Every function that can fail returns a snarm_status; 0 is success. On failure the outputs are left as they
 * were before the call (a handle output is set to NULL), and snarm_last_error() holds one sentence that names
 * the function or file, the field and the value at fault. The library never prints, never exits, never aborts.
 */
#ifndef SNARM_STATUS_H
#define SNARM_STATUS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Marks the functions that the shared library exports. */
#if defined(__GNUC__)
#define SNARM_API __attribute__((visibility("default")))
#else
#define SNARM_API
#endif

/* The version of the interface these headers describe; docs/abi.md says what each number promises. */
#define SNARM_VERSION_MAJOR 0
#define SNARM_VERSION_MINOR 2
#define SNARM_VERSION_PATCH 0

/* Status codes. Values are fixed and never reused. */
typedef enum snarm_status {
    SNARM_OK = 0,                /* success */
    SNARM_ERROR_ARGUMENT = 1,    /* an argument or option is out of its documented range */
    SNARM_ERROR_MEMORY = 2,      /* memory could not be had */
    SNARM_ERROR_IO = 3,          /* a file could not be opened, read or written */
    SNARM_ERROR_FORMAT = 4,      /* a file's content is not what it should be: broken, cut, or of another kind */
    SNARM_ERROR_UNSUPPORTED = 5, /* well-formed, but not handled by this version or this machine */
    SNARM_ERROR_MISMATCH = 6,    /* two handles or files do not fit each other (channels, grid, hash) */
    SNARM_ERROR_CANCELLED = 7,   /* a progress callback asked to stop */
    SNARM_ERROR_INTERNAL = 8     /* a library underneath failed in a way it should not */
} snarm_status;

/* In what numbers products and convolutions are made. Sums are f32 in any case, and so is all that a caller sees. A precision that
 * the processor has no instructions for would be slower than f32 there and is replaced by it; the handles' infos say what is used and
 * why. Values are fixed. */
typedef enum snarm_precision {
    SNARM_PRECISION_AUTO = 0, /* the fastest that is as good: bf16 where the processor has it (AVX-512 BF16, AMX), else f32, and f32
                                 for a ViT without registers; for the bank search int8 where the processor has it (VNNI) */
    SNARM_PRECISION_F32 = 1,  /* everywhere: the reference */
    SNARM_PRECISION_BF16 = 2, /* networks: factors rounded to 8 bits of mantissa; bank search: f32 */
    SNARM_PRECISION_INT8 = 3  /* bank search: candidates are found by 8-bit integers and ranked in f32; networks: as auto */
} snarm_precision;

/* The sentence of the calling thread's last failure, without a newline. Never NULL; "" before any failure.
 * Owned by the library; valid until the same thread's next failing call. Each thread has its own. */
SNARM_API const char *snarm_last_error(void);

/* A fixed English name of a status ("bad argument", ...). Never NULL, also for unknown values. */
SNARM_API const char *snarm_status_name(snarm_status status);

/* The version of the library that runs, as "0.1.0"; may be newer than the headers. */
SNARM_API const char *snarm_version(void);

/* Progress of a long call. Called on the thread that made the call, a few times a second at most.
 *   user   the pointer given with the callback
 *   stage  what is being done, a short English phrase ("features", "coreset", "threshold"); valid during the call
 *   done   units finished, 0..total
 *   total  units of this stage, at least 1
 * Return 0 to go on; anything else makes the call stop with SNARM_ERROR_CANCELLED and leave nothing behind. */
typedef int (*snarm_progress_fn)(void *user, const char *stage, uint64_t done, uint64_t total);

/* Number of threads the library uses where an option says 0: the processors this process may run on, at most 64. */
SNARM_API int32_t snarm_default_threads(void);

/* What every snarm_*_options_init does: all zero, which means default, and struct_size set. Harmless with NULL. These functions are
 * inline so that the size is that of the structure which the program was compiled with: a newer library, whose structure may have
 * grown, goes by it. A binding from another language zeroes its structure and sets struct_size itself. */
static inline void snarm_options_clear(void *options, size_t size) {
    if (options == NULL)
        return;
    memset(options, 0, size);
    memcpy(options, &size, sizeof size);
}

#ifdef __cplusplus
}
#endif
#endif
