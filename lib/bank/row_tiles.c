#include "bank/row_tiles.h"

#include "core/threads.h"

#include <string.h>

static snarm_status create(sn_row_tiles *tiles) {
    for (size_t rows = SN_ROW_TILE; tiles->count < SN_ROW_TILE_SIZES; rows /= 2) {
        const sn_gemm_shape shape = {.rows = rows, .inner = tiles->inner, .columns = tiles->columns, .type = tiles->type, .bias = true};
        sn_gemm *gemm;
        SN_TRY(sn_gemm_create(&gemm, &shape));
        if (tiles->count > 0 && !sn_gemm_same_packing(gemm, tiles->sizes[0].gemm)) {
            sn_gemm_destroy(gemm); /* larger tiles serve, with more padding */
            return SNARM_OK;
        }
        tiles->sizes[tiles->count++] = (sn_row_tile){rows, gemm};
    }
    return SNARM_OK;
}

snarm_status sn_row_tiles_create(sn_row_tiles *tiles, sn_type type, size_t inner, size_t columns) {
    *tiles = (sn_row_tiles){.type = type, .inner = inner, .columns = columns};
    const int former = sn_threads_enter(1);
    snarm_status status = create(tiles);
    sn_threads_leave(former);
    return status;
}

void sn_row_tiles_release(sn_row_tiles *tiles) {
    for (int i = 0; i < tiles->count; i++)
        sn_gemm_destroy(tiles->sizes[i].gemm);
    *tiles = (sn_row_tiles){.count = 0};
}

const sn_row_tile *sn_row_tiles_choose(const sn_row_tiles *tiles, size_t remaining) {
    int i = 0;
    while (i < tiles->count - 1 && tiles->sizes[i].rows > remaining)
        i++;
    return &tiles->sizes[i];
}

snarm_status sn_row_tiles_run(const sn_row_tiles *tiles, sn_stream *stream, const void *src, size_t remaining, const void *packed,
                              const float *bias, void *padded, float *dst, size_t *rows) {
    const sn_row_tile *tile = sn_row_tiles_choose(tiles, remaining);
    *rows = remaining < tile->rows ? remaining : tile->rows;
    if (*rows < tile->rows) {
        memcpy(padded, src, *rows * tiles->inner * sn_type_size(tiles->type));
        src = padded; /* rows past the rest hold older values: computed, not looked at */
    }
    return sn_gemm_run(tile->gemm, stream, src, packed, bias, dst);
}
