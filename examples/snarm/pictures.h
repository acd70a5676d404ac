/* The pictures of a watched folder: which are there, and how each was when it was reported. */
#ifndef PICTURES_H
#define PICTURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* What tells one content of a file from the next. */
typedef struct stamp {
    int64_t size;
    int64_t seconds; /* of the last change, since 1970 */
    int32_t nanoseconds;
} stamp;

stamp stamp_of(const struct stat *status);
bool stamp_equal(const stamp *a, const stamp *b);

/* "SECONDS.NANOSECONDS", nine digits behind the point. */
enum { STAMP_TIME_SIZE = 40 };
void stamp_print_time(const stamp *when, char text[STAMP_TIME_SIZE]);
/* False if it is not exactly of this form. */
bool stamp_parse_time(const char *text, stamp *when);

/* A path as printable ASCII: other bytes and % become %XX. The caller's. */
char *path_encode(const char *path);
/* Turns it back in place; false if it is no encoded relative path. */
bool path_decode(char *text);

struct arrival;

/* One file. Some 100 bytes with its path and its place in the table: all that is kept of a part. */
typedef struct picture {
    stamp stamp;             /* as it was reported; before, as it was first seen */
    struct arrival *arrival; /* its place in the queue; NULL: nothing is to be done */
    uint32_t look;           /* the last look at the folder that found it */
    bool reported;
    char path[]; /* from the watched folder on */
} picture;

typedef struct picture_table {
    picture **slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
} picture_table;

/* NULL if it is not there. */
picture *picture_find(const picture_table *table, const char *path);
/* The picture, a new one if it was not there. The table's. */
picture *picture_add(picture_table *table, const char *path);
void picture_remove(picture_table *table, picture *which);
/* Removes all but those that keep says yes to. */
void picture_filter(picture_table *table, bool (*keep)(void *user, picture *which), void *user);
void picture_table_free(picture_table *table);

#endif
