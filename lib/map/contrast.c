#include "map/contrast.h"

#include "core/threads.h"
#include "map/axis.h"
#include "snarm/map.h"

#include <math.h>

enum { PIXELS = 4096, FACTOR_MAX = 100 }; /* PIXELS: to a thread at a time */

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
    if (!(factor > 1))
        return;
    float largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = map[i] > largest ? map[i] : largest;
    if (!(largest > 0))
        return;
    contrast_work work = {map, probabilities, largest, probabilities ? logit(largest) : logf(largest), (float)factor};
    sn_parallel(count, PIXELS, spread, &work);
}

snarm_status snarm_map_contrast(float *map, int32_t width, int32_t height, int32_t probabilities, double factor, int32_t threads) {
    static const char function[] = "snarm_map_contrast";
    if (map == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: map is NULL", function);
    SN_TRY(sn_check_sides(function, "the map", width, height));
    if (probabilities != 0 && probabilities != 1)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: probabilities is %d, expected 0..1", function, (int)probabilities);
    if (!(factor >= 1 && factor <= FACTOR_MAX))
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: factor is %g, expected 1..%d", function, factor, FACTOR_MAX);
    const size_t count = (size_t)width * (size_t)height;
    for (size_t i = 0; i < count; i++)
        if (!(map[i] >= 0 && (probabilities == 1 ? map[i] <= 1 : isfinite(map[i]))))
            return sn_error(SNARM_ERROR_ARGUMENT, "%s: the value at (%zu, %zu) is %g, expected %s", function, i % (size_t)width,
                            i / (size_t)width, (double)map[i], probabilities == 1 ? "0..1" : "a finite number, 0 or more");
    const int former = sn_threads_enter(sn_threads_resolve(threads));
    sn_map_contrast(map, count, probabilities == 1, factor);
    sn_threads_leave(former);
    return SNARM_OK;
}
