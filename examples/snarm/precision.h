/* --precision: what is asked for, and what a model, weights, a bank or a scorer are really computed in. */
#ifndef PRECISION_H
#define PRECISION_H

#include "json.h"

#include "snarm/detector.h"

/* What --precision takes, and its names in all output; snarm_precision's own. */
#define PRECISION_CHOICES "f32|bf16|int8|auto"

const char *precision_name(int32_t precision);
/* Of one of the choices. */
int32_t precision_of(const char *name);

/* {"asked", "backbone", "search", "scorer", "note"}: names, null for a part that there is not; the note says which parts are computed
 * in another precision than they might be, and why, "" where there is nothing to say.
 *   asked     a snarm_precision
 *   backbone, bank, scorer  NULL: there is none */
json_t *precision_facts(int32_t asked, const snarm_backbone *backbone, const snarm_bank *bank, const snarm_scorer *scorer);
json_t *precision_facts_of(int32_t asked, const snarm_detector *detector);

/* The same for people: "backbone bf16, search f32 (search: exact searches are made in f32)". The caller's to free. */
char *precision_line(const json_t *facts);

#endif
