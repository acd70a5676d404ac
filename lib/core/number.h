/* Numbers as text with a decimal point, whatever the program's locale: under one that writes commas, strtod would read
 * "0.5" as 0. */
#ifndef SN_CORE_NUMBER_H
#define SN_CORE_NUMBER_H

#include "core/status.h"

/* strtod in the C locale. *end is text where it does not begin with a number. */
snarm_status sn_number_parse(const char *text, const char **end, double *out);
/* Enough digits to be read back exactly. */
snarm_status sn_number_print(char *text, size_t size, double value);
/* So many significant digits, 1..17; 9 tell any two floats apart. */
snarm_status sn_number_print_digits(char *text, size_t size, double value, int digits);

#endif
