#include "train/shuffle.h"

#include "core/threads.h"

#include <string.h>

enum { PAIRS_MAX = 2048 }; /* half of the largest number of channels */

typedef struct shuffle_work {
    float *hybrid;
    size_t pairs; /* values of a quarter of a row */
    size_t places[PAIRS_MAX];
} shuffle_work;

static void shuffle_rows(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const shuffle_work *work = context;
    float kept[PAIRS_MAX];
    for (size_t quarter = 4 * begin; quarter < 4 * end; quarter++) {
        float *values = work->hybrid + quarter * work->pairs;
        memcpy(kept, values, work->pairs * sizeof *kept);
        for (size_t i = 0; i < work->pairs; i++)
            values[i] = kept[work->places[i]];
    }
}

void sn_shuffle_channels(float *hybrid, size_t patches, size_t channels, sn_rng *rng) {
    shuffle_work work = {.hybrid = hybrid, .pairs = channels / 2};
    for (size_t i = 0; i < work.pairs; i++) {
        const size_t j = sn_rng_below(rng, i + 1);
        work.places[i] = work.places[j];
        work.places[j] = i;
    }
    sn_parallel(patches, 16, shuffle_rows, &work);
}
