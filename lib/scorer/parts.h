/* Scratch memory divided into parts. */
#ifndef SN_SCORER_PARTS_H
#define SN_SCORER_PARTS_H

#include "core/memory.h"

/* The next count floats of the block at base, from a cache line's start on; *used counts floats. A base of NULL only counts. */
static inline float *sn_take_part(float *base, size_t *used, size_t count) {
    float *part = base == NULL ? NULL : base + *used;
    *used += sn_align_up(count * sizeof(float)) / sizeof(float);
    return part;
}

#endif
