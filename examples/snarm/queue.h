/* Pictures that wait, each for its time; those of the same time in the order in which they came. */
#ifndef QUEUE_H
#define QUEUE_H

#include "pictures.h"

typedef struct arrival {
    picture *what;
    double due; /* when it is to be looked at, of seconds_now; infinity: when the folder is listed again */
    uint64_t order;
    size_t place; /* in the heap */
    stamp last;   /* as it was at the last look */
    double since; /* when it was first seen so */
    bool seen;    /* last and since hold */
    bool tried;   /* it was read as it is now */
} arrival;

typedef struct arrival_queue {
    arrival **heap; /* the first is due first */
    size_t count, capacity;
    uint64_t order;
} arrival_queue;

/* Puts it into the queue, or forward if it is there with a later time. The queue's. */
arrival *queue_add(arrival_queue *q, picture *what, double due);
/* Gives it another time; it keeps its order among those of that time. */
void queue_move(arrival_queue *q, arrival *which, double due);
/* Harmless if it is not there. */
void queue_remove(arrival_queue *q, picture *which);
void queue_free(arrival_queue *q);

#endif
