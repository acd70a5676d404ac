/* Safetensors: round trips, and every way in which a file from outside may be wrong. */
#include "core/memory.h"
#include "io/half.h"
#include "io/hash.h"
#include "io/number_list.h"
#include "io/safetensors.h"
#include "io/whole_file.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put(const char *path, const void *bytes, size_t count) {
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, count, file), count);
    fclose(file);
}

/* A file of this header and so many bytes of data; the length is told as it is, or as claimed. */
static snarm_status open_crafted(const char *header, size_t data, uint64_t claimed) {
    const char *path = scratch_file("crafted");
    size_t length = strlen(header), total = 8 + length + data;
    unsigned char *bytes = calloc(total, 1);
    uint64_t told = claimed != 0 ? claimed : length;
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(told >> 8 * i);
    memcpy(bytes + 8, header, length);
    put(path, bytes, total);
    free(bytes);
    sn_safetensors *file;
    snarm_status status = sn_safetensors_open(&file, path);
    ck_assert((file != NULL) == (status == SNARM_OK));
    sn_safetensors_close(file);
    return status;
}

START_TEST(round_trip) {
    const char *path = scratch_file("whole");
    const float values[6] = {1, -2, 3.5f, 0, 1e-30f, 7};
    const int32_t owners[2] = {-5, 7};
    sn_writer *writer;
    ck_ok(sn_writer_create(&writer, path));
    ck_ok(sn_writer_metadata(writer, "name", "caf\xc3\xa9 \"x\""));
    ck_ok(sn_writer_metadata_double(writer, "threshold", 0.1));
    ck_ok(sn_writer_metadata_int(writer, "count", -3));
    ck_ok(sn_writer_tensor(writer, "values", SN_F32, 2, (int64_t[]){2, 3}, values));
    ck_ok(sn_writer_tensor(writer, "owners", SN_I32, 1, (int64_t[]){2}, owners));
    ck_ok(sn_writer_tensor(writer, "empty", SN_F32, 1, (int64_t[]){0}, values));
    ck_ok(sn_writer_tensor(writer, "scalar", SN_F32, 0, NULL, values + 2));
    ck_fails(sn_writer_tensor(writer, "values", SN_F32, 0, NULL, values), SNARM_ERROR_ARGUMENT, "values");
    ck_ok(sn_writer_finish(writer));
    sn_writer_destroy(writer);
    sn_safetensors *file;
    ck_ok(sn_safetensors_open(&file, path));
    ck_assert_uint_eq(sn_safetensors_count(file), 4);
    ck_assert_str_eq(sn_safetensors_metadata(file, "name"), "caf\xc3\xa9 \"x\"");
    double threshold;
    ck_ok(sn_safetensors_metadata_double(file, "threshold", 0, 1, &threshold));
    ck_assert(threshold == 0.1);
    ck_fails(sn_safetensors_metadata_double(file, "threshold", 0.5, 1, &threshold), SNARM_ERROR_FORMAT, "threshold");
    int64_t count;
    ck_ok(sn_safetensors_metadata_int(file, "count", -9, 9, &count));
    ck_assert_int_eq(count, -3);
    ck_fails(sn_safetensors_metadata_int(file, "name", -9, 9, &count), SNARM_ERROR_FORMAT, "name");
    ck_fails(sn_safetensors_metadata_int(file, "none", -9, 9, &count), SNARM_ERROR_FORMAT, "none");
    const sn_tensor *tensor;
    ck_ok(sn_safetensors_require(file, "values", 2, (int64_t[]){-1, 3}, &tensor));
    ck_assert_int_eq(memcmp(tensor->data, values, sizeof values), 0);
    ck_assert_uint_eq((uintptr_t)tensor->data % SN_ALIGNMENT, 0);
    ck_fails(sn_safetensors_require(file, "values", 2, (int64_t[]){-1, 4}, &tensor), SNARM_ERROR_FORMAT, "(2, 3), expected (?, 4)");
    ck_fails(sn_safetensors_require(file, "nothing", 0, NULL, &tensor), SNARM_ERROR_FORMAT, "nothing is missing");
    int32_t read[2];
    ck_ok(sn_tensor_to_i32(file, sn_safetensors_find(file, "owners"), read));
    ck_assert_int_eq(read[0], -5);
    float scalar;
    ck_ok(sn_tensor_to_f32(file, sn_safetensors_find(file, "scalar"), &scalar));
    ck_assert(scalar == 3.5f);
    ck_fails(sn_tensor_to_f32(file, sn_safetensors_find(file, "owners"), &scalar), SNARM_ERROR_FORMAT, "I32");
    sn_safetensors_close(file);
    /* Cut anywhere, it is refused. */
    FILE *whole = fopen(path, "rb");
    unsigned char bytes[2048];
    size_t size = fread(bytes, 1, sizeof bytes, whole);
    fclose(whole);
    const char *cut = scratch_file("cut");
    for (size_t length = 0; length < size; length++) {
        put(cut, bytes, length);
        ck_assert_int_ne(sn_safetensors_open(&file, cut), SNARM_OK);
        ck_assert_ptr_null(file);
        /* In memory of just that size, where a sanitizer sees a read too far. */
        unsigned char *part = malloc(length > 0 ? length : 1);
        memcpy(part, bytes, length);
        ck_fails(sn_safetensors_open_memory(&file, "the cut one", part, length), SNARM_ERROR_FORMAT, "the cut one: ");
        ck_assert_ptr_null(file);
        free(part);
    }
}
END_TEST

/* The same as from a file, and the memory is left as it is: it may be of no file that could be read again. */
START_TEST(files_in_memory) {
    enum { COUNT = 65536 };
    const char *path = scratch_file("large");
    float *values = malloc(COUNT * sizeof *values), *read = malloc(COUNT * sizeof *read);
    for (int i = 0; i < COUNT; i++)
        values[i] = (float)i / 7;
    sn_writer *writer;
    ck_ok(sn_writer_create(&writer, path));
    ck_ok(sn_writer_metadata(writer, "name", "large"));
    ck_ok(sn_writer_tensor(writer, "values", SN_F32, 1, (int64_t[]){COUNT}, values));
    ck_ok(sn_writer_finish(writer));
    sn_writer_destroy(writer);
    const size_t room = COUNT * sizeof *values + 4096;
    unsigned char *bytes = malloc(room), *copy = malloc(room);
    FILE *whole = fopen(path, "rb");
    const size_t size = fread(bytes, 1, room, whole);
    fclose(whole);
    memcpy(copy, bytes, size);
    for (int round = 0; round < 2; round++) {
        sn_safetensors *file;
        ck_ok(sn_safetensors_open_memory(&file, "in memory", bytes, size));
        ck_assert_str_eq(sn_safetensors_path(file), "in memory");
        ck_assert_str_eq(sn_safetensors_metadata(file, "name"), "large");
        const sn_tensor *tensor = sn_safetensors_find(file, "values");
        ck_assert((const unsigned char *)tensor->data > bytes && (const unsigned char *)tensor->data < bytes + size);
        ck_ok(sn_tensor_to_f32(file, tensor, read));
        ck_assert_int_eq(memcmp(read, values, COUNT * sizeof *values), 0);
        char hash[SN_HASH_TEXT], expected[SN_HASH_TEXT];
        ck_ok(sn_safetensors_hash(file, hash));
        ck_ok(sn_hash_file(path, expected));
        ck_assert_str_eq(hash, expected);
        ck_fails(sn_safetensors_require(file, "nothing", 0, NULL, &tensor), SNARM_ERROR_FORMAT, "in memory: tensor nothing is missing");
        sn_safetensors_close(file);
        ck_assert_int_eq(memcmp(bytes, copy, size), 0);
    }
    sn_safetensors *mapped;
    char hash[SN_HASH_TEXT], expected[SN_HASH_TEXT];
    ck_ok(sn_safetensors_open(&mapped, path));
    ck_ok(sn_safetensors_hash(mapped, hash));
    ck_ok(sn_hash_file(path, expected));
    ck_assert_str_eq(hash, expected);
    sn_safetensors_close(mapped);
    free(values), free(read), free(bytes), free(copy);
}
END_TEST

START_TEST(wrong_files) {
    static const struct {
        const char *header;
        size_t data;
        uint64_t claimed;
        const char *words;
    } cases[] = {
        {"{}", 0, (uint64_t)1 << 60, "header length 1152921504606846976"},
        {"{}", 0, UINT64_MAX, "header length"},
        {"{}", 0, 3, "header length 3"},
        {"[]", 4, 0, "not a JSON object"},
        {"{\"a\":", 4, 0, "not a JSON object"},
        {"{}", 4, 0, "4 bytes at its end"},
        {"{\"a\":1}", 4, 0, "no dtype"},
        {"{\"a\":{\"dtype\":\"F7\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, 0, "dtype F7"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}", 4, 0, "shape is not"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, 0, "shape[0] is not"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", 4, 0, "shape[0] is not"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, 0, "shape is not"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,8],\"data_offsets\":[0,4]}}", 4, 0, "too large"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,4]}}", 4, 0, "too large"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[9999999999999999999],\"data_offsets\":[0,4]}}", 4, 0, "not a JSON"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, 0, "not two sizes"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, 0, "outside"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 4, 0, "outside"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,1152921504606846976]}}", 4, 0, "outside"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, 0, "span 4 bytes"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}", 4, 0, "overlaps"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}", 4, 0, "no tensor"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4, 0, "duplicate"},
        {"{\"__metadata__\":{\"x\":1}}", 0, 0, "not a string"},
        {"{\"__metadata__\":[]}", 0, 0, "not an object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snarm_status status = open_crafted(cases[i].header, cases[i].data, cases[i].claimed);
        ck_assert_msg(status != SNARM_OK && strstr(snarm_last_error(), cases[i].words) != NULL,
                      "%s: status %d, '%s' lacks '%s'", cases[i].header, (int)status, snarm_last_error(), cases[i].words);
        ck_assert_ptr_nonnull(strstr(snarm_last_error(), "crafted"));
    }
    sn_safetensors *file;
    ck_fails(sn_safetensors_open(&file, scratch_file("absent")), SNARM_ERROR_IO, "absent");
    ck_fails(sn_safetensors_open(&file, "/"), SNARM_ERROR_IO, "regular");
}
END_TEST

START_TEST(random_damage) {
    static const char header[] = "{\"__metadata__\":{\"k\":\"v\"},\"a\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]}}";
    srand(7);
    for (int i = 0; i < 3000; i++) {
        char damaged[sizeof header];
        memcpy(damaged, header, sizeof header);
        for (int n = rand() % 3; n >= 0; n--)
            damaged[rand() % (int)(sizeof header - 1)] = (char)(rand() % 126 + 1);
        open_crafted(damaged, 8, 0); /* must return; most are refused */
    }
}
END_TEST

START_TEST(halves) {
    ck_assert(sn_f16_to_f32(0x3c00) == 1.0f && sn_f16_to_f32(0xc000) == -2.0f && sn_f16_to_f32(0x0001) == 0x1p-24f);
    ck_assert(sn_f16_to_f32(0x7bff) == 65504.0f && isinf(sn_f16_to_f32(0xfc00)) && isnan(sn_f16_to_f32(0x7e00)));
    ck_assert(sn_f16_to_f32(0x0400) == 0x1p-14f && sn_f16_to_f32(0x8000) == 0.0f && signbit(sn_f16_to_f32(0x8000)));
    ck_assert(sn_bf16_to_f32(0x3f80) == 1.0f && sn_bf16_to_f32(0xc040) == -3.0f);
}
END_TEST

START_TEST(number_lists) {
    int32_t values[4] = {0};
    size_t count;
    char text[SN_NUMBER_LIST_SIZE(4)];
    ck_assert(sn_number_list_read("7", 0, 7, 4, values, &count) && count == 1 && values[0] == 7);
    ck_assert(sn_number_list_read("0,64,2147483647,5", 0, INT32_MAX, 4, values, &count) && count == 4);
    ck_assert(values[0] == 0 && values[1] == 64 && values[2] == INT32_MAX && values[3] == 5);
    sn_number_list_write(values, 4, text);
    ck_assert_str_eq(text, "0,64,2147483647,5");
    sn_number_list_write(values, 0, text);
    ck_assert_str_eq(text, "");
    const char *const wrong[] = {"", ",", "1,", ",1", "1,,2", "1 ,2", " 1", "-1", "+1", "8", "1,8", "1,2,3,4,5", "1.5", "1x", "99999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(!sn_number_list_read(wrong[i], 1, 7, 4, values, &count), "'%s' is read", wrong[i]);
    ck_assert(!sn_number_list_read("1", 2, 7, 4, values, &count) && !sn_number_list_read(NULL, 1, 7, 4, values, &count));
}
END_TEST

START_TEST(files_are_whole) {
    const char *path = scratch_file("kept");
    put(path, "old", 3);
    sn_whole_file *file;
    ck_ok(sn_whole_file_create(&file, path));
    sn_whole_file_write(file, "new!", 4);
    sn_whole_file_abandon(file);
    char hash[SN_HASH_TEXT], again[SN_HASH_TEXT];
    ck_ok(sn_hash_file(path, hash));
    ck_ok(sn_whole_file_create(&file, path));
    sn_whole_file_write(file, "abc", 3);
    ck_ok(sn_hash_file(path, again));
    ck_assert_str_eq(hash, again); /* the old one until finish */
    ck_ok(sn_whole_file_finish(file, SN_WHOLE_FILE_DURABLE));
    ck_ok(sn_hash_file(path, again));
    ck_assert_str_eq(again, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    ck_fails(sn_whole_file_create(&file, scratch_file("no/such/folder")), SNARM_ERROR_IO, "no/such/folder");
    ck_assert_ptr_null(file);
    ck_fails(sn_hash_file(scratch_file("gone"), hash), SNARM_ERROR_IO, "gone");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("io");
    TCase *cases = tcase_create("io");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, round_trip);
    tcase_add_test(cases, files_in_memory);
    tcase_add_test(cases, wrong_files);
    tcase_add_test(cases, random_damage);
    tcase_add_test(cases, halves);
    tcase_add_test(cases, number_lists);
    tcase_add_test(cases, files_are_whole);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
