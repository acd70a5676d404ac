#include "train/focal_loss.h"

#include "core/threads.h"
#include "kernel/simd.h"

/* Sums of parts of a fixed size, whatever the number of threads, added in their order. A call works on a few
 * parts. */
enum { PARTS = 64, PART_LEAST = 1024 };

typedef struct focal_work {
    sn_focal focal;
    const float *logits;
    const uint8_t *labels;
    size_t count, part;
    float scale, *gradient;
    double sums[PARTS];
} focal_work;

static void run_parts(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    focal_work *work = context;
    for (size_t i = begin; i < end; i++) {
        const size_t last = work->count - i * work->part < work->part ? work->count : (i + 1) * work->part;
        for (size_t at = i * work->part; at < last;) {
            const size_t here = last - at < PART_LEAST ? last - at : PART_LEAST;
            sn_simd_table()->focal(&work->focal, work->logits + at, work->labels + at, here, work->scale,
                                   work->gradient != NULL ? work->gradient + at : NULL, &work->sums[i]);
            at += here;
        }
    }
}

double sn_focal_loss(const float *logits, const uint8_t *labels, size_t count, double alpha, double gamma,
                     double weight, float *gradient) {
    size_t counted = 0;
    for (size_t i = 0; i < count; i++)
        counted += labels[i] != SN_LABEL_IGNORED;
    focal_work work = {
        .focal = {(float)alpha, (float)gamma}, .logits = logits, .labels = labels, .count = count};
    work.scale = counted > 0 ? (float)(weight / (double)counted) : 0;
    work.gradient = gradient;
    work.part = count / PARTS + 1 > PART_LEAST ? count / PARTS + 1 : PART_LEAST;
    const size_t parts = (count + work.part - 1) / work.part;
    sn_parallel(parts, 1, run_parts, &work);
    double sum = 0;
    for (size_t i = 0; i < parts; i++)
        sum += work.sums[i];
    return counted > 0 ? sum / (double)counted : 0;
}
