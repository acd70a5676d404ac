/* The inside of a detector, shared by the files of this folder. */
#ifndef SN_DETECTOR_DETECTOR_H
#define SN_DETECTOR_DETECTOR_H

#include "core/pool.h"
#include "image/light.h"
#include "io/safetensors.h"
#include "kernel/stream.h"
#include "map/gaussian.h"
#include "map/score.h"
#include "map/tiles.h"
#include "map/upsample.h"
#include "residual/stages.h"
#include "scorer/weights.h"
#include "snarm/detector.h"

/* Models with tiles, those with depth (and perhaps tiles), and those that even out the light or use their scorer as 0.1 did not (its prior
 * knows of borders or stages, or image scores weigh the stages; perhaps with depth or tiles) are of formats of their own,
 * so that readers that do not know these do not take them for others. */
enum {
    SN_MODEL_FORMAT = 1,
    SN_MODEL_FORMAT_TILES = 2,
    SN_MODEL_FORMAT_DEPTH = 3,
    SN_MODEL_FORMAT_STAGES = 4,
    SN_VERSION_TEXT_MAX = 32
};

/* What decides the map of a picture, besides weights and bank. */
typedef struct sn_recipe {
    snarm_preprocess preprocess; /* to the canvas: what the map shows. Without tiles the network's input */
    sn_light light;              /* that pictures are brought to; level 0: none */
    bool both_lights;            /* pictures as they are go through the network too */
    bool tiled;                  /* the canvas is cut into tiles of the network's input */
    int32_t overlap;             /* of tiles, pixels */
    bool depth;                  /* reliefs of depth pictures join the pictures */
    double relief_range, relief_background, depth_weight; /* with depth */
    int32_t neighbours;
    double smoothing; /* sigma; 0: none */
    double false_alarm_rate;
    double residual_scale;
    bool prior_apart; /* the scorer's prior makes up for borders or is one of residuals */
    /* With a scorer, the image score is share times that of the map, and the rest that of the map of distances divided by full, less
     * score_floor times what that map's floor has above the usual one. share 1: the map's alone. */
    double score_share, distance_full, score_floor;
    double usual_floor; /* the median of the good pictures' */
    double score_first_stage; /* how much the first stage counts in these distances; 1: they are those to the bank */
    int32_t score_window; /* of image scores, pixels of the map */
    double map_contrast; /* sn_map_contrast_factor's, of the maps of inspections; 0: none */
    uint64_t seed;
} sn_recipe;

/* One of the pictures that the network sees of a part. */
typedef struct sn_part_view {
    bool relief;    /* of the depth picture, else of the picture itself */
    sn_light light; /* that it is brought to */
    float weight;   /* of its features */
} sn_part_view;
enum { SN_VIEWS_MAX = 3 };

static inline size_t sn_view_count(const sn_recipe *recipe) {
    return (size_t)1 + recipe->both_lights + recipe->depth;
}

static inline int32_t sn_model_format(const sn_recipe *recipe) {
    if (recipe->prior_apart || recipe->score_first_stage < 1 || recipe->light.level > 0 || recipe->map_contrast > 0 ||
        recipe->score_window != SN_SCORE_WINDOW || recipe->score_floor > 0)
        return SN_MODEL_FORMAT_STAGES;
    return recipe->depth ? SN_MODEL_FORMAT_DEPTH : recipe->tiled ? SN_MODEL_FORMAT_TILES : SN_MODEL_FORMAT;
}

/* Weights as they lie in a mapped file, for the network and for saving: tensors and metadata are named prefix + name. */
typedef struct sn_weights_source {
    const sn_safetensors *file;
    const char *prefix;
} sn_weights_source;

struct snarm_detector {
    sn_recipe recipe;
    int32_t threads, precision; /* as asked for */
    bool pin; /* threads to processors, while an inspection runs */
    float threshold, score_low; /* of image scores */
    float map_threshold;        /* of the map's values */
    float *scores; /* (image_count) leave-one-out */
    int32_t image_count;
    char fitted_version[SN_VERSION_TEXT_MAX];

    snarm_backbone *backbone;
    snarm_bank *bank;
    sn_scorer_weights *trained; /* of a scorer trained by this fit, NULL otherwise: scorer_source then has it, if anyone */
    snarm_scorer *scorer;     /* NULL: the map is the distance to the bank */
    snarm_residual *residual; /* with a scorer only */
    snarm_backbone_info shape;
    float *coverage; /* (patches) of the backbone */
    int32_t channels; /* of a patch's features: shape's, of each view */
    int32_t logit_maps;

    snarm_train_report training; /* of the fit; steps 0: none */

    sn_weights_source backbone_source, scorer_source;
    sn_safetensors *files[2]; /* what is mapped for the sources and the bank, closed last; NULL: unused */
    sn_tiles tiles;           /* of the canvas; one without tiles */
    sn_stretch *stretch;      /* patches' distances to the map of a tile */
    sn_upsample *upsample;    /* logits to it; NULL without a scorer */
    sn_gaussian *gaussian;    /* of the canvas; NULL: no smoothing */
    sn_pool *states;          /* of sn_inspection */
};

/* What of an inspection needs no network, and can be done ahead of it and on another thread. */
typedef struct sn_prepared {
    float *inputs[SN_VIEWS_MAX]; /* the network's, of the only tile */
    snarm_image relief;          /* of a picture of several tiles: each is cut from it in its turn. With depth only */
    void *scratch;
    double milliseconds;
} sn_prepared;

/* The memory and the stages' times of one inspection: of one tile, but for the maps. */
typedef struct sn_inspection {
    float *inputs[SN_VIEWS_MAX], *view; /* the network's inputs, and with more views than one what it gives for one of them */
    float *features, *distances, *patches;
    float *map;                               /* of the canvas */
    float *tile_map, *strip, *distance_strip; /* with more tiles than one; see sn_tiles_lay */
    int32_t *nearest; /* the rest with a scorer */
    float *inter, *hybrid, *logits;
    float *distance_map; /* of the canvas; if score_share is below 1 */
    uint8_t *reference;
    float *map_scratch;    /* of stretch, upsample and gaussian, whichever runs */
    double *score_scratch; /* of sn_map_score */
    void *scratch;         /* of sn_image_preprocess_in */
    double preprocess_ms, backbone_ms, match_ms, scorer_ms, map_ms; /* of all its tiles */
} sn_inspection;

/* Opens the backbone from its source for this input size, and the rest that a recipe needs but the bank. options are the
 * backbone's, of which the threads are the detector's. Sets shape, and the preprocessing's mean and std. */
snarm_status sn_detector_open_parts(snarm_detector *detector, const snarm_backbone_options *options);
/* Lays out the tiles, once the preprocessing is known; SNARM_ERROR_ARGUMENT, beginning with where, if canvas, tile and overlap do not
 * fit each other. */
snarm_status sn_detector_lay_out(snarm_detector *detector, const char *where);
/* Takes over a trained scorer's weights, also on failure, and makes the scorer and the residual engine of them. Recipe and shape are
 * set; no inspection is taken. */
snarm_status sn_detector_take_scorer(snarm_detector *detector, sn_scorer_weights *weights);
/* The maps' tables and the pool of inspections, once everything else is set; again after sn_detector_take_scorer, when no inspection is
 * taken. */
snarm_status sn_detector_ready(snarm_detector *detector);
/* Of which stages the features are made: the backbone's, once for each view. */
sn_stages sn_detector_stages(const snarm_detector *detector);
/* weights (of these stages): in the distances that image scores are made of. That of the recipe for the first stage of each view, 1 for the
 * others, 0 for pictures as they are beside those in the common light: how light a whole part is says little about its defects. False:
 * these distances are those to the bank, and weights are not written. */
bool sn_detector_stage_weights(const snarm_detector *detector, float *weights);
void sn_detector_unready(snarm_detector *detector);

/* An inspection in two steps, for a caller that does the first one ahead. The second may only follow the first, with the same picture. It
 * does not give *prepared back as it was, but in a state to prepare the next one with.
 *   depth   NULL for a detector without
 *   result  whole, of this version's size; map may be NULL */
snarm_status sn_prepared_create(const snarm_detector *detector, sn_prepared *prepared);
void sn_prepared_destroy(sn_prepared *prepared);
snarm_status sn_inspect_prepare(const snarm_detector *detector, sn_prepared *prepared, const snarm_image *image,
                                const snarm_depth *depth);
snarm_status sn_inspect_prepared(const snarm_detector *detector, sn_prepared *prepared, const snarm_image *image,
                                 snarm_result *result, float *map);

/* The inspection's inputs to its features. */
snarm_status sn_inspect_features(const snarm_detector *detector, sn_inspection *inspection);
/* Features of a tile to its patches' mean distances (inspection->patches) and, if nearest is not NULL, the places of their nearest bank
 * vectors (patches, neighbours). exclude and neighbours as below. */
snarm_status sn_inspect_match(const snarm_detector *detector, sn_inspection *inspection, const float *features,
                              int32_t exclude, int32_t neighbours, int32_t *nearest);
/* Gives the features of a tile, from 0 up in order; valid until the next call. */
typedef snarm_status (*sn_tile_features)(void *user, size_t tile, const float **features);
/* Features of all tiles to the map, with image exclude (or -1) of the bank passed over; neighbours may be fewer than the recipe's where
 * the exclusion leaves fewer. */
snarm_status sn_inspect_map(const snarm_detector *detector, sn_inspection *inspection, sn_tile_features give, void *user,
                            int32_t exclude, int32_t neighbours);

/* The scores of the maps that sn_inspect_map left: the largest window of the map, that of the map of distances (0 without one), and this
 * map's floor (0 if the recipe does not count it). */
typedef struct sn_scores {
    float map, distance, floor;
} sn_scores;
snarm_status sn_inspect_scores(const snarm_detector *detector, const sn_inspection *inspection, sn_scores *scores);
/* The image score that the recipe makes of them. */
static inline float sn_image_score(const sn_recipe *recipe, const sn_scores *scores) {
    if (recipe->score_share == 1)
        return scores->map;
    const double above = (double)scores->floor - recipe->usual_floor;
    const double distance = (double)scores->distance - recipe->score_floor * (above > 0 ? above : 0);
    return (float)(recipe->score_share * (double)scores->map + (1 - recipe->score_share) * distance / recipe->distance_full);
}

/* views.c: sn_view_count of them, in the order of their features: the picture as it is (in both lights, or without a light), in the
 * detector's light (if it has one), its relief (with depth). */
void sn_detector_views(const sn_recipe *recipe, sn_part_view views[SN_VIEWS_MAX]);
/* The relief as the recipe has it; *relief is released with snarm_image_release. */
snarm_status sn_detector_relief(const snarm_detector *detector, const snarm_depth *depth, snarm_image *relief);
/* The inputs' features, one beside the other. */
snarm_status sn_inspect_views(const snarm_detector *detector, sn_inspection *inspection);

/* threshold.c: from leave-one-out scores (sorted in place; count at least 1) to threshold and score_low. */
void sn_choose_threshold(float *scores, size_t count, double rate, float *threshold, float *low);
/* 0..1, rising, 0.5 at the threshold, 0 at low and below. */
float sn_normalize_score(float score, float threshold, float low);

#endif
