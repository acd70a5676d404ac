/* The loss on logit maps brought to the size of the masks, and its gradient on the grid of the logits. */
#ifndef SN_TRAIN_MAP_LOSS_H
#define SN_TRAIN_MAP_LOSS_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

/* loss = focal_weight * focal + dice_weight * dice, each the mean over the maps, where for a map
 *   focal  is the mean of sn_focal (kernel/simd.h) over the pixels of all images,
 *   dice   is 1 - (2 sum p y + 1) / (sum p + sum y + 1), p = sigmoid(logit), y the mask, over the pixels of
 * all images, or the mean over the images of each one's. Both means, and the sums over all images, are
 * weighted by the images' weights. */
typedef struct sn_map_loss_options {
    double focal_weight, dice_weight; /* 0 up */
    double alpha;                     /* 0..1: the weight of anomalous pixels; others weigh 1 - alpha */
    double gamma;                     /* 0..100; 2 is fastest */
    bool dice_per_image;
} sn_map_loss_options;

typedef struct sn_map_loss_result {
    double total, focal, dice; /* without their weights but for total; not finite where the logits are not */
} sn_map_loss_result;

/* For batch images of maps logit maps of grid_width x grid_height and masks of width x height. Holds memory
 * for a run: one run at a time. */
typedef struct sn_map_loss sn_map_loss;
snarm_status sn_map_loss_create(sn_map_loss **out, int32_t batch, int32_t maps, int32_t grid_width,
                                int32_t grid_height, int32_t width, int32_t height,
                                const sn_map_loss_options *options);
void sn_map_loss_destroy(sn_map_loss *loss);

/* logits (batch, maps, grid_height, grid_width), brought to the masks' size as in snarm_map_from_logits;
 * masks (batch, height, width): 0 normal, 255 ignored, else anomalous; image_weights (batch), finite and from
 * 0 up, NULL for ones. gradient (as logits) receives the derivatives of total; NULL if they are not wanted.
 * Where all weights are 0 or all pixels ignored, losses and gradient are 0. Split over the threads entered;
 * the same bits whatever their number. */
void sn_map_loss_run(sn_map_loss *loss, const float *logits, const uint8_t *masks, const float *image_weights,
                     float *gradient, sn_map_loss_result *result);

#endif
