/* The command line of one command, described by a table: parsing, checking and --help come from it. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "cli.h"

typedef enum option_kind {
    OPTION_FLAG,     /* bool: set by the name alone */
    OPTION_TEXT,     /* const char *: the argument itself, not empty */
    OPTION_TEXTS,    /* text_list: may be given again */
    OPTION_INTEGER,  /* int64_t within minimum..maximum */
    OPTION_NUMBER,   /* double within minimum..maximum, the ends included unless open */
    OPTION_SIZE,     /* int32_t[2]: one number for both, or WIDTH,HEIGHT */
    OPTION_INTEGERS, /* integer_list: numbers separated by commas, ascending */
    OPTION_CHOICE    /* const char *: one of choices, separated by | */
} option_kind;

enum { INTEGERS_MAX = 64 };

typedef struct integer_list {
    int32_t items[INTEGERS_MAX];
    int32_t count;
} integer_list;

typedef struct option {
    const char *name; /* without the two dashes; NULL ends a table */
    option_kind kind;
    void *target;      /* as the kind says; keeps its value where the option is not given */
    const char *value; /* the value's name in --help */
    const char *help;
    double minimum, maximum;
    bool open;           /* of a number: the ends themselves are out of range */
    bool *given;         /* set if the option was given; may be NULL */
    const char *choices; /* of OPTION_CHOICE */
} option;

/* What every command takes. */
typedef struct common_options {
    int32_t threads; /* 0: the library's default */
    int32_t precision; /* a snarm_precision */
    bool quiet;
} common_options;

typedef struct command {
    const char *name;
    const char *arguments; /* how its other arguments are shown in --help: "PATH..."; "" if it takes none */
    const char *summary;   /* one or more lines */
    const option *options;
} command;

/* Parses the arguments behind the command's name. CONTINUE, or the exit code: EXIT_OK after --help,
 * EXIT_USAGE with one line on stderr that names the option, its value and what was expected. others  receives
 * the arguments that are no options; the caller's to free */
int options_parse(const command *what, common_options *common, text_list *others, int argc, char **argv);

/* EXIT_USAGE with a line that says which option is missing, unless present: CONTINUE. */
int options_require(const command *what, const char *name, bool present);

#endif
