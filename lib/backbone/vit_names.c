#include "backbone/vit_names.h"

#include "core/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Meta's and timm's differ in the registers' name only; Hugging Face has one naming for DINOv2 and another for plain ViTs,
 * whose published configuration also has another epsilon. */
static const sn_vit_names namings[] = {
    {.patch = "patch_embed.proj", .cls = "cls_token", .registers = "register_tokens", .position = "pos_embed",
     .block = "blocks.%zu.", .qkv = "attn.qkv", .proj = "attn.proj", .fc1 = "mlp.fc1", .fc2 = "mlp.fc2",
     .norm1 = "norm1", .norm2 = "norm2", .scale1 = "ls1.gamma", .scale2 = "ls2.gamma", .epsilon = 1e-6},
    {.patch = "patch_embed.proj", .cls = "cls_token", .registers = "reg_token", .position = "pos_embed",
     .block = "blocks.%zu.", .qkv = "attn.qkv", .proj = "attn.proj", .fc1 = "mlp.fc1", .fc2 = "mlp.fc2",
     .norm1 = "norm1", .norm2 = "norm2", .scale1 = "ls1.gamma", .scale2 = "ls2.gamma", .epsilon = 1e-6},
    {.patch = "embeddings.patch_embeddings.projection", .cls = "embeddings.cls_token",
     .registers = "embeddings.register_tokens", .position = "embeddings.position_embeddings",
     .block = "encoder.layer.%zu.", .query = "attention.attention.query", .key = "attention.attention.key",
     .value = "attention.attention.value", .proj = "attention.output.dense", .fc1 = "mlp.fc1", .fc2 = "mlp.fc2",
     .norm1 = "norm1", .norm2 = "norm2", .scale1 = "layer_scale1.lambda1", .scale2 = "layer_scale2.lambda1",
     .epsilon = 1e-6},
    {.patch = "embeddings.patch_embeddings.projection", .cls = "embeddings.cls_token",
     .registers = "embeddings.register_tokens", .position = "embeddings.position_embeddings",
     .block = "encoder.layer.%zu.", .query = "attention.attention.query", .key = "attention.attention.key",
     .value = "attention.attention.value", .proj = "attention.output.dense", .fc1 = "intermediate.dense",
     .fc2 = "output.dense", .norm1 = "layernorm_before", .norm2 = "layernorm_after", .epsilon = 1e-12},
};
enum { META, TIMM, HUGGING_FACE, HUGGING_FACE_PLAIN };

/* No published ViT is near these; a file beyond them is broken, and sizes below cannot overflow. */
enum { DIM_MAX = 16384, PATCH_MAX = 64, REGISTERS_MAX = 256, MLP_MAX = 131072, SIDE_MAX = 2048, DEPTH_MAX = 1024 };

bool sn_vit_recognise(sn_weights *weights) {
    return sn_weights_choose_prefix(weights, "patch_embed.proj.weight") ||
           sn_weights_choose_prefix(weights, "embeddings.patch_embeddings.projection.weight");
}

static const sn_vit_names *choose_naming(const sn_weights *weights) {
    if (sn_weights_find(weights, "patch_embed.proj.weight") != NULL)
        return &namings[sn_weights_find(weights, "reg_token") != NULL ? TIMM : META];
    if (sn_weights_find(weights, "encoder.layer.0.layernorm_before.weight") != NULL)
        return &namings[HUGGING_FACE_PLAIN];
    return &namings[HUGGING_FACE];
}

static const sn_tensor *find_in_block(const sn_weights *weights, const sn_vit_names *names, size_t index,
                                      const char *part) {
    char prefix[64];
    snprintf(prefix, sizeof prefix, names->block, index);
    return sn_weights_find(weights, "%s%s", prefix, part);
}

static snarm_status check_range(const sn_weights *weights, const char *field, int64_t value, int64_t most) {
    if (value >= 1 && value <= most)
        return SNARM_OK;
    return sn_error(SNARM_ERROR_UNSUPPORTED, "%s: %s is %lld, expected 1..%lld", sn_safetensors_path(weights->file),
                    field, (long long)value, (long long)most);
}

static snarm_status infer_patch(const sn_weights *weights, sn_vit_config *config) {
    const sn_tensor *tensor;
    SN_TRY(sn_weights_require(weights, &tensor, 4, (int64_t[]){-1, 3, -1, -1}, "%s.weight", config->names->patch));
    SN_TRY(check_range(weights, "the number of channels", tensor->shape[0], DIM_MAX));
    SN_TRY(check_range(weights, "the patch size", tensor->shape[2], PATCH_MAX));
    if (tensor->shape[2] != tensor->shape[3])
        return sn_error(SNARM_ERROR_UNSUPPORTED, "%s: tensor %s has patches of %lldx%lld, expected square ones",
                        sn_safetensors_path(weights->file), tensor->name, (long long)tensor->shape[3],
                        (long long)tensor->shape[2]);
    config->dim = (size_t)tensor->shape[0];
    config->patch = (size_t)tensor->shape[2];
    return SNARM_OK;
}

static size_t square_root(int64_t value) {
    int64_t root = value < 0 ? 0 : (int64_t)(sqrt((double)value) + 0.5);
    return root * root == value ? (size_t)root : 0;
}

static snarm_status infer_tokens(const sn_weights *weights, sn_vit_config *config) {
    const int64_t dim = (int64_t)config->dim;
    const sn_tensor *tensor;
    SN_TRY(sn_weights_require(weights, &tensor, 3, (int64_t[]){1, -1, dim}, "%s", config->names->position));
    /* With the class token's position first, or a plain square: at least four patches, no number is both. */
    const int64_t positions = tensor->shape[1];
    config->position_side = square_root(positions - 1);
    config->position_has_cls = config->position_side > 0;
    if (!config->position_has_cls)
        config->position_side = square_root(positions);
    if (config->position_side == 0 || config->position_side > SIDE_MAX)
        return sn_error(SNARM_ERROR_UNSUPPORTED, "%s: tensor %s has %lld positions, expected a square or one more",
                        sn_safetensors_path(weights->file), tensor->name, (long long)positions);
    if (sn_weights_find(weights, "%s", config->names->registers) == NULL)
        return SNARM_OK;
    SN_TRY(sn_weights_require(weights, &tensor, 3, (int64_t[]){1, -1, dim}, "%s", config->names->registers));
    SN_TRY(check_range(weights, "the number of registers", tensor->shape[1], REGISTERS_MAX));
    config->registers = (size_t)tensor->shape[1];
    return SNARM_OK;
}

static snarm_status infer_mlp(const sn_weights *weights, sn_vit_config *config) {
    const sn_vit_names *names = config->names;
    static const char *const gated[] = {"mlp.w12.weight", "mlp.weights_in.weight", "mlp.fc1_g.weight"};
    for (size_t i = 0; i < sizeof gated / sizeof *gated; i++)
        if (find_in_block(weights, names, 0, gated[i]) != NULL)
            return sn_error(SNARM_ERROR_UNSUPPORTED, "%s: tensor %s belongs to a SwiGLU MLP (as DINOv2 giant has), which "
                            "this version does not run", sn_safetensors_path(weights->file), gated[i]);
    char block[64];
    snprintf(block, sizeof block, names->block, (size_t)0);
    const sn_tensor *in, *out;
    SN_TRY(sn_weights_require(weights, &in, 2, (int64_t[]){-1, (int64_t)config->dim}, "%s%s.weight", block, names->fc1));
    SN_TRY(sn_weights_require(weights, &out, 2, (int64_t[]){(int64_t)config->dim, -1}, "%s%s.weight", block, names->fc2));
    SN_TRY(check_range(weights, "the width of the MLP", in->shape[0], MLP_MAX));
    if (in->shape[0] == 2 * out->shape[1])
        return sn_error(SNARM_ERROR_UNSUPPORTED, "%s: tensor %s belongs to a SwiGLU MLP (as DINOv2 giant has), which this "
                        "version does not run", sn_safetensors_path(weights->file), in->name);
    config->mlp = (size_t)in->shape[0];
    return SNARM_OK;
}

static snarm_status infer_heads(const sn_weights *weights, sn_vit_config *config) {
    int64_t heads;
    SN_TRY(sn_weights_metadata_int(weights, "heads", 1, (int64_t)config->dim, (int64_t)config->dim / 64, &heads));
    if (heads == 0 || (int64_t)config->dim % heads != 0 ||
        (config->dim % 64 != 0 && sn_weights_metadata(weights, "heads") == NULL))
        return sn_error(SNARM_ERROR_FORMAT, "%s: metadata heads is %s, expected a divisor of the %zu channels%s",
                        sn_safetensors_path(weights->file),
                        sn_weights_metadata(weights, "heads") == NULL ? "missing" : sn_weights_metadata(weights, "heads"),
                        config->dim, config->dim % 64 != 0 ? ", which are not whole heads of 64" : "");
    config->heads = (size_t)heads;
    return SNARM_OK;
}

snarm_status sn_vit_infer(const sn_weights *weights, sn_vit_config *out) {
    memset(out, 0, sizeof *out);
    out->names = choose_naming(weights);
    SN_TRY(infer_patch(weights, out));
    SN_TRY(infer_tokens(weights, out));
    SN_TRY(infer_mlp(weights, out));
    SN_TRY(infer_heads(weights, out));
    char norm[64];
    snprintf(norm, sizeof norm, "%s.weight", out->names->norm1);
    while (out->depth < DEPTH_MAX && find_in_block(weights, out->names, out->depth, norm) != NULL)
        out->depth++;
    out->layer_scale = out->names->scale1 != NULL && find_in_block(weights, out->names, 0, out->names->scale1) != NULL;
    out->dinov2 = out->registers > 0 || (out->layer_scale && out->patch == 14);
    if (sn_weights_find(weights, "norm_pre.weight") != NULL)
        return sn_error(SNARM_ERROR_UNSUPPORTED, "%s: tensor norm_pre.weight is a norm before the blocks (as CLIP has), "
                        "which this version does not run", sn_safetensors_path(weights->file));
    double epsilon;
    SN_TRY(sn_weights_metadata_double(weights, "norm_eps", 0, 1, out->names->epsilon, &epsilon));
    out->epsilon = (float)epsilon;
    return SNARM_OK;
}

static snarm_status fill_head(sn_weights *weights, const sn_vit_config *config, sn_vit_head *head) {
    const sn_vit_names *names = config->names;
    const size_t dim = config->dim, patches = config->position_side * config->position_side;
    const size_t positions = patches + config->position_has_cls;
    const int64_t d = (int64_t)dim, p = (int64_t)config->patch;
    SN_TRY(sn_alloc(&head->patch_weight, dim * 3 * config->patch * config->patch, sizeof(float), "patch weights"));
    SN_TRY(sn_alloc(&head->patch_bias, dim, sizeof(float), "patch bias"));
    SN_TRY(sn_alloc(&head->cls, dim, sizeof(float), "class token"));
    SN_TRY(sn_alloc(&head->registers, config->registers * dim, sizeof(float), "registers"));
    SN_TRY(sn_alloc(&head->grid, positions * dim, sizeof(float), "positions"));
    SN_TRY(sn_weights_read(weights, head->patch_weight, 4, (int64_t[]){d, 3, p, p}, "%s.weight", names->patch));
    SN_TRY(sn_weights_read(weights, head->patch_bias, 1, &d, "%s.bias", names->patch));
    SN_TRY(sn_weights_read(weights, head->cls, 3, (int64_t[]){1, 1, d}, "%s", names->cls));
    if (config->registers > 0)
        SN_TRY(sn_weights_read(weights, head->registers, 3, (int64_t[]){1, (int64_t)config->registers, d}, "%s",
                               names->registers));
    SN_TRY(sn_weights_read(weights, head->grid, 3, (int64_t[]){1, (int64_t)positions, d}, "%s", names->position));
    if (config->position_has_cls) {
        for (size_t c = 0; c < dim; c++)
            head->cls[c] += head->grid[c];
        memmove(head->grid, head->grid + dim, patches * dim * sizeof(float));
    }
    return SNARM_OK;
}

snarm_status sn_vit_read_head(sn_weights *weights, const sn_vit_config *config, sn_vit_head *out) {
    memset(out, 0, sizeof *out);
    snarm_status status = fill_head(weights, config, out);
    if (status != SNARM_OK)
        sn_vit_head_release(out);
    return status;
}

void sn_vit_head_release(sn_vit_head *head) {
    sn_free(head->patch_weight);
    sn_free(head->patch_bias);
    sn_free(head->cls);
    sn_free(head->registers);
    sn_free(head->grid);
    memset(head, 0, sizeof *head);
}

snarm_status sn_vit_block_create(sn_vit_block *out, const sn_vit_config *config) {
    const size_t dim = config->dim, mlp = config->mlp;
    float **const parts[] = {&out->norm1_gain, &out->norm1_shift, &out->norm2_gain, &out->norm2_shift, &out->proj_bias,
                             &out->fc2_bias, &out->scale, &out->qkv_bias, &out->qkv, &out->proj, &out->fc1_bias,
                             &out->fc1, &out->fc2};
    const size_t sizes[] = {dim, dim, dim, dim, dim, dim, dim, 3 * dim, 3 * dim * dim, dim * dim, mlp, mlp * dim,
                            mlp * dim};
    size_t total = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        total += sizes[i];
    memset(out, 0, sizeof *out);
    SN_TRY(sn_alloc(&out->memory, total, sizeof(float), "weights of a block"));
    float *at = out->memory;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        *parts[i] = at;
        at += sizes[i];
    }
    return SNARM_OK;
}

void sn_vit_block_release(sn_vit_block *block) {
    sn_free(block->memory);
    memset(block, 0, sizeof *block);
}

static snarm_status read_linear(sn_weights *weights, const char *block, const char *name, size_t out, size_t in,
                                float *weight, float *bias) {
    const int64_t shape[] = {(int64_t)out, (int64_t)in};
    SN_TRY(sn_weights_read(weights, weight, 2, shape, "%s%s.weight", block, name));
    return sn_weights_read(weights, bias, 1, shape, "%s%s.bias", block, name);
}

static snarm_status read_norm(sn_weights *weights, const char *block, const char *name, size_t dim, float *gain,
                              float *shift) {
    const int64_t shape = (int64_t)dim;
    SN_TRY(sn_weights_read(weights, gain, 1, &shape, "%s%s.weight", block, name));
    return sn_weights_read(weights, shift, 1, &shape, "%s%s.bias", block, name);
}

/* scale * (W x + b) = (scale W) x + scale b, row by row. */
static snarm_status fold_scale(sn_weights *weights, const char *block, const char *name, size_t out, size_t in,
                               float *scale, float *weight, float *bias) {
    const int64_t shape = (int64_t)out;
    SN_TRY(sn_weights_read(weights, scale, 1, &shape, "%s%s", block, name));
    for (size_t row = 0; row < out; row++) {
        for (size_t i = 0; i < in; i++)
            weight[row * in + i] *= scale[row];
        bias[row] *= scale[row];
    }
    return SNARM_OK;
}

snarm_status sn_vit_read_block(sn_weights *weights, const sn_vit_config *config, size_t index, sn_vit_block *out) {
    const sn_vit_names *names = config->names;
    const size_t dim = config->dim, mlp = config->mlp;
    char block[64];
    snprintf(block, sizeof block, names->block, index);
    SN_TRY(read_norm(weights, block, names->norm1, dim, out->norm1_gain, out->norm1_shift));
    SN_TRY(read_norm(weights, block, names->norm2, dim, out->norm2_gain, out->norm2_shift));
    if (names->qkv != NULL) {
        SN_TRY(read_linear(weights, block, names->qkv, 3 * dim, dim, out->qkv, out->qkv_bias));
    } else {
        const char *const parts[] = {names->query, names->key, names->value};
        for (size_t i = 0; i < 3; i++)
            SN_TRY(read_linear(weights, block, parts[i], dim, dim, out->qkv + i * dim * dim, out->qkv_bias + i * dim));
    }
    SN_TRY(read_linear(weights, block, names->proj, dim, dim, out->proj, out->proj_bias));
    SN_TRY(read_linear(weights, block, names->fc1, mlp, dim, out->fc1, out->fc1_bias));
    SN_TRY(read_linear(weights, block, names->fc2, dim, mlp, out->fc2, out->fc2_bias));
    if (config->layer_scale) {
        SN_TRY(fold_scale(weights, block, names->scale1, dim, dim, out->scale, out->proj, out->proj_bias));
        SN_TRY(fold_scale(weights, block, names->scale2, dim, mlp, out->scale, out->fc2, out->fc2_bias));
    }
    return sn_weights_refuse_unused(weights, "%s", block);
}
