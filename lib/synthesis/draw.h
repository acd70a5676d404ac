/* Options, checked and read: between options.c and synthesis.c. */
#ifndef SN_SYNTHESIS_DRAW_H
#define SN_SYNTHESIS_DRAW_H

#include "synthesis/parts.h"

enum { SN_SIDE_MIN = 16, SN_SIDE_MAX = 4096 };

snarm_status sn_synthesis_options_check(const sn_synthesis_options *options);

/* How often a pair is drawn, in proportion; 0: never. */
float sn_pair_weight(const sn_synthesis_options *options, int shape, int fill);

#endif
