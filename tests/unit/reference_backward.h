/* The recurrent parts of a mixer and a whole mixer in double precision, and gradients: for differences of
 * values that are nearly equal, and for comparison with the kernels. All arrays are dense; what an operation
 * depends on lies in one block, so that each value can be moved in turn, and gradients lie in a block alike.
 */
#ifndef SN_TESTS_REFERENCE_BACKWARD_H
#define SN_TESTS_REFERENCE_BACKWARD_H

#include "core/rng.h"

#include <stddef.h>

/* Offsets in a block of count values. */
typedef struct scan_block {
    size_t length, channels, states;
    size_t x, dt, gate; /* (length, channels) each */
    size_t b, c;        /* (length, states) each */
    size_t a;           /* (states, channels) */
    size_t skip;        /* (channels) */
    size_t count;
} scan_block;
scan_block make_scan_block(size_t length, size_t channels, size_t states);
/* See sn_scan; y (length, channels). */
void reference_scan(const scan_block *at, const double *values, double *y);
void reference_scan_backward(const scan_block *at, const double *values, const double *diff_y,
                             double *gradients);

typedef struct conv_block {
    size_t length, channels, taps;
    size_t src;           /* (length, channels) */
    size_t weights, bias; /* (taps, channels), (channels) */
    size_t count;
} conv_block;
conv_block make_conv_block(size_t length, size_t channels, size_t taps);
/* See sn_simd.causal_conv_silu; dst (length, channels). */
void reference_causal_conv(const conv_block *at, const double *values, double *dst);
void reference_causal_conv_backward(const conv_block *at, const double *values, const double *diff_dst,
                                    double *gradients);

/* A mixer with its input; the shapes are those of sn_mixer_weights. */
typedef struct mixer_block {
    size_t batch, length, embedding, states, rank, taps;
    size_t src; /* (batch, length, embedding) */
    size_t in_proj, conv_weight, conv_bias, x_proj, dt_weight, dt_bias, a_log, skip, out_proj;
    size_t count;
} mixer_block;
mixer_block make_mixer_block(size_t batch, size_t length, size_t embedding, size_t states, size_t rank,
                             size_t taps);
/* dst (batch, length, embedding). */
void reference_double_mixer(const mixer_block *at, const double *values, double *dst);

/* count values from -1 to 1, each a float's; the caller's to free. */
double *random_doubles(sn_rng *rng, size_t count);

/* An operation of a block's values. */
typedef void (*block_operation)(const void *block, const double *values, double *results);
/* The derivatives of the sum of seed (result_count) times results by every value, the caller's to free:
 * central differences of the fourth order, whose error is some 1e-11 where values are near 1. values are as
 * before afterwards. */
double *differences(block_operation run, const void *block, double *values, size_t value_count,
                    const double *seed, size_t result_count);

#endif
