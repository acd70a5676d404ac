/* Step 4 of the ladder: evaluate a folder whose truth is known.
 *
 * What it teaches: a data set's test pictures with their masks, exact image and pixel metrics, and a report
 * to look at. The folder is one category, laid out as docs/datasets.md shows: train/good, test/good,
 * test/DEFECT, ground_truth/DEFECT.
 *
 *     cc evaluate_folder.c -o evaluate_folder $(pkg-config --cflags --libs snarm)
 *     ./evaluate_folder part.snarm mvtec/screw report.html
 *
 * Prints image AUROC, pixel AUROC, average precision and AUPRO, and what the model's own threshold would have
 * done. */
#include <snarm/snarm.h>

#include <stdio.h>
#include <stdlib.h>

typedef struct evaluation {
    snarm_detector *detector;
    snarm_detector_info info;
    snarm_dataset *set;
    snarm_pixel_metrics *pixels;
    snarm_report *report;
    size_t count;    /* test pictures */
    float *scores;   /* one a picture */
    uint8_t *labels; /* 0 normal, 1 defective */
    float *map;      /* of one picture */
    uint8_t *mask;   /* at the map's size */
    size_t alarms, found;
} evaluation;

static snarm_status open_all(evaluation *e, const char *model, const char *folder) {
    snarm_status status = snarm_detector_load(&e->detector, model, NULL);
    e->info.struct_size = sizeof e->info;
    if (status == SNARM_OK)
        status = snarm_detector_get_info(e->detector, &e->info);
    if (status == SNARM_OK)
        status = snarm_dataset_open(&e->set, folder, NULL);
    if (status == SNARM_OK)
        status = snarm_pixel_metrics_create(&e->pixels, NULL);
    snarm_report_options options;
    snarm_report_options_init(&options);
    options.title = snarm_dataset_category_name(e->set, 0);
    options.threshold = e->info.threshold;
    options.map_threshold = e->info.map_threshold;
    if (status == SNARM_OK)
        status = snarm_report_create(&e->report, &options);
    if (status != SNARM_OK)
        return status;
    e->count = snarm_dataset_sample_count(e->set, 0, SNARM_SPLIT_TEST);
    const size_t size = (size_t)e->info.preprocess.width * (size_t)e->info.preprocess.height;
    e->scores = malloc(e->count * sizeof *e->scores);
    e->labels = malloc(e->count);
    e->map = malloc(size * sizeof *e->map);
    e->mask = malloc(size);
    return e->scores && e->labels && e->map && e->mask ? SNARM_OK : SNARM_ERROR_MEMORY;
}

/* Inspects one picture and gives what came out to the metrics and to the report. */
static snarm_status add(evaluation *e, size_t index) {
    const snarm_preprocess *how = &e->info.preprocess;
    snarm_sample sample;
    snarm_status status = snarm_dataset_sample(e->set, 0, SNARM_SPLIT_TEST, index, &sample);
    if (status != SNARM_OK)
        return status;
    snarm_image image;
    if ((status = snarm_image_load(&image, sample.path, NULL)) != SNARM_OK)
        return status;
    snarm_result result = {.struct_size = sizeof result};
    status = snarm_detector_inspect(e->detector, &image, &result, e->map);
    /* The mask is brought to the map's size in the same way as the picture was. A good picture has none. */
    if (status == SNARM_OK && sample.mask != NULL)
        status = snarm_mask_load(sample.mask, how, e->mask);
    const uint8_t *mask = sample.mask != NULL ? e->mask : NULL;
    if (status == SNARM_OK)
        status = snarm_pixel_metrics_add(e->pixels, e->map, mask, how->width, how->height);
    if (status == SNARM_OK) {
        /* The map covers the whole picture, unless the fit was told to cut a border off; for such a model it
         * would go through snarm_detector_map_to_image first. */
        const snarm_report_sample shown = {.struct_size = sizeof shown,
                                           .name = sample.path,
                                           .category = snarm_dataset_category_name(e->set, 0),
                                           .defect = sample.defect,
                                           .image = &image,
                                           .map = e->map,
                                           .map_width = how->width,
                                           .map_height = how->height,
                                           .mask = mask,
                                           .mask_width = mask ? how->width : 0,
                                           .mask_height = mask ? how->height : 0,
                                           .score = result.score,
                                           .normalized = result.normalized,
                                           .anomalous = sample.anomalous};
        status = snarm_report_add(e->report, &shown);
    }
    snarm_image_release(&image);
    e->scores[index] = result.score;
    e->labels[index] = (uint8_t)sample.anomalous;
    *(sample.anomalous ? &e->found : &e->alarms) += result.anomalous ? 1 : 0;
    return status;
}

static snarm_status print_metrics(const evaluation *e) {
    snarm_score_metrics images;
    snarm_pixel_metrics_result pixels;
    snarm_status status = snarm_metrics_scores(e->scores, e->labels, e->count, &images);
    if (status == SNARM_OK)
        status = snarm_pixel_metrics_finish(e->pixels, &pixels);
    if (status != SNARM_OK)
        return status;
    printf("images        %zu, %llu of them defective\n", e->count, (unsigned long long)images.positives);
    printf("image AUROC   %.4f\n", images.auroc);
    printf("pixel AUROC   %.4f\n", pixels.pixels.auroc);
    printf("pixel AP      %.4f\n", pixels.pixels.average_precision);
    printf("AUPRO         %.4f\n", pixels.aupro);
    printf("at threshold  %zu of %llu defective found, %zu of %llu good called anomalous\n", e->found,
           (unsigned long long)images.positives, e->alarms, (unsigned long long)images.negatives);
    return SNARM_OK;
}

int main(int argc, char **argv) {
    if (argc != 3 && argc != 4) {
        fprintf(stderr, "usage: evaluate_folder MODEL CATEGORY_FOLDER [REPORT.html]\n");
        return 2;
    }
    evaluation e = {0};
    snarm_status status = open_all(&e, argv[1], argv[2]);
    for (size_t i = 0; status == SNARM_OK && i < e.count; i++)
        status = add(&e, i);
    if (status == SNARM_OK)
        status = print_metrics(&e);
    if (status == SNARM_OK && argc == 4)
        status = snarm_report_set_pixels(e.report, snarm_dataset_category_name(e.set, 0), e.pixels);
    if (status == SNARM_OK && argc == 4)
        status = snarm_report_write(e.report, argv[3]);
    if (status != SNARM_OK)
        fprintf(stderr, "evaluate_folder: %s: %s\n", snarm_status_name(status), snarm_last_error());
    snarm_report_destroy(e.report);
    snarm_pixel_metrics_destroy(e.pixels);
    snarm_dataset_destroy(e.set);
    snarm_detector_destroy(e.detector);
    free(e.scores), free(e.labels), free(e.map), free(e.mask);
    return status == SNARM_OK ? 0 : 3;
}
