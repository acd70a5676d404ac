/* The image score, with its memory kept between calls. */
#ifndef SN_MAP_SCORE_H
#define SN_MAP_SCORE_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

enum { SN_SCORE_WINDOW = 16, SN_SCORE_WINDOW_MAX = 4096 }; /* the published one, and the largest, pixels */
/* The window of trained models for maps of a network's input of these sides, even: as much of the part as 28 pixels show at 224, about as far
 * as one patch that differs is seen in a map of 3 x 3 means. Where few pictures were learnt from, good parts differ from them over wide places,
 * which large windows add up: it is 16 pixels at 224 for 8 pictures, 3 more for each doubling up to 128. Never less than the published one
 * (docs/training.md). */
int32_t sn_score_window(int32_t width, int32_t height, int32_t pictures);
/* How much of what a map of distances' floor has above the usual one trained models take from its largest window: where few pictures were
 * learnt from, the whole map of a part that they do not show lies higher. 1 for 8 pictures, 1/4 less for each doubling, 0 from 128 on
 * (docs/training.md). */
double sn_score_floor(int32_t pictures);

/* Doubles of scratch memory that a map of this width needs. */
size_t sn_map_score_scratch(int32_t width);
/* As snarm_map_score, with another window, even, of a map whose sides were checked; x and y may be NULL. */
snarm_status sn_map_score(const float *map, int32_t width, int32_t height, int32_t window, double *scratch, float *score, int32_t *x, int32_t *y);
/* The floor of a map: its smallest value. */
float sn_map_floor(const float *map, size_t pixels);

#endif
