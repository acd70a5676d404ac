#include "kernel/primitive.h"

#include "core/memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* What a stream keeps of the runs of one primitive: a memory object for each argument. */
typedef struct binding {
    uint64_t id; /* the primitive's; 0: an empty place */
    int count;
    const_dnnl_memory_desc_t descs[SN_ARGUMENTS_MAX];
    const void *data[SN_ARGUMENTS_MAX]; /* what each memory object points to */
    dnnl_exec_arg_t bound[SN_ARGUMENTS_MAX];
} binding;

/* A table as large as its power of two, at most half full: the ids of a handle's primitives follow each other, so that most lie where
 * they belong. */
enum { BINDINGS_FIRST = 32, BINDINGS_MOST = 1 << 12 };

struct sn_stream {
    dnnl_stream_t stream;
    void *scratchpad;
    size_t scratchpad_bytes;
    binding *bindings;
    size_t binding_count, binding_capacity;
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

static void unbind(binding *b) {
    for (int i = 0; i < b->count; i++)
        dnnl_memory_destroy(b->bound[i].memory);
    memset(b, 0, sizeof *b);
}

static void unbind_all(sn_stream *stream) {
    for (size_t i = 0; i < stream->binding_capacity; i++)
        unbind(&stream->bindings[i]);
    stream->binding_count = 0;
}

void sn_stream_destroy(sn_stream *stream) {
    if (stream == NULL)
        return;
    unbind_all(stream);
    sn_free(stream->bindings);
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

static atomic_uint_fast64_t last_id;

snarm_status sn_primitive_init(sn_primitive *primitive, dnnl_primitive_desc_t desc) {
    memset(primitive, 0, sizeof *primitive);
    primitive->id = atomic_fetch_add_explicit(&last_id, 1, memory_order_relaxed) + 1;
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

/* The place of a primitive in the table, or the empty one where it would go. */
static binding *place_of(const sn_stream *stream, uint64_t id) {
    size_t at = (size_t)id & (stream->binding_capacity - 1);
    while (stream->bindings[at].id != 0 && stream->bindings[at].id != id)
        at = (at + 1) & (stream->binding_capacity - 1);
    return &stream->bindings[at];
}

/* Makes room for one more. */
static snarm_status grow_bindings(sn_stream *stream) {
    /* Only primitives that were destroyed, while the stream lived on, can make so many. */
    if (stream->binding_count >= BINDINGS_MOST) {
        unbind_all(stream);
        return SNARM_OK;
    }
    const size_t old_capacity = stream->binding_capacity;
    binding *old = stream->bindings, *grown;
    const size_t capacity = old_capacity == 0 ? BINDINGS_FIRST : 2 * old_capacity;
    SN_TRY(sn_alloc_zeroed(&grown, capacity, sizeof *grown, "operations of a stream"));
    stream->bindings = grown;
    stream->binding_capacity = capacity;
    for (size_t i = 0; i < old_capacity; i++)
        if (old[i].id != 0)
            *place_of(stream, old[i].id) = old[i];
    sn_free(old);
    return SNARM_OK;
}

static bool fits(const binding *b, const sn_argument *arguments, int count) {
    if (b->count != count)
        return false;
    for (int i = 0; i < count; i++)
        if (b->descs[i] != arguments[i].desc || b->bound[i].arg != arguments[i].index)
            return false;
    return true;
}

static snarm_status fill_binding(binding *b, const sn_argument *arguments, int count) {
    dnnl_engine_t engine;
    SN_TRY(sn_engine(&engine));
    while (b->count < count) {
        const sn_argument *argument = &arguments[b->count];
        dnnl_memory_t memory;
        SN_DNNL(dnnl_memory_create(&memory, argument->desc, engine, (void *)(uintptr_t)argument->data));
        b->descs[b->count] = argument->desc;
        b->data[b->count] = argument->data;
        b->bound[b->count++] = (dnnl_exec_arg_t){argument->index, memory};
    }
    return SNARM_OK;
}

/* The primitive's memory objects, with the addresses of these arguments. */
static snarm_status bind(binding **out, const sn_primitive *primitive, sn_stream *stream, const sn_argument *arguments,
                         int count) {
    if (2 * stream->binding_count >= stream->binding_capacity)
        SN_TRY(grow_bindings(stream));
    binding *b = *out = place_of(stream, primitive->id);
    if (b->id == 0) {
        b->id = primitive->id;
        stream->binding_count++;
    }
    if (!fits(b, arguments, count)) {
        unbind(b);
        b->id = primitive->id; /* also where it is not filled whole: its place stays taken, the next run fills it */
        return fill_binding(b, arguments, count);
    }
    for (int i = 0; i < count; i++) {
        if (b->data[i] == arguments[i].data)
            continue;
        SN_DNNL(dnnl_memory_set_data_handle(b->bound[i].memory, (void *)(uintptr_t)arguments[i].data));
        b->data[i] = arguments[i].data;
    }
    return SNARM_OK;
}

snarm_status sn_primitive_run(const sn_primitive *primitive, sn_stream *stream, const sn_argument *arguments,
                              int count) {
    sn_argument all[SN_ARGUMENTS_MAX];
    memcpy(all, arguments, (size_t)count * sizeof *arguments);
    if (primitive->scratchpad_bytes > 0) {
        if (stream->scratchpad_bytes < primitive->scratchpad_bytes) {
            SN_TRY(sn_resize(&stream->scratchpad, 0, primitive->scratchpad_bytes, 1, "oneDNN scratch memory"));
            stream->scratchpad_bytes = primitive->scratchpad_bytes;
        }
        all[count++] = (sn_argument){DNNL_ARG_SCRATCHPAD, primitive->scratchpad, stream->scratchpad};
    }
    binding *bound;
    SN_TRY(bind(&bound, primitive, stream, all, count));
    SN_DNNL(dnnl_primitive_execute(primitive->primitive, stream->stream, count, bound->bound));
    SN_DNNL(dnnl_stream_wait(stream->stream));
    return SNARM_OK;
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
