/* libsnarm: image folders, and data sets of normal and defective images with masks.
 *
 *     snarm_dataset *set;
 *     snarm_dataset_open(&set, "mvtec_ad", NULL);
 *     for (size_t c = 0; c < snarm_dataset_category_count(set); c++)
 *         for (size_t i = 0; i < snarm_dataset_sample_count(set, c, SNARM_SPLIT_TEST); i++) {
 *             snarm_sample sample;
 *             snarm_dataset_sample(set, c, SNARM_SPLIT_TEST, i, &sample);
 *             ...
 *         }
 *     snarm_dataset_destroy(set);
 *
 * Only names are looked at here; whether a file holds an image shows when it is loaded. Names that begin with
 * a dot are skipped, symbolic links are followed, and everything is sorted byte by byte, so that the order is
 * the same on every machine. A handle never changes: any number of threads may read it at the same time.
 */
#ifndef SNARM_DATASET_H
#define SNARM_DATASET_H

#include "snarm/image.h"
#include "snarm/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How a data set's folders are laid out; docs/datasets.md shows each as a tree. Values are fixed. */
typedef enum snarm_layout {
    SNARM_LAYOUT_AUTO = 0,    /* found by looking at the folders: that of the first category of any layout */
    SNARM_LAYOUT_MVTEC = 1,   /* MVTec AD, and any other set in this form, such as VisA's one-class copies:
                                   CATEGORY/train/good/NAME.png               normal images to train with
                                   CATEGORY/test/good/NAME.png                normal images to test with
                                   CATEGORY/test/DEFECT/NAME.png              defective images to test with
                                   CATEGORY/ground_truth/DEFECT/NAME_mask.png (or NAME.png) their masks */
    SNARM_LAYOUT_VISA = 2,    /* VisA as it is distributed:
                                   CATEGORY/Data/Images/Normal/NAME.JPG
                                   CATEGORY/Data/Images/Anomaly/NAME.JPG
                                   CATEGORY/Data/Masks/Anomaly/NAME.png
                                   CATEGORY/image_anno.csv  the kinds of defect; may be missing
                                   split_csv/1cls.csv       which images train and which test; beside the
                                                            categories. Where it is missing, every third
                                                            normal image tests (the third, the sixth and so
                                                            on in byte order) and the others train. */
    SNARM_LAYOUT_MVTEC3D = 3, /* MVTec 3D-AD; the validation folder's images are not used:
                                   CATEGORY/train/good/rgb/NAME.png           normal images to train with
                                   CATEGORY/train/good/xyz/NAME.tiff          their depth pictures
                                   CATEGORY/test/good/{rgb,xyz}/              the same to test with
                                   CATEGORY/test/DEFECT/{rgb,xyz,gt}/         defective ones; masks in gt */
    SNARM_LAYOUT_BTAD = 4,    /* BTAD:
                                   CATEGORY/train/ok/NAME.bmp                 normal images to train with
                                   CATEGORY/test/{ok,ko}/NAME.bmp             normal and defective images
                                   CATEGORY/ground_truth/ko/NAME.png          masks, or NAME.bmp */
    SNARM_LAYOUT_FOLDERS = 5  /* a folder of normal images and one for each kind of defect, not split; every
                                 third normal image tests, as above, the others train:
                                   CATEGORY/good/NAME.png
                                   CATEGORY/DEFECT/NAME.png                   any names but ground_truth
                                   CATEGORY/ground_truth/DEFECT/NAME_mask.png (or NAME.png) their masks;
                                                            a category without ground_truth has no masks */
} snarm_layout;

/* What an image of a data set is for. Values are fixed. */
typedef enum snarm_split {
    SNARM_SPLIT_TRAIN = 0, /* normal images */
    SNARM_SPLIT_TEST = 1   /* normal and defective images */
} snarm_split;

/* The listing of a data set. Immutable: any number of threads may read one at the same time. */
typedef struct snarm_dataset snarm_dataset;

/* Initialise with snarm_dataset_options_init; zero means default. */
typedef struct snarm_dataset_options {
    size_t struct_size;
    int32_t layout;              /* a snarm_layout: categories of other layouts are passed over; default
                                    SNARM_LAYOUT_AUTO */
    int32_t allow_missing_masks; /* 1: defective test images need no mask file; default 0: they do; 0..1 */
} snarm_dataset_options;
static inline void snarm_dataset_options_init(snarm_dataset_options *options) {
    snarm_options_clear(options, sizeof *options);
}

/* Lists a data set.
 *   out      the handle on success, NULL on failure; destroyed with snarm_dataset_destroy
 *   path     the folder that holds the categories, or one category's own folder. Other folders and files
 *            beside the categories are passed over. Images are files named .png, .jpg, .jpeg or .bmp, in any
 *            case; masks are .png or .bmp files. A defect's folder without images adds nothing. One category
 *            of VisA is split by the table in the folder above it.
 *   options  NULL for defaults
 * SNARM_ERROR_ARGUMENT for a bad option or an empty path; SNARM_ERROR_IO for a folder that is missing or
 * cannot be read; SNARM_ERROR_FORMAT where the folders fit no layout or not the one asked for, a category
 * has no image to train or none to test with, a mask or depth picture is missing (the sentence names image
 * and missing file), or a table is wrong (the sentence names file, line and field; paths in tables must lead
 * below the category's folder and to files that are there); SNARM_ERROR_UNSUPPORTED for a table of more than
 * 64 MiB; SNARM_ERROR_MEMORY. */
SNARM_API snarm_status snarm_dataset_open(snarm_dataset **out, const char *path,
                                          const snarm_dataset_options *options);

/* The layout that was read, never SNARM_LAYOUT_AUTO (but for a NULL handle). */
SNARM_API snarm_layout snarm_dataset_layout(const snarm_dataset *set);

/* At least 1; 0 for a NULL handle. */
SNARM_API size_t snarm_dataset_category_count(const snarm_dataset *set);

/* The name of category 0..count-1, which is its folder's; the handle's own. NULL beyond the last. */
SNARM_API const char *snarm_dataset_category_name(const snarm_dataset *set, size_t category);

/* Images of a category in a split, at least 1; 0 for a category beyond the last or another split. */
SNARM_API size_t snarm_dataset_sample_count(const snarm_dataset *set, size_t category, snarm_split split);

/* One image of a data set. The strings are the handle's own. The layout is fixed. */
typedef struct snarm_sample {
    const char *path;   /* of the image: the path given to snarm_dataset_open, and the way from there */
    const char *defect; /* its kind of defect, the folder's name, or VisA's label (without annotations,
                           "anomaly"); "good" for a normal image */
    const char *mask;   /* path of its mask; NULL for a normal image, or where it is missing and may be */
    const char *depth;  /* path of its depth picture, for snarm_depth_load; NULL in sets without them, and
                           where an MVTec 3D-AD folder has no xyz beside rgb */
    int32_t anomalous;  /* 0 normal, 1 defective */
} snarm_sample;

/* Sample 0..count-1 of a category's split: those of one defect together, defects and names in byte order.
 * On failure *out is untouched; SNARM_ERROR_ARGUMENT for a number beyond the last, or NULL. */
SNARM_API snarm_status snarm_dataset_sample(const snarm_dataset *set, size_t category, snarm_split split,
                                            size_t index, snarm_sample *out);

/* Harmless with NULL. */
SNARM_API void snarm_dataset_destroy(snarm_dataset *set);

/* The images that a program is asked to look at. */
typedef struct snarm_image_list snarm_image_list;

/* Lists a folder's images, with those of the folders in it, sorted by their paths.
 *   out   the handle on success, NULL on failure; destroyed with snarm_image_list_destroy
 *   path  a folder: all files in it named .png, .jpg, .jpeg, .bmp, .tif or .tiff, in any case, perhaps none
 *         (those that cannot be loaded are listed too, so that this is noticed rather than passed over); a
 *         link that leads back to a folder above it is not followed. Or a file, whatever its name: the list
 *         is this file.
 * SNARM_ERROR_ARGUMENT for NULL or an empty path; SNARM_ERROR_IO when there is no such file or folder, or a
 * folder cannot be read or lies more than 64 deep; SNARM_ERROR_MEMORY. */
SNARM_API snarm_status snarm_image_list_open(snarm_image_list **out, const char *path);

/* 0 for a NULL handle. */
SNARM_API size_t snarm_image_list_count(const snarm_image_list *list);

/* Path 0..count-1, beginning with the path given; the handle's own. NULL beyond the last. */
SNARM_API const char *snarm_image_list_get(const snarm_image_list *list, size_t index);

/* Harmless with NULL. */
SNARM_API void snarm_image_list_destroy(snarm_image_list *list);

/* A mask brought to the size of an image's anomaly map, as the image was brought to the network's:
 * pixels with any sample above 0 are 1, all others 0; resized to resize_width x resize_height (bilinear,
 * half-pixel centres, no antialias); the middle width x height of it; 1 where the value is at least one half.
 * Small defects can vanish.
 *   path  a PNG, JPEG or BMP file, as snarm_image_load reads it (of 16-bit samples, the high byte counts)
 *   how   the sizes of it; mean and std are not looked at
 *   mask  height * width bytes of the caller's, rows from the top: 0 normal, 1 defective; untouched on
 *         failure
 * SNARM_ERROR_ARGUMENT for NULL or a size out of snarm_preprocess's range, and snarm_image_load's.
 * Any number of threads may load at the same time. */
SNARM_API snarm_status snarm_mask_load(const char *path, const snarm_preprocess *how, uint8_t *mask);

/* A mask at its own size, as a SNARM_GREY8 image of rows without gaps: 1 where any sample is above 0, else 0.
 *   out  filled on success: released with snarm_image_release; zeroed on failure
 * SNARM_ERROR_ARGUMENT for NULL, and snarm_image_load's. Any number of threads may load at the same time. */
SNARM_API snarm_status snarm_mask_load_full(snarm_image *out, const char *path);

#ifdef __cplusplus
}
#endif
#endif
