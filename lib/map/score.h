/* The image score, with its memory kept between calls. */
#ifndef SN_MAP_SCORE_H
#define SN_MAP_SCORE_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

/* Doubles of scratch memory that a map of this width needs. */
size_t sn_map_score_scratch(int32_t width);
/* As snarm_map_score, of a map whose sides were checked; x and y may be NULL. */
snarm_status sn_map_score(const float *map, int32_t width, int32_t height, double *scratch, float *score, int32_t *x, int32_t *y);

#endif
