/* steady_state MODEL...: once the first pictures are inspected, inspecting one more takes no memory, makes nothing in oneDNN and opens
 * no file.
 *
 * This program defines the functions that do such things, counts their calls and forwards them: whoever calls malloc in this
 * process calls the one below. Calls are told apart by the address they return to: that of libsnarm itself must not appear.
 * oneDNN's own dnnl_primitive_execute builds a list of its arguments at each call, on the heap: that is counted apart, and must be the same
 * for each picture. */
#define _GNU_SOURCE
#undef _FILE_OFFSET_BITS /* with it, open and open64 would be one symbol, and both are to be defined */
#include <dlfcn.h>
#include <dnnl.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <snarm/snarm.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

#if defined(SANITIZED) || !defined(__GLIBC__)
int main(void) {
    puts("skipped: the sanitizers define malloc themselves, and other C libraries than glibc do not let it be replaced so");
    return 77;
}
#else

enum { WARM_UP = 3, PICTURES = 20, SIDE = 96, KEPT = 1 << 14, SHOWN = 32 };

/* Who called: the part of the process that the call returns to. */
typedef struct range {
    uintptr_t begin, end;
} range;
static range libsnarm;

typedef struct counts {
    atomic_size_t snarm;   /* from libsnarm */
    atomic_size_t execute; /* from anywhere else, inside dnnl_primitive_execute */
    atomic_size_t others;  /* from anywhere else: the other threads of oneDNN's operations, OpenMP */
} counts;
static counts seen;
static atomic_int armed;
static _Thread_local int executing;

/* The first calls of libsnarm's, for the report. */
static struct {
    const char *function;
    uintptr_t where;
} kept[KEPT];
static atomic_size_t kept_count;

static void note(const char *function, const void *returns_to) {
    if (!atomic_load(&armed))
        return;
    const uintptr_t where = (uintptr_t)returns_to;
    if (where >= libsnarm.begin && where < libsnarm.end) {
        atomic_fetch_add(&seen.snarm, 1);
        const size_t at = atomic_fetch_add(&kept_count, 1);
        if (at < KEPT)
            kept[at].function = function, kept[at].where = where;
    } else {
        atomic_fetch_add(executing > 0 ? &seen.execute : &seen.others, 1);
    }
}
#define NOTE(function) note(#function, __builtin_return_address(0))

/* glibc's own names: the symbols below would find themselves while dlsym, which allocates, looks them up. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size) {
    NOTE(malloc);
    return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
    NOTE(calloc);
    return __libc_calloc(count, size);
}
void *realloc(void *block, size_t size) {
    NOTE(realloc);
    return __libc_realloc(block, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
    NOTE(aligned_alloc);
    return __libc_memalign(alignment, size);
}
void *memalign(size_t alignment, size_t size);
void *memalign(size_t alignment, size_t size) {
    NOTE(memalign);
    return __libc_memalign(alignment, size);
}
int posix_memalign(void **out, size_t alignment, size_t size) {
    NOTE(posix_memalign);
    void *block = __libc_memalign(alignment, size);
    if (block == NULL)
        return ENOMEM;
    *out = block;
    return 0;
}

/* The next definition of the enclosing function after this program's. */
static void *next(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) {
        fprintf(stderr, "%s: not found\n", name);
        abort();
    }
    return found;
}
/* A pointer to a function is not an object pointer in C: its bits are copied. */
#define FORWARD(type, name, parameters)                                                                                \
    static type(*forward) parameters;                                                                                  \
    if (forward == NULL) {                                                                                             \
        void *found = next(#name);                                                                                     \
        memcpy(&forward, &found, sizeof forward);                                                                      \
    }
#define COUNTED(type, name, parameters, arguments)                                                                     \
    type name parameters;                                                                                              \
    type name parameters {                                                                                             \
        NOTE(name);                                                                                                    \
        FORWARD(type, name, parameters)                                                                                \
        return forward arguments;                                                                                      \
    }

#undef mmap
#undef mmap64
#undef fopen
#undef fopen64
#undef opendir
COUNTED(void *, mmap, (void *at, size_t size, int protection, int flags, int file, off_t offset), (at, size, protection, flags, file, offset))
COUNTED(void *, mmap64, (void *at, size_t size, int protection, int flags, int file, off64_t offset),
        (at, size, protection, flags, file, offset))
COUNTED(FILE *, fopen, (const char *path, const char *mode), (path, mode))
COUNTED(FILE *, fopen64, (const char *path, const char *mode), (path, mode))
COUNTED(void *, opendir, (const char *path), (path))

/* mode is only there with O_CREAT; otherwise what is read in its place is not looked at. */
#define COUNTED_OPEN(name, before, passed)                                                                             \
    int name before;                                                                                                   \
    int name before {                                                                                                  \
        NOTE(name);                                                                                                    \
        va_list more;                                                                                                  \
        va_start(more, flags);                                                                                         \
        const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;                                         \
        va_end(more);                                                                                                  \
        FORWARD(int, name, before)                                                                                     \
        return forward passed;                                                                                         \
    }
#undef open
#undef open64
#undef openat
#undef openat64
COUNTED_OPEN(open, (const char *path, int flags, ...), (path, flags, mode))
COUNTED_OPEN(open64, (const char *path, int flags, ...), (path, flags, mode))
COUNTED_OPEN(openat, (int folder, const char *path, int flags, ...), (folder, path, flags, mode))
COUNTED_OPEN(openat64, (int folder, const char *path, int flags, ...), (folder, path, flags, mode))

COUNTED(dnnl_status_t, dnnl_primitive_create, (dnnl_primitive_t * out, const_dnnl_primitive_desc_t desc), (out, desc))
COUNTED(dnnl_status_t, dnnl_memory_create, (dnnl_memory_t * out, const_dnnl_memory_desc_t desc, dnnl_engine_t engine, void *handle),
        (out, desc, engine, handle))
COUNTED(dnnl_status_t, dnnl_stream_create, (dnnl_stream_t * out, dnnl_engine_t engine, unsigned flags), (out, engine, flags))
COUNTED(dnnl_status_t, dnnl_primitive_attr_create, (dnnl_primitive_attr_t * out), (out))
COUNTED(dnnl_status_t, dnnl_memory_desc_create_with_strides,
        (dnnl_memory_desc_t * out, int count, const dnnl_dims_t dims, dnnl_data_type_t type, const dnnl_dims_t strides),
        (out, count, dims, type, strides))
COUNTED(dnnl_status_t, dnnl_memory_desc_create_with_tag,
        (dnnl_memory_desc_t * out, int count, const dnnl_dims_t dims, dnnl_data_type_t type, dnnl_format_tag_t tag),
        (out, count, dims, type, tag))
COUNTED(dnnl_status_t, dnnl_memory_desc_clone, (dnnl_memory_desc_t * out, const_dnnl_memory_desc_t desc), (out, desc))
COUNTED(dnnl_status_t, dnnl_matmul_primitive_desc_create,
        (dnnl_primitive_desc_t * out, dnnl_engine_t engine, const_dnnl_memory_desc_t src, const_dnnl_memory_desc_t weights,
         const_dnnl_memory_desc_t bias, const_dnnl_memory_desc_t dst, const_dnnl_primitive_attr_t attributes),
        (out, engine, src, weights, bias, dst, attributes))
COUNTED(dnnl_status_t, dnnl_reorder_primitive_desc_create,
        (dnnl_primitive_desc_t * out, const_dnnl_memory_desc_t src, dnnl_engine_t src_engine, const_dnnl_memory_desc_t dst,
         dnnl_engine_t dst_engine, const_dnnl_primitive_attr_t attributes),
        (out, src, src_engine, dst, dst_engine, attributes))
COUNTED(dnnl_status_t, dnnl_softmax_forward_primitive_desc_create,
        (dnnl_primitive_desc_t * out, dnnl_engine_t engine, dnnl_prop_kind_t kind, dnnl_alg_kind_t algorithm,
         const_dnnl_memory_desc_t src, const_dnnl_memory_desc_t dst, int axis, const_dnnl_primitive_attr_t attributes),
        (out, engine, kind, algorithm, src, dst, axis, attributes))

dnnl_status_t dnnl_primitive_execute(const_dnnl_primitive_t primitive, dnnl_stream_t stream, int count, const dnnl_exec_arg_t *arguments) {
    FORWARD(dnnl_status_t, dnnl_primitive_execute, (const_dnnl_primitive_t, dnnl_stream_t, int, const dnnl_exec_arg_t *))
    executing++;
    const dnnl_status_t status = forward(primitive, stream, count, arguments);
    executing--;
    return status;
}

static int find_libsnarm(struct dl_phdr_info *info, size_t size, void *user) {
    (void)size, (void)user;
    if (strstr(info->dlpi_name, "libsnarm.so") == NULL)
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || (part->p_flags & PF_X) == 0)
            continue;
        libsnarm.begin = (uintptr_t)info->dlpi_addr + part->p_vaddr;
        libsnarm.end = libsnarm.begin + part->p_memsz;
    }
    return 1;
}

static uint8_t pictures[WARM_UP + PICTURES][SIDE * SIDE * 3];
static float map[512 * 512];

static int inspect(const snarm_detector *detector, size_t index) {
    const snarm_image image = {.pixels = pictures[index], .width = SIDE, .height = SIDE, .format = SNARM_RGB8};
    snarm_result result = {.struct_size = sizeof result};
    if (snarm_detector_inspect(detector, &image, &result, map) == SNARM_OK)
        return 0;
    fprintf(stderr, "picture %zu: %s\n", index, snarm_last_error());
    return 1;
}

static int check(const char *model, int32_t threads, int32_t pin) {
    snarm_detector_options options;
    snarm_detector_options_init(&options);
    options.threads = threads, options.pin = pin;
    snarm_detector *detector;
    if (snarm_detector_load(&detector, model, &options) != SNARM_OK) {
        fprintf(stderr, "%s\n", snarm_last_error());
        return 1;
    }
    size_t execute[PICTURES], others[2] = {0, 0}, snarm = 0; /* others: of the first and of the second half */
    int failures = 0;
    for (size_t i = 0; i < WARM_UP; i++)
        failures += inspect(detector, i);
    atomic_store(&kept_count, 0);
    for (size_t i = 0; i < PICTURES; i++) {
        atomic_store(&seen.snarm, 0), atomic_store(&seen.execute, 0), atomic_store(&seen.others, 0);
        atomic_store(&armed, 1);
        failures += inspect(detector, WARM_UP + i);
        atomic_store(&armed, 0);
        snarm += atomic_load(&seen.snarm), others[2 * i / PICTURES] += atomic_load(&seen.others), execute[i] = atomic_load(&seen.execute);
    }
    snarm_detector_destroy(detector);
    printf("%s, %d threads%s: %d pictures: %zu calls from libsnarm; oneDNN's dnnl_primitive_execute: %zu a picture; its other threads "
           "and OpenMP: %zu in all\n",
           model, (int)threads, pin ? ", pinned" : "", (int)PICTURES, snarm, execute[0], others[0] + others[1]);
    for (size_t i = 0; i < atomic_load(&kept_count) && i < SHOWN; i++) {
        Dl_info place;
        const bool known = dladdr((const void *)kept[i].where, &place) != 0;
        printf("  %s from %s + 0x%zx\n", kept[i].function, known ? place.dli_fname : "?",
               known ? (size_t)(kept[i].where - (uintptr_t)place.dli_fbase) : 0);
    }
    for (size_t i = 1; i < PICTURES; i++)
        if (execute[i] != execute[0]) {
            printf("  picture %zu: %zu calls inside dnnl_primitive_execute\n", i, execute[i]);
            failures++;
        }
    /* Which thread does what may differ by a little from picture to picture; it must not become more and more. */
    if (others[1] > others[0] + PICTURES / 2) {
        printf("  calls outside: %zu in the first half, %zu in the second\n", others[0], others[1]);
        failures++;
    }
    return failures + (snarm > 0);
}

/* What is counted at all: loading a model must be seen, or a count of nothing would say nothing. */
static int check_counting(const char *model) {
    snarm_detector *detector;
    atomic_store(&armed, 1);
    const snarm_status status = snarm_detector_load(&detector, model, NULL);
    atomic_store(&armed, 0);
    static const char *const expected[] = {"aligned_alloc", "open", "mmap", "dnnl_memory_create", "dnnl_primitive_create",
                                           "dnnl_matmul_primitive_desc_create"};
    enum { EXPECTED = sizeof expected / sizeof *expected };
    size_t found[EXPECTED] = {0};
    for (size_t i = 0; i < atomic_load(&kept_count) && i < KEPT; i++)
        for (size_t k = 0; k < EXPECTED; k++)
            found[k] += strncmp(kept[i].function, expected[k], strlen(expected[k])) == 0;
    printf("loading %s: %zu calls from libsnarm\n", model, atomic_load(&seen.snarm));
    snarm_detector_destroy(detector);
    int missing = status != SNARM_OK;
    for (size_t k = 0; k < EXPECTED; k++)
        if (found[k] == 0)
            printf("  %s was not seen\n", expected[k]), missing++;
    return missing;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: steady_state MODEL...\n");
        return 2;
    }
    dl_iterate_phdr(find_libsnarm, NULL);
    if (libsnarm.end == 0) {
        fprintf(stderr, "libsnarm.so is not loaded\n");
        return 1;
    }
    uint32_t state = 1;
    for (size_t i = 0; i < sizeof pictures; i++) {
        state = state * 1664525u + 1013904223u;
        ((uint8_t *)pictures)[i] = (uint8_t)(state >> 24);
    }
    int failures = check_counting(argv[1]);
    for (int i = 1; i < argc; i++) {
        failures += check(argv[i], 1, 0);
        failures += check(argv[i], 2, 0);
        if (i == 1 && snarm_default_threads() >= 2)
            failures += check(argv[i], 2, 1);
    }
    if (failures > 0)
        printf("%d failures\n", failures);
    return failures > 0;
}
#endif
