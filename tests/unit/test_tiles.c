/* Cutting a canvas into tiles and putting their maps together. */
#include "core/rng.h"
#include "map/tiles.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Canvas, tile, overlap of one axis: those that divide, those that do not, hardly larger than a tile, three tiles where two would nearly
 * do, no overlap, the largest overlap. */
static const int32_t axes[][3] = {{64, 64, 8},   {65, 64, 8},    {71, 64, 32},   {96, 64, 32}, {97, 64, 32},  {127, 64, 0},
                                  {128, 64, 0},  {129, 64, 0},   {200, 64, 8},   {201, 64, 9}, {333, 64, 31}, {160, 65, 32},
                                  {1000, 224, 28}, {4096, 224, 32}, {333, 40, 20}, {7, 2, 1},  {3, 1, 0},     {1, 1, 0}};
enum { AXES = sizeof axes / sizeof *axes };

START_TEST(covers) {
    sn_tiles tiles;
    ck_ok(sn_tiles_create(&tiles, axes[_i][0], axes[_i][1], axes[_i][1], axes[_i][1], axes[_i][2]));
    const sn_tile_axis *x = &tiles.x;
    ck_assert(tiles.y.count == 1 && sn_tile_start(&tiles.y, 0) == 0);
    ck_assert_uint_eq(sn_tiles_count(&tiles), (size_t)x->count);
    ck_assert_int_eq(sn_tile_start(x, 0), 0);
    ck_assert_int_eq(sn_tile_start(x, x->count - 1), x->length - x->tile);
    for (int32_t i = 1; i < x->count; i++) {
        const int32_t step = sn_tile_start(x, i) - sn_tile_start(x, i - 1);
        ck_assert(step > 0 && x->tile - step >= axes[_i][2] && x->tile - step >= x->ramp);
        ck_assert(x->count == 2 || x->ramp <= step);
    }
    /* One tile fewer would not do. */
    if (x->count > 1)
        ck_assert_int_lt((x->count - 1) * (x->tile - axes[_i][2]) + axes[_i][2], x->length);
    for (int32_t i = 0; i < x->ramp && x->weights != NULL; i++)
        ck_assert(x->weights[i] >= 0 && x->weights[i] <= 1 && (i == 0 || x->weights[i] >= x->weights[i - 1]));
    sn_tiles_destroy(&tiles);
}
END_TEST

typedef struct canvas {
    sn_tiles tiles;
    float *tile, *strip, *map;
    size_t pixels;
} canvas;

static void open_canvas(canvas *c, const int32_t *x, const int32_t *y) {
    ck_ok(sn_tiles_create(&c->tiles, x[0], y[0], x[1], y[1], x[2] < y[2] ? x[2] : y[2]));
    c->pixels = (size_t)x[0] * (size_t)y[0];
    c->tile = malloc((size_t)x[1] * (size_t)y[1] * sizeof(float));
    c->strip = malloc((size_t)x[0] * (size_t)y[1] * sizeof(float));
    c->map = malloc(c->pixels * sizeof(float));
}

static void close_canvas(canvas *c) {
    sn_tiles_destroy(&c->tiles);
    free(c->tile), free(c->strip), free(c->map);
}

/* The canvas from tiles that show value(tile, x, y), x and y of the canvas. */
static void lay_all(canvas *c, float (*value)(size_t tile, int32_t x, int32_t y)) {
    const sn_tiles *t = &c->tiles;
    for (size_t i = 0; i < c->pixels; i++)
        c->map[i] = NAN; /* whatever is not set shows */
    for (size_t i = 0; i < sn_tiles_count(t); i++) {
        const int32_t left = sn_tile_start(&t->x, (int32_t)(i % (size_t)t->x.count));
        const int32_t top = sn_tile_start(&t->y, (int32_t)(i / (size_t)t->x.count));
        for (int32_t y = 0; y < t->y.tile; y++)
            for (int32_t x = 0; x < t->x.tile; x++)
                c->tile[y * t->x.tile + x] = value(i, left + x, top + y);
        sn_tiles_lay(t, i, c->tile, c->strip, c->map);
    }
}

static size_t chosen;

static float is_chosen(size_t tile, int32_t x, int32_t y) {
    (void)x, (void)y;
    return tile == chosen;
}

static float constant(size_t tile, int32_t x, int32_t y) {
    (void)tile, (void)x, (void)y;
    return 0.1f;
}

static float smooth(size_t tile, int32_t x, int32_t y) {
    (void)tile;
    return sinf((float)x * 0.03f) + 0.5f * cosf((float)y * 0.05f + (float)x * 0.01f);
}

/* As large a difference between neighbours as can be: 0 or 1. */
static float unlike(size_t tile, int32_t x, int32_t y) {
    (void)x, (void)y;
    sn_rng rng;
    sn_rng_seed(&rng, 3, tile);
    return (float)(sn_rng_next(&rng) & 1);
}

static const int32_t pairs[][2] = {{4, 9}, {9, 2}, {10, 10}, {2, 14}, {14, 1}, {3, 8}, {5, 6}, {1, 0}, {15, 12}};

/* The tiles' weights are what each leaves where it alone is 1. */
START_TEST(weights_sum_to_one) {
    canvas c;
    open_canvas(&c, axes[pairs[_i][0]], axes[pairs[_i][1]]);
    float *sums = calloc(c.pixels, sizeof *sums);
    size_t wrong = 0; /* counted: an assertion a pixel would take longer than all else */
    for (chosen = 0; chosen < sn_tiles_count(&c.tiles); chosen++) {
        lay_all(&c, is_chosen);
        for (size_t i = 0; i < c.pixels; i++) {
            wrong += !(c.map[i] >= 0 && c.map[i] <= 1);
            sums[i] += c.map[i];
        }
    }
    ck_assert_uint_eq(wrong, 0);
    for (size_t i = 0; i < c.pixels; i++)
        wrong += sums[i] != 1;
    ck_assert_uint_eq(wrong, 0);
    free(sums);
    close_canvas(&c);
}
END_TEST

START_TEST(alike_tiles_leave_no_trace) {
    canvas c;
    open_canvas(&c, axes[pairs[_i][0]], axes[pairs[_i][1]]);
    size_t wrong = 0;
    lay_all(&c, constant);
    for (size_t i = 0; i < c.pixels; i++)
        wrong += c.map[i] != 0.1f;
    ck_assert_uint_eq(wrong, 0);
    lay_all(&c, smooth);
    const int32_t width = c.tiles.x.length;
    for (size_t i = 0; i < c.pixels; i++)
        wrong += c.map[i] != smooth(0, (int32_t)(i % (size_t)width), (int32_t)(i / (size_t)width));
    ck_assert_uint_eq(wrong, 0);
    close_canvas(&c);
}
END_TEST

/* Tiles as unlike as can be: the way from one to the next takes the whole ramp, whose steepest step is 1.5 / ramp. */
START_TEST(no_step_at_a_seam) {
    canvas c;
    open_canvas(&c, axes[pairs[_i][0]], axes[pairs[_i][1]]);
    lay_all(&c, unlike);
    const int32_t width = c.tiles.x.length, height = c.tiles.y.length;
    const float most_x = c.tiles.x.ramp > 0 ? 1.5f / (float)c.tiles.x.ramp + 1e-3f : 1;
    const float most_y = c.tiles.y.ramp > 0 ? 1.5f / (float)c.tiles.y.ramp + 1e-3f : 1;
    size_t outside = 0, steps = 0;
    for (int32_t y = 0; y < height; y++)
        for (int32_t x = 0; x < width; x++) {
            const float value = c.map[y * width + x];
            outside += !(value >= 0 && value <= 1);
            steps += x > 0 && !(fabsf(value - c.map[y * width + x - 1]) <= most_x);
            steps += y > 0 && !(fabsf(value - c.map[(y - 1) * width + x]) <= most_y);
        }
    ck_assert_uint_eq(outside, 0);
    ck_assert_uint_eq(steps, 0);
    close_canvas(&c);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("tiles");
    TCase *cases = tcase_create("tiles");
    tcase_set_timeout(cases, 120);
    const int count = sizeof pairs / sizeof *pairs;
    tcase_add_loop_test(cases, covers, 0, AXES);
    tcase_add_loop_test(cases, weights_sum_to_one, 0, count);
    tcase_add_loop_test(cases, alike_tiles_leave_no_trace, 0, count);
    tcase_add_loop_test(cases, no_step_at_a_seam, 0, count);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
