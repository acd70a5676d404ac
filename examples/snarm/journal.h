/* What has been reported, so that a watch goes on where it stopped, however it was stopped. Either a state
 * file of its own, one line a picture, or the log itself, where the line that reports a picture is also the
 * note that it was. */
#ifndef JOURNAL_H
#define JOURNAL_H

#include "pictures.h"

#include <sys/types.h>

typedef struct journal {
    const char *path; /* the caller's */
    bool is_log;
    int descriptor;
    off_t size;      /* of the whole lines in it */
    size_t lines;    /* of pictures, and of none */
    size_t rewrite;  /* it may be rewritten from so many lines on */
    double unsynced; /* since when there are lines that are not on the disk; 0: there are none */
} journal;

/* Opens and locks the file, which is made if absent. An exit code, with a line on stderr: EXIT_INPUT also
 * where another watch has it; CONTINUE if it went well. journal_close is needed in both cases. */
int journal_open(journal *j, const char *path, bool is_log);
void journal_close(journal *j);

/* Visits what it holds, first line first; a last line that was cut off by the end of a program is removed. An
 * exit code where it holds anything else, CONTINUE if it went well. */
int journal_read(journal *j, void (*visit)(void *user, const char *path, const stamp *reported), void *user);

/* Notes a picture in a state file. */
int journal_note(journal *j, const char *path, const stamp *reported);
/* Writes a line, which ends in a line break, into a log: whole, or not at all with an exit code. */
int journal_write(journal *j, const char *line);

/* When journal_sync has something to do, in seconds of seconds_now; infinity: nothing. */
double journal_sync_time(const journal *j);
/* Puts on the disk what was written at least a second ago; all: everything. */
int journal_sync(journal *j, bool all);

/* Rewrites a state file that holds mostly lines of pictures that are gone or were replaced, with those of the
 * table alone. */
void journal_compact(journal *j, const picture_table *pictures);

#endif
