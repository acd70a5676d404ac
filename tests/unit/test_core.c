/* Status sentences, option structures, aligned memory, the generator, and the parallel loop. */
#include "core/memory.h"
#include "core/number.h"
#include "core/rng.h"
#include "core/status.h"
#include "core/threads.h"
#include "support.h"

#include "snarm/detector.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libgomp's, declared here because clang's <omp.h> belongs to another runtime. */
extern void GOMP_parallel(void (*function)(void *), void *data, unsigned threads, unsigned flags);
extern int omp_get_thread_num(void);
extern int omp_get_max_threads(void);
extern int omp_get_dynamic(void);
extern void omp_set_dynamic(int dynamic);

START_TEST(error_is_one_line) {
    ck_assert_int_eq(sn_error(SNARM_ERROR_IO, "a\nb%d", 7), SNARM_ERROR_IO);
    ck_assert_str_eq(snarm_last_error(), "a?b7");
    sn_error_prefix(SNARM_ERROR_IO, "file");
    ck_assert_str_eq(snarm_last_error(), "file: a?b7");
}
END_TEST

typedef struct sample_options {
    size_t struct_size;
    int first, second;
} sample_options;

START_TEST(options_of_other_ages) {
    sample_options defaults = {sizeof defaults, 1, 2}, copy = defaults;
    ck_ok(sn_options_read(&copy, sizeof copy, NULL, sizeof(size_t) + sizeof(int), "o"));
    ck_assert_int_eq(copy.second, 2);
    sample_options old = {sizeof(size_t) + sizeof(int), 5, 6};
    ck_ok(sn_options_read(&copy, sizeof copy, &old, sizeof(size_t) + sizeof(int), "o"));
    ck_assert_int_eq(copy.first, 5);
    ck_assert_int_eq(copy.second, 2);
    ck_assert_uint_eq(copy.struct_size, sizeof copy);
    struct {
        sample_options known;
        long unknown;
    } newer = {{sizeof newer, 7, 8}, 0};
    ck_ok(sn_options_read(&copy, sizeof copy, &newer, sizeof(size_t) + sizeof(int), "o"));
    ck_assert_int_eq(copy.second, 8);
    newer.unknown = 1;
    ck_fails(sn_options_read(&copy, sizeof copy, &newer, sizeof(size_t), "o"), SNARM_ERROR_UNSUPPORTED, "o: byte");
    sample_options blank = {0};
    ck_fails(sn_options_read(&copy, sizeof copy, &blank, sizeof(size_t), "o"), SNARM_ERROR_ARGUMENT, "struct_size");
    blank.struct_size = (size_t)0x5a5a5a5a5a5a5a5a; /* never set */
    ck_fails(sn_options_read(&copy, sizeof copy, &blank, sizeof(size_t), "o"), SNARM_ERROR_ARGUMENT, "was it initialised");
}
END_TEST

START_TEST(results_of_other_ages) {
    const sample_options filled = {sizeof filled, 5, 6};
    sample_options old = {sizeof(size_t) + sizeof(int), 1, 2};
    sn_options_write(&old, &filled, sizeof filled);
    ck_assert(old.struct_size == sizeof(size_t) + sizeof(int) && old.first == 5 && old.second == 2);
    struct {
        sample_options known;
        long unknown;
    } newer = {{sizeof newer, 0, 0}, -1};
    sn_options_write(&newer, &filled, sizeof filled);
    ck_assert(newer.known.struct_size == sizeof newer && newer.known.second == 6 && newer.unknown == 0);
}
END_TEST

/* The size is that of the structure of the program, not of the library. */
START_TEST(options_are_initialised_with_the_callers_size) {
    snarm_detector_options options;
    memset(&options, 0x5a, sizeof options);
    snarm_detector_options_init(&options);
    ck_assert(options.struct_size == sizeof options && options.threads == 0 && options.exact == 0);
    snarm_detector_options_init(NULL);
}
END_TEST

START_TEST(memory_is_aligned_and_checked) {
    float *block;
    ck_ok(sn_alloc_zeroed(&block, 3, sizeof *block, "block"));
    ck_assert_uint_eq((uintptr_t)block % SN_ALIGNMENT, 0);
    ck_assert(block[2] == 0.0f);
    block[2] = 4.0f;
    ck_ok(sn_resize(&block, 3 * sizeof *block, 1000, sizeof *block, "block"));
    ck_assert(block[2] == 4.0f);
    sn_free(block);
    ck_fails(sn_alloc(&block, SIZE_MAX / 2, 8, "huge"), SNARM_ERROR_MEMORY, "huge");
    ck_assert_ptr_null(block);
}
END_TEST

START_TEST(generator_is_uniform_and_repeatable) {
    sn_rng a, b;
    sn_rng_seed(&a, 42, 0);
    sn_rng_seed(&b, 42, 0);
    double sum = 0, squares = 0, normal = 0;
    int counts[7] = {0};
    for (int i = 0; i < 70000; i++) {
        double u = sn_rng_uniform(&a);
        ck_assert(u >= 0 && u < 1 && u == sn_rng_uniform(&b));
        counts[sn_rng_below(&a, 7)]++;
        sn_rng_below(&b, 7);
        double z = sn_rng_normal(&a);
        sn_rng_normal(&b);
        sum += u, normal += z, squares += z * z;
    }
    ck_assert(fabs(sum / 70000 - 0.5) < 0.01 && fabs(normal / 70000) < 0.02 && fabs(squares / 70000 - 1) < 0.03);
    for (int i = 0; i < 7; i++)
        ck_assert_int_lt(abs(counts[i] - 10000), 500);
}
END_TEST

START_TEST(numbers_without_locale) {
    char text[48];
    const char *end;
    double value;
    ck_ok(sn_number_print(text, sizeof text, 0.1));
    ck_assert_str_eq(text, "0.10000000000000001");
    ck_ok(sn_number_parse("0.25,1", &end, &value));
    ck_assert(value == 0.25 && *end == ',');
    ck_ok(sn_number_parse("x", &end, &value));
    ck_assert(*end == 'x');
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8") == NULL)
        return;
    ck_ok(sn_number_print(text, sizeof text, 0.5));
    ck_assert_str_eq(text, "0.5");
    ck_ok(sn_number_parse("0.5", &end, &value));
    ck_assert(value == 0.5);
    snprintf(text, sizeof text, "%g", 0.5);
    ck_assert_str_eq(text, "0,5");
    setlocale(LC_NUMERIC, "C");
}
END_TEST

typedef struct cover {
    unsigned char seen[1000];
    int threads[SN_THREADS_MAX];
} cover;

static void mark(void *context, size_t begin, size_t end, int thread) {
    cover *marks = context;
    for (size_t i = begin; i < end; i++)
        marks->seen[i]++;
    marks->threads[thread]++;
}

START_TEST(parallel_covers_once) {
    for (int threads = 1; threads <= 5; threads++)
        for (size_t count = 0; count <= 1000; count += 37) {
            cover marks = {{0}, {0}};
            int former = sn_threads_enter(threads);
            sn_parallel(count, 8, mark, &marks);
            sn_threads_leave(former);
            for (size_t i = 0; i < 1000; i++)
                ck_assert_int_eq(marks.seen[i], i < count);
            for (int t = 0; t < SN_THREADS_MAX; t++)
                ck_assert_int_le(marks.threads[t], t < threads);
        }
}
END_TEST

/* A caller's settings that make teams smaller are put aside, and put back. */
START_TEST(dynamic_teams) {
    for (int dynamic = 0; dynamic <= 1; dynamic++) {
        omp_set_dynamic(dynamic);
        const int before = omp_get_max_threads(), former = sn_threads_enter(3), inner = sn_threads_enter(1);
        ck_assert_int_eq(inner, 3);
        ck_assert_int_eq(sn_threads_current(), 1);
        sn_threads_leave(inner);
        ck_assert_int_eq(sn_threads_current(), 3);
        ck_assert(!omp_get_dynamic());
        sn_threads_leave(former);
        ck_assert_int_eq(omp_get_dynamic(), dynamic);
        ck_assert_int_eq(omp_get_max_threads(), before);
    }
    omp_set_dynamic(0);
}
END_TEST

static void enter_inside(void *entered) {
    if (omp_get_thread_num() != 0)
        return;
    const int former = sn_threads_enter(3);
    *(int *)entered = sn_threads_current();
    sn_threads_leave(former);
}

START_TEST(inside_a_region) {
    int entered = 0;
    GOMP_parallel(enter_inside, &entered, 2, 0);
    ck_assert_int_eq(entered, 1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("core");
    TCase *cases = tcase_create("core");
    tcase_add_test(cases, error_is_one_line);
    tcase_add_test(cases, options_of_other_ages);
    tcase_add_test(cases, results_of_other_ages);
    tcase_add_test(cases, options_are_initialised_with_the_callers_size);
    tcase_add_test(cases, memory_is_aligned_and_checked);
    tcase_add_test(cases, generator_is_uniform_and_repeatable);
    tcase_add_test(cases, numbers_without_locale);
    tcase_add_test(cases, parallel_covers_once);
    tcase_add_test(cases, dynamic_teams);
    tcase_add_test(cases, inside_a_region);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
