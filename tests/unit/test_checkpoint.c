/* A training run's state as a file: round trips, other runs' files, cut and changed ones. */
#include "io/safetensors.h"
#include "reference.h"
#include "support.h"
#include "train/checkpoint.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { VALUES = 5, GROUPS = 3, RNGS = 2 };

/* A state with its arrays in it. */
typedef struct whole {
    float weights[VALUES], first[VALUES], second[VALUES], averages[VALUES], best[VALUES];
    int64_t group_steps[GROUPS];
    sn_rng random[RNGS];
    double best_metric;
    int64_t step, skipped, best_step;
} whole;

static sn_training_state view(whole *w) {
    return (sn_training_state){.values = VALUES,
                               .groups = GROUPS,
                               .rngs = RNGS,
                               .weights = w->weights,
                               .first = w->first,
                               .second = w->second,
                               .averages = w->averages,
                               .best = w->best,
                               .best_metric = w->best_metric,
                               .group_steps = w->group_steps,
                               .random = w->random,
                               .step = w->step,
                               .skipped = w->skipped,
                               .best_step = w->best_step};
}

static whole filled(void) {
    whole w;
    memset(&w, 0, sizeof w);
    for (int i = 0; i < VALUES; i++) {
        w.weights[i] = 0.1f * (float)i - 0.2f, w.first[i] = -1e-20f * (float)i,
        w.second[i] = 1e-30f * (float)i;
        w.averages[i] = 3.25f, w.best[i] = (float)-i;
    }
    for (int i = 0; i < GROUPS; i++)
        w.group_steps[i] = 1000000000000 + i;
    for (int i = 0; i < RNGS; i++)
        sn_rng_seed(&w.random[i], 7, (uint64_t)i);
    w.best_metric = -INFINITY, w.step = 12345, w.skipped = 2, w.best_step = 77;
    return w;
}

static const char identity[] = "recipe 3; seed 17; C 512, D 128; caf\xc3\xa9 \"x\"; images 9f86d081";

static snarm_status save(const char *path, whole *w) {
    const sn_training_state state = view(w);
    return sn_checkpoint_write(path, identity, &state);
}

/* Reads into w, or leaves it. */
static snarm_status load(const char *path, whole *w) {
    sn_training_state state = view(w);
    snarm_status status = sn_checkpoint_read(path, identity, &state);
    w->best_metric = state.best_metric, w->step = state.step, w->skipped = state.skipped, w->best_step = state.best_step;
    return status;
}

static size_t slurp(const char *path, unsigned char *bytes, size_t size) {
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    const size_t count = fread(bytes, 1, size, file);
    fclose(file);
    ck_assert_uint_lt(count, size);
    return count;
}

static void put(const char *path, const unsigned char *bytes, size_t count) {
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, count, file), count);
    fclose(file);
}

START_TEST(round_trip) {
    const char *path = scratch_file("run");
    whole w = filled(), read;
    memset(&read, 0, sizeof read);
    ck_ok(save(path, &w));
    ck_ok(load(path, &read));
    ck_assert_int_eq(memcmp(&w, &read, sizeof w), 0);
    ck_assert_uint_eq(sn_rng_next(&w.random[1]), sn_rng_next(&read.random[1]));
    /* Over an older file. */
    w.step++, w.weights[2] = -0.0f, w.best_metric = 0.1;
    ck_ok(save(path, &w));
    ck_ok(load(path, &read));
    ck_assert_int_eq(memcmp(&w, &read, sizeof w), 0);
    ck_fails(save(scratch_file("no/folder"), &w), SNARM_ERROR_IO, "no/folder");
    ck_fails(load(scratch_file("absent"), &read), SNARM_ERROR_IO, "absent");
}
END_TEST

START_TEST(other_runs) {
    const char *path = scratch_file("run");
    whole w = filled(), read = w;
    ck_ok(save(path, &w));
    sn_training_state state = view(&read);
    ck_fails(sn_checkpoint_read(path, "recipe 3; seed 18; C 512, D 128", &state), SNARM_ERROR_MISMATCH,
             "run: identity is 'recipe 3; seed 17; C 512, D 128; caf");
    ck_fails(sn_checkpoint_read(path, "recipe 3; seed 17; C 512, D 128", &state), SNARM_ERROR_MISMATCH,
             "another run");
    ck_fails(sn_checkpoint_read(path, "", &state), SNARM_ERROR_MISMATCH, "expected ''");
    state.values = 4;
    ck_fails(sn_checkpoint_read(path, identity, &state), SNARM_ERROR_MISMATCH,
             "weights: size 5 in dimension 0, expected 4");
    state = view(&read), state.groups = 4;
    ck_fails(sn_checkpoint_read(path, identity, &state), SNARM_ERROR_MISMATCH, "group_steps: size 3");
    state = view(&read), state.rngs = 1;
    ck_fails(sn_checkpoint_read(path, identity, &state), SNARM_ERROR_MISMATCH, "random: size 2");
    ck_assert_int_eq(memcmp(&w, &read, sizeof w), 0);
}
END_TEST

START_TEST(broken_states_are_not_written) {
    const char *path = scratch_file("kept");
    whole good = filled(), read = good;
    ck_ok(save(path, &good));
    whole w = good;
    w.averages[3] = NAN;
    ck_fails(save(path, &w), SNARM_ERROR_ARGUMENT, "averages[3] is");
    w = good, w.second[1] = -1;
    ck_fails(save(path, &w), SNARM_ERROR_ARGUMENT, "second[1] is -1");
    w = good, w.group_steps[2] = -4;
    ck_fails(save(path, &w), SNARM_ERROR_ARGUMENT, "group_steps[2] is -4");
    w = good, w.best_metric = NAN;
    ck_fails(save(path, &w), SNARM_ERROR_ARGUMENT, "best_metric is not a number");
    w = good, memset(&w.random[1], 0, sizeof w.random[1]);
    ck_fails(save(path, &w), SNARM_ERROR_ARGUMENT, "random[1] is 0");
    w = good, w.step = -1;
    ck_fails(save(path, &w), SNARM_ERROR_ARGUMENT, "counters[0] is -1");
    ck_ok(load(path, &read));
    ck_assert_int_eq(memcmp(&good, &read, sizeof good), 0);
    sn_training_state state = view(&good);
    ck_fails(sn_checkpoint_write(path, "\xff", &state), SNARM_ERROR_ARGUMENT, "identity");
}
END_TEST

START_TEST(cut_and_changed_files) {
    const char *path = scratch_file("run"), *bad = scratch_file("bad");
    static unsigned char bytes[4096], again[4096];
    whole w = filled(), kept = filled();
    ck_ok(save(path, &w));
    const size_t size = slurp(path, bytes, sizeof bytes);
    memset(&kept, 0x5a, sizeof kept);
    for (size_t length = 0; length < size; length++) {
        put(bad, bytes, length);
        whole read = kept;
        ck_assert_int_ne(load(bad, &read), SNARM_OK);
        ck_assert_ptr_nonnull(strstr(snarm_last_error(), "bad"));
        ck_assert_int_eq(memcmp(&read, &kept, sizeof read), 0);
    }
    /* Any byte changed: refused, or (spaces of the header) of no importance; never another state. */
    size_t refused = 0;
    for (size_t at = 0; at < size; at++) {
        memcpy(again, bytes, size);
        again[at] ^= (unsigned char)(1 << at % 8);
        put(bad, again, size);
        whole read = kept;
        const bool read_it = load(bad, &read) == SNARM_OK;
        ck_assert_int_eq(memcmp(&read, read_it ? &w : &kept, sizeof read), 0);
        refused += !read_it;
    }
    /* Two signs at once: the first tensor's odd values. */
    enum { DATA = 5 * VALUES * 4 + 8 + GROUPS * 8 + RNGS * 32 + 16 };
    memcpy(again, bytes, size);
    again[size - DATA + 7] ^= 0x80, again[size - DATA + 15] ^= 0x80;
    put(bad, again, size);
    whole read = kept;
    ck_fails(load(bad, &read), SNARM_ERROR_FORMAT, "damaged");
    ck_assert_uint_gt(refused, size - 64);
}
END_TEST

START_TEST(other_files) {
    const char *path = scratch_file("other");
    const float values[1] = {1};
    static const char *const metadata[][3] = {
        /* kind, version, words of the error */
        {NULL, "2", "kind is absent"},
        {"snarm-model", "2", "kind is snarm-model"},
        {"snarm-training", "1", "version is 1"},
        {"snarm-training", "x", "version is 'x'"},
        {"snarm-training", "2", "weights is missing"},
    };
    for (size_t i = 0; i < sizeof metadata / sizeof *metadata; i++) {
        sn_writer *writer;
        ck_ok(sn_writer_create(&writer, path));
        if (metadata[i][0] != NULL)
            ck_ok(sn_writer_metadata(writer, "kind", metadata[i][0]));
        ck_ok(sn_writer_metadata(writer, "version", metadata[i][1]));
        ck_ok(sn_writer_metadata(writer, "identity", identity));
        ck_ok(sn_writer_tensor(writer, "something", SN_F32, 1, (int64_t[]){1}, values));
        ck_ok(sn_writer_finish(writer));
        sn_writer_destroy(writer);
        whole w = filled();
        const snarm_status status = load(path, &w);
        ck_assert_int_eq(status, i == 2 ? SNARM_ERROR_UNSUPPORTED : SNARM_ERROR_FORMAT);
        ck_assert_msg(strstr(snarm_last_error(), metadata[i][2]) != NULL, "'%s' lacks '%s'",
                      snarm_last_error(), metadata[i][2]);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("checkpoint");
    TCase *cases = tcase_create("checkpoint");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, round_trip);
    tcase_add_test(cases, other_runs);
    tcase_add_test(cases, broken_states_are_not_written);
    tcase_add_test(cases, cut_and_changed_files);
    tcase_add_test(cases, other_files);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
