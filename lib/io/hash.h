/* SHA-256 of a weights file, by which a model knows its backbone. */
#ifndef SN_IO_HASH_H
#define SN_IO_HASH_H

#include "core/status.h"

#include <stddef.h>

enum { SN_HASH_TEXT = 65 };

/* text receives 64 lower-case hexadecimal digits and a zero. */
snarm_status sn_hash_file(const char *path, char text[SN_HASH_TEXT]);
/* The same of bytes in memory. */
void sn_hash_memory(const void *bytes, size_t size, char text[SN_HASH_TEXT]);

#endif
