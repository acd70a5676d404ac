/* Reading image files: the file itself, its kind by content, limits, and the way to the decoder. */
#include "image/decode.h"

#include "core/memory.h"
#include "core/status.h"
#include "io/input_file.h"

#include <stdbool.h>
#include <string.h>

static const int64_t pixels_default = 100000000, pixels_max = INT64_C(4294967296);

typedef enum file_kind { KIND_UNKNOWN, KIND_PNG, KIND_JPEG, KIND_BMP, KIND_OTHER } file_kind;

typedef struct signature {
    size_t offset, length;
    const char *bytes;
    file_kind kind;
    const char *name;
} signature;

static const signature signatures[] = {
    {0, 8, "\x89PNG\r\n\x1a\n", KIND_PNG, "PNG"},
    {0, 3, "\xff\xd8\xff", KIND_JPEG, "JPEG"},
    {0, 6, "GIF87a", KIND_OTHER, "a GIF"},
    {0, 6, "GIF89a", KIND_OTHER, "a GIF"},
    {0, 4, "II*\0", KIND_OTHER, "a TIFF"},
    {0, 4, "MM\0*", KIND_OTHER, "a TIFF"},
    {0, 4, "II+\0", KIND_OTHER, "a BigTIFF"},
    {0, 4, "MM\0+", KIND_OTHER, "a BigTIFF"},
    {8, 4, "WEBP", KIND_OTHER, "a WebP"},
    {0, 12, "\0\0\0\x0cjP  \r\n\x87\n", KIND_OTHER, "a JPEG 2000"},
    {4, 8, "ftypheic", KIND_OTHER, "a HEIF"},
    {4, 8, "ftypmif1", KIND_OTHER, "a HEIF"},
    {4, 8, "ftypavif", KIND_OTHER, "an AVIF"},
};

/* "BM" alone may begin a text: a BMP file's sixth to ninth bytes are zero, its header's length small. */
static bool is_bmp(const uint8_t *bytes, size_t size) {
    return size >= 18 && memcmp(bytes, "BM", 2) == 0 && memcmp(bytes + 6, "\0\0\0\0", 4) == 0 &&
           bytes[15] == 0 && bytes[16] == 0 && bytes[17] == 0;
}

static snarm_status sniff(file_kind *out, const char *name, const uint8_t *bytes, size_t size) {
    if (size == 0)
        return sn_error(SNARM_ERROR_FORMAT, "%s: is empty, expected a PNG, JPEG or BMP file", name);
    if (is_bmp(bytes, size)) {
        *out = KIND_BMP;
        return SNARM_OK;
    }
    const char *other = NULL;
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0] && other == NULL; i++) {
        const signature *known = &signatures[i];
        if (size < known->offset + known->length ||
            memcmp(bytes + known->offset, known->bytes, known->length) != 0)
            continue;
        *out = known->kind;
        if (known->kind != KIND_OTHER)
            return SNARM_OK;
        other = known->name;
    }
    if (other != NULL)
        return sn_error(SNARM_ERROR_UNSUPPORTED,
                        "%s: is %s file, which is not read; expected PNG, JPEG or BMP", name, other);
    return sn_error(SNARM_ERROR_FORMAT, "%s: is not a PNG, JPEG or BMP file", name);
}

snarm_status sn_image_check_limits(const sn_image_file *file, uint32_t width, uint32_t height) {
    uint64_t pixels = (uint64_t)width * height;
    uint32_t side = (uint32_t)file->options.max_side;
    if (width > side || height > side)
        return sn_error(SNARM_ERROR_UNSUPPORTED, "%s: picture of %u x %u pixels, max_side is %u", file->name,
                        (unsigned)width, (unsigned)height, (unsigned)side);
    if (pixels > (uint64_t)file->options.max_pixels)
        return sn_error(SNARM_ERROR_UNSUPPORTED, "%s: picture of %u x %u = %llu pixels, max_pixels is %lld",
                        file->name, (unsigned)width, (unsigned)height, (unsigned long long)pixels,
                        (long long)file->options.max_pixels);
    return SNARM_OK;
}

snarm_status sn_image_options_read(snarm_image_options *out, const snarm_image_options *given) {
    snarm_image_options_init(out);
    SN_TRY(sn_options_read(out, sizeof *out, given, sizeof *out, "snarm_image_options"));
    if (out->max_pixels < 0 || out->max_pixels > pixels_max)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_image_options: max_pixels is %lld, expected 0..%lld",
                        (long long)out->max_pixels, (long long)pixels_max);
    if (out->max_side < 0 || out->max_side > SN_IMAGE_SIDE_MAX)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_image_options: max_side is %d, expected 0..%d",
                        (int)out->max_side, (int)SN_IMAGE_SIDE_MAX);
    if (out->ignore_exif != 0 && out->ignore_exif != 1)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_image_options: ignore_exif is %d, expected 0 or 1",
                        (int)out->ignore_exif);
    if (out->max_pixels == 0)
        out->max_pixels = pixels_default;
    if (out->max_side == 0)
        out->max_side = SN_IMAGE_SIDE_MAX;
    return SNARM_OK;
}

static snarm_status decode(snarm_image *out, const sn_image_file *file) {
    file_kind kind = KIND_UNKNOWN;
    SN_TRY(sniff(&kind, file->name, file->bytes, file->size));
    snarm_image picture = {0};
    int orientation = 1;
    switch (kind) {
    case KIND_PNG:
        SN_TRY(sn_png_decode(&picture, &orientation, file));
        break;
    case KIND_JPEG:
        SN_TRY(sn_jpeg_decode(&picture, &orientation, file));
        break;
    default: /* sniff gives no other kind */
        SN_TRY(sn_bmp_decode(&picture, file));
    }
    snarm_status status = SNARM_OK;
    if (!file->options.ignore_exif)
        status = sn_image_orient(&picture, orientation, file->name);
    if (status == SNARM_OK)
        *out = picture;
    else
        snarm_image_release(&picture);
    return status;
}

snarm_status snarm_image_decode(snarm_image *out, const void *bytes, size_t size, const char *name,
                                const snarm_image_options *options) {
    if (out == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_image_decode: out is NULL");
    memset(out, 0, sizeof *out);
    if (bytes == NULL && size != 0)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_image_decode: bytes is NULL, size is %zu", size);
    sn_image_file file = {.bytes = bytes, .size = size, .name = name != NULL ? name : "image in memory"};
    SN_TRY(sn_image_options_read(&file.options, options));
    return decode(out, &file);
}

static snarm_status read_open_file(uint8_t **bytes, sn_input_file *file) {
    /* The kind first, so that no memory is taken for a large file that is no picture. */
    uint8_t head[32];
    size_t head_size = file->size < (int64_t)sizeof head ? (size_t)file->size : sizeof head;
    SN_TRY(sn_input_file_read(file, head, head_size));
    file_kind kind;
    SN_TRY(sniff(&kind, file->path, head, head_size));
    if (file->size > SN_IMAGE_FILE_MAX)
        return sn_error(SNARM_ERROR_UNSUPPORTED, "%s: is %lld bytes long, image files up to %lld are read",
                        file->path, (long long)file->size, (long long)SN_IMAGE_FILE_MAX);
    SN_TRY(sn_alloc(bytes, (size_t)file->size, 1, file->path));
    memcpy(*bytes, head, head_size);
    return sn_input_file_read(file, *bytes + head_size, (size_t)file->size - head_size);
}

snarm_status snarm_image_load(snarm_image *out, const char *path, const snarm_image_options *options) {
    if (out == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_image_load: out is NULL");
    memset(out, 0, sizeof *out);
    if (path == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_image_load: path is NULL");
    sn_image_file file = {.name = path};
    SN_TRY(sn_image_options_read(&file.options, options));
    sn_input_file input;
    SN_TRY(sn_input_file_open(&input, path, "a PNG, JPEG or BMP file"));
    uint8_t *bytes = NULL;
    snarm_status status = read_open_file(&bytes, &input);
    sn_input_file_close(&input);
    file.bytes = bytes;
    file.size = (size_t)input.size;
    if (status == SNARM_OK)
        status = decode(out, &file);
    sn_free(bytes);
    return status;
}
