/* Step 1 of the ladder: score one image.
 *
 * What it teaches: a detector is opened once and asked of each picture; the verdict, the place of the defect,
 * and the anomaly map drawn over the picture. Every call's status is looked at; snarm_last_error() says what
 * went wrong.
 *
 *     cc score_image.c -o score_image $(pkg-config --cflags --libs snarm)
 *     snarm fit --images parts/good --out part.snarm
 *     ./score_image part.snarm parts/today/0001.png heat.png
 *
 * Exit code: 0 the part is normal, 1 it is anomalous, 3 something could not be read or written. */
#include <snarm/snarm.h>

#include <stdio.h>
#include <stdlib.h>

enum { NORMAL = 0, ANOMALOUS = 1, USAGE = 2, FAILED = 3 };

/* Lays the map over the picture that was inspected and writes the result as PNG. */
static snarm_status write_heatmap(const snarm_detector *detector, const snarm_image *image, const float *map,
                                  float map_threshold, const char *path) {
    /* The map has the size of the network's input: here it is brought to that of the picture. */
    float *full = malloc((size_t)image->width * (size_t)image->height * sizeof *full);
    if (full == NULL)
        return SNARM_ERROR_MEMORY;
    snarm_status status = snarm_detector_map_to_image(detector, map, image->width, image->height, full);
    snarm_image picture = {0};
    if (status == SNARM_OK) {
        snarm_heatmap_options options;
        snarm_heatmap_options_init(&options);
        options.high = 2 * map_threshold;  /* the full colour */
        options.threshold = map_threshold; /* the region from here up is outlined */
        status = snarm_heatmap_render(&picture, image, full, &options);
    }
    if (status == SNARM_OK)
        status = snarm_image_save_png(&picture, path);
    snarm_image_release(&picture);
    free(full);
    return status;
}

/* Inspects one picture; *anomalous receives the verdict. */
static snarm_status inspect(const snarm_detector *detector, const char *path, const char *heatmap,
                            int *anomalous) {
    snarm_image image;
    snarm_status status = snarm_image_load(&image, path, NULL);
    if (status != SNARM_OK)
        return status;
    /* A camera's buffer needs no file; fill in the structure yourself:
     * snarm_image image = {.pixels = buffer, .width = 1280, .height = 1024, .format = SNARM_GREY8}; */

    snarm_detector_info info = {.struct_size = sizeof info};
    status = snarm_detector_get_info(detector, &info);
    float *map = NULL;
    if (status == SNARM_OK) {
        map = malloc((size_t)info.preprocess.width * (size_t)info.preprocess.height * sizeof *map);
        if (map == NULL)
            status = SNARM_ERROR_MEMORY;
    }

    snarm_result result = {.struct_size = sizeof result};
    if (status == SNARM_OK)
        status = snarm_detector_inspect(detector, &image, &result, map);
    if (status == SNARM_OK) {
        printf("%s: %s, score %.4g, threshold %.4g, normalized %.3f\n", path,
               result.anomalous ? "anomalous" : "normal", (double)result.score, (double)result.threshold,
               (double)result.normalized);
        printf("most suspicious at x %.0f, y %.0f of %dx%d pixels\n", result.x, result.y, (int)image.width,
               (int)image.height);
        *anomalous = result.anomalous;
        if (heatmap != NULL)
            status = write_heatmap(detector, &image, map, result.map_threshold, heatmap);
    }
    free(map);
    snarm_image_release(&image);
    return status;
}

/* Says on stderr why a call failed. The library's sentence names the file or function, the field and the
 * value; where memory of this program's own is short there is none. */
static int report(snarm_status status) {
    const char *sentence = snarm_last_error();
    fprintf(stderr, "score_image: %s\n", sentence[0] != '\0' ? sentence : snarm_status_name(status));
    return FAILED;
}

int main(int argc, char **argv) {
    if (argc != 3 && argc != 4) {
        fprintf(stderr, "usage: score_image MODEL IMAGE [HEATMAP.png]\n");
        return USAGE;
    }
    snarm_detector *detector;
    snarm_status status = snarm_detector_load(&detector, argv[1], NULL);
    if (status != SNARM_OK)
        return report(status);
    int anomalous = 0;
    status = inspect(detector, argv[2], argc == 4 ? argv[3] : NULL, &anomalous);
    snarm_detector_destroy(detector); /* harmless with NULL */
    if (status != SNARM_OK)
        return report(status);
    return anomalous ? ANOMALOUS : NORMAL;
}
