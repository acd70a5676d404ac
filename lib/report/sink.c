#include "report/sink.h"

#include "core/number.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void sn_sink_begin(sn_sink *sink, sn_whole_file *file) {
    sink->file = file;
    sink->total = 0;
    sink->used = 0;
}

void sn_sink_end(sn_sink *sink) {
    if (sink->file != NULL)
        sn_whole_file_write(sink->file, sink->buffer, sink->used);
    sink->used = 0;
}

void sn_sink_bytes(sn_sink *sink, const void *bytes, size_t count) {
    sink->total += count;
    if (sink->file == NULL)
        return;
    if (count > sizeof sink->buffer - sink->used)
        sn_sink_end(sink);
    if (count > sizeof sink->buffer) {
        sn_whole_file_write(sink->file, bytes, count);
        return;
    }
    memcpy(sink->buffer + sink->used, bytes, count);
    sink->used += count;
}

void sn_sink_raw(sn_sink *sink, const char *text) {
    sn_sink_bytes(sink, text, strlen(text));
}

/* Bytes of the UTF-8 character at text; 0 where there is none: longer forms than needed, halves of surrogate
 * pairs and what lies beyond the last code point are none. */
static size_t character_size(const unsigned char *text) {
    const unsigned char c = text[0];
    if (c < 0x80)
        return 1;
    size_t size = c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < size; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    if ((c == 0xe0 && text[1] < 0xa0) || (c == 0xed && text[1] > 0x9f) || (c == 0xf0 && text[1] < 0x90) ||
        (c == 0xf4 && text[1] > 0x8f))
        return 0;
    return size;
}

typedef void (*escape_fn)(sn_sink *sink, unsigned char c);

/* Single bytes go through escape, longer characters as they are. */
static void put_text(sn_sink *sink, const char *text, escape_fn escape) {
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0';) {
        size_t size = character_size(c);
        if (size == 0)
            sn_sink_raw(sink, "\xef\xbf\xbd");
        else if (size == 1)
            escape(sink, *c);
        else
            sn_sink_bytes(sink, c, size);
        c += size > 0 ? size : 1;
    }
}

static void escape_html(sn_sink *sink, unsigned char c) {
    switch (c) {
    case '&':
        sn_sink_raw(sink, "&amp;");
        break;
    case '<':
        sn_sink_raw(sink, "&lt;");
        break;
    case '>':
        sn_sink_raw(sink, "&gt;");
        break;
    case '"':
        sn_sink_raw(sink, "&quot;");
        break;
    case '\'':
        sn_sink_raw(sink, "&#39;");
        break;
    default:
        /* Control characters have no place in HTML. */
        sn_sink_bytes(sink, c < 0x20 || c == 0x7f ? (const void *)"?" : &c, 1);
    }
}

/* An angle bracket could end the script element. */
static void escape_json(sn_sink *sink, unsigned char c) {
    if (c < 0x20 || c == 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&') {
        char code[8];
        snprintf(code, sizeof code, "\\u%04x", (unsigned)c);
        sn_sink_raw(sink, code);
    } else {
        sn_sink_bytes(sink, &c, 1);
    }
}

void sn_sink_html(sn_sink *sink, const char *text) {
    put_text(sink, text, escape_html);
}

void sn_sink_json(sn_sink *sink, const char *text) {
    sn_sink_raw(sink, "\"");
    put_text(sink, text, escape_json);
    sn_sink_raw(sink, "\"");
}

void sn_sink_number(sn_sink *sink, double value, int digits) {
    char text[40];
    /* Without the C locale there is no number, and the sentence of that failure is of no use here. */
    if (!isfinite(value) || sn_number_print_digits(text, sizeof text, value, digits) != SNARM_OK)
        strcpy(text, "null");
    sn_sink_raw(sink, text);
}

void sn_sink_integer(sn_sink *sink, uint64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    sn_sink_raw(sink, text);
}

void sn_sink_base64(sn_sink *sink, const uint8_t *bytes, size_t count) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (sink->file == NULL) {
        sink->total += (count + 2) / 3 * 4;
        return;
    }
    for (size_t i = 0; i < count; i += 3) {
        const size_t left = count - i;
        const uint32_t three = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                               (left > 2 ? (uint32_t)bytes[i + 2] : 0);
        const char four[4] = {digits[three >> 18], digits[three >> 12 & 63],
                              left > 1 ? digits[three >> 6 & 63] : '=', left > 2 ? digits[three & 63] : '='};
        sn_sink_bytes(sink, four, 4);
    }
}
