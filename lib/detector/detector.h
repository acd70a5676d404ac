/* The inside of a detector, shared by the files of this folder. */
#ifndef SN_DETECTOR_DETECTOR_H
#define SN_DETECTOR_DETECTOR_H

#include "core/pool.h"
#include "io/safetensors.h"
#include "kernel/stream.h"
#include "scorer/weights.h"
#include "snarm/detector.h"

enum { SN_MODEL_FORMAT = 1, SN_VERSION_TEXT_MAX = 32 };

/* What decides the map of a picture, besides weights and bank. */
typedef struct sn_recipe {
    snarm_preprocess preprocess;
    int32_t neighbours;
    double smoothing; /* sigma; 0: none */
    double false_alarm_rate;
    double residual_scale;
    /* With a scorer, the image score is share times that of the map, and the rest that of the map of distances divided by full. share 1:
     * the map's alone. */
    double score_share, distance_full;
    uint64_t seed;
} sn_recipe;

/* Weights as they lie in a mapped file, for the network and for saving: tensors and metadata are named prefix + name. */
typedef struct sn_weights_source {
    const sn_safetensors *file;
    const char *prefix;
} sn_weights_source;

struct snarm_detector {
    sn_recipe recipe;
    int32_t threads;
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
    int32_t logit_maps;

    snarm_train_report training; /* of the fit; steps 0: none */

    sn_weights_source backbone_source, scorer_source;
    sn_safetensors *files[2]; /* what is mapped for the sources and the bank, closed last; NULL: unused */
    sn_pool *states;          /* of sn_inspection */
};

/* The memory and the stages' times of one inspection. */
typedef struct sn_inspection {
    float *planes, *features, *distances, *patches, *map;
    int32_t *nearest; /* the rest with a scorer */
    float *inter, *hybrid, *logits;
    float *distance_map; /* if score_share is below 1 */
    uint8_t *reference;
    double backbone_ms, match_ms, scorer_ms, map_ms;
} sn_inspection;

/* Opens the backbone from its source for this input size, and the rest that a recipe needs but the bank. options are the
 * backbone's, of which the threads are the detector's. Sets shape, and the preprocessing's mean and std. */
snarm_status sn_detector_open_parts(snarm_detector *detector, const snarm_backbone_options *options);
/* Takes over a trained scorer's weights, also on failure, and makes the scorer and the residual engine of them. Recipe and shape are
 * set; no inspection is taken. */
snarm_status sn_detector_take_scorer(snarm_detector *detector, sn_scorer_weights *weights);
/* The pool of inspections, once everything else is set; again after sn_detector_take_scorer. */
snarm_status sn_detector_ready(snarm_detector *detector);

/* Preprocessed planes of the inspection to its features. */
snarm_status sn_inspect_features(const snarm_detector *detector, sn_inspection *inspection);
/* Features to the patches' mean distances (inspection->patches) and, if nearest is not NULL, the places of their nearest bank
 * vectors (patches, neighbours). exclude and neighbours as below. */
snarm_status sn_inspect_match(const snarm_detector *detector, sn_inspection *inspection, const float *features,
                              int32_t exclude, int32_t neighbours, int32_t *nearest);
/* Features to map, with image exclude (or -1) of the bank passed over; neighbours may be fewer than the recipe's where the
 * exclusion leaves fewer. */
snarm_status sn_inspect_map(const snarm_detector *detector, sn_inspection *inspection, const float *features,
                            int32_t exclude, int32_t neighbours);

/* The scores of the maps that sn_inspect_map left: the largest window of the map, and of the map of distances (0 without one). */
typedef struct sn_scores {
    float map, distance;
} sn_scores;
snarm_status sn_inspect_scores(const snarm_detector *detector, const sn_inspection *inspection, sn_scores *scores);
/* The image score that the recipe makes of them. */
static inline float sn_image_score(const sn_recipe *recipe, const sn_scores *scores) {
    if (recipe->score_share == 1)
        return scores->map;
    return (float)(recipe->score_share * (double)scores->map +
                   (1 - recipe->score_share) * (double)scores->distance / recipe->distance_full);
}

/* threshold.c: from leave-one-out scores (sorted in place; count at least 1) to threshold and score_low. */
void sn_choose_threshold(float *scores, size_t count, double rate, float *threshold, float *low);
/* 0..1, rising, 0.5 at the threshold, 0 at low and below. */
float sn_normalize_score(float score, float threshold, float low);

#endif
