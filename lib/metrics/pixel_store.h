/* The pixels of many maps, kept small: 4 bytes a normal pixel, 8 a defective one, and sorted when asked
 * for. */
#ifndef SN_METRICS_PIXEL_STORE_H
#define SN_METRICS_PIXEL_STORE_H

#include "core/status.h"

#include <stdint.h>

/* A new chunk is a quarter of what is there: so few hold the 2^32 pixels that the counters can (below 50,
 * as the store grows by a factor of 1.2 or more with each), a chunk's sorting space is about a fifth of
 * the store, and nothing is copied to grow. */
enum { SN_PIXEL_CHUNKS = 64 };

typedef struct sn_pixel_chunk {
    uint32_t *keys;
    size_t count, capacity;
    bool sorted;
} sn_pixel_chunk;

typedef struct sn_pixel_store {
    sn_pixel_chunk chunks[SN_PIXEL_CHUNKS]; /* keys of normal pixels; behind one with room all are empty */
    int chunk_count;
    size_t normal_count, normal_capacity; /* of all chunks */
    uint64_t *defects; /* of each defective pixel: key in the upper half, its region's place in the lower */
    size_t defect_count, defect_capacity;
    double *weights; /* of each region: 1 / pixels */
    size_t region_count, region_capacity;
} sn_pixel_store;

/* How many normal pixels lie at and above a score that defective pixels have. */
typedef struct sn_pixel_gap {
    uint32_t equal; /* with this score */
    uint32_t above; /* between this score and the next higher one of a defective pixel */
} sn_pixel_gap;

/* Makes room for one more map; on failure the store holds what it held. */
snarm_status sn_pixel_store_reserve(sn_pixel_store *store, size_t normals, size_t defects, size_t regions);

/* Adds a map of count scores, none NaN, for which there is room.
 *   labels  count regions' numbers from 1, 0 for normal pixels; NULL: all normal
 *   regions  how many regions there are */
void sn_pixel_store_append(sn_pixel_store *store, const float *map, const uint32_t *labels, size_t count,
                           uint32_t regions);

/* Sorts the defects ascending and counts the normal pixels around them, with the given number of threads.
 *   gaps  on success defect_count entries, released with sn_free; set for the first of equal keys */
snarm_status sn_pixel_store_arrange(sn_pixel_store *store, int threads, sn_pixel_gap **gaps);

void sn_pixel_store_release(sn_pixel_store *store);

static inline uint32_t sn_defect_key(uint64_t defect) {
    return (uint32_t)(defect >> 32);
}

static inline uint32_t sn_defect_region(uint64_t defect) {
    return (uint32_t)defect;
}

#endif
