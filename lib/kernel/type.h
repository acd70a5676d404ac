/* The types of numbers that products and convolutions read and write. Sums are always made in f32, or in integers without
 * loss; what differs is how factors are kept. */
#ifndef SN_KERNEL_TYPE_H
#define SN_KERNEL_TYPE_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum sn_type {
    SN_TYPE_F32 = 0,
    SN_TYPE_BF16, /* the upper half of an f32, rounded to nearest */
    SN_TYPE_S8    /* integers -127..127; only for products */
} sn_type;

static inline size_t sn_type_size(sn_type type) {
    return type == SN_TYPE_F32 ? 4 : type == SN_TYPE_BF16 ? 2 : 1;
}

/* Whether this processor multiplies factors of this type by instructions of its own, and oneDNN uses them: only then
 * they are faster than f32. */
bool sn_type_fast(sn_type type);

/* SNARM_ERROR_ARGUMENT, beginning with where, for a value that is no snarm_precision. */
snarm_status sn_precision_check(int32_t precision, const char *where);

/* The type for networks that a snarm_precision option asks for; *note: why it is another, "" otherwise. Fails as
 * sn_precision_check does. */
snarm_status sn_type_choose(sn_type *out, int32_t precision, const char *function, const char **note);

/* For tests: pretend that the processor has no such instructions, or stop pretending. */
void sn_type_override_fast(sn_type type, bool has);

#endif
