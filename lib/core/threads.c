#define _GNU_SOURCE
#include "core/threads.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <string.h>

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

/* The kernel's own form of a set, and glibc's: a bit for each processor in words of unsigned long. */
enum { WORD = sizeof(unsigned long) * CHAR_BIT, PROCESSORS_MAX = sizeof(((sn_processors *)0)->bits) * CHAR_BIT };

static bool has(const sn_processors *processors, int number) {
    return (processors->bits[number / WORD] >> (number % WORD) & 1) != 0;
}

snarm_status sn_processors_get(sn_processors *out) {
    memset(out, 0, sizeof *out);
    if (sched_getaffinity(0, sizeof out->bits, (cpu_set_t *)out->bits) != 0)
        return sn_error(SNARM_ERROR_INTERNAL, "the processors that may be used cannot be told: %s", strerror(errno));
    for (size_t i = 0; i < sizeof out->bits / sizeof *out->bits; i++)
        out->count += __builtin_popcountl(out->bits[i]);
    return SNARM_OK;
}

sn_processors sn_processors_part(const sn_processors *all, int first, int count) {
    sn_processors part = {.count = 0};
    for (int number = 0, met = 0; number < PROCESSORS_MAX && part.count < count; number++)
        if (has(all, number) && met++ >= first) {
            part.bits[number / WORD] |= 1ul << (number % WORD);
            part.count++;
        }
    return part;
}

void sn_processors_set(const sn_processors *processors) {
    sched_setaffinity(0, sizeof processors->bits, (const cpu_set_t *)processors->bits);
}

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

static void pin_member(void *data) {
    const sn_processors *all = data, one = sn_processors_part(all, omp_get_thread_num(), 1);
    sn_processors_set(&one);
}

static void unpin_member(void *data) {
    sn_processors_set(data);
}

/* On every thread of the team, the caller among them. */
static void for_members(int threads, void (*function)(void *), const sn_processors *processors) {
    const int former = sn_threads_enter(threads), members = sn_threads_current();
    void *data = (void *)(uintptr_t)processors; /* read only */
    if (members == 1)
        function(data);
    else
        GOMP_parallel(function, data, (unsigned)members, 0);
    sn_threads_leave(former);
}

snarm_status sn_threads_pin(int threads, const char *where, sn_processors *former) {
    SN_TRY(sn_processors_get(former));
    if (threads > former->count)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: pin is set for %d threads, but only %d processors may be used", where, threads,
                        former->count);
    for_members(threads, pin_member, former);
    return SNARM_OK;
}

void sn_threads_unpin(int threads, const sn_processors *former) {
    for_members(threads, unpin_member, former);
}
