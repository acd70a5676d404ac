#define _GNU_SOURCE
#include "json.h"

#include "cli.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Values are measured in single precision, metrics in double; this many digits show all that they know. */
#define JSON_DIGITS JSON_REAL_PRECISION(12)

/* Bytes of the UTF-8 character at text; 0 if there is none. */
static size_t character_size(const unsigned char *text) {
    size_t size = text[0] < 0x80   ? 1
                  : text[0] < 0xc2 ? 0
                  : text[0] < 0xe0 ? 2
                  : text[0] < 0xf0 ? 3
                  : text[0] < 0xf5 ? 4
                                   : 0;
    for (size_t i = 1; i < size; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    /* Longer forms than needed, halves of surrogate pairs, and beyond the last code point. */
    if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
        (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f))
        return 0;
    return size;
}

json_t *json_text(const char *text) {
    char *clean = must_have(malloc(strlen(text) * 3 + 1)), *end = clean;
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0';) {
        size_t size = character_size(c);
        memcpy(end, size > 0 ? (const char *)c : "\xef\xbf\xbd", size > 0 ? size : 3);
        end += size > 0 ? size : 3;
        c += size > 0 ? size : 1;
    }
    *end = '\0';
    json_t *value = must_have(json_string(clean));
    free(clean);
    return value;
}

json_t *json_number(double value) {
    return must_have(isfinite(value) ? json_real(value) : json_null());
}

void json_add(json_t *object, const char *key, json_t *value) {
    if (json_object_set_new(object, key, value) != 0)
        must_have(NULL);
}

char *json_line(const json_t *value) {
    return must_have(json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_DIGITS));
}

void json_write_line(const json_t *value, FILE *stream) {
    char *text = json_line(value);
    fputs(text, stream);
    fputc('\n', stream);
    free(text);
}

static bool write_text(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return false;
    bool written = fputs(text, file) >= 0;
    return fclose(file) == 0 && written;
}

int text_write_file(const char *text, const char *path) {
    int code = CONTINUE;
    struct stat status;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        /* A pipe or device cannot be replaced. */
        if (!write_text(path, text))
            code = fail(EXIT_INPUT, "%s: cannot be written: %s", path, strerror(errno));
        return code;
    }
    char *temporary = format_text("%s.%ld.part", path, (long)getpid());
    if (!write_text(temporary, text) || rename(temporary, path) != 0) {
        code = fail(EXIT_INPUT, "%s: cannot be written: %s", path, strerror(errno));
        unlink(temporary);
    }
    free(temporary);
    return code;
}

int json_write_file(const json_t *value, const char *path) {
    char *text = must_have(json_dumps(value, JSON_INDENT(2) | JSON_DIGITS));
    char *lines = format_text("%s\n", text);
    int code = CONTINUE;
    if (strcmp(path, "-") == 0)
        fputs(lines, stdout);
    else
        code = text_write_file(lines, path);
    free(lines);
    free(text);
    return code;
}
