/* Large parts with and without tiles: what a small defect does to the score, time and memory. Pictures are painted here: a brushed plate
 * with rows of holes, printed lines and a label, never twice the same light, grain and place; the defect is a dark spot of 20 pixels.
 *
 *     tiles fit WEIGHTS MODEL SIDE PICTURES BANK RESIZE TILE
 *     tiles inspect MODEL SIDE PICTURES
 *
 * SIDE: of the pictures, pixels. RESIZE 0: full resolution, with tiles only. TILE 0: none. inspect shows good pictures that the fit has not
 * seen, and each again with the defect. */
#define _GNU_SOURCE
#include "core/clock.h"
#include "core/rng.h"
#include "snarm/detector.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { SPOT = 20, PITCH = 256, HOLE = 34, NEW = 1000 };

typedef struct painter {
    int32_t side;
    bool defect;
    double spot_x, spot_y; /* of the last picture, pixels */
} painter;

/* Noise from a place: the same for one seed. */
static inline uint32_t mix(uint32_t a, uint32_t b, uint32_t seed) {
    uint32_t h = a * 0x9e3779b1u ^ b * 0x85ebca77u ^ seed * 0xc2b2ae3du;
    h ^= h >> 15, h *= 0x2c1b3c6du, h ^= h >> 12, h *= 0x297a2d39u;
    return h ^ h >> 15;
}

static void paint(painter *p, size_t index, uint8_t *grey) {
    sn_rng rng;
    sn_rng_seed(&rng, 77, index);
    const double shift_x = 6 * sn_rng_uniform(&rng) - 3, shift_y = 6 * sn_rng_uniform(&rng) - 3;
    const double light = 118 + 8 * sn_rng_uniform(&rng), slope = 10 * (sn_rng_uniform(&rng) - 0.5);
    const uint32_t seed = (uint32_t)sn_rng_next(&rng);
    p->spot_x = p->side * (0.1 + 0.8 * sn_rng_uniform(&rng));
    p->spot_y = p->side * (0.1 + 0.8 * sn_rng_uniform(&rng));
    for (int32_t y = 0; y < p->side; y++)
        for (int32_t x = 0; x < p->side; x++) {
            const double u = x + shift_x, v = y + shift_y;
            double value = light + slope * x / p->side;
            value += (double)(mix((uint32_t)x / 24, (uint32_t)y, seed) & 15) - 7.5; /* brushed along x */
            value += (double)(mix((uint32_t)x, (uint32_t)y, ~seed) & 7) - 3.5;
            const double hole = hypot(u - PITCH * (floor(u / PITCH) + 0.5), v - PITCH * (floor(v / PITCH) + 0.5));
            if (hole < HOLE)
                value = 30 + 0.3 * (value - light);
            else if (hole < HOLE + 8)
                value += 60; /* its bevel */
            const double line = v - PITCH * floor(v / PITCH);
            if (line < 6)
                value -= 50;
            else if (line > 20 && line < 36 && (mix((uint32_t)(int32_t)floor(u / 12), (uint32_t)(v / PITCH), 5) & 3) == 0)
                value -= 35; /* print */
            const double spot = hypot(x - p->spot_x, y - p->spot_y);
            if (p->defect && spot < SPOT / 2.0)
                value -= 45 * fmin(1, SPOT / 2.0 - spot);
            grey[(size_t)y * (size_t)p->side + (size_t)x] = (uint8_t)fmin(fmax(value, 0), 255);
        }
}

static snarm_status give(void *user, size_t index, snarm_image *image) {
    painter *p = user;
    uint8_t *grey = malloc((size_t)p->side * (size_t)p->side);
    if (grey == NULL)
        return SNARM_ERROR_MEMORY;
    paint(p, index, grey);
    *image = (snarm_image){.pixels = grey, .width = p->side, .height = p->side, .format = SNARM_GREY8, .owned = grey};
    return SNARM_OK;
}

static void take_back(void *user, snarm_image *image) {
    (void)user;
    free(image->owned);
}

static double peak_mib(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}

static int tell(void *user, const char *stage, uint64_t done, uint64_t total) {
    (void)user;
    if (done == 0 || done == total)
        fprintf(stderr, "%s %llu of %llu, %.0f s\n", stage, (unsigned long long)done, (unsigned long long)total, sn_seconds());
    return 0;
}

static int fail(void) {
    fprintf(stderr, "%s\n", snarm_last_error());
    return 1;
}

static int fit(char **a) {
    painter p = {.side = atoi(a[2])};
    const snarm_image_source source = {(size_t)atoi(a[3]), give, take_back, &p};
    snarm_fit_options options;
    snarm_fit_options_init(&options);
    options.bank_size = atoi(a[4]);
    options.tile_width = atoi(a[6]);
    options.resize_width = atoi(a[5]);
    if (options.tile_width == 0)
        options.width = options.resize_width;
    options.progress = tell;
    snarm_detector *detector;
    const double began = sn_seconds();
    if (snarm_detector_fit(&detector, a[0], &source, &options) != SNARM_OK || snarm_detector_save(detector, a[1]) != SNARM_OK)
        return fail();
    snarm_detector_info info = {.struct_size = sizeof info};
    if (snarm_detector_get_info(detector, &info) != SNARM_OK)
        return fail();
    printf("fit: %d pictures of %d, canvas %d, %d x %d tiles of %d; threshold %.4f; %.1f s, peak memory %.0f MiB\n",
           (int)info.image_count, (int)p.side, (int)info.preprocess.width, (int)info.tile_columns, (int)info.tile_rows,
           (int)info.backbone->width, (double)info.threshold, sn_seconds() - began, peak_mib());
    snarm_detector_destroy(detector);
    return 0;
}

static int inspect(char **a) {
    painter p = {.side = atoi(a[1])};
    snarm_detector *detector;
    if (snarm_detector_load(&detector, a[0], NULL) != SNARM_OK)
        return fail();
    const double before = peak_mib();
    for (int i = 0; i < 2 * atoi(a[2]); i++) {
        p.defect = i % 2 == 1;
        snarm_image image;
        snarm_result r = {.struct_size = sizeof r};
        if (give(&p, (size_t)(NEW + i / 2), &image) != SNARM_OK)
            return 1;
        const double began = sn_seconds();
        if (snarm_detector_inspect(detector, &image, &r, NULL) != SNARM_OK)
            return fail();
        printf("%s %d: score %.4f (threshold %.4f) %s, largest at %.0f,%.0f", p.defect ? "defect" : "good  ", i / 2,
               (double)r.score, (double)r.threshold, r.anomalous ? "ANOMALOUS" : "normal", r.x, r.y);
        if (p.defect)
            printf(", spot at %.0f,%.0f", p.spot_x, p.spot_y);
        printf("; %.2f s (preprocess %.2f, backbone %.2f, match %.2f, scorer %.2f, map %.2f)\n", sn_seconds() - began,
               r.preprocess_ms / 1e3, r.backbone_ms / 1e3, r.match_ms / 1e3, r.scorer_ms / 1e3, r.map_ms / 1e3);
        fflush(stdout);
        take_back(&p, &image);
    }
    printf("peak memory %.0f MiB, %.0f before the first picture; a picture is %.0f\n", peak_mib(), before,
           (double)p.side * p.side / (1 << 20));
    snarm_detector_destroy(detector);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 9 && strcmp(argv[1], "fit") == 0)
        return fit(argv + 2);
    if (argc == 5 && strcmp(argv[1], "inspect") == 0)
        return inspect(argv + 2);
    fprintf(stderr, "usage: tiles fit WEIGHTS MODEL SIDE PICTURES BANK RESIZE TILE | tiles inspect MODEL SIDE PICTURES\n");
    return 2;
}
