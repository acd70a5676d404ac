#define _GNU_SOURCE
#include "pictures.h"

#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

stamp stamp_of(const struct stat *status) {
    return (stamp){status->st_size, status->st_mtim.tv_sec, (int32_t)status->st_mtim.tv_nsec};
}

bool stamp_equal(const stamp *a, const stamp *b) {
    return a->size == b->size && a->seconds == b->seconds && a->nanoseconds == b->nanoseconds;
}

void stamp_print_time(const stamp *when, char text[STAMP_TIME_SIZE]) {
    snprintf(text, STAMP_TIME_SIZE, "%lld.%09d", (long long)when->seconds, (int)when->nanoseconds);
}

bool stamp_parse_time(const char *text, stamp *when) {
    const char *digits = text + (text[0] == '-');
    size_t whole = strspn(digits, "0123456789");
    if (whole == 0 || digits[whole] != '.' || strspn(digits + whole + 1, "0123456789") != 9 ||
        digits[whole + 10] != '\0')
        return false;
    errno = 0;
    when->seconds = strtoll(text, NULL, 10);
    when->nanoseconds = (int32_t)strtol(digits + whole + 1, NULL, 10);
    return errno == 0;
}

char *path_encode(const char *path) {
    static const char digits[] = "0123456789ABCDEF";
    char *text = must_have(malloc(strlen(path) * 3 + 1)), *end = text;
    for (const unsigned char *c = (const unsigned char *)path; *c != '\0'; c++) {
        if (*c >= ' ' && *c < 0x7f && *c != '%') {
            *end++ = (char)*c;
        } else {
            *end++ = '%';
            *end++ = digits[*c >> 4];
            *end++ = digits[*c & 15];
        }
    }
    *end = '\0';
    return text;
}

static int hex_value(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool path_decode(char *text) {
    if (text[0] == '\0' || text[0] == '/')
        return false;
    char *end = text;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c != '%') {
            if (!isascii((unsigned char)*c) || !isprint((unsigned char)*c))
                return false;
            *end++ = *c;
            continue;
        }
        int high = hex_value(c[1]), low = high < 0 ? -1 : hex_value(c[2]);
        if (low < 0 || (high == 0 && low == 0))
            return false;
        *end++ = (char)(high * 16 + low);
        c += 2;
    }
    *end = '\0';
    return true;
}

/* FNV-1a, and its upper bits folded into the lower ones that are used. */
static size_t hash(const char *path) {
    uint64_t value = 0xcbf29ce484222325;
    for (const unsigned char *c = (const unsigned char *)path; *c != '\0'; c++)
        value = (value ^ *c) * 0x100000001b3;
    return (size_t)(value ^ value >> 29);
}

/* Its slot, or the empty one where it would go. */
static size_t find_slot(const picture_table *table, const char *path) {
    size_t mask = table->capacity - 1, at = hash(path) & mask;
    while (table->slots[at] != NULL && strcmp(table->slots[at]->path, path) != 0)
        at = (at + 1) & mask;
    return at;
}

/* Moves all into a table of another size that holds at least so many at three quarters full. */
static void resize(picture_table *table, size_t count) {
    picture **old = table->slots;
    size_t old_capacity = table->capacity;
    table->capacity = 64;
    while (table->capacity / 4 * 3 < count)
        table->capacity *= 2;
    table->slots = must_have(calloc(table->capacity, sizeof *table->slots));
    for (size_t i = 0; i < old_capacity; i++)
        if (old[i] != NULL)
            table->slots[find_slot(table, old[i]->path)] = old[i];
    free(old);
}

picture *picture_find(const picture_table *table, const char *path) {
    return table->capacity == 0 ? NULL : table->slots[find_slot(table, path)];
}

picture *picture_add(picture_table *table, const char *path) {
    picture *found = picture_find(table, path);
    if (found != NULL)
        return found;
    if (table->count + 1 > table->capacity / 4 * 3)
        resize(table, table->count + 1);
    size_t size = strlen(path) + 1;
    picture *added = must_have(malloc(sizeof *added + size));
    *added = (picture){.reported = false};
    memcpy(added->path, path, size);
    table->slots[find_slot(table, path)] = added;
    table->count++;
    return added;
}

void picture_remove(picture_table *table, picture *which) {
    size_t mask = table->capacity - 1, hole = find_slot(table, which->path);
    free(which);
    table->count--;
    /* Those behind move up, unless they would come to lie before their own place. */
    for (size_t at = (hole + 1) & mask; table->slots[at] != NULL; at = (at + 1) & mask) {
        size_t home = hash(table->slots[at]->path) & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            table->slots[hole] = table->slots[at];
            hole = at;
        }
    }
    table->slots[hole] = NULL;
}

void picture_filter(picture_table *table, bool (*keep)(void *user, picture *which), void *user) {
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->slots[i] == NULL || keep(user, table->slots[i]))
            continue;
        free(table->slots[i]);
        table->slots[i] = NULL;
        table->count--;
    }
    resize(table, table->count); /* the holes would end searches early; all find a new place */
}

void picture_table_free(picture_table *table) {
    for (size_t i = 0; i < table->capacity; i++)
        free(table->slots[i]);
    free(table->slots);
    *table = (picture_table){0};
}
