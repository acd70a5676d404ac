/* Data sets in every layout, as small copies with real pictures, masks, depth pictures and tables. */
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

#include "snarm/dataset.h"
#include "snarm/depth.h"

#include "support.h"

enum { WIDTH = 8, HEIGHT = 6 };

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
    uint8_t file[54 + WIDTH * HEIGHT * 3] = {'B', 'M', [10] = 54, [14] = 40, [18] = WIDTH, [22] = HEIGHT,
                                             [26] = 1, [28] = 24};
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

/* Makes a file below the scratch folder, of the kind that its name says, and the folders on the way. */
static void make(const char *name) {
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

static void make_all(const char *root, const char *const *names) {
    for (; *names != NULL; names++) {
        char name[1024];
        snprintf(name, sizeof name, "%s/%s", root, *names);
        make(name);
    }
}

static void make_text(const char *name, const char *text) {
    char path[4096];
    snprintf(path, sizeof path, "%s", scratch_file(name));
    make_folders(path);
    write_bytes(path, text, strlen(text));
}

static void remove_file(const char *name) {
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

/* Opens it as found by looking, and as named. */
static void check(const char *folder, snarm_layout layout, const char *expected) {
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

static void refuse(const char *folder, snarm_status status, const char *words) {
    snarm_dataset *set;
    ck_fails(snarm_dataset_open(&set, scratch_file(folder), NULL), status, words);
    ck_assert_ptr_null(set);
}

/* With masks that may be missing. */
static void check_without_masks(const char *folder, const char *expected) {
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

START_TEST(reads_one_class_visa_as_mvtec) {
    static const char *const names[] = {"candle/train/good/0000.JPG",
                                        "candle/train/good/0001.jpg",
                                        "candle/test/good/0002.JPG",
                                        "candle/test/bad/000.JPG",
                                        "candle/ground_truth/bad/000.png",
                                        "candle/ground_truth/good/",
                                        NULL};
    make_all("pytorch", names);
    check("pytorch", SNARM_LAYOUT_MVTEC,
          "candle train|candle/train/good/0000.JPG|good|-|-\n"
          "candle train|candle/train/good/0001.jpg|good|-|-\n"
          "candle test|candle/test/bad/000.JPG|bad|candle/ground_truth/bad/000.png|-\n"
          "candle test|candle/test/good/0002.JPG|good|-|-\n");
}
END_TEST

START_TEST(reads_btad) {
    static const char *const names[] = {"01/train/ok/0000.bmp",         "01/train/ok/0001.bmp",
                                        "01/test/ok/0000.bmp",          "01/test/ko/0000.bmp",
                                        "01/test/ko/0001.bmp",          "01/ground_truth/ko/0000.png",
                                        "01/ground_truth/ko/0001.bmp",  "02/train/ok/0000.png",
                                        "02/test/ok/0000.png",          "02/test/ko/0000.png",
                                        "02/ground_truth/ko/0000.png",  "readme.txt",
                                        NULL};
    make_all("btad", names);
    check("btad", SNARM_LAYOUT_BTAD,
          "01 train|01/train/ok/0000.bmp|good|-|-\n"
          "01 train|01/train/ok/0001.bmp|good|-|-\n"
          "01 test|01/test/ok/0000.bmp|good|-|-\n"
          "01 test|01/test/ko/0000.bmp|ko|01/ground_truth/ko/0000.png|-\n"
          "01 test|01/test/ko/0001.bmp|ko|01/ground_truth/ko/0001.bmp|-\n"
          "02 train|02/train/ok/0000.png|good|-|-\n"
          "02 test|02/test/ok/0000.png|good|-|-\n"
          "02 test|02/test/ko/0000.png|ko|02/ground_truth/ko/0000.png|-\n");
    check("btad/02", SNARM_LAYOUT_BTAD,
          "02 train|train/ok/0000.png|good|-|-\n"
          "02 test|test/ok/0000.png|good|-|-\n"
          "02 test|test/ko/0000.png|ko|ground_truth/ko/0000.png|-\n");
    remove_file("btad/01/ground_truth/ko/0001.bmp");
    refuse("btad", SNARM_ERROR_FORMAT, "btad/01/test/ko/0001.bmp: the defective image has no mask");
    make("btad-part/03/test/ok/0.bmp");
    refuse("btad-part", SNARM_ERROR_IO, "btad-part/03/train/ok: the folder cannot be opened");
}
END_TEST

static const char *const bagel[] = {"bagel/train/good/rgb/000.png",      "bagel/train/good/xyz/000.tiff",
                                    "bagel/validation/good/rgb/000.png", "bagel/validation/good/xyz/000.tiff",
                                    "bagel/test/good/rgb/000.png",       "bagel/test/good/xyz/000.tiff",
                                    "bagel/test/good/gt/000.png",        "bagel/test/crack/rgb/000.png",
                                    "bagel/test/crack/xyz/000.tiff",     "bagel/test/crack/gt/000.png",
                                    "bagel/calibration/camera.json",     NULL};

START_TEST(reads_mvtec_3d) {
    make_all("3d", bagel);
    check("3d", SNARM_LAYOUT_MVTEC3D,
          "bagel train|bagel/train/good/rgb/000.png|good|-|bagel/train/good/xyz/000.tiff\n"
          "bagel test|bagel/test/crack/rgb/000.png|crack|bagel/test/crack/gt/000.png|"
          "bagel/test/crack/xyz/000.tiff\n"
          "bagel test|bagel/test/good/rgb/000.png|good|-|bagel/test/good/xyz/000.tiff\n");
    /* A depth picture of another kind shows when it is loaded. */
    snarm_depth depth;
    ck_fails(snarm_depth_load(&depth, scratch_file("3d/bagel/test/crack/gt/000.png"), NULL),
#ifdef SN_HAVE_TIFF
             SNARM_ERROR_FORMAT, "Not a TIFF");
#else
             SNARM_ERROR_UNSUPPORTED, "without libtiff");
#endif
    remove_file("3d/bagel/test/crack/xyz/000.tiff");
    refuse("3d", SNARM_ERROR_FORMAT,
           "3d/bagel/test/crack/rgb/000.png: the image has no depth picture, expected");
    ck_assert_ptr_nonnull(strstr(snarm_last_error(), "3d/bagel/test/crack/xyz/000.tiff"));
    remove_file("3d/bagel/test/crack/xyz");
    remove_file("3d/bagel/test/crack/gt/000.png");
    refuse("3d", SNARM_ERROR_FORMAT, "3d/bagel/test/crack/rgb/000.png: the defective image has no mask");
    check_without_masks("3d",
                        "bagel train|bagel/train/good/rgb/000.png|good|-|bagel/train/good/xyz/000.tiff\n"
                        "bagel test|bagel/test/crack/rgb/000.png|crack|-|-\n"
                        "bagel test|bagel/test/good/rgb/000.png|good|-|bagel/test/good/xyz/000.tiff\n");
}
END_TEST

START_TEST(reads_plain_folders) {
    static const char *const names[] = {"bolt/good/0.png",  "bolt/good/1.PNG", "bolt/good/2.bmp",
                                        "bolt/good/3.jpg",  "bolt/good/4.png", "bolt/good/5.png",
                                        "bolt/good/6.png",  "bolt/bent/0.png", "bolt/zigzag/1.jpeg",
                                        "bolt/empty/",      "bolt/notes.txt",  "nut/good/0.png",
                                        "nut/broken/a.png", "nut/broken/b.png", NULL};
    static const char *const masks[] = {"nut/ground_truth/broken/a_mask.png",
                                        "nut/ground_truth/broken/b.bmp", NULL};
    make_all("plain", names);
    check("plain/bolt", SNARM_LAYOUT_FOLDERS,
          "bolt train|good/0.png|good|-|-\n"
          "bolt train|good/1.PNG|good|-|-\n"
          "bolt train|good/3.jpg|good|-|-\n"
          "bolt train|good/4.png|good|-|-\n"
          "bolt train|good/6.png|good|-|-\n"
          "bolt test|bent/0.png|bent|-|-\n"
          "bolt test|good/2.bmp|good|-|-\n"
          "bolt test|good/5.png|good|-|-\n"
          "bolt test|zigzag/1.jpeg|zigzag|-|-\n");
    make_all("plain", masks);
    check("plain/nut", SNARM_LAYOUT_FOLDERS,
          "nut train|good/0.png|good|-|-\n"
          "nut test|broken/a.png|broken|ground_truth/broken/a_mask.png|-\n"
          "nut test|broken/b.png|broken|ground_truth/broken/b.bmp|-\n");
    snarm_dataset *set;
    ck_ok(snarm_dataset_open(&set, scratch_file("plain"), NULL));
    ck_assert_uint_eq(snarm_dataset_category_count(set), 2);
    snarm_dataset_destroy(set);
    /* With a folder of masks, each defective image has one. */
    remove_file("plain/nut/ground_truth/broken/b.bmp");
    refuse("plain", SNARM_ERROR_FORMAT, "nut/broken/b.png: the defective image has no mask");
    check_without_masks("plain/nut",
                        "nut train|good/0.png|good|-|-\n"
                        "nut test|broken/a.png|broken|ground_truth/broken/a_mask.png|-\n"
                        "nut test|broken/b.png|broken|-|-\n");
    make("bare/good/0.png");
    make("bare/bad/");
    refuse("bare", SNARM_ERROR_FORMAT, "bare: no defective image");
    make("bare-good/good/");
    make("bare-good/bad/0.png");
    refuse("bare-good", SNARM_ERROR_FORMAT, "bare-good: no image (.png, .jpg, .jpeg, .bmp) to train with");
}
END_TEST

static const char *const candle[] = {
    "candle/Data/Images/Normal/0000.JPG", "candle/Data/Images/Normal/0001.JPG",
    "candle/Data/Images/Normal/0002.JPG", "candle/Data/Images/Normal/0003.JPG",
    "candle/Data/Images/Anomaly/000.JPG", "candle/Data/Images/Anomaly/001.jpg",
    "candle/Data/Masks/Anomaly/000.png",  "candle/Data/Masks/Anomaly/001.png",
    "LICENSE-DATASET",                    NULL};

static const char annotations[] = "image,label,mask\r\n"
                                  "candle/Data/Images/Normal/0003.JPG,normal,\r\n"
                                  "candle/Data/Images/Normal/0001.JPG,normal,\r\n"
                                  "candle/Data/Images/Normal/0000.JPG,normal,\r\n"
                                  "candle/Data/Images/Normal/0002.JPG,normal,\r\n"
                                  "candle/Data/Images/Anomaly/000.JPG,\"wax melted, \"\"much\"\" of it\","
                                  "candle/Data/Masks/Anomaly/000.png\r\n"
                                  "\"candle/Data/Images/Anomaly/001.jpg\",chunk missing,"
                                  "candle/Data/Masks/Anomaly/001.png";

static const char table[] = "object,split,label,image,mask\n"
                            "candle,train,normal,candle/Data/Images/Normal/0002.JPG,\n"
                            "candle,train,normal,candle/Data/Images/Normal/0000.JPG,\n"
                            "pcb1,train,normal,pcb1/Data/Images/Normal/0000.JPG,\n"
                            "\n"
                            "candle,test,normal,candle/Data/Images/Normal/0001.JPG,\n"
                            "candle,test,anomaly,candle/Data/Images/Anomaly/001.jpg,"
                            "candle/Data/Masks/Anomaly/001.png\n"
                            "candle,test,anomaly,candle/Data/Images/Anomaly/000.JPG,"
                            "candle/Data/Masks/Anomaly/000.png\n";

START_TEST(reads_visa) {
    make_all("visa", candle);
    const char *by_rule = "candle train|candle/Data/Images/Normal/0000.JPG|good|-|-\n"
                          "candle train|candle/Data/Images/Normal/0001.JPG|good|-|-\n"
                          "candle train|candle/Data/Images/Normal/0003.JPG|good|-|-\n";
    char expected[2048];
    snprintf(expected, sizeof expected, "%s%s", by_rule,
             "candle test|candle/Data/Images/Anomaly/000.JPG|anomaly|candle/Data/Masks/Anomaly/000.png|-\n"
             "candle test|candle/Data/Images/Anomaly/001.jpg|anomaly|candle/Data/Masks/Anomaly/001.png|-\n"
             "candle test|candle/Data/Images/Normal/0002.JPG|good|-|-\n");
    check("visa", SNARM_LAYOUT_VISA, expected);
    /* The same split, with the kinds of defect. */
    make_text("visa/candle/image_anno.csv", annotations);
    const char *kinds = "candle test|candle/Data/Images/Anomaly/001.jpg|chunk missing|"
                        "candle/Data/Masks/Anomaly/001.png|-\n";
    const char *melted = "candle test|candle/Data/Images/Anomaly/000.JPG|wax melted, \"much\" of it|"
                         "candle/Data/Masks/Anomaly/000.png|-\n";
    snprintf(expected, sizeof expected, "%s%s%s%s", by_rule, kinds,
             "candle test|candle/Data/Images/Normal/0002.JPG|good|-|-\n", melted);
    check("visa", SNARM_LAYOUT_VISA, expected);
    /* The table's split. */
    make_text("visa/split_csv/1cls.csv", table);
    snprintf(expected, sizeof expected, "%s%s%s%s",
             "candle train|candle/Data/Images/Normal/0000.JPG|good|-|-\n"
             "candle train|candle/Data/Images/Normal/0002.JPG|good|-|-\n",
             kinds, "candle test|candle/Data/Images/Normal/0001.JPG|good|-|-\n", melted);
    check("visa", SNARM_LAYOUT_VISA, expected);
    check("visa/candle", SNARM_LAYOUT_VISA,
          "candle train|Data/Images/Normal/0000.JPG|good|-|-\n"
          "candle train|Data/Images/Normal/0002.JPG|good|-|-\n"
          "candle test|Data/Images/Anomaly/001.jpg|chunk missing|Data/Masks/Anomaly/001.png|-\n"
          "candle test|Data/Images/Normal/0001.JPG|good|-|-\n"
          "candle test|Data/Images/Anomaly/000.JPG|wax melted, \"much\" of it|Data/Masks/Anomaly/000.png|-\n");
    /* Without annotations, every defect is an anomaly. */
    remove_file("visa/candle/image_anno.csv");
    check("visa/candle", SNARM_LAYOUT_VISA,
          "candle train|Data/Images/Normal/0000.JPG|good|-|-\n"
          "candle train|Data/Images/Normal/0002.JPG|good|-|-\n"
          "candle test|Data/Images/Anomaly/000.JPG|anomaly|Data/Masks/Anomaly/000.png|-\n"
          "candle test|Data/Images/Anomaly/001.jpg|anomaly|Data/Masks/Anomaly/001.png|-\n"
          "candle test|Data/Images/Normal/0001.JPG|good|-|-\n");
}
END_TEST

/* A table with one line put in the place of its second, and what is said of it. */
static void refuse_split(const char *line, const char *words) {
    char text[4096];
    snprintf(text, sizeof text, "object,split,label,image,mask\n%s\n%s", line, strchr(table, '\n') + 1);
    make_text("hostile/split_csv/1cls.csv", text);
    refuse("hostile", SNARM_ERROR_FORMAT, words);
    ck_assert_ptr_nonnull(strstr(snarm_last_error(), "hostile/split_csv/1cls.csv"));
}

START_TEST(refuses_hostile_split_tables) {
    make_all("hostile", candle);
    make("secret.png");
    make("hostile/secret.png");
    refuse_split("candle,train,normal,candle/../../secret.png,",
                 "line 2: image is 'candle/../../secret.png', expected a path below");
    refuse_split("candle,train,normal,/etc/passwd.png,", "line 2: image is '/etc/passwd.png', expected a path");
    refuse_split("candle,train,normal,candle//a.png,", "image is 'candle//a.png', expected a path below");
    refuse_split("candle,train,normal,candle/./a.png,", "expected a path below");
    refuse_split("candle,train,normal,candle/Data/..,", "expected a path below");
    refuse_split("candle,train,normal,,", "image is '', expected a path below");
    refuse_split("candle,train,normal,secret.png,", "image is 'secret.png', expected a path that begins with 'candle/'");
    refuse_split("candle,train,normal,candle/Data/x.txt,", "expected an image (.png");
    refuse_split("candle,train,normal,candle/Data/Images/Normal/9.JPG,",
                 "line 2: image is 'candle/Data/Images/Normal/9.JPG', expected a file, but");
    refuse_split("candle,test,anomaly,candle/Data/Images/Normal/0003.JPG,../../secret.png",
                 "line 2: mask is '../../secret.png', expected a path below");
    refuse_split("candle,test,anomaly,candle/Data/Images/Normal/0003.JPG,candle/Data/Masks/no.png",
                 "line 2: mask is 'candle/Data/Masks/no.png', expected a file, but");
    refuse_split("candle,test,anomaly,candle/Data/Images/Normal/0003.JPG,",
                 "line 2: mask is '', expected the path of the defective image's mask");
    refuse_split("candle,train,normal,candle/Data/Images/Normal/0003.JPG,candle/Data/Masks/Anomaly/000.png",
                 "line 2: mask is 'candle/Data/Masks/Anomaly/000.png', expected nothing for a normal image");
    refuse_split("candle,train,anomaly,candle/Data/Images/Normal/0003.JPG,",
                 "line 2: label is 'anomaly', expected normal in an image to train with");
    refuse_split("candle,valid,normal,candle/Data/Images/Normal/0003.JPG,",
                 "line 2: split is 'valid', expected train or test");
    refuse_split("candle,test,odd,candle/Data/Images/Normal/0003.JPG,",
                 "line 2: label is 'odd', expected normal or anomaly");
    refuse_split("candle,test,normal,candle/Data/Images/Normal/0002.JPG,",
                 "line 3: image is 'candle/Data/Images/Normal/0002.JPG', expected each image once; line 2");
    refuse_split("candle,test,normal", "line 2: 3 fields, expected 5");
    refuse_split("candle,test,normal,a,b,c", "line 2: 6 fields, expected 5");
    refuse_split("candle,\"test,normal,a,b", "line 2: quotes are opened and not closed");
    refuse_split("candle,\"test\"s,normal,a,b", "line 2: 's' follows closing quotes");
    refuse_split("candle,te\"st,normal,a,b", "line 2: quotes in the middle of a field");
    refuse_split("candle,te\x1bst,normal,a,b", "line 2: holds the control character 27");
    refuse_split("candle,te\rst,normal,a,b", "line 2: holds the control character 13");
    char many[200];
    memset(many, ',', 100);
    many[100] = '\0';
    refuse_split(many, "line 2: more than 64 fields");
    make_text("hostile/split_csv/1cls.csv", "object,split,label,image\n");
    refuse("hostile", SNARM_ERROR_FORMAT, "line 1: column 'mask' is there 0 times, expected once");
    make_text("hostile/split_csv/1cls.csv", "mask,object,split,label,image,mask\n");
    refuse("hostile", SNARM_ERROR_FORMAT, "line 1: column 'mask' is there 2 times, expected once");
    make_text("hostile/split_csv/1cls.csv", "");
    refuse("hostile", SNARM_ERROR_FORMAT, "column 'image' is there 0 times");
    make_text("hostile/split_csv/1cls.csv", "object,split,label,image,mask\npcb1,train,normal,pcb1/a.JPG,\n");
    refuse("hostile", SNARM_ERROR_FORMAT, "1cls.csv: no line whose object is 'candle'");
    FILE *large = fopen(scratch_file("hostile/split_csv/1cls.csv"), "wb");
    ck_assert_ptr_nonnull(large);
    ck_assert_int_eq(ftruncate(fileno(large), (64 << 20) + 1), 0);
    fclose(large);
    refuse("hostile", SNARM_ERROR_UNSUPPORTED, "1cls.csv: is 67108865 bytes long");
    /* One that is a zero byte after the other is refused without a word of it being believed. */
    ck_assert_int_eq(truncate(scratch_file("hostile/split_csv/1cls.csv"), 100), 0);
    refuse("hostile", SNARM_ERROR_FORMAT, "line 1: holds the control character 0");
    /* Cut anywhere, a table is refused or gives what is left of its lines. */
    for (size_t size = 0; size < sizeof table - 1; size++) {
        ck_assert_int_eq(remove(scratch_file("hostile/split_csv/1cls.csv")), 0);
        char text[sizeof table];
        memcpy(text, table, size);
        text[size] = '\0';
        make_text("hostile/split_csv/1cls.csv", text);
        snarm_dataset *set;
        snarm_status status = snarm_dataset_open(&set, scratch_file("hostile"), NULL);
        ck_assert(status == SNARM_OK || status == SNARM_ERROR_FORMAT);
        snarm_dataset_destroy(set);
    }
}
END_TEST

static void refuse_annotation(const char *line, const char *words) {
    char text[4096];
    snprintf(text, sizeof text, "mask,image,other,label\n%s\n", line);
    make_text("annotated/candle/image_anno.csv", text);
    refuse("annotated", SNARM_ERROR_FORMAT, words);
    ck_assert_ptr_nonnull(strstr(snarm_last_error(), "annotated/candle/image_anno.csv"));
}

START_TEST(refuses_hostile_annotations) {
    make_all("annotated", candle);
    refuse_annotation(",candle/Data/../../a.JPG,,normal", "line 2: image is 'candle/Data/../../a.JPG', expected a path");
    refuse_annotation(",candle/Data/Images/Normal/0000.JPG,,", "line 2: label is '', expected normal or a kind");
    refuse_annotation(",candle/Data/Images/Normal/0000.JPG,,good", "line 2: label is 'good', expected normal or");
    refuse_annotation(",candle/Data/Images/Anomaly/000.JPG,,bent", "line 2: mask is '', expected the path");
    refuse_annotation(",candle/Data/Images/Normal/0000.JPG,,normal\n,candle/Data/Images/Normal/0000.JPG,,normal",
                      "line 3: image is 'candle/Data/Images/Normal/0000.JPG', expected each image once");
    refuse_annotation(",candle/none.JPG,,normal", "line 2: image is 'candle/none.JPG', expected a file, but");
    /* Columns in another order, a mark of UTF-8, and one that nobody asked for. */
    make_text("annotated/candle/image_anno.csv",
              "\xef\xbb\xbf"
              "mask,image,other,label\n"
              ",candle/Data/Images/Normal/0000.JPG,\"a,b\",normal\n"
              "candle/Data/Masks/Anomaly/000.png,candle/Data/Images/Anomaly/000.JPG,,\"bent\"\n");
    check("annotated", SNARM_LAYOUT_VISA,
          "candle train|candle/Data/Images/Normal/0000.JPG|good|-|-\n"
          "candle test|candle/Data/Images/Anomaly/000.JPG|bent|candle/Data/Masks/Anomaly/000.png|-\n");
    remove_file("annotated/candle/Data/Masks/Anomaly/000.png");
    refuse("annotated", SNARM_ERROR_FORMAT, "image_anno.csv: line 3: mask is");
    check_without_masks("annotated", "candle train|candle/Data/Images/Normal/0000.JPG|good|-|-\n"
                                     "candle test|candle/Data/Images/Anomaly/000.JPG|bent|-|-\n");
    /* The two tables must agree. */
    make("annotated/candle/Data/Masks/Anomaly/000.png");
    make_text("annotated/split_csv/1cls.csv", table);
    make_text("annotated/candle/image_anno.csv",
              "image,label,mask\ncandle/Data/Images/Normal/0000.JPG,bent,candle/Data/Masks/Anomaly/001.png\n");
    refuse("annotated", SNARM_ERROR_FORMAT, "1cls.csv: line 3: label is 'normal', expected anomaly, as in line 2 of");
}
END_TEST

START_TEST(tells_layouts_apart) {
    static const struct {
        const char *file, *folder, *name;
    } sets[] = {{"apart/btad/01/train/ok/0.bmp", "apart/btad", "btad"},
                {"apart/visa/candle/Data/Images/Normal/0.JPG", "apart/visa", "visa"},
                {"apart/3d/bagel/train/good/rgb/0.png", "apart/3d", "mvtec3d"},
                {"apart/mvtec/screw/train/good/0.png", "apart/mvtec", "mvtec"},
                {"apart/plain/nut/good/0.png", "apart/plain", "folders"}};
    static const snarm_layout layouts[] = {SNARM_LAYOUT_BTAD, SNARM_LAYOUT_VISA, SNARM_LAYOUT_MVTEC3D,
                                           SNARM_LAYOUT_MVTEC, SNARM_LAYOUT_FOLDERS};
    for (int i = 0; i < 5; i++) {
        make(sets[i].file);
        for (int k = 0; k < 5; k++) {
            snarm_dataset_options options;
            snarm_dataset_options_init(&options);
            options.layout = layouts[k];
            snarm_dataset *set;
            snarm_status status = snarm_dataset_open(&set, scratch_file(sets[i].folder), &options);
            ck_assert(status == SNARM_ERROR_FORMAT || status == SNARM_ERROR_IO); /* none of them is whole */
            char words[64];
            snprintf(words, sizeof words, "the layout is %s, expected %s", sets[i].name, sets[k].name);
            ck_assert_int_eq(strstr(snarm_last_error(), words) != NULL, i != k);
        }
    }
}
END_TEST

START_TEST(shows_broken_files_when_loaded) {
    make_all("cut", bagel);
    char path[4096];
    snprintf(path, sizeof path, "%s", scratch_file("cut/bagel/test/crack/xyz/000.tiff"));
    ck_assert_int_eq(truncate(path, 100), 0);
    snarm_depth depth;
#ifdef SN_HAVE_TIFF
    ck_fails(snarm_depth_load(&depth, path, NULL), SNARM_ERROR_FORMAT, "000.tiff: broken TIFF file: ");
#else
    ck_fails(snarm_depth_load(&depth, path, NULL), SNARM_ERROR_UNSUPPORTED, "without libtiff");
#endif
    make("cut/0.bmp");
    ck_assert_int_eq(truncate(scratch_file("cut/0.bmp"), 100), 0);
    snarm_image image;
    ck_fails(snarm_image_load(&image, scratch_file("cut/0.bmp"), NULL), SNARM_ERROR_FORMAT,
             "0.bmp: broken BMP file: it ends early");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("layouts");
    TCase *cases = tcase_create("layouts");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, reads_one_class_visa_as_mvtec);
    tcase_add_test(cases, reads_btad);
    tcase_add_test(cases, reads_mvtec_3d);
    tcase_add_test(cases, reads_plain_folders);
    tcase_add_test(cases, reads_visa);
    tcase_add_test(cases, refuses_hostile_split_tables);
    tcase_add_test(cases, refuses_hostile_annotations);
    tcase_add_test(cases, tells_layouts_apart);
    tcase_add_test(cases, shows_broken_files_when_loaded);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
