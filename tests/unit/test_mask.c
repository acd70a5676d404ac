/* Masks at their own size and at a map's: by hand, and against the rule spelled out slowly. */
#include "snarm/dataset.h"

#include "core/rng.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Saves pixels as a PNG in scratch space and gives its path. */
static const char *save(const char *name, const uint8_t *pixels, int32_t width, int32_t height,
                        snarm_pixel_format format) {
    snarm_image image = {.pixels = pixels, .width = width, .height = height, .format = format};
    const char *path = scratch_file(name);
    ck_ok(snarm_image_save_png(&image, path));
    return path;
}

static snarm_preprocess sizes(int32_t resize_width, int32_t resize_height, int32_t width, int32_t height) {
    return (snarm_preprocess){
        .resize_width = resize_width, .resize_height = resize_height, .width = width, .height = height};
}

START_TEST(any_sample_above_zero_is_a_defect) {
    const uint8_t grey[] = {0, 1, 255, 0, 0, 128};
    snarm_image mask;
    ck_ok(snarm_mask_load_full(&mask, save("grey.png", grey, 3, 2, SNARM_GREY8)));
    ck_assert_int_eq(mask.width, 3);
    ck_assert_int_eq(mask.height, 2);
    ck_assert_int_eq(mask.format, SNARM_GREY8);
    ck_assert_mem_eq(mask.pixels, ((uint8_t[]){0, 1, 1, 0, 0, 1}), 6);
    snarm_image_release(&mask);
    const uint8_t colour[] = {0, 0, 0, 0, 0, 1, 9, 0, 0, 0, 7, 0};
    ck_ok(snarm_mask_load_full(&mask, save("colour.png", colour, 2, 2, SNARM_RGB8)));
    ck_assert_mem_eq(mask.pixels, ((uint8_t[]){0, 1, 1, 1}), 4);
    snarm_image_release(&mask);
}
END_TEST

START_TEST(resized_and_cropped_by_hand) {
    /* Unresized: the crop's offset is half the difference, rounded down. */
    uint8_t pixels[5 * 4], got[20];
    for (int i = 0; i < 20; i++)
        pixels[i] = i % 3 == 0 ? 200 : 0;
    const char *path = save("crop.png", pixels, 5, 4, SNARM_GREY8);
    snarm_preprocess how = sizes(5, 4, 2, 1);
    ck_ok(snarm_mask_load(path, &how, got));
    ck_assert_uint_eq(got[0], pixels[5 + 1] != 0);
    ck_assert_uint_eq(got[1], pixels[5 + 2] != 0);
    how = sizes(5, 4, 5, 4);
    ck_ok(snarm_mask_load(path, &how, got));
    for (int i = 0; i < 20; i++)
        ck_assert_uint_eq(got[i], pixels[i] != 0);
    /* Halved: a target pixel is the mean of four, and two of four are enough, however faint. */
    const uint8_t quads[] = {1, 0, 1, 1, 1, 0, 0, 0, 0, 1, 0, 1};
    path = save("quads.png", quads, 6, 2, SNARM_GREY8);
    how = sizes(3, 1, 3, 1);
    ck_ok(snarm_mask_load(path, &how, got));
    ck_assert_mem_eq(got, ((uint8_t[]){0, 1, 1}), 3);
    /* Doubled: target pixels lie at quarters between two source pixels. */
    const uint8_t edge[] = {0, 255};
    path = save("edge.png", edge, 2, 1, SNARM_GREY8);
    how = sizes(4, 2, 4, 2);
    ck_ok(snarm_mask_load(path, &how, got));
    ck_assert_mem_eq(got, ((uint8_t[]){0, 0, 1, 1, 0, 0, 1, 1}), 8);
}
END_TEST

/* Places beyond the edge take the edge pixel. */
static double at(const uint8_t *pixels, int width, int height, int x, int y) {
    x = x < 0 ? 0 : x >= width ? width - 1 : x;
    y = y < 0 ? 0 : y >= height ? height - 1 : y;
    return pixels[y * width + x] != 0 ? 1.0 : 0.0;
}

static double bilinear(const uint8_t *pixels, int width, int height, double x, double y) {
    int left = (int)floor(x), top = (int)floor(y);
    double right = x - left, below = y - top;
    return (1 - below) * ((1 - right) * at(pixels, width, height, left, top) +
                          right * at(pixels, width, height, left + 1, top)) +
           below * ((1 - right) * at(pixels, width, height, left, top + 1) +
                    right * at(pixels, width, height, left + 1, top + 1));
}

START_TEST(agrees_with_the_rule) {
    enum { WIDTH = 37, HEIGHT = 29 };
    uint8_t pixels[WIDTH * HEIGHT], got[100 * 100];
    sn_rng rng;
    sn_rng_seed(&rng, 21, 0);
    for (int i = 0; i < WIDTH * HEIGHT; i++)
        pixels[i] = sn_rng_below(&rng, 3) == 0 ? (uint8_t)(1 + sn_rng_below(&rng, 255)) : 0;
    const char *path = save("random.png", pixels, WIDTH, HEIGHT, SNARM_GREY8);
    const int cases[][4] = {
        {16, 20, 16, 20}, {100, 90, 61, 90}, {37, 60, 30, 31}, {1, 1, 1, 1}, {9, 100, 9, 99}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        snarm_preprocess how = sizes(cases[c][0], cases[c][1], cases[c][2], cases[c][3]);
        ck_ok(snarm_mask_load(path, &how, got));
        int decided = 0;
        for (int y = 0; y < how.height; y++)
            for (int x = 0; x < how.width; x++) {
                int column = x + (how.resize_width - how.width) / 2,
                    row = y + (how.resize_height - how.height) / 2;
                double value =
                    bilinear(pixels, WIDTH, HEIGHT, (column + 0.5) * WIDTH / how.resize_width - 0.5,
                             (row + 0.5) * HEIGHT / how.resize_height - 0.5);
                /* Beside one half, rounding decides. */
                if (fabs(value - 0.5) < 1e-4)
                    continue;
                ck_assert_uint_eq(got[y * how.width + x], value > 0.5);
                decided++;
            }
        ck_assert_int_ge(decided, how.width * how.height * 8 / 10);
    }
}
END_TEST

START_TEST(refused) {
    uint8_t got[4] = {7, 7, 7, 7};
    snarm_image mask;
    snarm_preprocess how = sizes(2, 2, 2, 2);
    const char *path = save("four.png", got, 2, 2, SNARM_GREY8);
    ck_fails(snarm_mask_load(scratch_file("no.png"), &how, got), SNARM_ERROR_IO, "no.png");
    ck_fails(snarm_mask_load_full(&mask, scratch_file("no.png")), SNARM_ERROR_IO, "no.png");
    ck_assert_ptr_null(mask.owned);
    ck_fails(snarm_mask_load(NULL, &how, got), SNARM_ERROR_ARGUMENT, "path is NULL");
    ck_fails(snarm_mask_load_full(&mask, ""), SNARM_ERROR_ARGUMENT, "path is empty");
    ck_fails(snarm_mask_load(path, NULL, got), SNARM_ERROR_ARGUMENT, "how is NULL");
    ck_fails(snarm_mask_load(path, &how, NULL), SNARM_ERROR_ARGUMENT, "mask is NULL");
    ck_fails(snarm_mask_load_full(NULL, path), SNARM_ERROR_ARGUMENT, "out is NULL");
    how = sizes(2, 2, 3, 2);
    ck_fails(snarm_mask_load(path, &how, got), SNARM_ERROR_ARGUMENT, "resize_width is 2, expected 3..16384");
    how = sizes(2, 16385, 2, 2);
    ck_fails(snarm_mask_load(path, &how, got), SNARM_ERROR_ARGUMENT, "resize_height is 16385");
    how = sizes(2, 2, 2, 0);
    ck_fails(snarm_mask_load(path, &how, got), SNARM_ERROR_ARGUMENT, "height is 0");
    ck_assert_mem_eq(got, ((uint8_t[]){7, 7, 7, 7}), 4);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("mask");
    TCase *cases = tcase_create("mask");
    tcase_add_test(cases, any_sample_above_zero_is_a_defect);
    tcase_add_test(cases, resized_and_cropped_by_hand);
    tcase_add_test(cases, agrees_with_the_rule);
    tcase_add_test(cases, refused);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
