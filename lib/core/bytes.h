/* Bytes that grow at the end. */
#ifndef SN_CORE_BYTES_H
#define SN_CORE_BYTES_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

/* Zero it first. */
typedef struct sn_bytes {
    uint8_t *data;
    size_t size, capacity;
} sn_bytes;

/* On failure the bytes stay as they were. what stands in the error. */
snarm_status sn_bytes_append(sn_bytes *bytes, const void *more, size_t count, const char *what);
/* Leaves it empty, ready to be used again. */
void sn_bytes_release(sn_bytes *bytes);

#endif
