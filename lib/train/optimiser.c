#include "train/optimiser.h"

#include "core/memory.h"
#include "core/threads.h"
#include "kernel/simd.h"

#include <math.h>
#include <string.h>

/* Ranges are cut into chunks: the units of the threads' work and of the sums of the norm. */
enum { CHUNK = 8192 };

typedef struct sn_chunk {
    size_t begin, count, group;
    sn_range_kind kind;
} chunk;

/* A group's factors in a step. */
typedef struct sn_group_rates {
    float keep;         /* 1 - rate * decay */
    float step;         /* rate / (1 - beta1^t) */
    float inverse_root; /* 1 / sqrt(1 - beta2^t) */
    float average;      /* the new values' part in the averages */
} group_rates;

static snarm_status check_options(const sn_optimiser_options *o) {
    const struct {
        const char *name;
        double value;
        bool fits;
        const char *expected;
    } fields[] = {{"beta1", o->beta1, o->beta1 >= 0 && o->beta1 < 1, "0 up, below 1"},
                  {"beta2", o->beta2, o->beta2 >= 0 && o->beta2 < 1, "0 up, below 1"},
                  {"epsilon", o->epsilon, o->epsilon >= 1e-30 && o->epsilon <= 1, "1e-30..1"},
                  {"decay", o->decay, o->decay >= 0 && o->decay <= 1e6, "0..1e6"},
                  {"clip", o->clip, o->clip >= 0 && o->clip <= 1e30, "0..1e30"},
                  {"average", o->average, o->average >= 0 && o->average < 1, "0 up, below 1"}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (!fields[i].fits)
            return sn_error(SNARM_ERROR_ARGUMENT, "optimiser: %s is %g, expected %s", fields[i].name,
                            fields[i].value, fields[i].expected);
    return SNARM_OK;
}

static snarm_status check_ranges(const sn_range *ranges, size_t range_count, size_t groups, size_t count) {
    size_t end = 0;
    for (size_t i = 0; i < range_count; i++) {
        if (ranges[i].begin != end || ranges[i].count > count - end)
            return sn_error(SNARM_ERROR_ARGUMENT,
                            "optimiser: range %zu is %zu values from %zu, expected some from %zu of %zu", i,
                            ranges[i].count, ranges[i].begin, end, count);
        if (ranges[i].group >= groups)
            return sn_error(SNARM_ERROR_ARGUMENT, "optimiser: range %zu has group %zu, expected 0..%zu", i,
                            ranges[i].group, groups - 1);
        end += ranges[i].count;
    }
    if (end != count)
        return sn_error(SNARM_ERROR_ARGUMENT, "optimiser: the ranges end at %zu, expected %zu", end, count);
    return SNARM_OK;
}

static snarm_status allocate(sn_optimiser *o, const sn_range *ranges, size_t range_count) {
    for (size_t i = 0; i < range_count; i++)
        o->chunk_count += (ranges[i].count + CHUNK - 1) / CHUNK;
    SN_TRY(sn_alloc_zeroed(&o->first, o->values, sizeof *o->first, "optimiser"));
    SN_TRY(sn_alloc_zeroed(&o->second, o->values, sizeof *o->second, "optimiser"));
    SN_TRY(sn_alloc(&o->averages, o->values, sizeof *o->averages, "optimiser"));
    SN_TRY(sn_alloc_zeroed(&o->steps, o->groups, sizeof *o->steps, "optimiser"));
    SN_TRY(sn_alloc(&o->chunks, o->chunk_count, sizeof *o->chunks, "optimiser"));
    SN_TRY(sn_alloc(&o->active, o->chunk_count, sizeof *o->active, "optimiser"));
    SN_TRY(sn_alloc(&o->squares, o->chunk_count, sizeof *o->squares, "optimiser"));
    return sn_alloc(&o->rates, o->groups, sizeof *o->rates, "optimiser");
}

snarm_status sn_optimiser_create(sn_optimiser **out, const float *values, size_t count,
                                 const sn_range *ranges, size_t range_count, size_t groups,
                                 const sn_optimiser_options *options) {
    *out = NULL;
    SN_TRY(check_options(options));
    SN_TRY(check_ranges(ranges, range_count, groups, count));
    sn_optimiser *optimiser;
    SN_TRY(sn_alloc_zeroed(&optimiser, 1, sizeof *optimiser, "optimiser"));
    optimiser->options = *options;
    optimiser->values = count, optimiser->groups = groups;
    snarm_status status = allocate(optimiser, ranges, range_count);
    if (status != SNARM_OK) {
        sn_optimiser_destroy(optimiser);
        return status;
    }
    memcpy(optimiser->averages, values, count * sizeof *values);
    chunk *next = optimiser->chunks;
    for (size_t i = 0; i < range_count; i++)
        for (size_t at = 0; at < ranges[i].count; at += CHUNK) {
            const size_t here = ranges[i].count - at < CHUNK ? ranges[i].count - at : CHUNK;
            *next++ = (chunk){ranges[i].begin + at, here, ranges[i].group, ranges[i].kind};
        }
    *out = optimiser;
    return SNARM_OK;
}

void sn_optimiser_destroy(sn_optimiser *optimiser) {
    if (optimiser == NULL)
        return;
    sn_free(optimiser->first);
    sn_free(optimiser->second);
    sn_free(optimiser->averages);
    sn_free(optimiser->steps);
    sn_free(optimiser->chunks);
    sn_free(optimiser->active);
    sn_free(optimiser->squares);
    sn_free(optimiser->rates);
    sn_free(optimiser);
}

typedef struct step {
    const sn_optimiser *optimiser;
    float *values;
    const float *gradients;
    float scale;
} step;

static void add_squares(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const step *work = context;
    const sn_simd *simd = sn_simd_table();
    for (size_t i = begin; i < end; i++) {
        const chunk *c = &work->optimiser->chunks[work->optimiser->active[i]];
        const float *gradients = work->gradients + c->begin;
        work->optimiser->squares[i] =
            c->kind == SN_RANGE_STATISTIC ? 0 : (double)simd->dot(gradients, gradients, c->count);
    }
}

static void step_chunk(const step *work, const chunk *c) {
    const sn_optimiser *o = work->optimiser;
    const group_rates rates = o->rates[c->group];
    const float keep = c->kind == SN_RANGE_DECAYED ? rates.keep : 1;
    const float b1 = (float)(1 - o->options.beta1), b2 = (float)o->options.beta2;
    const float b2_rest = (float)(1 - o->options.beta2), epsilon = (float)o->options.epsilon;
    const float *restrict gradients = work->gradients + c->begin;
    float *restrict values = work->values + c->begin;
    float *restrict first = o->first + c->begin, *restrict second = o->second + c->begin;
    for (size_t i = 0; i < c->count; i++) {
        const float g = gradients[i] * work->scale;
        const float m = first[i] + b1 * (g - first[i]), v = second[i] * b2 + b2_rest * g * g;
        first[i] = m, second[i] = v;
        values[i] = values[i] * keep - rates.step * (m / (sqrtf(v) * rates.inverse_root + epsilon));
    }
}

static void step_chunks(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const step *work = context;
    const sn_optimiser *o = work->optimiser;
    for (size_t i = begin; i < end; i++) {
        const chunk *c = &o->chunks[o->active[i]];
        if (c->kind != SN_RANGE_STATISTIC)
            step_chunk(work, c);
        const float part = o->rates[c->group].average, *restrict values = work->values + c->begin;
        float *restrict averages = o->averages + c->begin;
        /* The first step's part is 1, and must give the very values. */
        for (size_t j = 0; j < c->count; j++)
            averages[j] = part * values[j] + (1 - part) * averages[j];
    }
}

void sn_optimiser_step(sn_optimiser *optimiser, float *values, const float *gradients, const bool *active,
                       double rate, sn_step_report *report) {
    const sn_optimiser_options *options = &optimiser->options;
    step work = {optimiser, values, gradients, 1};
    size_t count = 0;
    for (size_t i = 0; i < optimiser->chunk_count; i++)
        if (active[optimiser->chunks[i].group])
            optimiser->active[count++] = i;
    sn_parallel(count, 1, add_squares, &work);
    double squares = 0;
    for (size_t i = 0; i < count; i++)
        squares += optimiser->squares[i];
    *report = (sn_step_report){sqrt(squares), 1, isfinite(squares)};
    if (!report->applied) {
        optimiser->skipped++;
        return;
    }
    if (options->clip > 0)
        report->scale = fmin(options->clip / (report->norm + 1e-6), 1);
    work.scale = (float)report->scale;
    for (size_t g = 0; g < optimiser->groups; g++) {
        if (!active[g])
            continue;
        const double t = (double)++optimiser->steps[g];
        optimiser->rates[g] =
            (group_rates){.keep = (float)(1 - rate * options->decay),
                          .step = (float)(rate / (1 - pow(options->beta1, t))),
                          .inverse_root = (float)(1 / sqrt(1 - pow(options->beta2, t))),
                          .average = (float)((1 - options->average) / (1 - pow(options->average, t)))};
    }
    sn_parallel(count, 1, step_chunks, &work);
}
