/* Matrix products by oneDNN, with fixed weights packed once or with both factors varying. */
#ifndef SN_KERNEL_GEMM_H
#define SN_KERNEL_GEMM_H

#include "kernel/stream.h"
#include "kernel/type.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum sn_activation { SN_ACTIVATION_NONE, SN_ACTIVATION_RELU, SN_ACTIVATION_GELU } sn_activation;

/* dst = activation(src . weights + bias), or dst += src . weights + bias with accumulate. */
typedef struct sn_gemm_shape {
    size_t rows, inner, columns;  /* src (rows, inner), dst (rows, columns) */
    size_t src_stride, dst_stride; /* elements from one row to the next; 0: dense */
    sn_type type;                 /* of src and of the packed weights */
    sn_type dst_type;             /* SN_TYPE_F32 or SN_TYPE_BF16 */
    bool bias;                    /* a bias of columns f32 is added */
    bool accumulate;              /* dst keeps what it held, and the product is added; no activation then */
    sn_activation activation;     /* GELU is the exact one, by erf */
} sn_gemm_shape;

/* An immutable product of one shape. */
typedef struct sn_gemm sn_gemm;
snarm_status sn_gemm_create(sn_gemm **out, const sn_gemm_shape *shape);
void sn_gemm_destroy(sn_gemm *gemm);

/* Bytes of a weights block packed in the layout that oneDNN asks for. */
size_t sn_gemm_packed_bytes(const sn_gemm *gemm);

/* Packs weights, given as (columns, inner) as PyTorch's linear layers store them, row by row with stride elements
 * (0: dense), into packed (sn_gemm_packed_bytes, 64-byte aligned). They are f32, or int8_t for a gemm of SN_TYPE_S8. */
snarm_status sn_gemm_pack(const sn_gemm *gemm, const void *weights, size_t stride, void *packed);

/* The same from weights given as (inner, columns). */
snarm_status sn_gemm_pack_transposed(const sn_gemm *gemm, const void *weights, size_t stride, void *packed);

/* Packing for weights that are new at every run: of the gemm's type, element (i, j) of (inner, columns) at i * row_stride +
 * j * column_stride. One of the strides is 1. */
typedef struct sn_packer sn_packer;
snarm_status sn_packer_create(sn_packer **out, const sn_gemm *gemm, size_t row_stride, size_t column_stride);
void sn_packer_destroy(sn_packer *packer);
snarm_status sn_packer_run(const sn_packer *packer, sn_stream *stream, const void *weights, void *packed);

/* Gemms that only differ in rows and dst_stride may share packed weights if this says so. */
bool sn_gemm_same_packing(const sn_gemm *a, const sn_gemm *b);

/* bias (columns) only if the shape has one, else NULL. src and dst must not overlap. */
snarm_status sn_gemm_run(const sn_gemm *gemm, sn_stream *stream, const void *src, const void *packed,
                         const float *bias, void *dst);

/* A gemm with its own packed weights and bias: one linear layer. weights (columns, inner) of f32, bias (columns) or NULL;
 * both are copied. shape->bias is taken from bias. */
typedef struct sn_linear sn_linear;
snarm_status sn_linear_create(sn_linear **out, const sn_gemm_shape *shape, const float *weights, const float *bias);
void sn_linear_destroy(sn_linear *linear);
snarm_status sn_linear_run(const sn_linear *linear, sn_stream *stream, const void *src, void *dst);

/* dst (batch, rows, columns) = a (batch, rows, inner) . b (batch, inner, columns) * scale, both varying; strides in elements between
 * batches, rows and columns of each, so that views into larger matrices need no copies. */
typedef struct sn_view {
    size_t batch_stride, row_stride, column_stride;
} sn_view;
typedef struct sn_product sn_product;
snarm_status sn_product_create(sn_product **out, size_t batch, size_t rows, size_t inner, size_t columns, sn_view a,
                               sn_view b, sn_view dst, float scale);
/* One that adds a . b to what dst holds. */
snarm_status sn_product_create_adding(sn_product **out, size_t batch, size_t rows, size_t inner, size_t columns,
                                      sn_view a, sn_view b, sn_view dst);
void sn_product_destroy(sn_product *product);
snarm_status sn_product_run(const sn_product *product, sn_stream *stream, const float *a, const float *b, float *dst);

#endif
