/* Pictures brought to one light: multiplied so that their medians agree. What the light does to a whole picture is then no difference
 * between pictures; what differs within one stays. */
#ifndef SN_IMAGE_LIGHT_H
#define SN_IMAGE_LIGHT_H

#include "image/picture.h"

/* What each sample of the picture, resized or not, becomes so that its light (snarm_image_light) becomes light, 0..1: levels (256). At most
 * 4 times as much or as little: what is darker or brighter than that is no light of the same part. The picture is a checked one. */
void sn_light_levels(const snarm_image *image, double light, uint8_t levels[256]);

#endif
