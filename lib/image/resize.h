/* Bilinear resizing with half-pixel centres and without antialias: of 8-bit pictures row by row, and of
 * planes. */
#ifndef SN_IMAGE_RESIZE_H
#define SN_IMAGE_RESIZE_H

#include "image/picture.h"

/* A window of a resized picture, computed from the top row down; nothing outside the window is computed.
 * The rule is that of OpenCV's INTER_LINEAR for 8-bit pictures, to the bit:
 *   a target pixel d lies at x = (float)((d + 0.5) * source / target - 0.5), i = floor(x), f = x - i;
 *   weights a = round((1 - f) * 2048), b = round(f * 2048), halves to even;
 *   along x  h = (p[i] * a + p[i + 1] * b) >> 4, and beyond the first and last column f is 0;
 *   along y  (((h[i] * a) >> 16) + ((h[i + 1] * b) >> 16) + 2) >> 2; rows beyond the edge are the edge's. */
typedef struct sn_resizer {
    const snarm_image *image;
    int32_t channels;  /* 1 for grey pictures, 3 (red, green, blue) for all others */
    int32_t width;     /* of the window */
    int32_t top;       /* of the window, in the resized picture */
    double scale_y;    /* source rows a target row */
    ptrdiff_t next;    /* bytes from a source pixel to its right neighbour; 0 if there is only one column */
    void *block;       /* the memory of what follows, if it is the resizer's; else NULL */
    int32_t *offset;   /* width: bytes from a source row's start to the left of the two pixels that count */
    int16_t *weights;  /* 2 * width: of the left and of the right pixel */
    int16_t *rows[2];  /* channels * width each: source rows resized along x, planar */
    int32_t row_of[2]; /* the source row that rows[i] holds, -1: none */
} sn_resizer;

/* Prepares the window of columns left..left + width - 1 and rows from top on of image resized to target_width
 * x target_height. image has passed sn_image_check and stays valid while the resizer is used; the window lies
 * inside; name stands in errors. */
snarm_status sn_resizer_create(sn_resizer *resizer, const snarm_image *image, int32_t target_width,
                               int32_t target_height, int32_t left, int32_t top, int32_t width,
                               const char *name);
/* The same in the caller's memory, of sn_resizer_scratch bytes for the window's width and aligned as malloc's; nothing is to be freed. */
size_t sn_resizer_scratch(int32_t width);
void sn_resizer_create_in(sn_resizer *resizer, void *scratch, const snarm_image *image, int32_t target_width,
                          int32_t target_height, int32_t left, int32_t top, int32_t width);

/* Row y of the window, 0 at its top, planar: channels * width bytes. Fastest with rising y. */
void sn_resizer_row(sn_resizer *resizer, int32_t y, uint8_t *planes);

void sn_resizer_free(sn_resizer *resizer);

/* A plane of sw x sh floats (rows from the top, no gaps) to dw x dh, all sizes at least 1: as PyTorch's
 * interpolate with mode="bilinear", align_corners=False. src and dst must not overlap. Fails only with
 * SNARM_ERROR_MEMORY. */
snarm_status sn_resize_plane(const float *src, int32_t sw, int32_t sh, float *dst, int32_t dw, int32_t dh);

#endif
