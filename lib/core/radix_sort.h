/* Sorting by 32-bit keys in linear time on several threads. */
#ifndef SN_CORE_RADIX_SORT_H
#define SN_CORE_RADIX_SORT_H

#include <stddef.h>
#include <stdint.h>

/* Both sort ascending, in place, with scratch of the same size (not overlapping; its content is lost) on
 * at most threads threads, 1..SN_THREADS_MAX. */
void sn_radix_sort_keys(uint32_t *keys, uint32_t *scratch, size_t count, int threads);

/* The key is the upper half of each item; items with equal keys keep their order. */
void sn_radix_sort_items(uint64_t *items, uint64_t *scratch, size_t count, int threads);

#endif
