/* Reliefs of depth pictures: the background's plane, holes, heights, slopes. */
#include "core/memory.h"
#include "core/rng.h"
#include "image/holes.h"
#include "image/plane.h"
#include "image/relief.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 90, HEIGHT = 70, POINTS = WIDTH * HEIGHT };

static sn_rng rng;
static float points[POINTS * 3];

/* A box of 6 mm with a ramp of slope 0.2 on a plane that lies askew, seen from 400 mm; a pixel is 0.5 mm. */
static double ramp(int x, int y) {
    return x >= 30 && x < 60 && y >= 20 && y < 50 ? 6 + 0.2 * 0.5 * (x - 30) : 0;
}

static void make_part(double tilt_x, double tilt_y, double noise) {
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            float *point = points + 3 * (y * WIDTH + x);
            point[0] = (float)(0.5 * x - 20), point[1] = (float)(0.5 * y - 17);
            point[2] = (float)(400 + tilt_x * 0.5 * x + tilt_y * 0.5 * y - ramp(x, y) + noise * sn_rng_normal(&rng));
        }
}

static snarm_depth view(void) {
    return (snarm_depth){points, WIDTH, HEIGHT};
}

static snarm_image relief_of(double range, double background) {
    snarm_relief_options options;
    snarm_relief_options_init(&options);
    options.range = range, options.background = background;
    const snarm_depth depth = view();
    snarm_image image;
    ck_ok(snarm_depth_relief(&image, &depth, &options));
    ck_assert(image.width == WIDTH && image.height == HEIGHT && image.format == SNARM_RGB8);
    return image;
}

static const uint8_t *pixel(const snarm_image *image, int x, int y) {
    return image->pixels + 3 * (y * WIDTH + x);
}

START_TEST(plane_of_most_points) {
    /* 45% of the points lie anywhere above. */
    enum { COUNT = 400 };
    float some[COUNT * 3];
    for (int i = 0; i < COUNT; i++) {
        const double x = 100 * sn_rng_uniform(&rng), y = 60 * sn_rng_uniform(&rng);
        some[3 * i] = (float)x, some[3 * i + 1] = (float)y;
        some[3 * i + 2] = (float)(300 + 0.3 * x - 0.2 * y + 0.01 * sn_rng_normal(&rng) -
                                  (i % 20 < 9 ? 5 + 40 * sn_rng_uniform(&rng) : 0));
    }
    sn_plane plane;
    ck_ok(sn_plane_find(&plane, some, COUNT));
    const double length = sqrt(1 + 0.09 + 0.04);
    ck_assert(fabs(plane.normal[0] - 0.3 / length) < 1e-3);
    ck_assert(fabs(plane.normal[1] + 0.2 / length) < 1e-3);
    ck_assert(fabs(plane.normal[2] + 1 / length) < 1e-3);
    ck_assert_msg(plane.noise > 0.007 && plane.noise < 0.013, "%g", plane.noise);
    ck_assert(plane.share > 0.5 && plane.share <= 0.56);
    const float above[] = {10, 20, 300 + 3 - 4 - 2};
    ck_assert(fabs(sn_plane_height(&plane, above) - 2 / length) < 0.05);
    sn_plane again;
    ck_ok(sn_plane_find(&again, some, COUNT));
    ck_assert_int_eq(memcmp(&plane, &again, sizeof plane), 0);
}
END_TEST

START_TEST(plane_of_poor_points) {
    /* On a line, or all the same: across the view, at their height. */
    const float line[] = {0, 0, 5, 1, 0, 5, 2, 0, 5, 3, 0, 5}, same[] = {1, 2, 3, 1, 2, 3, 1, 2, 3};
    const float corner[] = {0, 0, 1, 1, 0, 1, 0, 1, 1};
    const struct {
        const float *points;
        size_t count;
        double z;
    } cases[] = {{line, 4, 5}, {same, 3, 3}, {corner, 3, 1}};
    for (int i = 0; i < 3; i++) {
        sn_plane plane;
        ck_ok(sn_plane_find(&plane, cases[i].points, cases[i].count));
        ck_assert_msg(plane.normal[2] == -1 && plane.noise < 1e-9, "case %d: %g %g %g", i, plane.normal[0], plane.normal[1],
                      plane.normal[2]);
        ck_assert(fabs(plane.offset - cases[i].z) < 1e-6 && plane.share == 1);
    }
}
END_TEST

START_TEST(fills_holes) {
    for (int round = 0; round < 4; round++) {
        const int32_t width = (int32_t[]){37, 64, 1, 5}[round], height = (int32_t[]){29, 64, 23, 1}[round];
        const size_t count = (size_t)width * (size_t)height;
        float *values = malloc(count * sizeof *values);
        uint8_t *known = malloc(count);
        for (size_t i = 0; i < count; i++) {
            /* A ramp, of which two thirds are missing, a large piece in the middle too. */
            const int x = (int)(i % (size_t)width), y = (int)(i / (size_t)width);
            known[i] = sn_rng_below(&rng, 3) == 0 && !(x > width / 3 && x < width / 2 && y > height / 4);
            values[i] = known[i] ? (float)(3 + 0.1 * x + 0.2 * y) : NAN;
        }
        known[0] = 1, values[0] = 3;
        ck_ok(sn_holes_fill(values, known, width, height));
        for (size_t i = 0; i < count; i++) {
            const int x = (int)(i % (size_t)width), y = (int)(i / (size_t)width);
            const double error = fabs((double)values[i] - (3 + 0.1 * x + 0.2 * y));
            ck_assert_msg(known[i] ? error < 1e-5 : error < 2.5, "%d,%d: %g, known %d", x, y, (double)values[i], known[i]);
        }
        /* One value known: everything has it. */
        memset(known, 0, count);
        known[count / 2] = 1, values[count / 2] = 7;
        ck_ok(sn_holes_fill(values, known, width, height));
        for (size_t i = 0; i < count; i++)
            ck_assert(values[i] == 7);
        free(values);
        free(known);
    }
}
END_TEST

START_TEST(heights_and_slopes) {
    /* The same picture however the plane lies. */
    const double tilts[][2] = {{0, 0}, {0.1, -0.05}, {-0.3, 0.2}};
    for (int t = 0; t < 3; t++) {
        make_part(tilts[t][0], tilts[t][1], 0.002);
        snarm_image image = relief_of(12, 0);
        const double turned = 1 / sqrt(1 + tilts[t][0] * tilts[t][0] + tilts[t][1] * tilts[t][1]); /* across the plane */
        ck_assert_int_le(abs(pixel(&image, 5, 5)[0] - 128), 1);
        ck_assert_int_le(abs(pixel(&image, 80, 60)[1] - 128), 2);
        const double height = ramp(45, 35) * turned;
        ck_assert_msg(fabs(pixel(&image, 45, 35)[0] - (127.5 + 127.5 * height / 12)) <= 2, "%d", pixel(&image, 45, 35)[0]);
        const double slope = 0.2 * turned;
        ck_assert_msg(fabs(pixel(&image, 45, 35)[1] - (127.5 + 127.5 * slope / (slope + 0.5))) <= 3, "%d", pixel(&image, 45, 35)[1]);
        ck_assert_int_le(abs(pixel(&image, 45, 35)[2] - 128), 3);
        /* Up at the left and upper edge, down at the right and lower one. */
        ck_assert(pixel(&image, 30, 35)[1] > 200 && pixel(&image, 60, 35)[1] < 60);
        ck_assert(pixel(&image, 45, 20)[2] > 200 && pixel(&image, 45, 50)[2] < 60);
        snarm_image_release(&image);
    }
}
END_TEST

START_TEST(flat_background) {
    make_part(0.05, 0.02, 0.05);
    snarm_image rough = relief_of(12, 0), flat = relief_of(12, 0.25);
    int changes[2] = {0, 0};
    for (int y = 3; y < 15; y++)
        for (int x = 3; x < WIDTH - 3; x++) {
            changes[0] += pixel(&rough, x, y)[1] != 128;
            changes[1] += pixel(&flat, x, y)[1] != 128 || pixel(&flat, x, y)[2] != 128;
        }
    ck_assert_int_gt(changes[0], 500);
    ck_assert_int_eq(changes[1], 0);
    ck_assert_int_gt(pixel(&flat, 45, 35)[0], 180); /* the part stays */
    snarm_image_release(&rough);
    snarm_image_release(&flat);
}
END_TEST

START_TEST(holes_leave_no_trace) {
    make_part(0.02, 0.03, 0);
    snarm_image whole = relief_of(12, 0);
    for (int i = 0; i < POINTS / 10; i++) {
        float *point = points + 3 * sn_rng_below(&rng, POINTS);
        if (i % 3 == 0)
            point[2] = NAN;
        else if (i % 3 == 1)
            memset(point, 0, 3 * sizeof *point);
        else
            point[0] = point[1] = point[2] = 3e38f; /* no sensor's */
    }
    for (int y = 30; y < 36; y++)
        for (int x = 40; x < 46; x++)
            memset(points + 3 * (y * WIDTH + x), 0, 3 * sizeof *points);
    snarm_image image = relief_of(12, 0);
    for (int y = 24; y < 46; y++)
        for (int x = 34; x < 56; x++)
            for (int c = 0; c < 3; c++)
                ck_assert_msg(abs(pixel(&image, x, y)[c] - pixel(&whole, x, y)[c]) <= (c == 0 ? 4 : 40), "%d,%d,%d: %d, %d", x, y, c,
                              pixel(&image, x, y)[c], pixel(&whole, x, y)[c]);
    snarm_image_release(&image);
    snarm_image_release(&whole);
}
END_TEST

START_TEST(z_alone) {
    /* No x and y: a pixel is 1 wide, so slopes are half of what they are with 0.5 mm. */
    make_part(0, 0, 0);
    for (int i = 0; i < POINTS; i++)
        points[3 * i] = points[3 * i + 1] = 0;
    snarm_image image = relief_of(12, 0);
    ck_assert_msg(abs(pixel(&image, 45, 35)[1] - (int)(127.5 + 127.5 * 0.1 / 0.6)) <= 2, "%d", pixel(&image, 45, 35)[1]);
    ck_assert_int_gt(pixel(&image, 45, 35)[0], 180);
    snarm_image_release(&image);
}
END_TEST

START_TEST(measures) {
    make_part(0.1, 0, 0.02);
    const snarm_depth depth = view();
    sn_surface surface;
    ck_ok(sn_relief_measure(&surface, &depth, "test"));
    ck_assert_msg(surface.noise > 0.015 && surface.noise < 0.025, "%g", surface.noise);
    ck_assert(surface.border > 0.99);
    ck_assert_msg(fabs(surface.object - 900.0 / POINTS) < 0.01, "%g", surface.object);
    ck_assert_msg(surface.range > 8 && surface.range < 9.2, "%g", surface.range);
    /* Flat and without noise, there is still a range. */
    for (int i = 0; i < POINTS; i++)
        points[3 * i + 2] = 5;
    ck_ok(sn_relief_measure(&surface, &depth, "test"));
    ck_assert(surface.range > 0 && surface.object == 0);
    snarm_image image = relief_of(0, 0);
    for (int i = 0; i < 3 * POINTS; i++)
        ck_assert_int_eq(image.pixels[i], 128);
    snarm_image_release(&image);
}
END_TEST

START_TEST(odd_sizes) {
    for (int32_t side = 1; side < 40; side += 3) {
        const int32_t width = side, height = 41 - side;
        for (int32_t i = 0; i < width * height; i++) {
            points[3 * i] = (float)(i % width), points[3 * i + 1] = (float)(i / width);
            points[3 * i + 2] = (float)(100 + sn_rng_uniform(&rng));
        }
        const snarm_depth depth = {points, width, height};
        snarm_image image;
        ck_ok(snarm_depth_relief(&image, &depth, NULL));
        ck_assert(image.width == width && image.height == height);
        snarm_image_release(&image);
    }
}
END_TEST

START_TEST(bad_input) {
    make_part(0, 0, 0);
    snarm_depth depth = view();
    snarm_image image = {.width = 7};
    snarm_relief_options options;
    snarm_relief_options_init(&options);
    ck_fails(snarm_depth_relief(NULL, &depth, NULL), SNARM_ERROR_ARGUMENT, "out");
    ck_fails(snarm_depth_relief(&image, NULL, NULL), SNARM_ERROR_ARGUMENT, "depth");
    ck_assert_int_eq(image.width, 0);
    options.range = -1;
    ck_fails(snarm_depth_relief(&image, &depth, &options), SNARM_ERROR_ARGUMENT, "range is -1");
    options.range = NAN;
    ck_fails(snarm_depth_relief(&image, &depth, &options), SNARM_ERROR_ARGUMENT, "range is");
    options.range = 0, options.background = INFINITY;
    ck_fails(snarm_depth_relief(&image, &depth, &options), SNARM_ERROR_ARGUMENT, "background is inf");
    depth.width = 0;
    ck_fails(snarm_depth_relief(&image, &depth, NULL), SNARM_ERROR_ARGUMENT, "0x70");
    depth = view();
    memset(points + 6, 0, (POINTS - 2) * 3 * sizeof *points);
    ck_fails(snarm_depth_relief(&image, &depth, NULL), SNARM_ERROR_FORMAT, "2 measured points");
    ck_assert(image.pixels == NULL && image.owned == NULL);
}
END_TEST

int main(void) {
    sn_rng_seed(&rng, 31, 0);
    Suite *suite = suite_create("relief");
    TCase *tests = tcase_create("relief");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, plane_of_most_points);
    tcase_add_test(tests, plane_of_poor_points);
    tcase_add_test(tests, fills_holes);
    tcase_add_test(tests, heights_and_slopes);
    tcase_add_test(tests, flat_background);
    tcase_add_test(tests, holes_leave_no_trace);
    tcase_add_test(tests, z_alone);
    tcase_add_test(tests, measures);
    tcase_add_test(tests, odd_sizes);
    tcase_add_test(tests, bad_input);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
