#include "residual/channel_means.h"

#include "core/memory.h"
#include "core/threads.h"
#include "io/half.h"
#include "residual/navigator.h"
#include "residual/ranks.h"

#include <math.h>

enum { KNOWN = SN_RANKS + SN_RANKS_FAR, LANES = 16 }; /* patches that are known of each patch */

/* Means of absolute values and root mean squares over the channels: unlike squares, halves hold these wherever they hold the features. */
struct sn_channel_means {
    size_t patches, channels;
    float *inter;     /* (patches, 2) */
    uint16_t *others; /* (patches, KNOWN), the nearest first */
    uint16_t *intra;  /* (patches, KNOWN, 2) halves */
};

struct sn_channel_means_maker {
    size_t patches, channels;
    sn_ranking *ranking;
    uint16_t *ranks, *far; /* (patches, SN_RANKS), (patches, SN_RANKS_FAR) */
};

size_t sn_channel_means_bytes(size_t patches) {
    return sizeof(sn_channel_means) + patches * (2 * sizeof(float) + 3 * KNOWN * sizeof(uint16_t));
}

void sn_channel_means_destroy(sn_channel_means *m) {
    if (m == NULL)
        return;
    sn_free(m->inter);
    sn_free(m->others);
    sn_free(m->intra);
    sn_free(m);
}

static snarm_status fill_maker(sn_channel_means_maker *maker) {
    SN_TRY(sn_ranking_create(&maker->ranking, maker->patches, maker->channels));
    SN_TRY(sn_alloc(&maker->ranks, maker->patches, SN_RANKS * sizeof *maker->ranks, "ranks of patches"));
    return sn_alloc(&maker->far, maker->patches, SN_RANKS_FAR * sizeof *maker->far, "ranks of patches");
}

snarm_status sn_channel_means_maker_create(sn_channel_means_maker **out, size_t patches, size_t channels) {
    *out = NULL;
    sn_channel_means_maker *maker;
    SN_TRY(sn_alloc_zeroed(&maker, 1, sizeof *maker, "means of channels"));
    maker->patches = patches, maker->channels = channels;
    const snarm_status status = fill_maker(maker);
    if (status != SNARM_OK) {
        sn_channel_means_maker_destroy(maker);
        return status;
    }
    *out = maker;
    return SNARM_OK;
}

void sn_channel_means_maker_destroy(sn_channel_means_maker *maker) {
    if (maker == NULL)
        return;
    sn_ranking_destroy(maker->ranking);
    sn_free(maker->ranks);
    sn_free(maker->far);
    sn_free(maker);
}

/* Mean of |r| and root of the mean of r^2, r = a - b, or a without b; in lanes, which the compiler adds up side by side. */
static void sizes_of(const float *a, const float *b, size_t count, float sizes[2]) {
    float absolute[LANES] = {0}, squares[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (size_t l = 0; l < LANES; l++) {
            const float r = b != NULL ? a[i + l] - b[i + l] : a[i + l];
            absolute[l] += fabsf(r), squares[l] += r * r;
        }
    for (; i < count; i++) {
        const float r = b != NULL ? a[i] - b[i] : a[i];
        absolute[i % LANES] += fabsf(r), squares[i % LANES] += r * r;
    }
    for (size_t l = 1; l < LANES; l++)
        absolute[0] += absolute[l], squares[0] += squares[l];
    sizes[0] = absolute[0] / (float)count, sizes[1] = sqrtf(squares[0] / (float)count);
}

typedef struct make_work {
    const sn_channel_means_maker *maker;
    const float *features, *inter;
    sn_channel_means *means;
} make_work;

static void make_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const make_work *w = context;
    const size_t channels = w->means->channels;
    for (size_t i = begin; i < end; i++) {
        sizes_of(w->inter + i * channels, NULL, channels, w->means->inter + 2 * i);
        uint16_t *others = w->means->others + i * KNOWN, *intra = w->means->intra + i * KNOWN * 2;
        for (size_t k = 0; k < KNOWN; k++) {
            others[k] = k < SN_RANKS ? w->maker->ranks[i * SN_RANKS + k] : w->maker->far[i * SN_RANKS_FAR + k - SN_RANKS];
            float sizes[2] = {0};
            if (others[k] != SN_RANKS_NONE)
                sizes_of(w->features + others[k] * channels, w->features + i * channels, channels, sizes);
            intra[2 * k] = sn_f32_to_f16(sizes[0]), intra[2 * k + 1] = sn_f32_to_f16(sizes[1]);
        }
    }
}

/* Halves that are too large have become infinite. */
static snarm_status check(const sn_channel_means *m) {
    for (size_t i = 0; i < 2 * m->patches; i++)
        if (!isfinite(m->inter[i]))
            return sn_error(SNARM_ERROR_ARGUMENT, "training: residuals of patch %zu are not finite", i / 2);
    for (size_t i = 0; i < 2 * KNOWN * m->patches; i++)
        if (!isfinite(sn_f16_to_f32(m->intra[i])))
            return sn_error(SNARM_ERROR_ARGUMENT, "training: features of patch %zu differ from others by 65,520 or more on average, expected less",
                            i / (2 * KNOWN));
    return SNARM_OK;
}

static snarm_status make(sn_channel_means *m, const sn_channel_means_maker *maker, const float *features, const float *inter) {
    const char *what = "means of channels";
    m->patches = maker->patches, m->channels = maker->channels;
    SN_TRY(sn_alloc(&m->inter, m->patches, 2 * sizeof *m->inter, what));
    SN_TRY(sn_alloc(&m->others, m->patches, KNOWN * sizeof *m->others, what));
    SN_TRY(sn_alloc(&m->intra, m->patches, 2 * KNOWN * sizeof *m->intra, what));
    SN_TRY(sn_ranking_run(maker->ranking, features, maker->ranks, maker->far));
    make_work work = {maker, features, inter, m};
    sn_parallel(m->patches, 16, make_rows, &work);
    return check(m);
}

snarm_status sn_channel_means_make(sn_channel_means **out, sn_channel_means_maker *maker, const float *features, const float *inter) {
    *out = NULL;
    sn_channel_means *m;
    SN_TRY(sn_alloc_zeroed(&m, 1, sizeof *m, "means of channels"));
    const snarm_status status = make(m, maker, features, inter);
    if (status != SNARM_OK) {
        sn_channel_means_destroy(m);
        return status;
    }
    *out = m;
    return SNARM_OK;
}

/* What a scale makes of sizes: the mean of |scale r| and of its square, both times that factor. */
static void scaled(const float sizes[2], float scale, float factor, float *means) {
    const float root = scale * sizes[1];
    means[0] = factor * scale * sizes[0], means[1] = factor * root * root;
}

typedef struct intra_work {
    const sn_channel_means *means;
    const uint8_t *reference;
    float scale, factor, *hybrid;
} intra_work;

static void intra_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const intra_work *w = context;
    for (size_t i = begin; i < end; i++) {
        const uint16_t *others = w->means->others + i * KNOWN, *intra = w->means->intra + i * KNOWN * 2;
        size_t found = 0;
        for (size_t k = 0; k < KNOWN; k++) {
            if (others[k] == SN_RANKS_NONE)
                continue;
            found = k; /* the farthest, if none is in the set */
            if (w->reference[others[k]] != 0)
                break;
        }
        const float sizes[2] = {sn_f16_to_f32(intra[2 * found]), sn_f16_to_f32(intra[2 * found + 1])};
        scaled(sizes, w->scale, w->factor, w->hybrid + SN_QUARTERS * i + 2);
    }
}

void sn_channel_means_hybrid(const sn_channel_means *m, double scale, const float *weight, float bias, size_t references, float *scratch,
                             float *hybrid, uint8_t *reference) {
    const float factor = sqrtf((float)m->channels / 2), mean[2] = {0.5f / factor, 0.5f / factor};
    for (size_t i = 0; i < m->patches; i++)
        scaled(m->inter + 2 * i, (float)scale, factor, hybrid + SN_QUARTERS * i);
    sn_navigate(hybrid, SN_QUARTERS, m->patches, 2, weight, bias, mean, scratch, scratch + m->patches);
    sn_choose_reference(scratch + m->patches, m->patches, references, reference);
    intra_work work = {m, reference, (float)scale, factor, hybrid};
    sn_parallel(m->patches, 64, intra_rows, &work);
}
