/* Step 5 of the ladder: a camera loop with two threads and a bounded queue.
 *
 * What it teaches: a camera's thread puts frames into a queue of fixed size. What happens when it is full is
 * decided before: "wait" holds the line up until there is room, "drop" loses the oldest frame and counts it.
 * The last frame or Ctrl-C ends both threads; what is queued is still inspected. Latency: grab to verdict.
 *
 *     cc camera_loop.c -o camera_loop -pthread $(pkg-config --cflags --libs snarm)
 *     ./camera_loop part.snarm parts/today wait 100 50   # 100 frames, 50 ms apart: the folder's in turn */
#define _POSIX_C_SOURCE 200809L
#include <snarm/snarm.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CAPACITY = 4, PICTURES_MAX = 64, FRAMES_MAX = 100000 };

typedef struct frame {
    long number;
    double grabbed;           /* ms */
    const snarm_image *image; /* a camera's buffer would go back to its driver after the inspection */
} frame;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    frame frames[CAPACITY];
    size_t first, count;
    int closed;      /* no more frames come, or none is wanted */
    int drop_oldest; /* when it is full; else wait */
    long dropped;
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static snarm_image pictures[PICTURES_MAX];
static size_t picture_count;
static long frame_count, interval_ms;
static volatile sig_atomic_t stop;

static void on_signal(int number) {
    stop = number;
}

static double now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}

/* A frame, or NULL to close the queue. 0 when it is closed. */
static int push(const frame *one) {
    pthread_mutex_lock(&queue.lock);
    while (one != NULL && queue.count == CAPACITY && !queue.closed && !queue.drop_oldest)
        pthread_cond_wait(&queue.changed, &queue.lock);
    queue.closed |= one == NULL;
    const int open = !queue.closed;
    if (open && queue.count == CAPACITY)
        queue.first = (queue.first + 1) % CAPACITY, queue.count--, queue.dropped++;
    if (open)
        queue.frames[(queue.first + queue.count++) % CAPACITY] = *one;
    pthread_cond_broadcast(&queue.changed);
    pthread_mutex_unlock(&queue.lock);
    return open;
}

/* The oldest frame; 0 when there is none and the queue is closed. */
static int pop(frame *one) {
    pthread_mutex_lock(&queue.lock);
    while (queue.count == 0 && !queue.closed)
        pthread_cond_wait(&queue.changed, &queue.lock);
    const int some = queue.count > 0;
    if (some)
        *one = queue.frames[queue.first], queue.first = (queue.first + 1) % CAPACITY, queue.count--;
    pthread_cond_broadcast(&queue.changed);
    pthread_mutex_unlock(&queue.lock);
    return some;
}

/* The camera: a frame every interval_ms. */
static void *grab(void *unused) {
    const struct timespec interval = {interval_ms / 1000, interval_ms % 1000 * 1000000};
    for (long i = 0; i < frame_count && !stop; i++) {
        if (!push(&(frame){i, now_ms(), &pictures[(size_t)i % picture_count]}))
            break;
        nanosleep(&interval, NULL);
    }
    push(NULL);
    return unused;
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Inspects on this thread what the other one grabs. */
static snarm_status run(const snarm_detector *detector) {
    static double latencies[FRAMES_MAX]; /* ms */
    size_t inspected = 0, anomalous = 0;
    snarm_status status = SNARM_OK;
    pthread_t camera;
    if (pthread_create(&camera, NULL, grab, NULL) != 0)
        return fprintf(stderr, "no thread can be started\n"), SNARM_ERROR_INTERNAL;
    for (frame one; status == SNARM_OK && pop(&one);) {
        snarm_result result = {.struct_size = sizeof result};
        if ((status = snarm_detector_inspect(detector, one.image, &result, NULL)) != SNARM_OK)
            break;
        latencies[inspected] = now_ms() - one.grabbed;
        printf("frame %ld %s score %.4g latency %.1f ms\n", one.number,
               result.anomalous ? "anomalous" : "normal", (double)result.score, latencies[inspected]);
        inspected++, anomalous += result.anomalous ? 1 : 0;
    }
    push(NULL); /* after a failure the camera must not wait for ever */
    pthread_join(camera, NULL);
    qsort(latencies, inspected, sizeof *latencies, by_value);
    printf("%zu inspected, %zu anomalous, %ld dropped; latency p50 %.1f ms, p99 %.1f ms\n", inspected,
           anomalous, queue.dropped, latencies[inspected / 2], latencies[inspected * 99 / 100]);
    return status;
}

int main(int argc, char **argv) {
    if (argc == 6)
        frame_count = atol(argv[4]), interval_ms = atol(argv[5]), queue.drop_oldest = argv[3][0] == 'd';
    if (frame_count < 1 || frame_count >= FRAMES_MAX || interval_ms < 0 ||
        strcmp(argv[3], queue.drop_oldest ? "drop" : "wait") != 0)
        return fprintf(stderr, "usage: camera_loop MODEL FOLDER wait|drop FRAMES INTERVAL_MS\n"), 2;
    signal(SIGINT, on_signal);
    setvbuf(stdout, NULL, _IOLBF, 0); /* each verdict at once, also into a pipe */
    const int all = snarm_default_threads(); /* one core is left to the camera */
    const snarm_detector_options options = {.struct_size = sizeof options, .threads = all > 1 ? all - 1 : 1};
    snarm_detector *detector = NULL;
    snarm_image_list *list = NULL;
    snarm_status status = snarm_image_list_open(&list, argv[2]);
    for (size_t i = 0; status == SNARM_OK && i < snarm_image_list_count(list) && i < PICTURES_MAX; i++)
        status = snarm_image_load(&pictures[picture_count++], snarm_image_list_get(list, i), NULL);
    if (status == SNARM_OK)
        status = snarm_detector_load(&detector, argv[1], &options);
    if (status == SNARM_OK && picture_count > 0)
        status = run(detector);
    const int failed = status != SNARM_OK || picture_count == 0;
    if (failed)
        fprintf(stderr, "camera_loop: %s\n", status != SNARM_OK ? snarm_last_error() : "no pictures there");
    while (picture_count > 0)
        snarm_image_release(&pictures[--picture_count]);
    snarm_image_list_destroy(list);
    snarm_detector_destroy(detector);
    return failed ? 3 : 0;
}
