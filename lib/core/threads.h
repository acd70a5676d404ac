/* One pool of threads for the library and for oneDNN: GNU OpenMP's, whose teams follow the calling thread. */
#ifndef SN_CORE_THREADS_H
#define SN_CORE_THREADS_H

#include "core/status.h"

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

/* A thread's processors: those that it may run on, as the system keeps them. */
typedef struct sn_processors {
    unsigned long bits[128]; /* up to 8192 processors on a 64-bit machine */
    int count;
} sn_processors;
/* The calling thread's. SNARM_ERROR_INTERNAL if the system does not tell. */
snarm_status sn_processors_get(sn_processors *out);
/* Those numbered first..first+count-1 of the processors in all. */
sn_processors sn_processors_part(const sn_processors *all, int first, int count);
/* Lets the calling thread, and threads that it will start, run on these alone. Best effort: where the system refuses, for a processor
 * has gone since, the thread stays as it was. */
void sn_processors_set(const sn_processors *processors);

/* Pins the calling thread's team of so many threads, each to one of the processors that the caller may run on, in their order; leave
 * gives all of them the caller's own processors back. SNARM_ERROR_ARGUMENT, naming where, if the caller may run on fewer. */
snarm_status sn_threads_pin(int threads, const char *where, sn_processors *former);
void sn_threads_unpin(int threads, const sn_processors *former);

#endif
