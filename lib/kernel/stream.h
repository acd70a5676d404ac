/* Where operations run: an execution stream with its scratch memory, and a pool of such states for handles that many
 * threads use at once. */
#ifndef SN_KERNEL_STREAM_H
#define SN_KERNEL_STREAM_H

#include "core/status.h"

#include <stddef.h>

/* Operations (sn_gemm, sn_conv, ...) are immutable once created and may run on any number of streams at once; a
 * stream runs one operation at a time. It grows its scratch memory to the largest need it has met and keeps oneDNN's objects
 * for the operations that it ran, so that a handle that keeps its streams allocates nothing more after the first image. */
typedef struct sn_stream sn_stream;

snarm_status sn_stream_create(sn_stream **out);
void sn_stream_destroy(sn_stream *stream);

/* Streams within a stream, one a thread, for work whose threads run operations of one thread side by side. Reserved before the
 * threads part; they live as long as the stream. */
snarm_status sn_stream_reserve_members(sn_stream *stream, size_t count);
sn_stream *sn_stream_member(sn_stream *stream, size_t index);

#endif
