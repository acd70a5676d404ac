#include "map/axis.h"

#include "core/memory.h"

snarm_status sn_axis_create(sn_axis *out, int32_t from, int32_t to, sn_alignment alignment) {
    *out = (sn_axis){NULL, NULL, NULL};
    snarm_status status = sn_alloc(&out->lower, (size_t)to, sizeof *out->lower, "resizing");
    if (status == SNARM_OK)
        status = sn_alloc(&out->upper, (size_t)to, sizeof *out->upper, "resizing");
    if (status == SNARM_OK)
        status = sn_alloc(&out->weight, (size_t)to, sizeof *out->weight, "resizing");
    if (status != SNARM_OK) {
        sn_axis_destroy(out);
        return status;
    }
    for (int32_t i = 0; i < to; i++) {
        double at = alignment == SN_ALIGN_CORNERS ? (to > 1 ? (double)i * (from - 1) / (to - 1) : 0)
                                                  : (i + 0.5) * from / to - 0.5;
        at = at < 0 ? 0 : at > from - 1 ? from - 1 : at;
        out->lower[i] = (int32_t)at;
        out->upper[i] = out->lower[i] < from - 1 ? out->lower[i] + 1 : from - 1;
        out->weight[i] = (float)(at - out->lower[i]);
    }
    return SNARM_OK;
}

void sn_axis_destroy(sn_axis *axis) {
    sn_free(axis->lower);
    sn_free(axis->upper);
    sn_free(axis->weight);
    *axis = (sn_axis){NULL, NULL, NULL};
}

snarm_status sn_check_sides(const char *function, const char *name, int32_t width, int32_t height) {
    if (width < 1 || width > SN_MAP_SIDE_MAX || height < 1 || height > SN_MAP_SIDE_MAX)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: %s is %d x %d, expected sides of 1..%d", function, name, width, height,
                        SN_MAP_SIDE_MAX);
    return SNARM_OK;
}
