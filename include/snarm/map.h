/* libsnarm: anomaly maps and image scores, from logits or from distances. */
#ifndef SNARM_MAP_H
#define SNARM_MAP_H

#include "snarm/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Mean over maps of sigmoid(logits brought to width x height, bilinear with aligned corners).
 *   logits   (maps, grid_height, grid_width) floats
 *   map      (height, width) floats in 0..1, not smoothed
 *   threads  0: snarm_default_threads(); 0..64 */
SNARM_API snarm_status snarm_map_from_logits(const float *logits, int32_t maps, int32_t grid_width, int32_t grid_height,
                                             int32_t width, int32_t height, int32_t threads, float *map);

/* Patch values (distances to the bank) brought to width x height, bilinear with half-pixel centres. */
SNARM_API snarm_status snarm_map_from_patches(const float *patches, int32_t grid_width, int32_t grid_height,
                                              int32_t width, int32_t height, int32_t threads, float *map);

/* Gaussian smoothing in place, radius 4 sigma rounded, edges mirrored with the edge pixel repeated.
 *   sigma  pixels; 0 does nothing; at most 64; the paper's is 4 */
SNARM_API snarm_status snarm_map_smooth(float *map, int32_t width, int32_t height, double sigma,
                                        int32_t threads);

/* Puts the rest of a map behind its largest value, in place: how far each value lies below it is multiplied by factor. The largest value,
 * values of 0 and the order of all stay. Detectors do this to pictures above the threshold: map_contrast in snarm_fit_options tells why, and
 * with which factor.
 *   probabilities  1: values are probabilities, 0..1, as of snarm_map_from_logits, and the distance is that of their logits; 0: they are
 *                  0 or more, as of snarm_map_from_patches, and it is that of their logarithms
 *   factor   1..100; 1 does nothing
 *   threads  as in snarm_map_smooth
 * SNARM_ERROR_ARGUMENT, with the map as it was, if a value is out of range or not finite. */
SNARM_API snarm_status snarm_map_contrast(float *map, int32_t width, int32_t height, int32_t probabilities, double factor,
                                          int32_t threads);

/* The image score: the largest mean of a 16 x 16 window, windows 2 pixels apart from the top left, the first
 * of equals; a side of the map shorter than 16 is the window's side. The paper's score is that of the
 * smoothed map.
 *   score  receives the mean
 *   x, y   if not NULL, receive the centre of that window in pixels of the map
 * SNARM_ERROR_ARGUMENT if a value is not finite. */
SNARM_API snarm_status snarm_map_score(const float *map, int32_t width, int32_t height, float *score,
                                       int32_t *x, int32_t *y);

/* The map at another size (that of the camera's picture, say), bilinear with half-pixel centres. dst must not
 * be map. */
SNARM_API snarm_status snarm_map_resize(const float *map, int32_t width, int32_t height, float *dst,
                                        int32_t dst_width, int32_t dst_height);

#ifdef __cplusplus
}
#endif
#endif
