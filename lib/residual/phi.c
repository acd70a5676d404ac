#include "residual/phi.h"

#include "core/threads.h"
#include "kernel/simd.h"

typedef struct phi_work {
    const float *residual;
    size_t channels, dst_stride;
    float scale;
    float *dst;
} phi_work;

static void phi_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const phi_work *work = context;
    const sn_simd *simd = sn_simd_table();
    for (size_t i = begin; i < end; i++)
        simd->phi(work->residual + i * work->channels, work->channels, work->scale, work->dst + i * work->dst_stride);
}

void sn_phi(const float *residual, size_t rows, size_t channels, float scale, float *dst, size_t dst_stride) {
    phi_work work = {residual, channels, dst_stride, scale, dst};
    sn_parallel(rows, 16, phi_rows, &work);
}
