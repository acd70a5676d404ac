/* Preprocessing of a part of a picture. */
#ifndef SN_IMAGE_PREPROCESS_H
#define SN_IMAGE_PREPROCESS_H

#include "image/light.h"

/* A part of what snarm_image_preprocess makes: of the crop, not of the whole resized picture. */
typedef struct sn_window {
    int32_t left, top, width, height;
} sn_window;

/* The pixels of snarm_image_preprocess inside a window, which lies inside the crop; NULL: all. Nothing outside is computed.
 *   light   level 0, or that of snarm_image_preprocess_light
 *   planes  3 * height * width floats of the window
 *   rgb     height * width * 3 bytes of it, or NULL */
snarm_status sn_image_preprocess_window(const snarm_image *image, const snarm_preprocess *how, const sn_window *window, sn_light light,
                                        float *planes, uint8_t *rgb);
/* The same without allocating, in scratch memory of so many bytes for the window's width, aligned as malloc's. */
size_t sn_image_preprocess_scratch(int32_t width);
snarm_status sn_image_preprocess_in(const snarm_image *image, const snarm_preprocess *how, const sn_window *window, sn_light light,
                                    void *scratch, float *planes, uint8_t *rgb);

#endif
