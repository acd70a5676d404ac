/* Small pictures of parts, good and defective, for tests that learn from them. */
#ifndef SN_TESTS_PICTURES_H
#define SN_TESTS_PICTURES_H

#include "core/rng.h"
#include "snarm/image.h"

#include <stdbool.h>

enum { PICTURE_SIDE = 64 };

/* RGB of PICTURE_SIDE squared: stripes whose place and light vary a little; a defect is a patch of another pattern. */
void paint_picture(sn_rng *rng, uint8_t *rgb, bool defect);
/* The picture as the library takes it. */
snarm_image view_picture(const uint8_t *rgb);

#endif
