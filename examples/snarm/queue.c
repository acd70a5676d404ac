#define _GNU_SOURCE
#include "queue.h"

#include "cli.h"

#include <stdlib.h>

static bool is_before(const arrival *x, const arrival *y) {
    return x->due < y->due || (x->due == y->due && x->order < y->order);
}

static void put(arrival_queue *q, arrival *w, size_t place) {
    q->heap[place] = w;
    w->place = place;
}

/* Gives it the place that its time has. */
static void settle_place(arrival_queue *q, arrival *w) {
    size_t place = w->place;
    for (; place > 0 && is_before(w, q->heap[(place - 1) / 2]); place = (place - 1) / 2)
        put(q, q->heap[(place - 1) / 2], place);
    for (size_t child; (child = 2 * place + 1) < q->count; place = child) {
        if (child + 1 < q->count && is_before(q->heap[child + 1], q->heap[child]))
            child++;
        if (!is_before(q->heap[child], w))
            break;
        put(q, q->heap[child], place);
    }
    put(q, w, place);
}

void queue_move(arrival_queue *q, arrival *w, double due) {
    w->due = due;
    settle_place(q, w);
}

arrival *queue_add(arrival_queue *q, picture *what, double due) {
    arrival *w = what->arrival;
    if (w != NULL) {
        if (due < w->due)
            queue_move(q, w, due);
        return w;
    }
    if (q->count == q->capacity) {
        q->capacity = q->capacity == 0 ? 64 : 2 * q->capacity;
        q->heap = must_have(realloc(q->heap, q->capacity * sizeof *q->heap));
    }
    w = must_have(malloc(sizeof *w));
    *w = (arrival){.what = what, .due = due, .order = q->order++, .place = q->count};
    q->heap[q->count++] = w;
    what->arrival = w;
    settle_place(q, w);
    return w;
}

void queue_remove(arrival_queue *q, picture *which) {
    arrival *w = which->arrival;
    if (w == NULL)
        return;
    arrival *last = q->heap[--q->count];
    if (last != w) {
        put(q, last, w->place);
        settle_place(q, last);
    }
    which->arrival = NULL;
    free(w);
}

void queue_free(arrival_queue *q) {
    for (size_t i = 0; i < q->count; i++)
        free(q->heap[i]);
    free(q->heap);
    *q = (arrival_queue){0};
}
