/* The inter-residual: the step from the bank's idea of a patch to the patch itself. */
#include "core/threads.h"
#include "residual/engine.h"
#include "residual/inter.h"

#include <string.h>

typedef struct inter_work {
    const float *vectors, *features;
    const int32_t *nearest;
    size_t channels, neighbours;
    float *inter;
} inter_work;

/* Mean of the nearest vectors, minus the feature. */
static void inter_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const inter_work *work = context;
    const size_t channels = work->channels;
    const float share = 1.0f / (float)work->neighbours;
    for (size_t i = begin; i < end; i++) {
        float *row = work->inter + i * channels;
        const float *feature = work->features + i * channels;
        memcpy(row, work->vectors + (size_t)work->nearest[i * work->neighbours] * channels,
               channels * sizeof *row);
        for (size_t k = 1; k < work->neighbours; k++) {
            const float *vector = work->vectors + (size_t)work->nearest[i * work->neighbours + k] * channels;
            for (size_t c = 0; c < channels; c++)
                row[c] += vector[c];
        }
        for (size_t c = 0; c < channels; c++)
            row[c] = row[c] * share - feature[c];
    }
}

void sn_inter_residuals(const float *vectors, const int32_t *nearest, size_t neighbours, const float *features, size_t patches,
                        size_t channels, float *inter) {
    inter_work work = {vectors, features, nearest, channels, neighbours, inter};
    sn_parallel(patches, 16, inter_rows, &work);
}

void sn_residual_inter_of(const snarm_residual *engine, const float *vectors, const int32_t *nearest,
                          const float *features, float *inter) {
    int former = sn_threads_enter(engine->threads);
    sn_inter_residuals(vectors, nearest, engine->neighbours, features, engine->patches, engine->channels, inter);
    sn_threads_leave(former);
}

snarm_status snarm_residual_inter(const snarm_residual *engine, const snarm_bank *bank, const float *features,
                                  int32_t exclude, float *inter) {
    if (engine == NULL || bank == NULL || features == NULL || inter == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_residual_inter: %s is NULL",
                        engine == NULL     ? "engine"
                        : bank == NULL     ? "bank"
                        : features == NULL ? "features"
                                           : "inter");
    int32_t channels;
    SN_TRY(snarm_bank_get_size(bank, NULL, &channels, NULL));
    if ((size_t)channels != engine->channels)
        return sn_error(SNARM_ERROR_MISMATCH,
                        "snarm_residual_inter: the bank has %d channels, the engine %zu", channels,
                        engine->channels);
    const float *vectors;
    SN_TRY(snarm_bank_get_vectors(bank, &vectors, NULL));
    void *taken;
    SN_TRY(sn_pool_take(engine->pool, &taken));
    residual_state *state = taken;
    snarm_status status = snarm_bank_search(bank, features, engine->patches, (int32_t)engine->neighbours,
                                            exclude, NULL, state->nearest);
    if (status == SNARM_OK)
        sn_residual_inter_of(engine, vectors, state->nearest, features, inter);
    sn_pool_give(engine->pool, state);
    return status;
}
