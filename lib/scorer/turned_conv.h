/* One 3 x 3 convolution in the four scans' turns (sn_scan_kernel) of one input: a branch's first block, in which the
 * scans still share what they look at.
 *
 * The turns are a group of four, and with its characters (the four patterns of signs +, + for transposing and turning around) the
 * four convolutions become nine products of a pixel's channels instead of 36: for every orbit of taps (the centre, two
 * pairs of corners, four edges) sums and differences of the neighbours (sn_simd.turn_sums) meet the same sums and differences of the kernel's taps, and
 * sums and differences of the products (sn_simd.turn_mix) are the four results. With T(p) the neighbour at tap p and g a turn,
 *   dst_g = sum over p of K[g p] T(p) = sum over characters x of x(g) sum over orbits o of (1 / |o|) K^(o, x) T^(o, x). */
#ifndef SN_SCORER_TURNED_CONV_H
#define SN_SCORER_TURNED_CONV_H

#include "core/status.h"
#include "kernel/stream.h"
#include "kernel/type.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct sn_turned_conv_shape {
    size_t batch, height, width, channels; /* as many in as out */
    bool training;                         /* backward will be called */
    sn_type type;                          /* of the products' factors; SN_TYPE_F32 for training */
} sn_turned_conv_shape;

/* Immutable but for pack and backward, which one thread at a time may call while nobody runs it. */
typedef struct sn_turned_conv sn_turned_conv;
snarm_status sn_turned_conv_create(sn_turned_conv **out, const sn_turned_conv_shape *shape);
void sn_turned_conv_destroy(sn_turned_conv *conv);
/* Floats of scratch memory for a run or backward, with as many threads as were entered at creation. */
size_t sn_turned_conv_scratch(const sn_turned_conv *conv);

/* Takes kernel (D, D, 3, 3: out, in, y, x). To be called before the first run and whenever it has changed. */
snarm_status sn_turned_conv_pack(sn_turned_conv *conv, const float *kernel);

/* src (B, H, W, D), bias (D) to dst (4, B, H, W, D): scan by scan, each in the image's own layout. */
snarm_status sn_turned_conv_run(const sn_turned_conv *conv, sn_stream *stream, const float *src, const float *bias,
                                float *scratch, float *dst);

/* The gradients of the kernel and of src, summed over the scans, from that of dst. diff_dst is used up: its first quarter is
 * then its sum over the scans, of which the bias's gradient is the sum over rows. diff_src must not overlap it. */
snarm_status sn_turned_conv_backward(sn_turned_conv *conv, sn_stream *stream, const float *src, float *diff_dst,
                                     float *scratch, float *diff_src, float *diff_kernel);

#endif
