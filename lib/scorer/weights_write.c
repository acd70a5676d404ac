/* Scorers' weights to files. */
#include "io/number_list.h"
#include "scorer/weights.h"

#include <stdio.h>
#include <string.h>

enum { NAME_MAX_ALL = 64 + SN_WEIGHT_NAME_MAX };

/* PyTorch's batch norms count their batches, and its strict loading asks for the number. */
static snarm_status write_counts(const sn_scorer_weights *w, sn_writer *writer, const char *prefix) {
    static const int64_t none = 0;
    for (size_t i = 0; i < w->branches * SN_SCANS; i++) {
        char name[NAME_MAX_ALL];
        snprintf(name, sizeof name, "%.63shead_list.%zu.0.norm.num_batches_tracked", prefix, i);
        SN_TRY(sn_writer_tensor(writer, name, SN_I64, 0, NULL, &none));
    }
    return SNARM_OK;
}

static snarm_status write_stages(const sn_prior *prior, sn_writer *writer, const char *prefix) {
    char key[NAME_MAX_ALL], text[SN_NUMBER_LIST_SIZE(SN_STAGES_MAX)];
    sn_number_list_write(prior->stages.channels, (size_t)prior->stages.count, text);
    snprintf(key, sizeof key, "%.63sprior_stages", prefix);
    return sn_writer_metadata(writer, key, text);
}

static snarm_status write_metadata(const sn_scorer_weights *w, sn_writer *writer, const char *prefix) {
    char key[NAME_MAX_ALL], text[SN_NUMBER_LIST_SIZE(SN_BRANCHES_MAX)];
    int32_t rates[SN_BRANCHES_MAX];
    for (size_t b = 0; b < w->branches; b++)
        rates[b] = (int32_t)w->rates[b];
    sn_number_list_write(rates, w->branches, text);
    snprintf(key, sizeof key, "%.63sscales", prefix);
    SN_TRY(sn_writer_metadata(writer, key, text));
    const struct {
        const char *key;
        double value;
        bool known;
    } reals[] = {{"self_ratio", w->reference_ratio, w->reference_ratio != 0},
                 {"residual_scale", w->residual_scale, w->residual_scale != 0},
                 {"prior_slope", w->prior.slope, w->prior.slope != 0},
                 {"prior_centre", w->prior.centre, w->prior.slope != 0},
                 {"prior_border", w->prior.border, w->prior.slope != 0 && w->prior.border != 0}};
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        snprintf(key, sizeof key, "%.63s%s", prefix, reals[i].key);
        if (reals[i].known)
            SN_TRY(sn_writer_metadata_double(writer, key, reals[i].value));
    }
    if (w->prior.slope != 0 && w->prior.stages.count > 0)
        SN_TRY(write_stages(&w->prior, writer, prefix));
    snprintf(key, sizeof key, "%.63sneighbours", prefix);
    return w->neighbours != 0 ? sn_writer_metadata_int(writer, key, w->neighbours) : SNARM_OK;
}

snarm_status sn_scorer_weights_write(const sn_scorer_weights *w, sn_writer *writer, const char *prefix) {
    for (size_t i = 0; i < w->count; i++) {
        const sn_weight *weight = &w->table[i];
        char name[NAME_MAX_ALL];
        snprintf(name, sizeof name, "%.63s%s", prefix, weight->name);
        SN_TRY(sn_writer_tensor(writer, name, SN_F32, weight->dims, weight->shape, weight->data));
    }
    SN_TRY(write_counts(w, writer, prefix));
    return write_metadata(w, writer, prefix);
}

snarm_status sn_scorer_weights_save(const sn_scorer_weights *weights, const char *path) {
    sn_writer *writer;
    SN_TRY(sn_writer_create(&writer, path));
    snarm_status status = sn_scorer_weights_write(weights, writer, "");
    if (status == SNARM_OK)
        status = sn_writer_finish(writer);
    sn_writer_destroy(writer);
    return status;
}
