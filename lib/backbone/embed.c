/* A backbone's weights inside another file. */
#include "backbone/backbone.h"

#include <stdio.h>

snarm_status sn_backbone_embed(const snarm_backbone *backbone, const sn_safetensors *source, const char *source_prefix,
                               sn_writer *writer, const char *prefix) {
    const char *const *names;
    size_t count;
    sn_backbone_tensors(backbone, &names, &count);
    SN_TRY(sn_writer_copy(writer, source, source_prefix, prefix, names, count));
    /* A weights file of its own does not carry its hash. */
    snarm_backbone_info info = {.struct_size = sizeof info};
    SN_TRY(snarm_backbone_get_info(backbone, &info));
    char key[256];
    snprintf(key, sizeof key, "%ssha256", prefix);
    return sn_writer_metadata(writer, key, info.hash);
}
