#include "kernel/type.h"

#include <dnnl.h>
#include <stdatomic.h>

static atomic_bool hidden[SN_TYPE_S8 + 1];

void sn_type_override_fast(sn_type type, bool has) {
    atomic_store(&hidden[type], !has);
}

snarm_status sn_precision_check(int32_t precision, const char *where) {
    if (precision >= SNARM_PRECISION_AUTO && precision <= SNARM_PRECISION_INT8)
        return SNARM_OK;
    return sn_error(SNARM_ERROR_ARGUMENT, "%s: precision is %d, expected %d..%d", where, (int)precision, SNARM_PRECISION_AUTO,
                    SNARM_PRECISION_INT8);
}

snarm_status sn_type_choose(sn_type *out, int32_t precision, const char *function, const char **note) {
    SN_TRY(sn_precision_check(precision, function));
    *note = "";
    *out = SN_TYPE_F32;
    if (precision == SNARM_PRECISION_F32)
        return SNARM_OK;
    if (sn_type_fast(SN_TYPE_BF16))
        *out = SN_TYPE_BF16;
    else
        *note = "the processor has no instructions for bf16";
    return SNARM_OK;
}

bool sn_type_fast(sn_type type) {
    if (atomic_load(&hidden[type]))
        return false;
    const unsigned isa = dnnl_get_effective_cpu_isa();
    /* oneDNN's levels are sets of bits: one that contains another's has its instructions. */
    switch (type) {
    case SN_TYPE_BF16: return (isa & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16;
    case SN_TYPE_S8:
        return (isa & dnnl_cpu_isa_avx512_core_vnni) == dnnl_cpu_isa_avx512_core_vnni ||
               (isa & dnnl_cpu_isa_avx2_vnni) == dnnl_cpu_isa_avx2_vnni;
    default: return true;
    }
}
