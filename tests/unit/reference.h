/* Plain C references of the library's kernels: the words of the definition as loops, in double where sums are long. */
#ifndef SN_TESTS_REFERENCE_H
#define SN_TESTS_REFERENCE_H

#include "core/rng.h"

#include <stddef.h>
#include <stdlib.h>

/* count values from -1 to 1, the caller's to free. */
float *random_floats(sn_rng *rng, size_t count);

/* The largest |a - b| divided by the largest |b|. */
double largest_relative_error(const float *a, const float *b, size_t count);

/* The squared distance of rows i and j of features (rows, channels). */
double reference_distance(const float *features, size_t channels, size_t i, size_t j);

/* dst (rows, columns) += or = src (rows, inner) . weights (columns, inner)^T + bias. */
void reference_linear(size_t rows, size_t inner, size_t columns, const float *src, const float *weights,
                      const float *bias, float *dst);
double reference_gelu(double x);
/* dst (out, H', W'), src (in, h, w), planes. */
void reference_conv(size_t in, size_t h, size_t w, size_t out, size_t kernel, size_t stride, size_t padding,
                    size_t dilation, const float *src, const float *weights, const float *bias, float *dst);
void reference_attention(size_t tokens, size_t heads, size_t head_size, const float *qkv, float *dst);
void reference_layer_norm(size_t rows, size_t columns, double epsilon, const float *gain, const float *shift,
                          const float *src, float *dst);

#endif
