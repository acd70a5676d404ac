#include "bank/coreset.h"

#include "core/memory.h"
#include "core/rng.h"
#include "kernel/gemm.h"

#include <math.h>
#include <string.h>

enum { DEFAULT_DIMENSIONS = 128, ROWS = 1024, STREAM_OF_PROJECTION = 1 };

struct sn_projection {
    size_t channels, dimensions;
    sn_linear *linear; /* of ROWS rows */
    sn_stream *stream;
    float *src, *dst; /* the last, partly filled rows */
};

size_t sn_projection_dimensions(int32_t option, size_t channels) {
    size_t dimensions = option == 0 ? DEFAULT_DIMENSIONS : option < 0 ? 0 : (size_t)option;
    return dimensions < channels ? dimensions : 0;
}

static snarm_status fill(sn_projection *p, uint64_t seed) {
    float *weights;
    SN_TRY(sn_alloc(&weights, p->dimensions, p->channels * sizeof(float), "projection"));
    sn_rng rng;
    sn_rng_seed(&rng, seed, STREAM_OF_PROJECTION);
    const double scale = 1 / sqrt((double)p->dimensions);
    for (size_t i = 0; i < p->dimensions * p->channels; i++)
        weights[i] = (float)(sn_rng_normal(&rng) * scale);
    const sn_gemm_shape shape = {.rows = ROWS, .inner = p->channels, .columns = p->dimensions};
    snarm_status status = sn_linear_create(&p->linear, &shape, weights, NULL);
    sn_free(weights);
    if (status != SNARM_OK)
        return status;
    SN_TRY(sn_stream_create(&p->stream));
    SN_TRY(sn_alloc_zeroed(&p->src, ROWS, p->channels * sizeof(float), "projection rows"));
    return sn_alloc(&p->dst, ROWS, p->dimensions * sizeof(float), "projection rows");
}

snarm_status sn_projection_create(sn_projection **out, size_t channels, size_t dimensions, uint64_t seed) {
    *out = NULL;
    sn_projection *p;
    SN_TRY(sn_alloc_zeroed(&p, 1, sizeof *p, "projection"));
    p->channels = channels, p->dimensions = dimensions;
    snarm_status status = fill(p, seed);
    if (status != SNARM_OK) {
        sn_projection_destroy(p);
        return status;
    }
    *out = p;
    return SNARM_OK;
}

void sn_projection_destroy(sn_projection *projection) {
    if (projection == NULL)
        return;
    sn_linear_destroy(projection->linear);
    sn_stream_destroy(projection->stream);
    sn_free(projection->src);
    sn_free(projection->dst);
    sn_free(projection);
}

snarm_status sn_projection_run(sn_projection *p, const float *src, size_t count, float *dst) {
    for (; count >= ROWS; count -= ROWS, src += ROWS * p->channels, dst += ROWS * p->dimensions)
        SN_TRY(sn_linear_run(p->linear, p->stream, src, dst));
    if (count == 0)
        return SNARM_OK;
    memcpy(p->src, src, count * p->channels * sizeof(float));
    SN_TRY(sn_linear_run(p->linear, p->stream, p->src, p->dst));
    memcpy(dst, p->dst, count * p->dimensions * sizeof(float));
    return SNARM_OK;
}
