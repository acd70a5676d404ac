/* JPEG files of every kind, their EXIF notes, and broken ones. */
#define _GNU_SOURCE
#include "core/rng.h"
#include "image/decode.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

enum { BLOCK = 8, ACROSS = 3, DOWN = 2, EXIF_HEAD = 6 };

typedef struct file_bytes {
    uint8_t *bytes;
    unsigned long size;
} file_bytes;

typedef struct kind {
    J_COLOR_SPACE input, stored;
    int channels;
    bool progressive;
    int restart_rows;
} kind;

/* The colour of the six blocks, as samples of the input. */
static uint8_t sample(int block, int c) {
    static const uint8_t samples[6][4] = {{250, 10, 30, 255}, {20, 240, 60, 200}, {40, 50, 230, 128},
                                          {90, 90, 90, 255},  {200, 180, 10, 30}, {130, 0, 255, 90}};
    return samples[block][c];
}

/* Encodes 3 x 2 blocks of plain colours; app1, if not NULL, is put in as it is. */
static file_bytes encode(const kind *of, const uint8_t *app1, size_t app1_size) {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    file_bytes file = {0};
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &file.bytes, &file.size);
    jpeg.image_width = ACROSS * BLOCK, jpeg.image_height = DOWN * BLOCK;
    jpeg.in_color_space = of->input, jpeg.input_components = of->channels;
    jpeg_set_defaults(&jpeg);
    jpeg_set_colorspace(&jpeg, of->stored);
    jpeg_set_quality(&jpeg, 100, TRUE);
    for (int c = 0; c < jpeg.num_components; c++)
        jpeg.comp_info[c].h_samp_factor = jpeg.comp_info[c].v_samp_factor = 1;
    if (of->progressive)
        jpeg_simple_progression(&jpeg);
    jpeg.restart_in_rows = of->restart_rows;
    jpeg_start_compress(&jpeg, TRUE);
    if (app1 != NULL)
        jpeg_write_marker(&jpeg, JPEG_APP0 + 1, app1, (unsigned)app1_size);
    for (int y = 0; y < DOWN * BLOCK; y++) {
        uint8_t row[ACROSS * BLOCK * 4];
        for (int i = 0; i < ACROSS * BLOCK * of->channels; i++)
            row[i] = sample(y / BLOCK * ACROSS + i / of->channels / BLOCK, i % of->channels);
        JSAMPROW pointer = row;
        jpeg_write_scanlines(&jpeg, &pointer, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    return file;
}

static const kind grey_kind = {JCS_GRAYSCALE, JCS_GRAYSCALE, 1, false, 0};
static const kind colour_kind = {JCS_RGB, JCS_YCbCr, 3, false, 0};

START_TEST(every_kind) {
    static const kind kinds[] = {{JCS_GRAYSCALE, JCS_GRAYSCALE, 1, false, 0},
                                 {JCS_GRAYSCALE, JCS_GRAYSCALE, 1, true, 0},
                                 {JCS_RGB, JCS_YCbCr, 3, false, 0},
                                 {JCS_RGB, JCS_YCbCr, 3, true, 1},
                                 {JCS_RGB, JCS_RGB, 3, false, 1},
                                 {JCS_CMYK, JCS_CMYK, 4, false, 0},
                                 {JCS_CMYK, JCS_YCCK, 4, false, 0},
                                 {JCS_CMYK, JCS_YCCK, 4, true, 0}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        file_bytes file = encode(&kinds[i], NULL, 0);
        snarm_image image;
        ck_ok(snarm_image_decode(&image, file.bytes, file.size, NULL, NULL));
        int channels = kinds[i].channels == 1 ? 1 : 3;
        ck_assert_int_eq(image.format, channels == 1 ? SNARM_GREY8 : SNARM_RGB8);
        ck_assert(image.width == ACROSS * BLOCK && image.height == DOWN * BLOCK);
        for (int y = 0; y < image.height; y++)
            for (int x = 0; x < image.width; x++)
                for (int c = 0; c < channels; c++) {
                    int block = y / BLOCK * ACROSS + x / BLOCK, expected = sample(block, c);
                    if (kinds[i].channels == 4)
                        expected = (expected * sample(block, 3) + 127) / 255;
                    ck_assert_int_le(abs(sn_image_row(&image, y)[channels * x + c] - expected), 3);
                }
        snarm_image_release(&image);
        free(file.bytes);
    }
}
END_TEST

/* An APP1 segment's content: one directory with another entry before the orientation. Returns its size. */
static size_t make_exif(uint8_t *out, bool big, int type, uint32_t value) {
    static const uint16_t entries[2][2] = {{0x010F, 2}, {0x0112, 0}};
    size_t size = 0;
#define PUT(number, count)                                                                                   \
    for (int byte = 0; byte < (count); byte++)                                                               \
    out[size++] = (uint8_t)((uint32_t)(number) >> 8 * (big ? (count)-1 - byte : byte))
    memcpy(out, "Exif\0\0", EXIF_HEAD);
    memcpy(out + EXIF_HEAD, big ? "MM" : "II", 2);
    size = EXIF_HEAD + 2;
    PUT(42, 2);
    PUT(10, 4); /* the directory's place; two bytes lie before it */
    PUT(0, 2);
    PUT(2, 2);
    for (int i = 0; i < 2; i++) {
        PUT(entries[i][0], 2);
        PUT(i == 0 ? entries[i][1] : type, 2);
        PUT(1, 4);
        if (i == 1 && type == 3) {
            PUT(value, 2);
            PUT(0xFFFF, 2); /* beside the value: anything */
        } else {
            PUT(i == 0 ? 0x41414141u : value, 4);
        }
    }
    PUT(0, 4);
#undef PUT
    return size;
}

START_TEST(exif_turns) {
    /* A B C over D E F, and how it looks upright for each orientation. */
    static const char *const upright[8] = {"ABCDEF", "CBAFED", "FEDCBA", "DEFABC",
                                           "ADBECF", "DAEBFC", "FCEBDA", "CFBEAD"};
    for (int orientation = 1; orientation <= 8; orientation++)
        for (int variant = 0; variant < 8; variant++) {
            uint8_t app1[64];
            size_t size = make_exif(app1, variant & 1, variant & 2 ? 4 : 3, (uint32_t)orientation);
            const kind *of = variant & 4 ? &colour_kind : &grey_kind;
            file_bytes file = encode(of, app1, size);
            snarm_image image;
            ck_ok(snarm_image_decode(&image, file.bytes, file.size, NULL, NULL));
            int across = orientation >= 5 ? DOWN : ACROSS, down = orientation >= 5 ? ACROSS : DOWN;
            ck_assert(image.width == across * BLOCK && image.height == down * BLOCK);
            for (int block = 0; block < 6; block++) {
                const uint8_t *row = sn_image_row(&image, block / across * BLOCK + 4);
                for (int c = 0; c < of->channels; c++)
                    ck_assert_msg(abs(row[(block % across * BLOCK + 4) * of->channels + c] -
                                      sample(upright[orientation - 1][block] - 'A', c)) <= 3,
                                  "orientation %d, variant %d, block %d", orientation, variant, block);
            }
            snarm_image_release(&image);
            free(file.bytes);
        }
}
END_TEST

/* The orientation of a block that ends where its memory ends. */
static int orientation_of(const uint8_t *tiff, size_t size) {
    uint8_t *copy = malloc(size + (size == 0));
    memcpy(copy, tiff, size);
    int orientation = sn_exif_orientation(copy, size);
    free(copy);
    return orientation;
}

START_TEST(malformed_exif_is_passed_over) {
    sn_rng rng;
    sn_rng_seed(&rng, 5, 0);
    for (int big = 0; big <= 1; big++) {
        uint8_t app1[64], broken[64];
        size_t size = make_exif(app1, big, 3, 6);
        const uint8_t *tiff = app1 + EXIF_HEAD;
        size -= EXIF_HEAD;
        size_t end_of_entry = 10 + 2 + 2 * 12;
        for (size_t cut = 0; cut <= size; cut++)
            ck_assert_int_eq(orientation_of(tiff, cut), cut >= end_of_entry ? 6 : 1);
        memcpy(broken, tiff, size);
        memset(broken + 4, 0xFF, 4); /* the directory's place */
        ck_assert_int_eq(orientation_of(broken, size), 1);
        memcpy(broken, tiff, size);
        memset(broken + 10, 0xFF, 2); /* the number of entries: those that are there count */
        ck_assert_int_eq(orientation_of(broken, size), 6);
        memset(broken + 10, 0, 2);
        ck_assert_int_eq(orientation_of(broken, size), 1);
        for (int i = 0; i < 2000; i++) {
            memcpy(broken, tiff, size);
            for (int flips = 0; flips < 3; flips++)
                broken[sn_rng_below(&rng, size)] = (uint8_t)sn_rng_next(&rng);
            int orientation = orientation_of(broken, size);
            ck_assert(orientation >= 1 && orientation <= 8);
        }
        static const uint32_t values[] = {0, 9, 0xFFFF};
        for (int i = 0; i < 3; i++) {
            make_exif(app1, big, 3, values[i]);
            ck_assert_int_eq(orientation_of(tiff, size), 1);
        }
        make_exif(app1, big, 7, 6); /* of a type that holds no number */
        ck_assert_int_eq(orientation_of(tiff, size), 1);
    }
    static const char *const segments[] = {"Exif", "Exif\0\0", "http://ns.adobe.com/xap/1.0/",
                                           "Exif\0\0MM\0*\xFF\xFF\xFF\xFF"};
    static const size_t sizes[] = {4, 6, 28, 14};
    for (int i = 0; i < 4; i++) {
        file_bytes file = encode(&grey_kind, (const uint8_t *)segments[i], sizes[i]);
        snarm_image image;
        ck_ok(snarm_image_decode(&image, file.bytes, file.size, NULL, NULL));
        ck_assert_int_eq(image.width, ACROSS * BLOCK);
        snarm_image_release(&image);
        free(file.bytes);
    }
}
END_TEST

static snarm_status decode_copy(snarm_image *image, const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size + (size == 0));
    memcpy(copy, bytes, size);
    memset(image, 0xEE, sizeof *image);
    snarm_status status = snarm_image_decode(image, copy, size, "test", NULL);
    free(copy);
    ck_assert(status == SNARM_OK ? image->owned != NULL : image->pixels == NULL && image->owned == NULL);
    return status;
}

static const kind sturdy_kinds[] = {{JCS_RGB, JCS_YCbCr, 3, false, 0},
                                    {JCS_RGB, JCS_YCbCr, 3, true, 0},
                                    {JCS_CMYK, JCS_YCCK, 4, false, 1},
                                    {JCS_GRAYSCALE, JCS_GRAYSCALE, 1, true, 1}};

START_TEST(cut_anywhere) {
    for (int i = 0; i < 4; i++) {
        file_bytes file = encode(&sturdy_kinds[i], NULL, 0);
        snarm_image image;
        for (size_t size = 0; size < file.size; size++) {
            snarm_status status = decode_copy(&image, file.bytes, size);
            ck_assert_msg(status == SNARM_ERROR_FORMAT, "%zu of %lu bytes: %d", size, file.size, (int)status);
        }
        ck_ok(decode_copy(&image, file.bytes, file.size));
        snarm_image_release(&image);
        /* What follows the end marker is no part of the picture. */
        uint8_t *longer = calloc(file.size + 100, 1);
        memcpy(longer, file.bytes, file.size);
        ck_ok(decode_copy(&image, longer, file.size + 100));
        snarm_image_release(&image);
        /* An end marker put where the data of the only scan is cut: libjpeg just warns. */
        if (!sturdy_kinds[i].progressive) {
            memcpy(longer + file.size - 12, "\xff\xd9", 2);
            ck_fails(decode_copy(&image, longer, file.size - 10), SNARM_ERROR_FORMAT,
                     "test: broken JPEG file: ");
        }
        free(longer);
        free(file.bytes);
    }
}
END_TEST

START_TEST(damaged_anywhere) {
    sn_rng rng;
    sn_rng_seed(&rng, 4, 0);
    int refused = 0;
    file_bytes files[4];
    for (int i = 0; i < 4; i++)
        files[i] = encode(&sturdy_kinds[i], NULL, 0);
    for (int i = 0; i < 4000; i++) {
        size_t size = files[i % 4].size;
        uint8_t *bytes = malloc(size);
        memcpy(bytes, files[i % 4].bytes, size);
        for (uint64_t flips = 1 + sn_rng_below(&rng, 4); flips > 0; flips--)
            bytes[sn_rng_below(&rng, size)] ^= (uint8_t)(1 + sn_rng_below(&rng, 255));
        snarm_image image;
        refused += decode_copy(&image, bytes, size) != SNARM_OK;
        snarm_image_release(&image);
        free(bytes);
    }
    ck_assert_int_gt(refused, 400);
    for (int i = 0; i < 4; i++)
        free(files[i].bytes);
}
END_TEST

START_TEST(limits_come_first) {
    file_bytes file = encode(&colour_kind, NULL, 0);
    snarm_image_options options;
    snarm_image_options_init(&options);
    options.max_pixels = ACROSS * BLOCK * DOWN * BLOCK - 1;
    snarm_image image;
    ck_fails(snarm_image_decode(&image, file.bytes, file.size, "a.jpg", &options), SNARM_ERROR_UNSUPPORTED,
             "a.jpg: picture of 24 x 16 = 384 pixels, max_pixels is 383");
    /* The frame header: marker, length, precision, height, width. */
    uint8_t *frame = memmem(file.bytes, file.size, "\xff\xc0", 2);
    ck_assert_ptr_nonnull(frame);
    memcpy(frame + 5, "\xff\xdc\xff\xdc", 4);
    ck_fails(decode_copy(&image, file.bytes, file.size), SNARM_ERROR_UNSUPPORTED, "65500 x 65500");
    memcpy(frame + 4, "\x0c\0\x10\0\x18", 5);
    ck_fails(decode_copy(&image, file.bytes, file.size), SNARM_ERROR_UNSUPPORTED, "precision 12");
    free(file.bytes);
}
END_TEST

START_TEST(endless_scans_are_refused) {
    /* Each coefficient of a grey picture by itself, bit after bit: 1 + 63 * bits scans. */
    for (int bits = 7; bits <= 8; bits++) {
        static jpeg_scan_info script[1 + 63 * 8];
        int scans = 0;
        script[scans++] = (jpeg_scan_info){.comps_in_scan = 1};
        for (int k = 1; k < 64; k++)
            for (int bit = bits - 1; bit >= 0; bit--)
                script[scans++] = (jpeg_scan_info){1, {0}, k, k, bit == bits - 1 ? 0 : bit + 1, bit};
        struct jpeg_compress_struct jpeg;
        struct jpeg_error_mgr errors;
        file_bytes file = {0};
        jpeg.err = jpeg_std_error(&errors);
        jpeg_create_compress(&jpeg);
        jpeg_mem_dest(&jpeg, &file.bytes, &file.size);
        jpeg.image_width = jpeg.image_height = BLOCK;
        jpeg.in_color_space = JCS_GRAYSCALE, jpeg.input_components = 1;
        jpeg_set_defaults(&jpeg);
        jpeg.scan_info = script, jpeg.num_scans = scans;
        jpeg_start_compress(&jpeg, TRUE);
        uint8_t row[BLOCK] = {0, 255, 3, 200, 90, 17, 255, 80};
        JSAMPROW pointer = row;
        for (int y = 0; y < BLOCK; y++)
            jpeg_write_scanlines(&jpeg, &pointer, 1);
        jpeg_finish_compress(&jpeg);
        jpeg_destroy_compress(&jpeg);
        snarm_image image;
        if (scans <= 500)
            ck_ok(decode_copy(&image, file.bytes, file.size));
        else
            ck_fails(decode_copy(&image, file.bytes, file.size), SNARM_ERROR_UNSUPPORTED,
                     "more than 500 scans");
        snarm_image_release(&image);
        free(file.bytes);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("image_jpeg");
    TCase *cases = tcase_create("image_jpeg");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, every_kind);
    tcase_add_test(cases, exif_turns);
    tcase_add_test(cases, malformed_exif_is_passed_over);
    tcase_add_test(cases, cut_anywhere);
    tcase_add_test(cases, damaged_anywhere);
    tcase_add_test(cases, limits_come_first);
    tcase_add_test(cases, endless_scans_are_refused);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
