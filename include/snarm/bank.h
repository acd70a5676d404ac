/* libsnarm: the memory bank: features of normal patches, and the nearest of them to any query. */
#ifndef SNARM_BANK_H
#define SNARM_BANK_H

#include "snarm/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A set of feature vectors that can be searched. Immutable but for snarm_bank_tune: any number of threads may search one at the same
 * time. */
typedef struct snarm_bank snarm_bank;

/* Most neighbours that may be asked for. */
enum { SNARM_NEIGHBOURS_MAX = 64 };

/* Initialise with snarm_bank_options_init; zero means default. */
typedef struct snarm_bank_options {
    size_t struct_size;
    int32_t threads; /* default 0: snarm_default_threads(); 1..64 */
    int32_t exact;   /* 1: searches are exact, whatever filter a file holds; default 0; 0..1 */
    int32_t precision; /* a snarm_precision, of a filter's search; exact searches are f32; default 0: auto; 0..3 */
} snarm_bank_options;
static inline void snarm_bank_options_init(snarm_bank_options *options) {
    snarm_options_clear(options, sizeof *options);
}

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

/* A safetensors file with tensors "vectors" (M, C) F32 and "images" (M) I32; with a filter also its axes, "axes" (A, C) F32, and the
 * metadata "recall"; with cells "order" (M) I32, the vectors cell by cell, and the metadata "probes"; the
 * metadata "integers" is "1" where the recall is that of 8-bit integers: a filter tuned in f32 stays in f32. Saving is whole or not at all. */
SNARM_API snarm_status snarm_bank_save(const snarm_bank *bank, const char *path);
SNARM_API snarm_status snarm_bank_load(snarm_bank **out, const char *path, const snarm_bank_options *options);

/* Sizes: M, C, and the number of images (the largest image index plus one). Any pointer may be NULL. */
SNARM_API snarm_status snarm_bank_get_size(const snarm_bank *bank, size_t *count, int32_t *channels, int32_t *images);
/* The vectors (M, C) and image indices (M): the handle's, valid as long as it. Any pointer may be NULL. */
SNARM_API snarm_status snarm_bank_get_vectors(const snarm_bank *bank, const float **vectors, const int32_t **images);

/* The k nearest bank vectors (Euclidean) of each query, nearest first, ties to the smaller index: exactly, unless the bank has a
 * filter (snarm_bank_tune). Distances are always the true ones. The distances of all pairs
 * are never held: a tile of queries meets a block of the bank, and a running list of the nearest is kept.
 *   queries    (count, C) floats, finite
 *   k          neighbours; 1..64, at most the number of vectors that are not excluded
 *   exclude    image index whose vectors are passed over, or -1 for none
 *   distances  (count, k) floats, or NULL
 *   indices    (count, k) indices into the bank, or NULL
 * Any number of threads may search one bank at the same time. */
SNARM_API snarm_status snarm_bank_search(const snarm_bank *bank, const float *queries, size_t count, int32_t k,
                                         int32_t exclude, float *distances, int32_t *indices);

/* Makes searches many times faster. Features crowd along few directions: distances along the longest principal axes of the bank, in
 * 8-bit integers where the processor has instructions for them, leave only a few dozen vectors that can be among the nearest of a
 * query, and these alone are ranked by their true distances. And they lie in clusters: a bank of 8,192 vectors or more is divided into
 * cells, of which a query looks at the nearest. Of a few numbers of axes and shares of the cells the smallest are kept with which
 * searches for the queries given find the wanted share of their true neighbours; where none do, or the features have fewer than 64
 * channels, searches stay exact.
 *   bank     searches with the filter from now on, and saves it. No other thread may use it during the call. On failure it searches
 *            exactly
 *   queries  (count, C) floats, finite: typical ones that are not in the bank; some thousands
 *   images   (count) image index whose vectors each passes over, or -1, equal ones best side by side; NULL: none do
 *   k        neighbours that will be asked for; 1..64, at most the number of vectors that no query passes over
 *   recall   above 0, at most 1; 0.999 changes no result that matters */
SNARM_API snarm_status snarm_bank_tune(snarm_bank *bank, const float *queries, const int32_t *images, size_t count, int32_t k,
                                       double recall);

/* How a bank searches. Set struct_size before the call. */
typedef struct snarm_bank_search_info {
    size_t struct_size;
    int32_t axes;  /* of the filter; 0: exactly, without one */
    double recall; /* share of true neighbours found when it was tuned; 1 without a filter */
    int32_t precision; /* SNARM_PRECISION_F32 or SNARM_PRECISION_INT8: what the filter compares */
    int32_t cells, probes; /* groups of 256 near vectors that the bank is divided into, and how many of them each query looks at; 0, 0:
                              at all vectors */
    const char *precision_note; /* why it is f32 although int8 was asked for, or auto would take it elsewhere; "" otherwise. Static */
} snarm_bank_search_info;
SNARM_API snarm_status snarm_bank_get_search(const snarm_bank *bank, snarm_bank_search_info *info);

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
static inline void snarm_coreset_options_init(snarm_coreset_options *options) {
    snarm_options_clear(options, sizeof *options);
}

/* Greedy k-centre selection: from a random first vector on, always the one farthest from all chosen before (ties to the smaller
 * index). Same result as the plain loop over all pairs, whatever the number of threads, without most of its work: only vectors that
 * might be the farthest are looked at, and most pairs of these are told apart along a few principal axes. Working memory: 12 bytes a
 * vector, 4 * (dimensions + 49) a chosen one, and 4 * dimensions a vector for its projection; without one vectors are read in place.
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
