/* A backbone's weights inside another file. */
#include "backbone/backbone.h"
#include "backbone/weights.h"

#include <stdio.h>
#include <string.h>

static snarm_status join(char *full, const char *prefix, const char *name) {
    int length = snprintf(full, SN_WEIGHTS_NAME, "%s%s", prefix, name);
    if (length < 0 || length >= SN_WEIGHTS_NAME)
        return sn_error(SNARM_ERROR_ARGUMENT, "backbone: the name %s%s has over %d characters", prefix, name, SN_WEIGHTS_NAME - 1);
    return SNARM_OK;
}

static snarm_status embed_tensor(const char *name, const sn_safetensors *source, const char *source_prefix,
                                 sn_writer *writer, const char *prefix) {
    char full[SN_WEIGHTS_NAME];
    SN_TRY(join(full, source_prefix, name));
    const sn_tensor *tensor = sn_safetensors_find(source, full);
    if (tensor == NULL)
        return sn_error(SNARM_ERROR_MISMATCH, "%s: tensor %s is missing, which the backbone was made from",
                        sn_safetensors_path(source), full);
    SN_TRY(join(full, prefix, name));
    return sn_writer_tensor(writer, full, tensor->dtype, tensor->dims, tensor->shape, tensor->data);
}

snarm_status sn_backbone_embed(const snarm_backbone *backbone, const sn_safetensors *source, const char *source_prefix,
                               sn_writer *writer, const char *prefix) {
    static const char *const keys[] = {"image_mean", "image_std", "heads", "norm_eps", "licence", "license"};
    snarm_backbone_info info = {.struct_size = sizeof info};
    SN_TRY(snarm_backbone_get_info(backbone, &info));
    char full[SN_WEIGHTS_NAME];
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        SN_TRY(join(full, source_prefix, keys[i]));
        const char *value = sn_safetensors_metadata(source, full);
        SN_TRY(join(full, prefix, keys[i]));
        if (value != NULL)
            SN_TRY(sn_writer_metadata(writer, full, value));
    }
    SN_TRY(join(full, prefix, "sha256"));
    SN_TRY(sn_writer_metadata(writer, full, info.hash));
    const char *const *names;
    size_t count;
    sn_backbone_tensors(backbone, &names, &count);
    for (size_t i = 0; i < count; i++)
        SN_TRY(embed_tensor(names[i], source, source_prefix, writer, prefix));
    return SNARM_OK;
}
