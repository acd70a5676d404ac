/* What a fit's depth pictures decide: how high a relief's white is, what counts as background, and how much depth counts. */
#include "fit/fit.h"

#include "core/memory.h"
#include "image/relief.h"

#include <stdlib.h>
#include <string.h>

enum { PICTURES = 32, TILES = 32, PATCHES = 4096, FARTHEST = 20 };

/* A background that is flattened: most of the border lies on its plane, and a part stands out of it. */
static const double plane_border = 0.8, plane_object = 0.05, plane_object_most = 0.95;
/* Noise of the background that becomes flat, in standard deviations: one point of a thousand is rougher. */
static const double flat_noise = 3.3;
/* What good parts to come may be higher. */
static const double headroom = 1.1;

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count) {
    qsort(values, count, sizeof *values, by_value);
    return values[count / 2];
}

static snarm_status measure(void *surface, const snarm_depth *depth) {
    return sn_relief_measure(surface, depth, "snarm_detector_fit");
}

/* One rule for all pictures, also for those to come: a relief must not change with the part that it shows. */
static snarm_status choose_relief(sn_recipe *recipe, const snarm_depth_source *depths) {
    const size_t count = depths->count < PICTURES ? depths->count : PICTURES;
    double noise[PICTURES], border[PICTURES], object[PICTURES];
    recipe->relief_range = 0;
    for (size_t i = 0; i < count; i++) {
        sn_surface surface;
        SN_TRY(sn_fit_use_depth(depths, i * depths->count / count, measure, &surface));
        noise[i] = surface.noise, border[i] = surface.border, object[i] = surface.object;
        if (surface.range > recipe->relief_range)
            recipe->relief_range = surface.range;
    }
    recipe->relief_range *= headroom;
    const double share = median(object, count);
    const bool plane = median(border, count) >= plane_border && share >= plane_object && share <= plane_object_most;
    recipe->relief_background = plane ? flat_noise * median(noise, count) : 0;
    return SNARM_OK;
}

/* Channels of a patch's features that are not its relief's. */
static size_t picture_channels(const snarm_detector *d) {
    return (size_t)d->channels - (size_t)d->shape.channels;
}

/* Some patches of some tiles, of each its picture's features (count, picture_channels) and its relief's (count, channels) apart. */
static snarm_status collect(sn_feature_source *source, float *picture, float *relief, size_t *count) {
    const size_t of_picture = picture_channels(source->detector), of_relief = (size_t)source->detector->shape.channels;
    const size_t all_channels = of_picture + of_relief, patches = source->floats / all_channels;
    const size_t all = sn_feature_source_count(source), tiles = all < TILES ? all : TILES;
    const size_t share = PATCHES / tiles, each = patches < share ? patches : share;
    *count = 0;
    for (size_t t = 0; t < tiles; t++) {
        const float *features;
        SN_TRY(sn_feature_source_get(source, t * all / tiles, &features));
        for (size_t i = 0; i < each; i++, (*count)++) {
            const float *both = features + sn_fit_spread(i, each, patches, t) * all_channels;
            memcpy(picture + *count * of_picture, both, of_picture * sizeof *both);
            memcpy(relief + *count * of_relief, both + of_picture, of_relief * sizeof *both);
        }
    }
    return SNARM_OK;
}

static int by_distance(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* How far the vectors that are farthest from their nearest other one are from it: the mean of the farthest twentieth. These decide how
 * a good part scores; the others, flat background as a rule, would say nothing. */
static snarm_status farthest_distance(const float *vectors, size_t count, int32_t channels, int32_t threads, double *mean) {
    snarm_bank_options options;
    snarm_bank_options_init(&options);
    options.threads = threads;
    snarm_bank *bank;
    float *distances = NULL;
    SN_TRY(snarm_bank_create(&bank, vectors, NULL, count, channels, &options));
    snarm_status status = sn_alloc(&distances, count, 2 * sizeof *distances, "distances");
    if (status == SNARM_OK)
        status = snarm_bank_search(bank, vectors, count, 2, -1, distances, NULL);
    const size_t farthest = count / FARTHEST + 1;
    double sum = 0;
    if (status == SNARM_OK) {
        for (size_t i = 0; i < count; i++)
            distances[i] = distances[2 * i + 1]; /* the nearest is the vector itself */
        qsort(distances, count, sizeof *distances, by_distance);
        for (size_t i = count - farthest; i < count; i++)
            sum += (double)distances[i];
    }
    *mean = sum / (double)farthest;
    sn_free(distances);
    snarm_bank_destroy(bank);
    return status;
}

static snarm_status choose_weight(snarm_detector *d, sn_feature_source *source, float *picture, float *relief) {
    size_t count;
    SN_TRY(collect(source, picture, relief, &count));
    double of_picture = 0, of_relief = 0;
    if (count > 1) {
        SN_TRY(farthest_distance(picture, count, (int32_t)picture_channels(d), d->threads, &of_picture));
        SN_TRY(farthest_distance(relief, count, d->shape.channels, d->threads, &of_relief));
    }
    /* Where all patches of one kind are alike there is nothing to compare. */
    if (of_picture > 0 && of_relief > 1e-6 * of_picture)
        d->recipe.depth_weight *= of_picture / of_relief;
    return SNARM_OK;
}

/* What the source has kept so far has a relief of weight 1. */
static void weigh_kept(sn_feature_source *source, float weight) {
    const size_t channels = (size_t)source->detector->channels, patches = source->filled_count * source->floats / channels;
    for (size_t p = 0; p < patches; p++)
        for (size_t c = picture_channels(source->detector); c < channels; c++)
            source->kept[p * channels + c] *= weight;
}

snarm_status sn_fit_depth(snarm_detector *d, sn_feature_source *source, const snarm_fit_options *options) {
    SN_TRY(choose_relief(&d->recipe, options->depths));
    float *picture, *relief = NULL;
    SN_TRY(sn_alloc(&picture, PATCHES, picture_channels(d) * sizeof *picture, "features"));
    d->recipe.depth_weight = 1;
    snarm_status status = sn_alloc(&relief, PATCHES, (size_t)d->shape.channels * sizeof *relief, "features");
    if (status == SNARM_OK)
        status = choose_weight(d, source, picture, relief);
    d->recipe.depth_weight *= options->depth_weight;
    weigh_kept(source, (float)d->recipe.depth_weight);
    sn_free(picture);
    sn_free(relief);
    return status;
}
