/* The report: encoders, thumbnails, what the page holds, that no text leaves its place, and that it keeps its size. */
#include "snarm/report.h"

#include "core/rng.h"
#include "image/jpeg_encode.h"
#include "image/png_encode.h"
#include "report/sink.h"
#include "report/thumbnail.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 96, HEIGHT = 64 };

static void paint(sn_rng *rng, uint8_t *rgb, int noise) {
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++, rgb += 3) {
            rgb[0] = (uint8_t)(x * 2 + (int)sn_rng_below(rng, (uint64_t)noise));
            rgb[1] = (uint8_t)(y * 3 + (int)sn_rng_below(rng, (uint64_t)noise));
            rgb[2] = (uint8_t)(90 + (int)sn_rng_below(rng, (uint64_t)noise));
        }
}

static snarm_image view(const uint8_t *rgb) {
    return (snarm_image){.pixels = rgb, .width = WIDTH, .height = HEIGHT, .format = SNARM_RGB8};
}

START_TEST(jpeg_comes_back) {
    static uint8_t rgb[WIDTH * HEIGHT * 3];
    sn_rng rng;
    sn_rng_seed(&rng, 1, 0);
    paint(&rng, rgb, 1);
    snarm_image image = view(rgb), back;
    sn_bytes file = {.data = NULL};
    ck_ok(sn_bytes_append(&file, "head", 4, "test"));
    ck_ok(sn_jpeg_encode(&file, &image, 95, "test"));
    ck_assert_mem_eq(file.data, "head", 4);
    ck_ok(snarm_image_decode(&back, file.data + 4, file.size - 4, NULL, NULL));
    ck_assert(back.width == WIDTH && back.height == HEIGHT && back.format == SNARM_RGB8);
    for (int i = 0; i < WIDTH * HEIGHT * 3; i++)
        ck_assert_int_le(abs(back.pixels[i] - rgb[i]), 12);
    snarm_image_release(&back);
    image.format = SNARM_GREY8;
    file.size = 0;
    ck_ok(sn_jpeg_encode(&file, &image, 50, "test"));
    ck_ok(snarm_image_decode(&back, file.data, file.size, NULL, NULL));
    ck_assert_int_eq(back.format, SNARM_GREY8);
    snarm_image_release(&back);
    /* More than libjpeg writes: it says so, and nothing is added. */
    const size_t size = file.size;
    image.format = SNARM_BGR8;
    ck_fails(sn_jpeg_encode(&file, &image, 50, "test"), SNARM_ERROR_ARGUMENT, "format 3");
    image.format = SNARM_RGB8, image.height = 65501;
    ck_fails(sn_jpeg_encode(&file, &image, 50, "odd name"), SNARM_ERROR_INTERNAL, "odd name: JPEG");
    ck_assert_uint_eq(file.size, size);
    sn_bytes_release(&file);
}
END_TEST

START_TEST(mask_comes_back) {
    static uint8_t mask[37 * 21];
    sn_rng rng;
    sn_rng_seed(&rng, 2, 0);
    for (int i = 0; i < 37 * 21; i++)
        mask[i] = (uint8_t)(sn_rng_below(&rng, 3) == 0 ? 7 : 0);
    sn_bytes file = {.data = NULL};
    snarm_image back;
    ck_ok(sn_png_encode_mask(&file, mask, 37, 21, "test"));
    ck_assert_uint_lt(file.size, 400);
    ck_ok(snarm_image_decode(&back, file.data, file.size, NULL, NULL));
    ck_assert(back.width == 37 && back.height == 21 && back.format == SNARM_GREY8);
    for (int i = 0; i < 37 * 21; i++)
        ck_assert_int_eq(back.pixels[i], mask[i] != 0 ? 255 : 0);
    snarm_image_release(&back);
    sn_bytes_release(&file);
}
END_TEST

START_TEST(thumbnails_are_means) {
    /* Stripes of one pixel become grey, whatever the format, and a lone defective pixel stays. */
    static uint8_t pixels[300 * 100 * 4], mask[300 * 100];
    static const snarm_pixel_format formats[] = {SNARM_GREY8, SNARM_RGB8, SNARM_BGR8, SNARM_RGBA8};
    static const int bytes[] = {1, 3, 3, 4};
    for (int f = 0; f < 4; f++) {
        for (int i = 0; i < 300 * 100; i++)
            for (int c = 0; c < bytes[f]; c++)
                pixels[i * bytes[f] + c] = (uint8_t)(i % 2 ? 200 : c == 0 ? 100 : 0);
        snarm_image image = {.pixels = pixels, .width = 300, .height = 100, .format = formats[f]}, back;
        sn_bytes file = {.data = NULL};
        ck_ok(sn_thumbnail_picture(&file, &image, (sn_thumbnail_size){60, 95}, "test"));
        ck_ok(snarm_image_decode(&back, file.data, file.size, NULL, NULL));
        ck_assert(back.width == 60 && back.height == 20);
        ck_assert_int_eq(back.format, f == 0 ? SNARM_GREY8 : SNARM_RGB8);
        /* 5 columns a pixel: 2 or 3 of them bright; the mean of two neighbours is the mean of all. */
        const int first = formats[f] == SNARM_BGR8 ? 2 : 0, channels = f == 0 ? 1 : 3;
        const uint8_t *at = back.pixels + 30 * channels;
        ck_assert_int_le(abs((at[first] + at[first + channels]) / 2 - 150), 6);
        if (f > 0)
            ck_assert_int_le(abs((at[1] + at[4]) / 2 - 100), 6);
        snarm_image_release(&back);
        sn_bytes_release(&file);
    }
    mask[57 * 300 + 211] = 1;
    sn_bytes file = {.data = NULL};
    snarm_image back;
    ck_ok(sn_thumbnail_mask(&file, mask, 300, 100, 30, "test"));
    ck_ok(snarm_image_decode(&back, file.data, file.size, NULL, NULL));
    ck_assert(back.width == 30 && back.height == 10);
    for (int i = 0; i < 300; i++)
        ck_assert_int_eq(back.pixels[i], i == 5 * 30 + 21 ? 255 : 0);
    snarm_image_release(&back);
    sn_bytes_release(&file);
    static float map[50 * 40];
    map[0] = -INFINITY, map[1] = INFINITY;
    ck_ok(sn_thumbnail_map(&file, map, 50, 40, 2, (sn_thumbnail_size){160, 90}, "test"));
    ck_ok(snarm_image_decode(&back, file.data, file.size, NULL, NULL));
    ck_assert(back.width == 50 && back.height == 40);
    snarm_image_release(&back);
    sn_bytes_release(&file);
}
END_TEST

static char *read_text(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    char *text = malloc(*size + 1);
    ck_assert_uint_eq(fread(text, 1, *size, file), *size);
    text[*size] = '\0';
    fclose(file);
    return text;
}

static size_t occurrences(const char *text, const char *words) {
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, words)) != NULL; at++)
        count++;
    return count;
}

static snarm_report *create(int64_t max_bytes) {
    snarm_report_options options;
    snarm_report_options_init(&options);
    options.title = "a </title><script>alert(1)</script> \xff title";
    options.threshold = 2.5f;
    options.map_threshold = 1;
    options.max_bytes = max_bytes;
    snarm_report *report;
    ck_ok(snarm_report_create(&report, &options));
    return report;
}

/* Every third one defective; scores rise. */
static void add(snarm_report *report, sn_rng *rng, int count, const char *name, int noise) {
    static uint8_t rgb[WIDTH * HEIGHT * 3], mask[WIDTH * HEIGHT];
    static float map[20 * 30];
    for (int i = 0; i < count; i++) {
        paint(rng, rgb, noise);
        for (int m = 0; m < 600; m++)
            map[m] = (float)sn_rng_uniform(rng);
        memset(mask, 0, sizeof mask);
        mask[i] = 1;
        snarm_image image = view(rgb);
        snarm_report_sample sample = {.struct_size = sizeof sample,
                                      .name = name,
                                      .category = i % 2 ? "odd </script><!--" : "even",
                                      .defect = i % 3 == 0 ? "<hole & \"crack\">" : "good",
                                      .image = &image,
                                      .map = map,
                                      .map_width = 30,
                                      .map_height = 20,
                                      .mask = i % 3 == 0 ? mask : NULL,
                                      .mask_width = WIDTH,
                                      .mask_height = HEIGHT,
                                      .score = (float)i,
                                      .normalized = 0.5f,
                                      .anomalous = i % 3 == 0};
        ck_ok(snarm_report_add(report, &sample));
    }
}

START_TEST(texts_stay_in_their_place) {
    sn_rng rng;
    sn_rng_seed(&rng, 5, 0);
    snarm_report *report = create(0);
    add(report, &rng, 6, "dir/</script><img src=x onerror=alert(2)>\n\x01\xc3\x28 \xe2\x82\xac.png", 20);
    ck_ok(snarm_report_add_fact(report, "model <file>", "\"a&b\"'s </dd>"));
    snarm_pixel_metrics *pixels;
    ck_ok(snarm_pixel_metrics_create(&pixels, NULL));
    const float map[] = {1, 2, 3, 4};
    const uint8_t mask[] = {0, 1, 0, 1};
    ck_ok(snarm_pixel_metrics_add(pixels, map, mask, 2, 2));
    ck_ok(snarm_report_set_pixels(report, "even", pixels));
    ck_ok(snarm_report_set_pixels(report, "even", pixels));
    snarm_pixel_metrics_destroy(pixels);
    char path[4096];
    snprintf(path, sizeof path, "%s", scratch_file("report.html"));
    ck_ok(snarm_report_write(report, path));
    size_t size, again;
    char *text = read_text(path, &size);
    /* Our two script elements and no other. */
    ck_assert_uint_eq(occurrences(text, "<script"), 2);
    ck_assert_uint_eq(occurrences(text, "</script"), 2);
    ck_assert_uint_eq(occurrences(text, "</title"), 1);
    ck_assert_uint_eq(occurrences(text, "<img src=x"), 0);
    ck_assert_uint_eq(occurrences(text, "<hole"), 0);
    ck_assert_uint_eq(occurrences(text, "{{"), 0);
    ck_assert_uint_eq(occurrences(text, "<!--"), 0);
    ck_assert_uint_eq(strlen(text), size);
    ck_assert_ptr_nonnull(strstr(text, "<title>a &lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt; \xef\xbf\xbd title"));
    ck_assert_ptr_nonnull(strstr(text, "<dt>model &lt;file&gt;</dt><dd>&quot;a&amp;b&quot;&#39;s &lt;/dd&gt;</dd>"));
    ck_assert_ptr_nonnull(strstr(text, "\"dir/\\u003c/script\\u003e\\u003cimg src=x onerror=alert(2)\\u003e"
                                       "\\u000a\\u0001\xef\xbf\xbd( \xe2\x82\xac.png\""));
    ck_assert_ptr_nonnull(strstr(text, "<th scope=\"row\">odd &lt;/script&gt;&lt;!--</th><td>3</td><td>1</td>"));
    /* Scores 0, 2, 4 and truth 1, 0, 0 in "even"; 1, 3, 5 and 0, 1, 0 in the other: means at threshold 2.5. */
    ck_assert_ptr_nonnull(strstr(text, "<dd id=\"headline-image_auroc\">0.2500</dd>"));
    ck_assert_ptr_nonnull(strstr(text, "<dd id=\"headline-pixel_auroc\">0.7500</dd>"));
    ck_assert_ptr_nonnull(strstr(text, "<dd id=\"headline-false_alarm_rate\">0.5000</dd>"));
    ck_assert_ptr_nonnull(strstr(text, "<dd id=\"headline-detection_rate\">0.5000</dd>"));
    ck_assert_ptr_nonnull(strstr(text, "\"threshold\":[null,4,2,0],\"fpr\":[0,0.5,1,1],\"tpr\":[0,0,0,1],"
                                       "\"precision\":[1,0,0,0.333333333]}"));
    /* Nothing outside is asked for. */
    ck_assert_uint_eq(occurrences(text, "http://"), 1); /* the name of SVG */
    ck_assert_ptr_nonnull(strstr(text, "http://www.w3.org/2000/svg"));
    ck_assert_uint_eq(occurrences(text, "https://"), 0);
    ck_assert_uint_eq(occurrences(text, "url("), 0);
    ck_assert_uint_eq(occurrences(text, "@import"), 0);
    /* Written again: the same. */
    ck_ok(snarm_report_write(report, path));
    char *second = read_text(path, &again);
    ck_assert(again == size && memcmp(text, second, size) == 0);
    free(text), free(second);
    snarm_report_destroy(report);
}
END_TEST

/* The size of the picture that stands behind a key's first occurrence. */
static snarm_image decode(const char *text, const char *key) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static uint8_t bytes[1 << 20];
    const char *at = strstr(text, key);
    ck_assert_ptr_nonnull(at);
    size_t count = 0;
    uint32_t bits = 0;
    int held = 0;
    for (at += strlen(key); *at != '"' && *at != '='; at++) {
        ck_assert_ptr_nonnull(strchr(digits, *at));
        bits = bits << 6 | (uint32_t)(strchr(digits, *at) - digits);
        if ((held += 6) >= 8)
            bytes[count++] = (uint8_t)(bits >> (held -= 8));
    }
    snarm_image image;
    ck_ok(snarm_image_decode(&image, bytes, count, key, NULL));
    return image;
}

START_TEST(pictures_are_inside_and_keep_the_size) {
    static const int64_t budgets[] = {0, 300000, 120000};
    int32_t former = WIDTH;
    char path[4096];
    snprintf(path, sizeof path, "%s", scratch_file("size.html"));
    for (int b = 0; b < 3; b++) {
        sn_rng rng;
        sn_rng_seed(&rng, 6, 0);
        snarm_report *report = create(budgets[b]);
        add(report, &rng, 40, "picture.png", 100);
        ck_ok(snarm_report_write(report, path));
        size_t size;
        char *text = read_text(path, &size);
        if (budgets[b] > 0)
            ck_assert_uint_le(size, (size_t)budgets[b]);
        snarm_image image = decode(text, "\"image\":\""), map = decode(text, "\"map\":\""), mask = decode(text, "\"mask\":\"");
        ck_assert_int_le(image.width, former);
        ck_assert_int_eq(image.height, (image.width * HEIGHT + WIDTH / 2) / WIDTH);
        ck_assert_int_ge(mask.width, image.width);
        if (b == 0)
            ck_assert(image.width == WIDTH && map.width == 30 && map.height == 20 && mask.width == WIDTH);
        if (b == 2)
            ck_assert_int_lt(image.width, WIDTH * 2 / 3);
        former = image.width;
        snarm_image_release(&image), snarm_image_release(&map), snarm_image_release(&mask);
        ck_assert_uint_eq(occurrences(text, "\"normalized\":0.5"), 40);
        free(text);
        snarm_report_destroy(report);
    }
}
END_TEST

START_TEST(too_many_pictures_leave_the_old_file) {
    sn_rng rng;
    sn_rng_seed(&rng, 7, 0);
    snarm_report *report = create(100000);
    char path[4096];
    snprintf(path, sizeof path, "%s", scratch_file("full.html"));
    add(report, &rng, 4, "p", 100);
    ck_ok(snarm_report_write(report, path));
    size_t size, again;
    char *text = read_text(path, &size);
    add(report, &rng, 300, "p", 100);
    ck_fails(snarm_report_write(report, path), SNARM_ERROR_UNSUPPORTED, "max_bytes is 100000");
    char *second = read_text(path, &again);
    ck_assert(again == size && memcmp(text, second, size) == 0);
    free(text), free(second);
    ck_fails(snarm_report_write(report, "/nowhere/at/all.html"), SNARM_ERROR_UNSUPPORTED, "/nowhere/at/all.html");
    snarm_report_destroy(report);
    report = create(0);
    ck_fails(snarm_report_write(report, "/nowhere/at/all.html"), SNARM_ERROR_IO, "/nowhere/at/all.html");
    ck_ok(snarm_report_write(report, path)); /* without pictures */
    snarm_report_destroy(report);
}
END_TEST

START_TEST(bad_arguments) {
    snarm_report_options options;
    snarm_report_options_init(&options);
    snarm_report *report = (snarm_report *)&options;
    ck_fails(snarm_report_create(NULL, &options), SNARM_ERROR_ARGUMENT, "out is NULL");
    ck_fails(snarm_report_create(&report, NULL), SNARM_ERROR_ARGUMENT, "map_threshold is 0");
    ck_assert_ptr_null(report);
    options.threshold = NAN;
    ck_fails(snarm_report_create(&report, &options), SNARM_ERROR_ARGUMENT, "threshold is nan");
    options.threshold = -1;
    ck_fails(snarm_report_create(&report, &options), SNARM_ERROR_ARGUMENT, "map_threshold is -1");
    options.threshold = 1, options.max_bytes = 99999;
    ck_fails(snarm_report_create(&report, &options), SNARM_ERROR_ARGUMENT, "max_bytes is 99999");
    options.max_bytes = 0, options.picture_side = 15;
    ck_fails(snarm_report_create(&report, &options), SNARM_ERROR_ARGUMENT, "picture_side is 15");
    options.picture_side = 0;
    ck_ok(snarm_report_create(&report, &options));
    static uint8_t rgb[WIDTH * HEIGHT * 3];
    float map[] = {1, 2};
    snarm_image image = view(rgb);
    snarm_report_sample good = {
        .struct_size = sizeof good, .name = "p", .image = &image, .map = map, .map_width = 2, .map_height = 1};
    snarm_report_sample sample = good;
    ck_fails(snarm_report_add(NULL, &sample), SNARM_ERROR_ARGUMENT, "report is NULL");
    ck_fails(snarm_report_add(report, NULL), SNARM_ERROR_ARGUMENT, "sample is NULL");
    sample.name = NULL;
    ck_fails(snarm_report_add(report, &sample), SNARM_ERROR_ARGUMENT, "name is NULL");
    sample = good, sample.image = NULL;
    ck_fails(snarm_report_add(report, &sample), SNARM_ERROR_ARGUMENT, "image is NULL");
    sample = good, sample.map = NULL;
    ck_fails(snarm_report_add(report, &sample), SNARM_ERROR_ARGUMENT, "map is NULL");
    sample = good, sample.map_height = 0;
    ck_fails(snarm_report_add(report, &sample), SNARM_ERROR_ARGUMENT, "the map is 2 x 0");
    sample = good, sample.mask = rgb;
    ck_fails(snarm_report_add(report, &sample), SNARM_ERROR_ARGUMENT, "the mask is 0 x 0");
    sample = good, sample.score = INFINITY;
    ck_fails(snarm_report_add(report, &sample), SNARM_ERROR_ARGUMENT, "score is inf");
    map[1] = NAN;
    ck_fails(snarm_report_add(report, &good), SNARM_ERROR_ARGUMENT, "NaN at x 1, y 0");
    map[1] = 2;
    ck_ok(snarm_report_add(report, &good));
    ck_fails(snarm_report_add_fact(report, NULL, "x"), SNARM_ERROR_ARGUMENT, "name is NULL");
    ck_fails(snarm_report_add_fact(report, "x", NULL), SNARM_ERROR_ARGUMENT, "value is NULL");
    ck_fails(snarm_report_set_pixels(report, "x", NULL), SNARM_ERROR_ARGUMENT, "pixels is NULL");
    ck_fails(snarm_report_write(report, NULL), SNARM_ERROR_ARGUMENT, "path is NULL");
    snarm_report_destroy(report);
    snarm_report_destroy(NULL);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("report_page");
    TCase *cases = tcase_create("report_page");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, jpeg_comes_back);
    tcase_add_test(cases, mask_comes_back);
    tcase_add_test(cases, thumbnails_are_means);
    tcase_add_test(cases, texts_stay_in_their_place);
    tcase_add_test(cases, pictures_are_inside_and_keep_the_size);
    tcase_add_test(cases, too_many_pictures_leave_the_old_file);
    tcase_add_test(cases, bad_arguments);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
