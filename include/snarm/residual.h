/* libsnarm: the residual engine: how far each patch is from the nearest normal patches (inter-residual), which patches of the
 * image itself look normal (navigator, reference set), and how far each patch is from those (intra-residual).
 *
 * With f_i the feature of patch i, C channels, N patches:
 *   inter      r_i = mean of the k nearest bank vectors - f_i
 *   phi(r)     concatenate |r| and r^2 (2C values), average neighbouring pairs -> C values
 *   navigator  u_i = sigmoid(w . phi(r_i) + b),  waypoint s_i = u_i + mean over channels of phi(r_i)
 *   reference  the round(ratio * N) patches (half to even) of smallest s; ties to the earlier patch. The others are "hard"
 *   intra      q_i = f_nn - f_i, nn the nearest reference patch other than i itself
 *   hybrid     h_i = [phi(r_i), phi(q_i)], 2C values
 */
#ifndef SNARM_RESIDUAL_H
#define SNARM_RESIDUAL_H

#include "snarm/bank.h"
#include "snarm/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A residual engine for one grid. Immutable: any number of threads may use one at the same time. */
typedef struct snarm_residual snarm_residual;

/* Initialise with snarm_residual_options_init; zero means default. */
typedef struct snarm_residual_options {
    size_t struct_size;
    int32_t patches;        /* N, the grid's width * height; required; 2..1,048,576 */
    int32_t channels;       /* C; required; even, 2..4,096 */
    int32_t neighbours;     /* k; default 3; 1..64 */
    double reference_ratio; /* rho; default 0.75; above 0, below 1, and at least 2 patches in the reference set */
    double scale;           /* both residuals are multiplied by it before phi; default 1; 1e-18..1e18 */
    int32_t threads;        /* default 0: snarm_default_threads(); 1..64 */
} snarm_residual_options;
static inline void snarm_residual_options_init(snarm_residual_options *options) {
    snarm_options_clear(options, sizeof *options);
}

/* An engine with a navigator's weights.
 *   out           the handle; NULL on failure; destroyed with snarm_residual_destroy
 *   weight, bias  the navigator's: C floats and one, copied; from snarm_scorer_navigator
 *   options       not NULL: patches and channels are required */
SNARM_API snarm_status snarm_residual_create(snarm_residual **out, const float *weight, float bias,
                                             const snarm_residual_options *options);
SNARM_API void snarm_residual_destroy(snarm_residual *engine);

/* The inter-residual of every patch.
 *   features  (N, C) floats
 *   exclude   image index whose bank vectors are passed over (leave-one-image-out), or -1
 *   inter     (N, C) floats, not scaled
 * SNARM_ERROR_MISMATCH if the bank's channels are not the engine's; SNARM_ERROR_ARGUMENT if a feature is not
 * finite or the bank has fewer than k vectors that are not excluded. */
SNARM_API snarm_status snarm_residual_inter(const snarm_residual *engine, const snarm_bank *bank, const float *features,
                                            int32_t exclude, float *inter);

/* From features and inter-residual to the hybrid residual.
 *   features, inter  (N, C) floats
 *   hybrid     (N, 2C) floats
 *   reference  (N) bytes: 1 on the reference set, 0 on hard patches
 *   navigator  (N) floats u, or NULL
 * SNARM_ERROR_ARGUMENT if a value is not finite, or so large that its square is not; hybrid's content is then
 * undefined. Any number of threads may call this and snarm_residual_inter on one engine at the same time; results
 * do not depend on that. */
SNARM_API snarm_status snarm_residual_hybrid(const snarm_residual *engine, const float *features, const float *inter,
                                             float *hybrid, uint8_t *reference, float *navigator);

#ifdef __cplusplus
}
#endif
#endif
