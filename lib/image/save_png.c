/* Pictures to PNG files. */
#include "image/picture.h"

#include "core/status.h"
#include "io/whole_file.h"

#include <png.h>
#include <setjmp.h>
#include <string.h>

typedef struct png_writer {
    jmp_buf jump;
    snarm_status status; /* of what made it jump */
    const char *path;
    sn_whole_file *file;
    png_structp png;
    png_infop info;
} png_writer;

static void on_error(png_structp png, png_const_charp message) {
    png_writer *writer = png_get_error_ptr(png);
    snarm_status status = strstr(message, "memory") != NULL ? SNARM_ERROR_MEMORY : SNARM_ERROR_INTERNAL;
    writer->status = sn_error(status, "%s: PNG cannot be written: %s", writer->path, message);
    longjmp(writer->jump, 1);
}

static void on_warning(png_structp png, png_const_charp message) {
    (void)png, (void)message;
}

/* A failed write is told when the file is finished. */
static void on_write(png_structp png, png_bytep bytes, size_t count) {
    png_writer *writer = png_get_io_ptr(png);
    sn_whole_file_write(writer->file, bytes, count);
}

static void on_flush(png_structp png) {
    (void)png; /* nothing is kept back */
}

static snarm_status write_picture(png_writer *writer, const snarm_image *image) {
    if (setjmp(writer->jump) != 0)
        return writer->status;
    writer->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, writer, on_error, on_warning);
    if (writer->png == NULL)
        return sn_error(SNARM_ERROR_MEMORY, "%s: libpng could not be started", writer->path);
    writer->info = png_create_info_struct(writer->png);
    if (writer->info == NULL)
        return sn_error(SNARM_ERROR_MEMORY, "%s: libpng could not be started", writer->path);
    png_set_write_fn(writer->png, writer, on_write, on_flush);
    png_set_IHDR(writer->png, writer->info, (png_uint_32)image->width, (png_uint_32)image->height, 8,
                 image->format == SNARM_GREY8 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(writer->png, writer->info);
    if (image->format == SNARM_BGR8)
        png_set_bgr(writer->png);
    if (image->format == SNARM_RGBA8)
        png_set_filler(writer->png, 0, PNG_FILLER_AFTER);
    for (int32_t y = 0; y < image->height; y++)
        png_write_row(writer->png, sn_image_row(image, y));
    png_write_end(writer->png, writer->info);
    return SNARM_OK;
}

snarm_status snarm_image_save_png(const snarm_image *image, const char *path) {
    SN_TRY(sn_image_check(image, "snarm_image_save_png"));
    if (path == NULL)
        return sn_error(SNARM_ERROR_ARGUMENT, "snarm_image_save_png: path is NULL");
    png_writer writer = {.path = path};
    SN_TRY(sn_whole_file_create(&writer.file, path));
    snarm_status status = write_picture(&writer, image);
    png_destroy_write_struct(&writer.png, &writer.info);
    if (status == SNARM_OK)
        return sn_whole_file_finish(writer.file, SN_WHOLE_FILE_FAST);
    sn_whole_file_abandon(writer.file);
    return status;
}
