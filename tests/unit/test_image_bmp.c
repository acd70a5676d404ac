/* BMP files made here byte by byte. */
#include "snarm/dataset.h"
#include "snarm/image.h"

#include "support.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 4096, WIDTH = 5, HEIGHT = 3, COLOURS = 7 };

typedef struct bmp_file {
    uint8_t bytes[FILE_MAX];
    size_t size;
} bmp_file;

typedef struct bmp_kind {
    int bits, compression, header;
    bool from_top, grey;
    int colours; /* in the palette's field; 0: as many as the bits can tell */
} bmp_kind;

static void put(bmp_file *file, size_t at, uint32_t value, int count) {
    for (int i = 0; i < count; i++)
        file->bytes[at + (size_t)i] = (uint8_t)(value >> 8 * i);
}

/* What the picture shows: red, green, blue of a pixel, or its colour's number. */
static uint8_t index_of(const bmp_kind *kind, int x, int y) {
    return (uint8_t)((x + 2 * y) % (kind->bits == 1 ? 2 : COLOURS));
}

static void colour_of(const bmp_kind *kind, int x, int y, uint8_t *rgb) {
    int index = index_of(kind, x, y);
    rgb[0] = (uint8_t)(kind->bits <= 8 ? 30 * index : 10 + 20 * x);
    rgb[1] = (uint8_t)(kind->bits <= 8 ? (kind->grey ? 30 * index : 200 - index) : 100 + y);
    rgb[2] = (uint8_t)(kind->bits <= 8 ? (kind->grey ? 30 * index : 3 * index) : 7 * (x + y));
}

static void make(bmp_file *file, const bmp_kind *kind) {
    memset(file, 0, sizeof *file);
    size_t palette = 14 + (size_t)kind->header, pixels = palette;
    int colours = kind->bits <= 8 ? (kind->colours == 0 ? 1 << kind->bits : kind->colours) : 0;
    pixels += (size_t)colours * 4 + (kind->compression == 3 && kind->header == 40 ? 12 : 0);
    memcpy(file->bytes, "BM", 2);
    put(file, 10, (uint32_t)pixels, 4);
    put(file, 14, (uint32_t)kind->header, 4);
    put(file, 18, WIDTH, 4);
    put(file, 22, kind->from_top ? 0u - HEIGHT : HEIGHT, 4);
    put(file, 26, 1, 2);
    put(file, 28, (uint32_t)kind->bits, 2);
    put(file, 30, (uint32_t)kind->compression, 4);
    put(file, 46, (uint32_t)kind->colours, 4);
    if (kind->compression == 3) {
        put(file, 54, 0x00ff0000, 4);
        put(file, 58, 0x0000ff00, 4);
        put(file, 62, 0x000000ff, 4);
    }
    for (int i = 0; i < colours && i < COLOURS; i++) {
        /* The pixel at (i, 0) has colour i, if there is one in a row that long. */
        uint8_t rgb[3];
        colour_of(kind, i, 0, rgb);
        for (int c = 0; c < 3; c++)
            file->bytes[palette + (size_t)i * 4 + (size_t)c] = rgb[2 - c];
    }
    size_t bits = (size_t)kind->bits, step = bits / 8, row = (WIDTH * bits + 31) / 32 * 4;
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            int line = kind->from_top ? y : HEIGHT - 1 - y;
            size_t at = (size_t)x * bits;
            uint8_t *to = file->bytes + pixels + (size_t)line * row + at / 8, rgb[3];
            colour_of(kind, x, y, rgb);
            if (bits <= 8)
                *to |= (uint8_t)(index_of(kind, x, y) << (8 - bits - at % 8));
            for (size_t c = 0; c < 3 && step > 1; c++)
                to[c] = rgb[2 - c];
            if (step == 4)
                to[3] = 77;
        }
    file->size = pixels + row * HEIGHT;
    put(file, 2, (uint32_t)file->size, 4);
}

static const bmp_kind kinds[] = {
    {24, 0, 40, false, false, 0},      {24, 0, 40, true, false, 0},       {32, 0, 40, false, false, 0},
    {32, 0, 124, true, false, 0},      {32, 3, 40, false, false, 0},      {32, 3, 56, true, false, 0},
    {32, 3, 108, false, false, 0},     {8, 0, 40, false, false, COLOURS}, {8, 0, 40, true, false, COLOURS},
    {8, 0, 108, false, true, COLOURS}, {8, 0, 40, false, false, 0},       {4, 0, 40, false, false, COLOURS},
    {4, 0, 40, true, true, 0},         {1, 0, 40, false, true, 2},        {1, 0, 40, true, false, 0},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void check_picture(const snarm_image *image, const bmp_kind *kind) {
    ck_assert_int_eq(image->width, WIDTH);
    ck_assert_int_eq(image->height, HEIGHT);
    ck_assert_int_eq(image->format, kind->grey ? SNARM_GREY8 : SNARM_RGB8);
    int bytes = kind->grey ? 1 : 3;
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            uint8_t rgb[3];
            colour_of(kind, x, y, rgb);
            ck_assert_mem_eq(image->pixels + y * image->stride + x * bytes, rgb, (size_t)bytes);
        }
}

START_TEST(reads_every_kind) {
    for (int i = 0; i < KINDS; i++) {
        bmp_file file;
        make(&file, &kinds[i]);
        snarm_image image;
        ck_ok(snarm_image_decode(&image, file.bytes, file.size, "picture", NULL));
        check_picture(&image, &kinds[i]);
        snarm_image_release(&image);
    }
}
END_TEST

/* The block is exactly as long as the file, so that a read beyond it is seen. */
static snarm_status decode_exactly(const uint8_t *bytes, size_t size) {
    uint8_t *block = malloc(size > 0 ? size : 1);
    memcpy(block, bytes, size);
    snarm_image image;
    snarm_status status = snarm_image_decode(&image, block, size, "picture", NULL);
    if (status == SNARM_OK) {
        unsigned sum = 0; /* every pixel is there */
        for (ptrdiff_t p = 0; p < image.height * image.stride; p++)
            sum += image.pixels[p];
        ck_assert_uint_le(sum, 255u * (unsigned)(image.height * image.stride));
    } else {
        ck_assert_ptr_null(image.owned);
        ck_assert_ptr_nonnull(strstr(snarm_last_error(), "picture: "));
    }
    snarm_image_release(&image);
    free(block);
    return status;
}

START_TEST(refuses_what_is_cut) {
    for (int i = 0; i < KINDS; i++) {
        bmp_file file;
        make(&file, &kinds[i]);
        for (size_t size = 0; size < file.size; size++)
            ck_assert_int_eq(decode_exactly(file.bytes, size), SNARM_ERROR_FORMAT);
        ck_assert_int_eq(decode_exactly(file.bytes, file.size), SNARM_OK);
        ck_assert_int_eq(decode_exactly(file.bytes, file.size + 1), SNARM_OK);
    }
}
END_TEST

START_TEST(survives_changed_bytes) {
    static const uint8_t values[] = {0, 1, 2, 3, 4, 7, 8, 12, 16, 32, 40, 64, 0x7f, 0x80, 0xfe, 0xff};
    size_t accepted = 0, refused = 0;
    for (int i = 0; i < KINDS; i++) {
        bmp_file file;
        make(&file, &kinds[i]);
        for (size_t at = 0; at < 14 + (size_t)kinds[i].header; at++)
            for (size_t v = 0; v < sizeof values; v++) {
                bmp_file changed = file;
                changed.bytes[at] = values[v];
                snarm_status status = decode_exactly(changed.bytes, changed.size);
                ck_assert(status == SNARM_OK || status == SNARM_ERROR_FORMAT ||
                          status == SNARM_ERROR_UNSUPPORTED);
                *(status == SNARM_OK ? &accepted : &refused) += 1;
            }
    }
    ck_assert_uint_gt(accepted, 0);
    ck_assert_uint_gt(refused, 0);
}
END_TEST

static void refuses(size_t at, uint32_t value, int count, int kind, snarm_status status, const char *words) {
    bmp_file file;
    make(&file, &kinds[kind]);
    put(&file, at, value, count);
    snarm_image image;
    ck_fails(snarm_image_decode(&image, file.bytes, file.size, "picture", NULL), status, words);
    ck_assert_ptr_null(image.owned);
}

START_TEST(names_what_is_wrong) {
    enum { RGB = 0, MASKS = 4, PALETTE = 7, ONE_BIT = 13 };
    refuses(14, 12, 4, RGB, SNARM_ERROR_UNSUPPORTED, "header of 12 bytes, expected 40 to 124");
    refuses(14, 125, 4, RGB, SNARM_ERROR_UNSUPPORTED, "header of 125 bytes");
    refuses(18, 0, 4, RGB, SNARM_ERROR_FORMAT, "picture of 0 x 3 pixels");
    refuses(18, 0xfffffffb, 4, RGB, SNARM_ERROR_FORMAT, "picture of -5 x 3 pixels");
    refuses(22, 0, 4, RGB, SNARM_ERROR_FORMAT, "picture of 5 x 0 pixels");
    refuses(18, 65501, 4, RGB, SNARM_ERROR_UNSUPPORTED, "65501 x 3 pixels, max_side is 65500");
    refuses(22, 0x80000000, 4, RGB, SNARM_ERROR_UNSUPPORTED, "5 x 2147483648 pixels, max_side");
    refuses(18, 60000, 4, RGB, SNARM_ERROR_FORMAT, "ends early");
    refuses(26, 2, 2, RGB, SNARM_ERROR_FORMAT, "2 planes, expected 1");
    refuses(28, 16, 2, RGB, SNARM_ERROR_UNSUPPORTED, "16 bits a pixel, compression 0");
    refuses(28, 2, 2, RGB, SNARM_ERROR_UNSUPPORTED, "2 bits a pixel, compression 0");
    refuses(28, 0, 2, RGB, SNARM_ERROR_UNSUPPORTED, "0 bits a pixel, compression 0");
    refuses(30, 1, 4, PALETTE, SNARM_ERROR_UNSUPPORTED, "8 bits a pixel, compression 1");
    refuses(54, 0x000000ff, 4, MASKS, SNARM_ERROR_UNSUPPORTED, "colour masks 000000ff");
    refuses(46, 257, 4, PALETTE, SNARM_ERROR_FORMAT, "palette of 257 colours, at most 256");
    refuses(46, 3, 4, ONE_BIT, SNARM_ERROR_FORMAT, "palette of 3 colours, at most 2");
    refuses(46, 6, 4, PALETTE, SNARM_ERROR_FORMAT, "a pixel has colour 6 of 6");
    refuses(10, 53, 4, RGB, SNARM_ERROR_FORMAT, "its pixels begin at byte 53, expected 54 or later");
    refuses(10, 65, 4, MASKS, SNARM_ERROR_FORMAT, "begin at byte 65, expected 66");
    refuses(10, 81, 4, PALETTE, SNARM_ERROR_FORMAT, "begin at byte 81, expected 82");
    refuses(10, 0xffffffff, 4, RGB, SNARM_ERROR_FORMAT, "ends early");
    bmp_file file;
    make(&file, &kinds[RGB]);
    snarm_image_options options;
    snarm_image_options_init(&options);
    options.max_pixels = WIDTH * HEIGHT - 1;
    snarm_image image;
    ck_fails(snarm_image_decode(&image, file.bytes, file.size, NULL, &options), SNARM_ERROR_UNSUPPORTED,
             "max_pixels is 14");
}
END_TEST

START_TEST(reads_masks) {
    bmp_file file;
    make(&file, &kinds[9]);
    const char *path = scratch_file("mask.bmp");
    FILE *stream = fopen(path, "wb");
    ck_assert_ptr_nonnull(stream);
    ck_assert_uint_eq(fwrite(file.bytes, 1, file.size, stream), file.size);
    ck_assert_int_eq(fclose(stream), 0);
    snarm_image mask;
    ck_ok(snarm_mask_load_full(&mask, path));
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            ck_assert_int_eq(mask.pixels[y * mask.stride + x], index_of(&kinds[9], x, y) > 0);
    snarm_image_release(&mask);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("image_bmp");
    TCase *cases = tcase_create("image_bmp");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, reads_every_kind);
    tcase_add_test(cases, refuses_what_is_cut);
    tcase_add_test(cases, survives_changed_bytes);
    tcase_add_test(cases, names_what_is_wrong);
    tcase_add_test(cases, reads_masks);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
