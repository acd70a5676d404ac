#include "reference.h"

#include <math.h>

float *random_floats(sn_rng *rng, size_t count) {
    float *values = malloc((count == 0 ? 1 : count) * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(2 * sn_rng_uniform(rng) - 1);
    return values;
}

double largest_relative_error(const float *a, const float *b, size_t count) {
    double difference = 0, largest = 1e-30;
    for (size_t i = 0; i < count; i++) {
        if (!(fabs((double)a[i] - b[i]) <= difference)) /* also true for NaN */
            difference = fabs((double)a[i] - b[i]);
        largest = fmax(largest, fabs((double)b[i]));
    }
    return difference / largest;
}

double reference_distance(const float *features, size_t channels, size_t i, size_t j) {
    double sum = 0;
    for (size_t c = 0; c < channels; c++)
        sum += pow((double)features[i * channels + c] - (double)features[j * channels + c], 2);
    return sum;
}

void reference_linear(size_t rows, size_t inner, size_t columns, const float *src, const float *weights,
                      const float *bias, float *dst) {
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) {
            double sum = bias != NULL ? bias[c] : 0;
            for (size_t i = 0; i < inner; i++)
                sum += (double)src[r * inner + i] * weights[c * inner + i];
            dst[r * columns + c] = (float)sum;
        }
}

double reference_gelu(double x) {
    return 0.5 * x * (1 + erf(x / sqrt(2.0)));
}

void reference_conv(size_t in, size_t h, size_t w, size_t out, size_t kernel, size_t stride, size_t padding,
                    size_t dilation, const float *src, const float *weights, const float *bias, float *dst) {
    size_t reach = dilation * (kernel - 1) + 1;
    size_t rows = (h + 2 * padding - reach) / stride + 1, columns = (w + 2 * padding - reach) / stride + 1;
    for (size_t o = 0; o < out; o++)
        for (size_t y = 0; y < rows; y++)
            for (size_t x = 0; x < columns; x++) {
                double sum = bias != NULL ? bias[o] : 0;
                for (size_t i = 0; i < in; i++)
                    for (size_t ky = 0; ky < kernel; ky++)
                        for (size_t kx = 0; kx < kernel; kx++) {
                            ptrdiff_t sy = (ptrdiff_t)(y * stride + ky * dilation) - (ptrdiff_t)padding;
                            ptrdiff_t sx = (ptrdiff_t)(x * stride + kx * dilation) - (ptrdiff_t)padding;
                            if (sy >= 0 && sy < (ptrdiff_t)h && sx >= 0 && sx < (ptrdiff_t)w)
                                sum += (double)src[(i * h + (size_t)sy) * w + (size_t)sx] *
                                       weights[((o * in + i) * kernel + ky) * kernel + kx];
                        }
                dst[(o * rows + y) * columns + x] = (float)sum;
            }
}

void reference_attention(size_t tokens, size_t heads, size_t head_size, const float *qkv, float *dst) {
    size_t width = heads * head_size, row = 3 * width;
    double *weights = malloc(tokens * sizeof *weights);
    for (size_t head = 0; head < heads; head++)
        for (size_t t = 0; t < tokens; t++) {
            const float *query = qkv + t * row + head * head_size;
            double sum = 0;
            for (size_t s = 0; s < tokens; s++) {
                const float *key = qkv + s * row + width + head * head_size;
                double score = 0;
                for (size_t i = 0; i < head_size; i++)
                    score += (double)query[i] * key[i];
                sum += weights[s] = exp(score / sqrt((double)head_size));
            }
            for (size_t i = 0; i < head_size; i++) {
                double mix = 0;
                for (size_t s = 0; s < tokens; s++)
                    mix += weights[s] / sum * qkv[s * row + 2 * width + head * head_size + i];
                dst[t * width + head * head_size + i] = (float)mix;
            }
        }
    free(weights);
}

void reference_layer_norm(size_t rows, size_t columns, double epsilon, const float *gain, const float *shift,
                          const float *src, float *dst) {
    for (size_t r = 0; r < rows; r++) {
        const float *x = src + r * columns;
        double mean = 0, variance = 0;
        for (size_t c = 0; c < columns; c++)
            mean += x[c] / (double)columns;
        for (size_t c = 0; c < columns; c++)
            variance += (x[c] - mean) * (x[c] - mean) / (double)columns;
        for (size_t c = 0; c < columns; c++)
            dst[r * columns + c] = (float)((x[c] - mean) / sqrt(variance + epsilon) * gain[c] + shift[c]);
    }
}
