#include "residual/engine.h"

#include "core/memory.h"
#include "core/threads.h"
#include "kernel/finite.h"
#include "kernel/simd.h"
#include "residual/navigator.h"
#include "residual/phi.h"
#include "residual/ranks.h"

#include <math.h>
#include <string.h>

enum { PATCHES_MAX = 1 << 20, CHANNELS_MAX = 4096 };

/* Fills in defaults and checks ranges. */
static snarm_status read_options(snarm_residual_options *options, const snarm_residual_options *given) {
    static const char function[] = "snarm_residual_create";
    snarm_residual_options_init(options);
    SN_TRY(sn_options_read(options, sizeof *options, given, sizeof *options, "snarm_residual_options"));
    if (options->neighbours == 0)
        options->neighbours = 3;
    if (options->reference_ratio == 0)
        options->reference_ratio = 0.75;
    if (options->scale == 0)
        options->scale = 1;
    if (options->patches < 2 || options->patches > PATCHES_MAX)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: patches is %d, expected 2..%d", function, options->patches,
                        PATCHES_MAX);
    if (options->channels < 2 || options->channels > CHANNELS_MAX || options->channels % 2 != 0)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: channels is %d, expected an even number in 2..%d",
                        function, options->channels, CHANNELS_MAX);
    if (options->neighbours < 1 || options->neighbours > SNARM_NEIGHBOURS_MAX)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: neighbours is %d, expected 1..%d", function,
                        options->neighbours, SNARM_NEIGHBOURS_MAX);
    if (!(options->reference_ratio > 0 && options->reference_ratio < 1))
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: reference_ratio is %g, expected above 0 and below 1",
                        function, options->reference_ratio);
    if (sn_reference_count(options->reference_ratio, (size_t)options->patches) < 2)
        return sn_error(
            SNARM_ERROR_ARGUMENT,
            "%s: reference_ratio is %g, expected at least 2 of the %d patches in the reference set", function,
            options->reference_ratio, options->patches);
    if (!(options->scale > 0 && (float)options->scale <= 1e18f && (float)options->scale >= 1e-18f))
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: scale is %g, expected 1e-18..1e18", function,
                        options->scale);
    if (options->threads < 0 || options->threads > SN_THREADS_MAX)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: threads is %d, expected 0..%d", function, options->threads,
                        SN_THREADS_MAX);
    return SNARM_OK;
}

static void destroy_state(void *data) {
    residual_state *state = data;
    if (state == NULL)
        return;
    sn_stream_destroy(state->stream);
    sn_intra_state_destroy(state->intra);
    sn_free(state->waypoint);
    sn_free(state->navigator);
    sn_free(state->reference);
    sn_free(state->nearest);
    sn_free(state);
}

static snarm_status fill_state(residual_state *state, const snarm_residual *engine) {
    SN_TRY(sn_stream_create(&state->stream));
    SN_TRY(sn_intra_state_create(&state->intra, engine->intra));
    SN_TRY(sn_alloc(&state->waypoint, engine->patches, sizeof(float), "waypoints"));
    SN_TRY(sn_alloc(&state->navigator, engine->patches, sizeof(float), "navigator"));
    SN_TRY(sn_alloc(&state->reference, engine->patches, 1, "reference mask"));
    return sn_alloc(&state->nearest, engine->patches, engine->neighbours * sizeof(int32_t),
                    "nearest patches");
}

static snarm_status create_state(void **out, const void *owner) {
    residual_state *state;
    SN_TRY(sn_alloc_zeroed(&state, 1, sizeof *state, "residual state"));
    snarm_status status = fill_state(state, owner);
    if (status != SNARM_OK) {
        destroy_state(state);
        return status;
    }
    *out = state;
    return SNARM_OK;
}

static snarm_status fill_engine(snarm_residual *engine, const float *weight,
                                const snarm_residual_options *options) {
    SN_TRY(sn_alloc(&engine->weight, engine->channels, sizeof(float), "navigator weights"));
    SN_TRY(sn_alloc(&engine->mean, engine->channels, sizeof(float), "navigator weights"));
    memcpy(engine->weight, weight, engine->channels * sizeof(float));
    for (size_t c = 0; c < engine->channels; c++)
        engine->mean[c] = 1.0f / (float)engine->channels;
    engine->references = sn_reference_count(options->reference_ratio, engine->patches);
    SN_TRY(sn_intra_create(&engine->intra, engine->patches, engine->channels, engine->references));
    return sn_pool_create(&engine->pool, create_state, destroy_state, engine);
}

snarm_status snarm_residual_create(snarm_residual **out, const float *weight, float bias,
                                   const snarm_residual_options *options) {
    if (out == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_residual_create: out is NULL");
    *out = NULL;
    if (weight == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_residual_create: weight is NULL");
    snarm_residual_options checked;
    SN_TRY(read_options(&checked, options));
    SN_TRY(sn_check_finite(weight, 1, (size_t)checked.channels, "snarm_residual_create", "weight"));
    SN_TRY(sn_check_finite(&bias, 1, 1, "snarm_residual_create", "bias"));
    snarm_residual *engine;
    SN_TRY(sn_alloc_zeroed(&engine, 1, sizeof *engine, "residual engine"));
    engine->patches = (size_t)checked.patches, engine->channels = (size_t)checked.channels;
    engine->neighbours = (size_t)checked.neighbours, engine->scale = (float)checked.scale;
    engine->threads = sn_threads_resolve(checked.threads), engine->bias = bias;
    int former = sn_threads_enter(engine->threads);
    snarm_status status = fill_engine(engine, weight, &checked);
    sn_threads_leave(former);
    if (status != SNARM_OK) {
        snarm_residual_destroy(engine);
        return status;
    }
    *out = engine;
    return SNARM_OK;
}

void snarm_residual_destroy(snarm_residual *engine) {
    if (engine == NULL)
        return;
    sn_pool_destroy(engine->pool);
    sn_intra_destroy(engine->intra);
    sn_free(engine->weight);
    sn_free(engine->mean);
    sn_free(engine);
}

typedef struct intra_work {
    const snarm_residual *engine;
    const float *features;
    const int32_t *nearest;
    float *hybrid;
} intra_work;

/* The second half of each row of the hybrid residual: phi of nearest - own, made in place of its result. */
static void intra_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const intra_work *work = context;
    const sn_simd *simd = sn_simd_table();
    const size_t channels = work->engine->channels;
    float difference[CHANNELS_MAX];
    for (size_t i = begin; i < end; i++) {
        const float *own = work->features + i * channels;
        const float *other = work->features + (size_t)work->nearest[i] * channels;
        for (size_t c = 0; c < channels; c++)
            difference[c] = other[c] - own[c];
        simd->phi(difference, channels, work->engine->scale, work->hybrid + (2 * i + 1) * channels);
    }
}

static snarm_status run(const snarm_residual *engine, residual_state *state, const float *weight, float bias,
                        const float *features, const uint16_t *ranks, const float *inter, float *hybrid) {
    static const char function[] = "snarm_residual_hybrid";
    const size_t patches = engine->patches, channels = engine->channels;
    SN_TRY(sn_check_finite(features, patches, channels, function, "features"));
    SN_TRY(sn_check_finite(inter, patches, channels, function, "inter"));
    sn_phi(inter, patches, channels, engine->scale, hybrid, 2 * channels);
    sn_navigate(hybrid, 2 * channels, patches, channels, weight, bias, engine->mean,
                state->navigator, state->waypoint);
    SN_TRY(sn_check_finite(state->waypoint, patches, 1, function, "waypoint of the scaled inter-residual"));
    sn_choose_reference(state->waypoint, patches, engine->references, state->reference);
    if (ranks != NULL)
        sn_ranks_look_up(ranks, features, patches, channels, state->reference, state->nearest);
    else
        SN_TRY(sn_intra_run(engine->intra, state->intra, state->stream, features, state->reference, state->nearest));
    intra_work work = {engine, features, state->nearest, hybrid};
    sn_parallel(patches, 16, intra_rows, &work);
    return sn_check_finite(hybrid, patches, 2 * channels, function, "hybrid");
}

snarm_status snarm_residual_hybrid(const snarm_residual *engine, const float *features, const float *inter,
                                   float *hybrid, uint8_t *reference, float *navigator) {
    if (engine == NULL || features == NULL || inter == NULL || hybrid == NULL || reference == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_residual_hybrid: %s is NULL",
                        engine == NULL     ? "engine"
                        : features == NULL ? "features"
                        : inter == NULL    ? "inter"
                        : hybrid == NULL   ? "hybrid"
                                           : "reference");
    return sn_residual_hybrid_with(engine, engine->weight, engine->bias, features, NULL, inter, hybrid, reference, navigator);
}

snarm_status sn_residual_hybrid_with(const snarm_residual *engine, const float *weight, float bias, const float *features,
                                     const uint16_t *ranks, const float *inter, float *hybrid, uint8_t *reference, float *navigator) {
    void *taken;
    SN_TRY(sn_pool_take(engine->pool, &taken));
    residual_state *state = taken;
    int former = sn_threads_enter(engine->threads);
    snarm_status status = run(engine, state, weight, bias, features, ranks, inter, hybrid);
    sn_threads_leave(former);
    if (status == SNARM_OK) {
        memcpy(reference, state->reference, engine->patches);
        if (navigator != NULL)
            memcpy(navigator, state->navigator, engine->patches * sizeof *navigator);
    }
    sn_pool_give(engine->pool, state);
    return status;
}
