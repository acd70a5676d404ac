#include "residual/centre.h"

#include "core/threads.h"

#include <string.h>

typedef struct centre_work {
    const float *features;
    size_t patches, channels;
    float *mean, *centred;
} centre_work;

static void mean_columns(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const centre_work *w = context;
    const float share = 1.0f / (float)w->patches;
    memset(w->mean + begin, 0, (end - begin) * sizeof *w->mean);
    for (size_t i = 0; i < w->patches; i++)
        for (size_t c = begin; c < end; c++)
            w->mean[c] += share * w->features[i * w->channels + c];
}

static void centre_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const centre_work *w = context;
    for (size_t i = begin; i < end; i++)
        for (size_t c = 0; c < w->channels; c++)
            w->centred[i * w->channels + c] = w->features[i * w->channels + c] - w->mean[c];
}

void sn_centre(const float *features, size_t patches, size_t channels, float *mean, float *centred) {
    centre_work work = {features, patches, channels, mean, centred};
    sn_parallel(channels, 16, mean_columns, &work);
    sn_parallel(patches, 16, centre_rows, &work);
}
