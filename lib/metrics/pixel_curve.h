/* The curves of the pixels of many maps. */
#ifndef SN_METRICS_PIXEL_CURVE_H
#define SN_METRICS_PIXEL_CURVE_H

#include "metrics/pixel_store.h"
#include "snarm/metrics.h"

/* store and gaps as sn_pixel_store_arrange leaves them; limit and out as in snarm_pixel_metrics_curve. */
snarm_status sn_pixel_curve(const sn_pixel_store *store, const sn_pixel_gap *gaps, size_t limit,
                            snarm_curve *out);

#endif
