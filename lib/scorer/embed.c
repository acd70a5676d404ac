/* A scorer's weights inside another file. */
#include "core/memory.h"
#include "scorer/scorer.h"

snarm_status sn_scorer_embed(const sn_safetensors *source, const char *source_prefix, sn_writer *writer,
                             const char *prefix) {
    sn_scorer_weights *weights;
    SN_TRY(sn_scorer_weights_load(&weights, source, source_prefix));
    const char **names;
    snarm_status status = sn_alloc(&names, weights->count, sizeof *names, "names of the scorer's tensors");
    if (status == SNARM_OK) {
        for (size_t i = 0; i < weights->count; i++)
            names[i] = weights->table[i].name;
        status = sn_writer_copy(writer, source, source_prefix, prefix, names, weights->count);
        sn_free(names);
    }
    sn_scorer_weights_destroy(weights);
    return status;
}
