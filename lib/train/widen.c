#include "train/widen.h"

#include <math.h>
#include <string.h>

static bool is_embedding(const sn_weight *weight) {
    return strncmp(weight->name, "conv_list.", strlen("conv_list.")) == 0;
}

/* Weights for hybrid residuals; the navigator's are for the inter-residual's half of them. */
static bool sees_residuals(const sn_weight *weight) {
    return weight->dims > 1 && (is_embedding(weight) || strncmp(weight->name, "simple_predictor.", strlen("simple_predictor.")) == 0);
}

void sn_narrow_start(const sn_scorer_weights *narrow, size_t channels) {
    const float factor = (float)sqrt(2.0 / (double)channels);
    for (size_t i = 0; i < narrow->count; i++)
        for (size_t k = 0; k < narrow->table[i].count && is_embedding(&narrow->table[i]); k++)
            narrow->table[i].data[k] *= factor;
}

snarm_status sn_widen(sn_scorer_weights **out, const sn_scorer_weights *narrow, size_t channels, const sn_prior *prior) {
    sn_scorer_weights sizes = *narrow;
    sizes.channels = channels, sizes.prior = *prior;
    SN_TRY(sn_scorer_weights_create(out, &sizes));
    const size_t quarter = channels / 2;
    const float share = (float)(1 / sqrt((double)quarter));
    for (size_t i = 0; i < narrow->count; i++) {
        const sn_weight *from = &narrow->table[i], *to = &(*out)->table[i];
        if (!sees_residuals(from))
            memcpy(to->data, from->data, from->count * sizeof *from->data);
        else
            for (size_t k = 0; k < to->count; k++)
                to->data[k] = share * from->data[k / quarter];
    }
    return SNARM_OK;
}
