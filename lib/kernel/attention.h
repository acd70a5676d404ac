/* Multi-head self-attention on rows of tokens. */
#ifndef SN_KERNEL_ATTENTION_H
#define SN_KERNEL_ATTENTION_H

#include "kernel/stream.h"
#include "kernel/type.h"

#include <stddef.h>

/* dst = concatenated over heads: softmax(Q K^T / sqrt(head_size)) V.
 * qkv (tokens, 3 * heads * head_size): a row holds all queries, then all keys, then all values, head by head, as a
 * fused projection gives them. dst (tokens, heads * head_size). Both of type, SN_TYPE_F32 or SN_TYPE_BF16; scores and sums are f32 in
 * any case. */
typedef struct sn_attention sn_attention;
snarm_status sn_attention_create(sn_attention **out, size_t tokens, size_t heads, size_t head_size, sn_type type);
void sn_attention_destroy(sn_attention *attention);
/* Bytes of scratch memory that a run needs: all heads' packed keys and values, and for each thread entered at creation the scores
 * of some queries of a head. It grows with the tokens, not with their square. */
size_t sn_attention_scratch(const sn_attention *attention);
snarm_status sn_attention_run(const sn_attention *attention, sn_stream *stream, const void *qkv, void *scratch, void *dst);

#endif
