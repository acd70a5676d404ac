/* PNG files of every kind, broken ones, and oversized ones. */
#include "core/rng.h"
#include "image/decode.h"
#include "support.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

/* A file in memory. */
typedef struct file_bytes {
    uint8_t *bytes;
    size_t size, room;
} file_bytes;

static void append(png_structp png, png_bytep bytes, size_t count) {
    file_bytes *file = png_get_io_ptr(png);
    if (file->size + count > file->room) {
        file->room = 2 * (file->size + count);
        file->bytes = realloc(file->bytes, file->room);
        ck_assert_ptr_nonnull(file->bytes);
    }
    memcpy(file->bytes + file->size, bytes, count);
    file->size += count;
}

static void flush(png_structp png) {
    (void)png;
}

typedef struct kind {
    int colour, depth, channels;
    bool interlaced, transparent;
} kind;

/* Sample c of pixel (x, y), 0..2^depth - 1. */
static unsigned sample(const kind *of, int x, int y, int c) {
    unsigned mixed = (unsigned)(x * 7919 + y * 104729 + c * 1299709 + 12345) * 2654435761u;
    return (mixed >> 12) & ((1u << of->depth) - 1);
}

static const uint8_t *palette_entry(unsigned index) {
    static uint8_t colour[3];
    colour[0] = (uint8_t)(index * 37 + 5), colour[1] = (uint8_t)(255 - index),
    colour[2] = (uint8_t)(index * 101);
    return colour;
}

/* Encodes the samples; exif, if not NULL, becomes an eXIf chunk. */
static file_bytes encode(const kind *of, int width, int height, const uint8_t *exif, size_t exif_size) {
    file_bytes file = {0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, &file, append, flush);
    png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, of->depth, of->colour,
                 of->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, 0, 0);
    if (of->colour == PNG_COLOR_TYPE_PALETTE) {
        png_color palette[256];
        for (unsigned i = 0; i < 256; i++)
            memcpy(&palette[i], palette_entry(i), 3);
        png_set_PLTE(png, info, palette, 1 << of->depth);
    }
    if (of->transparent) {
        png_color_16 key = {.gray = (png_uint_16)sample(of, 0, 0, 0),
                            .red = (png_uint_16)sample(of, 0, 0, 0)};
        key.green = (png_uint_16)sample(of, 0, 0, of->channels > 1),
        key.blue = (png_uint_16)sample(of, 0, 0, 2);
        uint8_t alphas[2] = {0, 128};
        png_set_tRNS(png, info, alphas, of->colour == PNG_COLOR_TYPE_PALETTE ? 2 : 0, &key);
    }
    char words[] = "some words";
    png_text text = {.compression = PNG_TEXT_COMPRESSION_NONE, .key = words, .text = words};
    png_set_text(png, info, &text, 1);
    if (exif != NULL)
        png_set_eXIf_1(png, info, (png_uint_32)exif_size, (png_bytep)exif);
    png_write_info(png, info);
    size_t stride = png_get_rowbytes(png, info);
    uint8_t *rows = calloc((size_t)height, stride), **pointers = malloc((size_t)height * sizeof *pointers);
    for (int y = 0; y < height; y++) {
        pointers[y] = rows + (size_t)y * stride;
        for (int i = 0; i < width * of->channels; i++) {
            unsigned value = sample(of, i / of->channels, y, i % of->channels);
            if (of->depth == 16)
                pointers[y][2 * i] = (uint8_t)(value >> 8), pointers[y][2 * i + 1] = (uint8_t)value;
            else
                pointers[y][i * of->depth / 8] |= (uint8_t)(value << (8 - of->depth - i * of->depth % 8));
        }
    }
    png_write_image(png, pointers);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    free(rows);
    free(pointers);
    return file;
}

static void check_pixels(const snarm_image *image, const kind *of) {
    bool grey = (of->colour & PNG_COLOR_MASK_COLOR) == 0;
    ck_assert_int_eq(image->format, grey ? SNARM_GREY8 : SNARM_RGB8);
    for (int y = 0; y < image->height; y++)
        for (int x = 0; x < image->width; x++)
            for (int c = 0; c < (grey ? 1 : 3); c++) {
                unsigned value = sample(of, x, y, c), expected;
                if (of->colour == PNG_COLOR_TYPE_PALETTE)
                    expected = palette_entry(sample(of, x, y, 0))[c];
                else
                    expected = of->depth == 16 ? value >> 8 : value * 255 / ((1u << of->depth) - 1);
                ck_assert_uint_eq(sn_image_row(image, y)[x * (grey ? 1 : 3) + c], expected);
            }
}

START_TEST(every_kind) {
    static const kind kinds[] = {
        {PNG_COLOR_TYPE_GRAY, 1, 1, 0, 0},        {PNG_COLOR_TYPE_GRAY, 2, 1, 0, 0},
        {PNG_COLOR_TYPE_GRAY, 4, 1, 0, 0},        {PNG_COLOR_TYPE_GRAY, 8, 1, 0, 0},
        {PNG_COLOR_TYPE_GRAY, 16, 1, 0, 0},       {PNG_COLOR_TYPE_PALETTE, 1, 1, 0, 0},
        {PNG_COLOR_TYPE_PALETTE, 2, 1, 0, 0},     {PNG_COLOR_TYPE_PALETTE, 4, 1, 0, 0},
        {PNG_COLOR_TYPE_PALETTE, 8, 1, 0, 0},     {PNG_COLOR_TYPE_RGB, 8, 3, 0, 0},
        {PNG_COLOR_TYPE_RGB, 16, 3, 0, 0},        {PNG_COLOR_TYPE_GRAY_ALPHA, 8, 2, 0, 0},
        {PNG_COLOR_TYPE_GRAY_ALPHA, 16, 2, 0, 0}, {PNG_COLOR_TYPE_RGB_ALPHA, 8, 4, 0, 0},
        {PNG_COLOR_TYPE_RGB_ALPHA, 16, 4, 0, 0},
    };
    static const int sizes[][2] = {{1, 1}, {13, 9}, {3, 40}, {33, 2}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        for (int variant = 0; variant < 4; variant++) {
            kind of = kinds[i];
            of.interlaced = variant & 1;
            of.transparent = (variant & 2) != 0;
            if (of.transparent && (of.colour & PNG_COLOR_MASK_ALPHA) != 0)
                continue; /* these may have no tRNS */
            for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
                file_bytes file = encode(&of, sizes[s][0], sizes[s][1], NULL, 0);
                snarm_image image;
                ck_ok(snarm_image_decode(&image, file.bytes, file.size, NULL, NULL));
                ck_assert(image.width == sizes[s][0] && image.height == sizes[s][1]);
                check_pixels(&image, &of);
                snarm_image_release(&image);
                free(file.bytes);
            }
        }
}
END_TEST

/* Decodes a copy that ends where the memory ends, so that a sanitizer sees every byte read past it. */
static snarm_status decode_copy(snarm_image *image, const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size + (size == 0));
    memcpy(copy, bytes, size);
    memset(image, 0xEE, sizeof *image);
    snarm_status status = snarm_image_decode(image, copy, size, "test", NULL);
    free(copy);
    ck_assert(status == SNARM_OK ? image->owned != NULL : image->pixels == NULL && image->owned == NULL);
    return status;
}

START_TEST(cut_anywhere) {
    static const kind kinds[] = {{PNG_COLOR_TYPE_RGB, 8, 3, 0, 0}, {PNG_COLOR_TYPE_PALETTE, 4, 1, 1, 1}};
    for (int i = 0; i < 2; i++) {
        file_bytes file = encode(&kinds[i], 19, 17, NULL, 0);
        snarm_image image;
        for (size_t size = 0; size < file.size; size++)
            ck_assert_msg(decode_copy(&image, file.bytes, size) == SNARM_ERROR_FORMAT, "%zu of %zu bytes",
                          size, file.size);
        ck_ok(decode_copy(&image, file.bytes, file.size));
        snarm_image_release(&image);
        free(file.bytes);
    }
}
END_TEST

START_TEST(damaged_anywhere) {
    static const kind kinds[] = {{PNG_COLOR_TYPE_RGB, 8, 3, 0, 0}, {PNG_COLOR_TYPE_PALETTE, 8, 1, 1, 1}};
    sn_rng rng;
    sn_rng_seed(&rng, 3, 0);
    int refused = 0;
    for (int i = 0; i < 2000; i++) {
        file_bytes file = encode(&kinds[i % 2], 19, 17, NULL, 0);
        for (uint64_t flips = 1 + sn_rng_below(&rng, 4); flips > 0; flips--)
            file.bytes[sn_rng_below(&rng, file.size)] ^= (uint8_t)(1 + sn_rng_below(&rng, 255));
        snarm_image image;
        refused += decode_copy(&image, file.bytes, file.size) != SNARM_OK;
        snarm_image_release(&image);
        free(file.bytes);
    }
    ck_assert_int_gt(refused, 1500); /* checksums see nearly all */
}
END_TEST

START_TEST(exif_turns) {
    /* 1-based: where the stored first row and first column lie; A B C over D E F, and how it looks upright.
     */
    static const char *const upright[8] = {"ABCDEF", "CBAFED", "FEDCBA", "DEFABC",
                                           "ADBECF", "DAEBFC", "FCEBDA", "CFBEAD"};
    const kind grey = {PNG_COLOR_TYPE_GRAY, 8, 1, 0, 0};
    uint8_t stored[6];
    for (int i = 0; i < 6; i++)
        stored[i] = (uint8_t)sample(&grey, i % 3, i / 3, 0);
    for (int orientation = 0; orientation <= 9; orientation++) {
        uint8_t exif[26] = {'M', 'M',  0, 42, 0, 0, 0, 8, 0, 1,
                            1,   0x12, 0, 3,  0, 0, 0, 1, 0, (uint8_t)orientation};
        file_bytes file = encode(&grey, 3, 2, exif, sizeof exif);
        snarm_image_options options;
        snarm_image_options_init(&options);
        for (options.ignore_exif = 0; options.ignore_exif <= 1; options.ignore_exif++) {
            snarm_image image;
            ck_ok(snarm_image_decode(&image, file.bytes, file.size, NULL, &options));
            bool turned = orientation >= 1 && orientation <= 8 && !options.ignore_exif;
            const char *expected = upright[turned ? orientation - 1 : 0];
            ck_assert_int_eq(image.width, turned && orientation >= 5 ? 2 : 3);
            ck_assert_int_eq(image.height, turned && orientation >= 5 ? 3 : 2);
            for (int i = 0; i < 6; i++)
                ck_assert_uint_eq(image.pixels[i], stored[expected[i] - 'A']);
            snarm_image_release(&image);
        }
        free(file.bytes);
    }
    /* Larger than the tiles of the copying: a quarter turn to the right. */
    uint8_t exif[26] = {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6};
    const kind rgb = {PNG_COLOR_TYPE_RGB, 8, 3, 0, 0};
    file_bytes file = encode(&rgb, 75, 41, exif, sizeof exif);
    snarm_image image;
    ck_ok(snarm_image_decode(&image, file.bytes, file.size, NULL, NULL));
    ck_assert(image.width == 41 && image.height == 75);
    for (int y = 0; y < 75; y++)
        for (int x = 0; x < 41; x++)
            for (int c = 0; c < 3; c++)
                ck_assert_uint_eq(sn_image_row(&image, y)[3 * x + c], sample(&rgb, y, 40 - x, c));
    snarm_image_release(&image);
    free(file.bytes);
}
END_TEST

START_TEST(limits_come_first) {
    /* Nothing but a header, of 20,000 x 20,000 pixels: refused without looking further. */
    uint8_t header[33] = "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x4e\x20\0\0\x4e\x20\x08\2\0\0\0";
    snarm_image image;
    ck_fails(decode_copy(&image, header, sizeof header), SNARM_ERROR_UNSUPPORTED,
             "test: picture of 20000 x 20000 = 400000000 pixels, max_pixels is 100000000");
    header[17] = 1;
    ck_fails(decode_copy(&image, header, sizeof header), SNARM_ERROR_UNSUPPORTED,
             "picture of 85536 x 20000 pixels, max_side is 65500");
    memset(header + 16, 0xFF, 8);
    ck_fails(decode_copy(&image, header, sizeof header), SNARM_ERROR_UNSUPPORTED, "4294967295 x 4294967295");
    memset(header + 16, 0, 8);
    ck_fails(decode_copy(&image, header, sizeof header), SNARM_ERROR_FORMAT, "broken PNG file");
    memcpy(header + 12, "IDAT", 4);
    ck_fails(decode_copy(&image, header, sizeof header), SNARM_ERROR_FORMAT, "does not begin with a header");
}
END_TEST

START_TEST(limits_of_a_real_file) {
    file_bytes file = {0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, &file, append, flush);
    png_set_compression_level(png, 1);
    png_set_filter(png, 0, PNG_FILTER_NONE);
    png_set_IHDR(png, info, 20000, 20000, 1, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, 0, 0);
    png_write_info(png, info);
    const uint8_t zeros[2500] = {0};
    for (int y = 0; y < 20000; y++)
        png_write_row(png, zeros);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    snarm_image image;
    ck_fails(snarm_image_decode(&image, file.bytes, file.size, NULL, NULL), SNARM_ERROR_UNSUPPORTED,
             "max_pixels");
    snarm_image_options options;
    snarm_image_options_init(&options);
    options.max_pixels = 400000000;
    options.max_side = 19999;
    ck_fails(snarm_image_decode(&image, file.bytes, file.size, NULL, &options), SNARM_ERROR_UNSUPPORTED,
             "max_side");
    free(file.bytes);
    /* A limit is the largest size that passes. */
    const kind grey = {PNG_COLOR_TYPE_GRAY, 8, 1, 0, 0};
    file = encode(&grey, 20, 10, NULL, 0);
    options.max_pixels = 200, options.max_side = 20;
    ck_ok(snarm_image_decode(&image, file.bytes, file.size, NULL, &options));
    snarm_image_release(&image);
    options.max_pixels = 199;
    ck_fails(snarm_image_decode(&image, file.bytes, file.size, NULL, &options), SNARM_ERROR_UNSUPPORTED,
             "20 x 10");
    free(file.bytes);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("image_png");
    TCase *cases = tcase_create("image_png");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, every_kind);
    tcase_add_test(cases, cut_anywhere);
    tcase_add_test(cases, damaged_anywhere);
    tcase_add_test(cases, exif_turns);
    tcase_add_test(cases, limits_come_first);
    tcase_add_test(cases, limits_of_a_real_file);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
