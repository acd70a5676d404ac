/* Synthetic defects: the same for a seed, marked where they are seen, of every kind, within bounds on any
 * picture. */
#include "core/memory.h"
#include "core/threads.h"
#include "support.h"
#include "synthesis/synthesis.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 64, TEXTURE_SIDE = 40 };

/* Pictures of one size, with guards around what the library writes. */
typedef struct bench {
    int32_t width, height;
    size_t pixels;
    float *good, *other, *dst_block, *dst;
    uint8_t *mask_block, *mask;
    uint8_t texture_pixels[TEXTURE_SIDE * TEXTURE_SIDE * 3];
    snarm_image texture;
    sn_synthesis_options options;
    sn_synthesis *synthesis;
} bench;

static void set_guards(bench *b) {
    memset(b->dst_block, 0x5a, (3 * b->pixels + 2 * GUARD) * sizeof(float));
    memset(b->mask_block, 0x5a, b->pixels + 2 * GUARD);
}

static void check_guards(const bench *b) {
    const uint8_t *dst = (const uint8_t *)b->dst_block, *dst_end = (const uint8_t *)(b->dst + 3 * b->pixels);
    int bad = 0;
    for (size_t i = 0; i < GUARD * sizeof(float); i++)
        bad += dst[i] != 0x5a || dst_end[i] != 0x5a;
    for (size_t i = 0; i < GUARD; i++)
        bad += b->mask_block[i] != 0x5a || b->mask[b->pixels + i] != 0x5a;
    ck_assert_int_eq(bad, 0);
}

static void bench_create(bench *b, int32_t width, int32_t height) {
    *b = (bench){.width = width, .height = height, .pixels = (size_t)width * (size_t)height};
    ck_ok(sn_alloc_zeroed(&b->good, 3 * b->pixels, sizeof(float), "good"));
    ck_ok(sn_alloc_zeroed(&b->other, 3 * b->pixels, sizeof(float), "other"));
    ck_ok(sn_alloc(&b->dst_block, 3 * b->pixels + 2 * GUARD, sizeof(float), "dst"));
    ck_ok(sn_alloc(&b->mask_block, b->pixels + 2 * GUARD, 1, "mask"));
    b->dst = b->dst_block + GUARD, b->mask = b->mask_block + GUARD;
    set_guards(b);
    sn_rng rng;
    sn_rng_seed(&rng, 5, 5);
    for (size_t i = 0; i < sizeof b->texture_pixels; i++)
        b->texture_pixels[i] = (uint8_t)((i / 30 & 1) * 120 + sn_rng_below(&rng, 100));
    b->texture = (snarm_image){b->texture_pixels, TEXTURE_SIDE, TEXTURE_SIDE, 0, SNARM_BGR8, NULL};
    sn_synthesis_options_default(&b->options, width, height);
}

static void bench_start(bench *b) {
    b->options.textures = &b->texture, b->options.texture_count = 1;
    sn_synthesis_destroy(b->synthesis);
    ck_ok(sn_synthesis_create(&b->synthesis, &b->options));
}

static void bench_destroy(bench *b) {
    sn_synthesis_destroy(b->synthesis);
    sn_free(b->good);
    sn_free(b->other);
    sn_free(b->dst_block);
    sn_free(b->mask_block);
}

/* A surface with waves, grain and a hue; grey if hue is 0. On 8-bit steps. */
static void paint_surface(const bench *b, float *planes, float hue, float grain, uint64_t seed) {
    sn_rng rng;
    sn_rng_seed(&rng, seed, 99);
    for (size_t i = 0; i < b->pixels; i++) {
        float x = (float)(i % (size_t)b->width), y = (float)(i / (size_t)b->width);
        float value = 0.45f + 0.12f * sinf(0.11f * x + 0.02f * y) + 0.05f * sinf(0.31f * y) +
                      grain * ((float)sn_rng_uniform(&rng) - 0.5f);
        for (int c = 0; c < 3; c++)
            planes[(size_t)c * b->pixels + i] = roundf(255.0f * (value + hue * (float)(c - 1))) / 255.0f;
    }
}

static void paint_even(const bench *b, float value) {
    for (size_t i = 0; i < 3 * b->pixels; i++)
        b->good[i] = value;
}

static sn_defect draw(bench *b, uint64_t seed, uint64_t sample) {
    sn_rng rng;
    sn_rng_seed(&rng, seed, sample);
    sn_defect what;
    ck_ok(sn_synthesis_defect(b->synthesis, &rng, b->good, b->other, b->dst, b->mask, &what));
    return what;
}

/* What holds for every sample. Pixels are counted first: asserting each would take longer than making them.
 */
static void check_sample(const bench *b, const sn_defect *what) {
    int32_t count = 0, left = b->width, top = b->height, right = 0, bottom = 0, bad = 0;
    double sum = 0.0;
    for (size_t i = 0; i < b->pixels; i++) {
        int32_t x = (int32_t)(i % (size_t)b->width), y = (int32_t)(i / (size_t)b->width);
        float change = 0.0f;
        for (size_t at = i; at < 3 * b->pixels; at += b->pixels) {
            bad += !(b->dst[at] >= 0.0f && b->dst[at] <= 1.0f);
            change = fmaxf(change, fabsf(b->dst[at] - b->good[at]));
            bad += b->dst[at] != b->good[at] && b->dst[at] != roundf(b->dst[at] * 255.0f) / 255.0f;
        }
        bad += b->mask[i] > 1;
        if (b->mask[i] == 0)
            continue;
        count++, sum += (double)change;
        left = x < left ? x : left, right = x >= right ? x + 1 : right;
        top = y < top ? y : top, bottom = y >= bottom ? y + 1 : bottom;
    }
    ck_assert_int_eq(bad, 0);
    ck_assert_int_eq(what->visible, count);
    if (count == 0) {
        ck_assert(memcmp(b->dst, b->good, 3 * b->pixels * sizeof(float)) == 0);
        return;
    }
    ck_assert_int_eq(what->left, left);
    ck_assert_int_eq(what->top, top);
    ck_assert_int_eq(what->right, right);
    ck_assert_int_eq(what->bottom, bottom);
    ck_assert(fabs(sum / count - (double)what->contrast) < 1e-4);
    ck_assert(what->opacity > 0.1499f && what->opacity <= 1.0f);
    ck_assert_int_ge(what->tries, 1);
    ck_assert_int_le(what->tries, 24);
    check_guards(b);
}

enum { SAMPLES = 24 };

typedef struct many {
    const bench *b;
    float *dst;
    uint8_t *mask;
} many;

static void draw_many(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    many *m = context;
    for (size_t i = end; i-- > begin;) {
        sn_rng rng;
        sn_rng_seed(&rng, 77, i);
        float *dst = m->dst + i * 3 * m->b->pixels;
        if (sn_synthesis_defect(m->b->synthesis, &rng, m->b->good, m->b->other, dst,
                                m->mask + i * m->b->pixels, NULL) != SNARM_OK)
            dst[0] = -1.0f;
    }
}

START_TEST(a_sample_depends_on_its_number_alone) {
    bench b;
    bench_create(&b, 96, 80);
    paint_surface(&b, b.good, 0.1f, 0.03f, 1);
    paint_surface(&b, b.other, 0.1f, 0.03f, 2);
    bench_start(&b);
    many m = {.b = &b};
    ck_ok(sn_alloc(&m.dst, SAMPLES * 3 * b.pixels, sizeof(float), "many"));
    ck_ok(sn_alloc(&m.mask, SAMPLES * b.pixels, 1, "many"));
    int former = sn_threads_enter(4);
    sn_parallel(SAMPLES, 1, draw_many, &m);
    sn_threads_leave(former);
    int equal = 0;
    for (size_t i = 0; i < SAMPLES; i++) {
        draw(&b, 77, i);
        ck_assert(memcmp(b.dst, m.dst + i * 3 * b.pixels, 3 * b.pixels * sizeof(float)) == 0);
        ck_assert(memcmp(b.mask, m.mask + i * b.pixels, b.pixels) == 0);
        draw(&b, 78, i);
        equal += memcmp(b.dst, m.dst + i * 3 * b.pixels, 3 * b.pixels * sizeof(float)) == 0;
    }
    ck_assert_int_eq(equal, 0);
    sn_free(m.dst);
    sn_free(m.mask);
    bench_destroy(&b);
}
END_TEST

/* On an even surface, what is seen can be told simply: marked pixels have changed ones near, and a pixel that
 * changed and around which 5 x 5 pixels changed on the mean is marked. */
START_TEST(masks_mark_what_is_seen) {
    bench b;
    bench_create(&b, 120, 100);
    paint_even(&b, 128.0f / 255.0f);
    memcpy(b.other, b.good, 3 * b.pixels * sizeof(float));
    bench_start(&b);
    size_t marked = 0, hidden = 0, unfounded = 0;
    for (uint64_t i = 0; i < 150; i++) {
        sn_defect what = draw(&b, 3, i);
        check_sample(&b, &what);
        for (int32_t y = 0; y < b.height; y++)
            for (int32_t x = 0; x < b.width; x++) {
                float most = 0.0f, sum = 0.0f;
                int count = 0;
                for (int32_t py = y - 4; py <= y + 4; py++)
                    for (int32_t px = x - 4; px <= x + 4; px++) {
                        if (px < 0 || py < 0 || px >= b.width || py >= b.height)
                            continue;
                        size_t at = (size_t)py * (size_t)b.width + (size_t)px;
                        most = fmaxf(most, fabsf(b.dst[at] - b.good[at]));
                        if (abs(px - x) <= 2 && abs(py - y) <= 2)
                            sum += b.dst[at] - b.good[at], count++;
                    }
                size_t at = (size_t)y * (size_t)b.width + (size_t)x;
                if (b.mask[at] != 0) {
                    unfounded += most < 0.5f * b.options.visible;
                    marked++;
                } else if (fabsf(b.dst[at] - b.good[at]) > 0.11f &&
                           fabsf(sum) / (float)count > 1.01f * b.options.visible)
                    hidden++; /* specks of fewer than five pixels alone */
            }
    }
    ck_assert_uint_gt(marked, 10000);
    ck_assert_uint_eq(unfounded, 0);
    ck_assert_uint_lt(hidden * 2000, marked);
    bench_destroy(&b);
}
END_TEST

START_TEST(a_grain_for_another_of_its_kind_is_not_seen) {
    bench b;
    bench_create(&b, 128, 128);
    sn_rng rng;
    sn_rng_seed(&rng, 8, 0);
    for (size_t i = 0; i < b.pixels; i++)
        b.good[i] = b.good[b.pixels + i] = b.good[2 * b.pixels + i] = (float)sn_rng_below(&rng, 256) / 255.0f;
    for (int f = 0; f < SN_FILL_COUNT; f++)
        b.options.fill_weight[f] = f == SN_FILL_SHUFFLE;
    bench_start(&b);
    int seen = 0;
    for (uint64_t i = 0; i < 40; i++) {
        sn_defect what = draw(&b, 4, i);
        check_sample(&b, &what);
        seen += what.visible != 0;
    }
    ck_assert_int_lt(seen, 4);
    bench_destroy(&b);
}
END_TEST

/* Columns of a smooth tone, mirrored beyond the borders: a section of another pass, inside, is those of other columns times one factor. */
static float tone_at(float x, int32_t width) {
    const float at = x < -0.5f ? -1 - x : x > (float)width - 0.5f ? 2 * (float)width - 1 - x : x;
    return 0.42f + 0.12f * sinf(0.07f * at) + 0.1f * sinf(0.19f * at + 1);
}

/* The smallest deviation of what was filled in, along a row, from columns that far away, or mirrored, times the best factor. */
static float deviation_from_columns(const bench *b, const float *fill, int32_t left, int32_t right) {
    float least = 1;
    for (int mirrored = 0; mirrored < 2; mirrored++)
        for (float shift = -0.41f * (float)b->width; shift < 0.41f * (float)b->width; shift += mirrored ? 1000 : 0.25f) {
            float product = 0, square = 0, sum = 0;
            for (int pass = 0; pass < 2; pass++)
                for (int32_t x = left; x < right; x++) {
                    const float from = tone_at(mirrored ? (float)(b->width - 1 - x) : (float)x + shift, b->width);
                    if (pass == 0)
                        product += fill[x] * from, square += from * from;
                    else
                        sum += fabsf(fill[x] - product / square * from);
                }
            least = fminf(least, sum / (float)(right - left));
        }
    return least;
}

START_TEST(displaced_sections_are_of_another_pass) {
    bench b;
    bench_create(&b, 160, 128);
    for (size_t i = 0; i < 3 * b.pixels; i++)
        b.good[i] = b.other[i] = roundf(255 * tone_at((float)(i % (size_t)b.width), b.width)) / 255;
    memset(b.options.shape_weight, 0, sizeof b.options.shape_weight);
    b.options.shape_weight[SN_SHAPE_SECTION] = 1;
    for (int f = 0; f < SN_FILL_COUNT; f++)
        b.options.fill_weight[f] = f == SN_FILL_DISPLACED;
    bench_start(&b);
    int looked_at = 0, displaced = 0;
    for (uint64_t i = 0; i < 500; i++) {
        const sn_defect what = draw(&b, 6, i);
        check_sample(&b, &what);
        /* Sections as wide as the picture, in a row far from their edge: what lies under the opacity is compared. */
        if (what.opacity < 0.5f || what.right - what.left < b.width || what.bottom - what.top < 50)
            continue;
        const int32_t y = what.top == 0 ? 2 : what.bottom == b.height ? b.height - 3 : (what.top + what.bottom) / 2;
        float fill[160];
        for (int32_t x = 0; x < b.width; x++) {
            const size_t at = (size_t)y * (size_t)b.width + (size_t)x;
            fill[x] = b.good[at] + (b.dst[at] - b.good[at]) / what.opacity;
        }
        looked_at++, displaced += deviation_from_columns(&b, fill, 10, b.width - 10) < 0.01f;
    }
    ck_assert_msg(looked_at >= 20 && displaced * 5 > looked_at * 4, "%d of %d", displaced, looked_at);
    bench_destroy(&b);
}
END_TEST

START_TEST(every_kind_occurs) {
    bench b;
    bench_create(&b, 112, 112);
    paint_surface(&b, b.good, 0.15f, 0.03f, 3);
    paint_surface(&b, b.other, 0.15f, 0.03f, 4);
    const uint32_t held_fills = 1u << SN_FILL_SHUFFLE | 1u << SN_FILL_SMEAR | 1u << SN_FILL_RELIEF;
    const uint32_t held_shapes = 1u << SN_SHAPE_CRACK | 1u << SN_SHAPE_PATCH;
    for (int kinds = SN_KINDS_ALL; kinds <= SN_KINDS_HELD_OUT; kinds++) {
        sn_synthesis_options_kinds(&b.options, (sn_kinds)kinds);
        bench_start(&b);
        int shapes[SN_SHAPE_COUNT] = {0}, fills[SN_FILL_COUNT] = {0}, subtle = 0, none = 0, faint = 0;
        float root = sqrtf((float)b.pixels) * b.options.size_max;
        for (uint64_t i = 0; i < 500; i++) {
            sn_defect what = draw(&b, 10 + (uint64_t)kinds, i);
            check_sample(&b, &what);
            if (what.visible == 0) {
                none++;
                continue;
            }
            shapes[what.shape]++, fills[what.fill]++, subtle += what.subtle, faint += what.contrast < 0.12f;
            bool held = (held_shapes >> what.shape & 1) != 0 || (held_fills >> what.fill & 1) != 0;
            ck_assert(kinds == SN_KINDS_ALL || held == (kinds == SN_KINDS_HELD_OUT));
            bool line = what.shape == SN_SHAPE_SCRATCH || what.shape == SN_SHAPE_CRACK;
            float most = root * (what.shape == SN_SHAPE_REGION    ? 2.5f
                                 : line                           ? 2.0f
                                 : what.shape == SN_SHAPE_SECTION ? 1.1f
                                                                  : 1.0f);
            ck_assert(what.size >= b.options.size_min && what.size <= 1.001f * most);
            ck_assert_int_ge(what.visible, 22); /* 0.35 of the smallest size squared */
            if (what.shape == SN_SHAPE_PATCH || what.shape == SN_SHAPE_BLOB) {
                float across = 2.6f * 1.73f * what.size + 8.0f; /* stretched up to 3 : 1, rough */
                ck_assert((float)(what.right - what.left) <= across &&
                          (float)(what.bottom - what.top) <= across);
            }
        }
        ck_assert_int_lt(none, 5);
        ck_assert_int_gt(subtle, 200);
        ck_assert_int_lt(subtle, 300);
        ck_assert_int_gt(faint, 150);
        ck_assert_int_lt(faint, 440); /* most: large regions change little at any place */
        for (int s = 0; s < SN_SHAPE_COUNT; s++)
            ck_assert_msg((shapes[s] >= 10) == (kinds != SN_KINDS_TRAINING || (held_shapes >> s & 1) == 0),
                          "%d: %s %d", kinds, sn_shape_name((sn_shape)s), shapes[s]);
        for (int f = 0; f < SN_FILL_COUNT; f++)
            ck_assert_msg((fills[f] >= 1) == (kinds == SN_KINDS_TRAINING  ? (held_fills >> f & 1) == 0
                                              : kinds == SN_KINDS_HELD_OUT ? f != SN_FILL_DISPLACED /* sections are never held out */
                                                                           : true),
                          "%d: %s %d", kinds, sn_filling_name((sn_filling)f), fills[f]);
    }
    bench_destroy(&b);
}
END_TEST

START_TEST(odd_sizes_stay_inside) {
    static const int32_t sizes[][2] = {{37, 61}, {16, 16}, {201, 17}, {16, 333}, {64, 48}};
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        bench b;
        bench_create(&b, sizes[k][0], sizes[k][1]);
        paint_surface(&b, b.good, 0.1f, 0.04f, k);
        paint_surface(&b, b.other, 0.1f, 0.04f, k + 1);
        bench_start(&b);
        int seen = 0;
        for (uint64_t i = 0; i < 150; i++) {
            sn_defect what = draw(&b, k, i);
            check_sample(&b, &what);
            seen += what.visible != 0;
            sn_rng rng;
            sn_rng_seed(&rng, k, 1000 + i);
            ck_ok(sn_synthesis_jitter(b.synthesis, &rng, b.good, b.dst));
            check_guards(&b);
        }
        ck_assert_int_gt(seen, 140);
        bench_destroy(&b);
    }
}
END_TEST

START_TEST(grey_stays_grey) {
    bench b;
    bench_create(&b, 100, 90);
    paint_surface(&b, b.good, 0.0f, 0.03f, 6);
    paint_surface(&b, b.other, 0.2f, 0.03f, 7); /* even from a coloured one */
    bench_start(&b);
    for (uint64_t i = 0; i < 200; i++) {
        sn_defect what = draw(&b, 20, i);
        ck_assert_int_gt(what.visible, 0);
        ck_assert_int_ne(what.fill, SN_FILL_COLOUR);
        ck_assert(memcmp(b.dst, b.dst + b.pixels, b.pixels * sizeof(float)) == 0);
        ck_assert(memcmp(b.dst, b.dst + 2 * b.pixels, b.pixels * sizeof(float)) == 0);
        sn_rng rng;
        sn_rng_seed(&rng, 21, i);
        ck_ok(sn_synthesis_jitter(b.synthesis, &rng, b.good, b.dst));
        ck_assert(memcmp(b.dst, b.dst + b.pixels, b.pixels * sizeof(float)) == 0);
    }
    bench_destroy(&b);
}
END_TEST

START_TEST(objects_get_the_defects) {
    bench b;
    bench_create(&b, 128, 128);
    paint_surface(&b, b.good, 0.1f, 0.03f, 8);
    bench_start(&b);
    ck_assert(!draw(&b, 30, 0).on_object); /* a surface that fills the picture */
    sn_rng rng;
    sn_rng_seed(&rng, 31, 0);
    for (size_t i = 0; i < b.pixels; i++) {
        float x = (float)(i % 128) - 70.0f, y = (float)(i / 128) - 60.0f;
        float grain = (float)sn_rng_below(&rng, 4) / 255.0f;
        for (size_t c = 0; c < 3; c++)
            if (x * x + y * y > 30.0f * 30.0f)
                b.good[c * b.pixels + i] = 30.0f / 255.0f + grain;
    }
    memcpy(b.other, b.good, 3 * b.pixels * sizeof(float));
    int touching = 0, within = 0;
    for (uint64_t i = 0; i < 200; i++) {
        sn_defect what = draw(&b, 32, i);
        check_sample(&b, &what);
        ck_assert(what.on_object);
        int32_t on = 0;
        for (size_t k = 0; k < b.pixels; k++) {
            float x = (float)(k % 128) - 70.0f, y = (float)(k / 128) - 60.0f;
            on += b.mask[k] != 0 && x * x + y * y <= 32.0f * 32.0f;
        }
        touching += on > 0, within += 2 * on > what.visible;
    }
    /* The disc is 17% of the picture. */
    ck_assert_int_gt(touching, 175);
    ck_assert_int_gt(within, 130);
    bench_destroy(&b);
}
END_TEST

START_TEST(extreme_pictures_end) {
    bench b;
    bench_create(&b, 72, 56);
    bench_start(&b);
    for (int kind = 0; kind < 4; kind++) {
        paint_even(&b, kind == 0 ? 0.0f : kind == 1 ? 1.0f : 51.0f / 255.0f);
        sn_rng rng;
        sn_rng_seed(&rng, 40, 0);
        for (size_t i = 0; kind == 3 && i < 3 * b.pixels; i++)
            b.good[i] = (float)sn_rng_below(&rng, 256) / 255.0f;
        int seen = 0;
        for (uint64_t i = 0; i < 100; i++) {
            sn_defect what = draw(&b, 41, i);
            check_sample(&b, &what);
            seen += what.visible != 0;
        }
        ck_assert_int_gt(seen, 90);
    }
    /* A colour shift alone on a grey picture, a copy of nothing but the same: there is nothing to show. */
    paint_even(&b, 0.2f);
    memcpy(b.other, b.good, 3 * b.pixels * sizeof(float));
    for (int only = 0; only < 2; only++) {
        for (int f = 0; f < SN_FILL_COUNT; f++)
            b.options.fill_weight[f] = f == (only == 0 ? SN_FILL_COLOUR : SN_FILL_SHUFFLE);
        bench_start(&b);
        for (uint64_t i = 0; i < 20; i++) {
            sn_defect what = draw(&b, 42, i);
            ck_assert_int_eq(what.visible, 0);
            check_sample(&b, &what);
        }
    }
    bench_destroy(&b);
}
END_TEST

START_TEST(jitter_is_light) {
    bench b;
    bench_create(&b, 90, 70);
    paint_surface(&b, b.good, 0.1f, 0.02f, 9);
    bench_start(&b);
    int same = 0;
    for (uint64_t i = 0; i < 50; i++) {
        sn_rng rng;
        sn_rng_seed(&rng, 50, i);
        ck_ok(sn_synthesis_jitter(b.synthesis, &rng, b.good, b.dst));
        double sum = 0.0;
        int bad = 0;
        for (size_t k = 0; k < 3 * b.pixels; k++) {
            bad += !(b.dst[k] >= 0.0f && b.dst[k] <= 1.0f && b.dst[k] == roundf(b.dst[k] * 255.0f) / 255.0f);
            sum += (double)fabsf(b.dst[k] - b.good[k]);
        }
        ck_assert_int_eq(bad, 0);
        same += sum == 0.0;
        ck_assert(sum / (double)(3 * b.pixels) < 0.15);
        check_guards(&b);
    }
    ck_assert_int_eq(same, 0);

    b.options.rotation = b.options.scale = b.options.shift = b.options.brightness = b.options.contrast = 0.0f;
    b.options.noise = b.options.blur = 0.0f;
    b.options.flip_x = true;
    bench_start(&b);
    int flipped = 0;
    for (uint64_t i = 0; i < 40; i++) {
        sn_rng rng;
        sn_rng_seed(&rng, 51, i);
        ck_ok(sn_synthesis_jitter(b.synthesis, &rng, b.good, b.dst));
        bool flip = memcmp(b.dst, b.good, 3 * b.pixels * sizeof(float)) != 0;
        flipped += flip;
        int bad = 0;
        for (size_t k = 0; flip && k < b.pixels; k++)
            bad += b.dst[k] != b.good[k / 90 * 90 + 89 - k % 90];
        ck_assert_int_eq(bad, 0);
    }
    ck_assert_int_gt(flipped, 8);
    ck_assert_int_lt(flipped, 32);
    bench_destroy(&b);
}
END_TEST

START_TEST(options_are_checked) {
    sn_synthesis_options good, bad;
    sn_synthesis *synthesis;
    sn_synthesis_options_default(&good, 64, 64);
    ck_ok(sn_synthesis_create(&synthesis, &good));
    sn_synthesis_destroy(synthesis);
    sn_synthesis_destroy(NULL);
#define REFUSED(change, words)                                                                               \
    do {                                                                                                     \
        bad = good;                                                                                          \
        bad.change;                                                                                          \
        ck_fails(sn_synthesis_create(&synthesis, &bad), SNARM_ERROR_ARGUMENT, words);                        \
        ck_assert_ptr_null(synthesis);                                                                       \
    } while (0)
    REFUSED(width = 15, "15 x 64");
    REFUSED(height = 4097, "64 x 4097");
    REFUSED(size_min = 3.0f, "size_min is 3");
    REFUSED(size_max = 0.9f, "size_max");
    REFUSED(subtle = NAN, "subtle is nan");
    REFUSED(opacity_min = 0.0f, "opacity_min");
    REFUSED(visible = 0.0f, "visible");
    REFUSED(feather = 9, "feather is 9");
    REFUSED(rotation = 181.0f, "rotation");
    REFUSED(noise = -1.0f, "noise is -1");
    REFUSED(shape_weight[2] = -1.0f, "shape_weight");
    REFUSED(fill_weight[2] = INFINITY, "fill_weight is inf");
    REFUSED(texture_count = 1, "textures is NULL");
    snarm_image empty = {0};
    REFUSED(textures = &empty; bad.texture_count = 1, "pixels is NULL");
    bad = good;
    for (int s = 0; s < SN_SHAPE_COUNT; s++)
        bad.pairs[s] = 1u << SN_FILL_TEXTURE; /* and there are none */
    ck_fails(sn_synthesis_create(&synthesis, &bad), SNARM_ERROR_ARGUMENT, "leave no kind of defect");
    ck_assert_str_eq(sn_shape_name(SN_SHAPE_CHIP), "chip");
    ck_assert_str_eq(sn_filling_name(SN_FILL_COUNT), "unknown");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("synthesis");
    TCase *cases = tcase_create("synthesis");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, a_sample_depends_on_its_number_alone);
    tcase_add_test(cases, masks_mark_what_is_seen);
    tcase_add_test(cases, a_grain_for_another_of_its_kind_is_not_seen);
    tcase_add_test(cases, displaced_sections_are_of_another_pass);
    tcase_add_test(cases, every_kind_occurs);
    tcase_add_test(cases, odd_sizes_stay_inside);
    tcase_add_test(cases, grey_stays_grey);
    tcase_add_test(cases, objects_get_the_defects);
    tcase_add_test(cases, extreme_pictures_end);
    tcase_add_test(cases, jitter_is_light);
    tcase_add_test(cases, options_are_checked);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
