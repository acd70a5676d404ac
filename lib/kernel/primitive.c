#include "kernel/primitive.h"

#include "core/memory.h"

#include <pthread.h>
#include <string.h>

struct sn_stream {
    dnnl_stream_t stream;
    void *scratchpad;
    size_t scratchpad_bytes;
    sn_stream **members; /* for operations whose threads work apart */
    size_t member_count;
};

snarm_status sn_dnnl_error(dnnl_status_t status, const char *call) {
    static const char *const names[] = {"success",       "out of memory", "invalid arguments", "unimplemented",
                                        "last impl",     "runtime error", "not required",      "invalid graph",
                                        "invalid graph op"};
    const char *name = (size_t)status < sizeof names / sizeof *names ? names[status] : "unknown status";
    snarm_status code = status == dnnl_out_of_memory   ? SNARM_ERROR_MEMORY
                        : status == dnnl_unimplemented ? SNARM_ERROR_UNSUPPORTED
                                                       : SNARM_ERROR_INTERNAL;
    return sn_error(code, "oneDNN: %s (%d) from %.120s", name, (int)status, call);
}

static dnnl_engine_t cpu_engine;
static dnnl_status_t cpu_engine_status;
static pthread_once_t cpu_engine_once = PTHREAD_ONCE_INIT;

static void create_engine(void) {
    cpu_engine_status = dnnl_engine_create(&cpu_engine, dnnl_cpu, 0);
}

snarm_status sn_engine(dnnl_engine_t *engine) {
    pthread_once(&cpu_engine_once, create_engine);
    *engine = cpu_engine;
    return cpu_engine_status == dnnl_success ? SNARM_OK : sn_dnnl_error(cpu_engine_status, "dnnl_engine_create");
}

snarm_status sn_stream_create(sn_stream **out) {
    *out = NULL;
    dnnl_engine_t engine;
    SN_TRY(sn_engine(&engine));
    sn_stream *stream;
    SN_TRY(sn_alloc_zeroed(&stream, 1, sizeof *stream, "stream"));
    dnnl_status_t status = dnnl_stream_create(&stream->stream, engine, dnnl_stream_default_flags);
    if (status != dnnl_success) {
        sn_free(stream);
        return sn_dnnl_error(status, "dnnl_stream_create");
    }
    *out = stream;
    return SNARM_OK;
}

void sn_stream_destroy(sn_stream *stream) {
    if (stream == NULL)
        return;
    for (size_t i = 0; i < stream->member_count; i++)
        sn_stream_destroy(stream->members[i]);
    sn_free(stream->members);
    dnnl_stream_destroy(stream->stream);
    sn_free(stream->scratchpad);
    sn_free(stream);
}

snarm_status sn_stream_reserve_members(sn_stream *stream, size_t count) {
    if (stream->member_count >= count)
        return SNARM_OK;
    SN_TRY(sn_resize(&stream->members, stream->member_count * sizeof *stream->members, count, sizeof *stream->members,
                     "streams of threads"));
    while (stream->member_count < count) {
        SN_TRY(sn_stream_create(&stream->members[stream->member_count]));
        stream->member_count++;
    }
    return SNARM_OK;
}

sn_stream *sn_stream_member(sn_stream *stream, size_t index) {
    return stream->members[index];
}

snarm_status sn_attributes(dnnl_primitive_attr_t *out, dnnl_post_ops_t post_ops) {
    SN_DNNL(dnnl_primitive_attr_create(out));
    dnnl_status_t status = dnnl_primitive_attr_set_scratchpad_mode(*out, dnnl_scratchpad_mode_user);
    if (status == dnnl_success && post_ops != NULL)
        status = dnnl_primitive_attr_set_post_ops(*out, post_ops);
    if (status == dnnl_success)
        return SNARM_OK;
    dnnl_primitive_attr_destroy(*out);
    *out = NULL;
    return sn_dnnl_error(status, "dnnl_primitive_attr_set");
}

snarm_status sn_primitive_init(sn_primitive *primitive, dnnl_primitive_desc_t desc) {
    memset(primitive, 0, sizeof *primitive);
    primitive->desc = desc;
    primitive->src = dnnl_primitive_desc_query_md(desc, dnnl_query_src_md, 0);
    primitive->weights = dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0);
    primitive->bias = dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 1);
    primitive->dst = dnnl_primitive_desc_query_md(desc, dnnl_query_dst_md, 0);
    primitive->scratchpad = dnnl_primitive_desc_query_md(desc, dnnl_query_scratchpad_md, 0);
    primitive->scratchpad_bytes = primitive->scratchpad != NULL ? dnnl_memory_desc_get_size(primitive->scratchpad) : 0;
    dnnl_status_t status = dnnl_primitive_create(&primitive->primitive, desc);
    if (status == dnnl_success)
        return SNARM_OK;
    sn_primitive_destroy(primitive);
    return sn_dnnl_error(status, "dnnl_primitive_create");
}

snarm_status sn_primitive_take(sn_primitive *primitive, dnnl_status_t created, dnnl_primitive_desc_t desc,
                               dnnl_primitive_attr_t attributes, const char *call) {
    dnnl_primitive_attr_destroy(attributes);
    return created == dnnl_success ? sn_primitive_init(primitive, desc) : sn_dnnl_error(created, call);
}

void sn_primitive_destroy(sn_primitive *primitive) {
    if (primitive->primitive != NULL)
        dnnl_primitive_destroy(primitive->primitive);
    if (primitive->desc != NULL)
        dnnl_primitive_desc_destroy(primitive->desc);
    memset(primitive, 0, sizeof *primitive);
}

static snarm_status execute(const sn_primitive *primitive, dnnl_engine_t engine, sn_stream *stream,
                            const sn_argument *arguments, int count, dnnl_exec_arg_t *bound, int *bound_count) {
    for (int i = 0; i < count; i++) {
        dnnl_memory_t memory;
        SN_DNNL(dnnl_memory_create(&memory, arguments[i].desc, engine, (void *)(uintptr_t)arguments[i].data));
        bound[(*bound_count)++] = (dnnl_exec_arg_t){arguments[i].index, memory};
    }
    SN_DNNL(dnnl_primitive_execute(primitive->primitive, stream->stream, *bound_count, bound));
    SN_DNNL(dnnl_stream_wait(stream->stream));
    return SNARM_OK;
}

snarm_status sn_primitive_run(const sn_primitive *primitive, sn_stream *stream, const sn_argument *arguments,
                              int count) {
    dnnl_engine_t engine;
    SN_TRY(sn_engine(&engine));
    sn_argument all[SN_ARGUMENTS_MAX];
    memcpy(all, arguments, (size_t)count * sizeof *arguments);
    if (primitive->scratchpad_bytes > 0) {
        if (stream->scratchpad_bytes < primitive->scratchpad_bytes) {
            SN_TRY(sn_resize(&stream->scratchpad, 0, primitive->scratchpad_bytes, 1, "oneDNN scratch memory"));
            stream->scratchpad_bytes = primitive->scratchpad_bytes;
        }
        all[count++] = (sn_argument){DNNL_ARG_SCRATCHPAD, primitive->scratchpad, stream->scratchpad};
    }
    dnnl_exec_arg_t bound[SN_ARGUMENTS_MAX];
    int bound_count = 0;
    snarm_status status = execute(primitive, engine, stream, all, count, bound, &bound_count);
    for (int i = 0; i < bound_count; i++)
        dnnl_memory_destroy(bound[i].memory);
    return status;
}

static snarm_status reorder_with(dnnl_primitive_attr_t attributes, const_dnnl_memory_desc_t src_desc, const void *src,
                                 const_dnnl_memory_desc_t dst_desc, void *dst) {
    dnnl_engine_t engine;
    SN_TRY(sn_engine(&engine));
    dnnl_primitive_desc_t desc;
    SN_DNNL(dnnl_reorder_primitive_desc_create(&desc, src_desc, engine, dst_desc, engine, attributes));
    sn_primitive primitive;
    SN_TRY(sn_primitive_init(&primitive, desc));
    sn_stream *stream;
    snarm_status status = sn_stream_create(&stream);
    if (status == SNARM_OK) {
        const sn_argument arguments[] = {{DNNL_ARG_FROM, src_desc, src}, {DNNL_ARG_TO, dst_desc, dst}};
        status = sn_primitive_run(&primitive, stream, arguments, 2);
        sn_stream_destroy(stream);
    }
    sn_primitive_destroy(&primitive);
    return status;
}

snarm_status sn_reorder_once(const_dnnl_memory_desc_t src_desc, const void *src, const_dnnl_memory_desc_t dst_desc,
                             void *dst) {
    dnnl_primitive_attr_t attributes;
    SN_TRY(sn_attributes(&attributes, NULL));
    snarm_status status = reorder_with(attributes, src_desc, src, dst_desc, dst);
    dnnl_primitive_attr_destroy(attributes);
    return status;
}

dnnl_data_type_t sn_dnnl_type(sn_type type) {
    return type == SN_TYPE_F32 ? dnnl_f32 : type == SN_TYPE_BF16 ? dnnl_bf16 : dnnl_s8;
}

snarm_status sn_strided_desc(dnnl_memory_desc_t *out, sn_type type, int ndims, const dnnl_dim_t *dims,
                             const dnnl_dim_t *strides) {
    dnnl_dim_t dense[DNNL_MAX_NDIMS];
    if (strides == NULL) {
        dnnl_dim_t step = 1;
        for (int i = ndims - 1; i >= 0; i--) {
            dense[i] = step;
            step *= dims[i];
        }
        strides = dense;
    }
    SN_DNNL(dnnl_memory_desc_create_with_strides(out, ndims, dims, sn_dnnl_type(type), strides));
    return SNARM_OK;
}

snarm_status sn_any_desc(dnnl_memory_desc_t *out, sn_type type, int ndims, const dnnl_dim_t *dims) {
    SN_DNNL(dnnl_memory_desc_create_with_tag(out, ndims, dims, sn_dnnl_type(type), dnnl_format_tag_any));
    return SNARM_OK;
}
