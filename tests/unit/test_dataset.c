/* Data sets and image lists, on small trees of empty files. */
#define _XOPEN_SOURCE 700
#include "snarm/dataset.h"

#include "support.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Makes an empty file and the folders on the way to it; a name that ends in '/' is a folder. */
static void touch(const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s", scratch_file(name));
    for (char *slash = path + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        mkdir(path, 0777);
        *slash = '/';
    }
    if (path[strlen(path) - 1] != '/') {
        FILE *file = fopen(path, "wb");
        ck_assert_ptr_nonnull(file);
        fclose(file);
    }
}

static void touch_all(const char *const *names) {
    for (; *names != NULL; names++)
        touch(*names);
}

static void remove_file(const char *name) {
    ck_assert_int_eq(remove(scratch_file(name)), 0);
}

static void check_sample(const snarm_dataset *set, size_t category, snarm_split split, size_t index,
                         const char *path, const char *defect, const char *mask) {
    snarm_sample sample;
    ck_ok(snarm_dataset_sample(set, category, split, index, &sample));
    ck_assert_str_eq(sample.path, scratch_file(path));
    ck_assert_str_eq(sample.defect, defect);
    ck_assert_int_eq(sample.anomalous, strcmp(defect, "good") != 0);
    if (mask == NULL)
        ck_assert_ptr_null(sample.mask);
    else
        ck_assert_str_eq(sample.mask, scratch_file(mask));
}

static const char *const two_categories[] = {"two/screw/train/good/001.png",
                                             "two/screw/train/good/000.png",
                                             "two/screw/train/good/.hidden.png",
                                             "two/screw/train/good/notes.txt",
                                             "two/screw/train/good/a.JPG",
                                             "two/screw/train/good/folder.png/x.png",
                                             "two/screw/train/good/png",
                                             "two/screw/train/bad/000.png",
                                             "two/screw/test/good/b.jpeg",
                                             "two/screw/test/good/a.png",
                                             "two/screw/test/bent/002.png",
                                             "two/screw/test/bent/001.jpg",
                                             "two/screw/test/scratch/x.y.png",
                                             "two/screw/test/empty/",
                                             "two/screw/test/.git/a.png",
                                             "two/screw/test/stray.png",
                                             "two/screw/ground_truth/bent/001_mask.png",
                                             "two/screw/ground_truth/bent/002.png",
                                             "two/screw/ground_truth/scratch/x.y_mask.png",
                                             "two/screw/ground_truth/scratch/x.y.png",
                                             "two/cable/train/good/0.png",
                                             "two/cable/test/good/0.png",
                                             "two/readme.txt",
                                             "two/licence/text/a.png",
                                             "two/.cache/train/good/0.png",
                                             NULL};

static void check_screw(const snarm_dataset *set, size_t c) {
    ck_assert_str_eq(snarm_dataset_category_name(set, c), "screw");
    ck_assert_uint_eq(snarm_dataset_sample_count(set, c, SNARM_SPLIT_TRAIN), 3);
    check_sample(set, c, SNARM_SPLIT_TRAIN, 0, "two/screw/train/good/000.png", "good", NULL);
    check_sample(set, c, SNARM_SPLIT_TRAIN, 1, "two/screw/train/good/001.png", "good", NULL);
    check_sample(set, c, SNARM_SPLIT_TRAIN, 2, "two/screw/train/good/a.JPG", "good", NULL);
    ck_assert_uint_eq(snarm_dataset_sample_count(set, c, SNARM_SPLIT_TEST), 5);
    check_sample(set, c, SNARM_SPLIT_TEST, 0, "two/screw/test/bent/001.jpg", "bent",
                 "two/screw/ground_truth/bent/001_mask.png");
    check_sample(set, c, SNARM_SPLIT_TEST, 1, "two/screw/test/bent/002.png", "bent",
                 "two/screw/ground_truth/bent/002.png");
    check_sample(set, c, SNARM_SPLIT_TEST, 2, "two/screw/test/good/a.png", "good", NULL);
    check_sample(set, c, SNARM_SPLIT_TEST, 3, "two/screw/test/good/b.jpeg", "good", NULL);
    check_sample(set, c, SNARM_SPLIT_TEST, 4, "two/screw/test/scratch/x.y.png", "scratch",
                 "two/screw/ground_truth/scratch/x.y_mask.png");
}

START_TEST(reads_a_folder_of_categories) {
    touch_all(two_categories);
    for (int explicit = 0; explicit < 2; explicit ++) {
        snarm_dataset_options options;
        snarm_dataset_options_init(&options);
        options.layout = explicit ? SNARM_LAYOUT_MVTEC : SNARM_LAYOUT_AUTO;
        snarm_dataset *set;
        ck_ok(snarm_dataset_open(&set, scratch_file("two"), explicit ? &options : NULL));
        ck_assert_int_eq(snarm_dataset_layout(set), SNARM_LAYOUT_MVTEC);
        ck_assert_uint_eq(snarm_dataset_category_count(set), 2);
        ck_assert_str_eq(snarm_dataset_category_name(set, 0), "cable");
        ck_assert_uint_eq(snarm_dataset_sample_count(set, 0, SNARM_SPLIT_TEST), 1);
        check_screw(set, 1);
        snarm_dataset_destroy(set);
    }
}
END_TEST

START_TEST(reads_a_single_category) {
    touch_all(two_categories);
    snarm_dataset *set;
    ck_ok(snarm_dataset_open(&set, scratch_file("two/screw"), NULL));
    ck_assert_uint_eq(snarm_dataset_category_count(set), 1);
    check_screw(set, 0);
    snarm_dataset_destroy(set);
    /* The name is the folder's, however the path is written. */
    const char *const ways[] = {"two/screw/", "two/screw//", "two/screw/.", "two/cable/../screw",
                                "two/screw/test/.."};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        ck_ok(snarm_dataset_open(&set, scratch_file(ways[i]), NULL));
        ck_assert_str_eq(snarm_dataset_category_name(set, 0), "screw");
        snarm_sample sample;
        ck_ok(snarm_dataset_sample(set, 0, SNARM_SPLIT_TEST, 4, &sample));
        ck_assert_int_eq(access(sample.path, R_OK), 0);
        ck_assert_int_eq(access(sample.mask, R_OK), 0);
        ck_assert_ptr_null(strstr(sample.path + strlen(scratch_file(ways[i])), "//"));
        snarm_dataset_destroy(set);
    }
    char before[PATH_MAX];
    ck_assert_ptr_nonnull(getcwd(before, sizeof before));
    ck_assert_int_eq(chdir(scratch_file("two/screw")), 0);
    ck_ok(snarm_dataset_open(&set, ".", NULL));
    ck_assert_str_eq(snarm_dataset_category_name(set, 0), "screw");
    snarm_dataset_destroy(set);
    ck_assert_int_eq(chdir(before), 0);
}
END_TEST

START_TEST(follows_links) {
    touch_all(two_categories);
    touch("linked/");
    char target[4096];
    snprintf(target, sizeof target, "%s", scratch_file("two/screw"));
    ck_assert_int_eq(symlink(target, scratch_file("linked/bolt")), 0);
    snarm_dataset *set;
    ck_ok(snarm_dataset_open(&set, scratch_file("linked"), NULL));
    ck_assert_uint_eq(snarm_dataset_category_count(set), 1);
    ck_assert_str_eq(snarm_dataset_category_name(set, 0), "bolt");
    ck_assert_uint_eq(snarm_dataset_sample_count(set, 0, SNARM_SPLIT_TEST), 5);
    check_sample(set, 0, SNARM_SPLIT_TEST, 1, "linked/bolt/test/bent/002.png", "bent",
                 "linked/bolt/ground_truth/bent/002.png");
    snarm_dataset_destroy(set);
}
END_TEST

START_TEST(names_a_missing_mask) {
    const char *const names[] = {"masks/train/good/0.png",
                                 "masks/test/dent/1.png",
                                 "masks/test/dent/2.jpg",
                                 "masks/ground_truth/dent/1_mask.png",
                                 "masks/ground_truth/dent/2_mask.jpg",
                                 "masks/ground_truth/dent/2.png/",
                                 NULL};
    touch_all(names);
    snarm_dataset *set;
    char sentence[4096];
    ck_fails(snarm_dataset_open(&set, scratch_file("masks"), NULL), SNARM_ERROR_FORMAT, "has no mask");
    ck_assert_ptr_null(set);
    snprintf(sentence, sizeof sentence, "%s: the defective image has no mask, expected %s",
             scratch_file("masks/test/dent/2.jpg"), scratch_file("masks/ground_truth/dent/2_mask.png"));
    ck_assert_str_eq(snarm_last_error(), sentence);
    snarm_dataset_options options;
    snarm_dataset_options_init(&options);
    options.allow_missing_masks = 1;
    ck_ok(snarm_dataset_open(&set, scratch_file("masks"), &options));
    check_sample(set, 0, SNARM_SPLIT_TEST, 0, "masks/test/dent/1.png", "dent",
                 "masks/ground_truth/dent/1_mask.png");
    check_sample(set, 0, SNARM_SPLIT_TEST, 1, "masks/test/dent/2.jpg", "dent", NULL);
    snarm_dataset_destroy(set);
}
END_TEST

START_TEST(refuses_what_is_no_data_set) {
    snarm_dataset *set = (snarm_dataset *)1;
    ck_fails(snarm_dataset_open(&set, scratch_file("nowhere"), NULL), SNARM_ERROR_IO,
             "nowhere: the data set");
    ck_assert_ptr_null(set);
    touch("bare/file.png");
    ck_fails(snarm_dataset_open(&set, scratch_file("bare"), NULL), SNARM_ERROR_FORMAT, "bare: no category");
    ck_fails(snarm_dataset_open(&set, scratch_file("bare/file.png"), NULL), SNARM_ERROR_IO, "is a file");
    ck_fails(snarm_dataset_open(&set, "", NULL), SNARM_ERROR_ARGUMENT, "path is empty");
    ck_fails(snarm_dataset_open(&set, NULL, NULL), SNARM_ERROR_ARGUMENT, "path is NULL");
    ck_fails(snarm_dataset_open(NULL, "a", NULL), SNARM_ERROR_ARGUMENT, "out is NULL");
    /* A category grows until it is whole. */
    touch("part/test/good/");
    ck_fails(snarm_dataset_open(&set, scratch_file("part"), NULL), SNARM_ERROR_IO,
             "part/train/good: the folder");
    touch("part/train/good/readme.txt");
    ck_fails(snarm_dataset_open(&set, scratch_file("part"), NULL), SNARM_ERROR_FORMAT,
             "part: no image (.png, .jpg, .jpeg, .bmp) to train with");
    touch("part/train/good/0.png");
    ck_fails(snarm_dataset_open(&set, scratch_file("part"), NULL), SNARM_ERROR_FORMAT,
             "part: no image (.png, .jpg, .jpeg, .bmp) to test with");
    touch("part/test/good/0.png");
    ck_ok(snarm_dataset_open(&set, scratch_file("part"), NULL));
    snarm_dataset_destroy(set);
    remove_file("part/test/good/0.png");
    remove_file("part/test/good");
    remove_file("part/test");
    ck_fails(snarm_dataset_open(&set, scratch_file("part"), NULL), SNARM_ERROR_IO, "part/test: the folder");
    snarm_dataset_options options;
    snarm_dataset_options_init(&options);
    options.layout = 6;
    ck_fails(snarm_dataset_open(&set, "a", &options), SNARM_ERROR_ARGUMENT, "layout is 6");
    options.layout = 0;
    options.allow_missing_masks = 2;
    ck_fails(snarm_dataset_open(&set, "a", &options), SNARM_ERROR_ARGUMENT, "allow_missing_masks is 2");
}
END_TEST

START_TEST(numbers_beyond_the_last) {
    touch_all(two_categories);
    snarm_dataset *set;
    snarm_sample sample = {.path = "unchanged"};
    ck_ok(snarm_dataset_open(&set, scratch_file("two"), NULL));
    ck_assert_ptr_null(snarm_dataset_category_name(set, 2));
    ck_assert_uint_eq(snarm_dataset_sample_count(set, 2, SNARM_SPLIT_TEST), 0);
    ck_assert_uint_eq(snarm_dataset_sample_count(set, 0, (snarm_split)2), 0);
    ck_fails(snarm_dataset_sample(set, 1, SNARM_SPLIT_TEST, 5, &sample), SNARM_ERROR_ARGUMENT, "index is 5");
    ck_fails(snarm_dataset_sample(set, 2, SNARM_SPLIT_TEST, 0, &sample), SNARM_ERROR_ARGUMENT, "category 2");
    ck_fails(snarm_dataset_sample(set, 0, SNARM_SPLIT_TEST, 0, NULL), SNARM_ERROR_ARGUMENT, "out is NULL");
    ck_fails(snarm_dataset_sample(NULL, 0, SNARM_SPLIT_TEST, 0, &sample), SNARM_ERROR_ARGUMENT,
             "set is NULL");
    ck_assert_str_eq(sample.path, "unchanged");
    snarm_dataset_destroy(set);
    snarm_dataset_destroy(NULL);
    ck_assert_uint_eq(snarm_dataset_category_count(NULL), 0);
    ck_assert_ptr_null(snarm_dataset_category_name(NULL, 0));
    ck_assert_int_eq(snarm_dataset_layout(NULL), SNARM_LAYOUT_AUTO);
}
END_TEST

START_TEST(lists_images) {
    const char *const names[] = {"list/b.png",     "list/a/z.TIFF",    "list/a/deep/er/q.tif",
                                 "list/a-b.bmp",   "list/Z.jpeg",      "list/.hidden/x.png",
                                 "list/.x.png",    "list/a/notes.txt", "list/empty/",
                                 "list/photo.JPG", "list/.png",        NULL};
    const char *const expected[] = {"list/Z.jpeg", "list/a-b.bmp",    "list/a/deep/er/q.tif", "list/a/z.TIFF",
                                    "list/b.png",  "list/broken.png", "list/photo.JPG"};
    enum { COUNT = sizeof expected / sizeof *expected };
    touch_all(names);
    /* A link that leads nowhere is listed, one that leads back is not followed. */
    ck_assert_int_eq(symlink("nowhere.png", scratch_file("list/broken.png")), 0);
    ck_assert_int_eq(symlink("..", scratch_file("list/a/back")), 0);
    ck_assert_int_eq(mkfifo(scratch_file("list/pipe.png"), 0600), 0);
    snarm_image_list *list;
    ck_ok(snarm_image_list_open(&list, scratch_file("list")));
    ck_assert_uint_eq(snarm_image_list_count(list), COUNT);
    for (size_t i = 0; i < COUNT; i++)
        ck_assert_str_eq(snarm_image_list_get(list, i), scratch_file(expected[i]));
    ck_assert_ptr_null(snarm_image_list_get(list, COUNT));
    snarm_image_list_destroy(list);
    ck_ok(snarm_image_list_open(&list, scratch_file("list/empty")));
    ck_assert_uint_eq(snarm_image_list_count(list), 0);
    snarm_image_list_destroy(list);
    ck_ok(snarm_image_list_open(&list, scratch_file("list/a/notes.txt")));
    ck_assert_uint_eq(snarm_image_list_count(list), 1);
    ck_assert_str_eq(snarm_image_list_get(list, 0), scratch_file("list/a/notes.txt"));
    snarm_image_list_destroy(list);
    ck_fails(snarm_image_list_open(&list, scratch_file("list/none")), SNARM_ERROR_IO,
             "list/none: the file or folder");
    ck_assert_ptr_null(list);
    ck_fails(snarm_image_list_open(&list, NULL), SNARM_ERROR_ARGUMENT, "path is NULL");
    ck_fails(snarm_image_list_open(&list, ""), SNARM_ERROR_ARGUMENT, "path is empty");
    ck_fails(snarm_image_list_open(NULL, "a"), SNARM_ERROR_ARGUMENT, "out is NULL");
    snarm_image_list_destroy(NULL);
    ck_assert_uint_eq(snarm_image_list_count(NULL), 0);
    ck_assert_ptr_null(snarm_image_list_get(NULL, 0));
}
END_TEST

START_TEST(refuses_what_cannot_be_read) {
    char deep[2 * 66 + 8] = "deep/";
    for (int i = 0; i < 66; i++)
        strcat(deep, "d/");
    touch(deep);
    snarm_image_list *list;
    ck_fails(snarm_image_list_open(&list, scratch_file("deep")), SNARM_ERROR_IO, "lies 65 deep");
    for (int i = 0; i < 66; i++) { /* taken away again: the scratch folder's own removal is not that deep */
        ck_assert_int_eq(rmdir(scratch_file(deep)), 0);
        deep[strlen(deep) - 2] = '\0';
    }
    touch("closed/inner/0.png");
    ck_assert_int_eq(chmod(scratch_file("closed/inner"), 0), 0);
    if (access(scratch_file("closed/inner"), R_OK) == 0)
        printf("skipped: this user reads every folder\n");
    else
        ck_fails(snarm_image_list_open(&list, scratch_file("closed")), SNARM_ERROR_IO,
                 "closed/inner: the folder cannot");
    ck_assert_int_eq(chmod(scratch_file("closed/inner"), 0700), 0);
}
END_TEST

START_TEST(reads_magnetic_tiles) {
    const char *root = shared_file("data/mtd");
    if (root == NULL)
        return;
    snarm_dataset *set;
    ck_ok(snarm_dataset_open(&set, root, NULL));
    ck_assert_uint_eq(snarm_dataset_category_count(set), 1);
    ck_assert_str_eq(snarm_dataset_category_name(set, 0), "magnetic_tile");
    ck_assert_uint_eq(snarm_dataset_sample_count(set, 0, SNARM_SPLIT_TRAIN), 761);
    size_t count = snarm_dataset_sample_count(set, 0, SNARM_SPLIT_TEST), defective = 0;
    ck_assert_uint_eq(count, 191 + 392);
    for (size_t i = 0; i < count; i++) {
        snarm_sample sample;
        ck_ok(snarm_dataset_sample(set, 0, SNARM_SPLIT_TEST, i, &sample));
        ck_assert_int_eq(sample.anomalous, sample.mask != NULL);
        defective += sample.mask != NULL;
    }
    ck_assert_uint_eq(defective, 392);
    snarm_dataset_destroy(set);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("dataset");
    TCase *cases = tcase_create("dataset");
    tcase_add_test(cases, reads_a_folder_of_categories);
    tcase_add_test(cases, reads_a_single_category);
    tcase_add_test(cases, follows_links);
    tcase_add_test(cases, names_a_missing_mask);
    tcase_add_test(cases, refuses_what_is_no_data_set);
    tcase_add_test(cases, numbers_beyond_the_last);
    tcase_add_test(cases, lists_images);
    tcase_add_test(cases, refuses_what_cannot_be_read);
    tcase_add_test(cases, reads_magnetic_tiles);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
