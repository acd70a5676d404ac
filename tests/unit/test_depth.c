/* Depth pictures, in TIFF files that libtiff writes here, and broken copies of them. */
#include "snarm/depth.h"

#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef SN_HAVE_TIFF

#include "core/memory.h"
#include "image/xyz_tiff.h"
#include "io/input_file.h"

#include <stdarg.h>
#include <tiffio.h>

enum { WIDTH = 21, HEIGHT = 18, POINTS = WIDTH * HEIGHT };

/* How a file is written; zero: as usual, three channels of float32. */
typedef struct tiff_kind {
    const char *mode;
    uint16_t planes, compression, predictor, channels, bits, format, orientation;
    uint32_t rows; /* of a strip; 0: tiles */
} tiff_kind;

static const tiff_kind usual = {"w", PLANARCONFIG_CONTIG, COMPRESSION_NONE,    1, 3,
                                32,  SAMPLEFORMAT_IEEEFP, ORIENTATION_TOPLEFT, 5};

/* Holes of every kind are among them. */
static void make_points(float *points) {
    for (int i = 0; i < POINTS; i++)
        for (int c = 0; c < 3; c++)
            points[i * 3 + c] = (float)(i * 3 + c) * 0.37f - 100.0f * (float)c;
    memset(points + 3 * 7, 0, 3 * sizeof *points);
    points[3 * 11 + 2] = NAN;
    points[3 * 12 + 1] = -INFINITY;
}

/* The samples as they lie in the file: of a rectangle that may reach beyond the picture. */
static void fill_block(uint8_t *block, const tiff_kind *kind, const float *points, uint32_t left,
                       uint32_t top, uint32_t width, uint32_t height, int plane) {
    size_t size = kind->bits / 8u, at = 0;
    memset(block, 0, size * kind->channels * width * height);
    for (uint32_t y = top; y < top + height; y++)
        for (uint32_t x = left; x < left + width; x++)
            for (int c = 0; c < kind->channels; c++) {
                if (kind->planes == PLANARCONFIG_SEPARATE && c != plane)
                    continue;
                if (x < WIDTH && y < HEIGHT && c < 3 && size == 4)
                    memcpy(block + at, points + (y * WIDTH + x) * 3 + (size_t)c, 4);
                at += size;
            }
}

static void write_tiff(const char *path, const tiff_kind *kind, const float *points) {
    TIFF *tiff = TIFFOpen(path, kind->mode);
    ck_assert_ptr_nonnull(tiff);
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, (uint32_t)WIDTH);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, (uint32_t)HEIGHT);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, (int)kind->channels);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, (int)kind->bits);
    TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, (int)kind->format);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, (int)kind->planes);
    TIFFSetField(tiff, TIFFTAG_ORIENTATION, (int)kind->orientation);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, (int)kind->compression);
    if (kind->predictor > 1)
        TIFFSetField(tiff, TIFFTAG_PREDICTOR, (int)kind->predictor);
    uint32_t width = WIDTH, height = kind->rows;
    if (kind->rows == 0) {
        width = height = 16;
        TIFFSetField(tiff, TIFFTAG_TILEWIDTH, width);
        TIFFSetField(tiff, TIFFTAG_TILELENGTH, height);
    } else {
        TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, kind->rows);
    }
    static uint8_t block[WIDTH * 32 * 8 * 4];
    int planes = kind->planes == PLANARCONFIG_SEPARATE ? kind->channels : 1;
    for (int plane = 0; plane < planes; plane++)
        for (uint32_t top = 0; top < HEIGHT; top += height)
            for (uint32_t left = 0; left < WIDTH; left += width) {
                uint32_t rows = kind->rows == 0 || top + height <= HEIGHT ? height : HEIGHT - top;
                fill_block(block, kind, points, left, top, width, rows, plane);
                tmsize_t size =
                    (tmsize_t)((size_t)kind->bits / 8 * (planes > 1 ? 1u : kind->channels) * width * rows);
                if (kind->rows == 0)
                    ck_assert_int_eq(
                        TIFFWriteEncodedTile(tiff, TIFFComputeTile(tiff, left, top, 0, (uint16_t)plane),
                                             block, size),
                        size);
                else
                    ck_assert_int_eq(TIFFWriteEncodedStrip(tiff, TIFFComputeStrip(tiff, top, (uint16_t)plane),
                                                           block, size),
                                     size);
            }
    TIFFClose(tiff);
}

/* Whoever else uses libtiff in the process keeps the handlers they have set; the library's messages go
 * elsewhere. */
static int messages;

static void count_message(const char *module, const char *format, va_list values) {
    (void)module, (void)format, (void)values;
    messages++;
}

static void check_points(const float *points, const float *expected) {
    ck_assert_mem_eq(points, expected, POINTS * 3 * sizeof *points);
}

START_TEST(reads_every_kind) {
    static const uint16_t compressions[][2] = {{COMPRESSION_NONE, 1},          {COMPRESSION_LZW, 1},
                                               {COMPRESSION_LZW, 3},           {COMPRESSION_ADOBE_DEFLATE, 1},
                                               {COMPRESSION_ADOBE_DEFLATE, 3}, {COMPRESSION_PACKBITS, 1},
                                               {COMPRESSION_LZMA, 1},          {COMPRESSION_ZSTD, 3}};
    static const char *const modes[] = {"wl", "wb", "w8"};
    static const uint32_t rows[] = {0, 1, 5, HEIGHT};
    float expected[POINTS * 3];
    make_points(expected);
    const char *path = scratch_file("kind.tiff");
    int read = 0;
    for (size_t c = 0; c < sizeof compressions / sizeof *compressions; c++)
        for (size_t m = 0; m < 3; m++)
            for (size_t r = 0; r < 4; r++)
                for (uint16_t planes = 1; planes <= 2; planes++) {
                    if (!TIFFIsCODECConfigured(compressions[c][0]))
                        continue;
                    /* libtiff itself writes these wrongly: it turns the bytes before it takes differences. */
                    if (compressions[c][1] == 3 && strcmp(modes[m], "wb") == 0)
                        continue;
                    tiff_kind kind = usual;
                    kind.mode = modes[m];
                    kind.rows = rows[r];
                    kind.planes = planes;
                    kind.compression = compressions[c][0];
                    kind.predictor = compressions[c][1];
                    write_tiff(path, &kind, expected);
                    snarm_depth depth;
                    ck_ok(snarm_depth_load(&depth, path, NULL));
                    ck_assert_int_eq(depth.width, WIDTH);
                    ck_assert_int_eq(depth.height, HEIGHT);
                    check_points(depth.points, expected);
                    snarm_depth_release(&depth);
                    ck_assert_ptr_null(depth.points);
                    read++;
                }
    ck_assert_int_ge(read, 3 * 24 + 16); /* none, LZW and PackBits need no other library */
}
END_TEST

START_TEST(tells_holes) {
    float points[POINTS * 3];
    make_points(points);
    for (int i = 0; i < POINTS; i++)
        ck_assert_int_eq(snarm_depth_is_hole(points + 3 * i), i == 7 || i == 11 || i == 12);
}
END_TEST

static void refuses(const tiff_kind *kind, const char *words) {
    float points[POINTS * 3];
    make_points(points);
    const char *path = scratch_file("wrong.tiff");
    write_tiff(path, kind, points);
    snarm_depth depth;
    ck_fails(snarm_depth_load(&depth, path, NULL), SNARM_ERROR_UNSUPPORTED, words);
    ck_assert_ptr_nonnull(strstr(snarm_last_error(), path));
    ck_assert_ptr_null(depth.points);
}

START_TEST(refuses_other_pictures) {
    tiff_kind kind = usual;
    kind.channels = 1;
    refuses(&kind, "number of channels is 1, expected 3");
    kind.channels = 4;
    refuses(&kind, "number of channels is 4, expected 3");
    kind = usual;
    kind.format = SAMPLEFORMAT_UINT;
    refuses(&kind, "sample format is 1, expected 3 (floating point)");
    kind.bits = 16;
    refuses(&kind, "sample format is 1, expected 3 (floating point)");
    kind = usual;
    kind.bits = 64;
    refuses(&kind, "bits of a sample is 64, expected 32");
    kind = usual;
    kind.orientation = ORIENTATION_BOTLEFT;
    refuses(&kind, "orientation is 4, expected 1 (rows from the top)");
    if (TIFFIsCODECConfigured(COMPRESSION_PIXARLOG)) {
        kind = usual;
        kind.compression = COMPRESSION_PIXARLOG;
        refuses(&kind, "compression is 32909, expected none, LZW");
    }
}
END_TEST

START_TEST(refuses_what_is_no_depth_picture) {
    snarm_depth depth = {.width = 1};
    ck_fails(snarm_depth_load(&depth, scratch_file("none.tiff"), NULL), SNARM_ERROR_IO,
             "none.tiff: cannot be");
    ck_assert_int_eq(depth.width, 0);
    ck_fails(snarm_depth_load(&depth, "/", NULL), SNARM_ERROR_IO, "/: is a folder, expected a TIFF file");
    ck_fails(snarm_depth_load(&depth, "/dev/zero", NULL), SNARM_ERROR_IO, "is not a regular file");
    ck_fails(snarm_depth_load(&depth, NULL, NULL), SNARM_ERROR_ARGUMENT, "path is NULL");
    ck_fails(snarm_depth_load(NULL, "a", NULL), SNARM_ERROR_ARGUMENT, "out is NULL");
    const char *path = scratch_file("text.tiff");
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    fputs("%s%n no TIFF file", file);
    fclose(file);
    ck_fails(snarm_depth_load(&depth, path, NULL), SNARM_ERROR_FORMAT,
             "text.tiff: broken TIFF file: Not a TIFF");
    float points[POINTS * 3];
    make_points(points);
    write_tiff(path, &usual, points);
    snarm_image_options options;
    snarm_image_options_init(&options);
    options.max_pixels = POINTS - 1;
    ck_fails(snarm_depth_load(&depth, path, &options), SNARM_ERROR_UNSUPPORTED, "max_pixels is 377");
    options.max_pixels = 0;
    options.max_side = WIDTH - 1;
    ck_fails(snarm_depth_load(&depth, path, &options), SNARM_ERROR_UNSUPPORTED, "max_side is 20");
    options.max_side = -1;
    ck_fails(snarm_depth_load(&depth, path, &options), SNARM_ERROR_ARGUMENT, "max_side is -1");
    snarm_depth_release(NULL);
}
END_TEST

/* The block is exactly as long as the file, so that a read beyond it is seen. */
static snarm_status decode_exactly(const uint8_t *bytes, size_t size, const float *expected, bool whole) {
    uint8_t *block = malloc(size > 0 ? size : 1);
    memcpy(block, bytes, size);
    sn_image_file file = {.bytes = block, .size = size, .name = "picture"};
    ck_ok(sn_image_options_read(&file.options, NULL));
    file.options.max_pixels = 100000;
    float *xyz = NULL;
    int32_t width = 0, height = 0;
    snarm_status status = sn_xyz_tiff_decode(&xyz, &width, &height, &file);
    if (status == SNARM_OK && whole)
        check_points(xyz, expected);
    else if (status == SNARM_OK)
        ck_assert_int_le((int64_t)width * height, 100000);
    else
        ck_assert_ptr_null(xyz);
    sn_free(xyz);
    free(block);
    return status;
}

static void read_back(uint8_t **bytes, size_t *size, const tiff_kind *kind, float *points) {
    const char *path = scratch_file("broken.tiff");
    make_points(points);
    write_tiff(path, kind, points);
    ck_ok(sn_input_file_whole(bytes, size, path, "a file", 1 << 20));
}

static tiff_kind hostile_kind(int i) {
    tiff_kind kind = usual;
    kind.rows = i % 2 == 0 ? 5 : 0;
    kind.compression = i < 2 ? COMPRESSION_NONE : COMPRESSION_LZW;
    kind.planes = i < 2 ? PLANARCONFIG_CONTIG : PLANARCONFIG_SEPARATE;
    kind.mode = i == 3 ? "wb" : i == 2 ? "w8" : "wl";
    return kind;
}

START_TEST(refuses_what_is_cut) {
    float points[POINTS * 3];
    TIFFErrorHandler former = TIFFSetErrorHandler(count_message);
    TIFFErrorHandler former_warning = TIFFSetWarningHandler(count_message);
    messages = 0;
    for (int i = 0; i < 4; i++) {
        tiff_kind kind = hostile_kind(i);
        uint8_t *bytes;
        size_t size;
        read_back(&bytes, &size, &kind, points);
        ck_assert_int_eq(decode_exactly(bytes, size, points, true), SNARM_OK);
        /* Behind the values lies what names them; of that, only the end can be missing without harm. */
        for (size_t cut = 0; cut < size; cut += cut < 64 || cut + 400 > size ? 1 : 7) {
            snarm_status status = decode_exactly(bytes, cut, points, true);
            ck_assert(status == SNARM_ERROR_FORMAT || (status == SNARM_OK && cut + 16 > size));
        }
        sn_free(bytes);
    }
    ck_assert_int_eq(messages, 0);
    ck_assert(TIFFSetErrorHandler(former) == count_message);
    ck_assert(TIFFSetWarningHandler(former_warning) == count_message);
}
END_TEST

START_TEST(survives_changed_bytes) {
    static const uint8_t values[] = {0, 1, 2, 3, 8, 0x40, 0x7f, 0x80, 0xff};
    float points[POINTS * 3];
    TIFFErrorHandler former = TIFFSetErrorHandler(count_message);
    TIFFErrorHandler former_warning = TIFFSetWarningHandler(count_message);
    messages = 0;
    for (int i = 0; i < 4; i++) {
        tiff_kind kind = hostile_kind(i);
        uint8_t *bytes;
        size_t size, refused = 0;
        read_back(&bytes, &size, &kind, points);
        for (size_t at = 0; at < size; at += at < 32 || at + 500 > size ? 1 : 97)
            for (size_t v = 0; v < sizeof values; v++) {
                uint8_t kept = bytes[at];
                bytes[at] = values[v];
                snarm_status status = decode_exactly(bytes, size, points, false);
                bytes[at] = kept;
                ck_assert_msg(status == SNARM_OK || status == SNARM_ERROR_FORMAT ||
                                  status == SNARM_ERROR_UNSUPPORTED,
                              "%s", snarm_last_error());
                refused += status != SNARM_OK;
            }
        ck_assert_uint_gt(refused, 0);
        sn_free(bytes);
    }
    ck_assert_int_eq(messages, 0);
    TIFFSetErrorHandler(former);
    TIFFSetWarningHandler(former_warning);
}
END_TEST

static void add_tests(TCase *cases) {
    tcase_add_test(cases, reads_every_kind);
    tcase_add_test(cases, tells_holes);
    tcase_add_test(cases, refuses_other_pictures);
    tcase_add_test(cases, refuses_what_is_no_depth_picture);
    tcase_add_test(cases, refuses_what_is_cut);
    tcase_add_test(cases, survives_changed_bytes);
}

#else

START_TEST(says_what_is_missing) {
    const char *path = scratch_file("any.tiff");
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    fputs("II*", file);
    fclose(file);
    snarm_depth depth = {.width = 1};
    ck_fails(snarm_depth_load(&depth, path, NULL), SNARM_ERROR_UNSUPPORTED, "made without libtiff");
    ck_assert_ptr_nonnull(strstr(snarm_last_error(), path));
    ck_assert_int_eq(depth.width, 0);
}
END_TEST

static void add_tests(TCase *cases) {
    tcase_add_test(cases, says_what_is_missing);
}

#endif

int main(void) {
    Suite *suite = suite_create("depth");
    TCase *cases = tcase_create("depth");
    tcase_set_timeout(cases, 120);
    add_tests(cases);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
