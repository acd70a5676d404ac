/* Gaussian smoothing of a map, with its table kept between calls. */
#ifndef SN_MAP_GAUSSIAN_H
#define SN_MAP_GAUSSIAN_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

/* Immutable, for maps of one size. */
typedef struct sn_gaussian sn_gaussian;
/* sigma above 0, at most 64. */
snarm_status sn_gaussian_create(sn_gaussian **out, int32_t width, int32_t height, double sigma);
void sn_gaussian_destroy(sn_gaussian *gaussian);
/* Floats of scratch memory that a run on so many threads needs. */
size_t sn_gaussian_scratch(const sn_gaussian *gaussian, int threads);
/* In place; split over the threads entered, at most as many as the scratch memory is for. */
void sn_gaussian_run(const sn_gaussian *gaussian, float *scratch, float *map);

#endif
