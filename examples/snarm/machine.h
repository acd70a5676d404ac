/* Clock, memory and processor of the machine that runs the command. */
#ifndef MACHINE_H
#define MACHINE_H

#include <stddef.h>
#include <stdint.h>

/* Seconds of a clock that never goes back. */
double seconds_now(void);
/* The most memory this process ever held, MiB. */
double peak_memory_mib(void);
/* Forgets the peak so far, where the system lets it (Linux). */
void forget_peak_memory(void);
/* The processor's name; "unknown processor" where the system does not say. Static. */
const char *processor_name(void);

/* Sorts values and gives the median, the mean of the middle two for even counts; NaN for none. */
double median(double *values, size_t count);
/* The smallest of sorted values that at least this share of them do not exceed; NaN for none. */
double quantile(const double *sorted, size_t count, double share);

#endif
