#include "backbone/features.h"

#include "core/memory.h"
#include "core/threads.h"

#include <string.h>

enum { GROUP_CHANNELS = 1024 };

/* One output channel: the weighted sum of count neighbouring channels of a group. */
typedef struct band {
    size_t first, count, weights;
} band;

/* What one group gives: output channels first_out.. of the features. */
typedef struct part {
    sn_group group;
    size_t first_out, out_count;
    bool whole;      /* no pooling: output channels are the group's own */
    size_t shared;   /* leading outputs that the former group gives a share of too */
    band *bands;
    float *weights;
} part;

struct sn_features {
    part parts[SNARM_LAYERS_MAX];
    size_t part_count;
    size_t channels, neighbourhood, columns, rows;
    size_t pooled_floats; /* of the largest part */
};

/* Adaptive mean pooling: output i of out is the mean of inputs begin..end-1 of in. */
static void window(size_t in, size_t out, size_t i, size_t *begin, size_t *end) {
    *begin = i * in / out;
    *end = ((i + 1) * in + out - 1) / out;
}

/* Adds to weights (of the group's channels; zeroed) what output o takes from the group that holds pooled channels
 * offset..offset + GROUP_CHANNELS - 1 of total; false if nothing. */
static bool compose(const sn_group *group, size_t offset, size_t total, size_t channels, size_t o, float *weights) {
    size_t begin, end;
    window(total, channels, o, &begin, &end);
    const double share = 1.0 / (double)(end - begin);
    bool any = false;
    for (size_t pooled = begin; pooled < end; pooled++) {
        if (pooled < offset || pooled >= offset + GROUP_CHANNELS)
            continue;
        size_t first, last;
        window(group->channels, GROUP_CHANNELS, pooled - offset, &first, &last);
        for (size_t c = first; c < last; c++)
            weights[c] += (float)(share / (double)(last - first));
        any = true;
    }
    return any;
}

static void keep_band(part *p, size_t *used, const float *weights) {
    band *b = &p->bands[p->out_count++];
    size_t first = 0, end = p->group.channels;
    while (weights[first] == 0.0f)
        first++;
    while (weights[end - 1] == 0.0f)
        end--;
    *b = (band){first, end - first, *used};
    memcpy(p->weights + *used, weights + first, b->count * sizeof *weights);
    *used += b->count;
}

static snarm_status make_bands(sn_features *f, size_t index, float *weights) {
    part *p = &f->parts[index];
    const size_t total = f->part_count * GROUP_CHANNELS, offset = index * GROUP_CHANNELS;
    /* Bands cover the channels once, but for the rounding outwards of both windows at either end of each output. */
    const size_t bound = p->group.channels + f->channels * (2 * (p->group.channels / GROUP_CHANNELS + 1) + 2);
    SN_TRY(sn_alloc_zeroed(&p->bands, f->channels, sizeof *p->bands, "pooling"));
    SN_TRY(sn_alloc(&p->weights, bound, sizeof *p->weights, "pooling weights"));
    size_t used = 0;
    for (size_t o = 0; o < f->channels; o++) {
        memset(weights, 0, p->group.channels * sizeof *weights);
        if (!compose(&p->group, offset, total, f->channels, o, weights))
            continue;
        if (p->out_count == 0)
            p->first_out = o;
        keep_band(p, &used, weights);
    }
    return SNARM_OK;
}

static snarm_status make_parts(sn_features *f, bool pooling) {
    for (size_t g = 0, offset = 0; g < f->part_count; g++) {
        part *p = &f->parts[g];
        if (pooling) {
            float *weights;
            SN_TRY(sn_alloc(&weights, p->group.channels, sizeof *weights, "pooling weights"));
            snarm_status status = make_bands(f, g, weights);
            sn_free(weights);
            if (status != SNARM_OK)
                return status;
        } else {
            p->whole = true;
            p->first_out = offset, p->out_count = p->group.channels;
            offset += p->group.channels;
        }
        if (g > 0 && p->first_out < p[-1].first_out + p[-1].out_count)
            p->shared = p[-1].first_out + p[-1].out_count - p->first_out;
        size_t floats = sn_align_up(p->group.width * p->group.height * p->out_count * sizeof(float)) / sizeof(float);
        if (floats > f->pooled_floats)
            f->pooled_floats = floats;
    }
    return SNARM_OK;
}

snarm_status sn_features_create(sn_features **out, const sn_group *groups, size_t group_count, size_t channels,
                                size_t neighbourhood, size_t columns, size_t rows) {
    *out = NULL;
    sn_features *f;
    SN_TRY(sn_alloc_zeroed(&f, 1, sizeof *f, "features"));
    f->part_count = group_count;
    f->channels = channels;
    for (size_t g = 0; g < group_count; g++) {
        f->parts[g].group = groups[g];
        f->channels += channels == 0 ? groups[g].channels : 0;
    }
    f->neighbourhood = neighbourhood, f->columns = columns, f->rows = rows;
    snarm_status status = make_parts(f, channels != 0);
    if (status != SNARM_OK) {
        sn_features_destroy(f);
        return status;
    }
    *out = f;
    return SNARM_OK;
}

void sn_features_destroy(sn_features *features) {
    if (features == NULL)
        return;
    for (size_t g = 0; g < features->part_count; g++) {
        sn_free(features->parts[g].bands);
        sn_free(features->parts[g].weights);
    }
    sn_free(features);
}

size_t sn_features_channels(const sn_features *features) {
    return features->channels;
}

void sn_features_stages(const sn_features *f, int32_t *channels) {
    for (size_t g = 0; g < f->part_count; g++)
        channels[g] = (int32_t)(f->parts[g].out_count - f->parts[g].shared);
}

size_t sn_features_memory(const sn_features *features) {
    return 2 * features->pooled_floats;
}

typedef struct pass {
    const sn_features *f;
    const part *p;
    const float *from;
    float *to;
} pass;

static void pool(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const pass *a = context;
    const part *p = a->p;
    for (size_t row = begin; row < end; row++) {
        const float *from = a->from + row * p->group.channels;
        float *to = a->to + row * p->out_count;
        for (size_t o = 0; o < p->out_count; o++) {
            const band *b = &p->bands[o];
            const float *channel = from + b->first, *weight = p->weights + b->weights;
            float sum = 0.0f;
            for (size_t i = 0; i < b->count; i++)
                sum += weight[i] * channel[i];
            to[o] = sum;
        }
    }
}

/* The mean over the square around each position. Positions outside the grid count as zeros, as in PatchCore: the borders then
 * keep a signature of their own, and patches there are compared with patches of borders. On real parts that decides much: left
 * out of the mean instead, the same detector found a fifth less of the defective pixels (docs/results.md). */
static void average_neighbours(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const pass *a = context;
    const size_t width = a->p->group.width, height = a->p->group.height, count = a->p->out_count;
    const size_t reach = a->f->neighbourhood / 2;
    for (size_t position = begin; position < end; position++) {
        const size_t y = position / width, x = position % width;
        const size_t top = y < reach ? 0 : y - reach, bottom = y + reach < height ? y + reach : height - 1;
        const size_t left = x < reach ? 0 : x - reach, right = x + reach < width ? x + reach : width - 1;
        const float share = 1.0f / (float)(a->f->neighbourhood * a->f->neighbourhood);
        float *restrict to = a->to + position * count;
        memset(to, 0, count * sizeof *to);
        for (size_t v = top; v <= bottom; v++)
            for (size_t u = left; u <= right; u++) {
                const float *restrict from = a->from + (v * width + u) * count;
                for (size_t c = 0; c < count; c++)
                    to[c] += share * from[c];
            }
    }
}

/* Half-pixel centres; beyond the outer centres the edge repeats. */
static void place(size_t index, size_t out, size_t in, size_t *low, size_t *high, float *fraction) {
    double at = ((double)index + 0.5) * (double)in / (double)out - 0.5;
    if (at < 0)
        at = 0;
    *low = (size_t)at;
    if (*low > in - 1)
        *low = in - 1;
    *high = *low + 1 < in ? *low + 1 : *low;
    *fraction = (float)(at - (double)*low);
}

static void interpolate(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const pass *a = context;
    const part *p = a->p;
    const size_t width = p->group.width, count = p->out_count;
    for (size_t row = begin; row < end; row++) {
        size_t top, bottom;
        float down;
        place(row, a->f->rows, p->group.height, &top, &bottom, &down);
        for (size_t column = 0; column < a->f->columns; column++) {
            size_t left, right;
            float along;
            place(column, a->f->columns, width, &left, &right, &along);
            const float *restrict tl = a->from + (top * width + left) * count;
            const float *restrict tr = a->from + (top * width + right) * count;
            const float *restrict bl = a->from + (bottom * width + left) * count;
            const float *restrict br = a->from + (bottom * width + right) * count;
            const float wtl = (1 - down) * (1 - along), wtr = (1 - down) * along, wbl = down * (1 - along);
            const float wbr = down * along;
            float *restrict to = a->to + (row * a->f->columns + column) * a->f->channels + p->first_out;
            size_t c = 0;
            for (; c < p->shared; c++)
                to[c] += wtl * tl[c] + wtr * tr[c] + wbl * bl[c] + wbr * br[c];
            for (; c < count; c++)
                to[c] = wtl * tl[c] + wtr * tr[c] + wbl * bl[c] + wbr * br[c];
        }
    }
}

/* The share of a square of that side around a position of an axis that lies on the axis. */
static double share_inside(size_t position, size_t length, size_t side) {
    const size_t reach = side / 2;
    const size_t first = position < reach ? 0 : position - reach, last = position + reach < length ? position + reach : length - 1;
    return (double)(last - first + 1) / (double)side;
}

static double share_along(size_t index, size_t out, size_t in, size_t side) {
    size_t low, high;
    float fraction;
    place(index, out, in, &low, &high, &fraction);
    const double a = share_inside(low, in, side), b = share_inside(high, in, side);
    return a + (double)fraction * (b - a);
}

/* How many channels of the features a part makes: where both neighbours give a channel its share, a fraction of it. */
static double channels_of(const part *p) {
    double sum = 0;
    for (size_t o = 0; o < p->out_count && !p->whole; o++)
        for (size_t i = 0; i < p->bands[o].count; i++)
            sum += (double)p->weights[p->bands[o].weights + i];
    return p->whole ? (double)p->out_count : sum;
}

void sn_features_coverage(const sn_features *f, float *coverage) {
    double channels[SNARM_LAYERS_MAX], all = 0;
    for (size_t g = 0; g < f->part_count; g++)
        all += channels[g] = channels_of(&f->parts[g]);
    for (size_t row = 0; row < f->rows; row++)
        for (size_t column = 0; column < f->columns; column++) {
            double sum = 0;
            for (size_t g = 0; g < f->part_count; g++) {
                const sn_group *group = &f->parts[g].group;
                sum += channels[g] * share_along(row, f->rows, group->height, f->neighbourhood) *
                       share_along(column, f->columns, group->width, f->neighbourhood);
            }
            coverage[row * f->columns + column] = (float)(sum / all);
        }
}

void sn_features_run(const sn_features *f, float *const *groups, float *memory, float *dst) {
    for (size_t g = 0; g < f->part_count; g++) {
        const part *p = &f->parts[g];
        const size_t positions = p->group.width * p->group.height;
        pass a = {f, p, groups[g], memory};
        if (!p->whole) {
            sn_parallel(positions, 1, pool, &a);
            a.from = memory, a.to = memory + f->pooled_floats;
        }
        if (f->neighbourhood > 1) {
            sn_parallel(positions, 1, average_neighbours, &a);
            a.from = a.to;
        }
        a.to = dst;
        sn_parallel(f->rows, 1, interpolate, &a);
    }
}
