/* The light that all pictures of a detector are brought to. */
#include "fit/fit.h"

#include <stdlib.h>
#include <string.h>

enum { PICTURES = 100 };

static int rising(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static snarm_status light_of(const snarm_image_source *images, size_t picture, double *light) {
    snarm_image image;
    memset(&image, 0, sizeof image);
    SN_TRY(images->load(images->user, picture, &image));
    snarm_status status = snarm_image_light(&image, light);
    if (images->release != NULL)
        images->release(images->user, &image);
    return status == SNARM_OK ? SNARM_OK : sn_error_prefix(status, "picture %zu", picture);
}

/* The median of pictures spread over all of them: each costs a file's decoding. */
snarm_status sn_fit_light(snarm_detector *d, const snarm_image_source *images, double share) {
    double lights[PICTURES];
    const size_t count = images->count < PICTURES ? images->count : PICTURES;
    for (size_t i = 0; i < count; i++)
        SN_TRY(light_of(images, i * images->count / count, &lights[i]));
    qsort(lights, count, sizeof *lights, rising);
    d->recipe.light = (sn_light){lights[count / 2], share};
    if (d->recipe.light.level > 0)
        return SNARM_OK;
    return sn_error(SNARM_ERROR_ARGUMENT, "snarm_fit_options: even_light is set, but most pixels of the good pictures are black");
}
