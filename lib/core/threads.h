/* One pool of threads for the library and for oneDNN: GNU OpenMP's, whose teams follow the calling thread. */
#ifndef SN_CORE_THREADS_H
#define SN_CORE_THREADS_H

#include <stddef.h>

enum { SN_THREADS_MAX = 64 };

/* Sets how many threads the parallel regions of the calling thread use, oneDNN's included, and returns the former
 * number. Every public call enters with its handle's number and leaves with the former one: results depend on how
 * the work is split, so a handle always splits it alike, whatever the caller's own OpenMP settings are. Fewer are used only
 * where OpenMP would give fewer: above OMP_THREAD_LIMIT, and inside a caller's own parallel region, where it is one. */
int sn_threads_enter(int threads);
void sn_threads_leave(int former);
/* The number entered with. */
int sn_threads_current(void);

/* The number a handle uses for an option's value: 0 is snarm_default_threads(), others are clamped to 1..64. */
int sn_threads_resolve(int requested);

/* Calls task(context, begin, end, thread) on parts of 0..count that cover it once, split evenly over the threads
 * entered with sn_threads_enter; parts are multiples of grain but for the last. thread is 0..SN_THREADS_MAX-1.
 * Returns when all are done. task must not fail; it reports through its context. */
typedef void (*sn_task)(void *context, size_t begin, size_t end, int thread);
void sn_parallel(size_t count, size_t grain, sn_task task, void *context);

#endif
