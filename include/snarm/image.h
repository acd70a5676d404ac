/* libsnarm: pictures as the library takes them, reading and writing of image files, and the way from a
 * picture to a network's input. Any number of threads may call any of this at the same time. */
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

/* A picture in memory: a plain view that the caller fills from a camera buffer, or that snarm_image_load
 * fills. Zero the structure first. The library only reads the pixels, and only during the call they are given
 * to. */
typedef struct snarm_image {
    const uint8_t *pixels;     /* the first byte of the top row; not NULL */
    int32_t width;             /* pixels, 1..65,500 */
    int32_t height;            /* pixels, 1..65,500 */
    ptrdiff_t stride;          /* bytes from one row to the next, at least width * bytes of a pixel;
                                  negative for pictures stored from the bottom up; 0: rows without gaps */
    snarm_pixel_format format; /* see above */
    void *owned;               /* the library's: what snarm_image_release frees; NULL: the caller's */
} snarm_image;

/* What snarm_image_load accepts. Initialise with snarm_image_options_init; zero means default. */
typedef struct snarm_image_options {
    size_t struct_size;
    int64_t max_pixels;  /* refuse larger ones before taking memory; 1..4,294,967,296, default 100,000,000 */
    int32_t max_side;    /* refuse wider or taller ones; 1..65,500, default 65,500 */
    int32_t ignore_exif; /* 1: leave the picture as stored; default 0: turn it as its EXIF orientation says */
} snarm_image_options;
static inline void snarm_image_options_init(snarm_image_options *options) {
    snarm_options_clear(options, sizeof *options);
}

/* Reads a PNG file (1 to 16 bits; grey, palette or RGB, with or without alpha, interlaced or not), a JPEG
 * file (grey, YCbCr, RGB, CMYK, YCCK; sequential or progressive) or a BMP file (uncompressed; 1, 4 or 8 bits
 * with a palette, 24 or 32 bits a pixel; from the bottom up or the top down), told apart by content, not by
 * name. Grey files, and BMP files whose palette is grey, give SNARM_GREY8, all others SNARM_RGB8, rows
 * without gaps. 16-bit samples keep their high byte; alpha and transparent colours are dropped, as the
 * field's training pipelines do; CMYK is taken to be stored inverted, as Adobe's programs write it. Colour
 * profiles are not applied. A file that is cut anywhere, or seen to be damaged in its picture is refused,
 * never filled up with grey; malformed EXIF notes alone leave the picture as stored.
 *   out      filled on success: released with snarm_image_release; zeroed on failure
 *   path     file name, as fopen takes it; a regular file of at most 1 GiB
 *   options  NULL for defaults
 * SNARM_ERROR_IO (cannot be read, or is a folder, pipe or device), _FORMAT (empty, broken, cut, or no picture), _UNSUPPORTED (over a limit; or TIFF, GIF,
 * WebP and the like, other kinds of BMP, 12-bit JPEG), _ARGUMENT, _MEMORY. */
SNARM_API snarm_status snarm_image_load(snarm_image *out, const char *path,
                                        const snarm_image_options *options);

/* The same from a file's bytes in memory.
 *   bytes  size bytes, the caller's, not needed after the call
 *   name   stands in error sentences; NULL: "image in memory" */
SNARM_API snarm_status snarm_image_decode(snarm_image *out, const void *bytes, size_t size, const char *name,
                                          const snarm_image_options *options);

/* Frees what the library holds in *image and zeroes the structure. Harmless with NULL and with a picture
 * whose pixels are the caller's. */
SNARM_API void snarm_image_release(snarm_image *image);

/* Writes the picture as an 8-bit PNG file, grey or RGB; alpha is dropped. The file is written under a
 * temporary name in the same folder and renamed: at any moment path names the old file or
 * the whole new one, and a failure leaves nothing behind.
 *   image  the caller's
 *   path   a new name, or a regular file, which is replaced
 * SNARM_ERROR_ARGUMENT, _IO, _MEMORY. */
SNARM_API snarm_status snarm_image_save_png(const snarm_image *image, const char *path);

/* How a picture becomes a network's input: resized to resize_width x resize_height (bilinear, half-pixel
 * centres, no antialias, to 8 bits: byte for byte what OpenCV's INTER_LINEAR gives), cropped to the width x
 * height in its centre (odd differences: the smaller half is cut off at the left and at the top), divided by
 * 255, minus mean, divided by std, per channel. */
typedef struct snarm_preprocess {
    int32_t resize_width, resize_height; /* pixels, at least width and height, at most 16,384 */
    int32_t width, height;               /* pixels of the crop, 1..16,384 */
    float mean[3], std[3];               /* red, green, blue, of samples in 0..1; finite; std above 0 */
} snarm_preprocess;

/* Runs it, on the calling thread.
 *   image   any format and stride; the caller's
 *   how     see above
 *   planes  3 * height * width floats, the caller's: red plane, green plane, blue plane; rows from the top
 *   rgb     height * width * 3 bytes, the caller's: receives the resized and cropped picture; or NULL
 * SNARM_ERROR_ARGUMENT, _MEMORY; planes and rgb are untouched then. */
SNARM_API snarm_status snarm_image_preprocess(const snarm_image *image, const snarm_preprocess *how,
                                              float *planes, uint8_t *rgb);

/* How light a picture is: the median over its pixels of the mean of red, green and blue, 0..1; of a large one over about 65,536 pixels on a
 * grid. A small defect hardly moves it.
 *   light  receives it
 * SNARM_ERROR_ARGUMENT. */
SNARM_API snarm_status snarm_image_light(const snarm_image *image, double *light);

/* snarm_image_preprocess of the picture in another light: after the resize all samples are multiplied by (light / the picture's own)^share,
 * at least 1/4, at most 4, and rounded; what is above 255 then is 255. snarm_detector_info has light and share for its detector's pictures.
 *   light  0..1; 0: the picture as it is
 *   share  0..1; 1: the picture gets that light; 0: it stays as it is */
SNARM_API snarm_status snarm_image_preprocess_light(const snarm_image *image, const snarm_preprocess *how, double light, double share,
                                                    float *planes, uint8_t *rgb);

#ifdef __cplusplus
}
#endif
#endif
