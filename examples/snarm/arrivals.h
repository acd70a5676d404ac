/* Which pictures of a watched folder are to be looked at, and when.
 *
 * The folder and its sub-folders are listed once; after that the system's notices say what is new, or, with
 * poll, the folder is listed again and again. Names that begin with a dot or end in .tmp or .part are passed
 * over, and so is all below folders of such names. Links to files are followed, links to folders are not. */
#ifndef ARRIVALS_H
#define ARRIVALS_H

#include "notices.h"
#include "queue.h"

typedef struct arrivals {
    const char *folder;  /* the caller's */
    bool without_depths; /* depth pictures belong to pictures, and are none themselves */
    double poll, settle; /* seconds; poll 0: the system's notices */
    dev_t device;
    ino_t file;
    notices notices;
    picture_table pictures;
    arrival_queue queue;
    uint32_t look;
    double next_look, next_check;
    bool starting, incomplete, complained;
    double now; /* of the listing that runs */
} arrivals;

/* Both: an exit code with a line on stderr, CONTINUE if it went well. arrivals_close is needed after each. */
int arrivals_open(arrivals *a, const char *folder, bool without_depths, double poll, double settle);
/* Lists the folder; nothing waits before arrivals_start. */
int arrivals_list(arrivals *a);
/* Lets wait all that is not marked as reported, the oldest first. */
void arrivals_start(arrivals *a);
void arrivals_close(arrivals *a);

/* Waits until a picture is due, or until a time of seconds_now, or for SIGINT and SIGTERM; takes in what is
 * new. An exit code, with a line on stderr, where the folder is gone or can no longer be watched. */
int arrivals_wait(arrivals *a, double until);
/* The picture that is due, which stays in the queue; NULL: none is. */
picture *arrivals_due(const arrivals *a);

/* Whether it is to be read now; if not, it waits on.
 *   here  as it is now; a picture that was read as it is now is read again only when it is settled */
bool arrivals_is_ready(arrivals *a, picture *which, const stamp *here, double now);
/* Whether it has been as it is for the settling time. */
bool arrivals_is_settled(const arrivals *a, const picture *which, double now);

/* What came of it: one of these for every picture that was due and ready. */

/* It is reported, or still as it was when it was. */
void arrivals_done(arrivals *a, picture *which);
/* It is no more; which is freed. */
void arrivals_gone(arrivals *a, picture *which);
/* Later. */
void arrivals_again(arrivals *a, picture *which, double due);
/* When it may have changed, at the latest when it is settled. */
void arrivals_try_again(arrivals *a, picture *which, double now);

/* The path of a picture; the caller's. */
char *arrivals_path(const arrivals *a, const picture *which);

#endif
