#include "image/plane.h"

#include "core/memory.h"
#include "core/rng.h"
#include "core/status.h"

#include <math.h>
#include <stdbool.h>

/* With half of the points astray a triple is clean one time in eight: 200 miss with a chance of 1e-11. */
enum { TRIPLES = 200, JUDGES = 512, TURNS = 32 };

/* The value that sorting would bring to place, by Hoare's selection; the values change their order. */
static double select_value(double *values, size_t count, size_t place) {
    size_t low = 0, high = count - 1;
    while (low < high) {
        const double pivot = values[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;;) {
            while (values[i] < pivot)
                i++;
            while (values[j] > pivot)
                j--;
            if (i >= j)
                break;
            const double kept = values[i];
            values[i++] = values[j], values[j--] = kept;
        }
        /* Up to j none is larger than the pivot, beyond it none smaller. */
        if (place <= j)
            high = j;
        else
            low = j + 1;
    }
    return values[place];
}

static void face(sn_plane *plane) {
    if (plane->normal[2] <= 0)
        return;
    for (int i = 0; i < 3; i++)
        plane->normal[i] = -plane->normal[i];
    plane->offset = -plane->offset;
}

static bool through(sn_plane *plane, const float *a, const float *b, const float *c) {
    double u[3], v[3];
    for (int i = 0; i < 3; i++)
        u[i] = (double)b[i] - (double)a[i], v[i] = (double)c[i] - (double)a[i];
    double *n = plane->normal;
    n[0] = u[1] * v[2] - u[2] * v[1], n[1] = u[2] * v[0] - u[0] * v[2], n[2] = u[0] * v[1] - u[1] * v[0];
    const double length = sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]);
    if (!(length > 0))
        return false;
    plane->offset = 0;
    for (int i = 0; i < 3; i++)
        n[i] /= length, plane->offset -= n[i] * (double)a[i];
    face(plane);
    return true;
}

static double median_distance(const sn_plane *plane, const float *points, const size_t *judges, size_t count, double *room) {
    for (size_t i = 0; i < count; i++)
        room[i] = fabs(sn_plane_height(plane, points + 3 * judges[i]));
    return select_value(room, count, count / 2);
}

/* The eigenvector of the smallest eigenvalue of a symmetric matrix, by Jacobi's rotations. */
static void smallest_axis(double m[3][3], double axis[3]) {
    double v[3][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
    for (int turn = 0; turn < TURNS; turn++) {
        const int p = turn % 3 == 2 ? 1 : 0, q = turn % 3 == 0 ? 1 : 2;
        if (m[p][q] == 0)
            continue;
        const double angle = 0.5 * atan2(2 * m[p][q], m[q][q] - m[p][p]), c = cos(angle), s = sin(angle);
        for (int i = 0; i < 3; i++) {
            const double a = m[i][p], b = m[i][q];
            m[i][p] = c * a - s * b, m[i][q] = s * a + c * b;
        }
        for (int i = 0; i < 3; i++) {
            const double a = m[p][i], b = m[q][i];
            m[p][i] = c * a - s * b, m[q][i] = s * a + c * b;
        }
        for (int i = 0; i < 3; i++) {
            const double a = v[i][p], b = v[i][q];
            v[i][p] = c * a - s * b, v[i][q] = s * a + c * b;
        }
    }
    /* Of equal ones the last: that nearest to z, as the rotations left it. */
    int least = 2;
    for (int i = 1; i >= 0; i--)
        if (m[i][i] < m[least][least])
            least = i;
    for (int i = 0; i < 3; i++)
        axis[i] = v[i][least];
}

/* The plane of least squares through the points within limit of *plane; its noise is theirs. */
static void refine(sn_plane *plane, const float *points, size_t count, double limit) {
    double centre[3] = {0, 0, 0}, spread[3][3] = {{0}};
    size_t on = 0;
    for (size_t i = 0; i < count; i++) {
        if (!(fabs(sn_plane_height(plane, points + 3 * i)) <= limit))
            continue;
        on++;
        for (int j = 0; j < 3; j++)
            centre[j] += (double)points[3 * i + (size_t)j];
    }
    if (on == 0)
        return;
    for (int j = 0; j < 3; j++)
        centre[j] /= (double)on;
    for (size_t i = 0; i < count; i++) {
        if (!(fabs(sn_plane_height(plane, points + 3 * i)) <= limit))
            continue;
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 3; k++)
                spread[j][k] += ((double)points[3 * i + (size_t)j] - centre[j]) * ((double)points[3 * i + (size_t)k] - centre[k]);
    }
    smallest_axis(spread, plane->normal);
    plane->offset = 0;
    for (int j = 0; j < 3; j++)
        plane->offset -= plane->normal[j] * centre[j];
    face(plane);
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        const double height = sn_plane_height(plane, points + 3 * i);
        sum += fabs(height) <= limit ? height * height : 0;
    }
    plane->noise = sqrt(sum / (double)on);
}

snarm_status sn_plane_find(sn_plane *plane, const float *points, size_t count) {
    size_t judges[JUDGES] = {0};
    const size_t judge_count = count < JUDGES ? count : JUDGES;
    double *room;
    SN_TRY(sn_alloc(&room, judge_count, sizeof *room, "plane"));
    for (size_t i = 0; i < judge_count; i++)
        judges[i] = i * count / judge_count;
    sn_rng rng;
    sn_rng_seed(&rng, 0, 0x706c616e65);
    /* To begin with the plane across the z axis, through a point in the middle: triples on a line give none. */
    *plane = (sn_plane){.normal = {0, 0, -1}, .offset = (double)points[3 * judges[judge_count / 2] + 2]};
    double best = median_distance(plane, points, judges, judge_count, room);
    for (int i = 0; i < TRIPLES; i++) {
        sn_plane tried;
        if (!through(&tried, points + 3 * sn_rng_below(&rng, count), points + 3 * sn_rng_below(&rng, count),
                     points + 3 * sn_rng_below(&rng, count)))
            continue;
        const double distance = median_distance(&tried, points, judges, judge_count, room);
        if (distance < best)
            best = distance, *plane = tried;
    }
    sn_free(room);
    /* 1.4826 times the median is a normal distribution's standard deviation. */
    refine(plane, points, count, 2.5 * 1.4826 * best);
    size_t on = 0;
    for (size_t i = 0; i < count; i++)
        on += fabs(sn_plane_height(plane, points + 3 * i)) <= 3 * plane->noise;
    plane->share = (double)on / (double)count;
    return SNARM_OK;
}
