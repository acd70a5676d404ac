/* libsnarm: the memory bank: features of normal patches, and the nearest of them to any query. */
#ifndef SNARM_BANK_H
#define SNARM_BANK_H

#include "snarm/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snarm_bank snarm_bank;

enum { SNARM_NEIGHBOURS_MAX = 64 };

/* Initialise with snarm_bank_options_init; zero means default. */
typedef struct snarm_bank_options {
    size_t struct_size;
    int32_t threads; /* default 0: snarm_default_threads(); 1..64 */
} snarm_bank_options;
SNARM_API void snarm_bank_options_init(snarm_bank_options *options);

/* A bank of these vectors.
 *   vectors   (count, channels) floats, finite; copied
 *   images    (count) index of the image each came from, 0 or more; copied. NULL: every vector from an image of its own
 *   count     M, 1..2,000,000,000
 *   channels  C, 1..4,096 */
SNARM_API snarm_status snarm_bank_create(snarm_bank **out, const float *vectors, const int32_t *images, size_t count,
                                         int32_t channels, const snarm_bank_options *options);
SNARM_API void snarm_bank_destroy(snarm_bank *bank);

/* One bank of all the vectors of several, in order: products learnt one by one, or new parts added to an older bank. Image
 * indices of each are shifted past those before it. All must have the same channels. The banks stay the caller's. */
SNARM_API snarm_status snarm_bank_merge(snarm_bank **out, const snarm_bank *const *banks, size_t count,
                                        const snarm_bank_options *options);

/* As snarm_bank_merge of bank and a bank of these vectors. */
SNARM_API snarm_status snarm_bank_add(snarm_bank **out, const snarm_bank *bank, const float *vectors,
                                      const int32_t *images, size_t count, const snarm_bank_options *options);

/* A safetensors file with tensors "vectors" (M, C) F32 and "images" (M) I32. Saving is whole or not at all. */
SNARM_API snarm_status snarm_bank_save(const snarm_bank *bank, const char *path);
SNARM_API snarm_status snarm_bank_load(snarm_bank **out, const char *path, const snarm_bank_options *options);

/* Sizes: M, C, and the number of images (the largest image index plus one). Any pointer may be NULL. */
SNARM_API snarm_status snarm_bank_get_size(const snarm_bank *bank, size_t *count, int32_t *channels, int32_t *images);
/* The vectors (M, C) and image indices (M): the handle's, valid as long as it. Any pointer may be NULL. */
SNARM_API snarm_status snarm_bank_get_vectors(const snarm_bank *bank, const float **vectors, const int32_t **images);

/* The exact k nearest bank vectors (Euclidean) of each query, nearest first, ties to the smaller index. The distances of all pairs
 * are never held: a tile of queries meets a block of the bank, and a running list of the nearest is kept.
 *   queries    (count, C) floats, finite
 *   k          neighbours; 1..64, at most the number of vectors that are not excluded
 *   exclude    image index whose vectors are passed over, or -1 for none
 *   distances  (count, k) floats, or NULL
 *   indices    (count, k) indices into the bank, or NULL
 * Any number of threads may search one bank at the same time. */
SNARM_API snarm_status snarm_bank_search(const snarm_bank *bank, const float *queries, size_t count, int32_t k,
                                         int32_t exclude, float *distances, int32_t *indices);

/* Initialise with snarm_coreset_options_init; zero means default. */
typedef struct snarm_coreset_options {
    size_t struct_size;
    int32_t projection;  /* dimensions of the random projection in which distances are measured; default 128; -1: none;
                            no projection either where channels are not more than it; 1..4,096 */
    uint64_t seed;       /* of the projection and of the first centre; default 0, itself a seed */
    int32_t threads;     /* default 0: snarm_default_threads(); 1..64 */
    snarm_progress_fn progress; /* stage "coreset"; NULL: none */
    void *progress_user;
} snarm_coreset_options;
SNARM_API void snarm_coreset_options_init(snarm_coreset_options *options);

/* Greedy k-centre selection: from a random first vector on, always the one farthest from all chosen before (ties to the smaller
 * index). Same result as the plain loop over all pairs, without most of its work: distances are brought up to date only
 * for vectors that might be the farthest.
 *   vectors   (count, channels) floats, finite
 *   target    how many to choose; at least 1; more than count: all are chosen, in order
 *   selected  receives min(target, count) indices, in the order of choice; the caller's
 *   chosen    receives that number; fewer where the rest only repeats vectors already chosen */
SNARM_API snarm_status snarm_coreset_select(const float *vectors, size_t count, int32_t channels, size_t target,
                                            const snarm_coreset_options *options, size_t *selected, size_t *chosen);

#ifdef __cplusplus
}
#endif
#endif
