/* A filter of the bank search: along a few principal axes of the bank nearly all vectors can be told to be too far away. */
#ifndef SN_BANK_FILTER_H
#define SN_BANK_FILTER_H

#include "bank/cells.h"
#include "bank/row_tiles.h"

enum { SN_FILTER_AXES_MAX = 192 };

/* Orthonormal axes, the longest first. Distances along some of them are never larger than true ones, and the order of the small
 * ones hardly differs. */
typedef struct sn_filter {
    size_t axes, channels;
    float *rotation; /* (axes, C) */
    float *origin;   /* (axes): minus the place on each axis from which distances along it are counted; 0 until it is set */
    sn_row_tiles tiles;
    void *packed;
    sn_cells *cells; /* of the bank along these axes; NULL: none, a query meets all vectors */
    bool integers; /* the recall was measured with 8-bit integers: where a few vectors are far longer than the others, as outlier tokens
                      are, these leave nothing to tell the others apart by, and a tuning in f32 would not have seen it */
    double recall; /* measured share of true neighbours that it finds; 0: not measured */
} sn_filter;

/* Up to most principal axes of the first vectors of (count, channels), by orthogonal iteration on their covariance: rotation
 * (*axes, channels), released with sn_free. */
snarm_status sn_principal_axes(const float *vectors, size_t count, size_t channels, size_t most, size_t *axes,
                               float **rotation);

/* Of the first axes of rotation, which is copied. */
snarm_status sn_filter_create(sn_filter **out, const float *rotation, size_t axes, size_t channels, double recall);
void sn_filter_destroy(sn_filter *filter);

/* dst (count rounded up to whole tiles, axes) = src (count, C) along the axes, from the origin. padded: (SN_ROW_TILE, C). On the calling
 * thread alone. */
snarm_status sn_filter_run(const sn_filter *filter, sn_stream *stream, const float *src, size_t count, float *padded,
                           float *dst);

#endif
