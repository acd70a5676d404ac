/* Step 3 of the ladder: train a scorer.
 *
 * What it teaches: a fit that, besides learning the good parts, trains the scorer on defects it paints into
 * them. Progress is shown on a line of its own, Ctrl-C ends the training early with the best weights so far
 * (and anything before it, at once), and the report says whether training helped: it compares the trained map
 * with the one of distances on pictures held out.
 *
 *     cc train.c -o train $(pkg-config --cflags --libs snarm)
 *     ./train builtin parts/good part.snarm          # minutes
 *     ./train builtin parts/good part.snarm 200 96   # 200 steps on 96 samples, to try it
 *
 * builtin is the library's own network; a file of a network's weights may stand in its place.
 *
 * Then score_image, evaluate_folder and camera_loop take part.snarm. */
#include <snarm/snarm.h>

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* Set by Ctrl-C. Callbacks look at it; a second Ctrl-C kills as usual. */
static volatile sig_atomic_t stop;

static void on_interrupt(int number) {
    stop = 1;
    signal(number, SIG_DFL);
}

/* Called while pictures are looked at, the bank is chosen and samples are made. Anything but 0 ends the fit
 * with SNARM_ERROR_CANCELLED. */
static int show_stage(void *user, const char *stage, uint64_t done, uint64_t total) {
    (void)user;
    fprintf(stderr, "\r%-12s %3d %%", stage, (int)(100 * done / total));
    return stop;
}

/* Called while the scorer is trained. Anything but 0 ends the training, and the fit goes on with the best
 * weights so far. */
static int show_training(void *user, const snarm_train_report *report) {
    (void)user;
    fprintf(stderr, "\rstep %lld of %lld, loss %.4f, %.0f s left   ", (long long)report->step,
            (long long)report->steps, report->loss, isnan(report->seconds_left) ? 0 : report->seconds_left);
    const int end = stop;
    stop = 0; /* it has been heard: the threshold that follows is still wanted */
    return end;
}

static void print_outcome(const snarm_detector_info *info, const snarm_train_report *report) {
    printf("%d pictures, %zu bank vectors, threshold %g\n", (int)info->image_count, info->bank_count,
           (double)info->threshold);
    printf("trained %lld of %lld steps in %.0f s%s, weights of step %lld kept\n", (long long)report->step,
           (long long)report->steps, report->seconds, report->cancelled ? ", ended early" : "",
           (long long)report->best_step);
    printf("held-out samples: pixel average precision %.3f, of the map of distances %.3f\n",
           report->best_pixel_ap, report->untrained_pixel_ap);
    printf("held-out samples: image AUROC %.3f, of the map of distances %.3f\n", report->image_auroc,
           report->untrained_image_auroc);
}

static snarm_status fit(snarm_detector **detector, const char *backbone, const snarm_image_list *list,
                        int64_t steps, int32_t samples) {
    const size_t count = snarm_image_list_count(list);
    const char **paths = malloc((count > 0 ? count : 1) * sizeof *paths);
    if (paths == NULL)
        return SNARM_ERROR_MEMORY;
    for (size_t i = 0; i < count; i++)
        paths[i] = snarm_image_list_get(list, i);

    snarm_train_options train;
    snarm_train_options_init(&train);
    train.steps = steps;     /* 0: the default */
    train.samples = samples; /* 0: the default */
    train.progress = show_training;
    snarm_fit_options options;
    snarm_fit_options_init(&options);
    options.train = &train; /* without it the detector is one of distances alone */
    options.progress = show_stage;
    snarm_status status = snarm_detector_fit_files(detector, backbone, paths, count, &options);
    free(paths);
    return status;
}

/* Fits, tells how it went, saves. */
static snarm_status run(snarm_detector **detector, char **argv, int64_t steps, int32_t samples) {
    snarm_image_list *list;
    snarm_status status = snarm_image_list_open(&list, argv[2]);
    if (status == SNARM_OK)
        status = fit(detector, argv[1], list, steps, samples);
    snarm_image_list_destroy(list);
    fprintf(stderr, "\n");
    snarm_detector_info info = {.struct_size = sizeof info};
    snarm_train_report report;
    if (status == SNARM_OK)
        status = snarm_detector_get_info(*detector, &info);
    if (status == SNARM_OK)
        status = snarm_detector_get_training(*detector, &report);
    if (status == SNARM_OK)
        print_outcome(&info, &report);
    return status == SNARM_OK ? snarm_detector_save(*detector, argv[3]) : status;
}

int main(int argc, char **argv) {
    const long long steps = argc > 4 ? atoll(argv[4]) : 0, samples = argc > 5 ? atoll(argv[5]) : 0;
    if (argc < 4 || argc > 6 || steps < 0 || samples < 0 || samples > INT32_MAX) {
        fprintf(stderr, "usage: train BACKBONE FOLDER MODEL [STEPS [SAMPLES]]\n");
        return 2;
    }
    signal(SIGINT, on_interrupt);
    snarm_detector *detector = NULL;
    const snarm_status status = run(&detector, argv, steps, (int32_t)samples);
    if (status != SNARM_OK)
        fprintf(stderr, "train: %s: %s\n", snarm_status_name(status), snarm_last_error());
    snarm_detector_destroy(detector);
    return status == SNARM_OK ? 0 : 3;
}
