/* The three products. */
#ifndef PRODUCTS_H
#define PRODUCTS_H

#include "defects.h"

/* What differs from one picture of a product to the next. */
typedef struct scene {
    float x, y, angle; /* where the part lies: its origin in pixels of the picture, and its turn */
    float light;       /* brightness of the lamp */
    float light_angle; /* where the light is stronger */
    float light_slope; /* how much stronger */
    float tint;        /* of the material, -1..1 */
    uint32_t seed;     /* of its texture */
    defect damage;
} scene;

typedef struct product {
    const char *name;
    int width, height;
    /* The defects that it can have, with the names of their folders; name NULL: end. */
    struct {
        const char *name;
        defect_kind kind;
    } defects[5];
    void (*arrange)(scene *s, random_state *random);
    void (*damage)(const scene *s, defect *d, random_state *random);
    /* The colour at a place of the picture, before the light. */
    colour (*shade)(const scene *s, float x, float y);
} product;

enum { PRODUCTS = 3 };
extern const product products[PRODUCTS];

#endif
