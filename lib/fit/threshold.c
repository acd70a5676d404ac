/* The threshold of a fit, from the scores that the good pictures get when their own bank vectors do not count. */
#include "fit/fit.h"

#include "core/median.h"
#include "core/memory.h"
#include "snarm/map.h"

#include <string.h>

static snarm_status score_tiles(const snarm_detector *d, sn_inspection *inspection, sn_tile_features give, void *user,
                                int32_t exclude, int32_t neighbours, sn_scores *scores) {
    SN_TRY(sn_inspect_map(d, inspection, give, user, exclude, neighbours));
    return sn_inspect_scores(d, inspection, scores);
}

snarm_status sn_fit_count_owned(const snarm_detector *d, size_t **out) {
    size_t count;
    const int32_t *images;
    SN_TRY(snarm_bank_get_size(d->bank, &count, NULL, NULL));
    SN_TRY(snarm_bank_get_vectors(d->bank, NULL, &images));
    SN_TRY(sn_alloc_zeroed(out, (size_t)d->image_count, sizeof **out, "vectors of each picture"));
    for (size_t i = 0; i < count; i++)
        (*out)[images[i]]++;
    return SNARM_OK;
}

/* The tiles of one of the good pictures. */
typedef struct good_picture {
    sn_feature_source *source;
    const snarm_fit_options *options;
    size_t index;
} good_picture;

static snarm_status give_tile(void *user, size_t tile, const float **features) {
    const good_picture *picture = user;
    const size_t index = picture->index * picture->source->tiles + tile;
    SN_TRY(sn_progress(picture->options->progress, picture->options->progress_user, "threshold", index,
                       sn_feature_source_count(picture->source)));
    return sn_feature_source_get(picture->source, index, features);
}

static snarm_status leave_one_out(snarm_detector *d, sn_feature_source *source, const snarm_fit_options *options,
                                  const size_t *owned, sn_scores *scores) {
    size_t bank_count;
    SN_TRY(snarm_bank_get_size(d->bank, &bank_count, NULL, NULL));
    const size_t count = source->images->count;
    for (size_t i = 0; i < count; i++) {
        /* A picture that owns (nearly) the whole bank leaves fewer neighbours, or none: then its own must do. */
        const size_t others = bank_count - owned[i];
        const int32_t wanted = d->recipe.neighbours;
        const bool fewer = d->scorer == NULL && others > 0 && others < (size_t)wanted;
        const int32_t neighbours = fewer ? (int32_t)others : wanted;
        const int32_t exclude = others >= (size_t)neighbours ? (int32_t)i : -1;
        good_picture picture = {source, options, i};
        SN_TRY(score_tiles(d, source->inspection, give_tile, &picture, exclude, neighbours, &scores[i]));
    }
    const size_t tiles = sn_feature_source_count(source);
    return sn_progress(options->progress, options->progress_user, "threshold", tiles, tiles);
}

static void mirror_planes(float *planes, int32_t width, int32_t height, bool upside_down) {
    const size_t w = (size_t)width, h = (size_t)height;
    for (size_t y = 0; y < 3 * h; y++) {
        const size_t plane = y / h, row = y % h;
        for (size_t x = 0; x < w; x++) {
            const size_t other_row = upside_down ? h - 1 - row : row, other_x = upside_down ? x : w - 1 - x;
            if (upside_down ? other_row <= row : other_x <= x)
                continue;
            float *a = &planes[(plane * h + row) * w + x], *b = &planes[(plane * h + other_row) * w + other_x];
            const float kept = *a;
            *a = *b, *b = kept;
        }
    }
}

/* Mirrors an input from left to right or from top to bottom. A relief's mirrored slopes go the other way: the channel of those along the
 * mirrored axis is turned about its middle, grey. */
static void mirror(const snarm_detector *d, float *planes, bool relief, bool upside_down) {
    mirror_planes(planes, d->shape.width, d->shape.height, upside_down);
    if (!relief)
        return;
    const size_t pixels = (size_t)d->shape.width * (size_t)d->shape.height, c = upside_down ? 2 : 1;
    const float sum = (1 - 2 * d->shape.mean[c]) / d->shape.std[c]; /* of a value and its opposite, normalised */
    for (size_t i = 0; i < pixels; i++)
        planes[c * pixels + i] = sum - planes[c * pixels + i];
}

/* The tiles of a mirrored picture: each is the mirror image of another place. */
typedef struct mirrored_picture {
    sn_feature_source *source;
    bool left_right, upside_down;
} mirrored_picture;

static snarm_status give_mirrored(void *user, size_t tile, const float **features) {
    const mirrored_picture *picture = user;
    const snarm_detector *d = picture->source->detector;
    const sn_tile_axis *x = &d->tiles.x, *y = &d->tiles.y;
    const int32_t left = sn_tile_start(x, (int32_t)(tile % (size_t)x->count));
    const int32_t top = sn_tile_start(y, (int32_t)(tile / (size_t)x->count));
    SN_TRY(sn_fit_load(picture->source, 0, picture->left_right ? x->length - x->tile - left : left,
                       picture->upside_down ? y->length - y->tile - top : top));
    sn_inspection *inspection = picture->source->inspection;
    sn_part_view views[SN_VIEWS_MAX];
    sn_detector_views(&d->recipe, views);
    for (size_t v = 0; v < sn_view_count(&d->recipe); v++) {
        if (picture->left_right)
            mirror(d, inspection->inputs[v], views[v].relief, false);
        if (picture->upside_down)
            mirror(d, inspection->inputs[v], views[v].relief, true);
    }
    SN_TRY(sn_inspect_features(d, inspection));
    *features = inspection->features;
    return SNARM_OK;
}

/* One picture leaves nothing to compare it with but itself, mirrored: left-right, turned, upside down. */
enum { MIRRORED = 3 };
static snarm_status score_mirrored(snarm_detector *d, sn_feature_source *source, sn_scores scores[MIRRORED]) {
    for (int i = 0; i < MIRRORED; i++) {
        mirrored_picture picture = {source, i < 2, i > 0};
        SN_TRY(score_tiles(d, source->inspection, give_mirrored, &picture, -1, d->recipe.neighbours, &scores[i]));
    }
    return SNARM_OK;
}

/* What floor is usual, which scores depend on, then they and the thresholds. sorted has room for count. */
static void choose_thresholds(snarm_detector *d, const sn_scores *scores, size_t count, double rate, float *sorted) {
    float unused;
    if (d->recipe.score_floor > 0) {
        for (size_t i = 0; i < count; i++)
            sorted[i] = scores[i].floor;
        d->recipe.usual_floor = sn_median(sorted, count);
    }
    for (size_t i = 0; i < count; i++)
        sorted[i] = scores[i].map;
    sn_choose_threshold(sorted, count, rate, &d->map_threshold, &unused);
    for (size_t i = 0; i < count; i++)
        sorted[i] = sn_image_score(&d->recipe, &scores[i]);
    if (d->image_count > 1)
        memcpy(d->scores, sorted, count * sizeof *sorted);
    sn_choose_threshold(sorted, count, rate, &d->threshold, &d->score_low);
    if (d->image_count == 1)
        d->scores[0] = sorted[count - 1]; /* the largest: they are sorted by now */
}

static snarm_status score_pictures(snarm_detector *d, sn_feature_source *source, const snarm_fit_options *options, sn_scores *scores) {
    if (source->images->count == 1)
        return score_mirrored(d, source, scores);
    size_t *owned;
    SN_TRY(sn_fit_count_owned(d, &owned));
    snarm_status status = leave_one_out(d, source, options, owned, scores);
    sn_free(owned);
    return status;
}

snarm_status sn_fit_threshold(snarm_detector *d, sn_feature_source *source, const snarm_fit_options *options) {
    const size_t pictures = source->images->count, count = pictures == 1 ? MIRRORED : pictures;
    SN_TRY(sn_alloc(&d->scores, pictures, sizeof(float), "scores"));
    size_t bank_count;
    SN_TRY(snarm_bank_get_size(d->bank, &bank_count, NULL, NULL));
    if (bank_count < (size_t)d->recipe.neighbours) {
        if (d->scorer != NULL)
            return sn_error(SNARM_ERROR_ARGUMENT, "snarm_detector_fit: the bank has %zu vectors, fewer than the %d neighbours",
                            bank_count, (int)d->recipe.neighbours);
        d->recipe.neighbours = (int32_t)bank_count;
    }
    sn_scores *scores;
    float *sorted = NULL;
    SN_TRY(sn_alloc(&scores, count, sizeof *scores, "scores of pictures"));
    snarm_status status = sn_alloc(&sorted, count, sizeof *sorted, "sorted scores");
    if (status == SNARM_OK)
        status = score_pictures(d, source, options, scores);
    if (status == SNARM_OK)
        choose_thresholds(d, scores, count, options->false_alarm_rate, sorted);
    sn_free(sorted);
    sn_free(scores);
    return status;
}
