#define _GNU_SOURCE
#include "options.h"

#include "precision.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int bad_value(const command *what, const option *which, const char *value, const char *expected) {
    return fail(EXIT_USAGE, "%s: --%s is '%s', expected %s", what->name, which->name, value, expected);
}

/* Reads a decimal integer that ends at one of stops or at the text's end; moves *text behind it. */
static bool read_integer(const char **text, char stop, int64_t *number) {
    if (!(**text == '-' || (**text >= '0' && **text <= '9')))
        return false;
    char *end;
    errno = 0;
    long long value = strtoll(*text, &end, 10);
    if (errno != 0 || end == *text || (*end != '\0' && *end != stop))
        return false;
    *number = value;
    *text = *end == '\0' ? end : end + 1;
    return *end == '\0' || **text != '\0';
}

static int take_integer(const command *what, const option *which, const char *value) {
    const char *text = value;
    int64_t number;
    if (read_integer(&text, '\0', &number) && (double)number >= which->minimum &&
        (double)number <= which->maximum) {
        *(int64_t *)which->target = number;
        return CONTINUE;
    }
    char expected[128];
    snprintf(expected, sizeof expected, "a whole number from %.0f to %.0f", which->minimum, which->maximum);
    return bad_value(what, which, value, expected);
}

static int take_number(const command *what, const option *which, const char *value) {
    char *end;
    double number = strtod(value, &end);
    bool read = end != value && *end == '\0' && isfinite(number) && strpbrk(value, " \t\n\v\f\rxX") == NULL;
    bool inside = which->open ? number > which->minimum && number < which->maximum
                              : number >= which->minimum && number <= which->maximum;
    if (read && inside) {
        *(double *)which->target = number;
        return CONTINUE;
    }
    char expected[128];
    snprintf(expected, sizeof expected, which->open ? "a number between %g and %g" : "a number from %g to %g",
             which->minimum, which->maximum);
    return bad_value(what, which, value, expected);
}

static int take_size(const command *what, const option *which, const char *value) {
    const char *text = value;
    int64_t sides[2];
    int count = 0;
    while (count < 2 && read_integer(&text, ',', &sides[count]) && (double)sides[count] >= which->minimum &&
           (double)sides[count] <= which->maximum) {
        count++;
        if (*text == '\0') {
            ((int32_t *)which->target)[0] = (int32_t)sides[0];
            ((int32_t *)which->target)[1] = (int32_t)sides[count - 1];
            return CONTINUE;
        }
    }
    char expected[128];
    snprintf(expected, sizeof expected, "pixels, SIDE or WIDTH,HEIGHT, each from %.0f to %.0f",
             which->minimum, which->maximum);
    return bad_value(what, which, value, expected);
}

static int take_integers(const command *what, const option *which, const char *value) {
    integer_list list = {.count = 0};
    const char *text = value;
    int64_t number;
    while (list.count < INTEGERS_MAX && read_integer(&text, ',', &number) &&
           (double)number >= which->minimum && (double)number <= which->maximum &&
           (list.count == 0 || number > list.items[list.count - 1])) {
        list.items[list.count++] = (int32_t)number;
        if (*text == '\0') {
            *(integer_list *)which->target = list;
            return CONTINUE;
        }
    }
    char expected[128];
    snprintf(expected, sizeof expected, "rising whole numbers from %.0f to %.0f separated by commas",
             which->minimum, which->maximum);
    return bad_value(what, which, value, expected);
}

static bool is_one_of(const char *value, const char *choices) {
    size_t length = strlen(value);
    for (const char *choice = choices; choice != NULL && *choice != '\0';) {
        size_t size = strcspn(choice, "|");
        if (size == length && memcmp(choice, value, size) == 0)
            return true;
        choice += size + (choice[size] == '|');
    }
    return false;
}

static int take_choice(const command *what, const option *which, const char *value) {
    if (is_one_of(value, which->choices)) {
        *(const char **)which->target = value;
        return CONTINUE;
    }
    return bad_value(what, which, value, which->choices);
}

static int take(const command *what, const option *which, const char *value) {
    switch (which->kind) {
    case OPTION_FLAG:
        *(bool *)which->target = true;
        return CONTINUE;
    case OPTION_TEXT:
        if (value[0] == '\0')
            return bad_value(what, which, value, which->value);
        *(const char **)which->target = value;
        return CONTINUE;
    case OPTION_TEXTS:
        if (value[0] == '\0')
            return bad_value(what, which, value, which->value);
        text_list_add(which->target, value);
        return CONTINUE;
    case OPTION_INTEGER:
        return take_integer(what, which, value);
    case OPTION_NUMBER:
        return take_number(what, which, value);
    case OPTION_SIZE:
        return take_size(what, which, value);
    case OPTION_INTEGERS:
        return take_integers(what, which, value);
    case OPTION_CHOICE:
        return take_choice(what, which, value);
    }
    return CONTINUE;
}

static const option *find(const option *table, const char *name, size_t length) {
    for (; table->name != NULL; table++)
        if (strlen(table->name) == length && memcmp(table->name, name, length) == 0)
            return table;
    return NULL;
}

static void print_table(const option *table) {
    for (; table->name != NULL; table++) {
        char left[80];
        snprintf(left, sizeof left, "--%s%s%s", table->name, table->kind == OPTION_FLAG ? "" : " ",
                 table->kind == OPTION_FLAG     ? ""
                 : table->kind == OPTION_CHOICE ? table->choices
                                                : table->value);
        printf("  %-26s %s\n", left, table->help);
    }
}

static int print_help(const command *what, const option *shared) {
    printf("usage: snarm %s [OPTION]...%s%s\n\n%s\n\n", what->name, what->arguments[0] == '\0' ? "" : " ",
           what->arguments, what->summary);
    print_table(what->options);
    printf("\nEverywhere:\n");
    print_table(shared);
    return finish_output(EXIT_OK);
}

/* One option of argv, at *index; moves it behind the option's value. */
static int parse_one(const command *what, const option *shared, int argc, char **argv, int *index) {
    const char *name = argv[*index] + 2, *equals = strchr(name, '=');
    size_t length = equals != NULL ? (size_t)(equals - name) : strlen(name);
    const option *which = find(what->options, name, length);
    if (which == NULL)
        which = find(shared, name, length);
    if (which == NULL)
        return fail(EXIT_USAGE, "%s: --%.*s is no option of this command; 'snarm %s --help' lists them",
                    what->name, (int)length, name, what->name);
    if (which->kind == OPTION_FLAG && equals != NULL)
        return fail(EXIT_USAGE, "%s: --%s has the value '%s', expected none", what->name, which->name,
                    equals + 1);
    const char *value = equals != NULL ? equals + 1 : NULL;
    if (which->kind != OPTION_FLAG && value == NULL) {
        if (*index + 1 >= argc)
            return fail(EXIT_USAGE, "%s: --%s has no value, expected %s", what->name, which->name,
                        which->kind == OPTION_CHOICE ? which->choices : which->value);
        value = argv[++*index];
    }
    if (which->given != NULL)
        *which->given = true;
    return take(what, which, value);
}

int options_parse(const command *what, common_options *common, text_list *others, int argc, char **argv) {
    bool help = false;
    int64_t threads = 0;
    const char *precision = "auto";
    const option shared[] = {
        {.name = "threads",
         .kind = OPTION_INTEGER,
         .target = &threads,
         .value = "N",
         .help = "threads to compute with, 0 to 64; 0: all processors (default)",
         .maximum = 64},
        {.name = "precision",
         .kind = OPTION_CHOICE,
         .target = &precision,
         .choices = PRECISION_CHOICES,
         .help = "numbers that networks and bank search compute with; auto, the default: bf16 networks and an int8 search where the "
                 "processor has instructions for them, else f32; f32: the reference; bf16: networks alone; int8: as auto"},
        {.name = "quiet",
         .kind = OPTION_FLAG,
         .target = &common->quiet,
         .help = "no progress bar and no summary"},
        {.name = "help", .kind = OPTION_FLAG, .target = &help, .help = "show this and end"},
        {.name = NULL},
    };
    int code = CONTINUE;
    bool only_others = false;
    for (int i = 0; i < argc && code == CONTINUE; i++) {
        if (only_others || argv[i][0] != '-' || strcmp(argv[i], "-") == 0)
            text_list_add(others, argv[i]);
        else if (strcmp(argv[i], "--") == 0)
            only_others = true;
        else if (strcmp(argv[i], "-h") == 0)
            help = true;
        else if (argv[i][1] != '-')
            code = fail(EXIT_USAGE, "%s: '%s' is no option, expected --NAME", what->name, argv[i]);
        else
            code = parse_one(what, shared, argc, argv, &i);
    }
    if (help && code == CONTINUE)
        code = print_help(what, shared);
    if (code == CONTINUE && what->arguments[0] == '\0' && others->count > 0)
        code = fail(EXIT_USAGE, "%s: '%s' is not an option, and this command takes no other arguments",
                    what->name, others->items[0]);
    common->threads = (int32_t)threads;
    common->precision = precision_of(precision);
    return code;
}

int options_require(const command *what, const char *name, bool present) {
    if (present)
        return CONTINUE;
    return fail(EXIT_USAGE, "%s: %s is missing; 'snarm %s --help' says what it is", what->name, name,
                what->name);
}
