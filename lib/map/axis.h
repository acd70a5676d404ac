/* Where the samples of a resized line lie in the old one. */
#ifndef SN_MAP_AXIS_H
#define SN_MAP_AXIS_H

#include "core/status.h"

#include <stdint.h>

enum { SN_MAP_SIDE_MAX = 65536 };

/* Sample i is old[lower[i]] + weight[i] * (old[upper[i]] - old[lower[i]]). */
typedef struct sn_axis {
    int32_t *lower, *upper;
    float *weight;
} sn_axis;

typedef enum sn_alignment {
    SN_ALIGN_CORNERS,  /* the first and last samples fall on the first and last old ones */
    SN_ALIGN_HALF_PIXEL /* the borders of the pixels' squares fall on each other; beyond the centres the outermost value */
} sn_alignment;

snarm_status sn_axis_create(sn_axis *out, int32_t from, int32_t to, sn_alignment alignment);
void sn_axis_destroy(sn_axis *axis);

/* SNARM_ERROR_ARGUMENT unless both are 1..SN_MAP_SIDE_MAX; names are of the form "map" for map's width and height. */
snarm_status sn_check_sides(const char *function, const char *name, int32_t width, int32_t height);

#endif
