/* Maps from logits and from patches, smoothing, scores; against loops in double and the published vectors. */
#include "core/memory.h"
#include "io/safetensors.h"
#include "kernel/simd.h"
#include "map/score.h"
#include "reference.h"
#include "reference_scan.h"
#include "snarm/map.h"
#include "support.h"

#include <math.h>
#include <string.h>

static sn_rng rng;

/* A value between pixels, coordinates clamped to the map. */
static double between(const float *map, int width, int height, double x, double y) {
    x = fmin(fmax(x, 0), width - 1), y = fmin(fmax(y, 0), height - 1);
    int x0 = (int)x, y0 = (int)y, x1 = x0 + 1 < width ? x0 + 1 : x0, y1 = y0 + 1 < height ? y0 + 1 : y0;
    double a = map[y0 * width + x0] + (x - x0) * ((double)map[y0 * width + x1] - map[y0 * width + x0]);
    double b = map[y1 * width + x0] + (x - x0) * ((double)map[y1 * width + x1] - map[y1 * width + x0]);
    return a + (y - y0) * (b - a);
}

START_TEST(from_logits) {
    sn_simd_override((sn_simd_level)_i);
    static const int shapes[][5] = {
        {1, 1, 1, 1, 1}, {16, 7, 5, 37, 50}, {3, 2, 9, 1, 4}, {4, 6, 6, 3, 2}, {2, 49, 3, 392, 24}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int threads = 1; threads < 4; threads++) {
            const int maps = shapes[s][0], gw = shapes[s][1], gh = shapes[s][2], w = shapes[s][3],
                      h = shapes[s][4];
            float *logits = random_floats(&rng, (size_t)(maps * gw * gh)),
                  *map = random_floats(&rng, (size_t)(w * h));
            float *expected = random_floats(&rng, (size_t)(w * h));
            for (int i = 0; i < maps * gw * gh; i++)
                logits[i] *= i % 7 == 0 ? 200 : 5;
            for (int y = 0; y < h; y++)
                for (int x = 0; x < w; x++) {
                    double sum = 0;
                    for (int m = 0; m < maps; m++)
                        sum += reference_sigmoid(between(logits + m * gw * gh, gw, gh,
                                                         w > 1 ? x * (gw - 1.0) / (w - 1) : 0,
                                                         h > 1 ? y * (gh - 1.0) / (h - 1) : 0));
                    expected[y * w + x] = (float)(sum / maps);
                }
            ck_ok(snarm_map_from_logits(logits, maps, gw, gh, w, h, threads, map));
            for (int i = 0; i < w * h; i++)
                ck_assert_double_lt(fabs((double)map[i] - expected[i]), 2e-6);
            free(logits), free(map), free(expected);
        }
    sn_simd_override(sn_simd_best());
}
END_TEST

START_TEST(from_patches_and_resize) {
    static const int shapes[][4] = {{1, 1, 3, 2}, {7, 5, 56, 40}, {9, 4, 5, 3}, {2, 3, 401, 7}, {6, 5, 6, 5}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const int gw = shapes[s][0], gh = shapes[s][1], w = shapes[s][2], h = shapes[s][3];
        float *grid = random_floats(&rng, (size_t)(gw * gh)), *map = random_floats(&rng, (size_t)(w * h));
        float *again = random_floats(&rng, (size_t)(w * h));
        ck_ok(snarm_map_from_patches(grid, gw, gh, w, h, 2, map));
        ck_ok(snarm_map_resize(grid, gw, gh, again, w, h));
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                double expected = between(grid, gw, gh, (x + 0.5) * gw / w - 0.5, (y + 0.5) * gh / h - 0.5);
                ck_assert_double_lt(fabs(map[y * w + x] - expected), 1e-6);
            }
        ck_assert_int_eq(memcmp(map, again, (size_t)(w * h) * sizeof *map), 0);
        free(grid), free(map), free(again);
    }
}
END_TEST

static int mirror(int i, int size) {
    while (i < 0 || i >= size)
        i = i < 0 ? -1 - i : 2 * size - 1 - i;
    return i;
}

START_TEST(smoothing) {
    sn_simd_override((sn_simd_level)_i);
    static const struct {
        int w, h;
        double sigma;
    } cases[] = {{1, 1, 4}, {5, 3, 4}, {40, 57, 4}, {33, 20, 0.3}, {17, 70, 1.3}, {3, 2, 64}, {64, 5, 0.1}};
    for (size_t s = 0; s < sizeof cases / sizeof *cases; s++) {
        const int w = cases[s].w, h = cases[s].h, radius = (int)(4 * cases[s].sigma + 0.5);
        float *map = random_floats(&rng, (size_t)(w * h));
        double *rows = malloc((size_t)(w * h) * sizeof *rows), sum = 0;
        for (int k = -radius; k <= radius; k++)
            sum += exp(-0.5 * k * k / (cases[s].sigma * cases[s].sigma));
        float *expected = malloc((size_t)(w * h) * sizeof *expected);
        for (int pass = 0; pass < 2; pass++)
            for (int y = 0; y < h; y++)
                for (int x = 0; x < w; x++) {
                    double value = 0;
                    for (int k = -radius; k <= radius; k++)
                        value += exp(-0.5 * k * k / (cases[s].sigma * cases[s].sigma)) / sum *
                                 (pass == 0 ? map[y * w + mirror(x + k, w)] : rows[mirror(y + k, h) * w + x]);
                    if (pass == 1)
                        expected[y * w + x] = (float)value;
                    else
                        rows[y * w + x] = value;
                }
        ck_ok(snarm_map_smooth(map, w, h, cases[s].sigma, 3));
        for (int i = 0; i < w * h; i++)
            ck_assert_double_lt(fabs((double)map[i] - expected[i]), 1e-6);
        free(map), free(rows), free(expected);
    }
    float pixel = 3;
    ck_ok(snarm_map_smooth(&pixel, 1, 1, 0, 0));
    ck_assert(pixel == 3);
    ck_fails(snarm_map_smooth(&pixel, 1, 1, 65, 0), SNARM_ERROR_ARGUMENT, "sigma is 65");
    ck_fails(snarm_map_smooth(&pixel, 1, 1, NAN, 0), SNARM_ERROR_ARGUMENT, "sigma is");
    ck_fails(snarm_map_smooth(&pixel, 1, 0, 4, 0), SNARM_ERROR_ARGUMENT, "1 x 0");
    sn_simd_override(sn_simd_best());
}
END_TEST

/* Large maps are smoothed in blocks: away from the edges to the byte what a part of the map gives. */
START_TEST(smoothing_of_large_maps) {
    enum { W = 2101, H = 2011, FIRST = 700, ROWS = 120, RADIUS = 16 };
    float *map = random_floats(&rng, (size_t)W * H), *part = malloc((size_t)W * ROWS * sizeof *part);
    memcpy(part, map + (size_t)FIRST * W, (size_t)W * ROWS * sizeof *part);
    ck_ok(snarm_map_smooth(map, W, H, 4, 3));
    ck_ok(snarm_map_smooth(part, W, ROWS, 4, 2));
    for (int y = RADIUS; y < ROWS - RADIUS; y++)
        ck_assert_int_eq(memcmp(map + (size_t)(FIRST + y) * W, part + (size_t)y * W, W * sizeof *map), 0);
    free(map), free(part);
    /* Nor do the edges matter: a column alone repeats itself along x. */
    float *steps = malloc((size_t)W * H * sizeof *steps), *column = malloc(H * sizeof *column);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            steps[(size_t)y * W + x] = column[y] = (float)(y % 7);
    ck_ok(snarm_map_smooth(steps, W, H, 4, 2));
    ck_ok(snarm_map_smooth(column, 1, H, 4, 1));
    size_t wrong = 0;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            wrong += !(fabsf(steps[(size_t)y * W + x] - column[y]) < 1e-5f);
    ck_assert_uint_eq(wrong, 0);
    free(steps), free(column);
}
END_TEST

START_TEST(scores) {
    static const int shapes[][2] = {{1, 1},   {16, 16}, {17, 16}, {18, 40},
                                    {37, 51}, {7, 30},  {30, 5},  {392, 20}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const int w = shapes[s][0], h = shapes[s][1], window = s % 2 == 0 ? 16 : _i, ww = w < window ? w : window, wh = h < window ? h : window;
        float *map = random_floats(&rng, (size_t)(w * h)), score;
        double best = -INFINITY;
        int best_x = 0, best_y = 0;
        for (int y = 0; y + wh <= h; y += 2)
            for (int x = 0; x + ww <= w; x += 2) {
                double sum = 0;
                for (int i = 0; i < ww * wh; i++)
                    sum += map[(y + i / ww) * w + x + i % ww];
                if (sum / (ww * wh) > best)
                    best = sum / (ww * wh), best_x = x + ww / 2, best_y = y + wh / 2;
            }
        int32_t x, y;
        double *scratch = malloc(sn_map_score_scratch(w) * sizeof *scratch);
        ck_ok(sn_map_score(map, w, h, window, scratch, &score, &x, &y));
        free(scratch);
        ck_assert_double_lt(fabs(score - best), 1e-7);
        ck_assert(x == best_x && y == best_y);
        ck_ok(snarm_map_score(map, w, h, &score, &x, &y));
        ck_assert(window != 16 || (fabs(score - best) < 1e-7 && x == best_x && y == best_y));
        ck_ok(snarm_map_score(map, w, h, &score, NULL, NULL));
        map[0] = INFINITY;
        ck_fails(snarm_map_score(map, w, h, &score, &x, &y), SNARM_ERROR_ARGUMENT, "finite");
        map[0] = NAN;
        ck_fails(snarm_map_score(map, w, h, &score, &x, &y), SNARM_ERROR_ARGUMENT, "finite");
        free(map);
    }
    /* Of equal windows the first; and a mean that f32 sums would lose beside large neighbours. */
    float flat[40 * 40], score;
    int32_t x, y;
    for (int i = 0; i < 1600; i++)
        flat[i] = 0.1f;
    ck_ok(snarm_map_score(flat, 40, 40, &score, &x, &y));
    ck_assert(score == 0.1f && x == 8 && y == 8);
    ck_fails(snarm_map_score(flat, 0, 40, &score, &x, &y), SNARM_ERROR_ARGUMENT, "0 x 40");
    ck_fails(snarm_map_score(NULL, 4, 40, &score, &x, &y), SNARM_ERROR_ARGUMENT, "map is NULL");
}
END_TEST

/* Of as much of the part as 28 of 224 pixels show, 16 with few pictures, even, and at least the published one. */
START_TEST(windows) {
    enum { MANY = 128 };
    ck_assert(sn_score_window(64, 64, MANY) == 16 && sn_score_window(128, 128, MANY) == 16 && sn_score_window(129, 600, MANY) == 18);
    ck_assert(sn_score_window(224, 224, MANY) == 28 && sn_score_window(320, 320, MANY) == 40 && sn_score_window(448, 392, MANY) == 50);
    static const int32_t pictures[] = {1, 2, 8, 9, 16, 24, 32, 64, 127, 761, INT32_MAX}, at_224[] = {16, 16, 16, 18, 20, 22, 22, 26, 28, 28, 28};
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++)
        ck_assert_int_eq(sn_score_window(224, 300, pictures[i]), at_224[i]);
    ck_assert(sn_score_window(320, 320, 8) == 24 && sn_score_window(320, 320, 32) == 32 && sn_score_window(320, 320, 761) == 40);
}
END_TEST

/* All with 8 pictures or fewer, nothing from 128 on. */
START_TEST(floors) {
    static const int32_t pictures[] = {1, 8, 16, 32, 64, 128, 761, INT32_MAX};
    static const double expected[] = {1, 1, 0.75, 0.5, 0.25, 0, 0, 0};
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++)
        ck_assert_double_eq_tol(sn_score_floor(pictures[i]), expected[i], 1e-12);
    ck_assert(sn_score_floor(9) < 1 && sn_score_floor(9) > 0.9 && sn_score_floor(127) > 0 && sn_score_floor(127) < 0.01);
    const float map[] = {3, -1, 0.5f, 7};
    ck_assert(sn_map_floor(map, 4) == -1 && sn_map_floor(map + 2, 2) == 0.5f && sn_map_floor(map + 3, 1) == 7);
}
END_TEST

START_TEST(wrong_sizes) {
    float value = 0, map[4];
    ck_fails(snarm_map_from_logits(&value, 0, 1, 1, 2, 2, 0, map), SNARM_ERROR_ARGUMENT, "maps is 0");
    ck_fails(snarm_map_from_logits(&value, 1, 0, 1, 2, 2, 0, map), SNARM_ERROR_ARGUMENT, "grid is 0 x 1");
    ck_fails(snarm_map_from_logits(&value, 1, 1, 1, 2, 70000, 0, map), SNARM_ERROR_ARGUMENT,
             "map is 2 x 70000");
    ck_fails(snarm_map_from_logits(NULL, 1, 1, 1, 2, 2, 0, map), SNARM_ERROR_ARGUMENT, "logits is NULL");
    ck_fails(snarm_map_from_patches(&value, 1, -1, 2, 2, 0, map), SNARM_ERROR_ARGUMENT, "1 x -1");
    ck_fails(snarm_map_resize(&value, 1, 1, map, 0, 2), SNARM_ERROR_ARGUMENT, "dst is 0 x 2");
    ck_fails(snarm_map_resize(&value, 1, 1, NULL, 2, 2), SNARM_ERROR_ARGUMENT, "dst is NULL");
}
END_TEST

START_TEST(golden) {
    enum { SIDE = 112, PIXELS = SIDE * SIDE };
    const char *path = shared_file("golden/scorer_small_io.safetensors");
    if (path == NULL)
        return;
    sn_safetensors *file;
    ck_ok(sn_safetensors_open(&file, path));
    static float logits[2 * 16 * 196], expected[2 * PIXELS], smoothed[2 * PIXELS], map[PIXELS], best[2];
    ck_ok(sn_tensor_to_f32(file, sn_safetensors_find(file, "logits"), logits));
    ck_ok(sn_tensor_to_f32(file, sn_safetensors_find(file, "map"), expected));
    ck_ok(sn_tensor_to_f32(file, sn_safetensors_find(file, "map_smoothed"), smoothed));
    ck_ok(sn_tensor_to_f32(file, sn_safetensors_find(file, "score"), best));
    for (int image = 0; image < 2; image++) {
        float score;
        ck_ok(snarm_map_from_logits(logits + image * 16 * 196, 16, 14, 14, SIDE, SIDE, 0, map));
        ck_assert_double_lt(largest_relative_error(map, expected + image * PIXELS, PIXELS), 5e-6);
        ck_ok(snarm_map_smooth(map, SIDE, SIDE, 4, 0));
        ck_assert_double_lt(largest_relative_error(map, smoothed + image * PIXELS, PIXELS), 5e-6);
        ck_ok(snarm_map_score(map, SIDE, SIDE, &score, NULL, NULL));
        ck_assert_double_lt(fabsf(score - best[image]), 5e-6);
    }
    sn_safetensors_close(file);
}
END_TEST

int main(void) {
    sn_rng_seed(&rng, 5, 0);
    Suite *suite = suite_create("map");
    TCase *cases = tcase_create("map");
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, from_logits, SN_SIMD_PLAIN, SN_SIMD_AVX512 + 1);
    tcase_add_test(cases, from_patches_and_resize);
    tcase_add_loop_test(cases, smoothing, SN_SIMD_PLAIN, SN_SIMD_AVX512 + 1);
    tcase_add_test(cases, smoothing_of_large_maps);
    tcase_add_loop_test(cases, scores, 16, 17);
    tcase_add_loop_test(cases, scores, 34, 35);
    tcase_add_test(cases, windows);
    tcase_add_test(cases, floors);
    tcase_add_test(cases, wrong_sizes);
    tcase_add_test(cases, golden);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
