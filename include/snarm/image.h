/* libsnarm: pictures as the library takes them, reading and writing of image files, and heat maps to look at. */
#ifndef SNARM_IMAGE_H
#define SNARM_IMAGE_H

#include "snarm/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How the 8-bit samples of a pixel lie in memory. Values are fixed. */
typedef enum snarm_pixel_format {
    SNARM_GREY8 = 1, /* one byte; seen by the networks as red = green = blue */
    SNARM_RGB8 = 2,  /* red, green, blue */
    SNARM_BGR8 = 3,  /* blue, green, red, as many cameras and OpenCV deliver */
    SNARM_RGBA8 = 4  /* red, green, blue, alpha; alpha is ignored */
} snarm_pixel_format;

/* A picture in memory: a plain view that the caller fills from a camera buffer, or that snarm_image_load fills.
 * Zero the structure first. The library only reads the pixels, and only during the call they are given to. */
typedef struct snarm_image {
    const uint8_t *pixels;     /* the first byte of the top row; not NULL */
    int32_t width;             /* pixels, 1..65,500 */
    int32_t height;            /* pixels, 1..65,500 */
    ptrdiff_t stride;          /* bytes from one row to the next, at least width * bytes of a pixel;
                                  negative for pictures stored from the bottom up; 0: rows without gaps */
    snarm_pixel_format format; /* see above */
    void *owned;               /* the library's: what snarm_image_release frees; NULL for the caller's own pixels */
} snarm_image;

/* What snarm_image_load accepts. Initialise with snarm_image_options_init; zero means default. */
typedef struct snarm_image_options {
    size_t struct_size;
    int64_t max_pixels;  /* refuse larger pictures before memory is taken; default 100,000,000; 1..4,294,967,296 */
    int32_t max_side;    /* refuse wider or taller ones; default 65,500, which is also the largest; 1..65,500 */
    int32_t ignore_exif; /* 1: leave the picture as stored; default 0: turn it as its EXIF orientation says */
} snarm_image_options;
SNARM_API void snarm_image_options_init(snarm_image_options *options);

/* Reads a PNG (1 to 16 bits, grey, palette, RGB, with or without alpha, interlaced) or JPEG (grey, YCbCr, RGB, CMYK, YCCK)
 * file, told apart by content, not by name. Grey files without colour give SNARM_GREY8, all others SNARM_RGB8; 16-bit samples keep
 * their high byte; alpha is dropped, as the field's training pipelines do.
 *   out      filled on success: released with snarm_image_release; zeroed on failure
 *   path     file name, as fopen takes it
 *   options  NULL for defaults
 * SNARM_ERROR_IO, _FORMAT (broken, cut, or another kind of file), _UNSUPPORTED (over the limits), _MEMORY.
 * Any number of threads may load at the same time. */
SNARM_API snarm_status snarm_image_load(snarm_image *out, const char *path, const snarm_image_options *options);

/* The same from a file's bytes in memory; name stands in error sentences (NULL: "image in memory"). */
SNARM_API snarm_status snarm_image_decode(snarm_image *out, const void *bytes, size_t size, const char *name,
                                          const snarm_image_options *options);

/* Frees what the library holds in *image and zeroes the structure. Harmless with NULL and with the caller's own pixels. */
SNARM_API void snarm_image_release(snarm_image *image);

/* Writes the picture as PNG (grey or RGB; BGR is turned, alpha dropped) through a temporary name beside path, renamed when whole. */
SNARM_API snarm_status snarm_image_save_png(const snarm_image *image, const char *path);

/* How a picture becomes a network's input: resized to resize_width x resize_height (bilinear, half-pixel centres, no antialias,
 * rounded to 8 bits), centre-cropped to width x height, divided by 255, minus mean, divided by std, per channel. */
typedef struct snarm_preprocess {
    int32_t resize_width, resize_height; /* pixels, at least width and height, at most 16,384 */
    int32_t width, height;               /* pixels of the crop, 1..16,384 */
    float mean[3], std[3];               /* red, green, blue, of samples in 0..1; std above 0 */
} snarm_preprocess;

/* Runs it: planes has 3 * height * width floats (red plane, green plane, blue plane; rows from the top), the caller's.
 * rgb, if not NULL, receives the resized and cropped bytes (height * width * 3). */
SNARM_API snarm_status snarm_image_preprocess(const snarm_image *image, const snarm_preprocess *how, float *planes,
                                              uint8_t *rgb);

#ifdef __cplusplus
}
#endif
#endif
