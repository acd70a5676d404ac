/* libsnarm: all of the public interface.
 *
 * A picture goes through the parts in this order; each has a header of its own, and detector.h puts them behind one call:
 *
 *     image -> backbone -> features -> bank: inter-residual -> residual engine: reference set, hybrid residual
 *           -> scorer: logits -> map, image score
 */
#ifndef SNARM_SNARM_H
#define SNARM_SNARM_H

#include "snarm/status.h"

#include "snarm/image.h"
#include "snarm/depth.h"

#include "snarm/backbone.h"
#include "snarm/bank.h"
#include "snarm/residual.h"
#include "snarm/scorer.h"
#include "snarm/map.h"
#include "snarm/train.h"
#include "snarm/detector.h"
#include "snarm/pipeline.h"

#include "snarm/metrics.h"
#include "snarm/dataset.h"
#include "snarm/report.h"

#endif
