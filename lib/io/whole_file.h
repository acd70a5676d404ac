/* Files that appear whole or not at all: written under a temporary name in the same folder, then renamed. */
#ifndef SN_IO_WHOLE_FILE_H
#define SN_IO_WHOLE_FILE_H

#include "core/status.h"

#include <stddef.h>

typedef struct sn_whole_file sn_whole_file;
/* path may name a regular file, which is replaced, or nothing, but no folder and no device. */
snarm_status sn_whole_file_create(sn_whole_file **out, const char *path);
/* The first failure is kept and told by finish; later writes do nothing. */
void sn_whole_file_write(sn_whole_file *file, const void *bytes, size_t count);
/* Whether the file must outlast a power cut right after the call: models must, pictures need not, and waiting for the
 * disk takes longer than writing a picture. */
typedef enum sn_durability { SN_WHOLE_FILE_FAST, SN_WHOLE_FILE_DURABLE } sn_durability;

/* Renames to the path given and frees file; on failure nothing is left behind and an older file stays. */
snarm_status sn_whole_file_finish(sn_whole_file *file, sn_durability durability);
/* Gives the file up: the temporary file is removed. Harmless with NULL. */
void sn_whole_file_abandon(sn_whole_file *file);

#endif
