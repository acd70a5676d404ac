/* Pictures of callers, preprocessing, resizing of planes, files that are no pictures, and saving. */
#define _GNU_SOURCE
#include "core/rng.h"
#include "image/picture.h"
#include "image/resize.h"
#include "support.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WIDTH = 37, HEIGHT = 23 };

static uint8_t rgb_pixels[HEIGHT * WIDTH * 3];

static snarm_image random_rgb(void) {
    sn_rng rng;
    sn_rng_seed(&rng, 11, 0);
    for (size_t i = 0; i < sizeof rgb_pixels; i++)
        rgb_pixels[i] = (uint8_t)sn_rng_below(&rng, 256);
    return (snarm_image){.pixels = rgb_pixels, .width = WIDTH, .height = HEIGHT, .format = SNARM_RGB8};
}

static snarm_preprocess sized(int32_t resize_width, int32_t resize_height, int32_t width, int32_t height) {
    return (snarm_preprocess){
        resize_width, resize_height, width, height, {0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}};
}

START_TEST(views_are_checked) {
    snarm_image good = random_rgb(), bad;
    ck_ok(sn_image_check(&good, "f"));
    ck_fails(sn_image_check(NULL, "f"), SNARM_ERROR_ARGUMENT, "f: image is NULL");
    bad = good, bad.pixels = NULL;
    ck_fails(sn_image_check(&bad, "f"), SNARM_ERROR_ARGUMENT, "f: image.pixels is NULL");
    bad = good, bad.width = 0;
    ck_fails(sn_image_check(&bad, "f"), SNARM_ERROR_ARGUMENT, "f: image.width is 0");
    bad = good, bad.height = 65501;
    ck_fails(sn_image_check(&bad, "f"), SNARM_ERROR_ARGUMENT, "f: image.height is 65501");
    bad = good, bad.stride = 3 * WIDTH - 1;
    ck_fails(sn_image_check(&bad, "f"), SNARM_ERROR_ARGUMENT, "f: image.stride is 110 bytes");
    bad.stride = -3 * WIDTH + 1;
    ck_fails(sn_image_check(&bad, "f"), SNARM_ERROR_ARGUMENT, "f: image.stride is -110 bytes");
    bad.stride = -3 * WIDTH;
    ck_ok(sn_image_check(&bad, "f"));
    bad.stride = PTRDIFF_MIN;
    ck_fails(sn_image_check(&bad, "f"), SNARM_ERROR_ARGUMENT, "f: image.stride is");
    bad = good, bad.format = (snarm_pixel_format)5;
    ck_fails(sn_image_check(&bad, "f"), SNARM_ERROR_ARGUMENT, "f: image.format is 5");
    bad.format = (snarm_pixel_format)0;
    ck_fails(sn_image_check(&bad, "f"), SNARM_ERROR_ARGUMENT, "f: image.format is 0");
    bad = good;
    snarm_image_release(&bad);
    ck_assert_ptr_null(bad.pixels);
    snarm_image_release(&bad);
    snarm_image_release(NULL);
}
END_TEST

START_TEST(preprocess_by_hand) {
    /* Columns lie at -1/6, 1/2 and 7/6, rows alike. Upper middle: along x (255 + 228) * 1024 >> 4 = 30912;
     * row -1 has the fraction 5/6, weights 341 and 1707, both on row 0: (30912 * 341 >> 16) + (30912 * 1707
     * >> 16) = 160 + 805, (965 + 2) >> 2 = 241, where plain rounding of 241.5 would give 242. The others
     * alike. */
    const uint8_t pixels[4] = {255, 228, 34, 121};
    const uint8_t expected[9] = {255, 241, 228, 145, 160, 175, 34, 77, 121};
    snarm_image image = {.pixels = pixels, .width = 2, .height = 2, .format = SNARM_GREY8};
    snarm_preprocess how = sized(3, 3, 3, 3);
    float planes[27];
    uint8_t rgb[27];
    ck_ok(snarm_image_preprocess(&image, &how, planes, rgb));
    for (int i = 0; i < 9; i++)
        for (int c = 0; c < 3; c++) {
            ck_assert_int_eq(rgb[3 * i + c], expected[i]);
            ck_assert_float_eq_tol(planes[9 * c + i], (expected[i] / 255.0f - how.mean[c]) / how.std[c],
                                   2e-6f);
        }
    /* One pixel fills any size; a picture of its own size stays as it is. */
    image.width = image.height = 1;
    ck_ok(snarm_image_preprocess(&image, &how, planes, rgb));
    for (int i = 0; i < 27; i++)
        ck_assert_int_eq(rgb[i], 255);
    snarm_image same = random_rgb();
    how = sized(WIDTH, HEIGHT, WIDTH, HEIGHT);
    static float same_planes[3 * WIDTH * HEIGHT];
    static uint8_t same_rgb[3 * WIDTH * HEIGHT];
    ck_ok(snarm_image_preprocess(&same, &how, same_planes, same_rgb));
    ck_assert_mem_eq(same_rgb, rgb_pixels, sizeof same_rgb);
}
END_TEST

/* Writes the RGB pixels in another format and with that stride (negative: from the bottom up). */
static snarm_image as_view(uint8_t *memory, snarm_pixel_format format, ptrdiff_t stride) {
    uint8_t *top = stride < 0 ? memory - (HEIGHT - 1) * stride : memory;
    int bytes = sn_image_pixel_bytes(format);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            for (int c = 0; c < 3; c++)
                top[y * stride + x * bytes + (format == SNARM_BGR8 ? 2 - c : c)] =
                    rgb_pixels[(y * WIDTH + x) * 3 + c];
    return (snarm_image){.pixels = top, .width = WIDTH, .height = HEIGHT, .stride = stride, .format = format};
}

START_TEST(preprocess_of_any_view) {
    enum { W = 40, H = 19, N = 3 * W * H };
    static float expected[N], planes[N];
    static uint8_t expected_rgb[N], rgb[N], memory[HEIGHT * 200];
    snarm_image image = random_rgb();
    snarm_preprocess how = sized(51, 30, W, H);
    ck_ok(snarm_image_preprocess(&image, &how, expected, expected_rgb));
    static const int views[][2] = {{SNARM_RGB8, 200},  {SNARM_RGB8, -113},       {SNARM_BGR8, 3 * WIDTH},
                                   {SNARM_BGR8, -200}, {SNARM_RGBA8, 4 * WIDTH}, {SNARM_RGBA8, 151}};
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
        memset(memory, 0xA5, sizeof memory);
        image = as_view(memory, (snarm_pixel_format)views[i][0], views[i][1]);
        ck_ok(snarm_image_preprocess(&image, &how, planes, rgb));
        ck_assert_mem_eq(planes, expected, sizeof planes);
        ck_assert_mem_eq(rgb, expected_rgb, sizeof rgb);
        memset(planes, 0, sizeof planes);
        ck_ok(snarm_image_preprocess(&image, &how, planes, NULL));
        ck_assert_mem_eq(planes, expected, sizeof planes);
    }
    /* Grey is red = green = blue. */
    static uint8_t tripled[HEIGHT * WIDTH * 3];
    for (int i = 0; i < HEIGHT * WIDTH * 3; i++)
        tripled[i] = rgb_pixels[i / 3];
    image = (snarm_image){.pixels = tripled, .width = WIDTH, .height = HEIGHT, .format = SNARM_RGB8};
    ck_ok(snarm_image_preprocess(&image, &how, expected, expected_rgb));
    image = (snarm_image){.pixels = rgb_pixels, .width = WIDTH, .height = HEIGHT, .format = SNARM_GREY8};
    ck_ok(snarm_image_preprocess(&image, &how, planes, rgb));
    ck_assert_mem_eq(planes, expected, sizeof planes);
    ck_assert_mem_eq(rgb, expected_rgb, sizeof rgb);
}
END_TEST

START_TEST(crop_is_the_centre) {
    /* Upwards and downwards; odd differences: the smaller half is cut off at the left and at the top. */
    static const int sizes[][4] = {{60, 41, 31, 20}, {14, 9, 7, 9}, {5, 50, 5, 1}};
    static float planes[3 * 60 * 50];
    static uint8_t whole[3 * 60 * 50], rgb[3 * 60 * 50];
    snarm_image image = random_rgb();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int rw = sizes[i][0], rh = sizes[i][1], w = sizes[i][2], h = sizes[i][3];
        snarm_preprocess all = sized(rw, rh, rw, rh), part = sized(rw, rh, w, h);
        ck_ok(snarm_image_preprocess(&image, &all, planes, whole));
        ck_ok(snarm_image_preprocess(&image, &part, planes, rgb));
        for (int y = 0; y < h; y++)
            ck_assert_mem_eq(rgb + y * w * 3, whole + ((y + (rh - h) / 2) * rw + (rw - w) / 2) * 3,
                             (size_t)w * 3);
        for (int c = 0; c < 3; c++)
            for (int p = 0; p < w * h; p++)
                ck_assert_float_eq_tol(planes[c * w * h + p],
                                       (rgb[3 * p + c] / 255.0f - part.mean[c]) / part.std[c], 2e-6f);
    }
}
END_TEST

START_TEST(preprocess_refuses) {
    snarm_image image = random_rgb();
    snarm_preprocess good = sized(8, 8, 8, 8), bad;
    float planes[3 * 64];
    ck_fails(snarm_image_preprocess(NULL, &good, planes, NULL), SNARM_ERROR_ARGUMENT, "image is NULL");
    ck_fails(snarm_image_preprocess(&image, NULL, planes, NULL), SNARM_ERROR_ARGUMENT, "how is NULL");
    ck_fails(snarm_image_preprocess(&image, &good, NULL, NULL), SNARM_ERROR_ARGUMENT, "planes is NULL");
    bad = good, bad.resize_width = 7;
    ck_fails(snarm_image_preprocess(&image, &bad, planes, NULL), SNARM_ERROR_ARGUMENT, "resize_width is 7");
    bad = good, bad.resize_height = 16385;
    ck_fails(snarm_image_preprocess(&image, &bad, planes, NULL), SNARM_ERROR_ARGUMENT,
             "resize_height is 16385");
    bad = good, bad.width = 0;
    ck_fails(snarm_image_preprocess(&image, &bad, planes, NULL), SNARM_ERROR_ARGUMENT, "width is 0");
    bad = good, bad.height = -1;
    ck_fails(snarm_image_preprocess(&image, &bad, planes, NULL), SNARM_ERROR_ARGUMENT, "height is -1");
    bad = good, bad.std[1] = 0;
    ck_fails(snarm_image_preprocess(&image, &bad, planes, NULL), SNARM_ERROR_ARGUMENT, "std[1] is 0");
    bad = good, bad.mean[2] = NAN;
    ck_fails(snarm_image_preprocess(&image, &bad, planes, NULL), SNARM_ERROR_ARGUMENT, "mean[2] is nan");
}
END_TEST

START_TEST(plane_is_resized) {
    const float src[4] = {0, 4, 8, 16};
    float dst[16];
    const float expected[16] = {0, 1, 3, 4, 2, 3.25f, 5.75f, 7, 6, 7.75f, 11.25f, 13, 8, 10, 14, 16};
    ck_ok(sn_resize_plane(src, 2, 2, dst, 4, 4));
    for (int i = 0; i < 16; i++)
        ck_assert_float_eq(dst[i], expected[i]);
    ck_ok(sn_resize_plane(src, 2, 2, dst, 1, 1));
    ck_assert_float_eq(dst[0], 7.0f);
    ck_ok(sn_resize_plane(src, 2, 2, dst, 2, 2));
    ck_assert_mem_eq(dst, src, sizeof src);
    ck_ok(sn_resize_plane(src + 1, 1, 1, dst, 3, 5));
    for (int i = 0; i < 15; i++)
        ck_assert_float_eq(dst[i], 4.0f);
    /* Against the definition, pixel by pixel, upwards and downwards. */
    static float in[HEIGHT * WIDTH], out[60 * 60];
    random_rgb();
    for (int i = 0; i < HEIGHT * WIDTH; i++)
        in[i] = rgb_pixels[i];
    for (int dw = 1; dw < 60; dw += 13)
        for (int dh = 1; dh < 60; dh += 11) {
            ck_ok(sn_resize_plane(in, WIDTH, HEIGHT, out, dw, dh));
            for (int y = 0; y < dh; y++)
                for (int x = 0; x < dw; x++) {
                    double sx = fmax((x + 0.5) * WIDTH / dw - 0.5, 0),
                           sy = fmax((y + 0.5) * HEIGHT / dh - 0.5, 0);
                    int x0 = (int)sx, y0 = (int)sy, x1 = x0 + (x0 < WIDTH - 1), y1 = y0 + (y0 < HEIGHT - 1);
                    double fx = sx - x0, fy = sy - y0;
                    double upper = in[y0 * WIDTH + x0] * (1 - fx) + in[y0 * WIDTH + x1] * fx;
                    double lower = in[y1 * WIDTH + x0] * (1 - fx) + in[y1 * WIDTH + x1] * fx;
                    ck_assert_double_eq_tol(out[y * dw + x], upper * (1 - fy) + lower * fy, 1e-3);
                }
        }
}
END_TEST

static void put_file(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

static void refuses_content(const void *bytes, size_t size, snarm_status status, const char *words) {
    const char *path = scratch_file("content.png");
    put_file(path, bytes, size);
    snarm_image image;
    ck_fails(snarm_image_load(&image, path, NULL), status, words);
    ck_assert_ptr_nonnull(strstr(snarm_last_error(), path));
    ck_assert_ptr_null(image.owned);
    ck_fails(snarm_image_decode(&image, bytes, size, "upload 7", NULL), status, words);
    ck_assert_ptr_nonnull(strstr(snarm_last_error(), "upload 7: "));
}

START_TEST(other_content_is_named) {
    refuses_content("", 0, SNARM_ERROR_FORMAT, ": is empty");
    refuses_content("BM is how this text begins, quite long.", 39, SNARM_ERROR_FORMAT,
                    ": is not a PNG, JPEG or BMP file");
    refuses_content("\x89PNG", 4, SNARM_ERROR_FORMAT, ": is not a PNG, JPEG or BMP file");
    refuses_content("\x89PNG\n\n\x1a\n long enough", 20, SNARM_ERROR_FORMAT,
                    ": is not a PNG, JPEG or BMP file");
    refuses_content("BM\x36\x10\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\1\0\0\0", 22, SNARM_ERROR_FORMAT,
                    "broken BMP file: it ends early");
    refuses_content("GIF89a\1\0", 8, SNARM_ERROR_UNSUPPORTED, "a GIF file");
    refuses_content("II*\0\x08\0\0\0", 8, SNARM_ERROR_UNSUPPORTED, "a TIFF file");
    refuses_content("MM\0*\0\0\0\x08", 8, SNARM_ERROR_UNSUPPORTED, "a TIFF file");
    refuses_content("RIFF\x10\0\0\0WEBPVP8 ", 16, SNARM_ERROR_UNSUPPORTED, "a WebP file");
    refuses_content("\0\0\0\x20"
                    "ftypavif\0\0\0\0",
                    16, SNARM_ERROR_UNSUPPORTED, "an AVIF file");
}
END_TEST

START_TEST(other_files_are_named) {
    snarm_image image;
    ck_fails(snarm_image_load(&image, scratch_file("absent.png"), NULL), SNARM_ERROR_IO,
             "absent.png: cannot be opened");
    ck_fails(snarm_image_load(&image, "/", NULL), SNARM_ERROR_IO, "/: is a folder");
    const char *pipe_path = scratch_file("pipe.png");
    ck_assert_int_eq(mkfifo(pipe_path, 0600), 0);
    ck_fails(snarm_image_load(&image, pipe_path, NULL), SNARM_ERROR_IO, "is not a regular file");
    ck_fails(snarm_image_load(&image, "/dev/zero", NULL), SNARM_ERROR_IO, "is not a regular file");
    ck_fails(snarm_image_load(&image, NULL, NULL), SNARM_ERROR_ARGUMENT, "path is NULL");
    ck_fails(snarm_image_load(NULL, "a.png", NULL), SNARM_ERROR_ARGUMENT, "out is NULL");
    ck_fails(snarm_image_decode(&image, NULL, 3, NULL, NULL), SNARM_ERROR_ARGUMENT, "bytes is NULL");
    ck_fails(snarm_image_decode(NULL, "", 0, NULL, NULL), SNARM_ERROR_ARGUMENT, "out is NULL");
    ck_fails(snarm_image_decode(&image, "x", 1, NULL, NULL), SNARM_ERROR_FORMAT, "image in memory: ");
    /* A gigabyte and a byte, without a block on the disk. */
    const char *huge = scratch_file("huge.png");
    put_file(huge, "\x89PNG\r\n\x1a\n", 8);
    ck_assert_int_eq(truncate(huge, ((off_t)1 << 30) + 1), 0);
    ck_fails(snarm_image_load(&image, huge, NULL), SNARM_ERROR_UNSUPPORTED, "is 1073741825 bytes long");
}
END_TEST

START_TEST(options_are_checked) {
    snarm_image image;
    snarm_image_options options;
    snarm_image_options_init(NULL);
    snarm_image_options_init(&options);
    options.max_pixels = -1;
    ck_fails(snarm_image_load(&image, "a.png", &options), SNARM_ERROR_ARGUMENT, "max_pixels is -1");
    snarm_image_options_init(&options);
    options.max_side = 65501;
    ck_fails(snarm_image_load(&image, "a.png", &options), SNARM_ERROR_ARGUMENT, "max_side is 65501");
    snarm_image_options_init(&options);
    options.ignore_exif = 2;
    ck_fails(snarm_image_decode(&image, "x", 1, NULL, &options), SNARM_ERROR_ARGUMENT, "ignore_exif is 2");
    options.struct_size = 0;
    ck_fails(snarm_image_decode(&image, "x", 1, NULL, &options), SNARM_ERROR_ARGUMENT, "struct_size is 0");
}
END_TEST

START_TEST(saved_pictures_come_back) {
    static uint8_t memory[HEIGHT * 200];
    random_rgb();
    const char *path = scratch_file("saved.png");
    static const snarm_pixel_format formats[] = {SNARM_RGB8, SNARM_BGR8, SNARM_RGBA8};
    for (int i = 0; i < 6; i++) {
        snarm_image image = as_view(memory, formats[i / 2], i % 2 != 0 ? -200 : 160), loaded;
        ck_ok(snarm_image_save_png(&image, path));
        ck_ok(snarm_image_load(&loaded, path, NULL));
        ck_assert_int_eq(loaded.format, SNARM_RGB8);
        ck_assert(loaded.width == WIDTH && loaded.height == HEIGHT && loaded.stride == 3 * WIDTH);
        ck_assert_mem_eq(loaded.pixels, rgb_pixels, sizeof rgb_pixels);
        snarm_image_release(&loaded);
    }
    snarm_image grey = {.pixels = rgb_pixels, .width = 3 * WIDTH, .height = HEIGHT, .format = SNARM_GREY8},
                loaded;
    ck_ok(snarm_image_save_png(&grey, path));
    ck_ok(snarm_image_load(&loaded, path, NULL));
    ck_assert_int_eq(loaded.format, SNARM_GREY8);
    ck_assert_mem_eq(loaded.pixels, rgb_pixels, sizeof rgb_pixels);
    snarm_image_release(&loaded);
    /* A new file gets the permissions that any program's would. */
    mode_t mask = umask(022);
    struct stat facts;
    const char *fresh = scratch_file("fresh.png");
    ck_ok(snarm_image_save_png(&grey, fresh));
    ck_assert_int_eq(stat(fresh, &facts), 0);
    ck_assert_uint_eq(facts.st_mode & 0777, 0644);
    umask(mask);
    /* A name as long as names may be. */
    char name[256];
    memset(name, 'n', 251);
    strcpy(name + 251, ".png");
    ck_ok(snarm_image_save_png(&grey, scratch_file(name)));
}
END_TEST

static int count_entries(const char *folder) {
    DIR *entries = opendir(folder);
    ck_assert_ptr_nonnull(entries);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(entries);
    return count;
}

START_TEST(failed_saving_leaves_nothing) {
    snarm_image image = random_rgb();
    const char *missing = scratch_file("missing");
    char path[4200];
    snprintf(path, sizeof path, "%s/out.png", missing);
    ck_fails(snarm_image_save_png(&image, path), SNARM_ERROR_IO, "out.png: cannot be written");
    ck_assert_int_ne(access(missing, F_OK), 0);
    ck_fails(snarm_image_save_png(&image, NULL), SNARM_ERROR_ARGUMENT, "path is NULL");
    ck_fails(snarm_image_save_png(NULL, path), SNARM_ERROR_ARGUMENT, "image is NULL");

    /* The old file survives a full disk (here: a limit on file sizes), a pipe and a folder stay what they
     * are. */
    const char *folder = scratch_file("folder");
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    snprintf(path, sizeof path, "%s/out.png", folder);
    put_file(path, "old", 3);
    struct rlimit former, low;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &former), 0);
    low = former, low.rlim_cur = 1000;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &low), 0);
    snarm_status status = snarm_image_save_png(&image, path);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &former), 0);
    signal(SIGXFSZ, handler);
    ck_fails(status, SNARM_ERROR_IO, "out.png: cannot be written: File too large");
    ck_assert_int_eq(count_entries(folder), 1);
    struct stat facts;
    ck_assert(stat(path, &facts) == 0 && facts.st_size == 3);
    ck_fails(snarm_image_save_png(&image, folder), SNARM_ERROR_IO, "is not a regular file");
    const char *pipe_path = scratch_file("target");
    ck_assert_int_eq(mkfifo(pipe_path, 0600), 0);
    ck_fails(snarm_image_save_png(&image, pipe_path), SNARM_ERROR_IO, "target: is not a regular file");
    ck_assert_int_eq(count_entries(folder), 1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("image");
    TCase *cases = tcase_create("image");
    tcase_add_test(cases, views_are_checked);
    tcase_add_test(cases, preprocess_by_hand);
    tcase_add_test(cases, preprocess_of_any_view);
    tcase_add_test(cases, crop_is_the_centre);
    tcase_add_test(cases, preprocess_refuses);
    tcase_add_test(cases, plane_is_resized);
    tcase_add_test(cases, other_content_is_named);
    tcase_add_test(cases, other_files_are_named);
    tcase_add_test(cases, options_are_checked);
    tcase_add_test(cases, saved_pictures_come_back);
    tcase_add_test(cases, failed_saving_leaves_nothing);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
