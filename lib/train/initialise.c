#include "train/initialise.h"

#include <math.h>
#include <string.h>

static void fill(float *values, size_t count, float value) {
    for (size_t i = 0; i < count; i++)
        values[i] = value;
}

static void spread(float *values, size_t count, double bound, sn_rng *rng) {
    for (size_t i = 0; i < count; i++)
        values[i] = (float)((2 * sn_rng_uniform(rng) - 1) * bound);
}

static bool ends_with(const char *name, const char *ending) {
    const size_t length = strlen(name), tail = strlen(ending);
    return length >= tail && strcmp(name + length - tail, ending) == 0;
}

/* A bias of which softplus is a time step between 0.001 and 0.1, spread evenly in its logarithm. */
static void time_steps(float *values, size_t count, sn_rng *rng) {
    for (size_t i = 0; i < count; i++) {
        const double step = exp(log(0.001) + sn_rng_uniform(rng) * (log(0.1) - log(0.001)));
        values[i] = (float)(step + log(-expm1(-step)));
    }
}

static size_t fan_in(const sn_weight *weight) {
    size_t product = 1;
    for (int i = 1; i < weight->dims; i++)
        product *= (size_t)weight->shape[i];
    return product;
}

/* fan: of the last tensor with more than one dimension, whose bias may follow. */
static void initialise(const sn_weight *weight, const sn_scorer_weights *all, size_t *fan, sn_rng *rng) {
    const char *name = weight->name;
    if (weight->dims > 1)
        *fan = fan_in(weight);
    if (ends_with(name, "A_log"))
        for (size_t i = 0; i < weight->count; i++)
            weight->data[i] = logf((float)(i % all->states + 1));
    else if (ends_with(name, "dt_proj.bias"))
        time_steps(weight->data, weight->count, rng);
    else if (ends_with(name, "norm.weight") || ends_with(name, "running_var") || ends_with(name, "mixer.D") ||
             (strncmp(name, "norm_list", 9) == 0 && ends_with(name, "weight")))
        fill(weight->data, weight->count, 1);
    else if (ends_with(name, "norm.bias") || ends_with(name, "running_mean") || strncmp(name, "norm_list", 9) == 0 ||
             strncmp(name, "simple_predictor", 16) == 0)
        fill(weight->data, weight->count, 0);
    else if (strncmp(name, "head_list", 9) == 0 && (ends_with(name, ".1.weight") || ends_with(name, ".1.bias")))
        fill(weight->data, weight->count, 0);
    else
        spread(weight->data, weight->count, 1 / sqrt((double)*fan), rng);
}

void sn_initialise(sn_scorer_weights *weights, sn_rng *rng) {
    size_t fan = 1;
    for (size_t i = 0; i < weights->count; i++)
        initialise(&weights->table[i], weights, &fan, rng);
}
