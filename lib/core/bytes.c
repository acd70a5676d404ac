#include "core/bytes.h"

#include "core/memory.h"

#include <string.h>

snarm_status sn_bytes_append(sn_bytes *bytes, const void *more, size_t count, const char *what) {
    if (count > bytes->capacity - bytes->size) {
        size_t least;
        if (__builtin_add_overflow(bytes->size, count, &least))
            return sn_error_memory(what, SIZE_MAX);
        size_t capacity = bytes->capacity < SIZE_MAX / 2 ? bytes->capacity * 2 : SIZE_MAX;
        capacity = capacity > least ? capacity : least;
        capacity = capacity > 4096 ? capacity : 4096;
        SN_TRY(sn_resize(&bytes->data, bytes->size, capacity, 1, what));
        bytes->capacity = capacity;
    }
    if (count > 0)
        memcpy(bytes->data + bytes->size, more, count);
    bytes->size += count;
    return SNARM_OK;
}

void sn_bytes_release(sn_bytes *bytes) {
    sn_free(bytes->data);
    *bytes = (sn_bytes){.data = NULL};
}
