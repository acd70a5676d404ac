/* The vectors are divided in two again and again, each time into whole cells: across the line between the centres of their two
 * clusters, where both sides together hold as many as are wanted. Cells of equal size cost a query the same wherever it looks, and
 * products over them have one shape. */
#include "bank/cells.h"

#include "core/memory.h"
#include "core/threads.h"
#include "kernel/simd.h"

#include <string.h>

enum { SAMPLE = 512, ROUNDS = 6 };

typedef struct place {
    float key;
    int32_t index;
} place;

typedef struct division {
    const float *points;
    size_t axes;
    place *places;
    float *centres; /* (2, axes), then their difference */
    float *sums;    /* (2, axes) */
    place *first;   /* of the part that is being divided */
} division;

static bool before(place a, place b) {
    return a.key < b.key || (a.key == b.key && a.index < b.index);
}

/* Brings the k smallest of count places to the front. */
static void divide_places(place *places, size_t count, size_t k) {
    size_t low = 0, high = count - 1;
    while (low < high) {
        const place pivot = places[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;;) {
            while (before(places[i], pivot))
                i++;
            while (before(pivot, places[j]))
                j--;
            if (i >= j)
                break;
            const place kept = places[i];
            places[i++] = places[j];
            places[j--] = kept;
        }
        if (k <= j)
            high = j;
        else
            low = j + 1;
    }
}

float sn_kth_smallest(float *values, size_t count, size_t k) {
    size_t low = 0, high = count - 1;
    while (low < high) {
        const float pivot = values[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;;) {
            while (values[i] < pivot)
                i++;
            while (pivot < values[j])
                j--;
            if (i >= j)
                break;
            const float kept = values[i];
            values[i++] = values[j];
            values[j--] = kept;
        }
        if (k <= j)
            high = j;
        else
            low = j + 1;
    }
    return values[k];
}

static const float *point_of(const division *d, const place *at) {
    return d->points + (size_t)at->index * d->axes;
}

/* The sample's point farthest from a point. */
static const float *farthest(const division *d, const float *from, size_t count, size_t step) {
    float most = -1;
    const float *found = from;
    for (size_t i = 0; i < count; i += step) {
        const float distance = sn_simd_table()->squared_distance(from, point_of(d, &d->first[i]), d->axes);
        if (distance > most)
            most = distance, found = point_of(d, &d->first[i]);
    }
    return found;
}

/* Two clusters of a sample, by Lloyd's rounds from two points that lie far apart. */
static void find_centres(division *d, size_t count) {
    const size_t step = count / SAMPLE + 1, row = d->axes * sizeof(float);
    float *a = d->centres, *b = d->centres + d->axes;
    const float *end = farthest(d, point_of(d, d->first), count, step);
    memcpy(a, end, row);
    memcpy(b, farthest(d, end, count, step), row);
    for (int round = 0; round < ROUNDS; round++) {
        size_t members[2] = {0, 0};
        memset(d->sums, 0, 2 * row);
        for (size_t i = 0; i < count; i += step) {
            const float *point = point_of(d, &d->first[i]);
            const sn_simd *simd = sn_simd_table();
            const int side = simd->squared_distance(point, a, d->axes) > simd->squared_distance(point, b, d->axes);
            for (size_t c = 0; c < d->axes; c++)
                d->sums[(size_t)side * d->axes + c] += point[c];
            members[side]++;
        }
        for (int side = 0; side < 2; side++)
            for (size_t c = 0; members[side] > 0 && c < d->axes; c++)
                d->centres[(size_t)side * d->axes + c] = d->sums[(size_t)side * d->axes + c] / (float)members[side];
    }
}

static void measure(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const division *d = context;
    for (size_t i = begin; i < end; i++)
        d->first[i].key = sn_simd_table()->dot(point_of(d, &d->first[i]), d->centres, d->axes);
}

static void divide(division *d, size_t first, size_t count) {
    while (count > SN_CELL) {
        d->first = d->places + first;
        find_centres(d, count);
        for (size_t c = 0; c < d->axes; c++)
            d->centres[c] -= d->centres[d->axes + c];
        sn_parallel(count, 1024, measure, d);
        const size_t half = (count + SN_CELL - 1) / SN_CELL / 2 * SN_CELL;
        divide_places(d->first, count, half);
        divide(d, first, half); /* at most so deep as the number of cells has binary digits */
        first += half, count -= half;
    }
}

snarm_status sn_cells_create(sn_cells **out, const float *points, size_t count, size_t axes) {
    *out = NULL;
    division d = {.points = points, .axes = axes};
    sn_cells *cells = NULL;
    snarm_status status = sn_alloc(&d.places, count, sizeof *d.places, "cells");
    if (status == SNARM_OK)
        status = sn_alloc(&d.centres, 2 * axes, sizeof(float), "cells");
    if (status == SNARM_OK)
        status = sn_alloc(&d.sums, 2 * axes, sizeof(float), "cells");
    if (status == SNARM_OK)
        status = sn_alloc_zeroed(&cells, 1, sizeof *cells, "cells");
    if (status == SNARM_OK)
        status = sn_alloc(&cells->order, count, sizeof *cells->order, "cells");
    if (status == SNARM_OK) {
        for (size_t i = 0; i < count; i++)
            d.places[i] = (place){0, (int32_t)i};
        divide(&d, 0, count);
        for (size_t i = 0; i < count; i++)
            cells->order[i] = d.places[i].index;
        cells->count = count;
        cells->probes = sn_cells_number(cells);
        *out = cells;
    } else {
        sn_cells_destroy(cells);
    }
    sn_free(d.places);
    sn_free(d.centres);
    sn_free(d.sums);
    return status;
}

static snarm_status check_order(const int32_t *order, size_t count) {
    uint8_t *seen;
    SN_TRY(sn_alloc_zeroed(&seen, count, 1, "cells"));
    size_t wrong = 0;
    while (wrong < count && order[wrong] >= 0 && (size_t)order[wrong] < count && seen[order[wrong]] == 0)
        seen[order[wrong++]] = 1;
    sn_free(seen);
    if (wrong == count)
        return SNARM_OK;
    return sn_error(SNARM_ERROR_FORMAT, "value %zu is %d, expected each of 0..%zu once", wrong, (int)order[wrong], count - 1);
}

snarm_status sn_cells_from_order(sn_cells **out, const int32_t *order, size_t count, size_t probes) {
    *out = NULL;
    SN_TRY(check_order(order, count));
    sn_cells *cells;
    SN_TRY(sn_alloc_zeroed(&cells, 1, sizeof *cells, "cells"));
    cells->count = count, cells->probes = probes;
    const size_t number = sn_cells_number(cells);
    snarm_status status = probes >= 1 && probes <= number
                              ? sn_alloc(&cells->order, count, sizeof *order, "cells")
                              : sn_error(SNARM_ERROR_FORMAT, "%zu cells are looked at, expected 1..%zu", probes, number);
    if (status != SNARM_OK) {
        sn_cells_destroy(cells);
        return status;
    }
    memcpy(cells->order, order, count * sizeof *order);
    *out = cells;
    return SNARM_OK;
}

void sn_cells_destroy(sn_cells *cells) {
    if (cells == NULL)
        return;
    sn_free(cells->order);
    sn_free(cells);
}
