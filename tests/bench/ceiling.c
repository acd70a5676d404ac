/* ceiling THREADS SIDE MEBIBYTES: what this machine can do at most, measured with the library's own matrix product: GFLOP/s of a square
 * product in each precision, and GB/s of reading a large array. One JSON object on stdout; the best of several runs counts. */
#include "core/clock.h"
#include "core/memory.h"
#include "core/rng.h"
#include "core/threads.h"
#include "kernel/gemm.h"

#include <stdio.h>
#include <stdlib.h>

enum { RUNS = 8 };

/* One line a precision that the product can be asked for. */
typedef struct precision {
    const char *name;
    sn_gemm_shape shape; /* rows, inner and columns are filled in */
} precision;
static const precision precisions[] = {
    {"f32", {.activation = SN_ACTIVATION_NONE}},
    {"bf16", {.type = SN_TYPE_BF16}},
    {"int8", {.type = SN_TYPE_S8}},
};

static void must(snarm_status status) {
    if (status != SNARM_OK) {
        fprintf(stderr, "ceiling: %s\n", snarm_last_error());
        exit(1);
    }
}

static float *random_matrix(size_t side, uint64_t seed) {
    float *values;
    must(sn_alloc(&values, side * side, sizeof *values, "matrix"));
    sn_rng rng;
    sn_rng_seed(&rng, seed, 0);
    for (size_t i = 0; i < side * side; i++)
        values[i] = (float)sn_rng_uniform(&rng) - 0.5f;
    return values;
}

static double product_gflops(const precision *p, size_t side) {
    sn_gemm_shape shape = p->shape;
    shape.rows = shape.inner = shape.columns = side;
    sn_gemm *gemm;
    sn_stream *stream;
    must(sn_gemm_create(&gemm, &shape));
    must(sn_stream_create(&stream));
    float *src = random_matrix(side, 1), *weights = random_matrix(side, 2), *dst = random_matrix(side, 3);
    char *packed;
    must(sn_alloc(&packed, sn_gemm_packed_bytes(gemm), 1, "packed weights"));
    must(sn_gemm_pack(gemm, weights, 0, packed));
    double best = 0;
    for (int run = -1; run < RUNS; run++) { /* the first is not counted */
        const double began = sn_seconds();
        must(sn_gemm_run(gemm, stream, src, packed, NULL, dst));
        const double rate = 2e-9 * (double)side * (double)side * (double)side / (sn_seconds() - began);
        best = run >= 0 && rate > best ? rate : best;
    }
    sn_free(packed), sn_free(dst), sn_free(weights), sn_free(src);
    sn_stream_destroy(stream);
    sn_gemm_destroy(gemm);
    return best;
}

typedef struct reading {
    const uint64_t *words;
    uint64_t sums[SN_THREADS_MAX][8]; /* a cache line each */
} reading;

/* Sums of whole numbers, which a compiler may vectorise, are far faster than memory. */
static void read_part(void *context, size_t begin, size_t end, int thread) {
    reading *r = context;
    uint64_t sum = 0;
    for (size_t i = begin; i < end; i++)
        sum += r->words[i];
    r->sums[thread][0] += sum;
}

static double reading_gbs(size_t bytes) {
    uint64_t *words;
    const size_t count = bytes / sizeof *words;
    must(sn_alloc(&words, count, sizeof *words, "array"));
    for (size_t i = 0; i < count; i++)
        words[i] = i;
    static reading r;
    r.words = words;
    double best = 0;
    for (int run = 0; run < RUNS; run++) {
        const double began = sn_seconds();
        sn_parallel(count, 512, read_part, &r);
        const double rate = 1e-9 * (double)bytes / (sn_seconds() - began);
        best = rate > best ? rate : best;
    }
    uint64_t sum = 0;
    for (int t = 0; t < SN_THREADS_MAX; t++)
        sum += r.sums[t][0];
    sn_free(words);
    if (sum != RUNS * ((uint64_t)count * (count - 1) / 2)) { /* also keeps the reads from being left out */
        fprintf(stderr, "ceiling: the sum of the array read is wrong\n");
        exit(1);
    }
    return best;
}

int main(int argc, char **argv) {
    const int threads = argc == 4 ? atoi(argv[1]) : 0;
    const long side = argc == 4 ? atol(argv[2]) : 0, mebibytes = argc == 4 ? atol(argv[3]) : 0;
    if (threads < 1 || threads > SN_THREADS_MAX || side < 16 || side > 16384 || mebibytes < 1 ||
        mebibytes > 16384) {
        fprintf(stderr, "usage: ceiling THREADS SIDE MEBIBYTES: threads 1..64, the matrices' side 16..16384, "
                        "the array's MiB 1..16384\n");
        return 2;
    }
    const int former = sn_threads_enter(threads);
    printf("{\"threads\": %d, \"side\": %ld, \"mebibytes\": %ld, \"gflops\": {", threads, side, mebibytes);
    for (size_t i = 0; i < sizeof precisions / sizeof *precisions; i++)
        if (sn_type_fast(precisions[i].shape.type)) /* f32, the first, always is */
            printf("%s\"%s\": %.1f", i > 0 ? ", " : "", precisions[i].name,
                   product_gflops(&precisions[i], (size_t)side));
    printf("}, \"read_gbs\": %.2f}\n", reading_gbs((size_t)mebibytes << 20));
    sn_threads_leave(former);
    return 0;
}
