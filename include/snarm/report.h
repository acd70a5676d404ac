/* libsnarm: pictures for people: the anomaly map laid over the inspected picture. */
#ifndef SNARM_REPORT_H
#define SNARM_REPORT_H

#include "snarm/image.h"
#include "snarm/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Initialise with snarm_heatmap_options_init; zero means default. */
typedef struct snarm_heatmap_options {
    size_t struct_size;
    float low, high;    /* map values shown as nothing and as the full colour; default: 0 and twice the threshold */
    float threshold;    /* the region of values from here up is outlined; 0: no outline */
    double opacity;     /* of the full colour; default 0.6; 0..1. Small values are more transparent than large ones */
} snarm_heatmap_options;
SNARM_API void snarm_heatmap_options_init(snarm_heatmap_options *options);

/* Draws map in a perceptually uniform colour scale over image, and a line around the anomalous region.
 *   image    the picture that was inspected
 *   map      (image->height, image->width) floats (snarm_detector_map_to_image)
 *   out      an RGB picture of the same size; released with snarm_image_release */
SNARM_API snarm_status snarm_heatmap_render(const snarm_image *image, const float *map,
                                            const snarm_heatmap_options *options, snarm_image *out);

#ifdef __cplusplus
}
#endif
#endif
