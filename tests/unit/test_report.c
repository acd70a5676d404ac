/* Heat maps: an even colour scale, what is drawn where, and bad arguments. */
#include "report/heat_scale.h"
#include "report/outline.h"
#include "snarm/report.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

START_TEST(scale_is_even_in_lightness) {
    uint8_t table[SN_HEAT_STEPS][3];
    sn_heat_scale(table);
    double first = sn_heat_lightness(table[0]), last = sn_heat_lightness(table[SN_HEAT_STEPS - 1]);
    ck_assert(fabs(first - 0.16) < 0.01 && fabs(last - 0.96) < 0.01);
    double even = (last - first) / (SN_HEAT_STEPS - 1);
    for (int i = 1; i < SN_HEAT_STEPS; i++) {
        double step = sn_heat_lightness(table[i]) - sn_heat_lightness(table[i - 1]);
        /* 8 bits a channel move a colour's lightness by a third of a step at most. */
        ck_assert_msg(step > 0 && fabs(step - even) < 0.75 * even, "step %d is %g, expected %g", i, step,
                      even);
        ck_assert(fabs(sn_heat_lightness(table[i]) - (first + i * even)) < 0.5 * even + 1e-3);
    }
    const uint8_t white[3] = {255, 255, 255}, black[3] = {0, 0, 0};
    ck_assert(fabs(sn_heat_lightness(white) - 1) < 1e-6 && fabs(sn_heat_lightness(black)) < 1e-6);
}
END_TEST

enum { WIDTH = 60, HEIGHT = 40 };

/* A picture of rows with a gap behind them. */
static snarm_image make_picture(uint8_t *pixels, snarm_pixel_format format, int bytes) {
    const uint8_t colour[4] = {40, 90, 200, 7};
    ptrdiff_t stride = WIDTH * bytes + 5;
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            memcpy(pixels + y * stride + x * bytes, colour, (size_t)bytes);
    return (snarm_image){
        .pixels = pixels, .width = WIDTH, .height = HEIGHT, .stride = stride, .format = format};
}

static const uint8_t *at(const snarm_image *image, int x, int y) {
    return image->pixels + y * image->stride + x * 3;
}

START_TEST(low_values_leave_the_picture) {
    static uint8_t pixels[HEIGHT * (WIDTH * 4 + 5)];
    static float map[WIDTH * HEIGHT];
    static const struct {
        snarm_pixel_format format;
        int bytes;
        uint8_t red, green, blue;
    } formats[] = {{SNARM_GREY8, 1, 40, 40, 40},
                   {SNARM_RGB8, 3, 40, 90, 200},
                   {SNARM_BGR8, 3, 200, 90, 40},
                   {SNARM_RGBA8, 4, 40, 90, 200}};
    snarm_heatmap_options options;
    snarm_heatmap_options_init(&options);
    options.threshold = 1;
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
        snarm_image image = make_picture(pixels, formats[f].format, formats[f].bytes), out = {0};
        ck_ok(snarm_heatmap_render(&out, &image, map, &options));
        ck_assert(out.width == WIDTH && out.height == HEIGHT && out.format == SNARM_RGB8);
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++) {
                const uint8_t *pixel = at(&out, x, y);
                ck_assert(pixel[0] == formats[f].red && pixel[1] == formats[f].green &&
                          pixel[2] == formats[f].blue);
            }
        snarm_image_release(&out);
    }
}
END_TEST

START_TEST(full_values_take_the_colour) {
    static uint8_t pixels[HEIGHT * (WIDTH * 4 + 5)];
    static float map[WIDTH * HEIGHT];
    for (int i = 0; i < WIDTH * HEIGHT; i++)
        map[i] = i < WIDTH ? INFINITY : 3;
    uint8_t table[SN_HEAT_STEPS][3];
    sn_heat_scale(table);
    snarm_image image = make_picture(pixels, SNARM_RGB8, 3), out = {0};
    snarm_heatmap_options options;
    snarm_heatmap_options_init(&options);
    options.low = 1, options.high = 3, options.opacity = 1;
    ck_ok(snarm_heatmap_render(&out, &image, map, &options));
    ck_assert_mem_eq(at(&out, 3, 0), table[SN_HEAT_STEPS - 1], 3);
    ck_assert_mem_eq(at(&out, 3, 9), table[SN_HEAT_STEPS - 1], 3);
    snarm_image_release(&out);
    /* The default opacity is 0.6. */
    options.opacity = 0;
    ck_ok(snarm_heatmap_render(&out, &image, map, &options));
    ck_assert_int_eq(at(&out, 3, 9)[0], (int)(40 + 0.6 * (table[SN_HEAT_STEPS - 1][0] - 40) + 0.5));
    snarm_image_release(&out);
}
END_TEST

/* Distance from a pixel to the nearest on the other side of the region, over all pairs. */
static double plain_distance(const float *map, int x, int y, float threshold) {
    bool inside = map[y * WIDTH + x] >= threshold;
    double best = INFINITY;
    for (int v = 0; v < HEIGHT; v++)
        for (int u = 0; u < WIDTH; u++)
            if ((map[v * WIDTH + u] >= threshold) != inside)
                best = fmin(best, hypot(u - x, v - y));
    return best;
}

START_TEST(outline_runs_around_the_region) {
    ck_assert_int_eq(sn_outline_width(WIDTH, HEIGHT), 2);
    ck_assert_int_eq(sn_outline_width(640, 2000), 5);
    ck_assert_int_eq(sn_outline_width(65500, 65500), 32);
    static uint8_t rgb[WIDTH * HEIGHT * 3];
    static float map[WIDTH * HEIGHT];
    for (int kind = 0; kind < 4; kind++) {
        /* A disc, one pixel, everything but a hole at the border, and specks. */
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++)
                map[y * WIDTH + x] = kind == 0   ? hypot(x - 30, y - 20) < 11
                                     : kind == 1 ? x == 0 && y == 39
                                     : kind == 2 ? hypot(x - 59, y - 5) > 7
                                                 : (x * 7 + y * 13) % 97 == 0;
        memset(rgb, 100, sizeof rgb);
        ck_ok(sn_outline_draw(rgb, WIDTH, HEIGHT, map, 0.5f));
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++) {
                bool inside = map[y * WIDTH + x] >= 0.5f;
                double distance = plain_distance(map, x, y, 0.5f);
                int expected = inside          ? (distance <= 1 ? 16 : 100)
                               : distance <= 2 ? 255
                               : distance <= 3 ? 16
                                               : 100;
                const uint8_t *pixel = rgb + (y * WIDTH + x) * 3;
                ck_assert_msg(pixel[0] == expected && pixel[1] == expected && pixel[2] == expected,
                              "kind %d, x %d, y %d: %d, expected %d", kind, x, y, pixel[0], expected);
            }
    }
}
END_TEST

START_TEST(outline_needs_a_threshold) {
    static uint8_t pixels[HEIGHT * (WIDTH * 4 + 5)];
    static float map[WIDTH * HEIGHT];
    map[20 * WIDTH + 30] = 5;
    snarm_image image = make_picture(pixels, SNARM_RGB8, 3), out = {0};
    snarm_heatmap_options options;
    snarm_heatmap_options_init(&options);
    options.high = 10;
    ck_ok(snarm_heatmap_render(&out, &image, map, &options));
    ck_assert_int_eq(at(&out, 29, 20)[0], 40);
    snarm_image_release(&out);
    options.threshold = 5;
    ck_ok(snarm_heatmap_render(&out, &image, map, &options));
    ck_assert_int_eq(at(&out, 29, 20)[0], 255);
    snarm_image_release(&out);
}
END_TEST

START_TEST(bad_arguments) {
    static uint8_t pixels[HEIGHT * (WIDTH * 4 + 5)];
    static float map[WIDTH * HEIGHT];
    snarm_image image = make_picture(pixels, SNARM_RGB8, 3), out = {0};
    snarm_heatmap_options options;
    snarm_heatmap_options_init(&options);
    ck_fails(snarm_heatmap_render(&out, &image, map, NULL), SNARM_ERROR_ARGUMENT, "high is 0");
    ck_fails(snarm_heatmap_render(&out, &image, map, &options), SNARM_ERROR_ARGUMENT, "high is 0");
    options.threshold = 1;
    ck_fails(snarm_heatmap_render(&out, NULL, map, &options), SNARM_ERROR_ARGUMENT, "image is NULL");
    ck_fails(snarm_heatmap_render(&out, &image, NULL, &options), SNARM_ERROR_ARGUMENT, "map is NULL");
    ck_fails(snarm_heatmap_render(NULL, &image, map, &options), SNARM_ERROR_ARGUMENT, "out is NULL");
    options.low = 2;
    ck_fails(snarm_heatmap_render(&out, &image, map, &options), SNARM_ERROR_ARGUMENT, "low, which is 2");
    options.low = NAN;
    ck_fails(snarm_heatmap_render(&out, &image, map, &options), SNARM_ERROR_ARGUMENT, "low is nan");
    options.low = 0, options.threshold = INFINITY;
    ck_fails(snarm_heatmap_render(&out, &image, map, &options), SNARM_ERROR_ARGUMENT, "threshold is inf");
    options.threshold = 1, options.opacity = 1.5;
    ck_fails(snarm_heatmap_render(&out, &image, map, &options), SNARM_ERROR_ARGUMENT, "opacity is 1.5");
    options.opacity = NAN;
    ck_fails(snarm_heatmap_render(&out, &image, map, &options), SNARM_ERROR_ARGUMENT, "opacity is nan");
    options.opacity = 0, map[2 * WIDTH + 7] = NAN;
    ck_fails(snarm_heatmap_render(&out, &image, map, &options), SNARM_ERROR_ARGUMENT, "x 7, y 2");
    ck_assert_ptr_null(out.pixels);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("report");
    TCase *cases = tcase_create("report");
    tcase_add_test(cases, scale_is_even_in_lightness);
    tcase_add_test(cases, low_values_leave_the_picture);
    tcase_add_test(cases, full_values_take_the_colour);
    tcase_add_test(cases, outline_runs_around_the_region);
    tcase_add_test(cases, outline_needs_a_threshold);
    tcase_add_test(cases, bad_arguments);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
