/* A bank as its searches see it: along the filter's axes, in steps of 8-bit integers, block by block as oneDNN wants it. */
#include "bank/bank.h"

#include "core/memory.h"
#include "core/threads.h"
#include "kernel/simd.h"

#include <math.h>
#include <string.h>

enum { CHUNK = SN_BANK_BLOCK, /* the larger of both kinds of blocks */ MOST_STEPS = 127, SAMPLED_BLOCKS = 16 };

/* The steps reach so many deviations along the longest axis, or as far as the farthest vector where that is nearer. What lies farther,
 * a few vectors and the queries of defects, counts as lying at the end: which vectors are ranked for them may then not be quite the
 * nearest, and their distances come out larger, never smaller. A few far vectors would leave all others too coarse otherwise. */
static const double reach = 4;

/* One thread's. */
typedef struct bench {
    sn_stream *stream;
    float *vectors; /* (block, C), with cells */
    float *rows;   /* (chunk and a tile, inner) */
    float *padded; /* (tile, C) */
    int8_t *steps; /* (block, inner) */
    double *sums;  /* (2, inner): of values, of their squares */
    float farthest;
    snarm_status status;
} bench;

typedef struct packing {
    snarm_bank *bank;
    const sn_cells *cells; /* or NULL */
    size_t inner;
    bench benches[SN_THREADS_MAX];
    int threads;
} packing;

static snarm_status open_bench(bench *b, const packing *p) {
    SN_TRY(sn_stream_create(&b->stream));
    if (p->cells != NULL)
        SN_TRY(sn_alloc(&b->vectors, CHUNK, (size_t)p->bank->channels * sizeof(float), "bank block"));
    SN_TRY(sn_alloc(&b->rows, CHUNK + SN_ROW_TILE, p->inner * sizeof(float), "bank block"));
    SN_TRY(sn_alloc_zeroed(&b->padded, SN_ROW_TILE, (size_t)p->bank->channels * sizeof(float), "bank block"));
    SN_TRY(sn_alloc(&b->steps, CHUNK, p->inner, "bank block"));
    return sn_alloc_zeroed(&b->sums, 2 * p->inner, sizeof(double), "bank block");
}

static void close_bench(bench *b) {
    sn_stream_destroy(b->stream);
    sn_free(b->vectors);
    sn_free(b->rows);
    sn_free(b->padded);
    sn_free(b->steps);
    sn_free(b->sums);
}

/* Vectors first.. of the bank as products see them, before they are counted in steps. */
static snarm_status take_rows(const packing *p, bench *b, size_t first, size_t rows) {
    const snarm_bank *bank = p->bank;
    const size_t channels = (size_t)bank->channels;
    const float *vectors = bank->vectors + first * channels;
    if (p->cells != NULL) {
        for (size_t i = 0; i < rows; i++)
            memcpy(b->vectors + i * channels, bank->vectors + (size_t)p->cells->order[first + i] * channels,
                   channels * sizeof *vectors);
        vectors = b->vectors;
    }
    if (bank->filter != NULL)
        return sn_filter_run(bank->filter, b->stream, vectors, rows, b->padded, b->rows);
    memcpy(b->rows, vectors, rows * p->inner * sizeof *b->rows);
    return SNARM_OK;
}

static size_t rows_of(const snarm_bank *bank, size_t block) {
    const size_t left = bank->count - block * bank->block;
    return left < bank->block ? left : bank->block;
}

static snarm_status look_far(packing *p, bench *b, size_t block) {
    const size_t rows = rows_of(p->bank, block);
    SN_TRY(take_rows(p, b, block * p->bank->block, rows));
    for (size_t i = 0; i < rows * p->inner; i++)
        b->farthest = fmaxf(b->farthest, fabsf(b->rows[i]));
    return SNARM_OK;
}

static float half_norm_of_steps(const int8_t *steps, size_t count) {
    int32_t sum = 0;
    for (size_t c = 0; c < count; c++)
        sum += steps[c] * steps[c];
    return 0.5f * (float)sum;
}

/* The mean of a cell's vectors, and what is taken off for their spread. */
static void describe_cell(packing *p, const bench *b, size_t block, size_t rows) {
    snarm_bank *bank = p->bank;
    float *centre = bank->centres + block * p->inner;
    double spread = 0, square = 0;
    for (size_t c = 0; c < p->inner; c++) {
        double sum = 0, squares = 0;
        for (size_t i = 0; i < rows; i++) {
            const double value = (double)b->rows[i * p->inner + c];
            sum += value;
            squares += value * value;
        }
        const double mean = sum / (double)rows;
        centre[c] = (float)-mean;
        square += mean * mean;
        spread += squares / (double)rows - mean * mean;
    }
    bank->centre_norms[block] = (float)(0.5 * square - 0.25 * spread);
    for (size_t i = 0; i < rows; i++)
        bank->owners[block * bank->block + i] = bank->images[p->cells->order[block * bank->block + i]];
}

static snarm_status pack(packing *p, bench *b, size_t block) {
    const snarm_bank *bank = p->bank;
    const size_t first = block * bank->block, rows = rows_of(bank, block), inner = p->inner;
    const sn_simd *simd = sn_simd_table();
    const bool steps = bank->type == SN_TYPE_S8;
    SN_TRY(take_rows(p, b, first, rows));
    if (p->cells != NULL)
        describe_cell(p, b, block, rows);
    memset(b->rows + rows * inner, 0, (bank->block - rows) * inner * sizeof *b->rows);
    for (size_t i = 0; i < bank->block; i++) {
        float *row = b->rows + i * inner;
        if (steps) {
            simd->scale_s8(row, -1 / bank->step, inner, b->steps + i * inner);
            bank->norms[first + i] = half_norm_of_steps(b->steps + i * inner, inner);
        } else {
            bank->norms[first + i] = 0.5f * simd->dot(row, row, inner);
            simd->scale(row, -1, inner, row);
        }
        if (i >= rows)
            bank->norms[first + i] = INFINITY;
    }
    return sn_gemm_pack(bank->tiles.sizes[0].gemm, steps ? (const void *)b->steps : b->rows, 0,
                        bank->packed + block * bank->packed_bytes);
}

typedef struct pass {
    packing *packing;
    snarm_status (*work)(packing *p, bench *b, size_t block);
} pass;

static void run_share(void *context, size_t begin, size_t end, int thread) {
    const pass *run = context;
    bench *b = &run->packing->benches[thread];
    const int former = sn_threads_enter(1);
    for (size_t block = begin; block < end && b->status == SNARM_OK; block++)
        b->status = run->work(run->packing, b, block);
    sn_threads_leave(former);
}

static snarm_status run_pass(packing *p, snarm_status (*work)(packing *p, bench *b, size_t block)) {
    pass run = {p, work};
    sn_parallel(p->bank->blocks, 1, run_share, &run);
    for (int i = 0; i < p->threads; i++)
        if (p->benches[i].status != SNARM_OK) /* the sentence of a failure stayed with the thread that met it */
            return sn_error(p->benches[i].status, "bank: a block could not be packed: %s", snarm_status_name(p->benches[i].status));
    return SNARM_OK;
}

/* The middle of the bank and its deviation along the longest axis, as some blocks from all over it tell; by one thread, so that they are
 * the same with any number of them. */
static snarm_status find_origin(packing *p, double *deviation) {
    const snarm_bank *bank = p->bank;
    bench *b = &p->benches[0];
    float *origin = bank->filter->origin;
    size_t seen = 0;
    memset(origin, 0, p->inner * sizeof *origin);
    for (size_t block = 0; block < bank->blocks; block += 1 + bank->blocks / SAMPLED_BLOCKS) {
        const size_t rows = rows_of(bank, block);
        SN_TRY(take_rows(p, b, block * bank->block, rows));
        for (size_t i = 0; i < rows; i++)
            for (size_t c = 0; c < p->inner; c++) {
                const double value = (double)b->rows[i * p->inner + c];
                b->sums[c] += value;
                b->sums[p->inner + c] += value * value;
            }
        seen += rows;
    }
    *deviation = 0;
    for (size_t c = 0; c < p->inner; c++) {
        const double mean = b->sums[c] / (double)seen, variance = b->sums[p->inner + c] / (double)seen - mean * mean;
        origin[c] = (float)-mean;
        *deviation = variance > *deviation * *deviation ? sqrt(variance) : *deviation;
    }
    return SNARM_OK;
}

/* The origin, and for integers their steps. */
static snarm_status measure(packing *p) {
    snarm_bank *bank = p->bank;
    double deviation;
    SN_TRY(find_origin(p, &deviation));
    if (bank->type != SN_TYPE_S8)
        return SNARM_OK;
    SN_TRY(run_pass(p, look_far));
    float farthest = 0;
    for (int i = 0; i < p->threads; i++)
        farthest = fmaxf(farthest, p->benches[i].farthest);
    farthest = fminf(farthest, (float)(reach * deviation));
    bank->step = farthest > 0 ? farthest / MOST_STEPS : 1;
    return SNARM_OK;
}

static snarm_status pack_all(packing *p) {
    p->threads = sn_threads_current();
    for (int i = 0; i < p->threads; i++)
        SN_TRY(open_bench(&p->benches[i], p));
    if (p->bank->filter != NULL)
        SN_TRY(measure(p));
    return run_pass(p, pack);
}

static snarm_status make_centres(snarm_bank *bank) {
    const size_t padded = (bank->blocks + 15) / 16 * 16, axes = bank->filter->axes;
    SN_TRY(sn_alloc(&bank->owners, bank->count, sizeof(int32_t), "cells"));
    SN_TRY(sn_alloc_zeroed(&bank->centres, padded, axes * sizeof(float), "cells"));
    SN_TRY(sn_alloc(&bank->centre_norms, padded, sizeof(float), "cells"));
    for (size_t i = bank->blocks; i < padded; i++)
        bank->centre_norms[i] = INFINITY;
    SN_TRY(sn_row_tiles_create(&bank->centre_tiles, SN_TYPE_F32, axes, padded));
    return sn_alloc(&bank->packed_centres, 1, sn_gemm_packed_bytes(bank->centre_tiles.sizes[0].gemm), "cells");
}

bool sn_bank_may_use_integers(const snarm_bank *bank) {
    return (bank->precision == SNARM_PRECISION_AUTO || bank->precision == SNARM_PRECISION_INT8) && sn_type_fast(SN_TYPE_S8);
}

snarm_status sn_bank_pack(snarm_bank *bank) {
    bank->type = bank->filter != NULL && bank->filter->integers && sn_bank_may_use_integers(bank) ? SN_TYPE_S8 : SN_TYPE_F32;
    const sn_cells *cells = bank->filter != NULL ? bank->filter->cells : NULL;
    const size_t rounded = (bank->count + 15) / 16 * 16, largest = cells != NULL ? SN_CELL : SN_BANK_BLOCK;
    bank->block = rounded < largest ? rounded : largest;
    bank->blocks = (bank->count + bank->block - 1) / bank->block;
    const size_t inner = bank->filter != NULL ? bank->filter->axes : (size_t)bank->channels;
    SN_TRY(sn_row_tiles_create(&bank->tiles, bank->type, inner, bank->block));
    bank->packed_bytes = sn_align_up(sn_gemm_packed_bytes(bank->tiles.sizes[0].gemm));
    SN_TRY(sn_alloc(&bank->packed, bank->blocks, bank->packed_bytes, "packed bank"));
    SN_TRY(sn_alloc(&bank->norms, bank->blocks, bank->block * sizeof(float), "bank norms"));
    if (cells != NULL)
        SN_TRY(make_centres(bank));
    packing *p;
    SN_TRY(sn_alloc_zeroed(&p, 1, sizeof *p, "packed bank"));
    p->bank = bank, p->inner = inner, p->cells = cells;
    snarm_status status = pack_all(p);
    if (status == SNARM_OK && cells != NULL)
        status = sn_gemm_pack(bank->centre_tiles.sizes[0].gemm, bank->centres, 0, bank->packed_centres);
    for (int i = 0; i < p->threads; i++)
        close_bench(&p->benches[i]);
    sn_free(p);
    return status;
}
