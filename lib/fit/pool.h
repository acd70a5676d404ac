/* The samples of a training from pictures of good parts: some left good, most with a synthetic defect. */
#ifndef SN_FIT_POOL_H
#define SN_FIT_POOL_H

#include "fit/fit.h"
#include "train/samples.h"

typedef struct sn_fit_pool {
    sn_samples *training, *held_out;
} sn_fit_pool;

/* From source's pictures, or one tile of a picture each, matched with the detector's bank, none with vectors of its own picture where the others leave
 * enough. held_out shows kinds of defects that training does not, on pictures that it does not use where there are enough. */
snarm_status sn_fit_pool_create(sn_fit_pool *pool, snarm_detector *detector, sn_feature_source *source,
                                const snarm_fit_options *options);
void sn_fit_pool_destroy(sn_fit_pool *pool);

#endif
