#include "train/checkpoint.h"

#include "io/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* 2: a step trains all branches. */
enum { VERSION = 2, CHECKSUM_TEXT = 17, TENSORS = 9, RNG_WORDS = 4 };
static const char kind[] = "snarm-training";

_Static_assert(sizeof(sn_rng) == RNG_WORDS * sizeof(uint64_t), "a generator's state is written as it is");

/* A state's parts as they lie in the file. */
typedef struct part {
    const char *name;
    sn_dtype dtype;
    int dims;
    int64_t shape[2];
    const void *data;
} part;

typedef struct counters {
    int64_t step, skipped, best_step;
} counters;

static void list_parts(const sn_training_state *s, const counters *c, part parts[TENSORS]) {
    const int64_t values = (int64_t)s->values;
    const part list[TENSORS] = {
        {"weights", SN_F32, 1, {values, 0}, s->weights},
        {"first", SN_F32, 1, {values, 0}, s->first},
        {"second", SN_F32, 1, {values, 0}, s->second},
        {"averages", SN_F32, 1, {values, 0}, s->averages},
        {"best", SN_F32, 1, {values, 0}, s->best},
        {"best_metric", SN_F64, 1, {1, 0}, &s->best_metric},
        {"group_steps", SN_I64, 1, {(int64_t)s->groups, 0}, s->group_steps},
        {"random", SN_U64, 2, {(int64_t)s->rngs, RNG_WORDS}, s->random},
        {"counters", SN_I64, 1, {3, 0}, c},
    };
    memcpy(parts, list, sizeof list);
}

static size_t bytes_of(const part *p) {
    return (size_t)p->shape[0] * (p->dims > 1 ? (size_t)p->shape[1] : 1) * sn_dtype_bytes(p->dtype);
}

/* Every word is mixed in one-to-one, so that a single wrong one is always seen; the shift brings high bits
 * down, or the signs of two floats could change unseen. */
static uint64_t add_bytes(uint64_t sum, const void *data, size_t count) {
    const unsigned char *bytes = data;
    for (size_t i = 0; i < count; i += sizeof sum) {
        uint64_t word = 0;
        memcpy(&word, bytes + i, count - i < sizeof word ? count - i : sizeof word);
        sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
        sum ^= sum >> 32;
    }
    return sum;
}

static void checksum(const char *identity, const part parts[TENSORS], char text[CHECKSUM_TEXT]) {
    uint64_t sum = add_bytes(0xcbf29ce484222325u, identity, strlen(identity));
    for (int i = 0; i < TENSORS; i++)
        sum = add_bytes(sum, parts[i].data, bytes_of(&parts[i]));
    snprintf(text, CHECKSUM_TEXT, "%016llx", (unsigned long long)sum);
}

/* What no run can come to. data may have any alignment. */
static snarm_status check_floats(const char *path, snarm_status status, const part *p, bool positive) {
    for (size_t i = 0; i < (size_t)p->shape[0]; i++) {
        float value;
        memcpy(&value, (const char *)p->data + i * sizeof value, sizeof value);
        if (!isfinite(value) || (positive && value < 0))
            return sn_error(status, "%s: %s[%zu] is %g, expected a finite %snumber", path, p->name, i,
                            (double)value, positive ? "positive " : "");
    }
    return SNARM_OK;
}

static snarm_status check_counts(const char *path, snarm_status status, const part *p) {
    for (size_t i = 0; i < (size_t)p->shape[0]; i++) {
        int64_t value;
        memcpy(&value, (const char *)p->data + i * sizeof value, sizeof value);
        if (value < 0)
            return sn_error(status, "%s: %s[%zu] is %lld, expected 0 or more", path, p->name, i,
                            (long long)value);
    }
    return SNARM_OK;
}

static snarm_status check_parts(const char *path, snarm_status status, const part parts[TENSORS]) {
    for (int i = 0; i < TENSORS; i++) {
        const part *p = &parts[i];
        double metric;
        if (p->dtype == SN_F32)
            SN_TRY(check_floats(path, status, p, strcmp(p->name, "second") == 0));
        else if (p->dtype == SN_I64)
            SN_TRY(check_counts(path, status, p));
        else if (p->dtype == SN_F64) {
            memcpy(&metric, p->data, sizeof metric);
            if (isnan(metric))
                return sn_error(status, "%s: %s is not a number", path, p->name);
        } else
            for (size_t r = 0; r < (size_t)p->shape[0]; r++) {
                static const sn_rng zero;
                if (memcmp((const char *)p->data + r * sizeof zero, &zero, sizeof zero) == 0)
                    return sn_error(status, "%s: %s[%zu] is 0, which no generator comes to", path, p->name,
                                    r);
            }
    }
    return SNARM_OK;
}

snarm_status sn_checkpoint_write(const char *path, const char *identity, const sn_training_state *state) {
    const counters numbers = {state->step, state->skipped, state->best_step};
    part parts[TENSORS];
    char sum[CHECKSUM_TEXT];
    list_parts(state, &numbers, parts);
    SN_TRY(check_parts(path, SNARM_ERROR_ARGUMENT, parts));
    checksum(identity, parts, sum);
    sn_writer *writer;
    SN_TRY(sn_writer_create(&writer, path));
    snarm_status status = sn_writer_metadata(writer, "kind", kind);
    if (status == SNARM_OK)
        status = sn_writer_metadata_int(writer, "version", VERSION);
    if (status == SNARM_OK)
        status = sn_writer_metadata(writer, "identity", identity);
    if (status == SNARM_OK)
        status = sn_writer_metadata(writer, "checksum", sum);
    for (int i = 0; i < TENSORS && status == SNARM_OK; i++)
        status = sn_writer_tensor(writer, parts[i].name, parts[i].dtype, parts[i].dims, parts[i].shape,
                                  parts[i].data);
    if (status == SNARM_OK)
        status = sn_writer_finish(writer);
    sn_writer_destroy(writer);
    return status;
}

static snarm_status check_identity(const sn_safetensors *file, const char *identity) {
    const char *path = sn_safetensors_path(file), *found = sn_safetensors_metadata(file, "kind");
    if (found == NULL || strcmp(found, kind) != 0)
        return sn_error(SNARM_ERROR_FORMAT,
                        "%s: metadata kind is %.40s, expected %s: not the state of a training run", path,
                        found == NULL ? "absent" : found, kind);
    int64_t version;
    SN_TRY(sn_safetensors_metadata_int(file, "version", 0, INT64_MAX, &version));
    if (version != VERSION)
        return sn_error(SNARM_ERROR_UNSUPPORTED, "%s: version is %lld, expected %d", path, (long long)version,
                        VERSION);
    found = sn_safetensors_metadata(file, "identity");
    if (found == NULL)
        return sn_error(SNARM_ERROR_FORMAT, "%s: metadata identity is missing", path);
    size_t same = 0;
    while (found[same] != '\0' && found[same] == identity[same])
        same++;
    if (found[same] != identity[same]) {
        /* A few characters before the difference show which field it is in. */
        const size_t from = same < 24 ? 0 : same - 24;
        return sn_error(SNARM_ERROR_MISMATCH,
                        "%s: identity is '%.80s' from character %zu, expected '%.80s': of another run", path,
                        found + from, from, identity + from);
    }
    return SNARM_OK;
}

/* Fills the parts' data with where they lie in the file. */
static snarm_status find_parts(const sn_safetensors *file, part parts[TENSORS]) {
    const char *path = sn_safetensors_path(file);
    for (int i = 0; i < TENSORS; i++) {
        part *p = &parts[i];
        const sn_tensor *tensor;
        SN_TRY(sn_safetensors_require(file, p->name, p->dims, (const int64_t[]){-1, -1}, &tensor));
        if (tensor->dtype != p->dtype)
            return sn_error(SNARM_ERROR_FORMAT, "%s: tensor %s: type %s, expected %s", path, p->name,
                            sn_dtype_name(tensor->dtype), sn_dtype_name(p->dtype));
        for (int d = 0; d < p->dims; d++)
            if (tensor->shape[d] != p->shape[d])
                return sn_error(SNARM_ERROR_MISMATCH,
                                "%s: tensor %s: size %lld in dimension %d, expected %lld", path, p->name,
                                (long long)tensor->shape[d], d, (long long)p->shape[d]);
        p->data = tensor->data;
    }
    if (sn_safetensors_count(file) != TENSORS)
        return sn_error(SNARM_ERROR_FORMAT, "%s: has %zu tensors, expected %d", path,
                        sn_safetensors_count(file), TENSORS);
    return SNARM_OK;
}

static snarm_status check_file(const sn_safetensors *file, const char *identity, part parts[TENSORS]) {
    const char *path = sn_safetensors_path(file), *told;
    char sum[CHECKSUM_TEXT];
    SN_TRY(check_identity(file, identity));
    SN_TRY(find_parts(file, parts));
    checksum(identity, parts, sum);
    told = sn_safetensors_metadata(file, "checksum");
    if (told == NULL || strcmp(told, sum) != 0)
        return sn_error(SNARM_ERROR_FORMAT,
                        "%s: metadata checksum is %.40s, expected %s: the file is damaged", path,
                        told == NULL ? "absent" : told, sum);
    return check_parts(path, SNARM_ERROR_FORMAT, parts);
}

snarm_status sn_checkpoint_read(const char *path, const char *identity, sn_training_state *state) {
    counters numbers = {0, 0, 0};
    part parts[TENSORS], found[TENSORS];
    list_parts(state, &numbers, parts);
    memcpy(found, parts, sizeof found);
    sn_safetensors *file;
    SN_TRY(sn_safetensors_open(&file, path));
    snarm_status status = check_file(file, identity, found);
    if (status == SNARM_OK) {
        /* In the order of the list. */
        void *const to[TENSORS] = {state->weights,     state->first,  state->second,
                                   state->averages,    state->best,   &state->best_metric,
                                   state->group_steps, state->random, &numbers};
        for (int i = 0; i < TENSORS; i++)
            memcpy(to[i], found[i].data, bytes_of(&found[i]));
        state->step = numbers.step, state->skipped = numbers.skipped, state->best_step = numbers.best_step;
    }
    sn_safetensors_close(file);
    return status;
}
