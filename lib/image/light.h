/* Pictures brought to one light: multiplied so that their medians agree. What the light does to a whole picture is then no difference
 * between pictures; what differs within one stays. */
#ifndef SN_IMAGE_LIGHT_H
#define SN_IMAGE_LIGHT_H

#include "image/picture.h"

#include <stddef.h>

/* What pictures are brought to: to level, 0..1, with share 1, and less far, 0..1 of the logarithms' difference, with less. Level 0: they
 * are taken as they are. */
typedef struct sn_light {
    double level, share;
} sn_light;

/* What a picture of light own, 0..1, is multiplied by to come to that light: (level / own)^share. At most 4 times as much or as little:
 * what is darker or brighter than that is no light of the same part. A black picture stays black. */
double sn_light_factor(sn_light light, double own);
/* The light of a picture of planes (3, pixels), 0..1: snarm_image_light of it. */
double sn_light_of_planes(const float *planes, size_t pixels);

/* What each sample of the picture, resized or not, becomes in that light: levels (256), times the factor of its own light. The picture
 * is a checked one. */
void sn_light_levels(const snarm_image *image, sn_light light, uint8_t levels[256]);

#endif
