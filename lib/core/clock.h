/* Time that only moves forward, for progress and measurements. */
#ifndef SN_CORE_CLOCK_H
#define SN_CORE_CLOCK_H

/* Seconds since some fixed moment. */
double sn_seconds(void);

#endif
