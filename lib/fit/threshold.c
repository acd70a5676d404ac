/* The threshold of a fit, from the scores that the good pictures get when their own bank vectors do not count. */
#include "fit/fit.h"

#include "core/memory.h"
#include "snarm/map.h"

#include <string.h>

static snarm_status score_features(const snarm_detector *d, sn_inspection *inspection, const float *features,
                                   int32_t exclude, int32_t neighbours, float *score, float *map_score) {
    sn_scores scores;
    SN_TRY(sn_inspect_map(d, inspection, features, exclude, neighbours));
    SN_TRY(sn_inspect_scores(d, inspection, &scores));
    *score = sn_image_score(&d->recipe, &scores);
    *map_score = scores.map;
    return SNARM_OK;
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

static snarm_status leave_one_out(snarm_detector *d, sn_feature_source *source, const snarm_fit_options *options,
                                  const size_t *owned, float *map_scores) {
    size_t bank_count;
    SN_TRY(snarm_bank_get_size(d->bank, &bank_count, NULL, NULL));
    const size_t count = source->images->count;
    for (size_t i = 0; i < count; i++) {
        SN_TRY(sn_progress(options->progress, options->progress_user, "threshold", i, count));
        const float *features;
        SN_TRY(sn_feature_source_get(source, i, &features));
        /* A picture that owns (nearly) the whole bank leaves fewer neighbours, or none: then its own must do. */
        const size_t others = bank_count - owned[i];
        const int32_t wanted = d->recipe.neighbours;
        const bool fewer = d->scorer == NULL && others > 0 && others < (size_t)wanted;
        const int32_t neighbours = fewer ? (int32_t)others : wanted;
        const int32_t exclude = others >= (size_t)neighbours ? (int32_t)i : -1;
        SN_TRY(score_features(d, source->inspection, features, exclude, neighbours, &d->scores[i], &map_scores[i]));
    }
    return sn_progress(options->progress, options->progress_user, "threshold", count, count);
}

/* Mirrors the planes of an input from left to right or from top to bottom. */
static void mirror(float *planes, int32_t width, int32_t height, bool upside_down) {
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

/* One picture leaves nothing to compare it with but itself, mirrored: left-right, turned, upside down. */
static snarm_status score_mirrored(snarm_detector *d, sn_feature_source *source, float scores[3], float map_scores[3]) {
    const float *features;
    sn_feature_source fresh = *source; /* the input's planes are wanted, so the features are computed again */
    fresh.kept_count = fresh.filled_count = 0;
    SN_TRY(sn_feature_source_get(&fresh, 0, &features));
    sn_inspection *inspection = source->inspection;
    for (int i = 0; i < 3; i++) {
        mirror(inspection->planes, d->shape.width, d->shape.height, i == 1);
        SN_TRY(sn_inspect_features(d, inspection));
        SN_TRY(score_features(d, inspection, inspection->features, -1, d->recipe.neighbours, &scores[i], &map_scores[i]));
    }
    return SNARM_OK;
}

snarm_status sn_fit_threshold(snarm_detector *d, sn_feature_source *source, const snarm_fit_options *options) {
    const size_t count = source->images->count;
    SN_TRY(sn_alloc(&d->scores, count, sizeof(float), "scores"));
    size_t bank_count;
    SN_TRY(snarm_bank_get_size(d->bank, &bank_count, NULL, NULL));
    if (bank_count < (size_t)d->recipe.neighbours) {
        if (d->scorer != NULL)
            return sn_error(SNARM_ERROR_ARGUMENT, "snarm_detector_fit: the bank has %zu vectors, fewer than the %d neighbours",
                            bank_count, (int)d->recipe.neighbours);
        d->recipe.neighbours = (int32_t)bank_count;
    }
    float unused;
    if (count == 1) {
        float scores[3], map_scores[3];
        SN_TRY(score_mirrored(d, source, scores, map_scores));
        sn_choose_threshold(scores, 3, options->false_alarm_rate, &d->threshold, &d->score_low);
        sn_choose_threshold(map_scores, 3, options->false_alarm_rate, &d->map_threshold, &unused);
        d->scores[0] = scores[2]; /* sorted by then: the largest */
        return SNARM_OK;
    }
    size_t *owned;
    float *sorted = NULL, *map_scores = NULL;
    SN_TRY(sn_fit_count_owned(d, &owned));
    snarm_status status = sn_alloc(&map_scores, count, sizeof *map_scores, "scores of maps");
    if (status == SNARM_OK)
        status = sn_alloc(&sorted, count, sizeof *sorted, "sorted scores");
    if (status == SNARM_OK)
        status = leave_one_out(d, source, options, owned, map_scores);
    if (status == SNARM_OK) {
        memcpy(sorted, d->scores, count * sizeof *sorted);
        sn_choose_threshold(sorted, count, options->false_alarm_rate, &d->threshold, &d->score_low);
        sn_choose_threshold(map_scores, count, options->false_alarm_rate, &d->map_threshold, &unused);
    }
    sn_free(owned);
    sn_free(map_scores);
    sn_free(sorted);
    return status;
}
