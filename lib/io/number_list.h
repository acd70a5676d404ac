/* Lists of whole numbers as metadata holds them: "64,128,256". */
#ifndef SN_IO_NUMBER_LIST_H
#define SN_IO_NUMBER_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 1..capacity numbers of least..most (0 or more), digits and commas only; false if text (NULL too) is anything else. */
bool sn_number_list_read(const char *text, int32_t least, int32_t most, size_t capacity, int32_t *values, size_t *count);

/* Characters of a list of count numbers, its end included. */
#define SN_NUMBER_LIST_SIZE(count) ((count) * 12)
/* text has SN_NUMBER_LIST_SIZE(count) characters. */
void sn_number_list_write(const int32_t *values, size_t count, char *text);

#endif
