/* What the backbone refuses, and in which words. */
#include "backbone/backbone.h"
#include "networks.h"
#include "support.h"

#include <stdio.h>
#include <string.h>

static const vit_shape small_vit = {META_NAMES, 64, 6, 14, 2, 96, 5, true, false};
static const resnet_shape small_resnet = {false, 16, 16, {1, 1, 1, 0}};

static snarm_backbone *backbone;

static void refuse_vit(const file_changes *changes, snarm_status status, const char *words) {
    write_vit(scratch_file("bad.safetensors"), &small_vit, changes);
    ck_fails(snarm_backbone_create(&backbone, scratch_file("bad.safetensors"), NULL), status, words);
    ck_assert_ptr_null(backbone);
    ck_assert_msg(strstr(snarm_last_error(), "bad.safetensors") != NULL, "%s", snarm_last_error());
}

static void refuse_resnet(const file_changes *changes, snarm_status status, const char *words) {
    write_resnet(scratch_file("bad.safetensors"), &small_resnet, changes);
    ck_fails(snarm_backbone_create(&backbone, scratch_file("bad.safetensors"), NULL), status, words);
    ck_assert_ptr_null(backbone);
    ck_assert_msg(strstr(snarm_last_error(), "bad.safetensors") != NULL, "%s", snarm_last_error());
}

START_TEST(vit_files) {
    static const char *const needed[] = {"cls_token", "pos_embed", "patch_embed.proj.bias", "blocks.0.norm2.weight",
                                         "blocks.0.mlp.fc1.weight", "blocks.2.attn.qkv.bias", "blocks.3.ls1.gamma"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        refuse_vit(&(file_changes){.omit = needed[i]}, SNARM_ERROR_FORMAT, needed[i]);
    static const char *const shaped[] = {"patch_embed.proj.weight", "register_tokens", "pos_embed", "blocks.0.mlp.fc2.weight",
                                         "blocks.1.attn.proj.weight"};
    for (size_t i = 0; i < sizeof shaped / sizeof *shaped; i++)
        refuse_vit(&(file_changes){.flatten = shaped[i]}, SNARM_ERROR_FORMAT, shaped[i]);
    refuse_vit(&(file_changes){.poison = "blocks.1.mlp.fc1.weight"}, SNARM_ERROR_FORMAT, "blocks.1.mlp.fc1.weight has nan");
    refuse_vit(&(file_changes){.extra = "blocks.2.attn.q_norm.weight"}, SNARM_ERROR_UNSUPPORTED, "q_norm");
    refuse_vit(&(file_changes){.extra = "blocks.0.mlp.w12.weight"}, SNARM_ERROR_UNSUPPORTED, "SwiGLU");
    refuse_vit(&(file_changes){.extra = "norm_pre.weight"}, SNARM_ERROR_UNSUPPORTED, "norm_pre");
    refuse_vit(&(file_changes){.metadata = {{"heads", "5"}}}, SNARM_ERROR_FORMAT, "heads is 5");
    refuse_vit(&(file_changes){.metadata = {{"norm_eps", "-1"}}}, SNARM_ERROR_FORMAT, "norm_eps");
    refuse_vit(&(file_changes){.metadata = {{"image_mean", "0.5,0.5"}}}, SNARM_ERROR_FORMAT, "image_mean");
    refuse_vit(&(file_changes){.metadata = {{"image_std", "0.5,0,0.5"}}}, SNARM_ERROR_FORMAT, "image_std");
    refuse_vit(&(file_changes){.prefix = "unheard.of."}, SNARM_ERROR_UNSUPPORTED, "no backbone");
    refuse_vit(&(file_changes){.omit = "patch_embed.proj.weight"}, SNARM_ERROR_UNSUPPORTED, "no backbone");
    vit_shape packed = small_vit;
    packed.dim = 72; /* not whole heads of 64, and metadata does not tell */
    write_vit(scratch_file("bad.safetensors"), &packed, NULL);
    ck_fails(snarm_backbone_create(&backbone, scratch_file("bad.safetensors"), NULL), SNARM_ERROR_FORMAT, "heads is missing");
}
END_TEST

START_TEST(resnet_files) {
    static const char *const needed[] = {"conv1.weight", "bn1.running_mean", "layer1.0.bn2.running_var",
                                         "layer2.0.downsample.0.weight", "layer2.0.downsample.1.bias",
                                         "layer3.0.conv2.weight"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        refuse_resnet(&(file_changes){.omit = needed[i]}, SNARM_ERROR_FORMAT, needed[i]);
    refuse_resnet(&(file_changes){.flatten = "layer2.0.conv1.weight"}, SNARM_ERROR_FORMAT, "layer2.0.conv1.weight");
    refuse_resnet(&(file_changes){.flatten = "conv1.weight"}, SNARM_ERROR_FORMAT, "conv1.weight");
    refuse_resnet(&(file_changes){.poison = "layer1.0.bn1.bias"}, SNARM_ERROR_FORMAT, "layer1.0.bn1.bias has nan");
    refuse_resnet(&(file_changes){.negative = "bn1.running_var"}, SNARM_ERROR_FORMAT, "bn1.running_var has -1");
    refuse_resnet(&(file_changes){.extra = "layer1.0.se.fc1.weight"}, SNARM_ERROR_UNSUPPORTED, "layer1.0.se.fc1.weight");
    refuse_resnet(&(file_changes){.omit = "layer3.0.conv1.weight"}, SNARM_ERROR_ARGUMENT, "layers[1] is 3");
    refuse_resnet(&(file_changes){.omit = "layer1.0.conv1.weight"}, SNARM_ERROR_UNSUPPORTED, "no backbone");
    /* PyTorch's counters and the classifier are passed over. */
    write_resnet(scratch_file("good.safetensors"), &small_resnet,
                 &(file_changes){.extra = "layer1.0.bn1.num_batches_tracked"});
    snarm_backbone_options options;
    snarm_backbone_options_init(&options);
    options.width = options.height = 32;
    ck_ok(snarm_backbone_create(&backbone, scratch_file("good.safetensors"), &options));
    snarm_backbone_destroy(backbone);
}
END_TEST

START_TEST(other_files) {
    ck_fails(snarm_backbone_create(&backbone, scratch_file("none"), NULL), SNARM_ERROR_IO, "none");
    FILE *file = fopen(scratch_file("text"), "w");
    fputs("not a file of tensors", file);
    fclose(file);
    ck_fails(snarm_backbone_create(&backbone, scratch_file("text"), NULL), SNARM_ERROR_FORMAT, "text");
    ck_fails(snarm_backbone_create(NULL, "x", NULL), SNARM_ERROR_ARGUMENT, "out is NULL");
    if (shared_file("weights/resnet50v2_to_stage3.safetensors") != NULL)
        ck_fails(snarm_backbone_create(&backbone, shared_file("weights/resnet50v2_to_stage3.safetensors"), NULL),
                 SNARM_ERROR_UNSUPPORTED, "no backbone");
}
END_TEST

START_TEST(vit_options) {
    static const struct {
        snarm_backbone_options options;
        const char *words;
    } cases[] = {
        {{.width = 100}, "width is 100, expected a multiple of 14"},
        {{.height = 28}, "height is 28, expected 32..4096"},
        {{.width = 4102}, "width is 4102"},
        {{.width = -14}, "width is -14"},
        {{.layer_count = 1, .layers = {6}}, "layers[0] is 6, expected a block of"},
        {{.layer_count = 1, .layers = {-1}}, "layers[0] is -1"},
        {{.layer_count = 2, .layers = {3, 3}}, "layers[1] is 3, expected more"},
        {{.layer_count = 65}, "layer_count is 65"},
        {{.layer_count = -1}, "layer_count is -1"},
        {{.groups = 3}, "groups is 3, expected a divisor"},
        {{.groups = 5}, "groups is 5, expected 1..4"},
        {{.groups = -1}, "groups is -1"},
        {{.channels = 7}, "channels is 7"},
        {{.channels = 4097}, "channels is 4097"},
        {{.channels = -2}, "channels is -2"},
        {{.neighbourhood = 2}, "neighbourhood is 2, expected 1, 3 or 5"},
        {{.neighbourhood = 7}, "neighbourhood is 7"},
        {{.threads = 65}, "threads is 65"},
        {{.threads = -1}, "threads is -1"},
    };
    char path[4096];
    snprintf(path, sizeof path, "%s", scratch_file("vit.safetensors"));
    write_vit(path, &small_vit, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snarm_backbone_options options = cases[i].options;
        options.struct_size = sizeof options;
        ck_fails(snarm_backbone_create(&backbone, path, &options), SNARM_ERROR_ARGUMENT, cases[i].words);
        ck_assert_ptr_null(backbone);
    }
    snarm_backbone_options unsized = {0};
    ck_fails(snarm_backbone_create(&backbone, path, &unsized), SNARM_ERROR_ARGUMENT, "struct_size");
    vit_shape shallow = small_vit;
    shallow.depth = 2;
    write_vit(path, &shallow, NULL);
    ck_fails(snarm_backbone_create(&backbone, path, NULL), SNARM_ERROR_ARGUMENT, "layer_count is 0");
}
END_TEST

START_TEST(options_in_use) {
    char path[4096];
    snprintf(path, sizeof path, "%s", scratch_file("vit.safetensors"));
    write_vit(path, &small_vit, NULL);
    snarm_backbone_options options;
    snarm_backbone_options_init(&options);
    options.width = 56, options.height = 70, options.channels = -1, options.threads = 3, options.neighbourhood = 5;
    options.layers[0] = 0, options.layers[1] = 2, options.layers[2] = 5, options.layer_count = 3, options.groups = 3;
    ck_ok(snarm_backbone_create(&backbone, path, &options));
    snarm_backbone_info info = {.struct_size = sizeof info};
    ck_ok(snarm_backbone_get_info(backbone, &info));
    ck_assert(info.width == 56 && info.height == 70 && info.grid_width == 7 && info.grid_height == 8);
    ck_assert(info.channels == 3 * 64 && info.threads == 3 && info.neighbourhood == 5 && info.groups == 3);
    ck_assert(info.layer_count == 3 && info.layers[2] == 5 && info.layers[3] == 0);
    ck_assert_str_eq(info.licence, "");
    info.struct_size = 8;
    ck_fails(snarm_backbone_get_info(backbone, &info), SNARM_ERROR_ARGUMENT, "struct_size is 8");
    ck_fails(snarm_backbone_get_info(NULL, &info), SNARM_ERROR_ARGUMENT, "backbone is NULL");
    float value = 0;
    ck_fails(snarm_backbone_features(backbone, NULL, &value), SNARM_ERROR_ARGUMENT, "planes is NULL");
    ck_fails(snarm_backbone_features(backbone, &value, NULL), SNARM_ERROR_ARGUMENT, "features is NULL");
    ck_fails(sn_backbone_layer_output(backbone, &value, 6, &value), SNARM_ERROR_ARGUMENT, "layer is 6");
    snarm_backbone_destroy(backbone);
    snarm_backbone_destroy(NULL);
}
END_TEST

START_TEST(embedded_without_hash) {
    write_vit(scratch_file("bad.safetensors"), &small_vit, &(file_changes){.prefix = "inner."});
    sn_safetensors *file;
    ck_ok(sn_safetensors_open(&file, scratch_file("bad.safetensors")));
    ck_fails(sn_backbone_create_from(&backbone, file, "inner.", NULL), SNARM_ERROR_FORMAT, "inner.sha256 is missing");
    ck_fails(sn_backbone_create_from(&backbone, file, "outer.", NULL), SNARM_ERROR_UNSUPPORTED, "no backbone");
    sn_safetensors_close(file);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("backbone_errors");
    TCase *cases = tcase_create("backbone_errors");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, vit_files);
    tcase_add_test(cases, resnet_files);
    tcase_add_test(cases, other_files);
    tcase_add_test(cases, vit_options);
    tcase_add_test(cases, options_in_use);
    tcase_add_test(cases, embedded_without_hash);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
