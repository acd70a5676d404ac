#define _GNU_SOURCE
#include "core/threads.h"

#include "snarm/status.h"

#include <sched.h>

/* The entry points of libgomp that GCC's own OpenMP code calls, by their stable names. They are called directly so
 * that a build by clang, whose -fopenmp would bring a second runtime with threads of its own, shares oneDNN's too. */
extern void GOMP_parallel(void (*function)(void *), void *data, unsigned threads, unsigned flags);
extern int omp_get_thread_num(void);
extern int omp_get_num_threads(void);
extern int omp_get_max_threads(void);
extern void omp_set_num_threads(int threads);
extern int omp_get_thread_limit(void);
extern int omp_in_parallel(void);
extern int omp_get_dynamic(void);
extern void omp_set_dynamic(int dynamic);

/* Added to a former number of threads where the caller's teams may be smaller than asked for. */
enum { DYNAMIC = 1 << 30 };

int32_t snarm_default_threads(void) {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    int count = sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
    return count < 1 ? 1 : count > SN_THREADS_MAX ? SN_THREADS_MAX : count;
}

int sn_threads_resolve(int requested) {
    if (requested <= 0)
        return snarm_default_threads();
    return requested > SN_THREADS_MAX ? SN_THREADS_MAX : requested;
}

/* Some of oneDNN's primitives wait at barriers for as many threads as there were to be: a smaller team would wait for ever. So
 * the number is one that a team is sure to have. */
static int sure(int threads) {
    const int limit = omp_in_parallel() ? 1 : omp_get_thread_limit();
    return threads < limit ? threads : limit;
}

int sn_threads_enter(int threads) {
    const int former = omp_get_max_threads() | (omp_get_dynamic() ? DYNAMIC : 0);
    omp_set_dynamic(0);
    omp_set_num_threads(sure(threads));
    return former;
}

void sn_threads_leave(int former) {
    omp_set_dynamic((former & DYNAMIC) != 0);
    omp_set_num_threads(former & (DYNAMIC - 1));
}

int sn_threads_current(void) {
    int threads = omp_get_max_threads();
    return threads > SN_THREADS_MAX ? SN_THREADS_MAX : threads;
}

typedef struct team {
    size_t count;
    size_t grain;
    sn_task task;
    void *context;
} team;

static void run_member(void *data) {
    const team *work = data;
    size_t members = (size_t)omp_get_num_threads();
    size_t member = (size_t)omp_get_thread_num();
    size_t grains = (work->count + work->grain - 1) / work->grain;
    size_t begin = grains * member / members * work->grain;
    size_t end = grains * (member + 1) / members * work->grain;
    if (end > work->count)
        end = work->count;
    if (begin < end)
        work->task(work->context, begin, end, (int)member);
}

void sn_parallel(size_t count, size_t grain, sn_task task, void *context) {
    if (count == 0)
        return;
    team work = {count, grain == 0 ? 1 : grain, task, context};
    size_t grains = (count + work.grain - 1) / work.grain;
    size_t threads = (size_t)sn_threads_current();
    if (grains < threads)
        threads = grains;
    if (threads == 1)
        task(context, 0, count, 0);
    else
        GOMP_parallel(run_member, &work, (unsigned)threads, 0);
}
