/* Textures that fill synthetic defects. */
#ifndef SN_FIT_TEXTURES_H
#define SN_FIT_TEXTURES_H

#include "snarm/detector.h"

/* The pictures of a source (NULL: none), as RGB, shrunk where a side is longer than side. Released with
 * sn_textures_release, also after a failure. */
typedef struct sn_textures {
    snarm_image *images;
    size_t count;
} sn_textures;
snarm_status sn_textures_load(sn_textures *textures, const snarm_image_source *source, int32_t side);
void sn_textures_release(sn_textures *textures);

#endif
