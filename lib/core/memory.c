#include "core/memory.h"

#include <stdlib.h>
#include <string.h>

bool sn_multiply(size_t *out, size_t a, size_t b) {
    return !__builtin_mul_overflow(a, b, out);
}

snarm_status sn_alloc(void *out, size_t count, size_t size, const char *what) {
    void *block = NULL;
    size_t bytes = 0;
    bool fits = sn_multiply(&bytes, count, size) && bytes <= SIZE_MAX / 2;
    if (fits)
        block = aligned_alloc(SN_ALIGNMENT, bytes == 0 ? SN_ALIGNMENT : sn_align_up(bytes));
    memcpy(out, &block, sizeof block);
    return block != NULL ? SNARM_OK : sn_error_memory(what, fits ? bytes : SIZE_MAX);
}

snarm_status sn_alloc_zeroed(void *out, size_t count, size_t size, const char *what) {
    SN_TRY(sn_alloc(out, count, size, what));
    void *block;
    memcpy(&block, out, sizeof block);
    memset(block, 0, count * size);
    return SNARM_OK;
}

snarm_status sn_resize(void *block, size_t used, size_t count, size_t size, const char *what) {
    void *old, *grown;
    memcpy(&old, block, sizeof old);
    SN_TRY(sn_alloc(&grown, count, size, what));
    if (old != NULL)
        memcpy(grown, old, used < count * size ? used : count * size);
    free(old);
    memcpy(block, &grown, sizeof grown);
    return SNARM_OK;
}

void sn_free(void *block) {
    free(block);
}

snarm_status sn_copy_string(char **out, const char *text) {
    size_t length = strlen(text) + 1;
    SN_TRY(sn_alloc(out, length, 1, "string"));
    memcpy(*out, text, length);
    return SNARM_OK;
}
