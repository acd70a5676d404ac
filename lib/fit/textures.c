#include "fit/textures.h"

#include "core/memory.h"
#include "image/picture.h"

#include <string.h>

/* A copy of the library's own. */
static snarm_status keep(snarm_image *out, const snarm_image *image, int32_t side) {
    const int32_t longest = image->width > image->height ? image->width : image->height;
    const double shrink = longest > side ? (double)side / longest : 1;
    snarm_preprocess how = {.width = (int32_t)(image->width * shrink), .height = (int32_t)(image->height * shrink)};
    how.width = how.width > 0 ? how.width : 1, how.height = how.height > 0 ? how.height : 1;
    how.resize_width = how.width, how.resize_height = how.height;
    for (int c = 0; c < 3; c++)
        how.std[c] = 1;
    snarm_image kept;
    SN_TRY(sn_image_allocate(&kept, how.width, how.height, SNARM_RGB8, "texture"));
    float *planes; /* not wanted, but part of the same pass */
    snarm_status status = sn_alloc(&planes, (size_t)how.width * (size_t)how.height, 3 * sizeof *planes, "texture");
    if (status == SNARM_OK)
        status = snarm_image_preprocess(image, &how, planes, kept.owned);
    sn_free(planes);
    if (status != SNARM_OK) {
        snarm_image_release(&kept);
        return status;
    }
    *out = kept;
    return SNARM_OK;
}

static snarm_status load(sn_textures *textures, const snarm_image_source *source, size_t index, int32_t side) {
    snarm_image image;
    memset(&image, 0, sizeof image);
    SN_TRY(source->load(source->user, index, &image));
    snarm_status status = keep(&textures->images[textures->count], &image, side);
    if (source->release != NULL)
        source->release(source->user, &image);
    textures->count += status == SNARM_OK;
    return status;
}

snarm_status sn_textures_load(sn_textures *textures, const snarm_image_source *source, int32_t side) {
    *textures = (sn_textures){NULL, 0};
    if (source == NULL || source->count == 0)
        return SNARM_OK;
    SN_TRY(sn_alloc_zeroed(&textures->images, source->count, sizeof *textures->images, "textures"));
    for (size_t i = 0; i < source->count; i++) {
        snarm_status status = load(textures, source, i, side);
        if (status != SNARM_OK)
            return sn_error_prefix(status, "texture %zu", i);
    }
    return SNARM_OK;
}

void sn_textures_release(sn_textures *textures) {
    for (size_t i = 0; i < textures->count; i++)
        snarm_image_release(&textures->images[i]);
    sn_free(textures->images);
    *textures = (sn_textures){NULL, 0};
}
