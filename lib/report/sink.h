/* Where a page goes: a file, or nowhere, to learn how long it would be. Texts from outside never leave their
 * place: they are escaped for HTML, and in JSON for the script element it stands in. */
#ifndef SN_REPORT_SINK_H
#define SN_REPORT_SINK_H

#include "io/whole_file.h"

#include <stdint.h>

typedef struct sn_sink {
    sn_whole_file *file; /* NULL: only counted */
    uint64_t total;      /* bytes so far */
    size_t used;
    char buffer[65536];
} sn_sink;

void sn_sink_begin(sn_sink *sink, sn_whole_file *file);
/* Hands on what is still in the buffer; a failed write is told when the file is finished. */
void sn_sink_end(sn_sink *sink);

void sn_sink_bytes(sn_sink *sink, const void *bytes, size_t count);
/* As it is: for words of ours. */
void sn_sink_raw(sn_sink *sink, const char *text);
/* Bytes that are not UTF-8 become U+FFFD in both. */
void sn_sink_html(sn_sink *sink, const char *text);
/* With its quotation marks. */
void sn_sink_json(sn_sink *sink, const char *text);
/* In JSON, so many significant digits; null where it is not finite. */
void sn_sink_number(sn_sink *sink, double value, int digits);
void sn_sink_integer(sn_sink *sink, uint64_t value);
void sn_sink_base64(sn_sink *sink, const uint8_t *bytes, size_t count);

#endif
