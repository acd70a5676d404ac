/* A canvas cut into overlapping tiles, and the maps of the tiles put together to one map of the canvas.
 *
 * Tiles lie in a grid, spread evenly: the first begins where the canvas begins, the last ends where it ends.
 * Between two neighbours the map goes from one to the other along a smooth ramp in the middle of what they
 * share, so the outermost pixels of a tile, which see less around them, count nothing. A pixel is (1 - w) a +
 * w b along x, of two such rows of tiles the same along y: weights are 0 or more and sum to exactly one, a
 * place that all tiles see alike stays what it is, and values stay between those of the tiles. */
#ifndef SN_MAP_TILES_H
#define SN_MAP_TILES_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct sn_tile_axis {
    int32_t length, tile, count; /* pixels of the canvas and of a tile; tiles */
    int32_t ramp;                /* pixels from one tile to the next, 0: none */
    float *weights; /* (ramp), rising: of the later tile; whole multiples of 2^-12, so that products of two
                       are exact */
} sn_tile_axis;

/* Immutable. */
typedef struct sn_tiles {
    sn_tile_axis x, y;
} sn_tiles;

/* Tiles of tile_width x tile_height that cover width x height, neighbours sharing overlap pixels or a few
 * more: as few as that takes. The sides of a tile are at most those of the canvas, and at least 2 * overlap.
 * All sizes are 1 or more, overlap 0 or more. */
snarm_status sn_tiles_create(sn_tiles *tiles, int32_t width, int32_t height, int32_t tile_width,
                             int32_t tile_height, int32_t overlap);
/* Harmless with all zeros. */
void sn_tiles_destroy(sn_tiles *tiles);

static inline size_t sn_tiles_count(const sn_tiles *tiles) {
    return (size_t)tiles->x.count * (size_t)tiles->y.count;
}

/* Where tile i of an axis begins, 0..count-1. */
int32_t sn_tile_start(const sn_tile_axis *axis, int32_t i);

/* Puts the map of a tile in its place. Tiles come in order, rows from the top, each from the left.
 *   map    (tile_height, tile_width)
 *   strip  (tile_height, width) floats of scratch memory, kept between the calls for one canvas
 *   canvas (height, width); all of it is set when the last tile has come */
void sn_tiles_lay(const sn_tiles *tiles, size_t tile, const float *map, float *strip, float *canvas);

#endif
