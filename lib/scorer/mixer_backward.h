/* The Mamba mixer for training: its weights change from call to call, and its gradients are computed. */
#ifndef SN_SCORER_MIXER_BACKWARD_H
#define SN_SCORER_MIXER_BACKWARD_H

#include "scorer/mixer.h"

/* The loss's gradients by the weights of the same names, of the same shapes; what is computed is added to
 * them. */
typedef struct sn_mixer_gradients {
    float *in_proj, *conv_weight, *conv_bias, *x_proj, *dt_weight, *dt_bias, *a_log, *skip, *out_proj;
} sn_mixer_gradients;

/* For batch sequences of length steps, both 1 or more, of mixers of these sizes (of sizes, only embedding,
 * states, rank and taps are read): immutable, for any number of layers and streams. The threads entered with
 * at its creation (core/threads.h) share the sequences, so that no more threads work than there are
 * sequences; their number decides the order in which gradients are added up over sequences, and nothing else.
 */
typedef struct sn_mixer_training sn_mixer_training;
snarm_status sn_mixer_training_create(sn_mixer_training **out, const sn_mixer_weights *sizes, size_t batch,
                                      size_t length);
void sn_mixer_training_destroy(sn_mixer_training *mixer);

/* Floats that forward leaves for backward, and floats of scratch memory that either needs; both on a cache
 * line's start. */
size_t sn_mixer_training_kept(const sn_mixer_training *mixer);
size_t sn_mixer_training_scratch(const sn_mixer_training *mixer);

/* src and dst (batch, length, D), each sequence starting from a state of zero. */
snarm_status sn_mixer_training_forward(const sn_mixer_training *mixer, sn_stream *stream,
                                       const sn_mixer_weights *weights, const float *src, float *kept,
                                       float *scratch, float *dst);
/* With the same weights and src, and what forward kept: diff_src, the gradient by src, from diff_dst, that by
 * dst; both (batch, length, D), diff_src written. */
snarm_status sn_mixer_training_backward(const sn_mixer_training *mixer, sn_stream *stream,
                                        const sn_mixer_weights *weights, const float *src, const float *kept,
                                        const float *diff_dst, float *scratch, float *diff_src,
                                        const sn_mixer_gradients *gradients);

#endif
