#include "kernel/simd.h"

#include <stdatomic.h>

extern const sn_simd sn_simd_plain;
#if defined(__x86_64__)
extern const sn_simd sn_simd_avx2, sn_simd_avx512;
#endif

sn_simd_level sn_simd_best(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return SN_SIMD_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return SN_SIMD_AVX2;
#endif
    return SN_SIMD_PLAIN;
}

static const sn_simd *table_of(sn_simd_level level) {
#if defined(__x86_64__)
    if (level == SN_SIMD_AVX512)
        return &sn_simd_avx512;
    if (level == SN_SIMD_AVX2)
        return &sn_simd_avx2;
#endif
    (void)level;
    return &sn_simd_plain;
}

static _Atomic(const sn_simd *) chosen;

const sn_simd *sn_simd_table(void) {
    const sn_simd *table = atomic_load_explicit(&chosen, memory_order_acquire);
    if (table == NULL) {
        /* Two threads may both come here first; both store the same table. */
        table = table_of(sn_simd_best());
        atomic_store_explicit(&chosen, table, memory_order_release);
    }
    return table;
}

sn_simd_level sn_simd_override(sn_simd_level level) {
    sn_simd_level best = sn_simd_best();
    if (level > best)
        level = best;
    atomic_store_explicit(&chosen, table_of(level), memory_order_release);
    return level;
}
