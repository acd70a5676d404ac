/* Backbones: whole outputs of blocks and stages, and features. */
#define _GNU_SOURCE
#include "golden.h"

#include "backbone/backbone.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Which layers and how many groups the vectors were made with; what the metadata does not say stays the default. */
static void read_layers(const sn_safetensors *io, snarm_backbone_options *options) {
    static const char *const keys[] = {"layers", "blocks"};
    for (int i = 0; i < 2; i++) {
        const char *text = sn_safetensors_metadata(io, keys[i]);
        int first, last, groups;
        if (text == NULL || sscanf(text, "blocks %d..%d (0-based) in %d groups", &first, &last, &groups) != 3)
            continue;
        options->groups = groups;
        options->layer_count = 0;
        for (int layer = first; layer <= last && options->layer_count < SNARM_LAYERS_MAX; layer++)
            options->layers[options->layer_count++] = layer;
    }
    /* CNNs: one tensor layerN_channel0 a stage. */
    for (int stage = 1; stage <= 4; stage++) {
        char name[32];
        snprintf(name, sizeof name, "layer%d_channel0", stage);
        if (sn_safetensors_find(io, name) != NULL)
            options->layers[options->layer_count++] = stage;
    }
}

/* Every step-th row of values, step told by the tensor's name ("features_224_every_8th"), 1 if it does not say. */
static void compare_rows(report *r, const sn_safetensors *io, const char *name, const float *values, size_t rows,
                         size_t columns) {
    const sn_tensor *tensor;
    float *expected = read_floats(r, io, name, &tensor);
    if (expected == NULL)
        return;
    const char *every = strstr(name, "every_");
    const size_t step = every != NULL ? strtoul(every + strlen("every_"), NULL, 10) : 1;
    if (tensor->dims != 2 || (size_t)tensor->shape[1] != columns || step == 0 ||
        (size_t)tensor->shape[0] != (rows + step - 1) / step) {
        fail(r, "%s: %lld rows of %lld expected, %zu of %zu computed", name, (long long)tensor->shape[0],
             (long long)(tensor->dims > 1 ? tensor->shape[1] : 0), rows, columns);
        free(expected);
        return;
    }
    float *kept = malloc(tensor->count * sizeof *kept);
    for (size_t row = 0; row * step < rows; row++)
        memcpy(kept + row * columns, values + row * step * columns, columns * sizeof *kept);
    compare(r, name, kept, expected, tensor->count, TENSOR_TOLERANCE);
    free(kept);
    free(expected);
}

static bool is_named(const char *name, const char *prefix, const char *tag) {
    return strncmp(name, prefix, strlen(prefix)) == 0 && (tag[0] == '\0' || strstr(name, tag) != NULL);
}

/* The tensors blockN..., layerN_channel0: a layer's whole output. */
static void compare_layer(report *r, const sn_safetensors *io, const char *name, const snarm_backbone *backbone,
                          const float *planes) {
    const int layer = atoi(name + strlen(is_named(name, "block", "") ? "block" : "layer"));
    const size_t floats = sn_backbone_layer_floats(backbone, layer);
    float *out = malloc((floats + 1) * sizeof *out);
    if (succeeds(r, name, sn_backbone_layer_output(backbone, planes, layer, out))) {
        const sn_tensor *tensor = sn_safetensors_find(io, name);
        if (is_named(name, "block", "")) {
            const size_t columns = (size_t)tensor->shape[tensor->dims - 1];
            compare_rows(r, io, name, out, floats / columns, columns);
        } else { /* the first plane */
            float *expected = read_floats(r, io, name, NULL);
            if (expected != NULL)
                compare(r, name, out, expected, tensor->count, TENSOR_TOLERANCE);
            free(expected);
        }
    }
    free(out);
}

/* One picture of the vectors: image, or image_SIZE with tag "_SIZE". */
static void run_image(report *r, const sn_safetensors *io, const sn_tensor *image, const char *weights) {
    const char *tag = image->name + strlen("image");
    snarm_backbone_options options;
    snarm_backbone_options_init(&options);
    read_layers(io, &options);
    options.neighbourhood = 1;
    options.precision = SNARM_PRECISION_F32;
    options.height = (int32_t)image->shape[1];
    options.width = (int32_t)image->shape[2];
    for (size_t i = 0; i < sn_safetensors_count(io); i++) {
        const sn_tensor *tensor = sn_safetensors_at(io, i);
        if (is_named(tensor->name, "features", tag) && tensor->dims == 2)
            options.channels = (int32_t)tensor->shape[1];
    }
    snarm_backbone *backbone;
    if (!succeeds(r, "create", snarm_backbone_create(&backbone, weights, &options)))
        return;
    snarm_backbone_info info = {.struct_size = sizeof info};
    succeeds(r, "info", snarm_backbone_get_info(backbone, &info));
    const size_t patches = (size_t)info.grid_width * (size_t)info.grid_height;
    float *planes = read_floats(r, io, image->name, NULL);
    float *features = malloc(patches * (size_t)info.channels * sizeof *features);
    if (planes != NULL && succeeds(r, "features", snarm_backbone_features(backbone, planes, features)))
        for (size_t i = 0; i < sn_safetensors_count(io); i++) {
            const char *name = sn_safetensors_at(io, i)->name;
            if (is_named(name, "features", tag))
                compare_rows(r, io, name, features, patches, (size_t)info.channels);
            else if (is_named(name, "block", tag) || (is_named(name, "layer", "_channel0") && tag[0] == '\0'))
                compare_layer(r, io, name, backbone, planes);
        }
    free(planes);
    free(features);
    snarm_backbone_destroy(backbone);
}

static void run_weights(report *r, const char *folder, const char *io_name, const char *weights) {
    sn_safetensors *io = open_vectors(r, folder, io_name);
    if (io == NULL)
        return;
    int images = 0;
    for (size_t i = 0; i < sn_safetensors_count(io); i++) {
        const sn_tensor *tensor = sn_safetensors_at(io, i);
        if (!is_named(tensor->name, "image", "") || tensor->dims != 3)
            continue;
        images++;
        run_image(r, io, tensor, weights);
    }
    if (images == 0)
        fail(r, "%s holds no image", io_name);
    sn_safetensors_close(io);
}

void run_vit(report *r, const char *folder, const char *name) {
    char io[256], path[4096];
    snprintf(io, sizeof io, "%.*s_io", (int)(strrchr(name, '_') - name), name);
    snprintf(path, sizeof path, "%s/%s.safetensors", folder, name);
    run_weights(r, folder, io, path);
}

/* The first file of a folder, by name, that begins so and is no file of vectors; false if there is none. */
static bool find_file(char *path, size_t size, const char *folder, const char *beginning) {
    struct dirent **entries;
    const int count = scandir(folder, &entries, NULL, alphasort);
    bool found = false;
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        if (!found && strncmp(name, beginning, strlen(beginning)) == 0 && strstr(name, ".safetensors") != NULL &&
            strstr(name, "_io.safetensors") == NULL) {
            snprintf(path, size, "%s/%s", folder, name);
            found = true;
        }
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return found;
}

/* The real weights lie beside the vectors' folder, in it, or in the shared data. */
void run_network_io(report *r, const char *folder, const char *name) {
    char network[256], beside[4096], shared[4096], path[8192];
    const char *root = getenv("SNARM_SHARED");
    snprintf(network, sizeof network, "%.*s_", (int)(strrchr(name, '_') - name), name);
    snprintf(beside, sizeof beside, "%s/../weights", folder);
    snprintf(shared, sizeof shared, "%s/weights", root != NULL ? root : "../shared");
    if (find_file(path, sizeof path, beside, network) || find_file(path, sizeof path, folder, network) ||
        find_file(path, sizeof path, shared, network))
        run_weights(r, folder, name, path);
    else
        fail(r, "no weights %s* in %s, %s or %s", network, beside, folder, shared);
}

void run_vit_io(report *r, const char *folder, const char *name) {
    static const char *const namings[] = {"meta", "timm", "hf"};
    int found = 0;
    for (int i = 0; i < 3; i++) {
        char weights[256], path[4096];
        snprintf(weights, sizeof weights, "%.*s_%s", (int)(strrchr(name, '_') - name), name, namings[i]);
        snprintf(path, sizeof path, "%s/%s.safetensors", folder, weights);
        FILE *file = fopen(path, "rb");
        if (file == NULL)
            continue;
        fclose(file);
        found++;
        run_weights(r, folder, name, path);
    }
    if (found == 0)
        run_network_io(r, folder, name);
}
