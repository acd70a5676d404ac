/* The plane that most of a set of points lie on, whatever the others do. */
#ifndef SN_IMAGE_PLANE_H
#define SN_IMAGE_PLANE_H

#include "snarm/status.h"

typedef struct sn_plane {
    double normal[3]; /* of length 1, its z not above 0: against a camera's direction of view */
    double offset;    /* normal . p + offset is p's height over the plane */
    double noise;     /* standard deviation of the heights of the points on it */
    double share;     /* of all points given, within 3 noise of it */
} sn_plane;

/* Least median of squares over random triples of points, then the mean square over those within 2.5 standard
 * deviations: right as long as more than half of the points lie on one plane. The same points give the same plane.
 *   points  count * 3 coordinates, finite; count at least 3
 * Points on one line, or all the same, give the plane through them that faces the z axis most. SNARM_ERROR_MEMORY
 * only. */
snarm_status sn_plane_find(sn_plane *plane, const float *points, size_t count);

static inline double sn_plane_height(const sn_plane *plane, const float point[3]) {
    return plane->normal[0] * (double)point[0] + plane->normal[1] * (double)point[1] + plane->normal[2] * (double)point[2] +
           plane->offset;
}

#endif
