#define _XOPEN_SOURCE 700
#include <stddef.h>
#include <stdio.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jpeglib.h>
#ifdef SN_HAVE_TIFF
#include <tiffio.h>
#endif

#include "sets.h"

#include "snarm/depth.h"

#include "support.h"

enum { WIDTH = SET_WIDTH, HEIGHT = SET_HEIGHT };

static void make_folders(const char *path) {
    char part[4096];
    snprintf(part, sizeof part, "%s", path);
    for (char *slash = part + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        mkdir(part, 0777);
        *slash = '/';
    }
}

static void write_bytes(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

/* Grey, light in the middle: a picture as good as a mask. */
static uint8_t grey_of(int x, int y) {
    return x >= 3 && x < 6 && y >= 2 && y < 4 ? 255 : 0;
}

static void write_png(const char *path) {
    uint8_t pixels[WIDTH * HEIGHT];
    for (int i = 0; i < WIDTH * HEIGHT; i++)
        pixels[i] = grey_of(i % WIDTH, i / WIDTH);
    snarm_image image = {pixels, WIDTH, HEIGHT, WIDTH, SNARM_GREY8, NULL};
    ck_ok(snarm_image_save_png(&image, path));
}

/* 24 bits a pixel, from the bottom up. */
static void write_bmp(const char *path) {
    uint8_t file[54 + WIDTH * HEIGHT * 3] = {
        'B', 'M', [10] = 54, [14] = 40, [18] = WIDTH, [22] = HEIGHT, [26] = 1, [28] = 24};
    for (int i = 0; i < WIDTH * HEIGHT * 3; i++)
        file[54 + i] = grey_of(i / 3 % WIDTH, HEIGHT - 1 - i / 3 / WIDTH);
    write_bytes(path, file, sizeof file);
}

static void write_jpeg(const char *path) {
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_stdio_dest(&jpeg, file);
    jpeg.image_width = WIDTH;
    jpeg.image_height = HEIGHT;
    jpeg.input_components = 1;
    jpeg.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < HEIGHT; y++) {
        uint8_t row[WIDTH];
        for (int x = 0; x < WIDTH; x++)
            row[x] = grey_of(x, y);
        JSAMPROW rows[1] = {row};
        jpeg_write_scanlines(&jpeg, rows, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    ck_assert_int_eq(fclose(file), 0);
}

static void write_depth(const char *path) {
#ifdef SN_HAVE_TIFF
    float points[WIDTH * HEIGHT * 3];
    for (int i = 0; i < WIDTH * HEIGHT * 3; i++)
        points[i] = (float)i;
    TIFF *tiff = TIFFOpen(path, "w");
    ck_assert_ptr_nonnull(tiff);
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, (uint32_t)WIDTH);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, (uint32_t)HEIGHT);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, 3);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, 32);
    TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_IEEEFP);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
    TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, (uint32_t)HEIGHT);
    ck_assert_int_eq(TIFFWriteEncodedStrip(tiff, 0, points, sizeof points), sizeof points);
    TIFFClose(tiff);
#else
    write_bytes(path, "", 0);
#endif
}

void set_make(const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s", scratch_file(name));
    make_folders(path);
    const char *suffix = strrchr(name, '.');
    if (name[strlen(name) - 1] == '/')
        return;
    if (suffix == NULL)
        write_bytes(path, "text", 4);
    else if (strcasecmp(suffix, ".png") == 0)
        write_png(path);
    else if (strcasecmp(suffix, ".bmp") == 0)
        write_bmp(path);
    else if (strcasecmp(suffix, ".jpg") == 0 || strcasecmp(suffix, ".jpeg") == 0)
        write_jpeg(path);
    else if (strcasecmp(suffix, ".tiff") == 0 || strcasecmp(suffix, ".tif") == 0)
        write_depth(path);
    else
        write_bytes(path, "text", 4);
}

void set_make_all(const char *root, const char *const *names) {
    for (; *names != NULL; names++) {
        char name[1024];
        snprintf(name, sizeof name, "%s/%s", root, *names);
        set_make(name);
    }
}

void set_make_text(const char *name, const char *text) {
    char path[4096];
    snprintf(path, sizeof path, "%s", scratch_file(name));
    make_folders(path);
    write_bytes(path, text, strlen(text));
}

void set_remove(const char *name) {
    ck_assert_int_eq(remove(scratch_file(name)), 0);
}

static void append(char *text, size_t size, const char *format, ...) {
    va_list values;
    va_start(values, format);
    size_t length = strlen(text);
    int written = vsnprintf(text + length, size - length, format, values);
    va_end(values);
    ck_assert_int_lt(written, (int)(size - length));
}

static const char *below(const char *path, const char *root) {
    if (path == NULL)
        return "-";
    ck_assert_msg(strncmp(path, root, strlen(root)) == 0 && path[strlen(root)] == '/', "%s", path);
    return path + strlen(root) + 1;
}

/* Everything that a sample names can be loaded. */
static void load(const snarm_sample *sample) {
    snarm_image image, mask;
    ck_ok(snarm_image_load(&image, sample->path, NULL));
    ck_assert_int_eq(image.width, WIDTH);
    ck_assert_int_eq(image.height, HEIGHT);
    snarm_image_release(&image);
    if (sample->mask != NULL) {
        ck_ok(snarm_mask_load_full(&mask, sample->mask));
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++)
                ck_assert_int_eq(mask.pixels[y * WIDTH + x], grey_of(x, y) != 0);
        snarm_image_release(&mask);
    }
#ifdef SN_HAVE_TIFF
    if (sample->depth != NULL) {
        snarm_depth depth;
        ck_ok(snarm_depth_load(&depth, sample->depth, NULL));
        ck_assert_int_eq(depth.width, WIDTH);
        ck_assert_int_eq(depth.height, HEIGHT);
        ck_assert(depth.points[WIDTH * HEIGHT * 3 - 1] == WIDTH * HEIGHT * 3 - 1);
        snarm_depth_release(&depth);
    }
#endif
}

/* "category split|image|defect|mask|depth" for each sample, in order; a normal one has no defect but good. */
static const char *describe(const snarm_dataset *set, const char *root) {
    static char text[8192];
    text[0] = '\0';
    for (size_t c = 0; c < snarm_dataset_category_count(set); c++)
        for (int split = 0; split < 2; split++)
            for (size_t i = 0; i < snarm_dataset_sample_count(set, c, (snarm_split)split); i++) {
                snarm_sample sample;
                ck_ok(snarm_dataset_sample(set, c, (snarm_split)split, i, &sample));
                load(&sample);
                ck_assert_int_eq(sample.anomalous, strcmp(sample.defect, "good") != 0);
                append(text, sizeof text, "%s %s|%s|%s|", snarm_dataset_category_name(set, c),
                       split == 0 ? "train" : "test", below(sample.path, root), sample.defect);
                append(text, sizeof text, "%s|%s\n", below(sample.mask, root), below(sample.depth, root));
            }
    return text;
}

void set_check(const char *folder, snarm_layout layout, const char *expected) {
    char root[4096];
    snprintf(root, sizeof root, "%s", scratch_file(folder));
    for (int named = 0; named < 2; named++) {
        snarm_dataset_options options;
        snarm_dataset_options_init(&options);
        options.layout = named ? layout : SNARM_LAYOUT_AUTO;
        snarm_dataset *set;
        ck_ok(snarm_dataset_open(&set, root, &options));
        ck_assert_int_eq(snarm_dataset_layout(set), layout);
        ck_assert_str_eq(describe(set, root), expected);
        snarm_dataset_destroy(set);
    }
}

void set_refuse(const char *folder, snarm_status status, const char *words) {
    snarm_dataset *set;
    ck_fails(snarm_dataset_open(&set, scratch_file(folder), NULL), status, words);
    ck_assert_ptr_null(set);
}

void set_check_maskless(const char *folder, const char *expected) {
    char root[4096];
    snprintf(root, sizeof root, "%s", scratch_file(folder));
    snarm_dataset_options options;
    snarm_dataset_options_init(&options);
    options.allow_missing_masks = 1;
    snarm_dataset *set;
    ck_ok(snarm_dataset_open(&set, root, &options));
    ck_assert_str_eq(describe(set, root), expected);
    snarm_dataset_destroy(set);
}
