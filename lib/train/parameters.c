#include "train/parameters.h"

#include <stdlib.h>
#include <string.h>

static bool ends_with(const char *name, const char *ending) {
    const size_t length = strlen(name), tail = strlen(ending);
    return length >= tail && strcmp(name + length - tail, ending) == 0;
}

/* The tensor's list is in front of its first number, which counts branches, or heads in the list of heads. */
static size_t group_of(const sn_weight *weight) {
    const char *number = strchr(weight->name, '.');
    if (strncmp(weight->name, "simple_predictor.", strlen("simple_predictor.")) == 0)
        return 0;
    const size_t index = (size_t)strtoul(number + 1, NULL, 10);
    return 1 + (strncmp(weight->name, "head_list.", strlen("head_list.")) == 0 ? index / SN_SCANS : index);
}

void sn_parameter_ranges(const sn_scorer_weights *weights, sn_range *ranges) {
    for (size_t i = 0; i < weights->count; i++) {
        const sn_weight *weight = &weights->table[i];
        const bool statistic =
            ends_with(weight->name, "running_mean") || ends_with(weight->name, "running_var");
        /* Gains, shifts, biases and the mixers' D have one dimension. */
        const bool decayed = weight->dims > 1 && !ends_with(weight->name, "A_log");
        ranges[i] = (sn_range){.begin = (size_t)(weight->data - weights->values),
                               .count = weight->count,
                               .group = group_of(weight),
                               .kind = statistic ? SN_RANGE_STATISTIC
                                       : decayed ? SN_RANGE_DECAYED
                                                 : SN_RANGE_UNDECAYED};
    }
}
