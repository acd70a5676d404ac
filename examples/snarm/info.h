/* What a model is, as facts that are shown as lines, as JSON, or on a report's card. */
#ifndef INFO_H
#define INFO_H

#include "json.h"

#include "snarm/detector.h"

#include <stdbool.h>

/* Adds them to an object; false with the library's sentence where it fails. precision: asked for, a snarm_precision. */
bool describe_model(json_t *facts, const snarm_detector *detector, int32_t precision);

/* A fact's value for people; "-" where there is none. The caller's to free. */
char *fact_text(const json_t *value);

#endif
