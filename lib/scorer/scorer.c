#include "scorer/scorer.h"

#include "core/memory.h"
#include "core/pool.h"
#include "core/threads.h"
#include "kernel/finite.h"
#include "kernel/gemm.h"
#include "kernel/simd.h"
#include "residual/navigator.h"

#include <string.h>

enum { GRID_MIN = 2, GRID_MAX = 512 };

struct snarm_scorer {
    size_t grid_width, grid_height, patches, hard;
    size_t channels, embedding, branch_count, depth;
    double reference_ratio, residual_scale;
    sn_prior prior;
    float *gain; /* (N) of distances, for the prior; NULL: 1 */
    sn_type type; /* of the factors of the embedding and of the scans' convolutions */
    const char *precision_note;
    int32_t neighbours;
    int threads;
    float *navigator_weight; /* (C) */
    float navigator_bias;
    sn_linear *embed; /* (N, 2C) to (N, branches * D): the 1 x 1 convolutions of all branches */
    sn_branch *branches[SN_BRANCHES_MAX];
    sn_head *heads[SN_BRANCHES_MAX * SN_SCANS];
    sn_pool *pool; /* of scorer_state */
};

/* What one call needs. */
typedef struct scorer_state {
    sn_stream *stream;
    uint16_t *rounded; /* (N, 2C): the hybrid residual as bf16; NULL with f32 */
    float *embedded;   /* (N, branches * D) */
    float *scratch;    /* a branch's */
    char *scans;       /* (4, N, D) of the type */
    float *hidden;     /* (N, D): inside a head */
    float *sizes;      /* (N) of the hybrid residual; NULL without a prior of these */
    int32_t *order;    /* (4, hard) */
} scorer_state;

static snarm_status read_options(snarm_scorer_options *options, const snarm_scorer_options *given) {
    static const char function[] = "snarm_scorer_create";
    snarm_scorer_options_init(options);
    SN_TRY(sn_options_read(options, sizeof *options, given, offsetof(snarm_scorer_options, precision), "snarm_scorer_options"));
    if (options->grid_width < GRID_MIN || options->grid_width > GRID_MAX || options->grid_height < GRID_MIN ||
        options->grid_height > GRID_MAX)
        return sn_error(SNARM_ERROR_ARGUMENT,
                        "%s: grid_width x grid_height is %d x %d, expected sides of %d..%d", function,
                        options->grid_width, options->grid_height, GRID_MIN, GRID_MAX);
    if (!(options->reference_ratio >= 0 && options->reference_ratio < 1))
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: reference_ratio is %g, expected above 0 and below 1",
                        function, options->reference_ratio);
    if (options->threads < 0 || options->threads > SN_THREADS_MAX)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: threads is %d, expected 0..%d", function, options->threads,
                        SN_THREADS_MAX);
    return SNARM_OK;
}

static void destroy_state(void *data) {
    scorer_state *state = data;
    if (state == NULL)
        return;
    sn_stream_destroy(state->stream);
    sn_free(state->rounded);
    sn_free(state->embedded);
    sn_free(state->scratch);
    sn_free(state->scans);
    sn_free(state->hidden);
    sn_free(state->sizes);
    sn_free(state->order);
    sn_free(state);
}

static snarm_status fill_state(scorer_state *state, const snarm_scorer *scorer) {
    const size_t row = scorer->embedding * sizeof(float);
    size_t scratch = 0;
    for (size_t b = 0; b < scorer->branch_count; b++) {
        size_t need = sn_branch_scratch(scorer->branches[b]);
        scratch = need > scratch ? need : scratch;
    }
    SN_TRY(sn_stream_create(&state->stream));
    SN_TRY(sn_alloc(&state->embedded, scorer->patches, scorer->branch_count * row, "scorer state"));
    SN_TRY(sn_alloc(&state->scratch, scratch, sizeof(float), "scorer state"));
    SN_TRY(sn_alloc(&state->scans, SN_SCANS * scorer->patches, scorer->embedding * sn_type_size(scorer->type), "scorer state"));
    if (scorer->type != SN_TYPE_F32)
        SN_TRY(sn_alloc(&state->rounded, scorer->patches, 2 * scorer->channels * sizeof *state->rounded, "scorer state"));
    SN_TRY(sn_alloc(&state->hidden, scorer->patches, row, "scorer state"));
    if (scorer->prior.stages.count > 0)
        SN_TRY(sn_alloc(&state->sizes, scorer->patches, sizeof *state->sizes, "scorer state"));
    return sn_alloc(&state->order, SN_SCANS * scorer->hard, sizeof *state->order, "scorer state");
}

static snarm_status create_state(void **out, const void *owner) {
    scorer_state *state;
    SN_TRY(sn_alloc_zeroed(&state, 1, sizeof *state, "scorer state"));
    snarm_status status = fill_state(state, owner);
    if (status != SNARM_OK) {
        destroy_state(state);
        return status;
    }
    *out = state;
    return SNARM_OK;
}

/* The branches' embeddings as one product. */
static snarm_status make_embedding(snarm_scorer *scorer, const sn_scorer_weights *weights) {
    const size_t inner = 2 * scorer->channels, embedding = scorer->embedding,
                 columns = scorer->branch_count * embedding;
    float *all = NULL, *bias = NULL;
    snarm_status status = sn_alloc(&all, columns, inner * sizeof *all, "scorer weights");
    if (status == SNARM_OK)
        status = sn_alloc(&bias, columns, sizeof *bias, "scorer weights");
    if (status == SNARM_OK) {
        for (size_t b = 0; b < scorer->branch_count; b++) {
            memcpy(all + b * embedding * inner, weights->embed_weight[b], embedding * inner * sizeof *all);
            memcpy(bias + b * embedding, weights->embed_bias[b], embedding * sizeof *bias);
        }
        const sn_gemm_shape shape = {.rows = scorer->patches, .inner = inner, .columns = columns, .type = scorer->type};
        status = sn_linear_create(&scorer->embed, &shape, all, bias);
    }
    sn_free(all);
    sn_free(bias);
    return status;
}

static snarm_status make_gain(snarm_scorer *scorer, const float *coverage) {
    if (coverage == NULL || scorer->prior.border == 0)
        return SNARM_OK;
    SN_TRY(sn_alloc(&scorer->gain, scorer->patches, sizeof *scorer->gain, "scorer"));
    sn_prior_gain(coverage, scorer->patches, scorer->prior.border, scorer->gain);
    return SNARM_OK;
}

static snarm_status make_layers(snarm_scorer *scorer, const sn_scorer_weights *weights) {
    SN_TRY(sn_alloc(&scorer->navigator_weight, scorer->channels, sizeof(float), "navigator weights"));
    memcpy(scorer->navigator_weight, weights->navigator_weight, scorer->channels * sizeof(float));
    scorer->navigator_bias = weights->navigator_bias[0];
    SN_TRY(make_embedding(scorer, weights));
    for (size_t b = 0; b < scorer->branch_count; b++) {
        const sn_branch_options options = {.grid_width = scorer->grid_width,
                                           .grid_height = scorer->grid_height,
                                           .embedding = scorer->embedding,
                                           .depth = scorer->depth,
                                           .hard = scorer->hard,
                                           .blocks = weights->blocks + b * scorer->depth,
                                           .norm_weight = weights->norm_weight[b],
                                           .norm_bias = weights->norm_bias[b],
                                           .type = scorer->type};
        SN_TRY(sn_branch_create(&scorer->branches[b], &options));
        for (size_t scan = 0; scan < SN_SCANS; scan++)
            SN_TRY(sn_head_create(&scorer->heads[b * SN_SCANS + scan], &weights->heads[b * SN_SCANS + scan],
                                  scorer->grid_width, scorer->grid_height, scorer->type));
    }
    return sn_pool_create(&scorer->pool, create_state, destroy_state, scorer);
}

snarm_status sn_scorer_create_from_weights(snarm_scorer **out, const sn_scorer_weights *weights,
                                           const snarm_scorer_options *options) {
    *out = NULL;
    snarm_scorer_options checked;
    SN_TRY(read_options(&checked, options));
    SN_TRY(sn_check_coverage(checked.coverage, (size_t)checked.grid_width * (size_t)checked.grid_height, "snarm_scorer_create"));
    sn_type type;
    const char *note;
    SN_TRY(sn_type_choose(&type, checked.precision, "snarm_scorer_create", &note));
    snarm_scorer *scorer;
    SN_TRY(sn_alloc_zeroed(&scorer, 1, sizeof *scorer, "scorer"));
    scorer->type = type, scorer->precision_note = note;
    scorer->grid_width = (size_t)checked.grid_width, scorer->grid_height = (size_t)checked.grid_height;
    scorer->patches = scorer->grid_width * scorer->grid_height;
    scorer->reference_ratio = checked.reference_ratio != 0    ? checked.reference_ratio
                              : weights->reference_ratio != 0 ? weights->reference_ratio
                                                              : 0.75;
    scorer->residual_scale = weights->residual_scale != 0 ? weights->residual_scale : 1;
    scorer->prior = weights->prior, scorer->neighbours = weights->neighbours;
    scorer->hard = scorer->patches - sn_reference_count(scorer->reference_ratio, scorer->patches);
    scorer->channels = weights->channels, scorer->embedding = weights->embedding;
    scorer->branch_count = weights->branches, scorer->depth = weights->depth;
    scorer->threads = sn_threads_resolve(checked.threads);
    int former = sn_threads_enter(scorer->threads);
    snarm_status status = make_gain(scorer, checked.coverage);
    if (status == SNARM_OK)
        status = make_layers(scorer, weights);
    sn_threads_leave(former);
    if (status != SNARM_OK) {
        snarm_scorer_destroy(scorer);
        return status;
    }
    *out = scorer;
    return SNARM_OK;
}

snarm_status sn_scorer_create_from(snarm_scorer **out, const sn_safetensors *file, const char *prefix,
                                   const snarm_scorer_options *options) {
    *out = NULL;
    sn_scorer_weights *weights;
    SN_TRY(sn_scorer_weights_load(&weights, file, prefix));
    snarm_status status = sn_scorer_create_from_weights(out, weights, options);
    sn_scorer_weights_destroy(weights);
    return status;
}

snarm_status snarm_scorer_create(snarm_scorer **out, const char *path, const snarm_scorer_options *options) {
    if (out == NULL || path == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_scorer_create: %s is NULL",
                        out == NULL ? "out" : "path");
    *out = NULL;
    sn_safetensors *file;
    SN_TRY(sn_safetensors_open(&file, path));
    snarm_status status = sn_scorer_create_from(out, file, "", options);
    sn_safetensors_close(file);
    return status;
}

void snarm_scorer_destroy(snarm_scorer *scorer) {
    if (scorer == NULL)
        return;
    sn_pool_destroy(scorer->pool);
    sn_linear_destroy(scorer->embed);
    for (size_t b = 0; b < scorer->branch_count; b++)
        sn_branch_destroy(scorer->branches[b]);
    for (size_t i = 0; i < scorer->branch_count * SN_SCANS; i++)
        sn_head_destroy(scorer->heads[i]);
    sn_free(scorer->navigator_weight);
    sn_free(scorer->gain);
    sn_free(scorer);
}

snarm_status snarm_scorer_get_info(const snarm_scorer *scorer, snarm_scorer_info *info) {
    if (scorer == NULL || info == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_scorer_get_info: %s is NULL",
                        scorer == NULL ? "scorer" : "info");
    SN_TRY(sn_options_check(info->struct_size, offsetof(snarm_scorer_info, precision), "snarm_scorer_info"));
    const snarm_scorer_info full = {.struct_size = sizeof full,
                                    .grid_width = (int32_t)scorer->grid_width,
                                    .grid_height = (int32_t)scorer->grid_height,
                                    .channels = (int32_t)scorer->channels,
                                    .embedding = (int32_t)scorer->embedding,
                                    .branches = (int32_t)scorer->branch_count,
                                    .scans = SN_SCANS,
                                    .depth = (int32_t)scorer->depth,
                                    .maps = (int32_t)(scorer->branch_count * SN_SCANS),
                                    .reference_ratio = scorer->reference_ratio,
                                    .residual_scale = scorer->residual_scale,
                                    .neighbours = scorer->neighbours,
                                    .prior_slope = scorer->prior.slope,
                                    .prior_centre = scorer->prior.centre,
                                    .prior_border = scorer->prior.border,
                                    .prior_stages = scorer->prior.stages.count,
                                    .precision = scorer->type == SN_TYPE_BF16 ? SNARM_PRECISION_BF16 : SNARM_PRECISION_F32,
                                    .precision_note = scorer->precision_note};
    sn_options_write(info, &full, sizeof full);
    return SNARM_OK;
}

snarm_status snarm_scorer_navigator(const snarm_scorer *scorer, const float **weight, float *bias) {
    if (scorer == NULL || weight == NULL || bias == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_scorer_navigator: %s is NULL",
                        scorer == NULL   ? "scorer"
                        : weight == NULL ? "weight"
                                         : "bias");
    *weight = scorer->navigator_weight;
    *bias = scorer->navigator_bias;
    return SNARM_OK;
}

typedef struct rounding {
    const snarm_scorer *scorer;
    const float *hybrid;
    uint16_t *rounded;
} rounding;

static void round_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const rounding *work = context;
    const size_t row = 2 * work->scorer->channels;
    sn_simd_table()->scale_bf16(work->hybrid + begin * row, 1, (end - begin) * row, work->rounded + begin * row);
}

static snarm_status embed(const snarm_scorer *scorer, scorer_state *state, const float *hybrid) {
    if (scorer->type == SN_TYPE_F32)
        return sn_linear_run(scorer->embed, state->stream, hybrid, state->embedded);
    rounding work = {scorer, hybrid, state->rounded};
    sn_parallel(scorer->patches, 16, round_rows, &work);
    return sn_linear_run(scorer->embed, state->stream, state->rounded, state->embedded);
}

static void add_residual_prior(const snarm_scorer *scorer, scorer_state *state, const float *hybrid, float *logits) {
    const sn_prior *prior = &scorer->prior;
    if (prior->stages.count == 0)
        return;
    sn_residual_sizes(&prior->stages, hybrid, 2 * scorer->channels, scorer->patches, scorer->channels, state->sizes);
    sn_prior_add(prior, state->sizes, scorer->gain, scorer->patches, scorer->branch_count * SN_SCANS, logits);
}

static snarm_status run(const snarm_scorer *scorer, scorer_state *state, const float *hybrid,
                        const uint8_t *reference, float *logits) {
    static const char function[] = "snarm_scorer_logits";
    const size_t patches = scorer->patches, embedding = scorer->embedding;
    SN_TRY(sn_check_finite(hybrid, patches, 2 * scorer->channels, function, "hybrid"));
    for (size_t i = 0; i < patches; i++)
        if (reference[i] > 1)
            return sn_error(SNARM_ERROR_ARGUMENT, "%s: reference[%zu] is %d, expected 0 or 1", function, i,
                            reference[i]);
    size_t hard =
        sn_scan_orders(reference, scorer->grid_width, scorer->grid_height, scorer->hard, state->order);
    if (hard != scorer->hard)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: reference has %zu zeros, expected %zu", function, hard,
                        scorer->hard);
    SN_TRY(embed(scorer, state, hybrid));
    for (size_t b = 0; b < scorer->branch_count; b++) {
        SN_TRY(sn_branch_run(scorer->branches[b], state->stream, state->embedded + b * embedding,
                             scorer->branch_count * embedding, state->order, state->scratch, state->scans));
        for (size_t scan = 0; scan < SN_SCANS; scan++)
            SN_TRY(sn_head_run(scorer->heads[b * SN_SCANS + scan], state->stream,
                               state->scans + scan * patches * embedding * sn_type_size(scorer->type), state->hidden,
                               logits + (b * SN_SCANS + scan) * patches));
    }
    add_residual_prior(scorer, state, hybrid, logits);
    return SNARM_OK;
}

snarm_status snarm_scorer_logits(const snarm_scorer *scorer, const float *hybrid, const uint8_t *reference,
                                 float *logits) {
    if (scorer == NULL || hybrid == NULL || reference == NULL || logits == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_scorer_logits: %s is NULL",
                        scorer == NULL      ? "scorer"
                        : hybrid == NULL    ? "hybrid"
                        : reference == NULL ? "reference"
                                            : "logits");
    void *taken;
    SN_TRY(sn_pool_take(scorer->pool, &taken));
    int former = sn_threads_enter(scorer->threads);
    snarm_status status = run(scorer, taken, hybrid, reference, logits);
    sn_threads_leave(former);
    sn_pool_give(scorer->pool, taken);
    return status;
}

snarm_status snarm_scorer_add_prior(const snarm_scorer *scorer, const float *distances, float *logits) {
    if (scorer == NULL || distances == NULL || logits == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_scorer_add_prior: %s is NULL",
                        scorer == NULL      ? "scorer"
                        : distances == NULL ? "distances"
                                            : "logits");
    if (scorer->prior.stages.count == 0)
        sn_prior_add(&scorer->prior, distances, scorer->gain, scorer->patches, scorer->branch_count * SN_SCANS, logits);
    return SNARM_OK;
}
