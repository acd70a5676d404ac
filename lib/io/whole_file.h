/* Files that appear whole or not at all: written under a temporary name in the same folder, flushed, renamed. */
#ifndef SN_IO_WHOLE_FILE_H
#define SN_IO_WHOLE_FILE_H

#include "core/status.h"

#include <stddef.h>

typedef struct sn_whole_file sn_whole_file;
snarm_status sn_whole_file_create(sn_whole_file **out, const char *path);
/* The first failure is kept and told by finish; later writes do nothing. */
void sn_whole_file_write(sn_whole_file *file, const void *bytes, size_t count);
/* Flushes, renames to the path given, and frees file; on failure nothing is left behind and an older file stays. */
snarm_status sn_whole_file_finish(sn_whole_file *file);
/* Gives the file up: the temporary file is removed. Harmless with NULL. */
void sn_whole_file_abandon(sn_whole_file *file);

#endif
