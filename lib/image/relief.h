/* From a depth picture to heights over the background, and to a picture that a network can look at. */
#ifndef SN_IMAGE_RELIEF_H
#define SN_IMAGE_RELIEF_H

#include "snarm/depth.h"

/* What a depth picture shows, in its file's unit. */
typedef struct sn_surface {
    double noise;  /* of the points of the border about their plane, standard deviation */
    double border; /* share of the border within 3 noise of the plane */
    double object; /* share of the picture farther than 10 noise from it */
    double range;  /* a height, up or down, that 99.5% of the picture stays below; above 0 */
} sn_surface;

/* SNARM_ERROR_ARGUMENT for a bad depth picture (a size, NULL), SNARM_ERROR_FORMAT where it has fewer than 3 measured
 * points; function begins the sentence. */
snarm_status sn_relief_measure(sn_surface *surface, const snarm_depth *depth, const char *function);

#endif
