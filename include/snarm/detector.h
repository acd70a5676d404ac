/* libsnarm: the detector: all the parts behind one call. It learns a product from good pictures, is kept in one .snarm
 * file, and says of each new picture whether it is defective, where, and how sure that is.
 *
 *     snarm_detector *detector;
 *     if (snarm_detector_fit_files(&detector, NULL, paths, count, NULL) != SNARM_OK) ...
 *     snarm_detector_save(detector, "part.snarm");
 *     ...
 *     snarm_result result = {.struct_size = sizeof result};
 *     snarm_detector_inspect(detector, &image, &result, map);
 *
 * The first NULL stands for the built-in network; a weights file may take its place.
 * Without a scorer the map is the distance of each patch to the bank; with one it is the scorer's, and the image score is made of both.
 */
#ifndef SNARM_DETECTOR_H
#define SNARM_DETECTOR_H

#include "snarm/backbone.h"
#include "snarm/bank.h"
#include "snarm/depth.h"
#include "snarm/image.h"
#include "snarm/residual.h"
#include "snarm/scorer.h"
#include "snarm/status.h"
#include "snarm/train.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A backbone, a bank, perhaps a scorer, and a threshold. Immutable: any number of threads may use one at the same time. */
typedef struct snarm_detector snarm_detector;

/* Where fitting gets its pictures from, each possibly more than once and in any order, on the calling thread. */
typedef struct snarm_image_source {
    size_t count; /* pictures, 1 or more */
    /* Gives picture index (0..count-1) in *image, valid until release. A status other than SNARM_OK ends the fit with it;
     * a source of the caller's own need not set an error sentence. */
    snarm_status (*load)(void *user, size_t index, snarm_image *image);
    void (*release)(void *user, snarm_image *image); /* NULL: nothing to release */
    void *user;
} snarm_image_source;

/* Where fitting gets the depth pictures from that belong to its pictures: the same part from the same place, at any size. As above. */
typedef struct snarm_depth_source {
    size_t count; /* as many as there are pictures */
    /* Gives the depth picture of picture index in *depth, valid until release. */
    snarm_status (*load)(void *user, size_t index, snarm_depth *depth);
    void (*release)(void *user, snarm_depth *depth); /* NULL: nothing to release */
    void *user;
} snarm_depth_source;

/* How the bank is searched. Values are fixed. */
typedef enum snarm_search {
    SNARM_SEARCH_AUTO = 0, /* a bank of 4,096 vectors or more gets a filter (snarm_bank_tune) that finds at least 99.9% of the true
                              neighbours of good patches left out of it */
    SNARM_SEARCH_EXACT = 1 /* exactly */
} snarm_search;

/* Initialise with snarm_fit_options_init; zero means default. */
typedef struct snarm_fit_options {
    size_t struct_size;
    int32_t width, height; /* the network's input, pixels; default: the backbone's own (snarm_backbone_options), but 224 for a CNN.
                              One given alone is used for both */
    int32_t resize_width, resize_height; /* pictures are resized to this, then cropped to width x height in the centre;
                                            default: width and height, nothing is cut off. One given alone is used for both */
    int32_t layers[SNARM_LAYERS_MAX];    /* as in snarm_backbone_options */
    int32_t layer_count;    /* as in snarm_backbone_options */
    int32_t groups;         /* as in snarm_backbone_options */
    int32_t channels;       /* as in snarm_backbone_options; default 512 with scorer_path and for a ViT, -1 (no pooling) for a CNN */
    int32_t neighbourhood;  /* as in snarm_backbone_options */
    int64_t bank_size;      /* M, at most so many vectors are kept; default 20,000; 1..10,000,000 */
    int32_t neighbours;     /* k, of the bank; default 3 with scorer_path, else 1; 1..64 */
    double smoothing;       /* sigma of the Gaussian on the map, pixels; default 4; -1: none; at most 64 */
    double false_alarm_rate; /* share of good pictures that may be called defective; default 0.01; above 0, below 1 */
    uint64_t seed;          /* of the coreset; default 0, itself a seed */
    int64_t feature_memory; /* bytes of features kept between passes; pictures (tiles) beyond it are run again; default 2 GiB;
                               -1: keep none. With tiles the bank is selected from a random share of the patches if all of
                               them, projected, would take more than a quarter of it */
    int32_t threads;        /* of the fit and of the detector; default 0: snarm_default_threads(); 1..64 */
    const char *scorer_path; /* a scorer file to use and to keep in the model; NULL: none */
    snarm_progress_fn progress; /* stages "features", "coreset", "bank", "search", "samples", "threshold"; NULL: none */
    void *progress_user;
    const snarm_train_options *train; /* trains a scorer from synthetic defects; NULL: none, the map is that of distances. Not with
                                         scorer_path */
    const snarm_image_source *textures; /* pictures that fill some of the synthetic defects; NULL: textures of the library's own */
    int32_t search;         /* a snarm_search; default SNARM_SEARCH_AUTO */
    /* Tiles, for large pictures with small defects: the network's input is then a tile, and width and height above are those of the
     * canvas, up to 16,384, which is cut into overlapping tiles of full resolution. The map has the canvas's size. Width and height
     * default to resize_width and resize_height, and where these are 0 too to the first picture's own size, to which the others are
     * resized. See docs/tiles.md. */
    int32_t tile_width, tile_height; /* pixels, as the backbone takes them, at most those of the canvas; 0: no tiles. One given alone is
                                        used for both */
    int32_t tile_overlap;   /* pixels that neighbouring tiles share at least; default an eighth of a tile's shorter side, rounded to
                               whole patches; -1: none; at most half of that side */
    /* Depth: reliefs of the depth pictures (snarm_depth_relief) go through the same network, and their features join those of the
     * pictures. Such a detector takes a depth picture with every picture. Not with scorer_path. See docs/depth.md. */
    const snarm_depth_source *depths; /* NULL: none */
    double depth_weight;    /* of the depth's features beside the picture's; at 1, the default, the good patches that lie farthest
                               from their nearest neighbours lie equally far in both; above 0, at most 100 */
    int32_t precision;      /* a snarm_precision, of the fit and of the detector that it makes, as in snarm_detector_options; training
                               itself is f32; default 0: auto; 0..3 */
    double even_light;      /* all pictures, those inspected too, are multiplied so that their medians come that near to the median of the
                               good pictures (the share of snarm_image_preprocess_light), for parts in a light that varies from picture to
                               picture. 1: they are all the same, and whole parts that are too dark or too bright are not found; about 0.5
                               is a good middle. Default 0: pictures are taken as they are; 0..1 */
    int32_t both_lights;    /* 1: pictures as they are go through the network as well as those with even_light, and the features of both lie
                               beside each other, channels of the former first. Finds more than either, in twice the time and with twice
                               the bank's and the samples' memory; even_light may then be 1. Default 0: not; 0..1, 1 with even_light only */
    double map_contrast;    /* how far the rest of a defective picture's map is put behind its strongest place: where a score lies x times as
                               far above score_low as the threshold does, x above 1, values lie 1 + map_contrast (1 - 1 / x) times as far
                               below the map's largest, as logits, without a scorer as logarithms. Largest values, scores and good pictures'
                               maps stay. One defect explains much of what is unlike in a part: about 0.5 suits parts that hardly ever have
                               more than one, -1, none, those with several of different strength. Default 0.2 with train, else none;
                               -1 or 0..1 */
} snarm_fit_options;
static inline void snarm_fit_options_init(snarm_fit_options *options) {
    snarm_options_clear(options, sizeof *options);
}

/* Learns: features of all pictures, a bank of the most different of them, and a threshold from the scores that the pictures get when
 * none of their own bank vectors counts (leave-one-image-out). With one picture alone nothing can be left out: its own score sets the
 * threshold with a wide margin.
 *   out       the detector; NULL on failure
 *   backbone  a weights file (snarm_backbone_create); NULL or SNARM_BUILTIN_BACKBONE: the built-in network
 *   source    good pictures of one or more products
 *   options   NULL for defaults */
SNARM_API snarm_status snarm_detector_fit(snarm_detector **out, const char *backbone, const snarm_image_source *source,
                                          const snarm_fit_options *options);
/* The same from PNG and JPEG files; an unreadable file ends the fit and is named by the error. */
SNARM_API snarm_status snarm_detector_fit_files(snarm_detector **out, const char *backbone, const char *const *paths,
                                                size_t count, const snarm_fit_options *options);
SNARM_API void snarm_detector_destroy(snarm_detector *detector);

/* One .snarm file: the recipe, the threshold, the backbone's weights, the bank and the scorer. Whole or not at all. */
SNARM_API snarm_status snarm_detector_save(const snarm_detector *detector, const char *path);

/* Initialise with snarm_detector_options_init; zero means default. */
typedef struct snarm_detector_options {
    size_t struct_size;
    int32_t threads; /* default 0: snarm_default_threads(); 1..64 */
    int32_t exact;   /* 1: the bank is searched exactly, whatever filter the file holds; default 0; 0..1 */
    int32_t precision; /* a snarm_precision, of the backbone, the bank search and the scorer; what each of them uses, their infos say;
                          default 0: auto; 0..3 */
    int32_t pin;     /* 1: while an inspection runs, each of its threads keeps to one of the processors that the calling thread may run
                        on, in their order: fewer late pictures where nothing else runs on these, more where something does. Afterwards
                        they may run where the caller may. SNARM_ERROR_ARGUMENT if there are fewer processors than threads, here and of
                        each inspection; default 0; 0..1 */
} snarm_detector_options;
static inline void snarm_detector_options_init(snarm_detector_options *options) {
    snarm_options_clear(options, sizeof *options);
}

/* Opens a .snarm file. Nothing of it is trusted: every value is checked before it is used. The file stays mapped and must not be
 * changed in place while the detector lives; replacing it by rename, as saving does, is safe. */
SNARM_API snarm_status snarm_detector_load(snarm_detector **out, const char *path,
                                           const snarm_detector_options *options);

/* What inspection says of a picture. Set struct_size before the call. */
typedef struct snarm_result {
    size_t struct_size;
    float score;       /* raw image score */
    float threshold;   /* scores from here up are anomalous */
    float normalized;  /* 0..1, rising with score, 0.5 at the threshold; never quite 1 */
    int32_t anomalous; /* the verdict: 1 if score >= threshold, else 0 */
    float map_max;     /* the largest value of the map */
    int32_t map_x, map_y; /* where, in pixels of the map */
    double x, y;       /* where, in pixels of the picture given */
    /* Milliseconds spent: resize and normalise; backbone; bank search and residuals; scorer; map and score. */
    double preprocess_ms, backbone_ms, match_ms, scorer_ms, map_ms;
    float map_threshold; /* map values from here up are anomalous; without a scorer the same as threshold */
} snarm_result;

/* Inspects one picture.
 *   image   any size; resized as the recipe says. SNARM_ERROR_ARGUMENT where the detector was fitted with depth pictures
 *   result  filled on success
 *   map     (height, width) floats of snarm_detector_info, or NULL
 * Any number of threads may inspect with one detector at the same time; each gets the bytes it would get alone. */
SNARM_API snarm_status snarm_detector_inspect(const snarm_detector *detector, const snarm_image *image,
                                              snarm_result *result, float *map);

/* Inspects one picture of a detector that was fitted with depth pictures.
 *   image, result, map  as above
 *   depth   the part's depth picture, any size, seen from the same place; the caller's
 * SNARM_ERROR_ARGUMENT where the detector takes none. Threads as above. */
SNARM_API snarm_status snarm_detector_inspect_depth(const snarm_detector *detector, const snarm_image *image,
                                                    const snarm_depth *depth, snarm_result *result, float *map);

/* The map brought to the picture's own size and place: resized back, the border that the crop left out filled with the nearest value.
 *   map     (height, width) floats of an inspection
 *   dst     (image_height, image_width) floats */
SNARM_API snarm_status snarm_detector_map_to_image(const snarm_detector *detector, const float *map, int32_t image_width,
                                                   int32_t image_height, float *dst);

/* What the detector is. Set struct_size before the call; strings are the detector's. */
typedef struct snarm_detector_info {
    size_t struct_size;
    const snarm_backbone_info *backbone; /* the detector's */
    snarm_preprocess preprocess;  /* width and height are the map's; with tiles those of the canvas, larger than backbone's */
    size_t bank_count;            /* M */
    int32_t image_count;          /* good pictures it learnt from */
    int32_t neighbours;           /* k */
    int32_t has_scorer;           /* 1: the map is a scorer's, 0: it is that of distances */
    double smoothing, false_alarm_rate; /* as in snarm_fit_options; smoothing 0: none */
    float threshold, score_low; /* score_low: the smallest leave-one-out score, where normalized is 0 */
    uint64_t seed;                /* of the fit */
    int32_t threads;              /* that an inspection uses */
    int32_t format_version;       /* of the model file */
    const char *library_version;  /* that fitted it */
    float map_threshold;          /* of the map's values; threshold is that of scores */
    double score_share;           /* with a scorer: the share of the image score that its map gives; the rest is the largest window of the
                                     map of distances. 1 without */
    int32_t tile_width, tile_height, tile_overlap; /* of a detector with tiles; 0, 0, 0 without */
    int32_t tile_columns, tile_rows;               /* how many; 0, 0 without tiles */
    int32_t has_depth;                             /* 1: it takes depth pictures (snarm_detector_inspect_depth) */
    int32_t channels;                              /* of a patch's features: backbone.channels, once more each in both lights and with depth */
    double depth_range, depth_background;          /* of the reliefs, as in snarm_relief_options; 0, 0 without depth */
    double depth_weight;                           /* that the relief's features are multiplied by; 0 without */
    double score_first_stage;                      /* how much the first stage of the features counts in the distances that the image score is
                                                      made of, 0..1; 1: they are those to the bank */
    double light, light_share;                     /* that pictures are brought to, and how near (snarm_image_preprocess_light); 0, 0: they
                                                      are taken as they are */
    int32_t both_lights;                           /* 1: they go through the network as they are, too: a patch's channels are then those of the
                                                      picture as it is, those of the picture in that light and, with depth, its relief's */
    double map_contrast;                           /* of the maps, as in snarm_fit_options; 0: none */
    int32_t score_window;                          /* side of the window that scores are of, pixels of the map: 16; of scorers trained
                                                      here 28 for inputs of 224 pixels (with 8 pictures or fewer 16, with
                                                      more 3 more for each doubling), others in proportion, at least 16 */
    double score_floor;                            /* how much of what the map of distances has as its smallest value above usual_floor
                                                      is taken from its largest window: of scorers trained here 1 with 8 pictures or
                                                      fewer, 1/4 less for each doubling, 0 from 128 on; 0 without a scorer */
    double usual_floor;                            /* the median of the good pictures' smallest values, >= 0; 0 if score_floor is 0 */
} snarm_detector_info;
SNARM_API snarm_status snarm_detector_get_info(const snarm_detector *detector, snarm_detector_info *info);

/* How the training of its scorer went; steps is 0 if the fit trained none. */
SNARM_API snarm_status snarm_detector_get_training(const snarm_detector *detector, snarm_train_report *report);

/* The parts, owned by the detector and valid as long as it; NULL where it has none (residual and scorer without a scorer). */
SNARM_API const snarm_backbone *snarm_detector_backbone(const snarm_detector *detector);
SNARM_API const snarm_bank *snarm_detector_bank(const snarm_detector *detector);
SNARM_API const snarm_residual *snarm_detector_residual(const snarm_detector *detector);
SNARM_API const snarm_scorer *snarm_detector_scorer(const snarm_detector *detector);

/* Leave-one-out scores of the pictures that it learnt from, in their order: image_count floats, the detector's. */
SNARM_API snarm_status snarm_detector_get_scores(const snarm_detector *detector, const float **scores, size_t *count);

#ifdef __cplusplus
}
#endif
#endif
