/* PNG files to pictures. libpng reports errors by a long jump; everything that must survive it lies in the
 * reader, which the caller of the jumping function holds. */
#include "image/decode.h"

#include "core/status.h"

#include <png.h>
#include <setjmp.h>
#include <string.h>

#ifndef PNG_eXIf_SUPPORTED
#error "libpng 1.6.32 or later is needed: it reads the eXIf chunk"
#endif

typedef struct png_reader {
    jmp_buf jump;
    snarm_status status; /* of what made it jump */
    const sn_image_file *file;
    size_t position;
    png_structp png;
    png_infop info;
    snarm_image image;
} png_reader;

static void on_error(png_structp png, png_const_charp message) {
    png_reader *reader = png_get_error_ptr(png);
    snarm_status status = strstr(message, "memory") != NULL ? SNARM_ERROR_MEMORY : SNARM_ERROR_FORMAT;
    reader->status = sn_error(status, "%s: broken PNG file: %s", reader->file->name, message);
    longjmp(reader->jump, 1);
}

/* Without memory for a chunk that may be missing, libpng warns and goes on: the picture might not be turned.
 */
static void on_warning(png_structp png, png_const_charp message) {
    if (strstr(message, "memory") != NULL)
        on_error(png, message);
}

static void on_read(png_structp png, png_bytep to, size_t count) {
    png_reader *reader = png_get_io_ptr(png);
    if (count > reader->file->size - reader->position)
        png_error(png, "it ends early");
    memcpy(to, reader->file->bytes + reader->position, count);
    reader->position += count;
}

/* Leaves 8-bit grey or RGB rows, whatever the file holds. */
static snarm_pixel_format set_transforms(png_reader *reader) {
    png_structp png = reader->png;
    int colour = png_get_color_type(png, reader->info);
    if (colour == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(png);
    else if (colour == PNG_COLOR_TYPE_GRAY && png_get_bit_depth(png, reader->info) < 8)
        png_set_expand_gray_1_2_4_to_8(png);
    png_set_strip_16(png);
    png_set_strip_alpha(png);
    return colour & PNG_COLOR_MASK_COLOR ? SNARM_RGB8 : SNARM_GREY8;
}

static snarm_status read_picture(png_reader *reader) {
    if (setjmp(reader->jump) != 0)
        return reader->status;
    const char *name = reader->file->name;
    reader->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, reader, on_error, on_warning);
    if (reader->png == NULL)
        return sn_error(SNARM_ERROR_MEMORY, "%s: libpng could not be started", name);
    reader->info = png_create_info_struct(reader->png);
    if (reader->info == NULL)
        return sn_error(SNARM_ERROR_MEMORY, "%s: libpng could not be started", name);
    png_set_read_fn(reader->png, reader, on_read);
    png_set_user_limits(reader->png, SN_IMAGE_SIDE_MAX, SN_IMAGE_SIDE_MAX);
    /* Texts, profiles and the like are passed over: they can be large, and nothing asks for them. */
    png_set_keep_unknown_chunks(reader->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_keep_unknown_chunks(reader->png, PNG_HANDLE_CHUNK_AS_DEFAULT, (png_const_bytep) "eXIf", 1);
    png_read_info(reader->png, reader->info);

    int32_t width = (int32_t)png_get_image_width(reader->png, reader->info);
    int32_t height = (int32_t)png_get_image_height(reader->png, reader->info);
    snarm_pixel_format format = set_transforms(reader);
    int passes = png_set_interlace_handling(reader->png);
    png_read_update_info(reader->png, reader->info);
    SN_TRY(sn_image_allocate(&reader->image, width, height, format, name));
    size_t row_bytes = png_get_rowbytes(reader->png, reader->info);
    if (row_bytes != (size_t)reader->image.stride)
        return sn_error(SNARM_ERROR_INTERNAL, "%s: libpng gives rows of %zu bytes, %td expected", name,
                        row_bytes, reader->image.stride);
    uint8_t *pixels = reader->image.owned;
    for (int pass = 0; pass < passes; pass++)
        for (int32_t y = 0; y < height; y++)
            png_read_row(reader->png, pixels + y * reader->image.stride, NULL);
    png_read_end(reader->png, reader->info);
    return SNARM_OK;
}

static int find_orientation(png_reader *reader) {
    png_uint_32 size = 0;
    png_bytep block = NULL;
    if (png_get_eXIf_1(reader->png, reader->info, &size, &block) == 0 || block == NULL)
        return 1;
    return sn_exif_orientation(block, size);
}

snarm_status sn_png_decode(snarm_image *out, int *orientation, const sn_image_file *file) {
    /* The size stands at a fixed place, so an oversized picture is refused before libpng sees it. */
    enum { SIZE_AT = 16, SIZE_END = 24 };
    if (file->size < SIZE_END)
        return sn_error(SNARM_ERROR_FORMAT, "%s: broken PNG file: it ends early", file->name);
    if (memcmp(file->bytes + SIZE_AT - 4, "IHDR", 4) != 0)
        return sn_error(SNARM_ERROR_FORMAT, "%s: broken PNG file: it does not begin with a header",
                        file->name);
    SN_TRY(sn_image_check_limits(file, png_get_uint_32(file->bytes + SIZE_AT),
                                 png_get_uint_32(file->bytes + SIZE_AT + 4)));
    png_reader reader = {.file = file};
    snarm_status status = read_picture(&reader);
    if (status == SNARM_OK) {
        *orientation = find_orientation(&reader);
        *out = reader.image;
    } else {
        snarm_image_release(&reader.image);
    }
    png_destroy_read_struct(&reader.png, &reader.info, NULL);
    return status;
}
