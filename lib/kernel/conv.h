/* Convolution and max pooling by oneDNN, in the layouts it asks for. */
#ifndef SN_KERNEL_CONV_H
#define SN_KERNEL_CONV_H

#include "kernel/stream.h"
#include "kernel/type.h"

#include <stdbool.h>
#include <stddef.h>

/* How an activation tensor (batch, channels, height, width) lies in memory. Chains of convolutions hand the layout of
 * one's output to the next, so that values stay in oneDNN's blocked format from the image to the features. */
typedef struct sn_layout sn_layout;
typedef enum sn_order {
    SN_PLANES,        /* batch, channels, height, width: as images are normalised */
    SN_CHANNELS_LAST, /* batch, height, width, channels: a row per position, as features and tokens are kept */
    SN_ANY            /* left to oneDNN; only in a convolution's options */
} sn_order;
snarm_status sn_layout_create(sn_layout **out, sn_type type, size_t batch, size_t channels, size_t height, size_t width,
                              sn_order order);
void sn_layout_destroy(sn_layout *layout);
/* Bytes of a tensor in it; blocked layouts pad the channels. */
size_t sn_layout_bytes(const sn_layout *layout);
void sn_layout_shape(const sn_layout *layout, size_t *batch, size_t *channels, size_t *height, size_t *width);

typedef struct sn_conv_options {
    const sn_layout *src;    /* layout of the input, whose type is that of the packed weights too */
    const float *weights;    /* (channels_out, channels_in, kernel, kernel); packed, not kept */
    const float *bias;       /* (channels_out) or NULL; copied */
    size_t channels_out, kernel, stride, padding, dilation; /* dilation 1: a dense kernel */
    sn_order dst_order;      /* SN_ANY for chains */
    sn_type dst_type;
    const sn_layout *dst;    /* exactly this layout (and type) instead, or NULL */
    bool add;                /* dst keeps what it held and the result is added to it, before the ReLU */
    bool relu;
} sn_conv_options;

/* Immutable, weights packed once. The input is taken in exactly the layout given: chains pass on what oneDNN chose. */
typedef struct sn_conv sn_conv;
snarm_status sn_conv_create(sn_conv **out, const sn_conv_options *options);
void sn_conv_destroy(sn_conv *conv);
/* Owned by the convolution. */
const sn_layout *sn_conv_dst_layout(const sn_conv *conv);
snarm_status sn_conv_run(const sn_conv *conv, sn_stream *stream, const void *src, void *dst);

/* Max pooling; borders are padded with minus infinity. dst has the layout of the same kind as src. */
typedef struct sn_max_pool sn_max_pool;
snarm_status sn_max_pool_create(sn_max_pool **out, const sn_layout *src, size_t kernel, size_t stride, size_t padding);
void sn_max_pool_destroy(sn_max_pool *pool);
const sn_layout *sn_max_pool_dst_layout(const sn_max_pool *pool);
snarm_status sn_max_pool_run(const sn_max_pool *pool, sn_stream *stream, const void *src, void *dst);

/* Copies a tensor from one layout to another, which may be of another type. */
typedef struct sn_reorder sn_reorder;
snarm_status sn_reorder_create(sn_reorder **out, const sn_layout *src, const sn_layout *dst);
void sn_reorder_destroy(sn_reorder *reorder);
snarm_status sn_reorder_run(const sn_reorder *reorder, sn_stream *stream, const void *src, void *dst);

#endif
