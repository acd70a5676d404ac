#include "image/png_encode.h"

#include "core/memory.h"

#include <png.h>
#include <setjmp.h>
#include <string.h>

typedef struct mask_writer {
    jmp_buf jump;
    snarm_status status; /* of what made it jump */
    const char *name;
    sn_bytes *out;
    png_structp png;
    png_infop info;
    uint8_t *row; /* one bit a pixel */
} mask_writer;

static void on_error(png_structp png, png_const_charp message) {
    mask_writer *writer = png_get_error_ptr(png);
    snarm_status status = strstr(message, "memory") != NULL ? SNARM_ERROR_MEMORY : SNARM_ERROR_INTERNAL;
    writer->status = sn_error(status, "%s: PNG cannot be written: %s", writer->name, message);
    longjmp(writer->jump, 1);
}

static void on_warning(png_structp png, png_const_charp message) {
    (void)png, (void)message;
}

static void on_write(png_structp png, png_bytep bytes, size_t count) {
    mask_writer *writer = png_get_io_ptr(png);
    writer->status = sn_bytes_append(writer->out, bytes, count, writer->name);
    if (writer->status != SNARM_OK)
        longjmp(writer->jump, 1);
}

static void on_flush(png_structp png) {
    (void)png; /* nothing is kept back */
}

static snarm_status write_mask(mask_writer *writer, const uint8_t *mask, int32_t width, int32_t height) {
    if (setjmp(writer->jump) != 0)
        return writer->status;
    writer->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, writer, on_error, on_warning);
    if (writer->png == NULL)
        return sn_error(SNARM_ERROR_MEMORY, "%s: libpng could not be started", writer->name);
    writer->info = png_create_info_struct(writer->png);
    if (writer->info == NULL)
        return sn_error(SNARM_ERROR_MEMORY, "%s: libpng could not be started", writer->name);
    png_set_write_fn(writer->png, writer, on_write, on_flush);
    png_set_IHDR(writer->png, writer->info, (png_uint_32)width, (png_uint_32)height, 1, PNG_COLOR_TYPE_GRAY,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(writer->png, writer->info);
    for (int32_t y = 0; y < height; y++) {
        memset(writer->row, 0, ((size_t)width + 7) / 8);
        for (int32_t x = 0; x < width; x++)
            if (mask[(size_t)y * (size_t)width + (size_t)x] != 0)
                writer->row[x / 8] |= (uint8_t)(0x80 >> x % 8);
        png_write_row(writer->png, writer->row);
    }
    png_write_end(writer->png, writer->info);
    return SNARM_OK;
}

snarm_status sn_png_encode_mask(sn_bytes *out, const uint8_t *mask, int32_t width, int32_t height,
                                const char *name) {
    mask_writer writer = {.name = name, .out = out};
    const size_t former = out->size;
    SN_TRY(sn_alloc(&writer.row, ((size_t)width + 7) / 8, 1, name));
    snarm_status status = write_mask(&writer, mask, width, height);
    png_destroy_write_struct(&writer.png, &writer.info);
    sn_free(writer.row);
    if (status != SNARM_OK)
        out->size = former;
    return status;
}
