/* How the image score is made of the trained map's score and the distance's. */
#ifndef SN_TRAIN_SCORE_SHARE_H
#define SN_TRAIN_SCORE_SHARE_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct sn_score_share {
    double share, full; /* score = share * map + (1 - share) * distance / full */
} sn_score_share;

/* From held-out samples: scores of their maps, and of their maps of distances; labels 0 good, 1 defective. full is twice the median
 * distance of the good ones; the share is the one of a few that tells both kinds apart best. All are small: a trained map tells
 * better than distances where a defect is, but not whether there is one, where defects are of other kinds than the
 * synthetic ones (docs/training.md). */
snarm_status sn_score_share_choose(sn_score_share *out, const float *map_scores, const float *distance_scores,
                                   const uint8_t *labels, size_t count);

#endif
