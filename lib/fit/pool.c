#include "fit/pool.h"

#include "core/memory.h"
#include "core/rng.h"
#include "fit/textures.h"
#include "synthesis/synthesis.h"
#include "train/plan.h"

#include <math.h>

enum {
    HELD_OUT_SHARE = 6,   /* one sample of so many */
    HELD_OUT_MOST = 160,  /* more would cost time and tell little */
    HELD_OUT_IMAGES = 12, /* from so many pictures on, one of HELD_OUT_SHARE serves the held-out samples alone */
    MASK_CELLS = 8,       /* pixels of a mask across a patch: as many as the picture has, as a rule */
};

/* Of training samples; held-out ones are as often good as defective. */
static const double defective_share = 0.7;

typedef struct pool_maker {
    snarm_detector *detector;
    sn_feature_source *source;
    const snarm_fit_options *options;
    sn_synthesis *synthesis, *relief_synthesis; /* the latter with depth */
    sn_textures textures;
    sn_inspection *inspection;
    size_t width, height, grid_width, grid_height;
    float *good, *varied, *other, *defective; /* (3, height, width), 0..1 */
    float *relief, *varied_relief, *other_relief; /* the same of reliefs, with depth */
    uint8_t *rgb, *relief_rgb, *mask, *cells;
    double light; /* of the picture that good is of */
    int32_t *nearest;
    size_t *owned; /* bank vectors of each picture */
    size_t bank_count;
} pool_maker;

static snarm_status allocate(pool_maker *m) {
    const size_t pixels = m->width * m->height, planes = 3 * pixels * sizeof(float);
    SN_TRY(sn_alloc(&m->good, 1, planes, "picture"));
    SN_TRY(sn_alloc(&m->varied, 1, planes, "picture"));
    SN_TRY(sn_alloc(&m->other, 1, planes, "picture"));
    SN_TRY(sn_alloc(&m->defective, 1, planes, "picture"));
    SN_TRY(sn_alloc(&m->rgb, 3, pixels, "picture"));
    if (m->detector->recipe.depth) {
        SN_TRY(sn_alloc(&m->relief, 1, planes, "relief"));
        SN_TRY(sn_alloc(&m->varied_relief, 1, planes, "relief"));
        SN_TRY(sn_alloc(&m->other_relief, 1, planes, "relief"));
        SN_TRY(sn_alloc(&m->relief_rgb, 3, pixels, "relief"));
    }
    SN_TRY(sn_alloc(&m->mask, pixels, 1, "mask"));
    SN_TRY(sn_alloc(&m->cells, m->grid_width * m->grid_height, MASK_CELLS * MASK_CELLS, "mask"));
    return sn_alloc(&m->nearest, m->grid_width * m->grid_height, (size_t)m->detector->recipe.neighbours * sizeof(int32_t),
                    "nearest bank vectors");
}

static void release(pool_maker *m) {
    void *const blocks[] = {m->good, m->varied, m->other, m->defective, m->relief, m->varied_relief, m->other_relief,
                            m->rgb, m->relief_rgb, m->mask, m->cells, m->nearest, m->owned};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        sn_free(blocks[i]);
    sn_textures_release(&m->textures);
    sn_synthesis_destroy(m->synthesis);
    sn_synthesis_destroy(m->relief_synthesis);
}

/* Any tile of a detector with tiles; without, the whole picture, and nothing is drawn. Samples show the places that inspection
 * sees: at others the network's patches would lie otherwise over the part, and no good sample would look as near to the bank as
 * good parts do. */
static size_t draw_tile(const pool_maker *m, sn_rng *rng) {
    return m->source->tiles > 1 ? sn_rng_below(rng, m->source->tiles) : 0;
}

static void to_planes(const uint8_t *rgb, size_t pixels, float *planes) {
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < 3; c++)
            planes[c * pixels + i] = (float)rgb[3 * i + c] / 255.0f;
}

/* A tile of a picture, and with depth of its relief, at the network's size, 0..1; light is that of the whole picture; NULL: not wanted. */
static snarm_status load_picture(pool_maker *m, size_t index, size_t tile, float *planes, float *relief, double *light) {
    const sn_tiles *tiles = &m->detector->tiles;
    const size_t columns = (size_t)tiles->x.count;
    SN_TRY(sn_fit_load_rgb(m->source, index, sn_tile_start(&tiles->x, (int32_t)(tile % columns)),
                           sn_tile_start(&tiles->y, (int32_t)(tile / columns)), m->rgb, m->relief_rgb, light));
    to_planes(m->rgb, m->width * m->height, planes);
    if (relief != NULL)
        to_planes(m->relief_rgb, m->width * m->height, relief);
    return SNARM_OK;
}

/* A cell is marked where any of its pixels is: thin lines are not lost. */
static void shrink_mask(const pool_maker *m) {
    const size_t columns = m->grid_width * MASK_CELLS, rows = m->grid_height * MASK_CELLS;
    for (size_t y = 0; y < rows; y++)
        for (size_t x = 0; x < columns; x++) {
            uint8_t marked = 0;
            for (size_t j = y * m->height / rows; j < (y + 1) * m->height / rows; j++)
                for (size_t i = x * m->width / columns; i < (x + 1) * m->width / columns; i++)
                    marked |= m->mask[j * m->width + i];
            m->cells[y * columns + x] = marked != 0;
        }
}

/* What brings a sample to that light. Its own is that of its picture, as far as the sample is not darker or brighter than it. */
static float even_out(const pool_maker *m, const float *sample, sn_light light) {
    if (light.level == 0)
        return 1;
    const size_t pixels = m->width * m->height;
    const double before = sn_light_of_planes(m->good, pixels), after = sn_light_of_planes(sample, pixels);
    return (float)sn_light_factor(light, before > 0 ? m->light * after / before : m->light);
}

/* Features of planes and where they lie in the bank, as a sample. */
static snarm_status add_sample(pool_maker *m, const float *planes, const float *relief, size_t index, bool defective,
                               sn_samples *samples) {
    snarm_detector *d = m->detector;
    const size_t pixels = m->width * m->height;
    const snarm_preprocess *how = &d->recipe.preprocess;
    sn_part_view views[SN_VIEWS_MAX];
    sn_detector_views(&d->recipe, views);
    for (size_t v = 0; v < sn_view_count(&d->recipe); v++) {
        const float *seen = views[v].relief ? relief : planes, factor = even_out(m, seen, views[v].light);
        for (size_t i = 0; i < 3 * pixels; i++)
            m->inspection->inputs[v][i] = (fminf(factor * seen[i], 1) - how->mean[i / pixels]) / how->std[i / pixels];
    }
    SN_TRY(sn_inspect_features(d, m->inspection));
    const bool enough = m->bank_count - m->owned[index] >= (size_t)d->recipe.neighbours;
    SN_TRY(sn_inspect_match(d, m->inspection, m->inspection->features, enough ? (int32_t)index : -1, d->recipe.neighbours,
                            m->nearest));
    return sn_samples_add(samples, m->inspection->features, m->nearest, m->inspection->patches, defective ? m->cells : NULL);
}

static snarm_status make_sample(pool_maker *m, size_t index, size_t other, bool defective, sn_rng *rng, sn_samples *samples) {
    SN_TRY(load_picture(m, index, draw_tile(m, rng), m->good, m->relief, &m->light));
    sn_rng same = *rng; /* the relief moves as the picture does */
    SN_TRY(sn_synthesis_jitter(m->synthesis, rng, m->good, m->varied));
    if (m->relief != NULL)
        SN_TRY(sn_synthesis_jitter(m->relief_synthesis, &same, m->relief, m->varied_relief));
    if (!defective)
        return add_sample(m, m->varied, m->varied_relief, index, false, samples);
    SN_TRY(load_picture(m, other, draw_tile(m, rng), m->other, m->other_relief, NULL));
    /* Most defects show in one of both: half of them in the relief. */
    const bool deep = m->relief != NULL && sn_rng_uniform(rng) < 0.5;
    sn_defect what;
    SN_TRY(sn_synthesis_defect(deep ? m->relief_synthesis : m->synthesis, rng, deep ? m->varied_relief : m->varied,
                               deep ? m->other_relief : m->other, m->defective, m->mask, &what));
    shrink_mask(m);
    return add_sample(m, deep ? m->varied : m->defective, deep ? m->defective : m->varied_relief, index, what.visible > 0,
                      samples);
}

/* Which of the pictures sample s of count is made of. With tiles, samples of one picture come one after the other, and what
 * is copied into a defect comes from that picture too: a large file is then decoded once. */
static size_t choose_picture(const pool_maker *m, size_t s, size_t count, size_t picture_count) {
    return m->source->tiles > 1 ? (size_t)((uint64_t)s * picture_count / count) : s % picture_count;
}

/* A relief has no light: good ones move only. */
static snarm_status create_relief_synthesis(pool_maker *m, const sn_synthesis_options *options) {
    sn_synthesis_options still = *options;
    still.brightness = still.contrast = still.noise = still.blur = 0;
    return sn_synthesis_create(&m->relief_synthesis, &still);
}

/* count samples of pictures (pictures, of which there are picture_count), each as often as any other. */
static snarm_status make_samples(pool_maker *m, const size_t *pictures, size_t picture_count, size_t count, sn_kinds kinds,
                                 uint64_t stream, size_t done, size_t total, sn_samples *samples) {
    sn_synthesis_options options;
    sn_synthesis_options_default(&options, (int32_t)m->width, (int32_t)m->height);
    sn_synthesis_options_kinds(&options, kinds);
    options.textures = m->textures.images, options.texture_count = m->textures.count;
    SN_TRY(sn_synthesis_create(&m->synthesis, &options));
    snarm_status status = m->relief != NULL ? create_relief_synthesis(m, &options) : SNARM_OK;
    for (size_t s = 0; s < count && status == SNARM_OK; s++) {
        sn_rng rng;
        sn_rng_seed(&rng, m->options->train->seed, (stream << 32) + s);
        const double chance = sn_rng_uniform(&rng);
        const bool defective = kinds == SN_KINDS_HELD_OUT ? s % 2 == 0 : chance < defective_share; /* of both kinds some */
        const size_t index = pictures[choose_picture(m, s, count, picture_count)];
        const size_t drawn = pictures[sn_rng_below(&rng, picture_count)];
        const size_t other = m->source->tiles > 1 ? index : drawn;
        status = sn_progress(m->options->progress, m->options->progress_user, "samples", done + s, total);
        if (status == SNARM_OK)
            status = make_sample(m, index, other, defective, &rng, samples);
    }
    sn_synthesis_destroy(m->synthesis);
    sn_synthesis_destroy(m->relief_synthesis);
    m->synthesis = m->relief_synthesis = NULL;
    return status;
}

/* Pictures in a random order, those for held-out samples last; *training: how many are not. */
static snarm_status share_out(const pool_maker *m, size_t **out, size_t *training) {
    const size_t count = m->source->images->count;
    SN_TRY(sn_alloc(out, count, sizeof **out, "order of pictures"));
    sn_rng rng;
    sn_rng_seed(&rng, m->options->train->seed, 0x706f6f6c);
    for (size_t i = 0; i < count; i++) {
        const size_t j = sn_rng_below(&rng, i + 1);
        (*out)[i] = (*out)[j];
        (*out)[j] = i;
    }
    *training = count >= HELD_OUT_IMAGES ? count - count / HELD_OUT_SHARE : count;
    return SNARM_OK;
}

static snarm_status fill(sn_fit_pool *pool, pool_maker *m) {
    const snarm_detector *d = m->detector;
    SN_TRY(snarm_bank_get_size(d->bank, &m->bank_count, NULL, NULL));
    SN_TRY(sn_fit_count_owned(d, &m->owned));
    SN_TRY(allocate(m));
    sn_fit_let_go(m->source);
    SN_TRY(sn_textures_load(&m->textures, m->options->textures, (int32_t)(m->width > m->height ? m->width : m->height) * 2));
    sn_samples_shape shape = {.grid_width = m->grid_width,
                              .grid_height = m->grid_height,
                              .channels = (size_t)d->channels,
                              .neighbours = (size_t)d->recipe.neighbours,
                              .mask_width = m->grid_width * MASK_CELLS,
                              .mask_height = m->grid_height * MASK_CELLS,
                              .coverage = d->coverage,
                              .stages = sn_detector_stages(d)};
    if (sn_train_sees_means(m->options->train))
        SN_TRY(snarm_bank_get_vectors(d->bank, &shape.vectors, NULL));
    const size_t fits = (size_t)m->options->train->memory / sn_samples_bytes(&shape);
    const size_t wanted = (size_t)m->options->train->samples, total = fits < wanted ? fits : wanted;
    if (total < 2 * HELD_OUT_SHARE)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_train_options: memory is %lld, room for %zu samples, expected at least %d",
                        (long long)m->options->train->memory, fits, 2 * HELD_OUT_SHARE);
    const size_t part = total / HELD_OUT_SHARE, held_out = part < HELD_OUT_MOST ? part : HELD_OUT_MOST;
    SN_TRY(sn_samples_create(&pool->training, &shape, total - held_out));
    SN_TRY(sn_samples_create(&pool->held_out, &shape, held_out));
    size_t *order, training;
    SN_TRY(share_out(m, &order, &training));
    const size_t count = m->source->images->count;
    const bool shared = training == count;
    snarm_status status = make_samples(m, order, training, total - held_out, SN_KINDS_TRAINING, 1, 0, total,
                                       pool->training);
    if (status == SNARM_OK)
        status = make_samples(m, shared ? order : order + training, shared ? count : count - training, held_out,
                              SN_KINDS_HELD_OUT, 2, total - held_out, total, pool->held_out);
    sn_free(order);
    return status;
}

snarm_status sn_fit_pool_create(sn_fit_pool *pool, snarm_detector *detector, sn_feature_source *source,
                                const snarm_fit_options *options) {
    *pool = (sn_fit_pool){NULL, NULL};
    pool_maker m = {.detector = detector,
                    .source = source,
                    .options = options,
                    .inspection = source->inspection,
                    .width = (size_t)detector->shape.width,
                    .height = (size_t)detector->shape.height,
                    .grid_width = (size_t)detector->shape.grid_width,
                    .grid_height = (size_t)detector->shape.grid_height};
    snarm_status status = fill(pool, &m);
    sn_fit_let_go(source);
    release(&m);
    if (status != SNARM_OK)
        sn_fit_pool_destroy(pool);
    return status;
}

void sn_fit_pool_destroy(sn_fit_pool *pool) {
    sn_samples_destroy(pool->training);
    sn_samples_destroy(pool->held_out);
    *pool = (sn_fit_pool){NULL, NULL};
}
