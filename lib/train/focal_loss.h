/* Focal loss on plain logits: the navigator's. */
#ifndef SN_TRAIN_FOCAL_LOSS_H
#define SN_TRAIN_FOCAL_LOSS_H

#include <stddef.h>
#include <stdint.h>

/* The mean of sn_focal (kernel/simd.h) over count logits whose label is not SN_LABEL_IGNORED; 0 if there are
 * none. alpha 0..1, gamma 0..100. gradient (count) receives weight times its derivatives, unless it is NULL.
 * Split over the threads entered; the same bits whatever their number. Not finite where a logit that counts
 * is not. */
double sn_focal_loss(const float *logits, const uint8_t *labels, size_t count, double alpha, double gamma,
                     double weight, float *gradient);

#endif
