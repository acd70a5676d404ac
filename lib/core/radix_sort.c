#include "core/radix_sort.h"

#include "core/threads.h"

#include <string.h>

/* Least significant digit first, 8 bits a pass: the four passes end where they began, and the 256 places
 * that a pass writes to stay in the first-level cache. Each thread has its own part of the input and its
 * own 256 places, so the passes need no locks and the order does not depend on the number of threads. */
enum { DIGIT_BITS = 8, DIGITS = 1 << DIGIT_BITS, PASSES = 4, PART_MINIMUM = 1 << 15 };

typedef struct sort_pass {
    const void *source;
    void *target;
    size_t count;
    size_t parts;
    int shift; /* of the digit in an item */
    size_t places[SN_THREADS_MAX][DIGITS];
} sort_pass;

static size_t part_begin(const sort_pass *pass, size_t part) {
    return pass->count / pass->parts * part +
           (part < pass->count % pass->parts ? part : pass->count % pass->parts);
}

/* The two tasks of a pass for one type of item: count the digits, then move the items. */
#define DEFINE_TASKS(type, count_digits, move_items)                                                         \
    static void count_digits(void *context, size_t begin, size_t end, int thread) {                          \
        sort_pass *pass = context;                                                                           \
        const type *source = pass->source;                                                                   \
        int shift = pass->shift;                                                                             \
        (void)thread;                                                                                        \
        for (size_t part = begin; part < end; part++) {                                                      \
            size_t *places = pass->places[part];                                                             \
            memset(places, 0, sizeof pass->places[part]);                                                    \
            for (size_t i = part_begin(pass, part), last = part_begin(pass, part + 1); i < last; i++)        \
                places[(source[i] >> shift) & (DIGITS - 1)]++;                                               \
        }                                                                                                    \
    }                                                                                                        \
    static void move_items(void *context, size_t begin, size_t end, int thread) {                            \
        sort_pass *pass = context;                                                                           \
        const type *source = pass->source;                                                                   \
        int shift = pass->shift;                                                                             \
        type *target = pass->target;                                                                         \
        (void)thread;                                                                                        \
        for (size_t part = begin; part < end; part++) {                                                      \
            size_t *places = pass->places[part];                                                             \
            for (size_t i = part_begin(pass, part), last = part_begin(pass, part + 1); i < last; i++)        \
                target[places[(source[i] >> shift) & (DIGITS - 1)]++] = source[i];                           \
        }                                                                                                    \
    }

DEFINE_TASKS(uint32_t, count_key_digits, move_keys)
DEFINE_TASKS(uint64_t, count_item_digits, move_items)

/* From how often each digit occurs in each part to where its first occurrence goes. */
static void find_places(sort_pass *pass) {
    size_t place = 0;
    for (size_t digit = 0; digit < DIGITS; digit++)
        for (size_t part = 0; part < pass->parts; part++) {
            size_t occurrences = pass->places[part][digit];
            pass->places[part][digit] = place;
            place += occurrences;
        }
}

static void sort(void *items, void *scratch, size_t count, int threads, int first_shift, sn_task count_digits,
                 sn_task move_digits) {
    sort_pass pass;
    pass.count = count;
    pass.parts = count / PART_MINIMUM;
    if (pass.parts > (size_t)threads)
        pass.parts = (size_t)threads;
    if (pass.parts < 1)
        pass.parts = 1;
    for (int i = 0; i < PASSES; i++) {
        pass.source = i % 2 == 0 ? items : scratch;
        pass.target = i % 2 == 0 ? scratch : items;
        pass.shift = first_shift + i * DIGIT_BITS;
        sn_parallel(pass.parts, 1, count_digits, &pass);
        find_places(&pass);
        sn_parallel(pass.parts, 1, move_digits, &pass);
    }
}

void sn_radix_sort_keys(uint32_t *keys, uint32_t *scratch, size_t count, int threads) {
    sort(keys, scratch, count, threads, 0, count_key_digits, move_keys);
}

void sn_radix_sort_items(uint64_t *items, uint64_t *scratch, size_t count, int threads) {
    sort(items, scratch, count, threads, 32, count_item_digits, move_items);
}
