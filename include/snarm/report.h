/* libsnarm: results for people: the anomaly map laid over the inspected picture, and a report of an
 * evaluation as one HTML file.
 *
 *     snarm_report *report;
 *     snarm_report_options options;
 *     snarm_report_options_init(&options);
 *     options.threshold = info.threshold, options.map_threshold = info.map_threshold;
 *     snarm_report_create(&report, &options);
 *     for each test image:
 *         snarm_report_add(report, &sample);
 *     snarm_report_set_pixels(report, "tile", pixels);
 *     snarm_report_write(report, "tile.html");
 *     snarm_report_destroy(report);
 */
#ifndef SNARM_REPORT_H
#define SNARM_REPORT_H

#include "snarm/image.h"
#include "snarm/metrics.h"
#include "snarm/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Initialise with snarm_heatmap_options_init; zero means default. */
typedef struct snarm_heatmap_options {
    size_t struct_size;
    float low, high;    /* map values shown as nothing and as the full colour; default: 0 and twice the
                           threshold */
    float threshold;    /* the region of values from here up is outlined; 0: no outline */
    double opacity;     /* of the full colour; default 0.6; 0..1. Small values are more transparent than large
                           ones */
} snarm_heatmap_options;
static inline void snarm_heatmap_options_init(snarm_heatmap_options *options) {
    snarm_options_clear(options, sizeof *options);
}

/* Draws map in a perceptually uniform colour scale over image, and a line around the anomalous region.
 *   out      on success an RGB picture of the same size, released with snarm_image_release; untouched on failure
 *   image    the picture that was inspected; the caller's
 *   map      (image->height, image->width) floats (snarm_detector_map_to_image)
 *   options  NULL for defaults, which need a threshold above 0 or a high */
SNARM_API snarm_status snarm_heatmap_render(snarm_image *out, const snarm_image *image, const float *map,
                                            const snarm_heatmap_options *options);

/* A report being collected: pictures with what an inspection said of them and what is true. One thread at a
 * time may use a handle; different handles are independent. Memory: the encoded pictures, about three
 * quarters of the file's size. */
typedef struct snarm_report snarm_report;

/* Initialise with snarm_report_options_init; zero means default. */
typedef struct snarm_report_options {
    size_t struct_size;
    const char *title;    /* of the page; default "SNARM report" */
    float threshold;      /* scores from here up are anomalous; finite */
    float map_threshold;  /* map values from here up are anomalous; maps are coloured from 0 to twice that;
                             default: threshold; above 0 */
    int64_t max_bytes;    /* the file becomes no larger: where it would, all pictures are made smaller;
                             default 30,000,000; 100,000..2,000,000,000 */
    int32_t picture_side; /* longest side of a picture, pixels; maps half of that; smaller ones are not
                             enlarged; default 320; 16..2,048 */
} snarm_report_options;
static inline void snarm_report_options_init(snarm_report_options *options) {
    snarm_options_clear(options, sizeof *options);
}

/*   out      the handle on success, NULL on failure; destroyed with snarm_report_destroy
 *   options  NULL for defaults, with a threshold of 0 and so a map_threshold to be given
 * SNARM_ERROR_ARGUMENT for an option out of its range, SNARM_ERROR_MEMORY. */
SNARM_API snarm_status snarm_report_create(snarm_report **out, const snarm_report_options *options);

/* One inspected picture. Zero it, then set struct_size. Strings may hold any bytes; they are escaped. */
typedef struct snarm_report_sample {
    size_t struct_size;
    const char *name;          /* of the picture, a file's as a rule */
    const char *category;      /* its product; NULL: "" */
    const char *defect;        /* its kind of defect; NULL: "" */
    const snarm_image *image;  /* the picture */
    const float *map;          /* (map_height, map_width) floats that cover the picture, any size; no NaN */
    int32_t map_width, map_height;   /* 1..65,500 */
    const uint8_t *mask;       /* (mask_height, mask_width) bytes that cover it, of any size: 0 normal, else
                                  defective; NULL: none */
    int32_t mask_width, mask_height; /* 1..65,500 */
    float score;               /* raw image score; finite */
    float normalized;          /* snarm_result's; finite */
    int32_t anomalous;         /* the truth: 0 normal, else defective */
} snarm_report_sample;

/* Adds a picture: it is shrunk and encoded before the call returns, and nothing of the caller's is kept.
 * Categories are shown in the order in which they first come.
 * On failure the report is as before the call. SNARM_ERROR_ARGUMENT, SNARM_ERROR_MEMORY. */
SNARM_API snarm_status snarm_report_add(snarm_report *report, const snarm_report_sample *sample);

/* The pixel metrics and curves of a category, computed here from the maps that were added to pixels (with
 * snarm_pixel_metrics_finish and snarm_pixel_metrics_curve). A category without shows no such values. Set
 * again, they are replaced.
 * SNARM_ERROR_ARGUMENT for NULL; SNARM_ERROR_MEMORY. */
SNARM_API snarm_status snarm_report_set_pixels(snarm_report *report, const char *category,
                                               snarm_pixel_metrics *pixels);

/* Adds a line to the model's card: what it is, how it was made. SNARM_ERROR_ARGUMENT for NULL;
 * SNARM_ERROR_MEMORY. */
SNARM_API snarm_status snarm_report_add_fact(snarm_report *report, const char *name, const char *value);

/* Writes the page: one HTML file that needs no other and no network. Written under a temporary name in the
 * same folder and renamed.
 * More may be added afterwards, and written again; pictures that were made smaller to fit stay so.
 *   path  a new name, or a regular file, which is replaced
 * SNARM_ERROR_ARGUMENT for NULL; SNARM_ERROR_UNSUPPORTED where it would be larger than max_bytes with the
 * smallest pictures too; SNARM_ERROR_IO; SNARM_ERROR_MEMORY. */
SNARM_API snarm_status snarm_report_write(snarm_report *report, const char *path);

/* Harmless with NULL. */
SNARM_API void snarm_report_destroy(snarm_report *report);

#ifdef __cplusplus
}
#endif
#endif
