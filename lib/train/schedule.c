#include "train/schedule.h"

#include <math.h>

snarm_status sn_schedule_check(const sn_schedule *schedule) {
    if (schedule->steps < 1)
        return sn_error(SNARM_ERROR_ARGUMENT, "schedule: steps is %lld, expected 1 or more",
                        (long long)schedule->steps);
    if (schedule->warmup < 0 || schedule->warmup > schedule->steps)
        return sn_error(SNARM_ERROR_ARGUMENT, "schedule: warmup is %lld, expected 0..%lld",
                        (long long)schedule->warmup, (long long)schedule->steps);
    if (!(schedule->peak > 0 && isfinite(schedule->peak)))
        return sn_error(SNARM_ERROR_ARGUMENT, "schedule: peak is %g, expected a number above 0",
                        schedule->peak);
    if (!(schedule->final >= 0 && schedule->final <= 1))
        return sn_error(SNARM_ERROR_ARGUMENT, "schedule: final is %g, expected 0..1", schedule->final);
    return SNARM_OK;
}

double sn_schedule_rate(const sn_schedule *schedule, int64_t step) {
    if (step < schedule->warmup)
        return schedule->peak * (double)(step + 1) / (double)schedule->warmup;
    if (step >= schedule->steps)
        return schedule->peak * schedule->final;
    const double way = (double)(step - schedule->warmup) / (double)(schedule->steps - schedule->warmup);
    const double height = 0.5 * (1 + cos(3.14159265358979323846 * way));
    return schedule->peak * (schedule->final + (1 - schedule->final) * height);
}
