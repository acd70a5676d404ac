#define _GNU_SOURCE
#include "cli.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Names given on the command line may hold line breaks; an error is one line all the same. */
static int write_error(int code, const char *sentence) {
    fputs("snarm: ", stderr);
    for (const char *c = sentence; *c != '\0'; c++)
        fputc((unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c, stderr);
    fputc('\n', stderr);
    return code;
}

int fail(int code, const char *format, ...) {
    char *sentence = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&sentence, format, arguments);
    va_end(arguments);
    write_error(code, length < 0 ? "out of memory" : sentence);
    if (length >= 0)
        free(sentence);
    return code;
}

int fail_library(int code) {
    return write_error(code, snarm_last_error());
}

int finish_output(int code) {
    bool failed = ferror(stdout) != 0;
    if (fflush(stdout) != 0 || failed)
        return fail(EXIT_INPUT, "standard output could not be written: %s", strerror(errno));
    return code;
}

void *must_have(void *block) {
    if (block == NULL)
        exit(fail(EXIT_INPUT, "out of memory"));
    return block;
}

char *format_text(const char *format, ...) {
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    return must_have(length < 0 ? NULL : text);
}

void text_list_add(text_list *list, const char *text) {
    /* Grown when the count is a power of two. */
    if ((list->count & (list->count - 1)) == 0) {
        size_t capacity = list->count == 0 ? 1 : list->count * 2;
        list->items = must_have(realloc(list->items, capacity * sizeof *list->items));
    }
    list->items[list->count] = must_have(strdup(text));
    list->count++;
}

void text_list_free(text_list *list) {
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (text_list){0};
}

bool can_write(const char *path) {
    struct stat status;
    if (stat(path, &status) == 0)
        return !S_ISDIR(status.st_mode) && access(path, W_OK) == 0;
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL ? format_text(".") : format_text("%.*s", (int)(slash - path + 1), path);
    bool writable =
        path[0] != '\0' && (slash == NULL || slash[1] != '\0') && access(folder, W_OK | X_OK) == 0;
    free(folder);
    return writable;
}

static volatile sig_atomic_t interrupted;

static void note_interrupt(int signal_number) {
    (void)signal_number;
    interrupted = 1;
}

void catch_interrupts(void) {
    struct sigaction action = {.sa_handler = note_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool is_interrupted(void) {
    return interrupted != 0;
}

bool take_interrupt(void) {
    if (interrupted == 0)
        return false;
    interrupted = 0;
    catch_interrupts();
    return true;
}
