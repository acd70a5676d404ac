/* From the groups' rows of channels to patch features: neighbourhood means, channel pooling, a common grid.
 *
 * All three are linear and act on different axes, so they commute. Pooling comes first: it shrinks the rows that the others
 * work on, and the two poolings (to 1,024 a group, then of all groups to C) become one sum over a few channels. */
#ifndef SN_BACKBONE_FEATURES_H
#define SN_BACKBONE_FEATURES_H

#include "backbone/network.h"

typedef struct sn_features sn_features;

/*   channels       C, or 0: the groups' channels concatenated as they are
 *   neighbourhood  side of the square, odd
 *   columns, rows  of the features' grid */
snarm_status sn_features_create(sn_features **out, const sn_group *groups, size_t group_count, size_t channels,
                                size_t neighbourhood, size_t columns, size_t rows);
void sn_features_destroy(sn_features *features);
size_t sn_features_channels(const sn_features *features);
/* Floats of memory that a run needs. */
size_t sn_features_memory(const sn_features *features);
/* The features' channels, group after group: channels (group_count of the create call). A channel that two groups give a share of is the
 * earlier one's. */
void sn_features_stages(const sn_features *features, int32_t *channels);
/* coverage (rows * columns): the share of a position's square that lies inside the groups' grids, brought to this grid as features are;
 * the mean over the channels. Above 0; 1 away from the borders. */
void sn_features_coverage(const sn_features *features, float *coverage);
/* dst (rows * columns, C). */
void sn_features_run(const sn_features *features, float *const *groups, float *memory, float *dst);

#endif
