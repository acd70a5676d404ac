/* The inside of a bank, shared by the files of this folder, and what later folders reach. */
#ifndef SN_BANK_BANK_H
#define SN_BANK_BANK_H

#include "bank/filter.h"
#include "bank/row_tiles.h"
#include "core/pool.h"
#include "io/safetensors.h"
#include "kernel/gemm.h"
#include "snarm/bank.h"

enum {
    /* Bank vectors that one product meets. With a tile of queries the values it leaves (half a megabyte) stay in the second-level
     * cache of the thread's core until the running lists have seen them. */
    SN_BANK_BLOCK = 512
};

struct snarm_bank {
    size_t count;
    int32_t channels, image_count, threads;
    const float *vectors;  /* (count, channels) */
    const int32_t *images; /* (count) */
    float *owned_vectors;
    int32_t *owned_images;
    sn_safetensors *file; /* what vectors and images point into, or NULL */

    /* The search's side: blocks of -b, packed as oneDNN wants them, and |b|^2 / 2, so that a product with bias gives
     * |b|^2 / 2 - q.b, which orders the bank as the distance to q does. With a filter, b and q are what it leaves of them, and with
     * 8-bit integers what is left of that when it is counted in steps. Integers of this size are exact in f32 too. */
    sn_filter *filter; /* NULL: exact */
    int32_t precision; /* asked for */
    sn_type type;      /* of b and q: SN_TYPE_S8 only with a filter */
    float step;
    size_t block, blocks, packed_bytes; /* with cells a block is a cell */
    unsigned char *packed; /* (blocks, packed_bytes) */
    float *norms;          /* (blocks * block), infinite past the end */
    sn_row_tiles tiles;

    /* With cells: how far a query is from the vectors of each is told by its distance to their mean, squared, less half of their own
     * spread around it. Half of that, without |q|^2, is a product with bias again. */
    int32_t *owners; /* (count): images, in the cells' order */
    float *centres;  /* (blocks padded to 16, axes): minus the means */
    float *centre_norms;
    void *packed_centres;
    sn_row_tiles centre_tiles;
    sn_pool *states;
};

snarm_status sn_bank_options_read(snarm_bank_options *out, const snarm_bank_options *given);

/* A bank over arrays that live as long as it: in a mapped file, which the bank closes if it is given. It takes over filter (or NULL),
 * too; both also on failure. */
snarm_status sn_bank_create_view(snarm_bank **out, const float *vectors, const int32_t *images, size_t count,
                                 int32_t channels, const snarm_bank_options *options, sn_filter *filter,
                                 sn_safetensors *file);

/* A bank that takes over arrays of sn_alloc, also on failure. */
snarm_status sn_bank_adopt(snarm_bank **out, float *vectors, int32_t *images, size_t count, int32_t channels,
                           const snarm_bank_options *options);

/* Announces the tensors prefix + "vectors" and prefix + "images". */
snarm_status sn_bank_write(const snarm_bank *bank, sn_writer *writer, const char *prefix);
/* A bank of those tensors of an open file, which must outlive it. */
snarm_status sn_bank_read(snarm_bank **out, const sn_safetensors *file, const char *prefix,
                          const snarm_bank_options *options);

/* means (count) of each query's k distances, (count, k), as a search gives them. */
void sn_mean_distances(const float *distances, size_t count, size_t k, float *means);

/* packing.c: whether a filter that was tuned with integers may be used with them. */
bool sn_bank_may_use_integers(const snarm_bank *bank);

/* packing.c: prepares blocks and products for the bank's filter, sets its origin, the type and the step. */
snarm_status sn_bank_pack(snarm_bank *bank);

/* search.c: that and the pool of states; sn_bank_search_destroy undoes what was done of it and leaves the filter. */
snarm_status sn_bank_search_create(snarm_bank *bank);
/* Of a bank whose filter has cells. */
snarm_status sn_bank_set_probes(snarm_bank *bank, size_t probes);
void sn_bank_search_destroy(snarm_bank *bank);

#endif
