/* Depth pictures beside pictures: where they are, and inspecting with them. */
#ifndef DEPTHS_H
#define DEPTHS_H

#include "snarm/detector.h"

#include <stdbool.h>

/* Whether the name is that of a depth picture's file: .tif or .tiff, in any case. */
bool is_depth_path(const char *path);

/* The depth picture of a picture: of FOLDER/rgb/NAME.png it is FOLDER/xyz/NAME.tiff, as in MVTec 3D-AD, of any other, or where
 * that is missing, NAME.tiff beside it; .tif will do too. Where none is there, the first of these, whose loading tells so. The
 * caller's. */
char *depth_path_of(const char *picture);

/* Inspects a picture, with has_depth together with its depth picture.
 *   picture  the picture's path
 *   depth    its depth picture's; NULL: depth_path_of */
snarm_status inspect_part(const snarm_detector *detector, bool has_depth, const snarm_image *image, const char *picture,
                          const char *depth, snarm_result *result, float *map);

#endif
