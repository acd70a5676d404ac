#define _GNU_SOURCE
#include "core/number.h"

#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static locale_t plain;
static pthread_once_t plain_once = PTHREAD_ONCE_INIT;

static void create_plain(void) {
    plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static snarm_status use_plain(locale_t *out) {
    pthread_once(&plain_once, create_plain);
    *out = plain;
    return plain != (locale_t)0 ? SNARM_OK : sn_error_memory("C locale", 0);
}

snarm_status sn_number_parse(const char *text, const char **end, double *out) {
    locale_t locale;
    SN_TRY(use_plain(&locale));
    char *stop;
    *out = strtod_l(text, &stop, locale);
    *end = stop;
    return SNARM_OK;
}

snarm_status sn_number_print(char *text, size_t size, double value) {
    return sn_number_print_digits(text, size, value, 17);
}

snarm_status sn_number_print_digits(char *text, size_t size, double value, int digits) {
    locale_t locale;
    SN_TRY(use_plain(&locale));
    locale_t former = uselocale(locale); /* the calling thread's alone */
    snprintf(text, size, "%.*g", digits, value);
    uselocale(former);
    return SNARM_OK;
}
