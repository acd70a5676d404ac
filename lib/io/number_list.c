#include "io/number_list.h"

#include <stdio.h>

bool sn_number_list_read(const char *text, int32_t least, int32_t most, size_t capacity, int32_t *values, size_t *count) {
    *count = 0;
    if (text == NULL)
        return false;
    for (const char *at = text;; at++) {
        int64_t value = 0;
        const char *first = at;
        for (; *at >= '0' && *at <= '9' && value <= INT32_MAX; at++)
            value = 10 * value + (*at - '0');
        if (at == first || value < least || value > most || *count == capacity)
            return false;
        values[(*count)++] = (int32_t)value;
        if (*at == '\0')
            return true;
        if (*at != ',')
            return false;
    }
}

void sn_number_list_write(const int32_t *values, size_t count, char *text) {
    text[0] = '\0';
    for (size_t i = 0; i < count; i++)
        text += sprintf(text, "%s%d", i > 0 ? "," : "", (int)values[i]);
}
