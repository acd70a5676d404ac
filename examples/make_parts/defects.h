/* Defects: where they lie, and what they do to a surface. */
#ifndef DEFECTS_H
#define DEFECTS_H

#include "paint.h"

typedef enum defect_kind {
    DEFECT_NONE,
    DEFECT_SCRATCH, /* a thin, slightly bent line */
    DEFECT_STAIN,   /* a discoloured patch with an uneven edge */
    DEFECT_DENT,    /* a hollow that catches the light */
    DEFECT_MISSING  /* material that is not there; what that is depends on the product */
} defect_kind;

typedef struct defect {
    defect_kind kind;
    float x, y;  /* its middle, in the part's own pixels */
    float angle; /* radians */
    float size;  /* half of a scratch's length, a patch's radius; pixels */
    float bend;  /* of a scratch */
    int which;   /* of several alike things, the one that is missing */
    uint32_t seed;
} defect;

/* How much of the pixel at x, y the defect takes: 0..1. */
float defect_cover(const defect *d, float x, float y);
/* The surface under a scratch, stain or dent.
 *   bare  the colour that a scratch lays open */
colour defect_apply(const defect *d, float x, float y, colour surface, colour bare);

#endif
