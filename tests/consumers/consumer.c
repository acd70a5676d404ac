/* consumer MODEL: a program of someone else's that links libsnarm. Prints what test_consumers.py compares. */
#include <snarm/snarm.h>

#include <stdio.h>

int main(int argc, char **argv) {
    if (argc != 2)
        return fprintf(stderr, "usage: consumer MODEL\n"), 2;
    snarm_detector *detector;
    if (snarm_detector_load(&detector, argv[1], NULL) != SNARM_OK)
        return fprintf(stderr, "%s\n", snarm_last_error()), 1;
    snarm_detector_info info = {.struct_size = sizeof info};
    snarm_status status = snarm_detector_get_info(detector, &info);
    if (status == SNARM_OK)
        printf("snarm %s %s %d pictures\n", snarm_version(), info.backbone->architecture,
               (int)info.image_count);
    snarm_detector_destroy(detector);
    return status == SNARM_OK ? 0 : 1;
}
