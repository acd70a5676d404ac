#include "make_scorer.h"

#include "core/rng.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

sn_scorer_weights scorer_paper_sizes(void) {
    return (sn_scorer_weights){.channels = 512,
                               .embedding = 128,
                               .branches = 4,
                               .depth = 2,
                               .states = 4,
                               .rank = 8,
                               .taps = 4,
                               .rates = {3, 6, 12, 24},
                               .reference_ratio = 0.75};
}

static bool ends_with(const char *name, const char *ending) {
    size_t a = strlen(name), b = strlen(ending);
    return a >= b && strcmp(name + a - b, ending) == 0;
}

static void fill(const sn_weight *weight, sn_rng *rng) {
    float centre = 0, reach = 0.2f;
    if (weight->dims > 1) {
        reach = sqrtf(3.0f * (float)weight->shape[0] / (float)weight->count);
    } else if (ends_with(weight->name, "norm.weight") || strncmp(weight->name, "norm_list", 9) == 0 ||
               ends_with(weight->name, "mixer.D") || ends_with(weight->name, "running_var")) {
        centre = ends_with(weight->name, ".bias") ? 0 : 1;
    } else if (ends_with(weight->name, "dt_proj.bias")) {
        centre = -3, reach = 2;
    }
    const bool a_log = ends_with(weight->name, "A_log");
    for (size_t i = 0; i < weight->count; i++) {
        float random = (float)(2 * sn_rng_uniform(rng) - 1);
        weight->data[i] =
            a_log ? logf((float)(i % (size_t)weight->shape[1]) + 1) + 0.2f * random : centre + reach * random;
    }
}

snarm_status random_scorer_weights(sn_scorer_weights **out, const sn_scorer_weights *sizes, uint64_t seed) {
    SN_TRY(sn_scorer_weights_create(out, sizes));
    sn_rng rng;
    sn_rng_seed(&rng, seed, 0);
    for (size_t i = 0; i < (*out)->count; i++)
        fill(&(*out)->table[i], &rng);
    return SNARM_OK;
}

static snarm_status announce(sn_writer *writer, const sn_scorer_weights *weights, const char *leave_out) {
    static const int64_t batches = 1000;
    char text[256] = "";
    for (size_t b = 0; b < weights->branches; b++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%zu", b > 0 ? "," : "",
                 weights->rates[b]);
    SN_TRY(sn_writer_metadata(writer, "scales", text));
    if (weights->reference_ratio != 0)
        SN_TRY(sn_writer_metadata_double(writer, "self_ratio", weights->reference_ratio));
    for (size_t i = 0; i < weights->count; i++) {
        const sn_weight *weight = &weights->table[i];
        if (leave_out == NULL || strcmp(weight->name, leave_out) != 0)
            SN_TRY(sn_writer_tensor(writer, weight->name, SN_F32, weight->dims, weight->shape, weight->data));
    }
    for (size_t i = 0; i < weights->branches * SN_SCANS; i++) {
        snprintf(text, sizeof text, "head_list.%zu.0.norm.num_batches_tracked", i);
        SN_TRY(sn_writer_tensor(writer, text, SN_I64, 0, NULL, &batches));
    }
    return sn_writer_finish(writer);
}

snarm_status write_scorer(const char *path, const sn_scorer_weights *weights, const char *leave_out) {
    sn_writer *writer;
    SN_TRY(sn_writer_create(&writer, path));
    snarm_status status = announce(writer, weights, leave_out);
    sn_writer_destroy(writer);
    return status;
}

snarm_status make_scorer(const char *path, const sn_scorer_weights *sizes, uint64_t seed) {
    sn_scorer_weights *weights;
    SN_TRY(random_scorer_weights(&weights, sizes, seed));
    snarm_status status = write_scorer(path, weights, NULL);
    sn_scorer_weights_destroy(weights);
    return status;
}
