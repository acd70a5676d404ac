/* What a greedy coreset costs, and whether it is the plain loop's:
 *
 *     coreset_work FILE DIMENSIONS COUNT TARGET THREADS [plain]
 *
 * FILE holds float32 points, row by row, of which the first COUNT are used. Prints one JSON object: seconds, processor seconds, peak MiB
 * beyond the points, pairs compared along the axes and distances computed as shares of COUNT * TARGET, and a sum by which
 * selections can be compared. plain: the plain loop selects as well, on one thread, and "same" says whether the indices are equal. */
#define _GNU_SOURCE
#include "bank/coreset.h"
#include "core/clock.h"
#include "core/threads.h"
#include "kernel/simd.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static void fail(const char *what) {
    fprintf(stderr, "coreset_work: %s\n", what);
    exit(2);
}

static void *need(size_t bytes) {
    void *block = malloc(bytes);
    if (block == NULL)
        fail("no memory");
    return block;
}

static float *read_points(const char *path, size_t floats) {
    FILE *file = fopen(path, "rb");
    float *points = need(floats * sizeof *points);
    if (file == NULL || fread(points, sizeof *points, floats, file) != floats)
        fail("the file cannot be read or holds too few points");
    fclose(file);
    return points;
}

/* Peak memory of this process, MiB. (getrusage's peak begins with that of the process that started this one.) */
static double peak_mib(void) {
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    double kib = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "VmHWM: %lf", &kib) == 1)
            break;
    if (file == NULL || kib <= 0)
        fail("/proc/self/status does not tell the peak memory");
    fclose(file);
    return kib / 1024;
}

/* Every point meets every new centre. */
static bool is_plain_loop(const float *points, size_t count, size_t dimensions, const size_t *selected,
                          size_t target) {
    const sn_simd *simd = sn_simd_table();
    float *nearest = need(count * sizeof *nearest);
    for (size_t i = 0; i < count; i++)
        nearest[i] = INFINITY;
    bool same = true;
    for (size_t c = 0; c + 1 < target && same; c++) {
        size_t farthest = 0;
        for (size_t i = 0; i < count; i++) {
            const float distance = simd->ordered_distance(points + i * dimensions,
                                                          points + selected[c] * dimensions, dimensions);
            nearest[i] = distance < nearest[i] ? distance : nearest[i];
            farthest = nearest[i] > nearest[farthest] ? i : farthest;
        }
        same = selected[c + 1] == farthest;
    }
    free(nearest);
    return same;
}

int main(int argc, char **argv) {
    if (argc < 6)
        fail("usage: coreset_work FILE DIMENSIONS COUNT TARGET THREADS [plain]");
    const size_t dimensions = strtoul(argv[2], NULL, 10), count = strtoul(argv[3], NULL, 10);
    const size_t target = strtoul(argv[4], NULL, 10);
    float *points = read_points(argv[1], count * dimensions);
    size_t *selected = need(target * sizeof *selected), chosen;
    sn_coreset_counts work = {0};
    sn_threads_enter(sn_threads_resolve(atoi(argv[5])));
    const double mib = peak_mib(), began = sn_seconds();
    if (sn_coreset_greedy_counted(points, count, dimensions, target, 0, NULL, NULL, selected, &chosen,
                                  &work) != SNARM_OK)
        fail(snarm_last_error());
    const double seconds = sn_seconds() - began;
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    uint64_t sum = 0;
    for (size_t i = 0; i < chosen; i++)
        sum = sum * 6364136223846793005u + selected[i];
    const double pairs = (double)count * (double)target;
    printf("{\"seconds\": %.2f, \"processor_seconds\": %.2f, \"mib\": %.0f, \"along_axes\": %.4f, \"whole\": "
           "%.4f, "
           "\"selection\": \"%016llx\"",
           seconds, (double)used.ru_utime.tv_sec + 1e-6 * (double)used.ru_utime.tv_usec, peak_mib() - mib,
           (double)work.along_axes / pairs, (double)work.whole / pairs, (unsigned long long)sum);
    if (argc > 6)
        printf(", \"same\": %s",
               is_plain_loop(points, count, dimensions, selected, chosen) ? "true" : "false");
    printf("}\n");
    free(points), free(selected);
    return 0;
}
