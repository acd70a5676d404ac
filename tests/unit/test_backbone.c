/* The backbone against golden vectors, plain references, and itself under other names, types and threads. */
#include "backbone/backbone.h"
#include "core/threads.h"
#include "networks.h"
#include "reference.h"
#include "support.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static sn_rng rng;

/* A tensor of a golden file as floats, the caller's to free. */
static float *read_tensor(const sn_safetensors *file, const char *name, size_t *count) {
    const sn_tensor *tensor = sn_safetensors_find(file, name);
    ck_assert_msg(tensor != NULL, "no %s", name);
    float *values = malloc(tensor->count * sizeof *values);
    ck_ok(sn_tensor_to_f32(file, tensor, values));
    *count = tensor->count;
    return values;
}

static size_t feature_floats(const snarm_backbone *backbone) {
    snarm_backbone_info info = {.struct_size = sizeof info};
    ck_ok(snarm_backbone_get_info(backbone, &info));
    return (size_t)info.grid_width * (size_t)info.grid_height * (size_t)info.channels;
}

static float *run_features(const snarm_backbone *backbone, const float *planes) {
    float *features = malloc(feature_floats(backbone) * sizeof *features);
    ck_ok(snarm_backbone_features(backbone, planes, features));
    return features;
}

static snarm_backbone_options options_of(int32_t width, int32_t height) {
    snarm_backbone_options options;
    snarm_backbone_options_init(&options);
    options.width = width, options.height = height;
    options.precision = SNARM_PRECISION_F32; /* test_precision has the others */
    return options;
}

/* Rows 0, every, 2 * every, ... of rows of columns values, packed to the front. */
static void thin(float *rows, size_t count, size_t columns, size_t every) {
    for (size_t i = 0; i * every < count; i++)
        memmove(rows + i * columns, rows + i * every * columns, columns * sizeof *rows);
}

static void check_golden_vit(const char *letter, int32_t side, size_t dim) {
    static const char *const names[] = {"meta", "timm", "hf"};
    char path[64];
    snprintf(path, sizeof path, "golden/vit_%s_io.safetensors", letter);
    if (shared_file(path) == NULL)
        return;
    sn_safetensors *golden;
    ck_ok(sn_safetensors_open(&golden, shared_file(path)));
    size_t count, planes_count;
    float *planes = read_tensor(golden, "image", &planes_count);
    ck_assert_uint_eq(planes_count, 3 * (size_t)side * (size_t)side);
    for (size_t n = 0; n < 3; n++) {
        snprintf(path, sizeof path, "golden/vit_%s_%s.safetensors", letter, names[n]);
        if (shared_file(path) == NULL)
            continue;
        snarm_backbone_options options = options_of(side, side);
        for (options.layer_count = 0; options.layer_count < 8; options.layer_count++)
            options.layers[options.layer_count] = options.layer_count + 1; /* the files end there */
        snarm_backbone *backbone;
        ck_ok(snarm_backbone_create(&backbone, shared_file(path), &options));
        for (int32_t layer = 1; layer <= 8; layer++) {
            char name[16];
            snprintf(name, sizeof name, "block%d", layer);
            float *expected = read_tensor(golden, name, &count);
            ck_assert_uint_eq(sn_backbone_layer_floats(backbone, layer), count);
            ck_assert_uint_eq(count % dim, 0);
            float *tokens = malloc(count * sizeof *tokens);
            ck_ok(sn_backbone_layer_output(backbone, planes, layer, tokens));
            ck_assert_double_lt(largest_relative_error(tokens, expected, count), 2e-4);
            free(expected), free(tokens);
        }
        float *expected = read_tensor(golden, "features", &count), *features = run_features(backbone, planes);
        ck_assert_uint_eq(feature_floats(backbone), count);
        ck_assert_double_lt(largest_relative_error(features, expected, count), 2e-4);
        free(expected), free(features);
        snarm_backbone_destroy(backbone);
    }
    free(planes);
    sn_safetensors_close(golden);
}

START_TEST(golden_vits_in_three_namings) {
    check_golden_vit("a", 112, 128);
    check_golden_vit("b", 98, 64);
}
END_TEST

START_TEST(golden_plain_vit) {
    static const char weights[] = "weights/vit_tiny_patch16_224.safetensors", io[] = "golden/vit_tiny_io.safetensors";
    if (shared_file(weights) == NULL || shared_file(io) == NULL)
        return;
    sn_safetensors *golden;
    ck_ok(sn_safetensors_open(&golden, shared_file(io)));
    for (int32_t side = 224; side <= 384; side += 160) {
        snarm_backbone_options options = options_of(side, side);
        if (side == 384)
            options = options_of(0, 0); /* 392 is not a multiple of the patch */
        snarm_backbone *backbone;
        ck_ok(snarm_backbone_create(&backbone, shared_file(weights), &options));
        snarm_backbone_info info = {.struct_size = sizeof info};
        ck_ok(snarm_backbone_get_info(backbone, &info));
        ck_assert_str_eq(info.architecture, "vit-ti/16");
        ck_assert_int_eq(info.width, side);
        ck_assert(info.mean[0] == 0.5f && info.std[2] == 0.5f);
        ck_assert_uint_eq(strlen(info.hash), 64);
        ck_assert_ptr_nonnull(strstr(info.licence, "Apache"));
        char name[48];
        size_t count, planes_count;
        snprintf(name, sizeof name, "image_%d", side);
        float *planes = read_tensor(golden, name, &planes_count);
        snprintf(name, sizeof name, "features_%d_every_8th", side);
        float *expected = read_tensor(golden, name, &count), *features = run_features(backbone, planes);
        thin(features, feature_floats(backbone) / 512, 512, 8);
        ck_assert_double_lt(largest_relative_error(features, expected, count), 2e-4);
        free(expected), free(features);
        snprintf(name, sizeof name, "block8_%d_every_8th_token", side);
        expected = read_tensor(golden, name, &count);
        features = malloc(sn_backbone_layer_floats(backbone, 8) * sizeof *features);
        ck_ok(sn_backbone_layer_output(backbone, planes, 8, features));
        thin(features, sn_backbone_layer_floats(backbone, 8) / 192, 192, 8);
        ck_assert_double_lt(largest_relative_error(features, expected, count), 2e-4);
        free(expected), free(features), free(planes);
        snarm_backbone_destroy(backbone);
    }
    sn_safetensors_close(golden);
}
END_TEST

START_TEST(golden_resnet) {
    static const char weights[] = "weights/resnet18_to_layer3.safetensors", io[] = "golden/resnet18_io.safetensors";
    if (shared_file(weights) == NULL || shared_file(io) == NULL)
        return;
    sn_safetensors *golden;
    ck_ok(sn_safetensors_open(&golden, shared_file(io)));
    snarm_backbone_options options = options_of(224, 224);
    options.neighbourhood = 1;
    snarm_backbone *backbone;
    ck_ok(snarm_backbone_create(&backbone, shared_file(weights), &options));
    snarm_backbone_info info = {.struct_size = sizeof info};
    ck_ok(snarm_backbone_get_info(backbone, &info));
    ck_assert_str_eq(info.architecture, "resnet18");
    ck_assert_int_eq(info.groups, 2);
    size_t count, planes_count;
    float *planes = read_tensor(golden, "image", &planes_count);
    float *expected = read_tensor(golden, "features_every_8th", &count), *features = run_features(backbone, planes);
    thin(features, 28 * 28, 512, 8);
    ck_assert_double_lt(largest_relative_error(features, expected, count), 2e-4);
    free(expected), free(features);
    for (int32_t layer = 2; layer <= 3; layer++) {
        expected = read_tensor(golden, layer == 2 ? "layer2_channel0" : "layer3_channel0", &count);
        features = malloc(sn_backbone_layer_floats(backbone, layer) * sizeof *features);
        ck_ok(sn_backbone_layer_output(backbone, planes, layer, features));
        ck_assert_double_lt(largest_relative_error(features, expected, count), 2e-4);
        free(expected), free(features);
    }
    snarm_backbone_destroy(backbone);
    options.layers[0] = 3, options.layers[1] = 4, options.layer_count = 2;
    ck_fails(snarm_backbone_create(&backbone, shared_file(weights), &options), SNARM_ERROR_ARGUMENT, "layers[1] is 4");
    free(planes);
    sn_safetensors_close(golden);
}
END_TEST

/* Features of a random picture by a random network. */
static float *features_of(const char *path, const snarm_backbone_options *options, const float *planes, size_t *count) {
    snarm_backbone *backbone;
    ck_ok(snarm_backbone_create(&backbone, path, options));
    *count = feature_floats(backbone);
    float *features = run_features(backbone, planes);
    snarm_backbone_destroy(backbone);
    return features;
}

START_TEST(full_size_in_three_namings_and_types) {
    snarm_backbone_options options = options_of(112, 112);
    float *planes = random_floats(&rng, 3 * 112 * 112), *first = NULL;
    for (naming names = META_NAMES; names <= HUGGING_FACE_NAMES; names++) {
        const vit_shape shape = {names, 768, 12, 14, 4, 3072, 37, true, false};
        const file_changes changes = {.half = names == TIMM_NAMES, .bfloat = names == HUGGING_FACE_NAMES,
                                      .prefix = names == TIMM_NAMES ? "model." : NULL};
        char path[4096];
        snprintf(path, sizeof path, "%s", scratch_file("vit.safetensors"));
        write_vit(path, &shape, &changes);
        snarm_backbone *backbone;
        ck_ok(snarm_backbone_create(&backbone, path, &options));
        remove(path);
        snarm_backbone_info info = {.struct_size = sizeof info};
        ck_ok(snarm_backbone_get_info(backbone, &info));
        ck_assert_str_eq(info.architecture, "vit-b/14 reg4 dinov2");
        ck_assert(info.layer_count == 8 && info.layers[0] == 1 && info.layers[7] == 8 && info.groups == 2);
        ck_assert(info.grid_width == 14 && info.grid_height == 14 && info.channels == 512);
        float *features = run_features(backbone, planes);
        if (first == NULL) {
            first = features;
        } else {
            ck_assert_double_lt(largest_relative_error(features, first, feature_floats(backbone)), 1e-6);
            free(features);
        }
        snarm_backbone_destroy(backbone);
    }
    free(planes), free(first);
}
END_TEST

START_TEST(small_and_large_vits) {
    /* dim, depth, registers: the default layers and the name follow */
    static const struct {
        size_t dim, depth, registers;
        int32_t first, last;
        const char *name;
    } cases[] = {{384, 12, 0, 1, 8, "vit-s/14 dinov2"}, {1024, 24, 4, 2, 17, "vit-l/14 reg4 dinov2"}};
    float *planes = random_floats(&rng, 3 * 42 * 42);
    for (size_t i = 0; i < 2; i++) {
        const vit_shape shape = {META_NAMES, cases[i].dim, cases[i].depth, 14, cases[i].registers, 4 * cases[i].dim, 37,
                                 true, false};
        char path[4096];
        snprintf(path, sizeof path, "%s", scratch_file("vit.safetensors"));
        write_vit(path, &shape, &(file_changes){.half = true});
        snarm_backbone_options options = options_of(42, 42);
        snarm_backbone *backbone;
        ck_ok(snarm_backbone_create(&backbone, path, &options));
        remove(path);
        snarm_backbone_info info = {.struct_size = sizeof info};
        ck_ok(snarm_backbone_get_info(backbone, &info));
        ck_assert_str_eq(info.architecture, cases[i].name);
        ck_assert_int_eq(info.layers[0], cases[i].first);
        ck_assert_int_eq(info.layers[info.layer_count - 1], cases[i].last);
        float *features = run_features(backbone, planes);
        double sum = 0;
        for (size_t j = 0; j < feature_floats(backbone); j++)
            sum += features[j];
        ck_assert(isfinite(sum) && sum != 0);
        free(features);
        snarm_backbone_destroy(backbone);
    }
    free(planes);
}
END_TEST

START_TEST(plain_vits_in_two_namings) {
    float *planes = random_floats(&rng, 3 * 48 * 64), *features[2];
    snarm_backbone_options options = options_of(64, 48);
    size_t count;
    for (size_t i = 0; i < 2; i++) {
        const vit_shape shape = {i == 0 ? META_NAMES : HUGGING_FACE_PLAIN_NAMES, 64, 6, 16, 0, 96, 5, false, false};
        const file_changes changes = {.prefix = i == 0 ? "" : "vit.", .metadata = {{"heads", "4"}, {"norm_eps", "1e-5"}}};
        write_vit(scratch_file("vit.safetensors"), &shape, &changes);
        features[i] = features_of(scratch_file("vit.safetensors"), &options, planes, &count);
    }
    ck_assert_double_lt(largest_relative_error(features[0], features[1], count), 1e-6);
    free(planes), free(features[0]), free(features[1]);
}
END_TEST

START_TEST(rectangles_transpose) {
    /* Where patches and positions are their own transposes, a transposed picture has transposed features. */
    enum { LONG = 84, SHORT = 56, LONG_GRID = LONG / 8, SHORT_GRID = SHORT / 8, C = 512 };
    const vit_shape shape = {META_NAMES, 64, 6, 14, 1, 96, 5, true, true};
    char path[4096];
    snprintf(path, sizeof path, "%s", scratch_file("vit.safetensors"));
    write_vit(path, &shape, NULL);
    float *wide = random_floats(&rng, 3 * LONG * SHORT), *tall = malloc(3 * LONG * SHORT * sizeof *tall);
    for (size_t c = 0; c < 3; c++)
        for (size_t y = 0; y < SHORT; y++)
            for (size_t x = 0; x < LONG; x++)
                tall[(c * LONG + x) * SHORT + y] = wide[(c * SHORT + y) * LONG + x];
    snarm_backbone_options options = options_of(LONG, SHORT);
    size_t count;
    float *a = features_of(path, &options, wide, &count);
    options = options_of(SHORT, LONG);
    float *b = features_of(path, &options, tall, &count), *turned = malloc(count * sizeof *turned);
    ck_assert_uint_eq(count, LONG_GRID * SHORT_GRID * C);
    for (size_t y = 0; y < LONG_GRID; y++)
        for (size_t x = 0; x < SHORT_GRID; x++)
            memcpy(turned + (x * LONG_GRID + y) * C, b + (y * SHORT_GRID + x) * C, C * sizeof *b);
    ck_assert_double_lt(largest_relative_error(turned, a, count), 1e-5);
    free(wide), free(tall), free(a), free(b), free(turned);
}
END_TEST

/* Plain convolution, batch-norm and ReLU from a file's tensors; src (in, *h, *w) is freed, the result the caller's. */
static float *plain_conv(const sn_safetensors *file, const char *prefix, const char *conv, const char *norm, size_t in,
                         size_t *out, size_t *h, size_t *w, size_t stride, float *src, const float *add, bool relu) {
    char name[128];
    size_t count;
    snprintf(name, sizeof name, "%s%s.weight", prefix, conv);
    const size_t kernel = (size_t)sn_safetensors_find(file, name)->shape[2];
    *out = (size_t)sn_safetensors_find(file, name)->shape[0];
    float *weight = read_tensor(file, name, &count), *statistics[4];
    static const char *const parts[] = {"weight", "bias", "running_mean", "running_var"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%s%s.%s", prefix, norm, parts[i]);
        statistics[i] = read_tensor(file, name, &count);
    }
    const size_t padding = kernel / 2, rows = (*h + 2 * padding - kernel) / stride + 1;
    const size_t columns = (*w + 2 * padding - kernel) / stride + 1;
    float *zero = calloc(*out, sizeof *zero), *dst = malloc(*out * rows * columns * sizeof *dst);
    reference_conv(in, *h, *w, *out, kernel, stride, padding, 1, src, weight, zero, dst);
    for (size_t i = 0; i < *out * rows * columns; i++) {
        const size_t c = i / (rows * columns);
        double value = (dst[i] - statistics[2][c]) / sqrt(statistics[3][c] + 1e-5) * statistics[0][c] + statistics[1][c];
        value += add != NULL ? add[i] : 0;
        dst[i] = (float)(relu && value < 0 ? 0 : value);
    }
    for (size_t i = 0; i < 4; i++)
        free(statistics[i]);
    free(weight), free(zero), free(src);
    *h = rows, *w = columns;
    return dst;
}

static float *copy_floats(const float *values, size_t count) {
    float *copy = malloc(count * sizeof *copy);
    memcpy(copy, values, count * sizeof *copy);
    return copy;
}

static float *plain_block(const sn_safetensors *file, const char *prefix, bool bottleneck, size_t stride, size_t *channels,
                          size_t *h, size_t *w, float *src) {
    size_t h0 = *h, w0 = *w, out, in = *channels;
    char name[128];
    float *shortcut = copy_floats(src, in * *h * *w);
    snprintf(name, sizeof name, "%sdownsample.0.weight", prefix);
    if (sn_safetensors_find(file, name) != NULL)
        shortcut = plain_conv(file, prefix, "downsample.0", "downsample.1", in, &out, &h0, &w0, stride, shortcut, NULL,
                              false);
    float *at = plain_conv(file, prefix, "conv1", "bn1", in, &out, h, w, bottleneck ? 1 : stride, src, NULL, true);
    if (bottleneck)
        at = plain_conv(file, prefix, "conv2", "bn2", out, &out, h, w, stride, at, NULL, true);
    at = plain_conv(file, prefix, bottleneck ? "conv3" : "conv2", bottleneck ? "bn3" : "bn2", out, &out, h, w, 1, at,
                    shortcut, true);
    free(shortcut);
    *channels = out;
    return at;
}

static float *plain_stem(const sn_safetensors *file, size_t *channels, size_t *h, size_t *w, const float *planes) {
    float *full = plain_conv(file, "", "conv1", "bn1", 3, channels, h, w, 2, copy_floats(planes, 3 * *h * *w), NULL, true);
    const size_t rows = (*h - 1) / 2 + 1, columns = (*w - 1) / 2 + 1;
    float *pooled = calloc(*channels * rows * columns, sizeof *pooled); /* after a ReLU nothing is below 0 */
    for (size_t c = 0; c < *channels; c++)
        for (size_t y = 0; y < *h; y++)
            for (size_t x = 0; x < *w; x++)
                for (size_t v = y / 2; v <= (y + 1) / 2 && v < rows; v++)
                    for (size_t u = x / 2; u <= (x + 1) / 2 && u < columns; u++) {
                        float *to = &pooled[(c * rows + v) * columns + u];
                        *to = fmaxf(*to, full[(c * *h + y) * *w + x]);
                    }
    free(full);
    *h = rows, *w = columns;
    return pooled;
}

START_TEST(resnets_match_plain_convolutions) {
    static const resnet_shape shapes[] = {{false, 16, 16, {2, 1, 2, 1}}, {true, 16, 32, {2, 2, 1, 1}}};
    enum { WIDTH = 72, HEIGHT = 56 };
    for (size_t i = 0; i < 2; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s", scratch_file("resnet.safetensors"));
        write_resnet(path, &shapes[i], NULL);
        sn_safetensors *file;
        ck_ok(sn_safetensors_open(&file, path));
        float *planes = random_floats(&rng, 3 * HEIGHT * WIDTH);
        snarm_backbone_options options = options_of(WIDTH, HEIGHT);
        for (int32_t j = 0; j < 4; j++)
            options.layers[j] = j + 1;
        options.layer_count = 4;
        snarm_backbone *backbone;
        ck_ok(snarm_backbone_create(&backbone, path, &options));
        size_t h = HEIGHT, w = WIDTH, channels;
        float *at = plain_stem(file, &channels, &h, &w, planes);
        for (int32_t stage = 1; stage <= 4; stage++) {
            for (size_t b = 0; b < shapes[i].blocks[stage - 1]; b++) {
                char prefix[32];
                snprintf(prefix, sizeof prefix, "layer%d.%zu.", stage, b);
                at = plain_block(file, prefix, shapes[i].bottleneck, stage > 1 && b == 0 ? 2 : 1, &channels, &h, &w, at);
            }
            ck_assert_uint_eq(sn_backbone_layer_floats(backbone, stage), channels * h * w);
            float *out = malloc(channels * h * w * sizeof *out);
            ck_ok(sn_backbone_layer_output(backbone, planes, stage, out));
            ck_assert_double_lt(largest_relative_error(out, at, channels * h * w), 2e-5);
            free(out);
        }
        free(at);
        free(run_features(backbone, planes));
        snarm_backbone_destroy(backbone);
        sn_safetensors_close(file);
        free(planes);
    }
}
END_TEST

START_TEST(published_resnets_are_known) {
    static const struct {
        resnet_shape shape;
        const char *name;
    } cases[] = {{{false, 64, 64, {2, 2, 2, 2}}, "resnet18"},   {{false, 64, 64, {3, 4, 6, 0}}, "resnet34"},
                 {{true, 64, 64, {3, 4, 6, 0}}, "resnet50"},    {{true, 64, 64, {3, 4, 23, 0}}, "resnet101"},
                 {{true, 64, 128, {3, 4, 6, 3}}, "wide_resnet50_2"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_resnet(scratch_file("resnet.safetensors"), &cases[i].shape, &(file_changes){.half = true});
        snarm_backbone_options options = options_of(64, 64);
        snarm_backbone *backbone;
        ck_ok(snarm_backbone_create(&backbone, scratch_file("resnet.safetensors"), &options));
        snarm_backbone_info info = {.struct_size = sizeof info};
        ck_ok(snarm_backbone_get_info(backbone, &info));
        ck_assert_str_eq(info.architecture, cases[i].name);
        ck_assert(info.layer_count == 2 && info.layers[0] == 2 && info.layers[1] == 3 && info.neighbourhood == 3);
        ck_assert(info.stage_count == 2 && info.stage_channels[0] + info.stage_channels[1] == info.channels);
        ck_assert(info.stage_channels[0] > 0 && info.stage_channels[1] > 0 && info.stage_channels[2] == 0);
        snarm_backbone_destroy(backbone);
    }
}
END_TEST

START_TEST(embedded_weights_give_the_same) {
    const vit_shape shape = {HUGGING_FACE_NAMES, 64, 7, 14, 2, 128, 5, true, false};
    const file_changes changes = {.bfloat = true, .prefix = "dinov2.",
                                  .metadata = {{"image_mean", "0.1,0.2,0.3"}, {"heads", "2"}, {"licence", "Apache-2.0"}}};
    char path[4096], inside[4096];
    snprintf(path, sizeof path, "%s", scratch_file("vit.safetensors"));
    snprintf(inside, sizeof inside, "%s", scratch_file("detector.safetensors"));
    write_vit(path, &shape, &changes);
    snarm_backbone_options options = options_of(56, 56);
    options.layers[0] = 2, options.layers[1] = 4, options.layer_count = 2;
    snarm_backbone *original, *embedded;
    ck_ok(snarm_backbone_create(&original, path, &options));
    sn_safetensors *source;
    ck_ok(sn_safetensors_open(&source, path));
    sn_writer *writer;
    ck_ok(sn_writer_create(&writer, inside));
    ck_ok(sn_backbone_embed(original, source, "", writer, "backbone."));
    ck_ok(sn_writer_finish(writer));
    sn_writer_destroy(writer);
    sn_safetensors_close(source);
    ck_ok(sn_safetensors_open(&source, inside));
    /* Blocks 5 and 6 are not used, nor is anything else than what the network reads. */
    ck_assert_uint_eq(sn_safetensors_count(source), 5 + 5 * 18);
    ck_ok(sn_backbone_create_from(&embedded, source, "backbone.", &options));
    sn_safetensors_close(source);
    snarm_backbone_info a = {.struct_size = sizeof a}, b = {.struct_size = sizeof b};
    ck_ok(snarm_backbone_get_info(original, &a));
    ck_ok(snarm_backbone_get_info(embedded, &b));
    ck_assert_str_eq(a.hash, b.hash);
    ck_assert_str_eq(a.licence, b.licence);
    ck_assert(b.mean[1] == 0.2f);
    float *planes = random_floats(&rng, 3 * 56 * 56);
    float *expected = run_features(original, planes), *features = run_features(embedded, planes);
    ck_assert_int_eq(memcmp(expected, features, feature_floats(original) * sizeof *features), 0);
    free(planes), free(expected), free(features);
    snarm_backbone_destroy(original);
    snarm_backbone_destroy(embedded);
}
END_TEST

typedef struct caller {
    const snarm_backbone *backbone;
    const float *planes, *expected;
    bool same;
} caller;

static void *call(void *context) {
    caller *c = context;
    const size_t count = feature_floats(c->backbone);
    float *features = malloc(count * sizeof *features);
    c->same = true;
    for (int i = 0; i < 5; i++)
        c->same = snarm_backbone_features(c->backbone, c->planes, features) == SNARM_OK &&
                  memcmp(features, c->expected, count * sizeof *features) == 0 && c->same;
    free(features);
    return NULL;
}

START_TEST(many_threads_at_once) {
    const vit_shape vit = {TIMM_NAMES, 128, 6, 14, 4, 256, 5, true, false};
    const resnet_shape resnet = {true, 16, 16, {1, 1, 1, 0}};
    write_vit(scratch_file("vit.safetensors"), &vit, NULL);
    write_resnet(scratch_file("resnet.safetensors"), &resnet, NULL);
    for (size_t i = 0; i < 2; i++) {
        snarm_backbone_options options = options_of(112, 112);
        options.threads = 2;
        snarm_backbone *backbone;
        ck_ok(snarm_backbone_create(&backbone, scratch_file(i == 0 ? "vit.safetensors" : "resnet.safetensors"), &options));
        float *planes = random_floats(&rng, 3 * 112 * 112), *expected = run_features(backbone, planes);
        caller callers[4];
        pthread_t threads[4];
        for (size_t t = 0; t < 4; t++) {
            callers[t] = (caller){backbone, planes, expected, false};
            ck_assert_int_eq(pthread_create(&threads[t], NULL, call, &callers[t]), 0);
        }
        for (size_t t = 0; t < 4; t++) {
            pthread_join(threads[t], NULL);
            ck_assert(callers[t].same);
        }
        free(planes), free(expected);
        snarm_backbone_destroy(backbone);
    }
}
END_TEST

int main(void) {
    sn_rng_seed(&rng, 11, 0);
    Suite *suite = suite_create("backbone");
    TCase *cases = tcase_create("backbone");
    tcase_set_timeout(cases, 240);
    tcase_add_test(cases, golden_vits_in_three_namings);
    tcase_add_test(cases, golden_plain_vit);
    tcase_add_test(cases, golden_resnet);
    tcase_add_test(cases, full_size_in_three_namings_and_types);
    tcase_add_test(cases, small_and_large_vits);
    tcase_add_test(cases, plain_vits_in_two_namings);
    tcase_add_test(cases, rectangles_transpose);
    tcase_add_test(cases, resnets_match_plain_convolutions);
    tcase_add_test(cases, published_resnets_are_known);
    tcase_add_test(cases, embedded_weights_give_the_same);
    tcase_add_test(cases, many_threads_at_once);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
