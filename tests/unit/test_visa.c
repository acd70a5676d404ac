/* VisA as it is distributed, with its tables, right and wrong. */
#define _XOPEN_SOURCE 700
#include "sets.h"

#include "support.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const candle[] = {"candle/Data/Images/Normal/0000.JPG",
                                     "candle/Data/Images/Normal/0001.JPG",
                                     "candle/Data/Images/Normal/0002.JPG",
                                     "candle/Data/Images/Normal/0003.JPG",
                                     "candle/Data/Images/Anomaly/000.JPG",
                                     "candle/Data/Images/Anomaly/001.jpg",
                                     "candle/Data/Masks/Anomaly/000.png",
                                     "candle/Data/Masks/Anomaly/001.png",
                                     "LICENSE-DATASET",
                                     NULL};

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
    set_make_all("visa", candle);
    const char *by_rule = "candle train|candle/Data/Images/Normal/0000.JPG|good|-|-\n"
                          "candle train|candle/Data/Images/Normal/0001.JPG|good|-|-\n"
                          "candle train|candle/Data/Images/Normal/0003.JPG|good|-|-\n";
    char expected[2048];
    snprintf(expected, sizeof expected, "%s%s", by_rule,
             "candle test|candle/Data/Images/Anomaly/000.JPG|anomaly|candle/Data/Masks/Anomaly/000.png|-\n"
             "candle test|candle/Data/Images/Anomaly/001.jpg|anomaly|candle/Data/Masks/Anomaly/001.png|-\n"
             "candle test|candle/Data/Images/Normal/0002.JPG|good|-|-\n");
    set_check("visa", SNARM_LAYOUT_VISA, expected);
    /* The same split, with the kinds of defect. */
    set_make_text("visa/candle/image_anno.csv", annotations);
    const char *kinds = "candle test|candle/Data/Images/Anomaly/001.jpg|chunk missing|"
                        "candle/Data/Masks/Anomaly/001.png|-\n";
    const char *melted = "candle test|candle/Data/Images/Anomaly/000.JPG|wax melted, \"much\" of it|"
                         "candle/Data/Masks/Anomaly/000.png|-\n";
    snprintf(expected, sizeof expected, "%s%s%s%s", by_rule, kinds,
             "candle test|candle/Data/Images/Normal/0002.JPG|good|-|-\n", melted);
    set_check("visa", SNARM_LAYOUT_VISA, expected);
    /* The table's split. */
    set_make_text("visa/split_csv/1cls.csv", table);
    snprintf(expected, sizeof expected, "%s%s%s%s",
             "candle train|candle/Data/Images/Normal/0000.JPG|good|-|-\n"
             "candle train|candle/Data/Images/Normal/0002.JPG|good|-|-\n",
             kinds, "candle test|candle/Data/Images/Normal/0001.JPG|good|-|-\n", melted);
    set_check("visa", SNARM_LAYOUT_VISA, expected);
    set_check(
        "visa/candle", SNARM_LAYOUT_VISA,
        "candle train|Data/Images/Normal/0000.JPG|good|-|-\n"
        "candle train|Data/Images/Normal/0002.JPG|good|-|-\n"
        "candle test|Data/Images/Anomaly/001.jpg|chunk missing|Data/Masks/Anomaly/001.png|-\n"
        "candle test|Data/Images/Normal/0001.JPG|good|-|-\n"
        "candle test|Data/Images/Anomaly/000.JPG|wax melted, \"much\" of it|Data/Masks/Anomaly/000.png|-\n");
    /* Without annotations, every defect is an anomaly. */
    set_remove("visa/candle/image_anno.csv");
    set_check("visa/candle", SNARM_LAYOUT_VISA,
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
    set_make_text("hostile/split_csv/1cls.csv", text);
    set_refuse("hostile", SNARM_ERROR_FORMAT, words);
    ck_assert_ptr_nonnull(strstr(snarm_last_error(), "hostile/split_csv/1cls.csv"));
}

START_TEST(refuses_hostile_split_tables) {
    set_make_all("hostile", candle);
    set_make("secret.png");
    set_make("hostile/secret.png");
    refuse_split("candle,train,normal,candle/../../secret.png,",
                 "line 2: image is 'candle/../../secret.png', expected a path below");
    refuse_split("candle,train,normal,/etc/passwd.png,",
                 "line 2: image is '/etc/passwd.png', expected a path");
    refuse_split("candle,train,normal,candle//a.png,", "image is 'candle//a.png', expected a path below");
    refuse_split("candle,train,normal,candle/./a.png,", "expected a path below");
    refuse_split("candle,train,normal,candle/Data/..,", "expected a path below");
    refuse_split("candle,train,normal,,", "image is '', expected a path below");
    refuse_split("candle,train,normal,secret.png,",
                 "image is 'secret.png', expected a path that begins with 'candle/'");
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
    set_make_text("hostile/split_csv/1cls.csv", "object,split,label,image\n");
    set_refuse("hostile", SNARM_ERROR_FORMAT, "line 1: column 'mask' is there 0 times, expected once");
    set_make_text("hostile/split_csv/1cls.csv", "mask,object,split,label,image,mask\n");
    set_refuse("hostile", SNARM_ERROR_FORMAT, "line 1: column 'mask' is there 2 times, expected once");
    set_make_text("hostile/split_csv/1cls.csv", "");
    set_refuse("hostile", SNARM_ERROR_FORMAT, "column 'image' is there 0 times");
    set_make_text("hostile/split_csv/1cls.csv",
                  "object,split,label,image,mask\npcb1,train,normal,pcb1/a.JPG,\n");
    set_refuse("hostile", SNARM_ERROR_FORMAT, "1cls.csv: no line whose object is 'candle'");
    FILE *large = fopen(scratch_file("hostile/split_csv/1cls.csv"), "wb");
    ck_assert_ptr_nonnull(large);
    ck_assert_int_eq(ftruncate(fileno(large), (64 << 20) + 1), 0);
    fclose(large);
    set_refuse("hostile", SNARM_ERROR_UNSUPPORTED, "1cls.csv: is 67108865 bytes long");
    /* One that is a zero byte after the other is refused without a word of it being believed. */
    ck_assert_int_eq(truncate(scratch_file("hostile/split_csv/1cls.csv"), 100), 0);
    set_refuse("hostile", SNARM_ERROR_FORMAT, "line 1: holds the control character 0");
    /* Cut anywhere, a table is refused or gives what is left of its lines. */
    for (size_t size = 0; size < sizeof table - 1; size++) {
        ck_assert_int_eq(remove(scratch_file("hostile/split_csv/1cls.csv")), 0);
        char text[sizeof table];
        memcpy(text, table, size);
        text[size] = '\0';
        set_make_text("hostile/split_csv/1cls.csv", text);
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
    set_make_text("annotated/candle/image_anno.csv", text);
    set_refuse("annotated", SNARM_ERROR_FORMAT, words);
    ck_assert_ptr_nonnull(strstr(snarm_last_error(), "annotated/candle/image_anno.csv"));
}

START_TEST(refuses_hostile_annotations) {
    set_make_all("annotated", candle);
    refuse_annotation(",candle/Data/../../a.JPG,,normal",
                      "line 2: image is 'candle/Data/../../a.JPG', expected a path");
    refuse_annotation(",candle/Data/Images/Normal/0000.JPG,,",
                      "line 2: label is '', expected normal or a kind");
    refuse_annotation(",candle/Data/Images/Normal/0000.JPG,,good",
                      "line 2: label is 'good', expected normal or");
    refuse_annotation(",candle/Data/Images/Anomaly/000.JPG,,bent", "line 2: mask is '', expected the path");
    refuse_annotation(
        ",candle/Data/Images/Normal/0000.JPG,,normal\n,candle/Data/Images/Normal/0000.JPG,,normal",
        "line 3: image is 'candle/Data/Images/Normal/0000.JPG', expected each image once");
    refuse_annotation(",candle/none.JPG,,normal", "line 2: image is 'candle/none.JPG', expected a file, but");
    /* Columns in another order, a mark of UTF-8, and one that nobody asked for. */
    set_make_text("annotated/candle/image_anno.csv",
                  "\xef\xbb\xbf"
                  "mask,image,other,label\n"
                  ",candle/Data/Images/Normal/0000.JPG,\"a,b\",normal\n"
                  "candle/Data/Masks/Anomaly/000.png,candle/Data/Images/Anomaly/000.JPG,,\"bent\"\n");
    set_check("annotated", SNARM_LAYOUT_VISA,
              "candle train|candle/Data/Images/Normal/0000.JPG|good|-|-\n"
              "candle test|candle/Data/Images/Anomaly/000.JPG|bent|candle/Data/Masks/Anomaly/000.png|-\n");
    set_remove("annotated/candle/Data/Masks/Anomaly/000.png");
    set_refuse("annotated", SNARM_ERROR_FORMAT, "image_anno.csv: line 3: mask is");
    set_check_maskless("annotated", "candle train|candle/Data/Images/Normal/0000.JPG|good|-|-\n"
                                    "candle test|candle/Data/Images/Anomaly/000.JPG|bent|-|-\n");
    /* The two tables must agree. */
    set_make("annotated/candle/Data/Masks/Anomaly/000.png");
    set_make_text("annotated/split_csv/1cls.csv", table);
    set_make_text(
        "annotated/candle/image_anno.csv",
        "image,label,mask\ncandle/Data/Images/Normal/0000.JPG,bent,candle/Data/Masks/Anomaly/001.png\n");
    set_refuse("annotated", SNARM_ERROR_FORMAT,
               "1cls.csv: line 3: label is 'normal', expected anomaly, as in line 2 of");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("visa");
    TCase *cases = tcase_create("visa");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, reads_visa);
    tcase_add_test(cases, refuses_hostile_split_tables);
    tcase_add_test(cases, refuses_hostile_annotations);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
