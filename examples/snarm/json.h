/* Writing JSON: values that are always valid, and files that are whole. */
#ifndef JSON_H
#define JSON_H

#include <jansson.h>
#include <stdio.h>

/* A string; bytes that are not UTF-8 (file names may hold any) become U+FFFD. */
json_t *json_text(const char *text);
/* A number; null for NaN and infinities, which JSON has not. */
json_t *json_number(double value);
/* Adds to an object and takes the value over; ends the program where there is no memory. */
void json_add(json_t *object, const char *key, json_t *value);

/* One line without spaces beyond need; the caller's to free. */
char *json_line(const json_t *value);
/* The same with its end, to a stream. */
void json_write_line(const json_t *value, FILE *stream);
/* Indented, into a file that appears when whole, or to stdout for "-". An exit code; CONTINUE if it went
 * well. */
int json_write_file(const json_t *value, const char *path);
/* Any text, in the same way, but "-" is a name like others. */
int text_write_file(const char *text, const char *path);

#endif
