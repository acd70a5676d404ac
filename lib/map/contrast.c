#include "map/contrast.h"

#include "core/threads.h"

#include <math.h>

enum { PIXELS = 4096 }; /* to a thread at a time */

typedef struct contrast_work {
    float *map;
    bool probabilities;
    float largest, top, factor; /* top: the largest value's logit or logarithm */
} contrast_work;

double sn_map_contrast_factor(double contrast, double score, double threshold, double low) {
    return score > threshold && threshold > low ? 1 + contrast * (1 - (threshold - low) / (score - low)) : 1;
}

/* Below 1 by a float's last digit at most, so that it is finite. */
static float logit(float value) {
    const float most = 1 - 0x1p-24f, p = value < most ? value : most;
    return logf(p) - log1pf(-p);
}

static void spread(void *context, size_t begin, size_t end, int thread) {
    (void)thread;
    const contrast_work *work = context;
    for (size_t i = begin; i < end; i++) {
        const float value = work->map[i];
        if (!(value > 0) || value >= work->largest)
            continue;
        const float scaled = work->probabilities ? logit(value) : logf(value);
        const float moved = work->top - work->factor * (work->top - scaled);
        const float result = work->probabilities ? 1 / (1 + expf(-moved)) : expf(moved);
        work->map[i] = result < value ? result : value; /* rounding aside, it is */
    }
}

void sn_map_contrast(float *map, size_t count, bool probabilities, double factor) {
    float largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = map[i] > largest ? map[i] : largest;
    if (!(factor > 1) || !(largest > 0))
        return;
    contrast_work work = {map, probabilities, largest, probabilities ? logit(largest) : logf(largest), (float)factor};
    sn_parallel(count, PIXELS, spread, &work);
}
