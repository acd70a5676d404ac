/* Files from outside: regular ones only, of a limited size. */
#ifndef SN_IO_INPUT_FILE_H
#define SN_IO_INPUT_FILE_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct sn_input_file {
    const char *path; /* the caller's */
    int descriptor;
    int64_t size;
} sn_input_file;

/* Opens a regular file; SNARM_ERROR_IO for folders, pipes and devices too. expected stands in the sentence,
 * such as "a PNG file". */
snarm_status sn_input_file_open(sn_input_file *out, const char *path, const char *expected);
/* The next count bytes; a file that has become shorter meanwhile is an error. */
snarm_status sn_input_file_read(sn_input_file *file, void *to, size_t count);
void sn_input_file_close(sn_input_file *file);

/* All of a file, with a byte of 0 behind it, released with sn_free; SNARM_ERROR_UNSUPPORTED for more than
 * limit bytes, before memory is taken. */
snarm_status sn_input_file_whole(uint8_t **bytes, size_t *size, const char *path, const char *expected,
                                 int64_t limit);

#endif
