#include "networks.h"

#include "core/rng.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct file {
    sn_writer *writer;
    const file_changes *changes;
    sn_rng rng;
    void **kept; /* the tensors' data, which lives until the file is written */
    size_t count;
} file;

typedef enum kind { WEIGHT, GAIN, SHIFT, TOKEN } kind;

/* Whole numbers of 8 bits times a power of two: exact in F32, F16 and BF16. */
static float *random_values(sn_rng *rng, kind what, size_t count, size_t inner) {
    float *values = malloc(count * sizeof *values);
    const float step = what == WEIGHT ? exp2f(floorf(log2f(1.7f / sqrtf((float)inner)))) / 128
                       : what == TOKEN ? 1.0f / 64
                                       : 1.0f / 512;
    for (size_t i = 0; i < count; i += 8) {
        uint64_t bits = sn_rng_next(rng);
        for (size_t j = i; j < count && j < i + 8; j++, bits >>= 8) {
            int value = (int)(bits & 255) - 128;
            values[j] = what == GAIN    ? 1.0f + (float)(value >> 3) / 128
                        : what == TOKEN ? (float)(value >> 1) * step
                                        : (float)value * step;
        }
    }
    return values;
}

static uint16_t to_half(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    if (magnitude == 0)
        return (uint16_t)sign;
    if (magnitude > 0x7f800000)
        return (uint16_t)(sign | 0x7e00);
    if (magnitude < 113u << 23) /* asserted without ck_assert, which is slow millions of times */
        ck_abort_msg("%g is not an F16 of full precision", (double)value);
    return (uint16_t)(sign | ((magnitude - (112u << 23)) >> 13));
}

static bool is(const char *name, const char *other) {
    return other != NULL && strcmp(name, other) == 0;
}

/* Takes over values. */
static void put(file *f, const char *name, int dims, const int64_t *shape, float *values) {
    const file_changes *changes = f->changes;
    size_t count = 1;
    for (int i = 0; i < dims; i++)
        count *= (size_t)shape[i];
    if (is(name, changes->poison))
        values[count - 1] = NAN;
    if (is(name, changes->negative))
        values[0] = -1;
    if (is(name, changes->omit)) {
        free(values);
        return;
    }
    uint16_t *narrow = (uint16_t *)(void *)values;
    sn_dtype dtype = changes->half ? SN_F16 : changes->bfloat ? SN_BF16 : SN_F32;
    for (size_t i = 0; dtype != SN_F32 && i < count; i++) {
        float value = values[i];
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        uint16_t out = dtype == SN_F16 ? to_half(value) : (uint16_t)(bits >> 16);
        memcpy((char *)narrow + 2 * i, &out, sizeof out);
    }
    const int64_t flat = (int64_t)count;
    const bool flatten = is(name, changes->flatten);
    char full[256];
    snprintf(full, sizeof full, "%s%s", changes->prefix != NULL ? changes->prefix : "", name);
    f->kept = realloc(f->kept, (f->count + 1) * sizeof *f->kept);
    f->kept[f->count++] = values;
    ck_ok(sn_writer_tensor(f->writer, full, dtype, flatten ? 1 : dims, flatten ? &flat : shape, values));
}

static void begin(file *f, const char *path, const file_changes *changes) {
    static const file_changes none;
    *f = (file){.changes = changes != NULL ? changes : &none};
    sn_rng_seed(&f->rng, 7, 0);
    ck_ok(sn_writer_create(&f->writer, path));
    for (size_t i = 0; i < 8 && f->changes->metadata[i][0] != NULL; i++)
        ck_ok(sn_writer_metadata(f->writer, f->changes->metadata[i][0], f->changes->metadata[i][1]));
    if (f->changes->extra != NULL)
        put(f, f->changes->extra, 1, (int64_t[]){1}, random_values(&f->rng, SHIFT, 1, 1));
}

static void finish(file *f) {
    ck_ok(sn_writer_finish(f->writer));
    sn_writer_destroy(f->writer);
    for (size_t i = 0; i < f->count; i++)
        free(f->kept[i]);
    free(f->kept);
}

static const struct {
    const char *patch, *cls, *registers, *position, *block, *qkv[3], *proj, *fc1, *fc2, *norm1, *norm2, *scale1, *scale2;
} vit_names[] = {
    [META_NAMES] = {"patch_embed.proj", "cls_token", "register_tokens", "pos_embed", "blocks.%zu.", {"attn.qkv"},
                    "attn.proj", "mlp.fc1", "mlp.fc2", "norm1", "norm2", "ls1.gamma", "ls2.gamma"},
    [TIMM_NAMES] = {"patch_embed.proj", "cls_token", "reg_token", "pos_embed", "blocks.%zu.", {"attn.qkv"},
                    "attn.proj", "mlp.fc1", "mlp.fc2", "norm1", "norm2", "ls1.gamma", "ls2.gamma"},
    [HUGGING_FACE_NAMES] = {"embeddings.patch_embeddings.projection", "embeddings.cls_token", "embeddings.register_tokens",
                            "embeddings.position_embeddings", "encoder.layer.%zu.",
                            {"attention.attention.query", "attention.attention.key", "attention.attention.value"},
                            "attention.output.dense", "mlp.fc1", "mlp.fc2", "norm1", "norm2", "layer_scale1.lambda1",
                            "layer_scale2.lambda1"},
    [HUGGING_FACE_PLAIN_NAMES] = {"embeddings.patch_embeddings.projection", "embeddings.cls_token",
                                  "embeddings.register_tokens", "embeddings.position_embeddings", "encoder.layer.%zu.",
                                  {"attention.attention.query", "attention.attention.key", "attention.attention.value"},
                                  "attention.output.dense", "intermediate.dense", "output.dense", "layernorm_before",
                                  "layernorm_after", NULL, NULL},
};

static void put_part(file *f, const char *prefix, const char *name, const char *end, int dims, const int64_t *shape,
                     float *values) {
    char full[256];
    snprintf(full, sizeof full, "%s%s%s", prefix, name, end);
    put(f, full, dims, shape, values);
}

static void put_linear(file *f, const char *prefix, const char *name, size_t out, size_t in) {
    const int64_t shape[] = {(int64_t)out, (int64_t)in};
    put_part(f, prefix, name, ".weight", 2, shape, random_values(&f->rng, WEIGHT, out * in, in));
    put_part(f, prefix, name, ".bias", 1, shape, random_values(&f->rng, SHIFT, out, 1));
}

static void put_norm(file *f, const char *prefix, const char *name, size_t count) {
    const int64_t shape = (int64_t)count;
    put_part(f, prefix, name, ".weight", 1, &shape, random_values(&f->rng, GAIN, count, 1));
    put_part(f, prefix, name, ".bias", 1, &shape, random_values(&f->rng, SHIFT, count, 1));
}

static float *copy_of(const float *values, size_t count) {
    float *copy = malloc(count * sizeof *copy);
    memcpy(copy, values, count * sizeof *copy);
    return copy;
}

static void put_qkv(file *f, const char *prefix, const char *const *names, size_t dim) {
    if (names[1] == NULL) {
        put_linear(f, prefix, names[0], 3 * dim, dim);
        return;
    }
    float *weight = random_values(&f->rng, WEIGHT, 3 * dim * dim, dim);
    float *bias = random_values(&f->rng, SHIFT, 3 * dim, 1);
    for (size_t i = 0; i < 3; i++) {
        const int64_t shape[] = {(int64_t)dim, (int64_t)dim};
        put_part(f, prefix, names[i], ".weight", 2, shape, copy_of(weight + i * dim * dim, dim * dim));
        put_part(f, prefix, names[i], ".bias", 1, shape, copy_of(bias + i * dim, dim));
    }
    free(weight), free(bias);
}

/* Makes blocks of inner values symmetric under exchange of two axes of side. */
static void symmetrise(float *values, size_t outer, size_t side, size_t inner) {
    for (size_t o = 0; o < outer; o++)
        for (size_t y = 0; y < side; y++)
            for (size_t x = 0; x < y; x++)
                memcpy(values + ((o * side + y) * side + x) * inner, values + ((o * side + x) * side + y) * inner,
                       inner * sizeof *values);
}

static void put_embedding(file *f, const vit_shape *s) {
    const int64_t d = (int64_t)s->dim, p = (int64_t)s->patch, patches = (int64_t)(s->side * s->side);
    const size_t inner = 3 * s->patch * s->patch;
    float *weight = random_values(&f->rng, WEIGHT, s->dim * inner, inner);
    if (s->symmetric)
        symmetrise(weight, s->dim * 3, s->patch, 1);
    put_part(f, "", vit_names[s->names].patch, ".weight", 4, (int64_t[]){d, 3, p, p}, weight);
    put_part(f, "", vit_names[s->names].patch, ".bias", 1, &d, random_values(&f->rng, SHIFT, s->dim, 1));
    float *cls = random_values(&f->rng, TOKEN, s->dim, 1);
    float *position = random_values(&f->rng, TOKEN, ((size_t)patches + 1) * s->dim, 1);
    if (s->symmetric)
        symmetrise(position + s->dim, 1, s->side, s->dim);
    /* timm adds the class token's position beforehand where there are registers. */
    const bool folded = s->names == TIMM_NAMES && s->registers > 0;
    for (size_t c = 0; folded && c < s->dim; c++)
        cls[c] += position[c];
    put(f, vit_names[s->names].cls, 3, (int64_t[]){1, 1, d}, cls);
    put(f, vit_names[s->names].position, 3, (int64_t[]){1, patches + !folded, d},
        copy_of(position + (folded ? s->dim : 0), ((size_t)patches + !folded) * s->dim));
    free(position);
    if (s->registers > 0)
        put(f, vit_names[s->names].registers, 3, (int64_t[]){1, (int64_t)s->registers, d},
            random_values(&f->rng, TOKEN, s->registers * s->dim, 1));
}

void write_vit(const char *path, const vit_shape *s, const file_changes *changes) {
    file f;
    begin(&f, path, changes);
    put_embedding(&f, s);
    const int64_t d = (int64_t)s->dim;
    for (size_t i = 0; i < s->depth; i++) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, vit_names[s->names].block, i);
        put_norm(&f, prefix, vit_names[s->names].norm1, s->dim);
        put_qkv(&f, prefix, vit_names[s->names].qkv, s->dim);
        put_linear(&f, prefix, vit_names[s->names].proj, s->dim, s->dim);
        put_norm(&f, prefix, vit_names[s->names].norm2, s->dim);
        put_linear(&f, prefix, vit_names[s->names].fc1, s->mlp, s->dim);
        put_linear(&f, prefix, vit_names[s->names].fc2, s->dim, s->mlp);
        if (s->layer_scale) {
            put_part(&f, prefix, vit_names[s->names].scale1, "", 1, &d, random_values(&f.rng, GAIN, s->dim, 1));
            put_part(&f, prefix, vit_names[s->names].scale2, "", 1, &d, random_values(&f.rng, GAIN, s->dim, 1));
        }
    }
    finish(&f);
}

static void put_conv(file *f, const char *prefix, const char *conv, const char *norm, size_t out, size_t in,
                     size_t kernel) {
    const int64_t shape[] = {(int64_t)out, (int64_t)in, (int64_t)kernel, (int64_t)kernel};
    const size_t inner = in * kernel * kernel;
    put_part(f, prefix, conv, ".weight", 4, shape, random_values(&f->rng, WEIGHT, out * inner, inner));
    put_norm(f, prefix, norm, out);
    put_part(f, prefix, norm, ".running_mean", 1, shape, random_values(&f->rng, SHIFT, out, 1));
    put_part(f, prefix, norm, ".running_var", 1, shape, random_values(&f->rng, GAIN, out, 1));
}

void write_resnet(const char *path, const resnet_shape *s, const file_changes *changes) {
    file f;
    begin(&f, path, changes);
    put_conv(&f, "", "conv1", "bn1", s->width, 3, 7);
    size_t in = s->width;
    for (size_t stage = 0; stage < 4; stage++)
        for (size_t block = 0; block < s->blocks[stage]; block++) {
            char prefix[64];
            snprintf(prefix, sizeof prefix, "layer%zu.%zu.", stage + 1, block);
            const size_t inner = s->inner << stage, out = (s->width << stage) * (s->bottleneck ? 4 : 1);
            put_conv(&f, prefix, "conv1", "bn1", inner, in, s->bottleneck ? 1 : 3);
            put_conv(&f, prefix, "conv2", "bn2", s->bottleneck ? inner : out, inner, 3);
            if (s->bottleneck)
                put_conv(&f, prefix, "conv3", "bn3", out, inner, 1);
            if (block == 0 && (stage > 0 || in != out))
                put_conv(&f, prefix, "downsample.0", "downsample.1", out, in, 1);
            in = out;
        }
    finish(&f);
}
