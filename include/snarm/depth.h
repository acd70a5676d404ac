/* libsnarm: depth pictures, as data sets of three-dimensional parts bring them beside the colour pictures. */
#ifndef SNARM_DEPTH_H
#define SNARM_DEPTH_H

#include "snarm/image.h"
#include "snarm/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A point of space for every pixel. Zero the structure first. */
typedef struct snarm_depth {
    float *points;  /* height * width * 3: x, y, z of each pixel, rows from the top, without gaps; the
                       library's, but may be written to */
    int32_t width;  /* pixels */
    int32_t height; /* pixels */
} snarm_depth;

/* Whether a pixel's point was measured: a hole is 0, 0, 0, or has a coordinate that is infinite or not a
 * number. */
static inline int snarm_depth_is_hole(const float point[3]) {
    /* What is not finite gives no 0 when subtracted from itself. */
    return (point[0] == 0 && point[1] == 0 && point[2] == 0) || !(point[0] - point[0] == 0) ||
           !(point[1] - point[1] == 0) || !(point[2] - point[2] == 0);
}

/* Reads a TIFF file of three channels of 32-bit floating point numbers (x, y, z), as MVTec 3D-AD has them: in
 * strips or tiles, channels together or in planes of their own, classic or BigTIFF, either byte order,
 * uncompressed or packed with LZW, deflate, PackBits, LZMA, Zstandard or LERC, as far as the installed
 * libtiff has these. The values are given as they are in the file, holes included, in the file's unit (MVTec
 * 3D-AD: millimetres). Of several pictures in a file the first is read.
 *   out      filled on success: released with snarm_depth_release; zeroed on failure
 *   path     file name, as fopen takes it; a regular file of at most 1 GiB
 *   options  max_pixels and max_side as for pictures (a point takes 12 bytes); NULL for defaults
 * SNARM_ERROR_IO (cannot be read, or is a folder, pipe or device), _FORMAT (no TIFF file, broken or cut),
 * _UNSUPPORTED (other channels or numbers, over a limit, or a library built without libtiff), _ARGUMENT,
 * _MEMORY. Any number of threads may load at the same time. */
SNARM_API snarm_status snarm_depth_load(snarm_depth *out, const char *path,
                                        const snarm_image_options *options);

/* Frees the points and zeroes the structure. Harmless with NULL. */
SNARM_API void snarm_depth_release(snarm_depth *depth);

/* How a depth picture becomes a relief. Initialise with snarm_relief_options_init; zero means default. */
typedef struct snarm_relief_options {
    size_t struct_size;
    double range;      /* a height, in the file's unit, shown as the brightest; its negative is the darkest; default 0: what
                          99.5% of this picture stay below; above 0 */
    double background; /* heights up to so much over or under the background are flat, and all others come nearer to it by so
                          much, in the file's unit; default 0: the background stays as rough as it is */
} snarm_relief_options;
static inline void snarm_relief_options_init(snarm_relief_options *options) {
    snarm_options_clear(options, sizeof *options);
}

/* A picture of a part's relief, for people, and for networks trained on colour pictures. The background is the plane that
 * most of the picture's border lies on: where the part stood, and how the camera was tilted, do not matter. Red is the
 * height over it, towards the camera: 127.5 + 127.5 * height / range. Green and blue are the slopes s
 * along a row and down a column (of heights smoothed by 5 x 5 pixels): 127.5 + 127.5 * s / (|s| + 0.5). Holes are filled with
 * a smooth continuation of their surroundings. Where x does not change along rows (a map of z alone), a pixel counts as 1 wide.
 *   out      filled on success: an RGB picture of the depth picture's size, released with snarm_image_release; zeroed on failure
 *   depth    the caller's; points beyond 1e12 count as holes
 *   options  NULL for defaults
 * SNARM_ERROR_ARGUMENT; _FORMAT for fewer than 3 measured points; _MEMORY. Any number of threads at the same time. */
SNARM_API snarm_status snarm_depth_relief(snarm_image *out, const snarm_depth *depth,
                                          const snarm_relief_options *options);

#ifdef __cplusplus
}
#endif
#endif
