/* libsnarm: the self-navigated Mamba scorer: from the hybrid residual to logit maps.
 *
 * For each of four branches (atrous rates 3, 6, 12, 24) and four scan orders of the grid (rows, columns, and both reversed), two Mamba
 * blocks refine the hard patches, and a dilated head gives a logit map. Files hold the tensors of a published checkpoint under its
 * own names (simple_predictor, conv_list, mamba_list, norm_list, head_list); sizes, depth and rates are read from shapes and metadata.
 */
#ifndef SNARM_SCORER_H
#define SNARM_SCORER_H

#include "snarm/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A scorer prepared for one grid. Immutable: any number of threads may use one at the same time. */
typedef struct snarm_scorer snarm_scorer;

/* Initialise with snarm_scorer_options_init; zero means default. */
typedef struct snarm_scorer_options {
    size_t struct_size;
    int32_t grid_width, grid_height; /* patches; required; 2..512 each */
    double reference_ratio; /* rho, must be the residual engine's; default: the file's self_ratio, else 0.75;
                               above 0, below 1 */
    int32_t threads;        /* default 0: snarm_default_threads(); 1..64 */
    int32_t reserved;       /* not read; programs made for 0.1.0 may have anything there */
    int32_t precision;      /* a snarm_precision; default 0: auto; 0..3 */
    const float *coverage;  /* (N) floats of snarm_backbone_coverage, above 0, at most 1; copied. For the prior of a scorer that was
                               trained with one (prior_border above 0); NULL, the default: 1 everywhere */
} snarm_scorer_options;
static inline void snarm_scorer_options_init(snarm_scorer_options *options) {
    snarm_options_clear(options, sizeof *options);
}

/* Loads a scorer file (safetensors) and prepares it for one grid; batch-norm is folded into the heads. Metadata: "scales"
 * holds the atrous rates, one a branch ("3,6,12,24", also what four branches without it have), "self_ratio" rho. */
SNARM_API snarm_status snarm_scorer_create(snarm_scorer **out, const char *path, const snarm_scorer_options *options);
SNARM_API void snarm_scorer_destroy(snarm_scorer *scorer);

/* What the handle is. Set struct_size before the call. */
typedef struct snarm_scorer_info {
    size_t struct_size;
    int32_t grid_width, grid_height; /* patches */
    int32_t channels;       /* C of the features: the hybrid residual has 2C */
    int32_t embedding;      /* D, channels inside the Mamba blocks */
    int32_t branches, scans, depth; /* atrous rates; scan orders, 4; Mamba blocks of a branch */
    int32_t maps;           /* logit maps: branches * scans */
    double reference_ratio; /* rho */
    double residual_scale;  /* with which the residuals it was trained on were scaled: snarm_residual_options.scale; 1 for files that
                               do not say */
    int32_t neighbours;     /* k of those residuals; 0 for files that do not say */
    double prior_slope, prior_centre; /* see snarm_scorer_add_prior; slope 0: none */
    int32_t precision;      /* SNARM_PRECISION_F32 or SNARM_PRECISION_BF16: that of the embedding, the convolutions, the mixers'
                               projections and the heads; the rest is f32 */
    const char *precision_note; /* as in snarm_backbone_info */
    double prior_border;    /* see snarm_scorer_add_prior; 0: none */
    int32_t prior_stages;   /* stages of a prior of residuals (snarm_scorer_logits); 0: it is one of distances (snarm_scorer_add_prior) */
} snarm_scorer_info;
SNARM_API snarm_status snarm_scorer_get_info(const snarm_scorer *scorer, snarm_scorer_info *info);

/* The navigator's weights for snarm_residual_create: *weight has C floats, the handle's, valid as long as it. */
SNARM_API snarm_status snarm_scorer_navigator(const snarm_scorer *scorer, const float **weight, float *bias);

/* Logits of one picture.
 *   hybrid     (N, 2C) floats of snarm_residual_hybrid, N = grid_width * grid_height
 *   reference  (N) bytes, 1 on the reference set; exactly N - round(ratio * N) zeros
 *   logits     (maps, N) floats: map branch * scans + scan, each in image order
 * A scorer that was trained with stages (snarm_train_options; those of a fit are) adds to them what the inter-residuals say by themselves:
 * prior_slope * ln(size / (coverage^prior_border * prior_centre)), within -8..8, where size is the geometric mean over the stages of the root
 * mean square of their channels: each stage counts as much as any other, however large its values.
 * SNARM_ERROR_ARGUMENT if a value of hybrid is not finite or reference is not such a mask.
 * Any number of threads may call it on one handle at the same time; results do not depend on that. */
SNARM_API snarm_status snarm_scorer_logits(const snarm_scorer *scorer, const float *hybrid, const uint8_t *reference,
                                           float *logits);

/* Adds to logits what the distance to the bank says by itself: prior_slope * ln(distance / (coverage^prior_border * prior_centre)),
 * within -8..8. A scorer trained by this library has learnt what is to be added to that; of a published one it does nothing.
 * prior_border is 0.75 where the scorer was trained with a coverage.
 *   distances  (N) floats, 0 or more: the mean distance of each patch to its k nearest bank vectors
 *   logits     (maps, N) floats of snarm_scorer_logits
 * Nothing is added where the prior is one of residuals (prior_stages above 0): snarm_scorer_logits has done that already. */
SNARM_API snarm_status snarm_scorer_add_prior(const snarm_scorer *scorer, const float *distances, float *logits);

#ifdef __cplusplus
}
#endif
#endif
