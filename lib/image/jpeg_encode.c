/* The bytes go to a destination of our own: libjpeg's, which grows a block by itself, loses it when it reports an
 * error. As in the decoder, everything that must survive the long jump lies in the writer. */
#include <stddef.h>
#include <stdio.h>
#include <setjmp.h>
#include <jpeglib.h>
#include <jerror.h>

#include "image/jpeg_encode.h"

#include "core/status.h"

typedef struct jpeg_writer {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_destination_mgr destination;
    jmp_buf jump;
    snarm_status status; /* of what made it jump */
    const char *name;
    sn_bytes *out;
    JOCTET block[4096];
} jpeg_writer;

static void on_error(j_common_ptr jpeg) {
    jpeg_writer *writer = jpeg->client_data;
    char message[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, message);
    snarm_status status =
        jpeg->err->msg_code == JERR_OUT_OF_MEMORY ? SNARM_ERROR_MEMORY : SNARM_ERROR_INTERNAL;
    writer->status = sn_error(status, "%s: JPEG cannot be written: %s", writer->name, message);
    longjmp(writer->jump, 1);
}

static void on_message(j_common_ptr jpeg, int level) {
    (void)jpeg, (void)level;
}

static void begin_block(j_compress_ptr jpeg) {
    jpeg_writer *writer = jpeg->client_data;
    writer->destination.next_output_byte = writer->block;
    writer->destination.free_in_buffer = sizeof writer->block;
}

static void put(jpeg_writer *writer, size_t count) {
    writer->status = sn_bytes_append(writer->out, writer->block, count, writer->name);
    if (writer->status != SNARM_OK)
        longjmp(writer->jump, 1);
}

static boolean on_full_block(j_compress_ptr jpeg) {
    put(jpeg->client_data, sizeof((jpeg_writer *)jpeg->client_data)->block);
    begin_block(jpeg);
    return TRUE;
}

static void on_end(j_compress_ptr jpeg) {
    jpeg_writer *writer = jpeg->client_data;
    put(writer, sizeof writer->block - writer->destination.free_in_buffer);
}

static snarm_status write_picture(jpeg_writer *writer, const snarm_image *image, int quality) {
    if (setjmp(writer->jump) != 0)
        return writer->status;
    struct jpeg_compress_struct *jpeg = &writer->jpeg;
    jpeg_create_compress(&writer->jpeg);
    jpeg->dest = &writer->destination;
    jpeg->image_width = (JDIMENSION)image->width;
    jpeg->image_height = (JDIMENSION)image->height;
    jpeg->input_components = sn_image_pixel_bytes(image->format);
    jpeg->in_color_space = image->format == SNARM_GREY8 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&writer->jpeg);
    jpeg_set_quality(&writer->jpeg, quality, TRUE);
    jpeg->optimize_coding = TRUE;
    jpeg_start_compress(&writer->jpeg, TRUE);
    while (jpeg->next_scanline < jpeg->image_height) {
        /* libjpeg only reads the row. */
        JSAMPROW row = (JSAMPROW)(uintptr_t)sn_image_row(image, (int32_t)jpeg->next_scanline);
        jpeg_write_scanlines(&writer->jpeg, &row, 1);
    }
    jpeg_finish_compress(&writer->jpeg);
    return SNARM_OK;
}

snarm_status sn_jpeg_encode(sn_bytes *out, const snarm_image *image, int quality, const char *name) {
    if (image->format != SNARM_GREY8 && image->format != SNARM_RGB8)
        return sn_error(SNARM_ERROR_ARGUMENT, "%s: JPEG of format %d, expected SNARM_GREY8 or SNARM_RGB8", name,
                        (int)image->format);
    jpeg_writer writer = {.name = name, .out = out};
    const size_t former = out->size;
    writer.jpeg.err = jpeg_std_error(&writer.errors);
    writer.jpeg.client_data = &writer;
    writer.errors.error_exit = on_error;
    writer.errors.emit_message = on_message;
    writer.destination.init_destination = begin_block;
    writer.destination.empty_output_buffer = on_full_block;
    writer.destination.term_destination = on_end;
    snarm_status status = write_picture(&writer, image, quality);
    jpeg_destroy_compress(&writer.jpeg);
    if (status != SNARM_OK)
        out->size = former;
    return status;
}
