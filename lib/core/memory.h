/* Aligned memory and sizes that cannot overflow unnoticed. */
#ifndef SN_CORE_MEMORY_H
#define SN_CORE_MEMORY_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

/* Every block starts on a cache line, which is also the widest vector. */
enum { SN_ALIGNMENT = 64 };

/* count * size bytes, zeroed or not, 64-byte aligned, released with sn_free. On failure *out is NULL and the error
 * names what; a count of 0 gives a block too, so that NULL always means failure. out is a pointer to any object pointer. */
snarm_status sn_alloc(void *out, size_t count, size_t size, const char *what);
snarm_status sn_alloc_zeroed(void *out, size_t count, size_t size, const char *what);

/* Makes the block at *block (or NULL) hold count * size bytes, keeping its first used bytes. On failure *block stays. */
snarm_status sn_resize(void *block, size_t used, size_t count, size_t size, const char *what);

/* Harmless with NULL. */
void sn_free(void *block);

/* A copy of a string, released with sn_free. */
snarm_status sn_copy_string(char **out, const char *text);

/* *out = a * b; false when that does not fit. */
bool sn_multiply(size_t *out, size_t a, size_t b);

/* size rounded up to whole cache lines. */
static inline size_t sn_align_up(size_t size) {
    return (size + SN_ALIGNMENT - 1) & ~(size_t)(SN_ALIGNMENT - 1);
}

#endif
