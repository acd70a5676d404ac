/* Synthetic defects on pictures of good parts, and light variations of good pictures: what a detector is
 * trained on where nobody has pictures of real defects. A defect is a shape (where) times a filling (what is
 * seen there), blended in with some opacity; about half of them are meant to be subtle. The mask that comes
 * with it marks only what can be seen, so that no label lies.
 *
 * Pictures are (3, height, width) floats 0..1 before any normalisation: red plane, green plane, blue plane,
 * rows from the top. What comes out lies on 8-bit steps (k / 255) wherever it was changed, as a camera's
 * picture would.
 *
 * One sn_synthesis may be used by any number of threads at once. All chance comes from the caller's
 * generator: seed it with sn_rng_seed(&rng, seed, sample) and sample i of a seed is the same whatever else is
 * drawn, in whatever order, on whatever thread. */
#ifndef SN_SYNTHESIS_SYNTHESIS_H
#define SN_SYNTHESIS_SYNTHESIS_H

#include "core/rng.h"
#include "snarm/image.h"

#include <stdbool.h>

/* Where a defect is. */
typedef enum sn_shape {
    SN_SHAPE_BLOB,    /* irregular, from thresholded gradient noise; whole, in flecks, or a ring as of a dried
                         drop */
    SN_SHAPE_SPOTS,   /* one or a few small round or elliptic ones: pits, blowholes, dust */
    SN_SHAPE_SCRATCH, /* one or a few long thin curves, tapered, sometimes interrupted */
    SN_SHAPE_CRACK,   /* a jagged random walk with thinner branches */
    SN_SHAPE_CHIP,    /* at the border of the object, or of the picture: broken off, frayed, or a burr */
    SN_SHAPE_PATCH,   /* a turned rectangle with more or less round corners: foreign pieces, missing parts */
    SN_SHAPE_REGION,  /* large, with a soft ramp: stains, uneven shading */
    SN_SHAPE_SECTION, /* all of the picture beyond a nearly straight edge, a band, or a corner: a step in the surface, a
                         coating that ends, a strip that was worked differently */
    SN_SHAPE_COUNT
} sn_shape;

/* What is seen there. */
typedef enum sn_filling {
    SN_FILL_PLAIN, /* a tone with a little grain: the picture's dark or light ones, its background, or any */
    SN_FILL_TONE,  /* the picture itself, darker or lighter, or with more or less contrast */
    SN_FILL_PATTERN, /* a texture made here: noise, stripes, cells, gradient, speckle, fibres */
    SN_FILL_TEXTURE, /* a turned and scaled crop of one of options.textures */
    SN_FILL_COPY,    /* another place of this picture or of the other good one, turned or mirrored */
    SN_FILL_SHUFFLE, /* small cells from all over the picture */
    SN_FILL_SMEAR,   /* the picture blurred, or dragged along a direction */
    SN_FILL_COLOUR,  /* the picture with its colours shifted; not for grey pictures */
    SN_FILL_WARP,    /* the picture bent, bulged or twisted */
    SN_FILL_RELIEF,  /* the shape as a dent or a bump: one flank lit, the other in shade */
    SN_FILL_DISPLACED, /* the picture itself, displaced or mirrored, as if made in another pass */
    SN_FILL_COUNT
} sn_filling;

typedef struct sn_synthesis_options {
    int32_t width, height; /* of all pictures, pixels, 16..4096 */

    /* Kinds. A pair of shape and filling is drawn as often as the product of the two weights and of how well
     * they suit each other says; some never do (a shuffled crack). Weights are finite, at least 0. */
    float shape_weight[SN_SHAPE_COUNT];
    float fill_weight[SN_FILL_COUNT];
    uint32_t pairs[SN_SHAPE_COUNT]; /* bit 1u << filling: this pair may occur; all set by default */

    /* Strength. */
    float size_min; /* pixels across of the smallest, 4..64; default 8, one patch of the scorer's grid */
    float size_max; /* of the largest, as a share of sqrt(width * height), 0.05..0.8; default 0.45. Scratches
                       and cracks are up to twice as long, regions up to 2.5 times as large, sections 1.1 times as deep */
    float subtle;   /* share of defects with low contrast, 0..1; default 0.5 */
    float opacity_min; /* 0.05..1; default 0.15 */
    float visible; /* smallest local change that counts as seen on a smooth surface, 0.004..0.2; default 0.022
                    */
    int32_t feather; /* mask edges are softened by up to so many pixels, 0..8; default 3 */

    /* Decoded pictures for SN_FILL_TEXTURE, any size and format; the caller keeps them until the sn_synthesis
     * is destroyed. NULL and 0: that filling does not occur. */
    const snarm_image *textures;
    size_t texture_count;

    /* Jitter of good pictures: largest amounts, each drawn evenly up to it in both directions. */
    bool flip_x,
        flip_y; /* mirror left-right, top-bottom, every other time; default off: parts often lie one way */
    float rotation;   /* degrees, 0..180; default 3 */
    float scale;      /* 0..0.5; default 0.03 */
    float shift;      /* share of each side, 0..0.5; default 0.02 */
    float brightness; /* added, 0..0.5; default 0.04 */
    float contrast;   /* around the mean, 0..0.9; default 0.08 */
    float noise;      /* standard deviation, in every fourth picture, 0..0.2; default 0.01 */
    float blur;       /* largest weight of a 3 x 3 mean, in every fourth picture, 0..1; default 0.5 */
} sn_synthesis_options;

/* The defaults, with no textures. */
void sn_synthesis_options_default(sn_synthesis_options *options, int32_t width, int32_t height);

/* Splits the pairs in two, for validation by defects that training never showed: kinds that are held out are
 * the shapes CRACK and PATCH and the fillings SHUFFLE, SMEAR and RELIEF. Training keeps the pairs with
 * neither, held-out those with either. */
typedef enum sn_kinds { SN_KINDS_ALL, SN_KINDS_TRAINING, SN_KINDS_HELD_OUT } sn_kinds;
void sn_synthesis_options_kinds(sn_synthesis_options *options, sn_kinds kinds);

const char *sn_shape_name(sn_shape shape);    /* "blob" */
const char *sn_filling_name(sn_filling fill); /* "plain" */

/* What was drawn. */
typedef struct sn_defect {
    sn_shape shape;
    sn_filling fill;
    bool on_object; /* the picture is an object on a plain background, which was made use of */
    bool subtle;    /* meant to be */
    float size;     /* drawn, pixels: diameter, or length of lines */
    float opacity;
    float contrast; /* mean change where the mask is set, 0..1, of the channel that changed most */
    int32_t left, top, right, bottom; /* bounds of the mask; right and bottom just outside */
    int32_t visible; /* pixels set in the mask; 0: no defect could be made, dst is good's copy */
    int32_t tries;
} sn_defect;

typedef struct sn_synthesis sn_synthesis;

/* SNARM_ERROR_ARGUMENT, naming the field, also where no pair is left; SNARM_ERROR_MEMORY. */
snarm_status sn_synthesis_create(sn_synthesis **out, const sn_synthesis_options *options);
/* Harmless with NULL. No call may be running. */
void sn_synthesis_destroy(sn_synthesis *synthesis);

/* dst = a light variation of src, still a good part. dst must not overlap src. SNARM_ERROR_MEMORY only. */
snarm_status sn_synthesis_jitter(const sn_synthesis *synthesis, sn_rng *rng, const float *src, float *dst);

/* dst = good with one defect (of one or several pieces of one kind).
 *   other  another good picture, to copy from; or NULL
 *   dst    may not overlap good or other
 *   mask   (height, width), 1 where the defect is seen, else 0
 *   what   or NULL
 * Kinds that cannot be seen on this picture are drawn anew, a bounded number of times; where nothing can be
 * made to show (a colour shift alone on a grey picture) dst is good, mask is all 0 and what->visible is 0:
 * the sample is a good one. SNARM_ERROR_MEMORY only. */
snarm_status sn_synthesis_defect(const sn_synthesis *synthesis, sn_rng *rng, const float *good,
                                 const float *other, float *dst, uint8_t *mask, sn_defect *what);

#endif
