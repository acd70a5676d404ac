/* Data sets in the layouts without tables. */
#define _XOPEN_SOURCE 700
#include "sets.h"

#include "snarm/depth.h"

#include "support.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

START_TEST(reads_one_class_visa_as_mvtec) {
    static const char *const names[] = {"candle/train/good/0000.JPG",
                                        "candle/train/good/0001.jpg",
                                        "candle/test/good/0002.JPG",
                                        "candle/test/bad/000.JPG",
                                        "candle/ground_truth/bad/000.png",
                                        "candle/ground_truth/good/",
                                        NULL};
    set_make_all("pytorch", names);
    set_check("pytorch", SNARM_LAYOUT_MVTEC,
              "candle train|candle/train/good/0000.JPG|good|-|-\n"
              "candle train|candle/train/good/0001.jpg|good|-|-\n"
              "candle test|candle/test/bad/000.JPG|bad|candle/ground_truth/bad/000.png|-\n"
              "candle test|candle/test/good/0002.JPG|good|-|-\n");
}
END_TEST

START_TEST(reads_btad) {
    static const char *const names[] = {"01/train/ok/0000.bmp",
                                        "01/train/ok/0001.bmp",
                                        "01/test/ok/0000.bmp",
                                        "01/test/ko/0000.bmp",
                                        "01/test/ko/0001.bmp",
                                        "01/ground_truth/ko/0000.png",
                                        "01/ground_truth/ko/0001.bmp",
                                        "02/train/ok/0000.png",
                                        "02/test/ok/0000.png",
                                        "02/test/ko/0000.png",
                                        "02/ground_truth/ko/0000.png",
                                        "readme.txt",
                                        NULL};
    set_make_all("btad", names);
    set_check("btad", SNARM_LAYOUT_BTAD,
              "01 train|01/train/ok/0000.bmp|good|-|-\n"
              "01 train|01/train/ok/0001.bmp|good|-|-\n"
              "01 test|01/test/ok/0000.bmp|good|-|-\n"
              "01 test|01/test/ko/0000.bmp|ko|01/ground_truth/ko/0000.png|-\n"
              "01 test|01/test/ko/0001.bmp|ko|01/ground_truth/ko/0001.bmp|-\n"
              "02 train|02/train/ok/0000.png|good|-|-\n"
              "02 test|02/test/ok/0000.png|good|-|-\n"
              "02 test|02/test/ko/0000.png|ko|02/ground_truth/ko/0000.png|-\n");
    set_check("btad/02", SNARM_LAYOUT_BTAD,
              "02 train|train/ok/0000.png|good|-|-\n"
              "02 test|test/ok/0000.png|good|-|-\n"
              "02 test|test/ko/0000.png|ko|ground_truth/ko/0000.png|-\n");
    set_remove("btad/01/ground_truth/ko/0001.bmp");
    set_refuse("btad", SNARM_ERROR_FORMAT, "btad/01/test/ko/0001.bmp: the defective image has no mask");
    set_make("btad-part/03/test/ok/0.bmp");
    set_refuse("btad-part", SNARM_ERROR_IO, "btad-part/03/train/ok: the folder cannot be opened");
}
END_TEST

static const char *const bagel[] = {"bagel/train/good/rgb/000.png",      "bagel/train/good/xyz/000.tiff",
                                    "bagel/validation/good/rgb/000.png", "bagel/validation/good/xyz/000.tiff",
                                    "bagel/test/good/rgb/000.png",       "bagel/test/good/xyz/000.tiff",
                                    "bagel/test/good/gt/000.png",        "bagel/test/crack/rgb/000.png",
                                    "bagel/test/crack/xyz/000.tiff",     "bagel/test/crack/gt/000.png",
                                    "bagel/calibration/camera.json",     NULL};

START_TEST(reads_mvtec_3d) {
    set_make_all("3d", bagel);
    set_check("3d", SNARM_LAYOUT_MVTEC3D,
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
    set_remove("3d/bagel/test/crack/xyz/000.tiff");
    set_refuse("3d", SNARM_ERROR_FORMAT,
               "3d/bagel/test/crack/rgb/000.png: the image has no depth picture, expected");
    ck_assert_ptr_nonnull(strstr(snarm_last_error(), "3d/bagel/test/crack/xyz/000.tiff"));
    set_remove("3d/bagel/test/crack/xyz");
    set_remove("3d/bagel/test/crack/gt/000.png");
    set_refuse("3d", SNARM_ERROR_FORMAT, "3d/bagel/test/crack/rgb/000.png: the defective image has no mask");
    set_check_maskless("3d", "bagel train|bagel/train/good/rgb/000.png|good|-|bagel/train/good/xyz/000.tiff\n"
                             "bagel test|bagel/test/crack/rgb/000.png|crack|-|-\n"
                             "bagel test|bagel/test/good/rgb/000.png|good|-|bagel/test/good/xyz/000.tiff\n");
}
END_TEST

START_TEST(reads_plain_folders) {
    static const char *const names[] = {
        "bolt/good/0.png", "bolt/good/1.PNG", "bolt/good/2.bmp",  "bolt/good/3.jpg",    "bolt/good/4.png",
        "bolt/good/5.png", "bolt/good/6.png", "bolt/bent/0.png",  "bolt/zigzag/1.jpeg", "bolt/empty/",
        "bolt/notes.txt",  "nut/good/0.png",  "nut/broken/a.png", "nut/broken/b.png",   NULL};
    static const char *const masks[] = {"nut/ground_truth/broken/a_mask.png", "nut/ground_truth/broken/b.bmp",
                                        NULL};
    set_make_all("plain", names);
    set_check("plain/bolt", SNARM_LAYOUT_FOLDERS,
              "bolt train|good/0.png|good|-|-\n"
              "bolt train|good/1.PNG|good|-|-\n"
              "bolt train|good/3.jpg|good|-|-\n"
              "bolt train|good/4.png|good|-|-\n"
              "bolt train|good/6.png|good|-|-\n"
              "bolt test|bent/0.png|bent|-|-\n"
              "bolt test|good/2.bmp|good|-|-\n"
              "bolt test|good/5.png|good|-|-\n"
              "bolt test|zigzag/1.jpeg|zigzag|-|-\n");
    set_make_all("plain", masks);
    set_check("plain/nut", SNARM_LAYOUT_FOLDERS,
              "nut train|good/0.png|good|-|-\n"
              "nut test|broken/a.png|broken|ground_truth/broken/a_mask.png|-\n"
              "nut test|broken/b.png|broken|ground_truth/broken/b.bmp|-\n");
    snarm_dataset *set;
    ck_ok(snarm_dataset_open(&set, scratch_file("plain"), NULL));
    ck_assert_uint_eq(snarm_dataset_category_count(set), 2);
    snarm_dataset_destroy(set);
    /* With a folder of masks, each defective image has one. */
    set_remove("plain/nut/ground_truth/broken/b.bmp");
    set_refuse("plain", SNARM_ERROR_FORMAT, "nut/broken/b.png: the defective image has no mask");
    set_check_maskless("plain/nut", "nut train|good/0.png|good|-|-\n"
                                    "nut test|broken/a.png|broken|ground_truth/broken/a_mask.png|-\n"
                                    "nut test|broken/b.png|broken|-|-\n");
    set_make("bare/good/0.png");
    set_make("bare/bad/");
    set_refuse("bare", SNARM_ERROR_FORMAT, "bare: no defective image");
    set_make("bare-good/good/");
    set_make("bare-good/bad/0.png");
    set_refuse("bare-good", SNARM_ERROR_FORMAT,
               "bare-good: no image (.png, .jpg, .jpeg, .bmp) to train with");
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
        set_make(sets[i].file);
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
    set_make_all("cut", bagel);
    char path[4096];
    snprintf(path, sizeof path, "%s", scratch_file("cut/bagel/test/crack/xyz/000.tiff"));
    ck_assert_int_eq(truncate(path, 100), 0);
    snarm_depth depth;
#ifdef SN_HAVE_TIFF
    ck_fails(snarm_depth_load(&depth, path, NULL), SNARM_ERROR_FORMAT, "000.tiff: broken TIFF file: ");
#else
    ck_fails(snarm_depth_load(&depth, path, NULL), SNARM_ERROR_UNSUPPORTED, "without libtiff");
#endif
    set_make("cut/0.bmp");
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
    tcase_add_test(cases, tells_layouts_apart);
    tcase_add_test(cases, shows_broken_files_when_loaded);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
