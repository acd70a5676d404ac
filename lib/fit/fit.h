/* The parts of fitting. */
#ifndef SN_FIT_FIT_H
#define SN_FIT_FIT_H

#include "detector/detector.h"

/* Checks the caller's options and fills in the defaults that depend on nothing else. */
snarm_status sn_fit_options_read(snarm_fit_options *out, const snarm_fit_options *given);
/* The backbone's options, with the defaults that its family asks for. */
snarm_status sn_fit_backbone_options(snarm_backbone_options *out, const snarm_fit_options *options,
                                     const sn_weights_source *source);
/* The canvas, resize and overlap of the recipe, once the network's input is known. images: of which the first gives the canvas its size if
 * the options leave it open. */
snarm_status sn_fit_preprocess(snarm_detector *detector, const snarm_image_source *images, const snarm_fit_options *options);

/* light.c: the recipe's light, that of the good pictures. Before any of them is brought to the network. */
snarm_status sn_fit_light(snarm_detector *detector, const snarm_image_source *images, double share);

/* The features of a source's pictures, tile by tile (without tiles a picture is one), kept in memory as far as it goes, computed again
 * beyond. One thread. */
typedef struct sn_feature_source {
    const snarm_detector *detector;
    const snarm_image_source *images;
    const snarm_depth_source *depths; /* NULL: none */
    sn_inspection *inspection;
    size_t tiles; /* of a picture */
    float *kept;  /* of the first kept_count tiles of all, (kept_count, patches * channels) */
    size_t kept_count, filled_count, floats; /* floats: of one tile */
    snarm_image held; /* with more tiles than one: the picture of the last load, for its other tiles */
    snarm_image relief; /* the library's own; of the picture held */
    size_t held_index;
    bool holds;
} sn_feature_source;

/* Tiles of all pictures: tile t of picture i has index i * tiles + t. */
static inline size_t sn_feature_source_count(const sn_feature_source *source) {
    return source->images->count * source->tiles;
}

/* Loads a depth picture, hands it to use, and releases it; a failure of use is prefixed with the picture. */
snarm_status sn_fit_use_depth(const snarm_depth_source *depths, size_t picture,
                              snarm_status (*use)(void *user, const snarm_depth *depth), void *user);
/* Where sample i of each, of a tile's patches, is taken in the t-th tile: spread evenly, not all in the same columns of the grid. */
static inline size_t sn_fit_spread(size_t i, size_t each, size_t patches, size_t t) {
    return (i * patches / each + t * 7) % patches;
}
/* Loads a picture, with depth its relief too, and brings a part of its canvas, of the size of the network's input, to
 * source->inspection->inputs. */
snarm_status sn_fit_load(sn_feature_source *source, size_t picture, int32_t left, int32_t top);
/* The same part as it is, before light and normalisation: rgb and, with depth, relief_rgb (height, width, 3). light: of the
 * whole picture; NULL: not wanted. The inputs have no meaning afterwards. */
snarm_status sn_fit_load_rgb(sn_feature_source *source, size_t picture, int32_t left, int32_t top, uint8_t *rgb, uint8_t *relief_rgb,
                             double *light);
/* Releases the picture that is held, if any: before pictures of others are loaded. */
void sn_fit_let_go(sn_feature_source *source);

snarm_status sn_feature_source_create(sn_feature_source *source, const snarm_detector *detector,
                                      const snarm_image_source *images, const snarm_depth_source *depths,
                                      sn_inspection *inspection, int64_t memory);
void sn_feature_source_destroy(sn_feature_source *source);
/* Features of a tile; valid until the next call. */
snarm_status sn_feature_source_get(sn_feature_source *source, size_t index, const float **features);

/* depth.c: what of the recipe the depth pictures decide: range and background of the reliefs, and their weight. Before the bank. */
snarm_status sn_fit_depth(snarm_detector *detector, sn_feature_source *source, const snarm_fit_options *options);
/* bank.c: chooses bank_size of all the pictures' features and makes the detector's bank of them. */
snarm_status sn_fit_bank(snarm_detector *detector, sn_feature_source *source, const snarm_fit_options *options);
/* tune.c: lets the bank be searched faster, where that loses next to nothing. */
snarm_status sn_fit_tune(snarm_detector *detector, sn_feature_source *source, const snarm_fit_options *options);
/* threshold.c: leave-one-out scores of all pictures, and the threshold. */
snarm_status sn_fit_threshold(snarm_detector *detector, sn_feature_source *source, const snarm_fit_options *options);

/* Bank vectors of each picture, (image_count), released with sn_free. */
snarm_status sn_fit_count_owned(const snarm_detector *detector, size_t **out);
/* train.c: a scorer for the bank, from synthetic defects. */
snarm_status sn_fit_train(snarm_detector *detector, sn_feature_source *source, const snarm_fit_options *options);

#endif
