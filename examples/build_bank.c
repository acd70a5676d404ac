/* Step 2 of the ladder: build a memory bank.
 *
 * What it teaches: what a detector is made of, and what a fit does before it sets a threshold. A picture
 * becomes the input of a pretrained network (snarm_image_preprocess), the network gives a vector of features
 * for each patch (snarm_backbone_features), the most different vectors of all good pictures are chosen
 * (snarm_coreset_select) and kept (snarm_bank_create), and the distance of a patch to the nearest of them
 * says how unusual it is (snarm_bank_search).
 *
 *     cc build_bank.c -o build_bank $(pkg-config --cflags --libs snarm)
 *     ./build_bank builtin parts/good part.bank 2000     # builtin, or a file of a network's weights
 *
 * Prints each good picture's largest distance to the bank vectors of the others, and writes the bank. */
#include <snarm/snarm.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Everything that is to be freed in the end, NULL until it is there. */
typedef struct bank_builder {
    snarm_image_list *list;
    snarm_backbone *backbone;
    snarm_bank *bank;
    snarm_backbone_info info;
    size_t pictures, patches, channels; /* patches of one picture */
    float *planes;                      /* the network's input: 3 planes */
    float *features;                    /* (pictures, patches, channels) */
    float *vectors;                     /* those chosen */
    int32_t *images;                    /* the picture that each came from */
    size_t *selected;
    float *distances; /* of one picture's patches */
} bank_builder;

static snarm_status open_all(bank_builder *b, const char *network, const char *folder) {
    snarm_status status = snarm_image_list_open(&b->list, folder);
    if (status == SNARM_OK)
        status = snarm_backbone_create(&b->backbone, network, NULL);
    b->info.struct_size = sizeof b->info;
    if (status == SNARM_OK)
        status = snarm_backbone_get_info(b->backbone, &b->info);
    if (status != SNARM_OK)
        return status;
    b->pictures = snarm_image_list_count(b->list);
    b->patches = (size_t)b->info.grid_width * (size_t)b->info.grid_height;
    b->channels = (size_t)b->info.channels;
    b->planes = malloc(3 * (size_t)b->info.width * (size_t)b->info.height * sizeof *b->planes);
    b->features = malloc(b->pictures * b->patches * b->channels * sizeof *b->features);
    b->distances = malloc(b->patches * sizeof *b->distances);
    return b->planes && b->features && b->distances ? SNARM_OK : SNARM_ERROR_MEMORY;
}

/* The features of one picture, which take their place among those of all. */
static snarm_status extract(bank_builder *b, size_t index) {
    snarm_preprocess how = {
        b->info.width, b->info.height, b->info.width, b->info.height, {0}, {0}}; /* nothing cut off */
    memcpy(how.mean, b->info.mean, sizeof how.mean);
    memcpy(how.std, b->info.std, sizeof how.std);
    snarm_image image;
    snarm_status status = snarm_image_load(&image, snarm_image_list_get(b->list, index), NULL);
    if (status == SNARM_OK)
        status = snarm_image_preprocess(&image, &how, b->planes, NULL);
    if (status == SNARM_OK)
        status =
            snarm_backbone_features(b->backbone, b->planes, b->features + index * b->patches * b->channels);
    snarm_image_release(&image);
    return status;
}

/* Chooses at most target vectors and makes a bank of them. */
static snarm_status make_bank(bank_builder *b, size_t target) {
    const size_t count = b->pictures * b->patches;
    size_t chosen = 0;
    b->selected = malloc((target < count ? target : count) * sizeof *b->selected);
    if (b->selected == NULL)
        return SNARM_ERROR_MEMORY;
    snarm_status status =
        snarm_coreset_select(b->features, count, b->info.channels, target, NULL, b->selected, &chosen);
    if (status != SNARM_OK)
        return status;
    b->vectors = malloc(chosen * b->channels * sizeof *b->vectors);
    b->images = malloc(chosen * sizeof *b->images);
    if (b->vectors == NULL || b->images == NULL)
        return SNARM_ERROR_MEMORY;
    for (size_t i = 0; i < chosen; i++) {
        memcpy(b->vectors + i * b->channels, b->features + b->selected[i] * b->channels,
               b->channels * sizeof *b->vectors);
        b->images[i] = (int32_t)(b->selected[i] / b->patches);
    }
    printf("%zu of %zu vectors of %zu channels from %zu pictures\n", chosen, count, b->channels, b->pictures);
    return snarm_bank_create(&b->bank, b->vectors, b->images, chosen, b->info.channels, NULL);
}

/* How unusual the least usual patch of a good picture is when the bank vectors of that picture itself are
 * passed over: from such scores a threshold is set. */
static snarm_status score(bank_builder *b, size_t index) {
    snarm_status status =
        snarm_bank_search(b->bank, b->features + index * b->patches * b->channels, b->patches, 1,
                          b->pictures > 1 ? (int32_t)index : -1, b->distances, NULL);
    if (status != SNARM_OK)
        return status;
    float largest = 0;
    for (size_t i = 0; i < b->patches; i++)
        if (b->distances[i] > largest)
            largest = b->distances[i];
    printf("%s: %g\n", snarm_image_list_get(b->list, index), (double)largest);
    return SNARM_OK;
}

static snarm_status run(bank_builder *b, char **argv, size_t target) {
    snarm_status status = open_all(b, argv[1], argv[2]);
    for (size_t i = 0; status == SNARM_OK && i < b->pictures; i++)
        status = extract(b, i);
    if (status == SNARM_OK)
        status = make_bank(b, target);
    for (size_t i = 0; status == SNARM_OK && i < b->pictures; i++)
        status = score(b, i);
    return status == SNARM_OK ? snarm_bank_save(b->bank, argv[3]) : status;
}

int main(int argc, char **argv) {
    const long long target = argc == 5 ? atoll(argv[4]) : 2000;
    if (argc < 4 || argc > 5 || target < 1) {
        fprintf(stderr, "usage: build_bank BACKBONE FOLDER BANK [VECTORS]\n");
        return 2;
    }
    bank_builder builder = {0};
    snarm_status status = run(&builder, argv, (size_t)target);
    if (status != SNARM_OK)
        fprintf(stderr, "build_bank: %s: %s\n", snarm_status_name(status), snarm_last_error());
    snarm_image_list_destroy(builder.list);
    snarm_backbone_destroy(builder.backbone);
    snarm_bank_destroy(builder.bank);
    void *memory[] = {builder.planes, builder.features, builder.vectors,
                      builder.images, builder.selected, builder.distances};
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++)
        free(memory[i]);
    return status == SNARM_OK ? 0 : 3;
}
