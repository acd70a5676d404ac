/* oneDNN's objects behind the operations of this folder. Nothing outside lib/kernel includes this file. */
#ifndef SN_KERNEL_PRIMITIVE_H
#define SN_KERNEL_PRIMITIVE_H

#include "kernel/stream.h"
#include "kernel/type.h"

#include <dnnl.h>
#include <stdint.h>

/* Turns a failed oneDNN call into an error that names it. */
#define SN_DNNL(call)                                                                                                  \
    do {                                                                                                               \
        dnnl_status_t sn_dnnl_status = (call);                                                                         \
        if (sn_dnnl_status != dnnl_success)                                                                            \
            return sn_dnnl_error(sn_dnnl_status, #call);                                                               \
    } while (0)
snarm_status sn_dnnl_error(dnnl_status_t status, const char *call);

/* The process's CPU engine, created at first use and kept: oneDNN's primitives refer to it. */
snarm_status sn_engine(dnnl_engine_t *engine);

/* An operation of oneDNN with the descriptors of its arguments. Zero it before init; destroy is harmless on zero. */
typedef struct sn_primitive {
    dnnl_primitive_t primitive;
    uint64_t id; /* no other primitive of the process ever has it: streams keep what they bind to a primitive under it */
    dnnl_primitive_desc_t desc; /* owns the descriptors below */
    const_dnnl_memory_desc_t src, weights, bias, dst;
    const_dnnl_memory_desc_t scratchpad;
    size_t scratchpad_bytes;
} sn_primitive;

/* Attributes that every operation shares: the caller's stream provides the scratch memory, which makes one primitive
 * safe to run on several threads at once. */
snarm_status sn_attributes(dnnl_primitive_attr_t *out, dnnl_post_ops_t post_ops);

/* The end of making any operation: created is what oneDNN's ..._primitive_desc_create, named by call, answered; desc is taken
 * over where it succeeded, attributes in any case. */
snarm_status sn_primitive_take(sn_primitive *primitive, dnnl_status_t created, dnnl_primitive_desc_t desc,
                               dnnl_primitive_attr_t attributes, const char *call);
/* Takes over desc, also on failure. */
snarm_status sn_primitive_init(sn_primitive *primitive, dnnl_primitive_desc_t desc);
void sn_primitive_destroy(sn_primitive *primitive);

typedef struct sn_argument {
    int index; /* DNNL_ARG_... */
    const_dnnl_memory_desc_t desc;
    const void *data; /* oneDNN's handles do not tell read from written: constness ends here */
} sn_argument;

enum { SN_ARGUMENTS_MAX = 8 };

/* Runs and waits. At most SN_ARGUMENTS_MAX - 1 arguments. A stream keeps oneDNN's memory objects of the first run of a primitive and
 * gives them the addresses of the later ones: so descriptors live as long as the primitive, and a run with the same indices and
 * descriptors as the one before, in the same order, makes nothing new. */
snarm_status sn_primitive_run(const sn_primitive *primitive, sn_stream *stream, const sn_argument *arguments, int count);

/* Copies src to dst, changing the layout (and type). */
snarm_status sn_reorder_once(const_dnnl_memory_desc_t src_desc, const void *src, const_dnnl_memory_desc_t dst_desc,
                             void *dst);

dnnl_data_type_t sn_dnnl_type(sn_type type);
/* A descriptor with the given strides in elements; NULL strides: dense, last dimension fastest. */
snarm_status sn_strided_desc(dnnl_memory_desc_t *out, sn_type type, int ndims, const dnnl_dim_t *dims,
                             const dnnl_dim_t *strides);
/* One whose layout oneDNN shall choose. */
snarm_status sn_any_desc(dnnl_memory_desc_t *out, sn_type type, int ndims, const dnnl_dim_t *dims);

#endif
