/* Small pictures: shrunk by the mean over the area each new pixel covers, never enlarged, and encoded. */
#ifndef SN_REPORT_THUMBNAIL_H
#define SN_REPORT_THUMBNAIL_H

#include "core/bytes.h"
#include "image/picture.h"

/* How large and how good. */
typedef struct sn_thumbnail_size {
    int32_t side; /* the longest, pixels */
    int quality;  /* of JPEG */
} sn_thumbnail_size;

/* All append to *out, which stays as it was on failure; name stands in errors. */

/* A JPEG file of a checked picture of any format. */
snarm_status sn_thumbnail_picture(sn_bytes *out, const snarm_image *image, sn_thumbnail_size size,
                                  const char *name);
/* A JPEG file of a map in the colours of the heat scale, from 0 to high. No NaN. */
snarm_status sn_thumbnail_map(sn_bytes *out, const float *map, int32_t width, int32_t height, float high,
                              sn_thumbnail_size size, const char *name);
/* A PNG file of a mask: white where any pixel below is not 0, so that small defects stay. */
snarm_status sn_thumbnail_mask(sn_bytes *out, const uint8_t *mask, int32_t width, int32_t height,
                               int32_t side, const char *name);

#endif
