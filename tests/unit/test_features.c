/* Neighbourhood means, channel pooling and grids against the words of their definition; interpolated positions. */
#include "backbone/features.h"
#include "backbone/vit_names.h"
#include "core/threads.h"
#include "reference.h"
#include "support.h"

#include <math.h>
#include <string.h>

static sn_rng rng;

/* Adaptive mean pooling of one row. */
static void pool_row(const double *in, size_t in_count, double *out, size_t out_count) {
    for (size_t i = 0; i < out_count; i++) {
        size_t begin = i * in_count / out_count, end = ((i + 1) * in_count + out_count - 1) / out_count;
        out[i] = 0;
        for (size_t j = begin; j < end; j++)
            out[i] += in[j] / (double)(end - begin);
    }
}

static double neighbours(const float *rows, const sn_group *g, long y, long x, size_t c, long reach) {
    double sum = 0;
    for (long v = y - reach; v <= y + reach; v++)
        for (long u = x - reach; u <= x + reach; u++)
            if (v >= 0 && v < (long)g->height && u >= 0 && u < (long)g->width)
                sum += rows[((size_t)v * g->width + (size_t)u) * g->channels + c];
    return sum / (double)((2 * reach + 1) * (2 * reach + 1)); /* outside counts as zero */
}

static double bilinear(const float *rows, const sn_group *g, double y, double x, size_t c, long reach) {
    y = fmin(fmax(y, 0), (double)g->height - 1), x = fmin(fmax(x, 0), (double)g->width - 1);
    double value = 0;
    for (int i = 0; i < 4; i++) {
        double v = floor(y) + i / 2, u = floor(x) + i % 2, weight = (1 - fabs(y - v)) * (1 - fabs(x - u));
        if (weight > 0)
            value += weight * neighbours(rows, g, (long)v, (long)u, c, reach);
    }
    return value;
}

/* In the documented order: neighbourhood, grid, 1,024 channels a group, C of all. */
static void reference_features(const sn_group *groups, size_t count, float *const *rows, size_t channels, size_t square,
                               size_t columns, size_t lines, float *dst) {
    static double wide[8192], joined[8192], out[8192];
    for (size_t p = 0; p < columns * lines; p++) {
        size_t total = 0;
        for (size_t g = 0; g < count; g++) {
            double y = ((double)(p / columns) + 0.5) * (double)groups[g].height / (double)lines - 0.5;
            double x = ((double)(p % columns) + 0.5) * (double)groups[g].width / (double)columns - 0.5;
            for (size_t c = 0; c < groups[g].channels; c++)
                wide[c] = bilinear(rows[g], &groups[g], y, x, c, (long)square / 2);
            size_t kept = channels == 0 ? groups[g].channels : 1024;
            pool_row(wide, groups[g].channels, joined + total, kept);
            total += kept;
        }
        size_t outs = channels == 0 ? total : channels;
        pool_row(joined, total, out, outs);
        for (size_t c = 0; c < outs; c++)
            dst[p * outs + c] = (float)out[c];
    }
}

START_TEST(features_are_as_defined) {
    static const struct {
        sn_group groups[3];
        size_t count, channels, square, columns, rows;
    } cases[] = {
        {{{4, 3, 768}, {4, 3, 768}}, 2, 512, 1, 7, 5},    {{{6, 6, 128}, {3, 3, 256}}, 2, 512, 3, 6, 6},
        {{{5, 5, 96}, {3, 2, 2048}, {2, 2, 64}}, 3, 100, 5, 4, 3}, {{{5, 4, 40}, {3, 2, 33}}, 2, 0, 3, 4, 5},
        {{{4, 4, 1024}}, 1, 4096, 1, 4, 4},               {{{2, 2, 2000}, {3, 3, 17}}, 2, 8, 1, 3, 2},
        {{{1, 1, 16}, {1, 2, 16}}, 2, 4096, 5, 2, 2},     {{{3, 3, 3000}}, 1, 777, 3, 2, 3},
        {{{5, 4, 24}, {5, 4, 24}}, 2, 0, 1, 5, 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float *rows[3] = {NULL};
        for (size_t g = 0; g < cases[i].count; g++)
            rows[g] = random_floats(&rng, cases[i].groups[g].width * cases[i].groups[g].height * cases[i].groups[g].channels);
        sn_features *features;
        ck_ok(sn_features_create(&features, cases[i].groups, cases[i].count, cases[i].channels, cases[i].square,
                                 cases[i].columns, cases[i].rows));
        const size_t total = sn_features_channels(features) * cases[i].columns * cases[i].rows;
        float *memory = malloc((sn_features_memory(features) + 1) * sizeof *memory);
        float *expected = malloc(total * sizeof *expected), *dst = malloc(total * sizeof *dst);
        reference_features(cases[i].groups, cases[i].count, rows, cases[i].channels, cases[i].square, cases[i].columns,
                           cases[i].rows, expected);
        for (int threads = 1; threads <= 3; threads++) {
            memset(dst, 0xff, total * sizeof *dst);
            int former = sn_threads_enter(threads);
            sn_features_run(features, rows, memory, dst);
            sn_threads_leave(former);
            ck_assert_double_lt(largest_relative_error(dst, expected, total), 2e-6);
        }
        /* The coverage is what features of ones are, and 1 away from the borders. */
        const size_t wide = sn_features_channels(features);
        float coverage[64], ones[64], most = 0;
        for (size_t g = 0; g < cases[i].count; g++)
            for (size_t v = 0; v < cases[i].groups[g].width * cases[i].groups[g].height * cases[i].groups[g].channels; v++)
                rows[g][v] = 1;
        sn_features_run(features, rows, memory, dst);
        sn_features_coverage(features, coverage);
        for (size_t patch = 0; patch < cases[i].columns * cases[i].rows; patch++) {
            double sum = 0;
            for (size_t c = 0; c < wide; c++)
                sum += (double)dst[patch * wide + c];
            ones[patch] = (float)(sum / (double)wide);
            ck_assert(coverage[patch] > 0 && coverage[patch] <= 1);
            most = fmaxf(most, coverage[patch]);
        }
        ck_assert_double_lt(largest_relative_error(coverage, ones, cases[i].columns * cases[i].rows), 2e-6);
        ck_assert(cases[i].square > 1 ? coverage[0] < 1 : most == 1 && coverage[0] == 1);
        sn_features_destroy(features);
        free(memory), free(expected), free(dst);
        for (size_t g = 0; g < cases[i].count; g++)
            free(rows[g]);
    }
}
END_TEST

/* The cubic convolution kernel with a = -0.75. */
static double cubic(double distance) {
    const double a = -0.75, d = fabs(distance);
    return d <= 1 ? (a + 2) * d * d * d - (a + 3) * d * d + 1 : d < 2 ? a * (d * d * d - 5 * d * d + 8 * d - 4) : 0;
}

START_TEST(positions_are_as_defined) {
    enum { SIDE = 9, COLUMNS = 12, ROWS = 5, DIM = 3 };
    float *grid = random_floats(&rng, SIDE * SIDE * DIM), out[COLUMNS * ROWS * DIM], expected[COLUMNS * ROWS * DIM];
    for (int dinov2 = 0; dinov2 < 2; dinov2++) {
        const sn_vit_config config = {.dim = DIM, .position_side = SIDE, .dinov2 = dinov2 == 1};
        const double extra = dinov2 == 1 ? 0.1 : 0;
        sn_vit_positions(&config, grid, COLUMNS, ROWS, out);
        for (size_t i = 0; i < COLUMNS * ROWS * DIM; i++) {
            const size_t place = i / DIM;
            const double x = ((double)(place % COLUMNS) + 0.5) * SIDE / (COLUMNS + extra) - 0.5;
            const double y = ((double)(place / COLUMNS) + 0.5) * SIDE / (ROWS + extra) - 0.5;
            double sum = 0;
            for (int v = -3; v < SIDE + 3; v++)
                for (int u = -3; u < SIDE + 3; u++) {
                    const int row = v < 0 ? 0 : v >= SIDE ? SIDE - 1 : v, column = u < 0 ? 0 : u >= SIDE ? SIDE - 1 : u;
                    sum += cubic(y - v) * cubic(x - u) * grid[((size_t)row * SIDE + (size_t)column) * DIM + i % DIM];
                }
            expected[i] = (float)sum;
        }
        ck_assert_double_lt(largest_relative_error(out, expected, COLUMNS * ROWS * DIM), 1e-5);
        float same[SIDE * SIDE * DIM];
        sn_vit_positions(&config, grid, SIDE, SIDE, same);
        ck_assert_int_eq(memcmp(same, grid, sizeof same), 0);
    }
    free(grid);
}
END_TEST

int main(void) {
    sn_rng_seed(&rng, 5, 0);
    Suite *suite = suite_create("features");
    TCase *cases = tcase_create("features");
    tcase_add_test(cases, features_are_as_defined);
    tcase_add_test(cases, positions_are_as_defined);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
