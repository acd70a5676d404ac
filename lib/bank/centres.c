/* Points meet centres, most of them only along a few axes.
 *
 * A centre matters to a point only if it is nearer than the point's bound. Most can be told to be farther from a few
 * coordinates: the distance along orthonormal axes is never larger than the true one, and along the longest principal axes
 * of the points it is most of it. Eight points together run past the packed coordinates of 16 centres at a time, by
 *   |p - c|^2 / 2 = |c|^2 / 2 - p.c + |p|^2 / 2   (p, c along the axes)
 * and only for the few centres that pass is the true distance computed. The triangle inequality (a centre twice as far from the
 * point's own centre as the point is cannot matter) was measured too: on features it rules out less than a third.
 *
 * Rounding never changes the outcome, because nothing is decided by the coordinates but that the true distance need not be
 * computed, and their limits are widened by all that rounding may do:
 * u = 2^-24, a sum of n products is off by at most g(n) = n u / (1 - n u) times the sum of their magnitudes.
 * - A centre matters if its distance as computed is below the bound b; then the exact one is at most
 *   D = sqrt(b (1 + 2 g(n + 3))), n the dimensions; reach() is more.
 * - The axes are orthonormal but for rounding; stretch, from the sums of rows of their Gram matrix (Gershgorin), bounds what they do
 *   to a length. Coordinates as computed are off by at most e = sqrt(axes) g(n) stretch L, L the longest point's length. So those of p
 *   and c are at most stretch D + 2 e apart.
 * - The kernel's sum is off by at most g(axes + 2) (|c|^2 / 2 + |p| |c|), |p| and |c| at most stretch L + e.
 * Terms for numbers so small that they lose digits (below FLT_MIN) are added. True distances are always summed in the same order. */
#include "bank/centres.h"

#include "bank/filter.h"
#include "core/memory.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    LANES = SN_CENTRE_LANES,
    GROUP = SN_POINT_GROUP,
    AXES = 48,
    AXES_PAY_FROM = 64, /* dimensions */
    SAMPLE = 4096,      /* points that the axes are made for */
    TURNING_PAYS = 64,  /* centres missed: coordinates of a point cost as much as AXES distances */
    SIFT_PAYS = 24,     /* as long as at most one pair in so many passes; else whole blocks are cheaper */
    SIFT_AGAIN = 64,    /* chunks of a group after which the axes are tried again */
    CHUNK = 32,         /* blocks whose centres (512 rows) stay in the cache while all groups pass */
    BLOCKS_OF_WORD = 4  /* of 16 bits each */
};

struct sn_meeting {
    float *turned;       /* (groups, axes, GROUP) negated coordinates */
    double *lengths;     /* (groups, GROUP) half of their squared lengths */
    uint16_t *passed;    /* (CHUNK, GROUP) */
    size_t turned_count; /* of the points that run now */
    size_t whole_chunks; /* to be met without the axes */
    sn_coreset_counts counts;
};

static const float *row_of(const sn_centres *c, size_t point) {
    return c->points + point * c->dimensions;
}

static double rounding(size_t terms) {
    const double n = (double)terms * 0x1p-24;
    return n / (1 - n);
}

/* How much longer the rotation may make a vector: the root of its Gram matrix's norm. */
static double measure_stretch(const float *rotation, size_t axes, size_t dimensions) {
    double largest = 1;
    for (size_t i = 0; i < axes; i++) {
        double row = 0;
        for (size_t j = 0; j < axes; j++) {
            double dot = 0;
            for (size_t d = 0; d < dimensions; d++)
                dot += (double)rotation[i * dimensions + d] * (double)rotation[j * dimensions + d];
            row += fabs(dot);
        }
        largest = row > largest ? row : largest;
    }
    return sqrt(largest) * (1 + 1e-9);
}

static double measure_longest(const sn_centres *c) {
    float longest = 0;
    for (size_t i = 0; i < c->point_count; i++) {
        const float square = c->simd->dot(row_of(c, i), row_of(c, i), c->dimensions);
        longest = square > longest ? square : longest;
    }
    return sqrt((double)longest * (1 + 2 * rounding(c->dimensions + 3)) +
                (double)c->dimensions * (double)FLT_MIN);
}

/* The principal axes of a sample that is spread over all points: any orthonormal ones would do, these tell most. */
static snarm_status make_axes(sn_centres *c) {
    const size_t count = c->point_count < SAMPLE ? c->point_count : SAMPLE;
    const double pairs = (double)c->point_count * (double)c->most;
    if (c->dimensions < AXES_PAY_FROM || count < AXES || pairs < (double)count * (double)c->dimensions)
        return SNARM_OK; /* the sample's covariance would take as long as the distances */
    const double longest = measure_longest(c);
    if (!(longest < 1e15)) /* squares would leave float's range */
        return SNARM_OK;
    float *sample;
    SN_TRY(sn_alloc(&sample, count, c->dimensions * sizeof *sample, "coreset sample"));
    for (size_t i = 0; i < count; i++)
        memcpy(sample + i * c->dimensions, c->points + c->point_count / count * i * c->dimensions,
               c->dimensions * sizeof *sample);
    snarm_status status = sn_principal_axes(sample, count, c->dimensions, AXES, &c->axes, &c->rotation);
    sn_free(sample);
    if (status != SNARM_OK) {
        c->axes = 0;
        return status;
    }
    c->stretch = measure_stretch(c->rotation, c->axes, c->dimensions);
    c->slack = sqrt((double)c->axes) * rounding(c->dimensions + 3) * c->stretch * longest + 1e-30;
    const double length = c->stretch * longest + c->slack;
    c->sum_slack = 3 * rounding(c->axes + 4) * length * length + 4 * (double)c->axes * (double)FLT_MIN;
    return SNARM_OK;
}

static snarm_status fill(sn_centres *c) {
    SN_TRY(make_axes(c));
    const size_t blocks = (c->most + LANES - 1) / LANES;
    SN_TRY(sn_alloc(&c->blocks, blocks, c->dimensions * LANES * sizeof(float), "coreset centres"));
    return sn_alloc(&c->turned_blocks, blocks, (c->axes + 1) * LANES * sizeof(float), "coreset centres");
}

snarm_status sn_centres_create(sn_centres *centres, const float *points, size_t count, size_t dimensions,
                               size_t most, size_t *selected) {
    *centres = (sn_centres){.points = points,
                            .point_count = count,
                            .dimensions = dimensions,
                            .simd = sn_simd_table(),
                            .selected = selected,
                            .most = most,
                            .reach_factor = 1 + 5 * rounding(dimensions + 8),
                            .reach_more = (double)dimensions * (double)FLT_MIN};
    snarm_status status = fill(centres);
    if (status != SNARM_OK)
        sn_centres_release(centres);
    return status;
}

void sn_centres_release(sn_centres *centres) {
    sn_free(centres->blocks);
    sn_free(centres->turned_blocks);
    sn_free(centres->rotation);
    *centres = (sn_centres){0};
}

/* The point's coordinates times sign, stride apart; returns half of their squared length. */
static double turn(const sn_centres *c, size_t point, float sign, float *turned, size_t stride) {
    double square = 0;
    for (size_t a = 0; a < c->axes; a++) {
        const float at = c->simd->dot(c->rotation + a * c->dimensions, row_of(c, point), c->dimensions);
        turned[a * stride] = sign * at;
        square += (double)at * (double)at;
    }
    return square / 2;
}

void sn_centres_add(sn_centres *c, size_t point) {
    const size_t lane = c->count % LANES;
    float *block = c->blocks + c->count / LANES * LANES * c->dimensions;
    float *turned = c->turned_blocks + c->count / LANES * LANES * (c->axes + 1);
    if (lane == 0) { /* lanes without a centre are infinitely far */
        for (size_t i = 0; i < LANES * c->dimensions; i++)
            block[i] = INFINITY;
        for (size_t i = 0; i < LANES * (c->axes + 1); i++)
            turned[i] = i < LANES ? INFINITY : 0;
    }
    for (size_t d = 0; d < c->dimensions; d++)
        block[d * LANES + lane] = row_of(c, point)[d];
    turned[lane] = (float)turn(c, point, 1, turned + LANES + lane, LANES);
    c->selected[c->count++] = point;
}

snarm_status sn_meeting_create(sn_meeting **out, const sn_centres *centres, size_t most) {
    const size_t padded = (most + GROUP - 1) / GROUP * GROUP;
    sn_meeting *m;
    SN_TRY(sn_alloc_zeroed(&m, 1, sizeof *m, "coreset"));
    *out = m;
    SN_TRY(sn_alloc(&m->turned, padded, (centres->axes + 1) * sizeof(float), "coreset candidates"));
    SN_TRY(sn_alloc(&m->lengths, padded, sizeof(double), "coreset candidates"));
    return sn_alloc(&m->passed, CHUNK * GROUP, sizeof(uint16_t), "coreset candidates");
}

void sn_meeting_destroy(sn_meeting *meeting) {
    if (meeting == NULL)
        return;
    sn_free(meeting->turned);
    sn_free(meeting->lengths);
    sn_free(meeting->passed);
    sn_free(meeting);
}

sn_coreset_counts sn_meeting_get_counts(const sn_meeting *meeting) {
    return meeting->counts;
}

/* A distance summed in another order that is above this is not below bound in the promised order either. */
static double reach(const sn_centres *c, float bound) {
    return (double)bound * c->reach_factor + c->reach_more;
}

/* What the sum of sn_simd.sift must exceed to rule a centre out; see above. half: of the point's squared length. */
static float limit_of(const sn_centres *c, float bound, double half) {
    const double apart = c->stretch * sqrt(reach(c, bound)) + 2 * c->slack;
    const double limit = apart * apart / 2 - half + c->sum_slack;
    return nextafterf((float)limit, INFINITY);
}

static void meet_one(sn_meeting *m, const sn_centres *c, sn_standing *s, size_t centre) {
    const float *a = row_of(c, (size_t)s->point), *b = row_of(c, c->selected[centre]);
    m->counts.whole++;
    const float about = c->simd->squared_distance(a, b, c->dimensions);
    if (isfinite(about) && (double)about > reach(c, s->bound))
        return;
    const float distance = c->simd->ordered_distance(a, b, c->dimensions);
    if (distance < s->bound)
        s->bound = distance;
}

/* The points of a group in all their dimensions. Repeated points fill it up. */
static void meet_whole(sn_meeting *m, const sn_centres *c, sn_standing *group, size_t size, size_t first,
                       size_t blocks) {
    const float *points[GROUP];
    float nearest[GROUP];
    for (size_t i = 0; i < GROUP; i++)
        points[i] = row_of(c, (size_t)group[i < size ? i : size - 1].point);
    c->simd->nearest(points, c->blocks + first * LANES * c->dimensions, blocks, c->dimensions, nearest);
    for (size_t i = 0; i < size; i++)
        if (nearest[i] < group[i].bound)
            group[i].bound = nearest[i];
    m->counts.whole += size * blocks * LANES;
}

/* A whole group along the axes; false if so many pass that it were better without. */
static bool meet_sifted(sn_meeting *m, const sn_centres *c, sn_standing *group, size_t at, size_t first,
                        size_t blocks) {
    const size_t pairs = GROUP * blocks * LANES;
    float limits[GROUP];
    for (size_t i = 0; i < GROUP; i++)
        limits[i] = limit_of(c, group[i].bound, m->lengths[at + i]);
    const size_t passing =
        c->simd->sift(m->turned + at * c->axes, limits, c->turned_blocks + first * LANES * (c->axes + 1),
                      blocks, c->axes, m->passed);
    m->counts.along_axes += pairs;
    if (passing * SIFT_PAYS > pairs)
        return false;
    for (size_t block = blocks; block % BLOCKS_OF_WORD != 0; block++)
        memset(m->passed + block * GROUP, 0, GROUP * sizeof *m->passed);
    for (size_t i = 0; i < GROUP; i++)
        for (size_t block = 0; block < blocks; block += BLOCKS_OF_WORD) {
            uint64_t bits = 0; /* most words are zero: few passes */
            for (size_t b = 0; b < BLOCKS_OF_WORD; b++)
                bits |= (uint64_t)m->passed[(block + b) * GROUP + i] << (b * LANES);
            for (; bits != 0; bits &= bits - 1) {
                const size_t centre = (first + block) * LANES + (size_t)__builtin_ctzll(bits);
                if (centre < c->count) /* an infinite limit passes lanes without a centre too */
                    meet_one(m, c, group + i, centre);
            }
        }
    return true;
}

static void meet_chunk(sn_meeting *m, const sn_centres *c, sn_standing *group, size_t size, size_t at,
                       size_t first, size_t blocks) {
    if (at < m->turned_count && m->whole_chunks == 0) {
        if (meet_sifted(m, c, group, at, first, blocks))
            return;
        m->whole_chunks = SIFT_AGAIN;
    } else if (m->whole_chunks > 0) {
        m->whole_chunks--;
    }
    meet_whole(m, c, group, size, first, blocks);
}

static int by_met(const void *a, const void *b) {
    const sn_standing *x = a, *y = b;
    return x->met != y->met ? (x->met < y->met ? -1 : 1) : x->point < y->point ? -1 : x->point > y->point;
}

void sn_meeting_run(sn_meeting *m, const sn_centres *c, sn_standing *standings, size_t count) {
    if (count == 0)
        return;
    /* Points of a group begin where the one that has missed most begins: side by side those that have missed alike. */
    qsort(standings, count, sizeof *standings, by_met);
    m->turned_count = 0;
    while (c->axes > 0 && m->turned_count < count &&
           c->count - (size_t)standings[m->turned_count].met >= TURNING_PAYS) {
        const size_t i = m->turned_count++;
        m->lengths[i] = turn(c, (size_t)standings[i].point, -1,
                             m->turned + i / GROUP * GROUP * c->axes + i % GROUP, GROUP);
    }
    m->turned_count -= m->turned_count % GROUP; /* whole groups only */
    const size_t end = (c->count + LANES - 1) / LANES;
    for (size_t chunk = (size_t)standings[0].met / LANES; chunk < end; chunk += CHUNK) {
        const size_t chunk_end = chunk + CHUNK < end ? chunk + CHUNK : end;
        for (size_t at = 0; at < count; at += GROUP) {
            const size_t missed = (size_t)standings[at].met / LANES, first = missed > chunk ? missed : chunk;
            if (first >= chunk_end)
                break;
            meet_chunk(m, c, standings + at, count - at < GROUP ? count - at : GROUP, at, first,
                       chunk_end - first);
        }
    }
    for (size_t i = 0; i < count; i++)
        standings[i].met = (int32_t)c->count;
}

void sn_meeting_last(sn_meeting *m, const sn_centres *c, sn_standing *standing) {
    meet_one(m, c, standing, c->count - 1);
    standing->met = (int32_t)c->count;
}
