/* What the commands of snarm share: exit codes, error lines, lists of strings. */
#ifndef CLI_H
#define CLI_H

#include "snarm/dataset.h"
#include "snarm/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    EXIT_OK = 0,
    EXIT_ANOMALY = 1,     /* a part failed inspection, with --fail-on-anomaly only */
    EXIT_USAGE = 2,       /* the command line is wrong */
    EXIT_INPUT = 3,       /* a file is missing, broken or does not fit, or memory ran out */
    EXIT_CANCELLED = 130, /* stopped by SIGINT or SIGTERM; nothing was written */
    CONTINUE = -1         /* of options_parse: no exit yet */
};

/* Writes "snarm: SENTENCE" as one line to stderr and returns the exit code. */
int fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same with the library's sentence. */
int fail_library(int code);

/* Ends what was written to stdout; EXIT_INPUT with a line on stderr if it could not be written, else code. */
int finish_output(int code);

/* Ends the program with EXIT_INPUT if there is no memory. */
void *must_have(void *block);
char *format_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

typedef struct text_list {
    char **items;
    size_t count;
} text_list;
void text_list_add(text_list *list, const char *text);
void text_list_free(text_list *list);

/* Whether a file could be put at path: its folder is there and writable, and path is no folder itself. */
bool can_write(const char *path);

/* SIGINT and SIGTERM ask to stop instead of ending the program; a second one ends it. */
void catch_interrupts(void);
bool is_interrupted(void);
/* Whether there was one, which is forgotten then: it was asked to end a part, not everything. */
bool take_interrupt(void);

int command_fit(int argc, char **argv);
int command_inspect(int argc, char **argv);
int command_eval(int argc, char **argv);
int command_benchmark(int argc, char **argv);
int command_bench(int argc, char **argv);
int command_info(int argc, char **argv);

#endif
