/* Products of any number of rows with weights packed once: tiles of a few fixed sizes, so that nothing is created while
 * searching and little is computed for nothing. */
#ifndef SN_BANK_ROW_TILES_H
#define SN_BANK_ROW_TILES_H

#include "kernel/gemm.h"

enum {
    SN_ROW_TILE = 256,
    SN_ROW_TILE_SIZES = 5 /* 256, 128, 64, 32, 16: any number of rows is covered with little waste */
};

typedef struct sn_row_tile {
    size_t rows;
    sn_gemm *gemm;
} sn_row_tile;

typedef struct sn_row_tiles {
    sn_row_tile sizes[SN_ROW_TILE_SIZES]; /* largest first; all share packed weights */
    int count;
    sn_type type;
    size_t inner, columns;
} sn_row_tiles;

/* Of products of rows of inner values with (columns, inner) weights of that type, and a bias; results are f32. They are run by one
 * thread each. On failure what was made is undone by sn_row_tiles_release, which is harmless with zeroes. */
snarm_status sn_row_tiles_create(sn_row_tiles *tiles, sn_type type, size_t inner, size_t columns);
void sn_row_tiles_release(sn_row_tiles *tiles);

/* The largest tile that the remaining rows fill, or the smallest for a rest. */
const sn_row_tile *sn_row_tiles_choose(const sn_row_tiles *tiles, size_t remaining);

/* One tile's product: of the first min(remaining, tile->rows) rows of src; a rest is copied to padded (SN_ROW_TILE, inner) first. dst
 * (tile->rows, columns): rows past the rest are written too and mean nothing. *rows: how many rows it covered. */
snarm_status sn_row_tiles_run(const sn_row_tiles *tiles, sn_stream *stream, const void *src, size_t remaining, const void *packed,
                              const float *bias, void *padded, float *dst, size_t *rows);

#endif
