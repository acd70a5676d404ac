/* Inspecting a picture: its memory, its tiles one after the other, and the verdict. */
#include "detector/detector.h"

#include "core/clock.h"
#include "core/memory.h"
#include "core/threads.h"
#include "image/preprocess.h"
#include "map/contrast.h"
#include "snarm/map.h"

#include <math.h>
#include <string.h>

static double milliseconds(void) {
    return 1e3 * sn_seconds();
}

snarm_status sn_inspect_features(const snarm_detector *detector, sn_inspection *inspection) {
    const double began = milliseconds();
    SN_TRY(sn_inspect_views(detector, inspection));
    inspection->backbone_ms += milliseconds() - began;
    return SNARM_OK;
}

/* A pixel of the map in pixels of a picture of that size: undoes the crop, then the resize. */
static double to_picture(int32_t at, int32_t resized, int32_t cropped, int32_t picture) {
    const int32_t border = (resized - cropped) / 2;
    return (at + border + 0.5) * picture / resized;
}

/* After the image score, which is of the map as it was. */
static void add_contrast(const snarm_detector *d, sn_inspection *inspection, double score) {
    const double factor = sn_map_contrast_factor(d->recipe.map_contrast, score, (double)d->threshold, (double)d->score_low);
    const int former = sn_threads_enter(d->threads);
    sn_map_contrast(inspection->map, (size_t)d->recipe.preprocess.width * (size_t)d->recipe.preprocess.height, d->scorer != NULL, factor);
    sn_threads_leave(former);
}

static snarm_status fill_result(const snarm_detector *d, const snarm_image *image, sn_inspection *inspection,
                                snarm_result *result) {
    const double began = milliseconds();
    const int32_t width = d->recipe.preprocess.width, height = d->recipe.preprocess.height;
    sn_scores scores;
    SN_TRY(sn_inspect_scores(d, inspection, &scores));
    result->score = sn_image_score(&d->recipe, &scores);
    add_contrast(d, inspection, (double)result->score);
    size_t largest = 0;
    for (size_t i = 1; i < (size_t)width * (size_t)height; i++)
        if (inspection->map[i] > inspection->map[largest])
            largest = i;
    result->threshold = d->threshold;
    result->map_threshold = d->map_threshold;
    result->normalized = sn_normalize_score(result->score, d->threshold, d->score_low);
    result->anomalous = result->score >= d->threshold;
    result->map_max = inspection->map[largest];
    result->map_x = (int32_t)(largest % (size_t)width);
    result->map_y = (int32_t)(largest / (size_t)width);
    result->x = to_picture(result->map_x, d->recipe.preprocess.resize_width, width, image->width);
    result->y = to_picture(result->map_y, d->recipe.preprocess.resize_height, height, image->height);
    result->preprocess_ms = inspection->preprocess_ms;
    result->backbone_ms = inspection->backbone_ms;
    result->match_ms = inspection->match_ms;
    result->scorer_ms = inspection->scorer_ms;
    result->map_ms = inspection->map_ms + milliseconds() - began;
    return SNARM_OK;
}

/* Tile number tile of a picture, and with depth of its relief, to the network's inputs. */
static snarm_status load_tile(const snarm_detector *d, const snarm_image *image, const snarm_image *relief, size_t tile,
                              void *scratch, float *const inputs[SN_VIEWS_MAX]) {
    const size_t columns = (size_t)d->tiles.x.count;
    const sn_window window = {sn_tile_start(&d->tiles.x, (int32_t)(tile % columns)),
                              sn_tile_start(&d->tiles.y, (int32_t)(tile / columns)), d->shape.width, d->shape.height};
    sn_part_view views[SN_VIEWS_MAX];
    sn_detector_views(&d->recipe, views);
    for (size_t v = 0; v < sn_view_count(&d->recipe); v++)
        SN_TRY(sn_image_preprocess_in(views[v].relief ? relief : image, &d->recipe.preprocess, &window, views[v].light, scratch, inputs[v],
                                      NULL));
    return SNARM_OK;
}

snarm_status sn_inspect_prepare(const snarm_detector *d, sn_prepared *prepared, const snarm_image *image,
                                const snarm_depth *depth) {
    const double began = milliseconds();
    if (d->recipe.depth)
        SN_TRY(sn_detector_relief(d, depth, &prepared->relief));
    if (sn_tiles_count(&d->tiles) == 1) {
        snarm_status status = load_tile(d, image, &prepared->relief, 0, prepared->scratch, prepared->inputs);
        snarm_image_release(&prepared->relief);
        if (status != SNARM_OK)
            return status;
    }
    prepared->milliseconds = milliseconds() - began;
    return SNARM_OK;
}

typedef struct tile_source {
    const snarm_detector *detector;
    sn_inspection *inspection;
    const snarm_image *image, *relief;
} tile_source;

static snarm_status give_tile(void *user, size_t tile, const float **features) {
    const tile_source *source = user;
    sn_inspection *inspection = source->inspection;
    if (sn_tiles_count(&source->detector->tiles) > 1) {
        const double began = milliseconds();
        SN_TRY(load_tile(source->detector, source->image, source->relief, tile, inspection->scratch, inspection->inputs));
        inspection->preprocess_ms += milliseconds() - began;
    }
    SN_TRY(sn_inspect_features(source->detector, inspection));
    *features = inspection->features;
    return SNARM_OK;
}

static void swap(float **a, float **b) {
    float *c = *a;
    *a = *b, *b = c;
}

static snarm_status inspect_with(const snarm_detector *d, sn_inspection *inspection, sn_prepared *prepared,
                                 const snarm_image *image, snarm_result *result, float *map) {
    inspection->preprocess_ms = prepared->milliseconds;
    inspection->backbone_ms = 0;
    for (size_t v = 0; v < SN_VIEWS_MAX && sn_tiles_count(&d->tiles) == 1; v++)
        swap(&inspection->inputs[v], &prepared->inputs[v]);
    tile_source source = {d, inspection, image, &prepared->relief};
    snarm_status status = sn_inspect_map(d, inspection, give_tile, &source, -1, d->recipe.neighbours);
    snarm_image_release(&prepared->relief);
    SN_TRY(status);
    SN_TRY(fill_result(d, image, inspection, result));
    if (map != NULL)
        memcpy(map, inspection->map,
               (size_t)d->recipe.preprocess.width * (size_t)d->recipe.preprocess.height * sizeof *map);
    return SNARM_OK;
}

snarm_status sn_inspect_prepared(const snarm_detector *d, sn_prepared *prepared, const snarm_image *image,
                                 snarm_result *result, float *map) {
    void *state;
    snarm_status status = sn_pool_take(d->states, &state);
    if (status != SNARM_OK) {
        snarm_image_release(&prepared->relief);
        return status;
    }
    status = inspect_with(d, state, prepared, image, result, map);
    sn_pool_give(d->states, state);
    return status;
}

static snarm_status inspect_pinned(const snarm_detector *detector, const snarm_image *image, const snarm_depth *depth,
                                   snarm_result *result, float *map) {
    void *state;
    SN_TRY(sn_pool_take(detector->states, &state));
    sn_inspection *inspection = state;
    /* In the inspection's own memory. */
    sn_prepared prepared = {.scratch = inspection->scratch};
    memcpy(prepared.inputs, inspection->inputs, sizeof prepared.inputs);
    snarm_status status = sn_inspect_prepare(detector, &prepared, image, depth);
    if (status == SNARM_OK)
        status = inspect_with(detector, inspection, &prepared, image, result, map);
    sn_pool_give(detector->states, state);
    return status;
}

static snarm_status inspect(const snarm_detector *detector, const snarm_image *image, const snarm_depth *depth,
                            snarm_result *result, float *map) {
    snarm_result filled = {.struct_size = sizeof filled};
    SN_TRY(sn_options_check(result->struct_size, sizeof filled, "snarm_result"));
    sn_processors former;
    if (detector->pin)
        SN_TRY(sn_threads_pin(detector->threads, "snarm_detector_inspect", &former));
    snarm_status status = inspect_pinned(detector, image, depth, &filled, map);
    if (detector->pin)
        sn_threads_unpin(detector->threads, &former);
    if (status == SNARM_OK)
        sn_options_write(result, &filled, sizeof filled);
    return status;
}

snarm_status snarm_detector_inspect(const snarm_detector *detector, const snarm_image *image, snarm_result *result,
                                    float *map) {
    if (detector == NULL || image == NULL || result == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_detector_inspect: %s is NULL",
                        detector == NULL ? "detector" : image == NULL ? "image" : "result");
    if (detector->recipe.depth)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_detector_inspect: the detector was fitted with depth pictures: "
                                              "snarm_detector_inspect_depth takes one with the image");
    return inspect(detector, image, NULL, result, map);
}

snarm_status snarm_detector_inspect_depth(const snarm_detector *detector, const snarm_image *image, const snarm_depth *depth,
                                          snarm_result *result, float *map) {
    if (detector == NULL || image == NULL || depth == NULL || result == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_detector_inspect_depth: %s is NULL",
                        detector == NULL ? "detector" : image == NULL ? "image" : depth == NULL ? "depth" : "result");
    if (!detector->recipe.depth)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_detector_inspect_depth: the detector was fitted without depth pictures");
    return inspect(detector, image, depth, result, map);
}

snarm_status snarm_detector_map_to_image(const snarm_detector *detector, const float *map, int32_t image_width,
                                         int32_t image_height, float *dst) {
    if (detector == NULL || map == NULL || dst == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_detector_map_to_image: a pointer is NULL");
    if (image_width < 1 || image_height < 1)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_detector_map_to_image: the picture is %dx%d, expected 1x1 or more",
                        (int)image_width, (int)image_height);
    const snarm_preprocess *how = &detector->recipe.preprocess;
    /* The map laid into its place of the resized picture, the border filled from its edge, then resized as a whole. */
    const int32_t left = (how->resize_width - how->width) / 2, top = (how->resize_height - how->height) / 2;
    if (how->resize_width == how->width && how->resize_height == how->height)
        return snarm_map_resize(map, how->width, how->height, dst, image_width, image_height);
    float *framed;
    SN_TRY(sn_alloc(&framed, (size_t)how->resize_width, (size_t)how->resize_height * sizeof *framed, "map with border"));
    for (int32_t y = 0; y < how->resize_height; y++)
        for (int32_t x = 0; x < how->resize_width; x++) {
            const int32_t from_y = y < top ? 0 : y - top < how->height ? y - top : how->height - 1;
            const int32_t from_x = x < left ? 0 : x - left < how->width ? x - left : how->width - 1;
            framed[(size_t)y * (size_t)how->resize_width + (size_t)x] =
                map[(size_t)from_y * (size_t)how->width + (size_t)from_x];
        }
    snarm_status status =
        snarm_map_resize(framed, how->resize_width, how->resize_height, dst, image_width, image_height);
    sn_free(framed);
    return status;
}
